package upstream

import "math/bits"

// alias draws an index with a probability in proportion to its weight, in constant time, by the method of Walker and
// Vose. Immutable.
type alias struct {
	n     uint64
	keep  []uint32 // of the column: below this the index itself is drawn, else other; nil: all weights are equal
	other []uint32
}

// newAlias makes one for weights that are not negative, of which at least one is above 0 (or there are none).
func newAlias(weights []float64) alias {
	a := alias{n: uint64(len(weights))}
	total, equal := 0.0, true
	for _, w := range weights {
		total += w
		equal = equal && w == weights[0]
	}
	if equal {
		return a
	}
	a.keep, a.other = make([]uint32, len(weights)), make([]uint32, len(weights))
	// Columns that have less than their due are filled up by those that have more.
	due := make([]float64, len(weights))
	var less, more []int
	for i, w := range weights {
		due[i] = w / total * float64(len(weights))
		if due[i] < 1 {
			less = append(less, i)
		} else {
			more = append(more, i)
		}
	}
	for len(less) > 0 && len(more) > 0 {
		l, m := less[len(less)-1], more[len(more)-1]
		less = less[:len(less)-1]
		a.keep[l], a.other[l] = uint32(due[l]*(1<<32-1)), uint32(m)
		if due[m] -= 1 - due[l]; due[m] < 1 {
			more = more[:len(more)-1]
			less = append(less, m)
		}
	}
	for _, i := range append(less, more...) { // what rounding has left over
		a.keep[i], a.other[i] = 1<<32-1, uint32(i)
	}
	return a
}

// draw gives an index for a random number.
func (a *alias) draw(random uint64) int {
	column, rest := bits.Mul64(random, a.n)
	if a.keep != nil && uint32(rest>>32) >= a.keep[column] {
		return int(a.other[column])
	}
	return int(column)
}

// mix makes an independent random number of another (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
