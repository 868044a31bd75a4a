package gateway

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"graygate/gateway/http1"
	"graygate/upstream"
)

// upstreamConn is a connection to an endpoint: being made, busy with one exchange, or idle. It belongs to one loop.
type upstreamConn struct {
	c        gnet.Conn
	fd       int
	endpoint *upstream.Endpoint
	ex       *exchange   // whose it is; nil when idle, or when nobody waits for it any more
	client   *downstream // who is waiting for ex's answer; it outlives ex, for a panic on the way to the next one
	in       []byte      // of the answer, not used yet
	timer    timer
	state    upState
	idleAt   int  // place in the idle stack
	broken   bool // a write failed: only reading is left
}

type upState uint8

const (
	upDialing upState = iota
	upBusy
	upIdle
	upGone
)

// dial begins a connection to e for ex. It is made in a goroutine: a resolver or a connect may block.
func (l *loop) dial(ex *exchange, e *upstream.Endpoint) {
	u := &upstreamConn{endpoint: e, ex: ex}
	u.timer.owner = u
	ex.dialing = u
	l.dials++
	l.counters.dials++
	timeout := ex.pool.ConnectTimeout
	// A second of slack: this deadline is for an attempt whose outcome was lost, not for a slow one.
	l.wheel.set(&u.timer, l.now+int64(timeout+time.Second))
	l.g.dialling.Go(func() {
		conn, err := l.g.dialEndpoint(e, timeout)
		if err == nil {
			_, err = l.client.EnrollContext(conn, u)
		}
		if err != nil {
			l.do(func() { u.dialFailed(l) })
		}
	})
}

// dialEndpoint connects. Keep-alive probes are left out: an idle connection has its own deadline, and every
// connection would pay for them with system calls.
func (g *Gateway) dialEndpoint(e *upstream.Endpoint, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout, KeepAlive: -1}
	return dialer.DialContext(g.life, "tcp", e.Address)
}

func (u *upstreamConn) opened(l *loop, c gnet.Conn) {
	u.c, u.fd = c, c.Fd()
	u.endpoint.Breaker.Success()
	if u.state == upGone { // given up by its deadline
		_ = l.events.Close(c)
		return
	}
	l.dials--
	l.wheel.set(&u.timer, 0)
	ex := u.ex
	if ex == nil {
		l.putIdle(u)
		return
	}
	ex.dialing = nil
	ex.fresh = true
	l.bind(u, ex)
	ex.d.goOn(l)
}

func (u *upstreamConn) dialFailed(l *loop) {
	if u.state == upGone {
		return
	}
	u.state = upGone
	u.timer.unlink()
	l.dials--
	l.counters.dialFails++
	u.endpoint.Breaker.Failure(l.now)
	ex := u.ex
	if ex == nil {
		return
	}
	u.ex, ex.dialing = nil, nil
	l.counters.retries++
	ex.d.goOn(l) // which dispatches it anew
}

func (l *loop) bind(u *upstreamConn, ex *exchange) {
	u.state, u.ex, u.client, ex.u = upBusy, ex, ex.d, u
	l.wheel.set(&u.timer, 0)
}

// dispatch finds a connection for the exchange: an idle one, or one that is now being made. false: nobody could be
// asked, and the exchange is over.
func (l *loop) dispatch(ex *exchange) bool {
	e := ex.next(l.turn(ex.pool), l.now)
	if e == nil {
		l.fail(ex, faultNoEndpoint)
		return false
	}
	if !ex.anew {
		if u := l.takeIdle(e, !ex.method.Idempotent() || !ex.requestDone()); u != nil {
			ex.fresh = false
			l.bind(u, ex)
			return true
		}
	}
	if l.dials >= maxDialsPerLoop {
		l.fail(ex, faultTooManyDials)
		return false
	}
	l.dial(ex, e)
	return true
}

// flush writes what there is of the request. It never waits: what the socket does not take makes the pair leave.
func (l *loop) flush(ex *exchange) {
	u := ex.u
	p := ex.out[ex.sent:]
	if len(p) == 0 || ex.leave {
		return
	}
	if u.broken { // its answer, or its end, is on the way
		ex.sent = len(ex.out)
		ex.forget()
		return
	}
	n, err := write(u.fd, p)
	if n > 0 {
		ex.sent += n
		ex.written = true
	}
	switch {
	case err == unix.EAGAIN, err == nil && n < len(p):
		ex.leave = true
		return
	case err != nil:
		// The upstream does not read any more, but may have answered before it stopped: reading tells.
		u.broken = true
		return
	}
	ex.forget()
}

