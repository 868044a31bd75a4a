package gateway

import (
	"time"

	"github.com/panjf2000/gnet/v2"

	"graygate/breaker"
	"graygate/upstream"
)

// How an exchange comes by a connection, and what is done when it does not, or when an attempt fails.

// dispatch finds a connection for the exchange: an idle one, or one that is now being made; or a place in the queue. false:
// nobody could be asked, and the exchange is over.
func (l *loop) dispatch(ex *exchange) bool {
	if !ex.ticket.Live() {
		now := ex.arrivedAt // of this very event
		if ex.asked > 0 {
			now = l.g.clock()
		}
		if refusal := ex.first(now, l.draw()); refusal != upstream.OK {
			if refusal == upstream.Full && l.wait(ex) {
				return true
			}
			l.fail(ex, refusedBy(refusal))
			return false
		}
	}
	for !l.connected(ex) {
		if l.dials >= maxDialsPerLoop {
			l.fail(ex, faultTooManyDials)
			return false
		}
		l.wanted(ex.ticket.Endpoint)
		now := l.g.clock()
		if !ex.another(noRoom, 0, now, l.draw()) {
			ex.giveUp(&ex.ticket, now)
			if l.wait(ex) {
				return true
			}
			l.fail(ex, faultFull)
			return false
		}
	}
	return true
}

// connected finds a connection for the attempt at hand, or begins one. false: there may be no more to its endpoint, or too
// many are being made.
func (l *loop) connected(ex *exchange) bool {
	e := ex.ticket.Endpoint
	if !ex.anew {
		if u := l.takeIdle(e, ex.pool, !ex.method.Idempotent() || !ex.requestDone()); u != nil {
			ex.fresh = false
			l.bind(u, ex)
			return true
		}
	}
	if l.dials >= maxDialsPerLoop || !e.OpenConn() {
		return false
	}
	l.dial(&ex.attempt, ex, e)
	return true
}

// dial begins a connection to e for an attempt of ex. The endpoint has counted it already.
func (l *loop) dial(a *attempt, ex *exchange, e *upstream.Endpoint) {
	u := l.newUpstream(e, ex.pool)
	u.ex, a.dialing = ex, u
	l.begin(u)
}

// newUpstream is a connection to be made, which the endpoint has counted.
func (l *loop) newUpstream(e *upstream.Endpoint, p *upstream.Pool) *upstreamConn {
	u := &upstreamConn{endpoint: e, pool: p, counted: true}
	u.timer.owner = u
	return u
}

// begin makes a connection. It is made in a goroutine: a resolver or a connect may block.
func (l *loop) begin(u *upstreamConn) {
	l.dials++
	l.idleOf(u.endpoint).dials++
	u.dialled = true
	l.counters.dials++
	timeout := u.pool.ConnectTimeout
	// A second of slack: this deadline is for an attempt whose outcome was lost, not for a slow one.
	l.wheel.set(&u.timer, l.now+int64(timeout+time.Second))
	l.g.dialling.Go(func() {
		conn, session, err := l.g.dialEndpoint(u.endpoint, u.pool)
		if err == nil {
			u.tls = session
			_, err = l.client.EnrollContext(conn, u)
		}
		if err != nil && !l.do(func() { u.dialFailed(l) }) {
			u.uncount()
		}
	})
}

func (u *upstreamConn) opened(l *loop, c gnet.Conn) {
	u.c, u.fd = c, c.Fd()
	if u.born == 0 { // else it is back from a relay
		u.born = l.now
	}
	if u.state == upGone { // given up by its deadline
		_ = l.events.Close(c)
		return
	}
	u.dialDone(l)
	l.wheel.set(&u.timer, 0)
	ex := u.ex
	switch {
	case ex == nil:
		l.putIdle(u)
	case u == ex.hedge.dialing:
		l.bindHedge(u, ex)
	default:
		ex.dialing = nil
		ex.fresh = true
		l.bind(u, ex)
		ex.d.goOn(l)
	}
}

func (u *upstreamConn) dialFailed(l *loop) {
	if u.state == upGone {
		return
	}
	u.state = upGone
	u.uncount()
	u.timer.unlink()
	u.dialDone(l)
	l.idleOf(u.endpoint).failed = l.now
	l.counters.dialFails++
	ex := u.ex
	if ex == nil {
		return
	}
	u.ex = nil
	if u == ex.hedge.dialing {
		ex.hedge.dialing = nil
		l.dropHedge(ex, breaker.Failure)
		return
	}
	ex.dialing = nil
	l.tryAgain(ex, noConnection, 0, faultNoEndpoint)
}

// dialDone takes a connection out of the books of those that are being made.
func (u *upstreamConn) dialDone(l *loop) {
	l.dials--
	if u.dialled {
		u.dialled = false
		l.idleOf(u.endpoint).dials--
	}
}

// tryAgain goes on after the attempt at hand has failed: with the hedged one if there is one, with another one if that may
// be, else not at all, and the fault is the answer.
func (l *loop) tryAgain(ex *exchange, why reason, status int, fault *Fault) {
	d, now := ex.d, l.g.clock()
	if ex.hedge.ticket.Live() {
		ex.noteFailed(why, now)
		ex.ticket.EndRetried(why.outcome(status), ex.served(now), now)
		l.cancel(&ex.attempt, breaker.Ignored)
		ex.promote()
		l.watch(ex, now)
		return
	}
	fell := ex.fallback
	if !ex.another(why, status, now, l.draw()) {
		l.fail(ex, fault)
		d.resume(l)
		return
	}
	l.part(&ex.attempt)
	l.freed = l.freed || l.queued > 0
	if fell == ex.fallback {
		l.counters.retries[why]++
	}
	d.goOn(l)
}

func (l *loop) bind(u *upstreamConn, ex *exchange) {
	u.take(ex)
	ex.u = u
	l.wheel.set(&u.timer, 0)
}
