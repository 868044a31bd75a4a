package telemetry

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// journalSocket is where journald takes entries: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
const journalSocket = "/run/systemd/journal/socket"

// journalTarget sends entries to journald. Not by the library that tells systemd how the service is: it waits for journald without end,
// and makes a map and several texts of each entry.
type journalTarget struct {
	path    string
	conn    *net.UnixConn // nil: it could not be made again; the writer's
	aborted atomic.Bool
}

func openJournal(path string) (*journalTarget, error) {
	t := &journalTarget{path: path}
	if err := t.dial(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *journalTarget) dial() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: t.path, Net: "unixgram"})
	if err == nil {
		t.conn = conn
	}
	return err
}

func (t *journalTarget) each() bool { return true }

func (t *journalTarget) write(b []byte, records int) (lost int) {
	if len(b) == 0 {
		return 0
	}
	if t.aborted.Load() {
		return records
	}
	if t.conn != nil {
		err := t.send(b)
		if err == nil {
			return 0
		}
		if errors.Is(err, os.ErrDeadlineExceeded) { // it is there, and too busy
			return records
		}
		_ = t.conn.Close() // its socket was made anew
		t.conn = nil
	}
	if t.dial() != nil || t.send(b) != nil {
		return records
	}
	return 0
}

// send sends one entry, in a datagram, or where that would be too large, in a file that has no name.
func (t *journalTarget) send(b []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(journalPatience)); err != nil {
		return err
	}
	_, err := t.conn.Write(b)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	fd, err := unix.MemfdCreate("graygate-log", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "graygate-log")
	defer file.Close()
	if _, err := file.Write(b); err != nil {
		return err
	}
	// journald takes it only if nobody can change it any more.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	return t.pass(fd)
}

// pass sends a file. By hand, since net has it that only sockets without a peer send control messages; ours has one, by which
// the kernel tells when there is room again.
func (t *journalTarget) pass(fd int) error {
	raw, err := t.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(socket uintptr) bool {
		failed = unix.Sendmsg(int(socket), nil, unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL)
		return failed != unix.EAGAIN
	})
	return errors.Join(err, failed)
}

func (t *journalTarget) reopen() error { return nil }

func (t *journalTarget) abort() { t.aborted.Store(true) }

func (t *journalTarget) close() {
	if t.conn != nil {
		_ = t.conn.Close()
		t.conn = nil
	}
}

// journalEntry writes records as entries of the journal: a message for people, and a field for each of those chosen.
type journalEntry struct {
	fields []field
	names  []string // as the journal has them, with the = behind
}

func newJournalEntry(fields []field) journalEntry {
	e := journalEntry{fields: fields}
	for _, f := range fields {
		e.names = append(e.names, journalName(f)+"=")
	}
	return e
}

// append writes an entry, whose message is the line of the combined format, or what people see in the journal without asking for more.
func (e *journalEntry) append(b []byte, r *Record, s *scratch, combined bool) []byte {
	priority := "6"
	if r.failed() {
		priority = "4"
	}
	b = append(b, "SYSLOG_IDENTIFIER=graygate\nPRIORITY="...)
	b = append(b, priority...)
	b = append(b, "\nMESSAGE="...)
	if combined {
		b = appendCombined(b, r)
	} else {
		b = appendMessage(b, r)
	}
	b = append(b, '\n')
	for i, f := range e.fields {
		if text, is := r.text(f); is {
			if text != "" {
				b = appendJournalText(b, e.names[i], text)
			}
		} else if r.has(f) {
			b = append(b, e.names[i]...)
			b = append(r.appendPlain(b, f, s), '\n')
		}
	}
	return b
}

// appendJournalText writes a field as text, or if that would end too early, with its length.
func appendJournalText(b []byte, name, value string) []byte {
	b = append(b, name...)
	if strings.IndexByte(value, '\n') >= 0 {
		b[len(b)-1] = '\n' // in the place of the =
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	}
	b = append(b, value...)
	return append(b, '\n')
}

// appendMessage writes the short form of a record: GET shop.example.com/cart 502 upstream_closed.
func appendMessage(b []byte, r *Record) []byte {
	b = appendOrHyphen(b, r.Method)
	b = append(b, ' ')
	b = appendEscaped(b, r.Host)
	b = appendEscaped(b, r.Target)
	if len(r.Host)+len(r.Target) > 0 {
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(r.Status), 10)
	if r.Error != "" {
		b = append(b, ' ')
		b = append(b, r.Error...)
	}
	return b
}