func (u *upstreamConn) traffic(l *loop, in []byte) {
	ex := u.ex
	if ex == nil {
		u.close(l) // an answer that nobody asked for: whatever it is, this connection cannot be trusted
		return
	}
	if ex.phase == inBody && ex.answerFrame == http1.ByLength {
		u.passOn(l, ex, in)
		return
	}
	if len(u.in) > 0 {
		u.in = append(u.in, in...)
		in = u.in
	}
	used, out, what, fault := ex.answer(&l.response, in, l.out[:0])
	l.out = out[:0]
	switch what {
	case broken:
		d := ex.d
		l.fail(ex, fault)
		d.resume(l)
	case done:
		l.complete(ex, out)
	case tunnel:
		d := ex.d
		l.leave(ex, d.in, out, in[used:])
	case more:
		u.more(l, ex, out, in[used:])
	}
}

// passOn hands a piece of a body of known length on as it is, without a copy of ours.
func (u *upstreamConn) passOn(l *loop, ex *exchange, in []byte) {
	data, n, _ := ex.answerBody.Next(in)
	switch {
	case n < len(in):
		l.fail(ex, faultUpstreamExcess)
	case ex.answerBody.Done():
		ex.endAnswer(nil)
		l.complete(ex, data)
	default:
		u.more(l, ex, data, nil)
	}
}

// more sends the part of an answer that there is, and goes on waiting for the rest.
func (u *upstreamConn) more(l *loop, ex *exchange, out, left []byte) {
	timeouts := &ex.snap.Plan.Timeouts
	d := ex.d
	var rest []byte
	if len(out) > 0 {
		ex.begun = ex.begun || ex.phase != awaitHead
		rest = d.send(l, out, false, false)
		if d.state != downOpen {
			return // the client is gone, and with it the exchange
		}
		ex.bytesOut += int64(len(out) - len(rest))
	}
	if rest != nil || ex.phase == inBody && ex.answerBody.Remaining() > relayBytes {
		l.leave(ex, d.in, rest, left)
		return
	}
	u.in = l.keep(u.in, left)
	if ex.phase == inBody {
		l.wheel.set(&u.timer, l.now+int64(timeouts.Body))
	}
}

// closed is called when the upstream has closed, or the connection broke.
func (u *upstreamConn) closed(l *loop, err error) {
	if u.state == upGone {
		return
	}
	ex, begun := u.ex, len(u.in) > 0 // begun: a part of a head has come
	u.gone(l)
	if ex == nil {
		return
	}
	u.ex, ex.u = nil, nil
	d := ex.d
	if l.g.stopping.Load() { // it was we who closed it
		l.fail(ex, faultShutdown)
		return
	}
	if ex.again() && !begun {
		ex.rewind()
		l.counters.retries++
		d.goOn(l)
		return
	}
	fault := faultUpstreamTruncated
	if errors.Is(err, io.EOF) {
		var out []byte
		if out, fault = ex.answerEOF(l.out[:0], endedInOrder(u.fd)); fault == nil {
			l.complete(ex, out)
			return
		}
	} else if ex.phase == awaitHead {
		fault = faultUpstreamClosed
	}
	l.fail(ex, fault)
	d.resume(l)
}

func (u *upstreamConn) expire(l *loop) {
	switch u.state {
	case upDialing:
		u.dialFailed(l)
	case upIdle:
		u.close(l)
	case upBusy:
		ex, d := u.ex, u.ex.d
		if ex.phase == awaitHead {
			l.fail(ex, faultUpstreamTimeout)
		} else {
			l.fail(ex, faultUpstreamStalled)
		}
		d.resume(l)
	}
}

func (u *upstreamConn) panicked(l *loop) {
	if ex := u.ex; ex != nil && ex.d != nil {
		ex.d.panicked(l)
		return
	}
	u.close(l)
	if u.client != nil {
		u.client.panicked(l)
	}
}

// close ends the connection now.
func (u *upstreamConn) close(l *loop) {
	if u.state == upGone {
		return
	}
	u.gone(l)
	_ = l.events.Close(u.c)
}

// gone takes the connection out of the loop's books.
func (u *upstreamConn) gone(l *loop) {
	if u.state == upIdle {
		l.idle[u.endpoint.ID].remove(u)
	}
	u.state = upGone
	u.timer.unlink()
	l.freeBuffer(u.in)
	u.in = nil
}
