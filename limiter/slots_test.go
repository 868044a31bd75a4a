package limiter

import (
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// Slots against a plain map of counts.
func TestSlotsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		s := NewSlots(limit, true)
		counts := map[uint64]int{}
		type held struct {
			key  uint64
			slot Slot
		}
		var all []held
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				key := rapid.Uint64Range(1, 6).Draw(t, "key") // all of one set
				want := counts[key] < limit
				slot, ok := s.Enter(key)
				if ok != want {
					t.Fatalf("Enter(%d) with %d in flight: got %v, want %v", key, counts[key], ok, want)
				}
				if ok {
					counts[key]++
					all = append(all, held{key, slot})
				}
			},
			"leave": func(t *rapid.T) {
				if len(all) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				s.Leave(all[i].slot)
				counts[all[i].key]--
				all[i] = all[len(all)-1]
				all = all[:len(all)-1]
			},
			"limit": func(t *rapid.T) {
				limit = rapid.IntRange(1, 4).Draw(t, "limit")
				s.SetLimit(limit)
			},
			"": func(t *rapid.T) {
				if got := s.InFlight(); got != len(all) {
					t.Fatalf("in flight: got %d, want %d", got, len(all))
				}
			},
		})
	})
}

// The ninth key of a set of eight in flight is let through and counted as such; so is none when one of them has left.
func TestFullSet(t *testing.T) {
	s := NewSlots(1, true)
	var first Slot
	for key := range uint64(ways) {
		slot, ok := s.Enter(key)
		if !ok || slot.at == 0 {
			t.Fatalf("key %d: got %v, %v, want it counted", key, slot, ok)
		}
		first = slot
	}
	slot, ok := s.Enter(99)
	if !ok || slot != (Slot{}) || s.Uncounted() != 1 {
		t.Errorf("the ninth: got %v, %v, %d uncounted, want it through without a count", slot, ok, s.Uncounted())
	}
	s.Leave(slot)
	if got := s.InFlight(); got != ways {
		t.Errorf("in flight: got %d, want %d", got, ways)
	}
	s.Leave(first)
	if slot, ok := s.Enter(99); !ok || slot.at == 0 {
		t.Errorf("with a place free: got %v, %v, want it counted", slot, ok)
	}
}

// Whatever several loops do at once, no more than the limit are inside, and none is left in the end.
func TestSlotsConcurrently(t *testing.T) {
	const limit = 3
	s := NewSlots(limit, true)
	var inside [20]atomic.Int64
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 20_000 {
				key := (i*7 + n) % len(inside)
				slot, ok := s.Enter(uint64(key) | uint64(key/5)<<32)
				if !ok {
					continue
				}
				if slot.at > 0 && inside[key].Add(1) > limit {
					t.Errorf("key %d: more than %d inside", key, limit)
				}
				if slot.at > 0 {
					inside[key].Add(-1)
				}
				s.Leave(slot)
			}
		})
	}
	all.Wait()
	if got := s.InFlight(); got != 0 {
		t.Errorf("in flight in the end: got %d, want 0", got)
	}
}

func TestEnterAllocatesNothing(t *testing.T) {
	s := NewSlots(2, true)
	key := uint64(1)
	if got := testing.AllocsPerRun(10_000, func() {
		key += 0x9E3779B97F4A7C15
		slot, _ := s.Enter(key)
		s.Leave(slot)
	}); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
}
