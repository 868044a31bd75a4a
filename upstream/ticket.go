package upstream

import "graygate/breaker"

// Ticket is one attempt that is under way at an endpoint. A value that lives where its user wants; the zero one is none.
// It may be moved while it is under way, but only one copy goes on. One goroutine uses it at a time, whichever that is.
type Ticket struct {
	Endpoint *Endpoint // stays after the end

	pool          *poolState
	breaker       *breaker.Breaker // nil: off
	overall       *breaker.Breaker // the pool's; nil: off
	permit        breaker.Permit
	overallPermit breaker.Permit
	loop          int32
	live          bool // begun, and not ended
	counted       bool // the endpoint's requests in flight are counted over all loops
	answered      bool // the answer's head has come
	explored      bool // it was begun to know how the endpoint is
	alone         bool // no other endpoint of the pool could be asked
}

// Live reports whether the attempt is under way: begun, and its end not told.
func (t *Ticket) Live() bool { return t.live }

// Answered tells that the head of the answer has come and its body is still to come, with the latency of End. It need not be
// told; where it is, an endpoint whose answers are long or streams is not taken for one that hangs meanwhile.
func (t *Ticket) Answered(latency, now int64) {
	if t.live && !t.answered {
		t.answered = true
		t.Endpoint.shards[t.loop].answered(latency, now, t.explored)
	}
}

// End tells how the attempt ended, once; what is told again counts for nothing. latency is from the sending to the head of
// the answer, or to the failure, and now the time, both in nanoseconds. From any goroutine.
func (t *Ticket) End(o breaker.Outcome, latency, now int64) { t.end(o, o, latency, now) }

// EndRetried is End for a failure after which another endpoint of the same pool is asked: the endpoint has failed,
// of the pool it says nothing yet.
func (t *Ticket) EndRetried(o breaker.Outcome, latency, now int64) {
	if t.live && o == breaker.Failure {
		t.pool.shards[t.loop].doubt.raise(t.Endpoint, now)
	}
	t.end(o, breaker.Ignored, latency, now)
}

func (t *Ticket) end(o, overall breaker.Outcome, latency, now int64) {
	if !t.live {
		return
	}
	t.live = false
	e, s := t.Endpoint, t.pool
	shard := &e.shards[t.loop]
	shard.end(o, t.answered, t.explored, latency, now)
	s.shards[t.loop].inFlight.Add(-1)
	if t.counted {
		e.inFlight.Add(-1)
	}
	switch o {
	case breaker.Success:
		s.shards[t.loop].latency.add(latency)
		s.shards[t.loop].doubt.lay(e)
		s.outlier.Success(&e.host)
	case breaker.Failure:
		if !t.alone && shard.failing.Load() > localFailures {
			overall = breaker.Ignored
		}
		s.outlier.Failure(&e.host)
	}
	if t.breaker != nil {
		change, is := t.breaker.Record(int(t.loop), t.permit, o, latency, now)
		s.tellEndpoint(e, change, is)
	}
	if t.overall != nil {
		s.tellPool(t.overall.Record(int(t.loop), t.overallPermit, overall, latency, now))
	}
}

// giveBack takes back an attempt of which nothing has been counted but the permit and the endpoint's limit.
func (t *Ticket) giveBack(now int64) {
	if t.counted {
		t.Endpoint.inFlight.Add(-1)
	}
	if t.breaker != nil {
		change, is := t.breaker.Record(int(t.loop), t.permit, breaker.Ignored, 0, now)
		t.pool.tellEndpoint(t.Endpoint, change, is)
	}
}
