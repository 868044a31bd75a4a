package limiter

import "sync/atomic"

// Slots counts the requests in flight of each key, over all event loops, and bounds them. Its methods may be called
// concurrently; they take no lock, allocate nothing and wait for nobody. A count is one word in a table of a bounded size,
// which it shares with a fingerprint of its key; a place whose count is 0 is free. A key that finds no place in its set, as
// eight others are in flight there, is let through without being counted: to turn away who is innocent would be worse.
//
// Who has entered writes a word that other loops write, too: that is the price of a limit over all of them.
type Slots struct {
	limit  atomic.Int64
	sets   uint64
	words  []atomic.Uint64 // fingerprint << countBits | count
	missed atomic.Uint64
}

// countBits of a word are the count, the upper ones the fingerprint.
const countBits = 64 - fingerprintBits

// Slot is what a request holds while it is in flight. The zero value holds nothing.
type Slot struct{ at uint32 } // the place of its count + 1; 0: none

// NewSlots makes the counts of a limit for each key; by says whether there is more than one.
func NewSlots(limit int, by bool) *Slots {
	s := &Slots{sets: 1}
	if by {
		s.sets = sharedSets
	}
	s.words = make([]atomic.Uint64, s.sets*ways)
	s.SetLimit(limit)
	return s
}

// SetLimit changes the limit. Who is in flight stays.
func (s *Slots) SetLimit(limit int) { s.limit.Store(int64(limit)) }

// Limit is the limit of each key.
func (s *Slots) Limit() int { return int(s.limit.Load()) }

// Uncounted is how many were let through without being counted.
func (s *Slots) Uncounted() uint64 { return s.missed.Load() }

// Enter counts one more request of the key, unless as many as may be are in flight. Each Slot is to be given to Leave once.
func (s *Slots) Enter(key uint64) (Slot, bool) {
	fingerprint := key << countBits
	base := setOf(key, s.sets) * ways
	words := s.words[base : base+ways]
	for {
		at, seen := -1, uint64(0)
		for i := range words {
			w := words[i].Load()
			if count := w & (1<<countBits - 1); count == 0 {
				if at < 0 {
					at, seen = i, w
				}
			} else if w == fingerprint|count {
				at, seen = i, w
				break
			}
		}
		if at < 0 {
			s.missed.Add(1)
			return Slot{}, true
		}
		count := seen & (1<<countBits - 1)
		if int64(count) >= s.limit.Load() || count == 1<<countBits-1 {
			return Slot{}, false
		}
		if words[at].CompareAndSwap(seen, fingerprint|(count+1)) {
			return Slot{uint32(base) + uint32(at) + 1}, true
		}
	}
}

// Leave gives a slot back. A zero one is fine.
func (s *Slots) Leave(slot Slot) {
	if slot.at > 0 {
		s.words[slot.at-1].Add(^uint64(0)) // the count is above 0: it never borrows from the fingerprint
	}
}

// InFlight is how many requests are counted, over all keys. It looks at the whole table; not for every request.
func (s *Slots) InFlight() int {
	sum := 0
	for i := range s.words {
		sum += int(s.words[i].Load() & (1<<countBits - 1))
	}
	return sum
}
