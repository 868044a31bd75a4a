package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tlsWire is the net.Conn below a tls.Conn. It has a socket of its own while the handshake is made and while the connection is
// in a relay; in between the loop hands it what has come, and takes from it what is to be written.
//
// A tls.Conn goes on after an error that is temporary when it reads, once the handshake is over; an error of a write is
// final, so without a socket no write is refused: who encrypts bounds what.
type tlsWire struct {
	tcp *net.TCPConn    // nil: on the loop
	raw syscall.RawConn // of tcp, in a relay: reads do not wait; nil: in the handshake, they do

	// Of who reads.
	in      []byte // ciphertext that came on the loop and was not taken yet; borrowed during one event
	ended   bool   // the socket's stream has ended, whatever TLS has said
	broke   error  // the socket is broken
	records int    // whole records that were taken, less those known to be used up
	header  [tlsHeader]byte
	had     int // bytes of the next record's header that were taken
	left    int // bytes of the present record that were not

	// Of who writes; in a relay that may be the reader too, for KeyUpdate.
	mu      sync.Mutex
	out     []byte // ciphertext to be written first
	timeout time.Duration
}

const (
	tlsHeader       = 5       // of a record: type, version, length (RFC 8446 5.1)
	maxTLSPlaintext = 1 << 14 // of a record
)

// wouldBlock is the error of a read that would have to wait.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "the wire has no more bytes now" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

var errWouldBlock net.Error = wouldBlock{}

// enterRelay gives the wire a socket; a write may stand still for the time-out.
func (w *tlsWire) enterRelay(tcp *net.TCPConn, timeout time.Duration) {
	raw, _ := tcp.SyscallConn() // an error would be that there is no connection
	w.tcp, w.raw, w.timeout = tcp, raw, timeout
}

// leaveSocket ends the time with a socket of its own.
func (w *tlsWire) leaveSocket() { w.tcp, w.raw = nil, nil }

// Read gives what there is: it waits in the handshake only.
func (w *tlsWire) Read(p []byte) (n int, err error) {
	switch {
	case len(w.in) > 0:
		n = copy(p, w.in)
		w.in = w.in[n:]
	case w.tcp == nil:
		return 0, errWouldBlock
	case w.raw == nil:
		n, err = w.tcp.Read(p)
	default:
		n, err = w.readNow(p)
	}
	w.follow(p[:n])
	return n, err
}

// readNow reads from the relay's socket without waiting.
func (w *tlsWire) readNow(p []byte) (n int, err error) {
	var readErr error
	err = w.raw.Read(func(fd uintptr) bool {
		for {
			if n, readErr = unix.Read(int(fd), p); readErr != unix.EINTR {
				return true
			}
		}
	})
	n = max(n, 0)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case err != nil:
		w.broke = err
	case readErr == unix.EAGAIN:
		return 0, errWouldBlock
	case readErr != nil:
		err, w.broke = readErr, readErr
	case n == 0:
		err, w.ended = io.EOF, true
	}
	return n, err
}

// await waits until the relay's socket can be read, or has ended.
func (w *tlsWire) await() error {
	err := w.raw.Read(func(fd uintptr) bool { return !quiet(int(fd)) })
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		w.broke = err
	}
	return err
}

// follow keeps count of the records that pass.
func (w *tlsWire) follow(p []byte) {
	for len(p) > 0 {
		if w.left > 0 {
			n := min(w.left, len(p))
			p, w.left = p[n:], w.left-n
		} else {
			n := copy(w.header[w.had:], p)
			p, w.had = p[n:], w.had+n
			if w.had < tlsHeader {
				return
			}
			w.had, w.left = 0, int(w.header[3])<<8|int(w.header[4])
		}
		if w.left == 0 {
			w.records++
		}
	}
}

// within reports whether the beginning of a record was taken, and its end was not.
func (w *tlsWire) within() bool { return w.left > 0 || w.had > 0 }

// Write writes all of p, or on the loop, keeps it to be written.
func (w *tlsWire) Write(p []byte) (int, error) {
	if w.tcp != nil && w.raw == nil {
		return w.tcp.Write(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tcp == nil {
		w.out = append(w.out, p...)
		return len(p), nil
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	if err := writeAll(w.tcp, p, w.timeout); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what the loop has left to be written.
func (w *tlsWire) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flush()
}

func (w *tlsWire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	p := w.out
	w.out = nil
	return writeAll(w.tcp, p, w.timeout)
}

// pending reports whether the loop has left something to be written.
func (w *tlsWire) pending() bool { return len(w.out) > 0 }

// Close ends the handshake, when its time is over.
func (w *tlsWire) Close() error {
	if w.tcp == nil {
		return nil
	}
	return w.tcp.Close()
}

// LocalAddr is there for net.Conn.
func (w *tlsWire) LocalAddr() net.Addr { return nil }

// RemoteAddr is there for net.Conn; sessions are kept by names and not by it.
func (w *tlsWire) RemoteAddr() net.Addr { return nil }

// SetDeadline does nothing: deadlines are the loop's, or are set on the relay's socket.
func (w *tlsWire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, as SetDeadline.
func (w *tlsWire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, as SetDeadline.
func (w *tlsWire) SetWriteDeadline(time.Time) error { return nil }

// writeAll writes all of p. Its deadline is one of progress: a peer that takes something within each time-out may be
// as slow as it likes.
func writeAll(c *net.TCPConn, p []byte, timeout time.Duration) error {
	for len(p) > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(timeout))
		n, err := c.Write(p)
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
}
