package upstream

import "sync/atomic"

// budget bounds the retries of a pool to a share of its requests in the last ten seconds, and a small number a second
// beside. Requests are counted by each loop for itself; a tick adds them up, so that a request earns its share of a
// retry at most a tick later.
type budget struct {
	taken   atomic.Int64 // retries since ever
	allowed atomic.Int64 // what taken may come to

	// The window, under the registry's lock: of each slot, the totals when it began.
	share    uint32 // ppm
	slot     int64  // the number of the newest
	started  bool
	requests [budgetSlots]uint64
	retries  [budgetSlots]int64
}

// take takes one retry, if there is one.
func (b *budget) take() bool {
	for {
		taken := b.taken.Load()
		if taken >= b.allowed.Load() {
			return false
		}
		if b.taken.CompareAndSwap(taken, taken+1) {
			return true
		}
	}
}

// left reports whether there is one more.
func (b *budget) left() bool { return b.taken.Load() < b.allowed.Load() }

// tick moves the window. requests is the number since ever.
func (b *budget) tick(now int64, requests uint64) {
	slot := max(now, 0) / budgetSlotNanos
	if !b.started {
		b.started, b.slot = true, slot // what came before the first tick came in this window: the slots' totals begin at nothing
	}
	for n := 0; b.slot < slot && n < budgetSlots; n++ {
		b.slot++
		b.requests[b.slot%budgetSlots], b.retries[b.slot%budgetSlots] = requests, b.taken.Load()
	}
	b.slot = max(b.slot, slot)
	oldest := (b.slot + 1) % budgetSlots
	earned := int64(float64(requests-b.requests[oldest]) * float64(b.share) / 1e6)
	b.allowed.Store(b.retries[oldest] + earned + budgetStart)
}
