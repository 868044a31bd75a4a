// Package breaker decides when a peer that keeps failing is left alone for a while.
//
// It is pure: no socket, no clock of its own; time is passed in as nanoseconds of any monotonic origin, not negative.
package breaker

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Breaker watches one peer, an endpoint or a whole pool, by how its calls end.
//
// Closed, it lets everything through and keeps the outcomes in a sliding window; it opens when too large a share of
// them failed or was slow, or too many in a row failed. Open, it lets nothing through until its time is over; the time
// doubles with each opening in a row, from Open to MaxOpen of its [Settings], and jitter takes up to a fifth off. Then
// the next call makes it half-open: Trials calls are let through, and if they all pass it closes with an empty
// window, while one failure opens it again.
//
// All methods may be called concurrently. While it is closed there are no locks, and a success reads three lines that
// are rarely written and writes one that belongs to its shard. Failures and slow calls write shared counters, and sum
// up the shards when they have become enough to matter. A breaker that is not closed has little to do: changes of state
// and trials are under a mutex that is held for some nanoseconds; calls refused take none.
type Breaker struct {
	// Read by every call; written by changes of state and reloads.
	phase  atomic.Uint64 // the generation above stateBits, then the State
	from   atomic.Int64  // while not closed: no call is let through before this time; written ahead of phase
	terms  atomic.Pointer[terms]
	shards []shard // a power of two of them
	// skipped is how many buckets the window was moved on by outcomes counted, beside those by time.
	skipped atomic.Uint32
	_       [lineBytes - 52]byte

	// Written by failures and slow calls.
	inARow   atomic.Uint32 // failures since the last success
	failures share
	slow     share
	segment  atomic.Uint64 // an epoch above the outcomes that shards have told of in it; only when Calls are counted

	mu     sync.Mutex // guards what follows, and all writing to phase, from and terms
	reason Reason
	since  int64   // when the state was entered
	streak int     // openings in a row
	opens  uint64  // openings ever
	last   uint32  // the number of the last trial given
	trials []trial // out while half-open, those over their time included; by expiry
	passed int     // while half-open: trials passed
}

// shard counts the outcomes that one event loop has seen, on cache lines of its own.
type shard struct{ ring }

const (
	// lineBytes is what processors fetch at once: two cache lines.
	lineBytes = 128
	stateBits = 2
)

// trial is one that was given and has not answered.
type trial struct {
	number  uint32
	expires int64 // from then on another may be given in its place
}

// New gives a closed breaker. There should be one shard for each event loop; the number is rounded up to a power of
// two, and at most [MaxShards].
func New(s *Settings, shards int) *Breaker {
	shards = min(max(shards, 1), MaxShards)
	b := &Breaker{shards: make([]shard, 1<<bits.Len(uint(shards-1)))}
	t := newTerms(s, len(b.shards))
	b.terms.Store(t)
	b.trials = make([]trial, 0, t.Trials*lateTrials)
	b.phase.Store(1 << stateBits) // generation 1: 0 is the zero Permit's
	return b
}

// Allow asks for one call at the time now, and gives the permit to be handed to [Breaker.Record] with the outcome. It
// changes an open breaker whose time is over to half-open: [Permit.Change].
func (b *Breaker) Allow(now int64) (Permit, bool) {
	phase := b.phase.Load()
	if stateOf(phase) == Closed {
		return Permit{generation: generationOf(phase)}, true
	}
	return b.giveTrial(now)
}

// Record tells how a call ended that was allowed: which loop saw it (any number; that of the event loop keeps loops
// apart), the permit, how long it took in nanoseconds, and the time now. To be called once for each Allow; further
// calls, late ones and missing ones do no harm. It gives the change of state that it made, if it made one.
func (b *Breaker) Record(shard int, p Permit, o Outcome, took, now int64) (Change, bool) {
	phase := b.phase.Load()
	if p.generation != generationOf(phase) && p.generation != 0 {
		return Change{}, false
	}
	if stateOf(phase) != Closed {
		return b.endTrial(p, o, took, now)
	}
	t := b.terms.Load()
	epoch := t.epoch(now)
	if o == Success && took <= t.slow && t.segment == 0 && b.inARow.Load() == 0 {
		// What almost every call is: one word to write.
		if w := &b.shards[shard&(len(b.shards)-1)].ring[epoch%slots]; uint32(w.Load()>>32) == epoch {
			w.Add(1)
			return Change{}, false
		}
	}
	return b.count(t, shard, generationOf(phase), o, took, now)
}

