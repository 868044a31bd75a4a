package limiter

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Buckets is one rate limit: a token bucket for each key, over all event loops. A loop spends by a copy of its own (see
// [Spender]), without a lock or a word that another loop writes, and settles with the others every tick.
//
// A bucket is one number, the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371): the moment at which
// it is full again. To spend a token is to move it on by the time that one token takes to grow; to merge what several
// loops have spent is to add that up.
//
// What is exact, and what is not: over any longer time no key gets more than its rate. Between two settlements each loop
// knows only what the others had spent before, so that a burst which meets several loops within one tick can be as
// large as the burst for each of them; what was too much is a debt that is waited off afterwards.
//
// The table is bounded. Where a key finds its set full it takes the place of the bucket that is nearest to full, which is
// the one that has least to remember: an idle one, as a rule.
type Buckets struct {
	interval int64 // nanoseconds in which one token grows
	depth    int64 // interval x burst
	sets     uint64
	locals   uint64
	locks    [stripes]sync.Mutex // by set; only ever tried, never waited for
	slots    []sharedBucket

	evicted atomic.Uint64
	policy  string
}

type sharedBucket struct {
	key  uint64
	full int64 // when it is full; 0 for a place that is free
}

// NewBuckets makes the buckets of a rate limit, all of them full. name is what the limit is called in the answer.
func NewBuckets(name string, r *RateLimit) *Buckets {
	b := &Buckets{sets: sharedSets, locals: localSets}
	if r.By == "" {
		b.sets, b.locals = 1, 1
	}
	b.interval = max(int64(math.Round(1e9/r.PerSecond)), 1)
	b.depth = b.interval * int64(max(r.Burst, 1))
	b.slots = make([]sharedBucket, b.sets*ways)
	b.policy = policyText(name, r.PerSecond)
	return b
}

// Policy is the value of a RateLimit-Policy field (draft-ietf-httpapi-ratelimit-headers): the quota, and its window in
// seconds.
func (b *Buckets) Policy() string { return b.policy }

// Evicted is how many buckets were forgotten that were not full. Safe for concurrent use.
func (b *Buckets) Evicted() uint64 { return b.evicted.Load() }

// policyText gives the quota in the shortest window in which it is a whole number: a second, a minute, an hour.
func policyText(name string, perSecond float64) string {
	window := 3600.0
	for _, w := range []float64{1, 60} {
		if q := perSecond * w; q >= 1 && math.Abs(q-math.Round(q)) < 1e-6*q {
			window = w
			break
		}
	}
	return fmt.Sprintf("%q;q=%d;w=%d", name, int64(max(math.Round(perSecond*window), 1)), int64(window))
}

// settle adds what one loop has spent of a key: n tokens, the first of them at the time first, after which the loop's own
// view of the bucket was full. It gives the view of all. false: another loop is at it just now, and nothing was changed.
func (b *Buckets) settle(key uint64, n, first, full int64) (int64, bool) {
	set := setOf(key, b.sets)
	lock := &b.locks[set%stripes]
	if !lock.TryLock() {
		return full, false
	}
	defer lock.Unlock()
	slots := b.slots[set*ways : (set+1)*ways]
	at := 0
	for i := range slots {
		switch s := &slots[i]; {
		case s.full != 0 && s.key == key:
			if n > 0 {
				s.full = max(max(s.full, first)+n*b.interval, full)
			}
			return max(s.full, full), true
		case s.full < slots[at].full:
			at = i
		}
	}
	if n == 0 {
		return full, true // to look is no reason to drive another out
	}
	s := &slots[at]
	if s.full > first {
		b.evicted.Add(1)
	}
	s.key, s.full = key, max(first+n*b.interval, full)
	return s.full, true
}

// setOf spreads keys over a number of sets that is a power of two, by the key's upper bits.
func setOf(key, sets uint64) uint64 { return (key >> 32) & (sets - 1) }

// Spender is one loop's view of the buckets. It belongs to that loop.
type Spender struct {
	b     *Buckets
	slots []localBucket
	dirty []uint32 // places that were spent from since the last settlement, each once
}

type localBucket struct {
	key   uint64
	full  int64 // as in sharedBucket; 0 for a place that is free
	first int64 // when the first token since the last settlement was spent
	spent int64 // tokens since then
	dirty bool  // the place is in Spender.dirty
}

// Spender makes the view of one more loop.
func (b *Buckets) Spender() *Spender {
	return &Spender{b: b, slots: make([]localBucket, b.locals*ways), dirty: make([]uint32, 0, b.locals*ways)}
}

// Buckets is what is spent from.
func (s *Spender) Buckets() *Buckets { return s.b }

// Take spends one token of the key at the time now (nanoseconds, above zero, of one origin for all loops). If there is
// none, wait is how long one takes to grow. It allocates nothing and waits for nobody.
func (s *Spender) Take(key uint64, now int64) (ok bool, wait int64) {
	at := s.find(key, now)
	l := &s.slots[at]
	if l.spent == 0 { // what the others have spent since this loop last did
		l.full, _ = s.b.settle(key, 0, now, l.full)
	}
	full := max(l.full, now)
	if wait = full + s.b.interval - now - s.b.depth; wait > 0 {
		return false, wait
	}
	if l.spent == 0 {
		l.first = now
	}
	l.full = full + s.b.interval
	l.spent++
	if !l.dirty {
		l.dirty = true
		s.dirty = append(s.dirty, uint32(at))
	}
	return true, 0
}

// find gives the place of the loop's bucket of a key; one that was not at hand takes that of the fullest of its set.
func (s *Spender) find(key uint64, now int64) uint64 {
	base := setOf(key, s.b.locals) * ways
	slots := s.slots[base : base+ways]
	at := 0
	for i := range slots {
		if l := &slots[i]; l.full != 0 && l.key == key {
			return base + uint64(i)
		}
		if slots[i].full < slots[at].full {
			at = i
		}
	}
	l := &slots[at]
	s.settle(l) // if that cannot be now, it is lost with the bucket: one that comes back owes that much less
	*l = localBucket{key: key, full: now, dirty: l.dirty}
	return base + uint64(at)
}

// Settle makes known to the other loops what this one has spent, and learns what they have. To be called every tick.
func (s *Spender) Settle() {
	kept := s.dirty[:0]
	for _, at := range s.dirty {
		if l := &s.slots[at]; s.settle(l) {
			l.dirty = false
		} else {
			kept = append(kept, at)
		}
	}
	s.dirty = kept
}

func (s *Spender) settle(l *localBucket) bool {
	if l.spent == 0 {
		return true
	}
	full, ok := s.b.settle(l.key, l.spent, l.first, l.full)
	if ok {
		l.full, l.spent = full, 0
	}
	return ok
}
