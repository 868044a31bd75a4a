package breaker

import "math"

// This file holds what happens to a breaker that is not closed, and the doors into the states.

// trip opens a closed breaker, unless it has changed since the generation.
func (b *Breaker) trip(generation uint32, reason Reason, now int64) (Change, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if generationOf(b.phase.Load()) != generation {
		return Change{}, false
	}
	return b.becomeOpen(reason, now), true
}

// giveTrial answers Allow when the breaker is not closed. Refusals take no lock.
func (b *Breaker) giveTrial(now int64) (Permit, bool) {
	if now < b.from.Load() {
		return Permit{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first := false
	switch b.state() {
	case Closed: // by now
		return Permit{generation: generationOf(b.phase.Load())}, true
	case Open:
		if first = now >= b.from.Load(); first {
			b.becomeHalfOpen(Waited, now)
		}
	}
	if now < b.from.Load() {
		return Permit{}, false
	}
	b.remember(now)
	b.setFrom()
	return Permit{generation: generationOf(b.phase.Load()), trial: b.last, first: first}, true
}

// endTrial takes the outcome of a trial. One that is not remembered was told before, or was late beyond hope, or is
// none: it counts for nothing. One that is over its time counts like any other: a slow peer must be able to pass.
func (b *Breaker) endTrial(p Permit, o Outcome, took, now int64) (Change, bool) {
	if p.trial == 0 {
		return Change{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if generationOf(b.phase.Load()) != p.generation || !b.release(p.trial) {
		return Change{}, false
	}
	t := b.terms.Load()
	switch {
	case o == Ignored:
	case o == Failure || took > t.slow:
		return b.becomeOpen(TrialFailed, now), true
	default:
		b.passed++
		if b.passed >= t.Trials {
			return b.becomeClosed(TrialsPassed, now), true
		}
	}
	b.setFrom()
	return Change{}, false
}

// becomeOpen is the door into open.
func (b *Breaker) becomeOpen(reason Reason, now int64) Change {
	t := b.terms.Load()
	if b.state() == Closed { // each MaxOpen spent closed forgets one opening
		b.streak -= int(min(max(now-b.since, 0)/int64(t.MaxOpen), int64(b.streak)))
	}
	b.streak = min(b.streak+1, maxDoublings+1)
	b.opens++
	b.from.Store(now + t.openNanos(b.streak, b.nextGeneration(), now))
	return b.enter(Open, reason, now)
}

// becomeHalfOpen is the door into half-open.
func (b *Breaker) becomeHalfOpen(reason Reason, now int64) Change {
	b.trials = b.trials[:0]
	b.passed = 0
	b.from.Store(math.MinInt64)
	return b.enter(HalfOpen, reason, now)
}

// becomeClosed is the door into closed.
func (b *Breaker) becomeClosed(reason Reason, now int64) Change {
	b.forget()
	return b.enter(Closed, reason, now)
}

// enter is what all doors share. Permits of the state before are void from here on.
func (b *Breaker) enter(to State, reason Reason, now int64) Change {
	c := Change{At: now, From: b.state(), To: to, Reason: reason}
	b.reason, b.since = reason, now
	b.phase.Store(uint64(b.nextGeneration())<<stateBits | uint64(to))
	return c
}

// nextGeneration follows the present one. 0 is left out: it is the zero Permit's.
func (b *Breaker) nextGeneration() uint32 {
	return max(generationOf(b.phase.Load())+1, 1)
}

// trialsOut is how many trials have not answered and are within their time.
func (b *Breaker) trialsOut(now int64) int {
	n := 0
	for _, t := range b.trials {
		if now < t.expires {
			n++
		}
	}
	return n
}

// remember notes that a trial is out, under the next number; the one that expires first is forgotten if there is no room.
func (b *Breaker) remember(now int64) {
	if len(b.trials) == cap(b.trials) {
		b.trials = append(b.trials[:0], b.trials[1:]...)
	}
	b.last = max(b.last+1, 1) // 0 is no trial
	b.trials = append(b.trials, trial{number: b.last, expires: now + TrialNanos})
	for i := len(b.trials) - 1; i > 0 && b.trials[i-1].expires > b.trials[i].expires; i-- { // of a loop whose clock is behind
		b.trials[i-1], b.trials[i] = b.trials[i], b.trials[i-1]
	}
}

// release forgets a trial, and reports whether it was remembered.
func (b *Breaker) release(number uint32) bool {
	for i, t := range b.trials {
		if t.number == number {
			b.trials = append(b.trials[:i], b.trials[i+1:]...)
			return true
		}
	}
	return false
}

// setFrom sets the time from which a half-open breaker has a trial to give: when so many of those out have expired that,
// with one more and those that passed, there are Trials of them. One may be out in any case, so that fewer Trials after
// a reload do not leave it stuck.
func (b *Breaker) setFrom() {
	others := max(b.terms.Load().Trials-b.passed-1, 0)
	from := int64(math.MinInt64)
	if n := len(b.trials); n > others {
		from = b.trials[n-1-others].expires
	}
	b.from.Store(from)
}
