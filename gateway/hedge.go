package gateway

import (
	"time"

	"golang.org/x/sys/unix"

	"graygate/breaker"
	"graygate/upstream"
)

// A hedged attempt is a second one beside the first, at another endpoint, when the first has not answered for some time. The
// first of the two to answer wins; the other is cancelled, and says nothing of its endpoint. It comes out of the pool's
// budget for retries, one for a request, and only for a request that is whole here and may be processed twice.

// watch sets the deadlines of an attempt whose request has come in whole, as of now on the precise clock.
func (l *loop) watch(ex *exchange, now int64) {
	retry := &ex.pool.Retry
	if ex.phase != awaitHead || retry.PerTryTimeout == 0 && retry.HedgeAfter == 0 && !retry.HedgeP95 {
		return
	}
	if retry.PerTryTimeout > 0 && ex.patience.deadline == 0 {
		ex.patience.owner = (*perTry)(ex)
		l.later(&ex.patience, now, retry.PerTryTimeout)
	}
	if wait := ex.hedgeAfter(); wait > 0 && !ex.hedged && ex.hurry.deadline == 0 && ex.resendable(tookTooLong) {
		ex.hurry.owner = (*hedgeTime)(ex)
		l.later(&ex.hurry, now, wait)
	}
}

// hedgeAfter is when a second attempt is made, 0 for never.
func (ex *exchange) hedgeAfter() time.Duration {
	if ex.pool.Retry.HedgeP95 {
		return ex.pool.P95()
	}
	return ex.pool.Retry.HedgeAfter
}

// hedgeTime is an exchange as the owner of its hurry.
type hedgeTime exchange

func (h *hedgeTime) expire(l *loop) {
	ex := (*exchange)(h)
	defer l.guard(ex.d)
	if ex.phase != awaitHead || ex.hedged || ex.u == nil && ex.dialing == nil || ex.leave || !ex.requestDone() || !ex.resendable(tookTooLong) {
		return
	}
	now := l.g.clock()
	var t upstream.Ticket
	if ex.begin(&t, now, l.draw()) != upstream.OK {
		return
	}
	if !ex.pool.TakeRetry(l.id, now) {
		ex.giveUp(&t, now)
		return
	}
	ex.hedged = true
	ex.hedge.ticket, ex.hedge.at = t, now
	l.counters.hedges++
	e := t.Endpoint
	if u := l.takeIdle(e, ex.pool, false); u != nil {
		l.bindHedge(u, ex)
		return
	}
	if l.dials >= maxDialsPerLoop || !e.OpenConn() {
		l.dropHedge(ex, breaker.Ignored)
		return
	}
	l.dial(&ex.hedge, ex, e)
}

// bindHedge sends the request on the second connection, at once or not at all: there is no place to keep a rest of it.
func (l *loop) bindHedge(u *upstreamConn, ex *exchange) {
	u.take(ex)
	ex.hedge.u, ex.hedge.dialing = u, nil
	n, err := u.write(l, ex.out)
	switch {
	case err == nil && n == len(ex.out):
		ex.written = true
		l.wheel.set(&u.timer, l.now+int64(ex.snap.Plan.Timeouts.ResponseHead))
	case err == nil, err == unix.EAGAIN: // a socket that does not even take one request: it would be slower still
		l.dropHedge(ex, breaker.Ignored)
	default:
		l.dropHedge(ex, u.blame())
	}
}

// blame is what the end of a connection without an answer says of the endpoint: nothing, if it had been kept.
func (u *upstreamConn) blame() breaker.Outcome {
	if u.uses > 1 {
		return breaker.Ignored
	}
	return breaker.Failure
}

// dropHedge ends the second attempt; the first goes on.
func (l *loop) dropHedge(ex *exchange, o breaker.Outcome) {
	l.cancel(&ex.hedge, o)
}

// cancel parts an attempt from its connection and ends it.
func (l *loop) cancel(a *attempt, o breaker.Outcome) {
	l.part(a)
	if a.ticket.Live() {
		now := l.g.clock()
		a.ticket.End(o, now-a.at, now)
		l.freed = l.freed || l.queued > 0
	}
}

// part takes the connection from an attempt. One that is being made goes on for the sake of the next request.
func (l *loop) part(a *attempt) {
	if u := a.u; u != nil {
		u.ex, a.u = nil, nil
		u.close(l)
	}
	if u := a.dialing; u != nil {
		u.ex, a.dialing = nil, nil
	}
}

// promote makes the second attempt the one that counts.
func (ex *exchange) promote() {
	ex.attempt, ex.hedge = ex.hedge, attempt{}
	ex.scan.Reset()
	ex.patience.deadline = 0
	ex.sent, ex.fresh = 0, true
	if ex.u != nil {
		ex.sent, ex.fresh = len(ex.out), ex.u.uses == 1
	}
}

// decideHedge settles which of two attempts is to be listened to, now that something has come on u.
func (l *loop) decideHedge(u *upstreamConn, ex *exchange) {
	if u == ex.hedge.u {
		l.cancel(&ex.attempt, breaker.Ignored)
		ex.promote()
		l.counters.hedgesWon++
		return
	}
	l.dropHedge(ex, breaker.Ignored)
}
