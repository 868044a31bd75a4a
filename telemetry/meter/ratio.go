package meter

import (
	"math"
	"math/bits"
	"sync/atomic"
)

const (
	// concentration is K of the test: how much the prior trusts that a split is about as the weights say.
	concentration = 1000
	// alarmLogEvidence is ln 10⁴: an experiment whose split is right alarms with a probability of 10⁻⁴ at most, ever.
	alarmLogEvidence = 9.210340371976184
)

// ratio tests whether units split as the weights say, at every look anew. After Lindon and Malek, "Anytime-valid inference
// for multinomial count data": the evidence E is a likelihood ratio, a Dirichlet prior around the weights against the weights.
// Under the weights it is a martingale that begins at 1, so by Ville's inequality it ever reaches 10⁴ with
// a probability of 10⁻⁴ at most, however often it is looked at.
//
// see, look and size are for whoever holds [Registry.draining]; told may be called by anyone.
type ratio struct {
	shares []float64 // of the variants, sum 1; all 0 if all weights are
	counts []uint64  // distinct units, by variant
	units  uint64    // sum of counts
	seen   seen

	mismatch    atomic.Bool // latched
	logEvidence atomic.Uint64
	published   atomic.Uint64 // units
}

// SampleRatio is how the test of one experiment's sample ratio stands.
type SampleRatio struct {
	Units       uint64  // distinct, sampled
	LogEvidence float64 // natural logarithm of E; +Inf if a variant of weight 0 was drawn
	Mismatch    bool    // E was 10⁴ or more once; stays until weights or salt change
}

func newRatio(weights []uint64) *ratio {
	t := &ratio{shares: make([]float64, min(len(weights), maxVariants)), counts: make([]uint64, min(len(weights), maxVariants))}
	sum := 0.0
	for _, w := range weights {
		sum += float64(w)
	}
	for i, w := range weights {
		if sum > 0 {
			t.shares[min(i, maxVariants-1)] += float64(w) / sum
		}
	}
	return t
}

// see counts a unit if it is a new one, and says whether it was.
func (t *ratio) see(unit uint64, variant int) bool {
	if !t.seen.add(unit) {
		return false
	}
	t.counts[variant]++
	t.units++
	return true
}

// look computes the evidence and raises the alarm.
func (t *ratio) look() {
	e := logEvidence(t.shares, t.counts)
	t.logEvidence.Store(math.Float64bits(e))
	t.published.Store(t.units)
	if e >= alarmLogEvidence {
		t.mismatch.Store(true)
	}
}

func (t *ratio) told() SampleRatio {
	return SampleRatio{t.published.Load(), math.Float64frombits(t.logEvidence.Load()), t.mismatch.Load()}
}

// size says how many bytes the table of seen units may take, unless there is one already.
func (t *ratio) size(bytes int) {
	if t.seen.bits == nil {
		t.seen.bytes = bytes
	}
}

// logEvidence is ln E = lnΓ(K) − lnΓ(K+n) + Σ[lnΓ(Kπ+n) − lnΓ(Kπ) − n ln π], over the variants with their shares π.
func logEvidence(shares []float64, counts []uint64) float64 {
	e, sum := 0.0, 0.0
	for i, n := range counts {
		if n == 0 {
			continue // its term is 0, even if the share is
		}
		if shares[i] == 0 {
			return math.Inf(1)
		}
		prior, n := concentration*shares[i], float64(n)
		e += logGamma(prior+n) - logGamma(prior) - n*math.Log(shares[i])
		sum += n
	}
	return e + logGamma(concentration) - logGamma(concentration+sum)
}

func logGamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}

// seen tells new units from those that were seen before, in a fixed number of bytes: one bit for each place that a unit's
// hash may point to. A new unit whose bit another one has set is taken for seen and not counted. Which units those
// are does not depend on their variant, so the ones that are counted still split by the weights, and the test stays right
// however full the table is: there is no bound beyond which it would be wrong, it learns slower and slower. Half full
// (0.7 units per bit), every other new unit counts; with three units per bit, one in twenty.
// An exact set would need ten times the memory per unit and a rule for what to forget, and forgetting counts units twice.
type seen struct {
	bytes int // of the table; a power of 2, at least 8; 0: smallestSeen
	bits  []uint64
}

// add enters a unit, and says whether it was a new one. The table is made by the first.
func (s *seen) add(unit uint64) bool {
	if s.bits == nil {
		s.bits = make([]uint64, max(s.bytes, smallestSeen)/8)
	}
	// The low bits are those by which units are sampled: they are the same for all.
	at := unit >> (64 - bits.TrailingZeros(uint(64*len(s.bits))))
	word, bit := &s.bits[at/64], uint64(1)<<(at%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// seenBytes is the size of new tables when there are so many experiments, each of which has two.
func seenBytes(experiments int) int {
	share := allSeen / (2 * max(experiments, 1))
	return min(max(1<<(bits.Len(uint(share))-1), smallestSeen), largestSeen)
}
