package breaker

import (
	"slices"
	"time"
)

// plain is the breaker's description in the plainest form: lists of all that happened, counted anew each time.
type plain struct {
	s      Settings
	shards int

	state      State
	generation int
	reason     Reason
	since      int64
	openUntil  int64 // taken from the breaker within its bounds: the jitter is its own
	streak     int
	opens      uint64

	outcomes []plainOutcome // in the window or before it
	inARow   int
	skipped  int64
	segment  int64
	told     int // outcomes told of in the segment

	trials []plainTrial
	room   int // trials remembered
	passed int
	last   int
}

type plainOutcome struct {
	shard      int
	epoch      int64
	fail, slow bool
}

type plainTrial struct {
	number  int
	expires int64
}

// plainPermit is a permit as the plain breaker knows it.
type plainPermit struct{ generation, trial int }

func (p *plain) configure(s Settings) {
	if s.Window != p.s.Window || s.Calls != p.s.Calls {
		p.outcomes, p.inARow, p.told, p.segment = nil, 0, 0, 0
	}
	p.s = s
	p.room = max(p.room, s.Trials*lateTrials)
	if p.state == Open {
		p.openUntil = min(p.openUntil, p.since+int64(s.MaxOpen))
	}
}

func (p *plain) epoch(now int64) int64 {
	epoch := now / (int64(p.s.Window) / Buckets)
	if p.s.Calls > 0 {
		epoch += p.skipped
	}
	return epoch
}

// count gives the outcomes, failures and slow ones in the window.
func (p *plain) count(now int64) (all, fail, slow uint64) {
	epoch := p.epoch(now)
	for _, o := range p.outcomes {
		if o.epoch <= epoch-Buckets || o.epoch >= epoch+Buckets {
			continue
		}
		all++
		if o.fail {
			fail++
		}
		if o.slow {
			slow++
		}
	}
	return all, fail, slow
}

func (p *plain) out(now int64) int {
	n := 0
	for _, t := range p.trials {
		if now < t.expires {
			n++
		}
	}
	return n
}

func (p *plain) ready(now int64) bool {
	switch p.state {
	case Open:
		return now >= p.openUntil
	case HalfOpen:
		return p.out(now) == 0 || p.out(now)+p.passed < p.s.Trials
	}
	return true
}

// enter gives the change that it is.
func (p *plain) enter(to State, reason Reason, now int64) *Change {
	c := &Change{At: now, From: p.state, To: to, Reason: reason}
	if p.state == Closed {
		for left := now - p.since; left >= int64(p.s.MaxOpen) && p.streak > 0; left -= int64(p.s.MaxOpen) {
			p.streak--
		}
	}
	p.state, p.reason, p.since = to, reason, now
	p.generation++
	switch to {
	case Open:
		p.opens++
		p.streak++
	case HalfOpen:
		p.trials, p.passed = nil, 0
	case Closed:
		p.outcomes, p.inARow, p.told, p.segment = nil, 0, 0, 0
	}
	return c
}

// nominal is how long it is open now, without the jitter.
func (p *plain) nominal() time.Duration {
	d := p.s.Open
	for range p.streak - 1 {
		if d *= 2; d > p.s.MaxOpen {
			break
		}
	}
	return min(d, p.s.MaxOpen)
}

func (p *plain) allow(now int64) (plainPermit, *Change, bool) {
	if !p.ready(now) {
		return plainPermit{}, nil, false
	}
	if p.state == Closed {
		return plainPermit{generation: p.generation}, nil, true
	}
	var c *Change
	if p.state == Open {
		c = p.enter(HalfOpen, Waited, now)
	}
	if len(p.trials) == p.room {
		p.trials = p.trials[1:]
	}
	p.last++
	p.trials = append(p.trials, plainTrial{p.last, now + TrialNanos})
	slices.SortStableFunc(p.trials, func(a, b plainTrial) int { return int(a.expires - b.expires) })
	return plainPermit{p.generation, p.last}, c, true
}

func (p *plain) record(shard int, permit plainPermit, o Outcome, took, now int64) *Change {
	if permit.generation != p.generation && permit.generation != 0 {
		return nil
	}
	slow := p.s.Slow > 0 && p.s.SlowShare > 0 && took > int64(p.s.Slow)
	if p.state != Closed {
		at := slices.IndexFunc(p.trials, func(t plainTrial) bool { return permit.trial != 0 && t.number == permit.trial })
		if p.state == Open || at < 0 {
			return nil
		}
		p.trials = slices.Delete(p.trials, at, at+1)
		switch {
		case o == Ignored:
		case o == Failure || slow:
			return p.enter(Open, TrialFailed, now)
		default:
			if p.passed++; p.passed >= p.s.Trials {
				return p.enter(Closed, TrialsPassed, now)
			}
		}
		return nil
	}
	if o == Ignored {
		return nil
	}
	p.outcomes = append(p.outcomes, plainOutcome{shard, p.epoch(now), o == Failure, slow})
	if p.inARow++; o == Success {
		p.inARow = 0
	}
	all, fail, late := p.count(now)
	need := uint64(p.s.MinRequests)
	if p.s.Calls > 0 {
		need = min(need, uint64(p.s.Calls/2))
	}
	reason := Reason("")
	if slow && all >= need && late*1_000_000 >= uint64(p.s.SlowShare)*all {
		reason = Slow
	}
	if o == Failure && p.s.Failures > 0 && all >= need && fail*1_000_000 >= uint64(p.s.Failures)*all {
		reason = Failures
	}
	if o == Failure && p.s.Consecutive > 0 && p.inARow >= p.s.Consecutive {
		reason = Consecutive
	}
	p.tell(shard, p.epoch(now))
	if reason != "" {
		return p.enter(Open, reason, now)
	}
	return nil
}

// tell moves the window on when a tenth of Calls was told of; a shard tells when it has a batch of them.
func (p *plain) tell(shard int, epoch int64) {
	if p.s.Calls == 0 {
		return
	}
	size, batch := p.s.Calls/Buckets, 1
	for batch*2*4*p.shards <= size {
		batch *= 2
	}
	mine := 0
	for _, o := range p.outcomes {
		if o.shard == shard && o.epoch == epoch {
			mine++
		}
	}
	if mine%batch != 0 {
		return
	}
	if p.segment != epoch {
		p.segment, p.told = epoch, 0
	}
	if p.told += batch; p.told >= size && p.told-batch < size {
		p.skipped++
	}
}

func (p *plain) probed(now int64) *Change {
	if p.state != Open {
		return nil
	}
	return p.enter(HalfOpen, Probe, now)
}

func (p *plain) status(now int64) Status {
	s := Status{State: p.state, Reason: p.reason, Since: p.since, Opens: p.opens, InARow: p.inARow}
	s.Requests, s.Failures, s.Slow = p.count(now)
	switch p.state {
	case Open:
		s.OpenUntil = p.openUntil
	case HalfOpen:
		s.TrialsOut, s.Passed = p.out(now), p.passed
	}
	return s
}
