package match

import (
	"cmp"
	"math"
	"math/bits"
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

// chooseArm gives the variant of a unit by its hash, xxh64("exp:SALT" ‖ 0x00 ‖ unit). Nearly always bounds of the logarithms
// tell; where they do not, [chooseByLogs] does. There are no branches but that one and the loop's: which of the arms has
// the lower score is as hard to predict as it should be.
func chooseArm(arms []arm, hash uint64) int32 {
	best, low, weight := 0, lowLog(arms[0].number(hash)), int64(arms[0].weight)
	open := int64(0)
	for i := 1; i < len(arms); i++ {
		a := &arms[i]
		l, w := lowLog(a.number(hash)), int64(a.weight)
		isLower := ((l+logSlack)*weight - low*w) >> 63 // all ones or none: the sign
		isHigher := ((low+logSlack)*w - l*weight) >> 63
		open |= ^(isLower | isHigher)
		best ^= (best ^ i) & int(isLower)
		low ^= (low ^ l) & isLower
		weight ^= (weight ^ w) & isLower
	}
	if open != 0 {
		return chooseByLogs(arms, hash)
	}
	return arms[best].variant
}

// chooseByLogs is chooseArm to the last bit.
//
// Of two arms the one with the higher number wins unless the other has more weight. So the arm with the highest number has
// only heavier ones to beat, and with equal weights there is no logarithm to take.
func chooseByLogs(arms []arm, hash uint64) int32 {
	best, most := 0, arms[0].number(hash)
	for i := 1; i < len(arms); i++ {
		if n := arms[i].number(hash); n > most {
			best, most = i, n
		}
	}
	won, weight := &arms[best], arms[best].weight
	for i := range arms {
		a := &arms[i]
		if a.weight <= weight {
			continue
		}
		if n := a.number(hash); logOf(n)*float64(won.weight) > logOf(most)*float64(a.weight) { // -ln(n)/a.weight < -ln(most)/won.weight
			won, most = a, n
		}
	}
	return won.variant
}

// number gives 53 bits of the mixed hash: the arm's number u for the unit is that and a half, so that it is never 0, of 2⁵³.
func (a *arm) number(hash uint64) uint64 { return mix64(hash^a.key) >> 11 }

// score gives -ln(u)/weight for the arm's number u of a unit.
func (a *arm) score(hash uint64) float64 { return -logOf(a.number(hash)) / float64(a.weight) }

// logOf gives ln(u) for a number of 53 bits.
func logOf(n uint64) float64 { return math.Log((float64(n) + 0.5) / (1 << 53)) }

// lowLog gives a lower bound of -ln(u) for a number of 53 bits, in units of 2⁻²⁴, a little below 0 at worst; with logSlack
// added it is an upper bound. Both are wider than they have to be by more than one unit, which is a million times what
// logarithms of floats and their products with weights can be off: what bounds tell is what chooseByLogs would have told.
// Products with weights stay below 2⁶².
//
// With x = 2n+1, u is x/2⁵⁴, and x is a power of 2 times 1+f: -ln(u) is a number of ln(2) less ln(1+f), for which the first
// bits of f stand.
func lowLog(n uint64) int64 {
	x := 2*n + 1
	zeros := bits.LeadingZeros64(x) // 10 to 63
	return int64(zeros-9)*ln2Log - int64(fractionLogs[x<<zeros>>(63-fractionBits)&(1<<fractionBits-1)])
}

const (
	fractionBits = 8
	logUnit      = 1 << 24
	ln2Log       = 11629079 // ln(2), rounded down; rounding takes 54 × 0.9 units at most
	logSlack     = logUnit>>fractionBits + 64
)

// fractionLogs has an upper bound of ln(1+f) for every f that begins with the same bits: that of the next such f, and some.
var fractionLogs = func() (t [1 << fractionBits]uint32) {
	for i := range t {
		t[i] = uint32(math.Ceil(math.Log1p(float64(i+1)/(1<<fractionBits))*logUnit)) + 2
	}
	return t
}()

// mix64 is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014; Stafford's variant 13): every bit of the result
// depends on every bit of z.
func mix64(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
