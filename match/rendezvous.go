package match

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Variants are drawn by weighted rendezvous: every variant has a number between 0 and 1 for the unit, and the lowest
// -ln(number)/weight wins, so that a variant gets its weight's share of the units. A variant's number depends on
// nothing but the unit, the experiment's salt and the variant's name. Hence order does not matter, and a unit goes from one
// variant to another only if the other's weight rose relative to the first's: of all ways to draw, this moves the fewest.
//
// Source: Schindelhauer and Schomaker, Weighted distributed hash tables, SPAA 2005, the logarithmic method.

// arm is a variant that has weight.
type arm struct {
	key     uint64 // xxh64("exp:SALT" ‖ 0x00 ‖ name)
	weight  uint32
	variant int32
}

// newArms gives the variants that have weight. They are in the order of their keys, so that even a tie does not depend on
// the order in which they are written.
func newArms(prefix string, variants []Variant) (arms []arm) {
	for i, v := range variants {
		if v.Weight > 0 {
			arms = append(arms, arm{xxhash.Sum64String(prefix + v.Name), v.Weight, int32(i)})
		}
	}
	slices.SortFunc(arms, func(a, b arm) int { return cmp.Compare(a.key, b.key) })
	return arms
}

// chooseArm gives the variant of a unit by its hash, xxh64("exp:SALT" ‖ 0x00 ‖ unit).
//
// Of two arms the one with the higher number wins unless the other has more weight. So the arm with the highest number has
// only heavier ones to beat, and with equal weights there is no logarithm to take.
func chooseArm(arms []arm, hash uint64) int32 {
	best, most := 0, mix64(hash^arms[0].key)>>11
	for i := 1; i < len(arms); i++ {
		n := mix64(hash^arms[i].key) >> 11
		if n > most {
			best = i
		}
		most = max(most, n)
	}
	won, wonLog := &arms[best], 0.0 // the logarithm once it is needed
	weight := won.weight
	for i := range arms {
		a := &arms[i]
		if a.weight <= weight {
			continue
		}
		if wonLog == 0 {
			wonLog = won.log(hash)
		}
		if l := a.log(hash); l*float64(won.weight) > wonLog*float64(a.weight) { // -l/a.weight < -wonLog/won.weight
			won, wonLog = a, l
		}
	}
	return won.variant
}

// score gives -ln(u)/weight for the arm's number u of a unit.
func (a *arm) score(hash uint64) float64 { return -a.log(hash) / float64(a.weight) }

// log gives ln(u): u is 53 bits of the mixed hash and a half, so that it is never 0.
func (a *arm) log(hash uint64) float64 {
	return math.Log((float64(mix64(hash^a.key)>>11) + 0.5) / (1 << 53))
}

// mix64 is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014; Stafford's variant 13): every bit of the result
// depends on every bit of z.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
