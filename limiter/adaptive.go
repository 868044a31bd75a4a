package limiter

import (
	"math"
	"sync/atomic"
)

// Adaptive finds how many requests may be in flight from how long they take: as long as latency stays where it is without a
// queue the limit grows, and where it rises the limit falls in proportion. After Netflix's gradient2 and Envoy's adaptive
// concurrency filter, with their weak points left out: gradient2 takes a long average for the latency without a queue,
// which rises in a lasting overload until the overload looks like health; Envoy measures that latency every minute by turning
// nearly everybody away, healthy or not. Here the base follows what is seen while the limit holds nobody back, only falls
// while it does, and is measured anew, with the limit at a quarter for two looks, when it has done so for long.
//
// Observe may be called concurrently by loops with shards of their own, Tick by one goroutine.
type Adaptive struct {
	shards []latencies
	slots  *Slots
	max    float64

	// Of Tick alone.
	limit   float64
	base    float64 // nanoseconds without a queue; 0: not known yet
	looked  int64   // when the last look was
	bound   int64   // since when the limit has held somebody back at every look; 0: it does not
	probing int     // looks for which the limit is still at a quarter: the first sees what was queued before
	probed  bool    // the base has been measured so once
	count   uint64  // as of the last look
	sum     uint64
	refused uint64
}

// latencies are the sums of one loop, on cache lines of its own.
type latencies struct {
	count   atomic.Uint64
	sum     atomic.Uint64 // nanoseconds
	refused atomic.Uint64
	_       [104]byte
}

// headroom is how far above the base latency may be without the limit falling: services jitter.
const headroom = 1.25

// NewAdaptive makes the limit of slots adaptive, below most, for as many loops.
func NewAdaptive(slots *Slots, most, loops int) *Adaptive {
	a := &Adaptive{shards: make([]latencies, loops), slots: slots, max: float64(max(most, minLimit))}
	a.set(firstLimit)
	return a
}

// Observe counts an answer that took as many nanoseconds, on the loop shard.
func (a *Adaptive) Observe(shard int, nanos int64) {
	s := &a.shards[shard]
	s.count.Add(1)
	s.sum.Add(uint64(max(nanos, 0)))
}

// Refused counts a request that the limit turned away, on the loop shard.
func (a *Adaptive) Refused(shard int) { a.shards[shard].refused.Add(1) }

// Base is the latency without a queue, in nanoseconds; 0 while it is not known. Of Tick's goroutine.
func (a *Adaptive) Base() int64 { return int64(a.base) }

// Tick looks at the latency since the last look, if that was long enough ago and enough has come since, and sets the limit.
// now is in nanoseconds.
func (a *Adaptive) Tick(now int64) {
	if a.looked == 0 {
		a.looked = now
	}
	var count, sum, refused uint64
	for i := range a.shards {
		count += a.shards[i].count.Load()
		sum += a.shards[i].sum.Load()
		refused += a.shards[i].refused.Load()
	}
	n, since := count-a.count, now-a.looked
	if since < windowNanos || n < minSamples && since < lookPatience {
		return
	}
	mean := float64(sum-a.sum) / float64(max(n, 1))
	held := refused > a.refused
	a.looked, a.count, a.sum, a.refused = now, count, sum, refused
	if n > 0 && mean > 0 {
		a.look(mean, held, now)
	}
}

// look is one step of the control, by the mean latency of a window in which the limit has held somebody back, or not.
func (a *Adaptive) look(mean float64, held bool, now int64) {
	if a.probing > 0 {
		if a.probing--; a.probing == 0 {
			a.base, a.bound, a.probed = mean, now, true
			a.slots.SetLimit(int(a.limit)) // and goes on from where it was: these looks say nothing of it
		}
		return
	}
	switch {
	case a.base == 0, mean < a.base:
		a.base = mean
	case !held:
		a.base += (mean - a.base) * 0.02 // the service itself has become slower, as far as can be told
	}
	if !held {
		a.bound = 0
	} else if a.bound == 0 {
		a.bound = now
	}
	gradient := min(max(a.base*headroom/mean, 0.5), 1)
	next := a.limit*gradient + math.Sqrt(a.limit)*gradient*gradient
	if next > a.limit && !held {
		next = a.limit // nobody asks for more: to grow on would say nothing of what can be borne
	}
	a.set(a.limit*0.8 + next*0.2)
	if a.bound != 0 && (now-a.bound > probeNanos || !a.probed && now-a.bound > firstProbeNanos) {
		a.probing = 2
		a.slots.SetLimit(max(int(a.limit/4), minLimit))
	}
}

func (a *Adaptive) set(limit float64) {
	a.limit = min(max(limit, minLimit), a.max)
	a.slots.SetLimit(int(a.limit))
}
