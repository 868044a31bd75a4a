package gateway

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"graygate/breaker"
	"graygate/upstream"
)

// TLS on the loop: the same bytes in and out as of a plain connection, with a step between.

// cipherTraffic hands on what a piece of ciphertext holds. All of the event is decrypted before any of it is used, so that what stands
// behind an answer is seen with it, as it is on a plain connection.
func (u *upstreamConn) cipherTraffic(l *loop, in []byte) {
	s := u.tls
	s.wire.in = in
	plain, err := s.open(l.plain[:0], false)
	l.plain = plain[:0]
	s.wire.in = nil
	_ = u.push(l) // an answer to KeyUpdate, or an alert; what is not taken goes with the next request
	u.broken = u.broken || s.end != nil
	if len(plain) > 0 {
		u.plainTraffic(l, plain)
	}
	if u.tls != s || s.end == nil || u.state == upGone {
		return // or a relay has it, and will see the same end
	}
	if fault := s.fault(err); fault != nil && u.ex != nil {
		l.g.tlsTroubles.tell(l.g, u.endpoint, err)
		u.failed(l, fault)
		return
	}
	u.lost(l, s.told)
	u.takeLeave(l)
	_ = l.events.Close(u.c)
}

// failed ends the attempt on a connection whose records are wrong.
func (u *upstreamConn) failed(l *loop, fault *Fault) {
	ex, d := u.ex, u.ex.d
	switch {
	case u == ex.hedge.u:
		l.dropHedge(ex, breaker.Failure)
	case ex.phase == awaitHead:
		l.tryAgain(ex, closedEarly, 0, fault)
	default:
		l.fail(ex, fault)
		d.resume(l)
	}
	u.ex = nil
	u.close(l)
}

// write writes once, without waiting, as the function of that name does. With TLS all of p is taken; the error is
// unix.EAGAIN if some of its ciphertext is left, which goes along to the relay, or with the next write.
func (u *upstreamConn) write(l *loop, p []byte) (int, error) {
	s := u.tls
	if s == nil {
		return write(u.fd, p)
	}
	if !s.wire.pending() {
		s.wire.out, l.cipher = l.cipher[:0], nil
	}
	if _, err := s.conn.Write(p); err != nil {
		return 0, err
	}
	err := u.push(l)
	if err != nil && err != unix.EAGAIN {
		return 0, err
	}
	return len(p), err
}

// push writes the ciphertext that there is.
func (u *upstreamConn) push(l *loop) error {
	w := &u.tls.wire
	if len(w.out) == 0 {
		return nil
	}
	n, err := write(u.fd, w.out)
	switch {
	case n == len(w.out), err != nil && err != unix.EAGAIN:
		if cap(w.out) <= 2*replayBytes {
			l.cipher = w.out[:0]
		}
		w.out = nil
		return err
	}
	w.out = clone(w.out[n:])
	return unix.EAGAIN
}

// quiet reports whether the connection is open and its answers are used up. With TLS what can be read may be a session
// ticket or KeyUpdate, which is no answer: it is read here.
func (u *upstreamConn) quiet(l *loop) bool {
	s := u.tls
	if s == nil {
		return quiet(u.fd)
	}
	for range tlsLooks {
		if s.end != nil || s.wire.within() {
			return false
		}
		if quiet(u.fd) {
			return true
		}
		if l.look == nil {
			l.look = make([]byte, tlsLook)
		}
		n, err := unix.Read(u.fd, l.look)
		if err == unix.EAGAIN || err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return false
		}
		s.wire.in = l.look[:n]
		read, err := s.conn.Read(l.look1[:])
		s.wire.in = nil
		s.wire.records = 0
		if read > 0 || !errors.Is(err, errWouldBlock) {
			s.end = io.ErrUnexpectedEOF // whatever it is, this connection cannot be trusted
			return false
		}
		if u.push(l) != nil {
			return false
		}
	}
	return false
}

// unfit reports whether the connection cannot serve a request of a pool: it was made by other settings, or something of it
// was read that nobody asked for.
func (u *upstreamConn) unfit(p *upstream.Pool) bool {
	s := u.tls
	if s == nil {
		return p.TLS != nil
	}
	return p.TLS == nil || s.made != p.TLS.Config || s.end != nil || s.wire.within()
}

// inOrder reports whether the stream, which has ended, has ended in order: by close_notify with TLS, as anybody on the way can
// end the connection, and else by a FIN.
func (u *upstreamConn) inOrder(err error) bool {
	if u.tls != nil {
		return u.tls.told
	}
	return errors.Is(err, io.EOF) && endedInOrder(u.fd)
}

// takeLeave tells the endpoint that nothing more will come (RFC 8446 6.1), if the socket takes that now.
func (u *upstreamConn) takeLeave(l *loop) {
	s := u.tls
	if s == nil {
		return
	}
	u.tls = nil
	if s.wire.pending() {
		return
	}
	s.wire.out, l.cipher = l.cipher[:0], nil
	_ = s.conn.CloseWrite()
	if len(s.wire.out) > 0 {
		_, _ = write(u.fd, s.wire.out)
	}
	l.cipher, s.wire.out = s.wire.out[:0], nil
}
