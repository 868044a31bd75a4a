package gateway

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Blocking I/O on the connections of a relay.

// linger closes a client's connection after its last answer; wait: it may still be sending, and is read to its end
// first, within bounds, so that the answer is not lost to a reset.
func linger(c *net.TCPConn, wait bool) {
	if wait {
		_ = c.CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c, lingerBytes)
	}
	_ = c.Close()
}

// tcpConn makes a connection with blocking calls of a descriptor, which it takes over.
func tcpConn(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "")
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("BUG: %T where a TCP connection was expected", c)
	}
	return tcp, nil
}

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}

var buffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// readSome reads what there is, at least one byte, into a buffer that it takes only when there is something: a
// connection on which nothing happens costs no buffer. The bytes are to be given back by putBuffer. A timeout of 0
// leaves the deadline as it is. Errors: io.EOF, one that is os.ErrDeadlineExceeded, or the system's.
func readSome(c *net.TCPConn, timeout time.Duration) ([]byte, error) {
	if timeout > 0 {
		_ = c.SetReadDeadline(time.Now().Add(timeout))
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var (
		buf     *[relayBuffer]byte
		n       int
		readErr error
	)
	err = raw.Read(func(fd uintptr) bool {
		buf = buffers.Get().(*[relayBuffer]byte)
		for {
			n, readErr = unix.Read(int(fd), buf[:])
			if readErr != unix.EINTR {
				break
			}
		}
		if readErr == unix.EAGAIN {
			buffers.Put(buf)
			buf = nil
			return false
		}
		return true
	})
	if err == nil {
		err = readErr
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		if buf != nil {
			buffers.Put(buf)
		}
		return nil, err
	}
	return buf[:n], nil
}

// putBuffer gives back what readSome gave; nil is fine.
func putBuffer(b []byte) {
	if cap(b) == relayBuffer {
		buffers.Put((*[relayBuffer]byte)(b[:relayBuffer]))
	}
}

// streamEndedInOrder is [endedInOrder] for a relay's connection.
func streamEndedInOrder(c *net.TCPConn) (inOrder bool) {
	raw, err := c.SyscallConn()
	return err == nil && raw.Control(func(fd uintptr) { inOrder = endedInOrder(int(fd)) }) == nil && inOrder
}

// unixShutdown ends both directions of a connection without closing it, so that a call blocked on it returns.
func unixShutdown(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
}
