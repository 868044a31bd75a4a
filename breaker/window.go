package breaker

import "sync/atomic"

// ring counts events in the buckets of a sliding window. A word holds the number of its bucket (its epoch) above a
// count, so that one load tells both: a bucket whose time is over needs no sweeping, it is found to be another's and
// written over. Safe for concurrent use, without locks; an event that races with the turn of its bucket may be counted
// in the next.
//
// An epoch is a time divided by a bucket's length. They come back after 2^32 buckets, which is 13 years of the
// shortest; and a bucket holds 2^32 events, which is seven minutes of ten million a second.
type ring [slots]atomic.Uint64

// add counts one event, and gives the events of its bucket so far and whether it was the bucket's first.
func (r *ring) add(epoch uint32) (n uint32, turned bool) {
	w := &r[epoch%slots]
	if uint32(w.Load()>>32) == epoch {
		return uint32(w.Add(1)), false
	}
	return turn(w, epoch)
}

// turn counts the first event of a bucket whose word another bucket has held.
func turn(w *atomic.Uint64, epoch uint32) (uint32, bool) {
	for {
		v := w.Load()
		if uint32(v>>32) == epoch {
			return uint32(w.Add(1)), false
		}
		if w.CompareAndSwap(v, uint64(epoch)<<32|1) {
			return 1, true
		}
	}
}

// sum is how many events are in the window that ends with the bucket epoch. Loops do not read the clock at the same
// moment: what another has counted in a bucket to come counts too.
func (r *ring) sum(epoch uint32) uint64 {
	var n uint64
	for i := range r {
		v := r[i].Load()
		if age := int32(epoch - uint32(v>>32)); -Buckets < age && age < Buckets {
			n += uint64(uint32(v))
		}
	}
	return n
}

// forget empties the window. Events that are counted meanwhile may stay.
func (r *ring) forget() {
	for i := range r {
		r[i].Store(0)
	}
}

// share watches one kind of bad outcome in the window. Written on bad outcomes only.
type share struct {
	bad ring
	// quiet holds an epoch above a number of bad outcomes: until the window moves on, fewer of them are too few,
	// because the total only grows meanwhile. It spares most bad outcomes the sum over the shards.
	quiet atomic.Uint64
}

// reached counts a bad outcome, which the breaker's shards have counted already, and reports whether bad ones are now
// the share ppm or more of all in the window.
func (s *share) reached(b *Breaker, t *terms, ppm, epoch uint32) bool {
	s.bad.add(epoch)
	if ppm == 0 {
		return false
	}
	bad := s.bad.sum(epoch)
	if bad < least(ppm, t.need) {
		return false
	}
	if q := s.quiet.Load(); uint32(q>>32) == epoch && bad < uint64(uint32(q)) {
		return false
	}
	total := b.total(epoch)
	wanted := least(ppm, max(total, t.need))
	if total >= t.need && bad >= wanted {
		return true
	}
	s.quiet.Store(uint64(epoch)<<32 | min(wanted, 1<<32-1))
	return false
}

// moved is told that a bucket was given to another epoch: the total may have become smaller for any but that one.
func (s *share) moved(epoch uint32) {
	if q := s.quiet.Load(); q != 0 && uint32(q>>32) != epoch {
		s.quiet.Store(0)
	}
}

func (s *share) forget() {
	s.bad.forget()
	s.quiet.Store(0)
}

// epoch numbers the bucket of the window that the time now falls into.
func (b *Breaker) epoch(t *terms, now int64) uint32 {
	epoch := t.epoch(now)
	if t.segment != 0 {
		epoch += b.skipped.Load()
	}
	return epoch
}

// total is how many outcomes are in the window that ends with the bucket epoch, over all shards.
func (b *Breaker) total(epoch uint32) uint64 {
	var n uint64
	for i := range b.shards {
		n += b.shards[i].sum(epoch)
	}
	return n
}

// forget empties the window.
func (b *Breaker) forget() {
	for i := range b.shards {
		b.shards[i].forget()
	}
	b.failures.forget()
	b.slow.forget()
	b.inARow.Store(0)
	b.segment.Store(0)
}

// tell moves the window on when a bucket has its share of the Calls that are to count: by time it would be later.
// n is how many outcomes the caller's shard has counted in it.
func (b *Breaker) tell(t *terms, epoch, n uint32) {
	if n&(t.batch-1) != 0 {
		return
	}
	for {
		v := b.segment.Load()
		count := t.batch
		if uint32(v>>32) == epoch {
			count += uint32(v)
		}
		if !b.segment.CompareAndSwap(v, uint64(epoch)<<32|uint64(count)) {
			continue
		}
		if count >= t.segment && count-t.batch < t.segment {
			b.skipped.Add(1)
		}
		return
	}
}
