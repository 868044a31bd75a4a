package gateway

import (
	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"graygate/breaker"
	"graygate/gateway/http1"
	"graygate/upstream"
)

// upstreamConn is a connection to an endpoint: being made, busy with one exchange, or idle. It belongs to one loop.
type upstreamConn struct {
	c        gnet.Conn
	fd       int
	endpoint *upstream.Endpoint
	pool     *upstream.Pool // of the newest snapshot that has used it: its limits hold
	ex       *exchange      // whose it is; nil when idle, or when nobody waits for it any more
	tls      *tlsSession    // nil: plain
	client   *downstream    // who is waiting for ex's answer; it outlives ex, for a panic on the way to the next one
	in       []byte         // of the answer, not used yet
	timer    timer
	state    upState
	idleAt   int   // place in the idle stack
	born     int64 // when it was there, on the loop's clock
	uses     int   // requests that it was taken for
	counted  bool  // by the endpoint's OpenConn
	dialled  bool  // it is being made, and counted as such; one that is back from a relay is not
	broken   bool  // a write failed: only reading is left
}

type upState uint8

const (
	upDialing upState = iota
	upBusy
	upIdle
	upGone
)

// take makes a connection busy with an exchange.
func (u *upstreamConn) take(ex *exchange) {
	u.state, u.ex, u.client = upBusy, ex, ex.d
	u.pool = ex.pool
	u.uses++
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
	n, err := u.write(l, p)
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
	if u.tls != nil {
		u.cipherTraffic(l, in)
		return
	}
	u.plainTraffic(l, in)
}

// plainTraffic takes bytes as the endpoint has sent them, under TLS if there is any.
func (u *upstreamConn) plainTraffic(l *loop, in []byte) {
	ex := u.ex
	if ex == nil {
		u.close(l) // an answer that nobody asked for: whatever it is, this connection cannot be trusted
		return
	}
	if ex.hedge.ticket.Live() {
		l.decideHedge(u, ex)
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
	if what == refused {
		if l.retryAnswer(u, ex, in[used:]) {
			return
		}
		used, out, what, fault = ex.answer(&l.response, in, l.out[:0])
		l.out = out[:0]
	}
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

// retryAnswer makes another attempt in place of an answer whose status asks for it, and whose head has not been passed on.
// rest is what has come behind the head. false: the answer is to be passed on after all.
func (l *loop) retryAnswer(u *upstreamConn, ex *exchange, rest []byte) bool {
	r := &l.response
	fell, sent := ex.fallback, ex.requestDone() && ex.sent == len(ex.out)
	if !ex.another(badStatus, r.Status, l.g.clock(), l.draw()) {
		ex.settled = true
		return false
	}
	u.ex, ex.u = nil, nil
	l.freeBuffer(u.in)
	u.in = nil
	// Where all of the answer is here, the connection can go on; else its end is not worth waiting for.
	if sent && !r.Close && (r.Framing == http1.NoBody && len(rest) == 0 || r.Framing == http1.ByLength && int64(len(rest)) == r.Length) {
		l.putIdle(u)
	} else {
		u.close(l)
	}
	l.freed = l.freed || l.queued > 0
	if fell == ex.fallback {
		l.counters.retries[badStatus]++
	}
	ex.d.goOn(l)
	return true
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
		ex.beginAnswer()
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
	u.lost(l, u.inOrder(err))
}

// lost is the end of the connection's stream, in order or not: what has come of an answer may be whole by it. The
// connection itself is the caller's to close.
func (u *upstreamConn) lost(l *loop, inOrder bool) {
	ex, begun := u.ex, len(u.in) > 0 // begun: a part of a head has come
	u.gone(l)
	if ex == nil {
		return
	}
	if u == ex.hedge.u {
		u.ex, ex.hedge.u = nil, nil
		l.dropHedge(ex, u.blame())
		return
	}
	u.ex, ex.u = nil, nil
	d := ex.d
	if l.g.stopping.Load() { // it was we who closed it
		l.fail(ex, faultShutdown)
		return
	}
	if !begun && !ex.hedge.ticket.Live() && ex.again() {
		ex.rewind()
		l.counters.resent++
		d.goOn(l)
		return
	}
	if ex.phase == awaitHead {
		l.tryAgain(ex, closedEarly, 0, faultUpstreamClosed)
		return
	}
	out, fault := ex.answerEOF(l.out[:0], inOrder)
	if fault == nil {
		l.complete(ex, out)
		return
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
		switch {
		case u == ex.hedge.u:
			l.dropHedge(ex, breaker.Failure)
		case ex.phase == awaitHead && ex.hedge.ticket.Live():
			l.tryAgain(ex, tookTooLong, 0, faultUpstreamTimeout)
		case ex.phase == awaitHead:
			l.fail(ex, faultUpstreamTimeout)
			d.resume(l)
		default:
			l.fail(ex, faultUpstreamStalled)
			d.resume(l)
		}
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
	u.takeLeave(l)
	_ = l.events.Close(u.c)
}

// gone takes the connection out of the loop's books.
func (u *upstreamConn) gone(l *loop) {
	if u.state == upIdle {
		l.idle[u.endpoint.ID].remove(u)
	}
	u.state = upGone
	u.uncount()
	u.timer.unlink()
	l.freeBuffer(u.in)
	u.in = nil
}

// uncount takes the connection out of the endpoint's count.
func (u *upstreamConn) uncount() {
	if u.counted {
		u.counted = false
		u.endpoint.CloseConn()
	}
}
