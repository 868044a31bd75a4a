package gateway

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// side is one connection of a relay, with what is spoken on it.
type side struct {
	tcp *net.TCPConn
	tls *tlsSession // nil: plain
}

func (r *relay) upSide() side     { return side{r.up, r.was.tls} }
func (r *relay) clientSide() side { return side{r.client, nil} }

// readSome is the function of that name. An end of the stream is io.EOF, whether in order or not.
func (s side) readSome(timeout time.Duration) ([]byte, error) {
	if s.tls == nil {
		return readSome(s.tcp, timeout)
	}
	if timeout > 0 {
		_ = s.tcp.SetReadDeadline(time.Now().Add(timeout))
	}
	for {
		buf := buffers.Get().(*[relayBuffer]byte)
		p, err := s.tls.open(buf[:0], true)
		if len(p) > 0 {
			return p, nil
		}
		buffers.Put(buf)
		if errors.Is(err, errWouldBlock) { // only now is it waited, without a buffer
			err = s.tls.wire.await()
		}
		if err != nil {
			return nil, err
		}
	}
}

// write writes all of p, and before it what the loop has left to be written. A peer that takes something within each
// time-out may be as slow as it likes.
func (s side) write(p []byte, timeout time.Duration) error {
	if s.tls == nil {
		return writeAll(s.tcp, p, timeout)
	}
	if len(p) == 0 {
		return s.tls.wire.Flush()
	}
	_, err := s.tls.conn.Write(p)
	return err
}

// unwritten reports whether the loop has left something to be written.
func (s side) unwritten() bool { return s.tls != nil && s.tls.wire.pending() }

// closeWrite ends the stream, and leaves the other direction as it is.
func (s side) closeWrite() {
	if s.tls != nil {
		_ = s.tls.conn.CloseWrite()
	}
	_ = s.tcp.CloseWrite()
}

// inOrder reports whether the stream, which has ended, has ended in order: see (*upstreamConn).inOrder.
func (s side) inOrder() bool {
	if s.tls != nil {
		return s.tls.told
	}
	return streamEndedInOrder(s.tcp)
}

// fault is why an answer could not be read to its end: that of the session if its records are wrong, else the one given.
func (r *relay) readFault(err error, broken *Fault) *Fault {
	if s := r.was.tls; s != nil {
		if fault := s.fault(err); fault != nil {
			r.g.tlsTroubles.tell(r.g, r.to, err)
			return fault
		}
	}
	return broken
}

// close closes the connection, with leave taken if the socket takes that now. Nobody else may be writing.
func (s side) close() {
	if s.tls != nil && !s.tls.wire.pending() {
		s.tls.wire.leaveSocket()
		_ = s.tls.conn.CloseWrite()
		if raw, err := s.tcp.SyscallConn(); err == nil && s.tls.wire.pending() {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.Write(int(fd), s.tls.wire.out) })
		}
	}
	_ = s.tcp.Close()
}

// settle prepares the side for the loop. false: something has come that nobody asked for, or is on its way.
func (s side) settle() bool {
	if s.tls == nil {
		return true
	}
	var some [1]byte
	n, err := s.tls.conn.Read(some[:])
	s.tls.wire.records = 0
	if n > 0 || !errors.Is(err, errWouldBlock) || s.tls.wire.within() || s.tls.wire.pending() {
		return false
	}
	s.tls.wire.leaveSocket()
	return true
}

// ended reports whether a read's error is the end of the stream in order, or for want of better knowledge, in whatever way.
func (s side) ended(err error) bool {
	return errors.Is(err, io.EOF) && (s.tls == nil || s.tls.told)
}
