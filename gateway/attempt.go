package gateway

import (
	"graygate/breaker"
	"graygate/upstream"
)

// attempt is one sending of a request to one endpoint. Its ticket is ended exactly once, wherever the attempt ends.
type attempt struct {
	ticket  upstream.Ticket
	at      int64         // when it began, on the precise clock
	u       *upstreamConn // bound
	dialing *upstreamConn // being made for it
}

// reason is why an attempt has failed before anything of its answer was passed on.
type reason uint8

const (
	noConnection reason = iota // nothing was sent
	noRoom                     // the endpoint has all the connections it may have; nothing was sent
	closedEarly                // the connection ended before the answer began
	tookTooLong                // the per-try time-out has passed
	badStatus                  // the answer's status is one to be retried
	reasons
)

// on is what a pool's retry.on has to have for a reason. status is that of the answer.
func (r reason) on(status int) upstream.RetryOn {
	switch r {
	case noConnection, noRoom:
		return upstream.OnConnect
	case closedEarly:
		return upstream.OnReset
	case tookTooLong:
		return upstream.OnTimeout
	}
	switch status {
	case 429:
		return upstream.On429
	case 500:
		return upstream.On500
	case 502:
		return upstream.On502
	case 503:
		return upstream.On503
	case 504:
		return upstream.On504
	}
	return 0
}

// String is the word for it in metrics and spans.
func (r reason) String() string { return reasonWords[r] }

var reasonWords = [...]string{noConnection: "connect", noRoom: "full", closedEarly: "reset", tookTooLong: "timeout", badStatus: "status", resent: "resent"}

// resent is the reason of a request that was sent once more to the same endpoint, as the connection to it had been kept and ended; it is
// no attempt of its own.
const resent = reasons

// failedAttempt is one after which another was made.
type failedAttempt struct {
	at       int64 // on the precise clock
	endpoint *upstream.Endpoint
	why      reason
}

// noteFailed notes that the attempt at hand has failed and another is made.
func (ex *exchange) noteFailed(why reason, now int64) {
	ex.failed = append(ex.failed, failedAttempt{now, ex.ticket.Endpoint, why})
}

// lastTried is the endpoint that was asked last; nil if none was.
func (ex *exchange) lastTried() *upstream.Endpoint {
	if ex.attempts == 0 {
		return nil
	}
	return ex.tried[ex.attempts-1]
}

// unsent reports whether the endpoint can have seen nothing of the request: another attempt then costs no budget.
func (r reason) unsent() bool { return r <= noRoom }

// first begins the first attempt: at the pool that was decided on, or where that refuses, at the one to fall back to. If the
// answer is OK, ex.ticket is under way. now is on the precise clock.
func (ex *exchange) first(now int64, random uint64) upstream.Refusal {
	for {
		refusal := ex.begin(&ex.ticket, now, random)
		if refusal == upstream.OK {
			ex.at = now
			return refusal
		}
		if ex.spare == nil {
			return refusal
		}
		ex.fallBack()
	}
}

// begin asks the pool for an endpoint that was not tried.
func (ex *exchange) begin(t *upstream.Ticket, now int64, random uint64) upstream.Refusal {
	if ex.attempts == maxAttempts {
		return upstream.NoEndpoint
	}
	ask := upstream.Ask{
		Loop: ex.loop, Now: now, Hash: ex.key.hash, Keyed: ex.key.is, Tried: ex.tried[:ex.attempts],
		LastResort: ex.spare == nil, Frail: !ex.method.Idempotent(), Random: random,
	}
	refusal := ex.pool.Begin(t, &ask)
	if refusal == upstream.OK {
		ex.took(t)
		if ex.asked == 1 {
			ex.askedAt = now
		}
	}
	return refusal
}

// took notes an endpoint as tried.
func (ex *exchange) took(t *upstream.Ticket) {
	if ex.counted != ex.pool {
		ex.counted = ex.pool
		ex.pool.Sent(ex.loop)
	}
	ex.tried[ex.attempts] = t.Endpoint
	ex.attempts++
	ex.asked++
}

// fallBack turns to the pool to fall back to, which there is.
func (ex *exchange) fallBack() {
	ex.proceed() // its place was among those of the other pool
	ex.pool, ex.key, ex.spare = ex.spare, ex.spareKey, nil
	ex.fallback = true
	ex.attempts, ex.strikes = 0, 0
	ex.retag()
}

// another begins one more attempt after the one at hand has failed, if the request can be sent again and may be: at
// another endpoint of the pool, or where the pool has no more to offer, at the pool to fall back to. It ends the failed one
// and leaves the next one in its place, without a connection. false: nothing has changed, and the failure stands.
func (ex *exchange) another(why reason, status int, now int64, random uint64) bool {
	if !ex.resendable(why) {
		return false
	}
	retry, outcome, took := &ex.pool.Retry, why.outcome(status), ex.served(now)
	listed := why == noRoom || retry.On&why.on(status) != 0
	var next upstream.Ticket
	if listed && ex.mayStrike(why) && ex.begin(&next, now, random) == upstream.OK {
		if why.unsent() || ex.pool.TakeRetry(ex.loop, now) {
			ex.noteFailed(why, now)
			if outcome == breaker.Failure {
				ex.ticket.EndRetried(outcome, took, now)
			} else {
				ex.ticket.End(outcome, took, now)
			}
			ex.restart(why, next, now)
			return true
		}
		ex.giveUp(&next, now)
	}
	if ex.spare == nil || !listed && !why.unsent() {
		return false
	}
	ask := upstream.Ask{Loop: ex.loop, Now: now, Hash: ex.spareKey.hash, Keyed: ex.spareKey.is, LastResort: true, Frail: !ex.method.Idempotent(), Random: random}
	if ex.spare.Begin(&next, &ask) != upstream.OK {
		return false
	}
	if !why.unsent() && !ex.spare.TakeRetry(ex.loop, now) {
		next.End(breaker.Ignored, 0, now)
		return false
	}
	ex.noteFailed(why, now)
	ex.ticket.End(outcome, took, now)
	ex.fallBack()
	ex.took(&next)
	ex.restart(noRoom, next, now) // no strike: that was the other pool's
	return true
}

