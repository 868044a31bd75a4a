package match

import (
	"math/bits"
	"slices"
)

// Roles go before salts, so that what is hashed for one purpose is independent of what is hashed for another.
const (
	layerRole      = "layer:"
	experimentRole = "exp:"
	holdoutRole    = "holdout:"
)

// free in layer.owners is a slot of no experiment.
const free = 1<<16 - 1

// layer is a layer as an [ExperimentSet] keeps it.
type layer struct {
	unit    int    // attribute number
	prefix  prefix // "layer:SALT"
	holdout int    // -1 is none

	// owners has the rank of the experiment that each cell belongs to, or free. A cell is as many neighbouring slots as begin
	// and end with every range of the layer: people write round numbers, so a table is a few hundred bytes rather than
	// 20 KB, and those of all layers stay in the nearest cache. It is nil where no slot has an owner.
	owners []uint16
}

// owner gives the rank of the experiment that a unit's slot belongs to, by the hash of the layer. With c cells of s slots
// each, s·c = 10,000, the cell hi64(hash × c) is that of the slot hi64(hash × 10,000), to the last hash: dividing by a
// whole number and rounding down can be done at once or one after the other.
func (l *layer) owner(hash uint64) uint16 {
	hi, _ := bits.Mul64(hash, uint64(len(l.owners)))
	return l.owners[hi]
}

// holdout is a holdout as an [ExperimentSet] keeps it.
type holdout struct {
	unit   int    // attribute number
	prefix prefix // "holdout:SALT"
	ppm    uint32
}

// slotOf maps the hash of a layer onto its slots, as buckets are made.
func slotOf(hash uint64) int {
	hi, _ := bits.Mul64(hash, Slots)
	return int(hi)
}

// compileOwners makes the tables of all layers.
func (xs *ExperimentSet) compileOwners(x *Experiments) {
	cell := make([]int, len(xs.layers)) // in slots
	each := func(f func(rank int, l int, r SlotRange)) {
		for i := range x.Experiments {
			if e := &x.Experiments[i]; !e.archived() {
				for _, r := range e.Slots {
					f(int(xs.ranks[i]), e.Layer, r)
				}
			}
		}
	}
	each(func(_, l int, r SlotRange) { cell[l] = gcd(cell[l], gcd(r.First, r.Last+1)) })
	each(func(rank, l int, r SlotRange) {
		size := gcd(cell[l], Slots)
		owners := &xs.layers[l].owners
		if *owners == nil {
			*owners = slices.Repeat([]uint16{free}, Slots/size)
		}
		for i := r.First / size; i <= r.Last/size; i++ {
			(*owners)[i] = uint16(rank)
		}
	})
}

// gcd gives the greatest common divisor; that of 0 and n is n.
func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// FreeSlots gives the slots of a layer that belong to no experiment, lowest first: those that a new one may have. The
// caller owns the slice.
func (xs *ExperimentSet) FreeSlots(layer int) []SlotRange {
	owners := xs.layers[layer].owners
	if owners == nil {
		return []SlotRange{{0, Slots - 1}}
	}
	return freeRanges(func(slot int) bool { return owners[slot/(Slots/len(owners))] == free })
}

// freeRanges joins neighbouring slots that are free.
func freeRanges(isFree func(slot int) bool) (out []SlotRange) {
	for i := range Slots {
		switch n := len(out); {
		case !isFree(i):
		case n > 0 && out[n-1].Last == i-1:
			out[n-1].Last = i
		default:
			out = append(out, SlotRange{i, i})
		}
	}
	return out
}

// newSlotSet gives slots as a set of bits.
func newSlotSet(ranges []SlotRange) []uint64 {
	set := make([]uint64, (Slots+63)/64)
	for _, r := range ranges {
		for i := r.First; i <= r.Last; i++ {
			set[i/64] |= 1 << (i % 64)
		}
	}
	return set
}