// count counts an outcome of a closed breaker, and opens it if it is one too many.
func (b *Breaker) count(t *terms, shard int, generation uint32, o Outcome, took, now int64) (Change, bool) {
	if o == Ignored {
		return Change{}, false
	}
	epoch := b.epoch(t, now)
	n, turned := b.shards[shard&(len(b.shards)-1)].add(epoch)
	if turned {
		b.failures.moved(epoch)
		b.slow.moved(epoch)
	}
	reason := b.judge(t, o, took, epoch)
	if t.segment != 0 {
		b.tell(t, epoch, n)
	}
	if reason == "" {
		return Change{}, false
	}
	return b.trip(generation, reason, now)
}

// judge counts what was wrong with a call of a closed breaker, and gives the reason to open it, or "".
func (b *Breaker) judge(t *terms, o Outcome, took int64, epoch uint32) Reason {
	var reason Reason
	if took > t.slow && b.slow.reached(b, t, t.SlowShare, epoch) {
		reason = Slow
	}
	if o != Failure {
		if b.inARow.Load() != 0 {
			b.inARow.Store(0)
		}
		return reason
	}
	if b.failures.reached(b, t, t.Failures, epoch) {
		reason = Failures
	}
	if n := b.inARow.Add(1); t.Consecutive > 0 && uint64(n) >= uint64(t.Consecutive) {
		reason = Consecutive
	}
	return reason
}

// Ready reports whether Allow would let a call through at the time now. It changes nothing.
func (b *Breaker) Ready(now int64) bool {
	return stateOf(b.phase.Load()) == Closed || now >= b.from.Load()
}

// Probed tells that an active check found the peer well again: an open breaker becomes half-open at once.
func (b *Breaker) Probed(now int64) (Change, bool) {
	if stateOf(b.phase.Load()) != Open {
		return Change{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state() != Open {
		return Change{}, false
	}
	return b.becomeHalfOpen(Probe, now), true
}

// Reset closes it by hand, whatever its state, with an empty window and no memory of openings in a row. Outcomes of calls that
// were allowed before count for nothing. It gives no change if it was closed.
func (b *Breaker) Reset(now int64) (Change, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state()
	b.streak = 0
	c := b.becomeClosed(ByHand, now)
	return c, was != Closed
}

// Configure gives it other settings, at a reload. It keeps its state, its memory of openings and, unless the window's
// length or Calls are others, its window. An open time that is longer than the new MaxOpen is cut to it.
func (b *Breaker) Configure(s *Settings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, t := b.terms.Load(), newTerms(s, len(b.shards))
	if old.Settings == t.Settings {
		return
	}
	b.terms.Store(t)
	if old.bucket != t.bucket || old.segment != t.segment {
		b.forget()
	}
	// What was too few of one share may be enough of another.
	b.failures.quiet.Store(0)
	b.slow.quiet.Store(0)
	if n := t.Trials * lateTrials; n > cap(b.trials) {
		b.trials = append(make([]trial, 0, n), b.trials...)
	}
	switch b.state() {
	case Open:
		b.from.Store(min(b.from.Load(), b.since+int64(t.MaxOpen)))
	case HalfOpen:
		b.setFrom()
	}
}

// State is the state it is in.
func (b *Breaker) State() State { return stateOf(b.phase.Load()) }

// Status tells all of it at the time now.
func (b *Breaker) Status(now int64) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.terms.Load()
	epoch := b.epoch(t, now)
	s := Status{
		State: b.state(), Reason: b.reason, Since: b.since, Opens: b.opens,
		Requests: b.total(epoch), Failures: b.failures.bad.sum(epoch), Slow: b.slow.bad.sum(epoch), InARow: int(b.inARow.Load()),
	}
	switch s.State {
	case Open:
		s.OpenUntil = b.from.Load()
	case HalfOpen:
		s.TrialsOut, s.Passed = b.trialsOut(now), b.passed
	}
	return s
}

// String is the breaker in one line. It has no clock, so it leaves the window out.
func (b *Breaker) String() string {
	b.mu.Lock()
	since := b.since
	b.mu.Unlock()
	return b.Status(since).String()
}

func stateOf(phase uint64) State       { return State(phase & (1<<stateBits - 1)) }
func generationOf(phase uint64) uint32 { return uint32(phase >> stateBits) }
func (b *Breaker) state() State        { return stateOf(b.phase.Load()) }
