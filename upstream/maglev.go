package upstream

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// maglev is the table of consistent: a key's hash gives a slot, and the slot an endpoint. Every endpoint has slots in
// proportion to its weight, and when endpoints come or go hardly any other key moves (Maglev, NSDI 2016). The table goes by
// the addresses and weights alone, so that all gateways agree. Immutable.
type maglev struct {
	slots []uint16 // indices of the endpoints it was made of
	key   uint64   // of addresses and weights, to know an equal one again
}

// maglevKey identifies the table of some endpoints, which are in the order of their addresses.
func maglevKey(members []member) uint64 {
	var d xxhash.Digest
	d.Reset()
	var word [8]byte
	for i := range members {
		_, _ = d.WriteString(members[i].e.Address)
		w := math.Float64bits(members[i].due)
		for j := range word {
			word[j] = byte(w >> (8 * j))
		}
		_, _ = d.Write(word[:])
	}
	return d.Sum64()
}

func newMaglev(members []member) *maglev {
	n := len(members)
	size := uint64(nextPrime(max(maglevSlots, n*maglevPerEndpoint)))
	t := &maglev{slots: make([]uint16, size), key: maglevKey(members)}
	taken := make([]bool, size)
	turns := make([]turn, n)
	for i := range turns {
		h := xxhash.Sum64String(members[i].e.Address)
		turns[i] = turn{
			index: i, cost: 1 / members[i].due, next: 1 / members[i].due,
			slot: h % size, step: mix(h)%(size-1) + 1,
		}
	}
	for i := n/2 - 1; i >= 0; i-- {
		sink(turns, i)
	}
	// Whose turn it is takes the next free slot of its own permutation of all slots.
	for range size {
		p := &turns[0]
		for taken[p.slot] {
			p.slot = (p.slot + p.step) % size
		}
		taken[p.slot], t.slots[p.slot] = true, uint16(p.index)
		p.next += p.cost
		sink(turns, 0)
	}
	return t
}

// turn is an endpoint that waits for its next slot: the one with the least next is first. A heap.
type turn struct {
	index      int
	next, cost float64
	slot, step uint64
}

func (a *turn) before(b *turn) bool {
	return a.next < b.next || a.next == b.next && a.index < b.index
}

func sink(heap []turn, at int) {
	for {
		child := 2*at + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1].before(&heap[child]) {
			child++
		}
		if heap[at].before(&heap[child]) {
			return
		}
		heap[at], heap[child] = heap[child], heap[at]
		at = child
	}
}

// at gives the index for a hash.
func (t *maglev) at(hash uint64) int { return int(t.slots[hash%uint64(len(t.slots))]) }

// nextPrime gives the first prime from n on; n is odd or becomes so, and above 2.
func nextPrime(n int) int {
	for n |= 1; ; n += 2 {
		prime := true
		for d := 3; d*d <= n; d += 2 {
			if n%d == 0 {
				prime = false
				break
			}
		}
		if prime {
			return n
		}
	}
}
