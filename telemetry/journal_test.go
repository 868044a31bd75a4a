package telemetry

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// journald is a socket that takes entries as journald does.
type journald struct {
	*net.UnixConn
	t *testing.T
}

func newJournald(t *testing.T, path string) *journald {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &journald{conn, t}
}

// entry reads the next entry: a datagram, or a sealed file that comes with an empty one. byFile says which.
func (j *journald) entry() (fields map[string]string, byFile bool) {
	j.t.Helper()
	_ = j.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, control := make([]byte, 1<<20), make([]byte, 100)
	n, c, _, _, err := j.ReadMsgUnix(b, control)
	if err != nil {
		j.t.Fatal(err)
	}
	b = b[:n]
	if c > 0 {
		messages, err := unix.ParseSocketControlMessage(control[:c])
		if err != nil || len(messages) != 1 || n != 0 {
			j.t.Fatalf("got %d bytes beside %d messages, %v; want one message alone", n, len(messages), err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			j.t.Fatalf("got %d files, %v; want one", len(fds), err)
		}
		f := os.NewFile(uintptr(fds[0]), "entry")
		defer f.Close()
		seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0)
		if want := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL; err != nil || seals != want {
			j.t.Errorf("seals: got %x, %v; want %x", seals, err, want)
		}
		if b, err = io.ReadAll(io.NewSectionReader(f, 0, 8<<20)); err != nil {
			j.t.Fatal(err)
		}
		byFile = true
	}
	fields = map[string]string{}
	for len(b) > 0 {
		end := strings.IndexAny(string(b), "=\n")
		name := string(b[:end])
		var value string
		if b[end] == '=' {
			value, _, _ = strings.Cut(string(b[end+1:]), "\n")
			b = b[end+1+len(value)+1:]
		} else {
			size := int(binary.LittleEndian.Uint64(b[end+1:]))
			value = string(b[end+9 : end+9+size])
			b = b[end+9+size+1:]
		}
		if _, twice := fields[name]; twice {
			j.t.Errorf("%s is there twice", name)
		}
		fields[name] = value
	}
	return fields, byFile
}

func startJournal(t *testing.T, o AccessOptions) (*AccessLog, *journald, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	j := newJournald(t, path)
	target, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	l := newAccessLog(o, target)
	go l.run()
	t.Cleanup(l.Close)
	return l, j, path
}

func TestJournalEntries(t *testing.T) {
	row := func(name string, o AccessOptions, fill func(*Record), want map[string]string) {
		t.Run(name, func(t *testing.T) {
			l, j, _ := startJournal(t, o)
			r := &Record{}
			fill(r)
			l.Put(0, r)
			if got, _ := j.entry(); !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
	row("fields", AccessOptions{Fields: []string{"status", "duration_ms", "rule", "fallback", "referer", "user_agent"}}, func(r *Record) {
		filled(r)
		r.Referer = "a\nPRIORITY=0\nb"
		r.UserAgent = ""
	}, map[string]string{
		"SYSLOG_IDENTIFIER": "graygate", "PRIORITY": "4", "MESSAGE": `GET a\x22b/x?\x01 502 upstream_closed`,
		"GRAYGATE_STATUS": "502", "GRAYGATE_DURATION_MS": "1.5", "GRAYGATE_RULE": "tagged", "GRAYGATE_FALLBACK": "true",
		"GRAYGATE_REFERER": "a\nPRIORITY=0\nb",
	})
	row("fine", AccessOptions{Fields: []string{"client"}}, func(r *Record) {
		filled(r)
		r.Status, r.Error = 200, ""
	}, map[string]string{"SYSLOG_IDENTIFIER": "graygate", "PRIORITY": "6", "MESSAGE": `GET a\x22b/x?\x01 200`, "GRAYGATE_CLIENT": "192.0.2.7"})
	row("nothing known", AccessOptions{Fields: []string{"client"}}, func(r *Record) { r.Status, r.Error = 400, "bare_lf" },
		map[string]string{"SYSLOG_IDENTIFIER": "graygate", "PRIORITY": "4", "MESSAGE": "- 400 bare_lf"})
	row("combined", AccessOptions{Format: FormatCombined}, func(r *Record) { filled(r) }, map[string]string{
		"SYSLOG_IDENTIFIER": "graygate", "PRIORITY": "4",
		"MESSAGE": `192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /x?\x01 HTTP/1.1" 502 100 "https://example.test/\x0A" "curl/8 \x22\xC3\xA9\x5C"`,
	})
}

// An entry that is too large for a datagram goes in a file, and the next one does not.
func TestJournalTakesLargeEntries(t *testing.T) {
	l, j, _ := startJournal(t, AccessOptions{Fields: onlyTarget})
	for _, size := range []int{10, 900_000, 20} {
		put(l, strings.Repeat("x", size))
		got, byFile := j.entry()
		if n := len(got["GRAYGATE_TARGET"]); n != size || byFile != (size > 500_000) {
			t.Errorf("%d bytes: got %d, by a file: %v", size, n, byFile)
		}
	}
	if l.Dropped() != 0 {
		t.Errorf("got %d dropped", l.Dropped())
	}
}

// A socket that was made anew is found again; while there is none, entries are lost and counted.
func TestJournalComesBack(t *testing.T) {
	l, j, path := startJournal(t, AccessOptions{Fields: onlyTarget})
	put(l, "a")
	j.entry()
	_ = j.Close()
	_ = os.Remove(path)
	for try := range 2 { // by the connection that there was, and without any
		if lost := l.target.write([]byte("MESSAGE=x\n"), 1); lost != 1 {
			t.Errorf("try %d: got %d lost, want the entry that nobody took", try, lost)
		}
	}
	j = newJournald(t, path)
	put(l, "b")
	if got, _ := j.entry(); got["GRAYGATE_TARGET"] != "b" {
		t.Errorf("got %q, want b", got)
	}
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
}

// A journald that reads nothing costs entries, and closing does not wait for it.
func TestJournalNeverBlocks(t *testing.T) {
	l, _, _ := startJournal(t, AccessOptions{Fields: onlyTarget})
	long := strings.Repeat("x", 4<<10)
	for range 2 * accessLogBytes / len(long) {
		put(l, long)
	}
	if l.Dropped() == 0 {
		t.Error("got none dropped, want some")
	}
	l.target.abort()
	l.Close()
	<-l.done
}

func TestNoJournal(t *testing.T) {
	if _, err := openJournal(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v, want an error that names the socket", err)
	}
}
