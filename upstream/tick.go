package upstream

import (
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

// Tick brings everything up to date that time or the loops' calls have changed: how endpoints stand and who can be asked,
// slow starts, outliers, zones, panic, the retry budgets' windows, the latencies. To be called every 100 ms or so, off the
// loops, with a time in nanoseconds on the clock of [Ask.Now]. It gives the changes of state since the last tick, those
// of a pool in order; they are the caller's. With 5,000 endpoints that are well it takes well below a millisecond for each loop.
func (r *Registry) Tick(now int64) []telemetry.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = max(r.now, now)
	for _, s := range r.pools {
		s.tick(r.now)
	}
	r.reclaim()
	return r.takeEvents()
}

func (s *poolState) tick(now int64) {
	s.detect(now)
	s.ticked = true
	s.assess(now)
	if s.stale {
		s.rebuild()
	}
	var requests uint64
	for i := range s.shards {
		requests += s.shards[i].requests.Load()
	}
	s.budget.tick(now, requests)
	s.latency.tick(s.shards, now)
	s.bidFarewell()
}

// detect looks for outliers.
func (s *poolState) detect(now int64) {
	s.samples = s.samples[:0]
	count := s.config.Outlier != nil && s.config.Outlier.SuccessRate && now >= s.countDue
	if count {
		s.countDue = now + countNanos
	}
	for _, e := range s.order {
		if count {
			e.asked, e.passed = e.calls()
		}
		s.samples = append(s.samples, breaker.Sample{Host: &e.host, Requests: e.asked, Successes: e.passed})
	}
	s.effects = s.outlier.Tick(now, s.samples, s.effects[:0])
	for _, effect := range s.effects {
		e := s.order[effect.Index]
		e.pardoned = false
		if effect.Ejected {
			e.ejection = effect.Reason
		}
	}
}

// assess finds how each endpoint stands, and notes who stands otherwise than before.
func (s *poolState) assess(now int64) {
	overdue, warming := false, false
	for _, e := range s.order {
		before := e.standing.Load()
		after := s.stand(e, now)
		if before == nil {
			before = &standing{state: after.state, reason: after.reason}
			e.standing.Store(before)
			s.stale = true
		}
		if s.config.SlowStart > 0 && after.state.able() && !before.state.able() {
			e.warmFrom = now
			after = s.stand(e, now)
		}
		if after.state != BreakerHalfOpen {
			e.halfFrom = 0
		} else if e.halfFrom == 0 {
			e.halfFrom = max(now, 1)
		}
		overdue = overdue || after.state == BreakerHalfOpen && now-e.halfFrom > frailPatience
		warming = warming || after.state == Warming
		if after == *before {
			continue
		}
		e.standing.Store(new(after))
		if after.state == before.state {
			continue
		}
		s.stale = true
		_, reason := e.State(now)
		s.registry.note(telemetry.Event{Kind: telemetry.KindEndpoint, Pool: s.name, Endpoint: e.Address,
			From: before.state.String(), To: after.state.String(), Reason: reason})
	}
	if r := s.roster.Load(); r != nil && r.overdue != overdue {
		s.stale = true
	}
	if warming && now >= s.warmDue {
		s.warmDue = now + int64(s.config.SlowStart)/warmSteps
		s.stale = true
	}
}

// stand joins what is known of an endpoint. The first that forbids to ask it has the word.
func (s *poolState) stand(e *Endpoint, now int64) standing {
	if e.config.Weight == 0 {
		return standing{state: Draining, reason: "weight 0"}
	}
	if e.drained {
		return standing{state: Draining, reason: "by hand"}
	}
	if e.verdict == ill {
		return standing{state: Unhealthy, reason: "probe: " + e.why}
	}
	if until, _ := e.host.Until(); until != 0 && !e.pardoned {
		return standing{state: Ejected, reason: string(e.ejection), until: until}
	}
	if e.breaker != nil && e.breaker.State() != breaker.Closed {
		switch status := e.breaker.Status(now); {
		case status.State == breaker.Open && status.OpenUntil > now:
			return standing{state: BreakerOpen, reason: string(status.Reason), until: status.OpenUntil}
		case status.State == breaker.Open:
			return standing{state: BreakerHalfOpen, reason: string(breaker.Waited)}
		case status.State == breaker.HalfOpen:
			return standing{state: BreakerHalfOpen, reason: string(status.Reason)}
		}
	}
	if until := e.warmFrom + int64(s.config.SlowStart); e.warmFrom != 0 && now < until {
		return standing{state: Warming, reason: "slow start", until: until}
	}
	e.warmFrom = 0
	if s.config.Probed && e.verdict == noVerdict {
		return standing{state: Unprobed, reason: "no probe has come back yet"}
	}
	return standing{state: Healthy, reason: "ok"}
}

// rebuild makes the roster anew.
func (s *poolState) rebuild() {
	s.stale = false
	now := s.registry.now
	candidates := make([]candidate, len(s.order))
	overdue := false
	for i, e := range s.order {
		warmth := 1.0
		state := e.standing.Load().state
		if state == Warming {
			warmth = max(warmLeast, float64(now-e.warmFrom)/float64(max(s.config.SlowStart, time.Nanosecond)))
		}
		due := float64(e.config.Weight)
		candidates[i] = candidate{state: state, member: member{e: e, well: state.able(), trial: state == BreakerHalfOpen, breaker: e.breaker, due: due, weight: due * warmth, warmth: warmth}}
		overdue = overdue || state == BreakerHalfOpen && now-e.halfFrom > frailPatience
	}
	next := s.builder.build(candidates, &s.config, s.zone, s.breaker)
	next.overdue = overdue
	before := s.roster.Swap(next)
	if panicked := before != nil && before.panic; panicked != next.panic {
		able := 0
		for i := range next.tiers {
			able += len(next.tiers[i].able)
		}
		word := map[bool]string{false: "off", true: "on"}
		s.registry.note(telemetry.Event{Kind: telemetry.KindPanic, Pool: s.name, From: word[panicked], To: word[next.panic],
			Reason: describePanic(able, len(next.endpoints))})
	}
}

// bidFarewell forgets removed endpoints that have nothing in flight any more.
func (s *poolState) bidFarewell() {
	kept := s.leaving[:0]
	for _, e := range s.leaving {
		if e.InFlight() > 0 {
			kept = append(kept, e)
		}
	}
	clear(s.leaving[len(kept):])
	s.leaving = kept
}
