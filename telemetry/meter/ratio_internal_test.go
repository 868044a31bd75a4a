package meter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEvidence compares with values of the formula that were computed to 40 digits elsewhere.
func TestEvidence(t *testing.T) {
	row := func(weights, counts []uint64, want float64) {
		t.Run(fmt.Sprint(weights, counts), func(t *testing.T) {
			got := logEvidence(newRatio(weights).shares, counts)
			if got != want && !(math.Abs(got-want) <= 1e-9*(1+math.Abs(want))) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	row([]uint64{1, 1}, []uint64{1, 0}, 0)
	row([]uint64{1, 1}, []uint64{500, 500}, -0.346698590243514)
	row([]uint64{1, 1}, []uint64{600, 400}, 9.67506195389825)
	row([]uint64{1, 1}, []uint64{5200, 4800}, 6.07581765157897)
	row([]uint64{1, 3}, []uint64{300, 700}, 2.88587726709885)
	row([]uint64{1, 1, 8}, []uint64{120, 100, 780}, 0.358369826198223)
	row([]uint64{90, 10}, []uint64{8700, 1300}, 40.9140315461263)
	row([]uint64{1, 0}, []uint64{5, 0}, 0)
	row([]uint64{0, 0}, []uint64{0, 0}, 0)
	row([]uint64{1, 0}, []uint64{5, 1}, math.Inf(1))
}

// simulate draws distinct units with the given shares until the test alarms, looking at every so many; it gives how many it
// took, or 0 if there was no alarm among so many. most is told of the highest evidence that was seen at a look.
func simulate(seed uint64, weights []uint64, shares []float64, units, every int, most *float64) int {
	rng := rand.New(rand.NewPCG(seed, 7))
	t := newRatio(weights)
	t.size(largestSeen)
	for n := 1; n <= units; n++ {
		u, v := rng.Float64(), 0
		for v < len(shares)-1 && u >= shares[v] {
			u -= shares[v]
			v++
		}
		t.see(rng.Uint64(), v)
		if n%every == 0 {
			t.look()
			told := t.told()
			*most = max(*most, told.LogEvidence)
			if told.Mismatch {
				return n
			}
		}
	}
	return 0
}

// TestHealthyExperimentsStayQuiet looks 160 times each at 1000 experiments that split as they should. By theory at most one in
// 10,000 ever alarms, so 0.1 are expected at most, and more than 2 have a probability of 0.02 %. Evidence of 20 to 1 is reached by at
// most 5 %, and by some, or the test would be blind. A chi-square test at 5 % that is looked at as often must be
// wrong far more often: that is why it is not used.
func TestHealthyExperimentsStayQuiet(t *testing.T) {
	const experiments, units, every = 1000, 8000, 50
	row := func(name string, weights []uint64, shares ...float64) {
		t.Run(name, func(t *testing.T) {
			alarms, some := 0, 0
			for seed := range uint64(experiments) {
				most := 0.0
				if simulate(seed, weights, shares, units, every, &most) > 0 {
					alarms++
				}
				if most >= math.Log(20) {
					some++
				}
			}
			if alarms > 2 || some > experiments/20 || some == 0 {
				t.Errorf("of %d experiments %d alarmed, want 2 at most; %d reached 20 to 1, want 1 to %d", experiments, alarms, some, experiments/20)
			}
			t.Logf("%d of %d alarmed, %d reached 20 to 1", alarms, experiments, some)
		})
	}
	row("even", []uint64{1, 1}, 0.5, 0.5)
	row("four", []uint64{70, 20, 9, 1}, 0.7, 0.2, 0.09, 0.01)

	t.Run("chi-square", func(t *testing.T) {
		wrong := 0
		for seed := range uint64(200) {
			rng, first := rand.New(rand.NewPCG(seed, 7)), 0.0
			for n := 1.0; n <= units; n++ {
				if rng.Float64() < 0.5 {
					first++
				}
				if d := 2*first - n; math.Mod(n, every) == 0 && d*d/n > 3.841 {
					wrong++
					break
				}
			}
		}
		if wrong < 200/5 {
			t.Errorf("the naive test is wrong in %d of 200 only: this simulation does not show what it should", wrong)
		}
		t.Logf("a chi-square test at 5 %%, looked at as often: %d of 200", wrong)
	})
}

// TestLossAlarms takes 3 % of one arm of an even experiment away. The evidence grows by the Kullback-Leibler distance of
// what comes from what should, per unit, and the prior costs ½ ln(1 + n/K); that sum reaches ln 10⁴ at n = 99,300 sampled
// units, 6.4 million in all. The median of the trials is to lie within 0.7 and 1.1 times that (the walk passes its threshold
// early as often as late, and its maximum counts), and nine in ten within 2 times.
func TestLossAlarms(t *testing.T) {
	const trials = 51
	p := 0.97 / 1.97
	distance := p*math.Log(2*p) + (1-p)*math.Log(2*(1-p))
	expected := 0.0
	for expected = 1000; expected*distance-math.Log1p(expected/concentration)/2 < alarmLogEvidence; expected += 100 {
	}
	if expected < 95_000 || expected > 105_000 {
		t.Fatalf("by theory %v units are needed: that is not what this test says of it", expected)
	}
	needed := make([]int, trials)
	for i := range needed {
		most := 0.0
		needed[i] = simulate(uint64(i), []uint64{1, 1}, []float64{p, 1 - p}, 400_000, 500, &most)
		if needed[i] == 0 {
			needed[i] = math.MaxInt
		}
	}
	slices.Sort(needed)
	median, late := float64(needed[trials/2]), float64(needed[trials*9/10])
	if median < 0.7*expected || median > 1.1*expected || late > 2*expected {
		t.Errorf("alarm after %v units in the median, %v at the 90th percentile; theory says %v", median, late, expected)
	}
	t.Logf("alarm after %v sampled units in the median (%v at the 10th percentile, %v at the 90th); theory says %v", median, needed[trials/10], late, expected)
}

// TestFullTableOfSeenUnits goes far beyond what a table of units has room for. What is counted still splits as it should, or
// as it should not.
func TestFullTableOfSeenUnits(t *testing.T) {
	row := func(name string, share float64, alarm bool) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 5))
			r := newRatio([]uint64{1, 1})
			r.size(smallestSeen)
			const room = 8 * smallestSeen
			for n := range 20 * room {
				variant := 0
				if rng.Float64() >= share {
					variant = 1
				}
				r.see(rng.Uint64(), variant)
				if n == room*7/10 && (r.units < room*45/100 || r.units > room*55/100) {
					t.Errorf("%d units are counted of %d, want half of the bits' %d", r.units, n, room)
				}
				r.look()
			}
			if got := r.told(); got.Units < room*99/100 || got.Units > room || got.Mismatch != alarm {
				t.Errorf("got %+v, want all of %d bits set, and an alarm: %v", got, room, alarm)
			}
		})
	}
	row("right", 0.5, false)
	row("wrong", 0.57, true)
}

func TestSizesOfSeenTables(t *testing.T) {
	for _, experiments := range []int{0, 1, 100, 255, 256, 257, 1000, 10_000, 65_536, 200_000} {
		got := seenBytes(experiments)
		if got&(got-1) != 0 || got < smallestSeen || got > largestSeen {
			t.Errorf("%d experiments: %d bytes", experiments, got)
		}
		if all := 2 * got * experiments; all > allSeen && got > smallestSeen {
			t.Errorf("%d experiments take %d bytes, more than %d", experiments, all, allSeen)
		}
	}
	if got := seenBytes(256); got != largestSeen {
		t.Errorf("256 experiments: %d bytes each, want %d", got, largestSeen)
	}
}
