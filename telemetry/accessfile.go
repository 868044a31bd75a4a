package telemetry

import (
	"bytes"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// openTarget opens what [AccessOptions].To says.
func openTarget(to string) (target, error) {
	switch to {
	case "journald":
		return openJournal(journalSocket)
	case "stdout":
		return newFileTarget("", os.Stdout), nil
	case "stderr":
		return newFileTarget("", os.Stderr), nil
	}
	f, err := openAppend(to)
	if err != nil {
		return nil, err
	}
	return newFileTarget(to, f), nil
}

// openAppend opens a file for what is written behind its end. A named pipe that nobody reads is an error, and not a wait.
func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o640)
}

// fileTarget writes whole lines to a file.
type fileTarget struct {
	path    string // "": it is one of the process's own, which stays open
	file    atomic.Pointer[os.File]
	next    atomic.Pointer[os.File] // opened by reopen, and not yet taken
	aborted atomic.Bool
	closed  atomic.Bool
	torn    bool // the last line in the file has no end: the rest of it was not taken
}

func newFileTarget(path string, f *os.File) *fileTarget {
	t := &fileTarget{path: path}
	t.file.Store(f)
	return t
}

func (t *fileTarget) each() bool { return false }

func (t *fileTarget) write(b []byte, records int) (lost int) {
	if next := t.next.Swap(nil); next != nil {
		_ = t.file.Swap(next).Close()
		t.torn = false
	}
	if len(b) == 0 {
		return 0
	}
	if t.aborted.Load() { // asked after the file was stored: else abort could have missed it
		return records
	}
	f := t.file.Load()
	if t.torn {
		if _, err := f.WriteString("\n"); err != nil {
			return records
		}
		t.torn = false
	}
	n, err := f.Write(b)
	if err == nil {
		return 0
	}
	// A full disk, or a pipe whose reader has gone: the lines are lost, the traffic is not.
	t.torn = n > 0 && b[n-1] != '\n'
	return bytes.Count(b[n:], []byte("\n"))
}

func (t *fileTarget) reopen() error {
	if t.path == "" {
		return nil
	}
	f, err := openAppend(t.path)
	if err != nil {
		return err
	}
	if before := t.next.Swap(f); before != nil {
		_ = before.Close()
	}
	if t.closed.Load() { // asked after next was stored: else close could have missed it
		t.dropNext()
	}
	return nil
}

func (t *fileTarget) abort() {
	t.aborted.Store(true)
	if t.path != "" {
		_ = t.file.Load().SetWriteDeadline(time.Unix(1, 0)) // of pipes; a disk has none
	}
}

func (t *fileTarget) close() {
	t.closed.Store(true)
	t.dropNext()
	if t.path != "" {
		_ = t.file.Load().Close()
	}
}

// dropNext closes a file that nothing will be written to.
func (t *fileTarget) dropNext() {
	if next := t.next.Swap(nil); next != nil {
		_ = next.Close()
	}
}