// mayStrike reports whether the pool's number of attempts leaves one more. Those that have sent nothing do not count: they cost
// no endpoint anything, and are bounded by the number of endpoints and by maxAttempts.
func (ex *exchange) mayStrike(why reason) bool {
	attempts := ex.pool.Retry.Attempts
	return why == noRoom || why.unsent() && attempts > 1 || ex.strikes+1 < attempts
}

// resendable reports whether the request can be sent once more: it is still whole here, nothing of an answer has been passed
// on, and to be processed twice would do no harm or cannot be (RFC 9110 9.2.2, RFC 9112 9.3.1).
func (ex *exchange) resendable(why reason) bool {
	return ex.whole && !ex.begun && ex.phase == awaitHead && ex.interim == 0 && (why.unsent() && !ex.written || ex.method.Idempotent())
}

// restart puts a ticket in the place of the one that has ended, and the request at its beginning.
func (ex *exchange) restart(why reason, next upstream.Ticket, now int64) {
	if !why.unsent() {
		ex.strikes++
	}
	ex.ticket, ex.at = next, now
	ex.sent, ex.anew = 0, false
	ex.scan.Reset()
	ex.patience.deadline = 0
}

// giveUp takes back an attempt that was begun and not made.
func (ex *exchange) giveUp(t *upstream.Ticket, now int64) {
	t.End(breaker.Ignored, 0, now)
	ex.attempts--
	ex.asked--
}

// again reports whether the request may be sent once more, to the same endpoint, after the connection it was written to has
// ended without an answer: it can be sent again, and the connection was one that had been kept, so that its end was
// probably on its way already, and says nothing of the endpoint.
func (ex *exchange) again() bool {
	return !ex.fresh && ex.pool.Retry.Attempts != 1 && ex.resendable(closedEarly)
}

// rewind prepares the exchange for being sent once more on a fresh connection: of the same attempt, since it was the
// connection that failed.
func (ex *exchange) rewind() {
	ex.noteFailed(resent, ex.g.clock())
	ex.sent = 0
	ex.scan.Reset()
	ex.anew = true
}

// finish ends the attempt at hand by what became of it: an answer, or a fault. now is on the precise clock.
func (ex *exchange) finish(now int64) {
	if !ex.ticket.Live() {
		return
	}
	if ex.headAt > 0 {
		ex.ticket.End(ex.outcome(0), ex.served(ex.headAt), now)
		return
	}
	took := ex.served(now)
	ex.ticket.End(ex.outcome(took), took, now)
}

// served is how long the endpoint has taken until then: from when it had all of the request, as far as that came later than
// the attempt began. How long a client takes to send its body is not the endpoint's doing.
func (ex *exchange) served(until int64) int64 {
	if whole := ex.wholeAt.Load(); whole > ex.at && whole <= until {
		return until - whole
	}
	return until - ex.at
}

// outcome is what the attempt at hand says of its endpoint: what is the server's fault fails, what is the client's does not.
func (ex *exchange) outcome(took int64) breaker.Outcome {
	switch {
	case ex.fault == nil:
		return outcomeOf(ex.status)
	case ex.fault.Side == "upstream":
		return breaker.Failure
	case ex.fault == faultClientGone && ex.headAt == 0 && took > int64(ex.snap.Plan.Timeouts.ResponseHead):
		return breaker.Failure // it has not waited less than the gateway would have
	}
	return breaker.Ignored
}

// outcomeOf is what a status says of the endpoint: 5xx are its fault, 4xx the client's.
func outcomeOf(status int) breaker.Outcome {
	if status >= 500 {
		return breaker.Failure
	}
	return breaker.Success
}

// outcome is what a failed attempt says of its endpoint.
func (r reason) outcome(status int) breaker.Outcome {
	switch r {
	case noRoom:
		return breaker.Ignored
	case badStatus:
		return outcomeOf(status)
	}
	return breaker.Failure
}

// retriable reports whether an answer with that status is not to be passed on, if another attempt can be made.
func (ex *exchange) retriable(status int) bool {
	return !ex.settled && ex.pool.Retry.On&badStatus.on(status) != 0 && ex.resendable(badStatus)
}

// refusedBy is the fault of a request that a pool gives no endpoint to.
func refusedBy(r upstream.Refusal) *Fault {
	switch r {
	case upstream.Open:
		return faultOpen
	case upstream.Full:
		return faultFull
	}
	return faultNoEndpoint
}
