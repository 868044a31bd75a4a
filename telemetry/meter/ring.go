package meter

import (
	"sync/atomic"
	"time"
)

// sample is a unit on its way to a test.
type sample struct {
	ratio   *ratio
	unit    uint64 // mixed
	variant uint8
}

// ring is the queue of one loop's samples. The loop puts, and relays that end its requests; one goroutine takes; nobody
// waits. What the two sides write stands on lines of their own. The zero ring is empty.
type ring struct {
	_       [line]byte
	putting atomic.Bool   // held by who puts
	tail    atomic.Uint64 // samples ever put
	seen    uint64        // head, as who put last saw it; guarded by putting
	dropped atomic.Uint64
	_       [line]byte    // whole, as a slice of rings need not begin with a line
	head    atomic.Uint64 // samples ever taken; written by who drains
	_       [line]byte
	samples *[sampleRing]sample // made by the first put, as most gateways have no experiments; written before tail is
}

// put queues a sample. If there is no room, or another goroutine is putting one right now, it is dropped and counted.
func (r *ring) put(s sample) {
	if !r.putting.CompareAndSwap(false, true) {
		r.dropped.Add(1)
		return
	}
	defer r.putting.Store(false)
	tail := r.tail.Load()
	if tail-r.seen == sampleRing {
		if r.seen = r.head.Load(); tail-r.seen == sampleRing {
			r.dropped.Add(1)
			return
		}
	}
	if r.samples == nil {
		r.samples = new([sampleRing]sample)
	}
	r.samples[tail%sampleRing] = s
	r.tail.Store(tail + 1)
}

// take gives all samples that are queued to a function, in order.
func (r *ring) take(f func(sample)) {
	head := r.head.Load()
	for tail := r.tail.Load(); head != tail; head++ {
		at := &r.samples[head%sampleRing]
		f(*at)
		*at = sample{} // so that a test that nobody needs any more is not kept
	}
	r.head.Store(head)
}

// Drain tests what the loops have sampled so far. It is called every second, and by every scrape; tests call it too.
func (r *Registry) Drain() {
	r.draining.Lock()
	defer r.draining.Unlock()
	changed := map[*ratio]bool{}
	for i := range r.rings {
		r.rings[i].take(func(s sample) {
			if s.ratio.see(s.unit, int(s.variant)) {
				changed[s.ratio] = true
			}
		})
	}
	for t := range changed {
		t.look()
	}
}

// drainOften drains until the registry is closed.
func (r *Registry) drainOften() {
	defer close(r.stopped)
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.Drain()
		case <-r.stop:
			return
		}
	}
}

// dropped are the samples that were lost.
func (r *Registry) dropped() (sum uint64) {
	for i := range r.rings {
		sum += r.rings[i].dropped.Load()
	}
	return sum
}
