package gateway

import (
	"math/rand/v2"
	"time"

	"graygate/upstream"
)

// How a relay comes by a connection to an endpoint, and by another one.

// connect finds a connection for the attempt at hand, or for the first one, as the loop's dispatch does, but waits for it.
func (r *relay) connect() *Fault {
	defer r.ex.proceed()
	ex := r.ex
	for {
		if !ex.ticket.Live() {
			if refusal := ex.first(r.g.clock(), rand.Uint64()); refusal != upstream.OK {
				if refusal == upstream.Full {
					if r.wait() {
						continue
					}
					return r.waited()
				}
				return refusedBy(refusal)
			}
		}
		e, why := ex.ticket.Endpoint, noRoom
		if e.OpenConn() {
			conn, session, err := r.g.dialEndpoint(e, ex.pool)
			if err == nil {
				r.to, ex.fresh = e, true
				r.was = upstreamConn{pool: ex.pool, born: r.g.clock(), uses: 1, counted: true, tls: session}
				r.own(r.client, conn)
				return nil
			}
			e.CloseConn()
			why = noConnection
		}
		now := r.g.clock()
		if r.another(why, 0, now) {
			continue
		}
		if why == noConnection {
			return faultNoEndpoint
		}
		ex.giveUp(&ex.ticket, now)
		if !r.wait() {
			return r.waited()
		}
	}
}

// another is the exchange's, counted.
func (r *relay) another(why reason, status int, now int64) bool {
	fell := r.ex.fallback
	if !r.ex.another(why, status, now, rand.Uint64()) {
		return false
	}
	if fell == r.ex.fallback {
		r.l.do(func() { r.l.counters.retries[why]++ })
	}
	return true
}

// wait lets a request that no endpoint has room for wait a little. false: it may not, or has for long enough.
func (r *relay) wait() bool {
	ex := r.ex
	switch {
	case ex.waitsFrom == 0:
		if !ex.pool.Wait() {
			return false
		}
		ex.waitsFrom = max(r.g.clock(), 1)
		r.l.do(func() { r.l.counters.queued++ })
	case r.g.clock()-ex.waitsFrom >= int64(ex.pool.Limits.QueueTimeout):
		return false
	}
	ex.attempts = 0
	t := time.NewTimer(queuePoll)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.g.life.Done():
		return false
	}
}

// waited is the fault of a request for which no endpoint has room: it has waited for it, or could not.
func (r *relay) waited() *Fault {
	if r.ex.waitsFrom == 0 {
		return faultFull
	}
	return faultQueueTimeout
}

// goesOn prepares a request whose attempt has failed for another one, as the loop does, if no upload was needed here, which
// keeps nothing.
func (r *relay) goesOn(fault *Fault) bool {
	ex := r.ex
	if r.uploaded != nil {
		return false
	}
	switch fault {
	case faultAnother:
	case faultUpstreamClosed, faultUpstreamTLS:
		if !r.answering && ex.again() {
			ex.rewind()
			r.l.do(func() { r.l.counters.resent++ })
		} else if !r.another(closedEarly, 0, r.g.clock()) {
			return false
		}
	case faultTryTimeout:
		if !r.another(tookTooLong, 0, r.g.clock()) {
			return false
		}
	default:
		return false
	}
	r.answering = false
	return true
}
