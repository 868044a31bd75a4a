package match

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// chiSquared gives Pearson's statistic of counts against their expectations.
func chiSquared(counts, expected []float64) (chi2 float64) {
	for i, c := range counts {
		chi2 += (c - expected[i]) * (c - expected[i]) / expected[i]
	}
	return chi2
}

// isUnlikely tells whether a chi-squared value has p <= 10⁻⁶, by the approximation of Wilson and Hilferty (1931).
func isUnlikely(chi2, freedom float64) bool {
	v := 2 / (9 * freedom)
	return (math.Cbrt(chi2/freedom)-(1-v))/math.Sqrt(v) >= 4.7534
}

func TestIsUnlikely(t *testing.T) {
	check := func(chi2, freedom float64, want bool) {
		t.Helper()
		if got := isUnlikely(chi2, freedom); got != want {
			t.Errorf("isUnlikely(%v, %v) = %v, want %v", chi2, freedom, got, want)
		}
	}
	// The quantiles at 1 - 10⁻⁶ are 33.377, 46.863, 94.592 and 549.115; few degrees of freedom are let off lightly.
	check(33.3, 4, false)
	check(35.4, 4, true)
	check(46.8, 10, false)
	check(48.2, 10, true)
	check(94.5, 38, false)
	check(95.3, 38, true)
	check(549.0, 400, false)
	check(549.4, 400, true)
}

func TestSlotsAreUniform(t *testing.T) {
	const n, cells = 1_000_000, 1000
	for kind, unit := range units {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, 4))
			var in input
			search := newPrefix(layerRole, "search", "")
			count, expected := make([]float64, cells), make([]float64, cells)
			for i := range n {
				count[slotOf(in.hashOf(&search, []byte(unit(i, r))))/(Slots/cells)]++
			}
			for i := range expected {
				expected[i] = n / cells
			}
			chi2 := chiSquared(count, expected)
			t.Logf("chi2 = %.1f", chi2)
			if chi2 < 731 || chi2 > 1267 {
				t.Errorf("chi2 of %d %s units in %d cells = %.1f, want 731 to 1267", n, kind, cells, chi2)
			}
		})
	}
}

// each calls f for 0 to n-1, on all processors.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := w; i < n; i += runtime.GOMAXPROCS(0) {
				f(i)
			}
		})
	}
	wg.Wait()
}

// compareSets compares every pair of sets of n units: with independence z² has the mean 1.
func compareSets(sets [][]uint64, n int) (mean, worst float64) {
	sizes := make([]float64, len(sets))
	for i, set := range sets {
		for _, word := range set {
			sizes[i] += float64(bits.OnesCount64(word))
		}
	}
	sums, most := make([]float64, len(sets)), make([]float64, len(sets))
	each(len(sets), func(i int) {
		for j := range i {
			a, b := sets[i], sets[j][:len(sets[i])]
			both := 0
			for w := range a {
				both += bits.OnesCount64(a[w] & b[w])
			}
			p, q := sizes[i]/float64(n), sizes[j]/float64(n)
			z := (float64(both) - float64(n)*p*q) / math.Sqrt(float64(n)*p*q*(1-p)*(1-q))
			sums[i] += z * z
			most[i] = max(most[i], math.Abs(z))
		}
	})
	for i := range sets {
		mean += sums[i]
		worst = max(worst, most[i])
	}
	return mean / float64(len(sets)*(len(sets)-1)/2), worst
}

// TestExperimentsArePairwiseIndependent draws 100,000 units into the variants of 1,000 experiments, and finds their slots in
// 1,000 layers, and compares every pair. The negative control, FNV-1a modulo 1000 as often used, must fail.
func TestExperimentsArePairwiseIndependent(t *testing.T) {
	const experiments, n = 1000, 100_000
	passes := func(mean, worst float64) bool { return 0.99 <= mean && mean <= 1.01 && worst < 6.5 }
	unit := func(u int) []byte { return fmt.Append(nil, "user", u) }
	var names [n][]byte
	for u := range names {
		names[u] = unit(u)
	}
	sets := make([][]uint64, experiments)
	fill := func(isIn func(experiment int) func(u int) bool) {
		each(experiments, func(e int) {
			in := isIn(e)
			sets[e] = make([]uint64, (n+63)/64)
			for u := range n {
				if in(u) {
					sets[e][u/64] |= 1 << (u % 64)
				}
			}
		})
	}
	fill(func(e int) func(u int) bool {
		prefix := newPrefix(experimentRole, "", fmt.Sprint("e", e))
		arms := newArms(prefix.text, []Variant{{Name: "A", Weight: 1}, {Name: "B", Weight: 1}})
		in := &input{}
		in.setPrefix(&prefix)
		return func(u int) bool {
			in.setUnit(names[u])
			return chooseArm(arms, in.hash()) == 0
		}
	})
	mean, worst := compareSets(sets, n)
	t.Logf("mean z² = %.4f, worst |z| = %.2f", mean, worst)
	if !passes(mean, worst) {
		t.Errorf("mean z² = %.4f, worst |z| = %.2f, want 0.99 to 1.01 and less than 6.5", mean, worst)
	}
	fill(func(e int) func(u int) bool { // half of the slots of as many layers
		prefix := newPrefix(layerRole, "", fmt.Sprint("e", e))
		in := &input{}
		in.setPrefix(&prefix)
		return func(u int) bool {
			in.setUnit(names[u])
			return slotOf(in.hash()) < Slots/2
		}
	})
	mean, worst = compareSets(sets, n)
	t.Logf("layers: mean z² = %.4f, worst |z| = %.2f", mean, worst)
	if !passes(mean, worst) {
		t.Errorf("layers: mean z² = %.4f, worst |z| = %.2f, want 0.99 to 1.01 and less than 6.5", mean, worst)
	}
	const offset, prime = 14695981039346656037, 1099511628211
	fnv := func(h uint64, text []byte) uint64 {
		for _, c := range text {
			h = (h ^ uint64(c)) * prime
		}
		return h
	}
	var begun [n]uint64
	for u := range begun {
		begun[u] = fnv(offset, names[u])
	}
	fill(func(e int) func(u int) bool {
		salt := fmt.Append(nil, "exp:e", e)
		return func(u int) bool { return fnv(begun[u], salt)%1000 < 500 }
	})
	mean, worst = compareSets(sets, n)
	t.Logf("negative control: mean z² = %.4f, worst |z| = %.2f", mean, worst)
	if passes(mean, worst) {
		t.Errorf("the negative control passed: mean z² = %.4f, worst |z| = %.2f", mean, worst)
	}
}

// TestPlacesOfOneNameAreIndependent gives layers, experiments and holdouts the same salts and compares what a unit gets in
// them: slots in 50 groups, buckets in 20, variants.
func TestPlacesOfOneNameAreIndependent(t *testing.T) {
	const n = 200_000
	s := shopSchema(t)
	x := &Experiments{}
	for i, name := range []string{"a", "b"} {
		x.Holdouts = append(x.Holdouts, Holdout{Name: name, By: "userid"}) // of nobody, but drawn
		x.Layers = append(x.Layers, Layer{Name: name, By: "userid", Holdout: i})
		e := running(name)
		e.Layer = i
		e.Variants = []Variant{{Name: "A", Weight: 50}, {Name: "B", Weight: 30}, {Name: "C", Weight: 20}}
		x.Experiments = append(x.Experiments, e)
	}
	xs := mustExperiments(t, s, x)
	names := []string{"slot of a", "slot of b", "variant of a", "variant of b", "holdout a", "holdout b"}
	cells := []int{50, 50, 3, 3, 20, 20}
	values := make([][]uint8, n)
	st := xs.NewState()
	var a Attributes
	for u := range values {
		request{fields: []string{fmt.Sprintf("X-User-Id: user-%d", u)}}.load(&a, s)
		steps := xs.Trace(&a, st, 0, nil)
		v := make([]uint8, len(cells))
		for i, step := range steps {
			v[i] = uint8(step.Slot / (Slots / 50))
			v[2+i] = uint8(step.Variant)
			v[4+i] = uint8(step.Holdouts[0].Bucket / (PPM / 20))
		}
		values[u] = v
	}
	for i := range cells {
		for j := range i {
			p, q := make([]float64, cells[i]), make([]float64, cells[j])
			counts, expected := make([]float64, cells[i]*cells[j]), make([]float64, cells[i]*cells[j])
			for _, v := range values {
				p[v[i]]++
				q[v[j]]++
				counts[int(v[i])*cells[j]+int(v[j])]++
			}
			for k := range expected {
				expected[k] = p[k/cells[j]] * q[k%cells[j]] / n
			}
			chi2, freedom := chiSquared(counts, expected), float64((cells[i]-1)*(cells[j]-1))
			t.Logf("%s and %s: chi2 = %.1f of %.0f degrees", names[i], names[j], chi2, freedom)
			if isUnlikely(chi2, freedom) {
				t.Errorf("%s and %s: chi2 = %.1f of %.0f degrees of freedom, p < 10⁻⁶", names[i], names[j], chi2, freedom)
			}
		}
	}
}

// variantSet compiles one experiment with variants of these weights, in a layer that it has whole.
func variantSet(t testing.TB, s *Schema, weights ...uint32) *ExperimentSet {
	t.Helper()
	e := running("ramp")
	e.Variants = nil
	for i, w := range weights {
		e.Variants = append(e.Variants, Variant{Name: fmt.Sprint("v", i), Weight: w})
	}
	return mustExperiments(t, s, &Experiments{Layers: []Layer{{Name: "l", By: "userid", Holdout: -1}}, Experiments: []Experiment{e}})
}

// variantsOf gives the variant of n units.
func variantsOf(xs *ExperimentSet, n int) []int {
	st := xs.NewState()
	var a Attributes
	var out []Assignment
	got := make([]int, n)
	for u := range got {
		request{fields: []string{fmt.Sprint("X-User-Id: ", u)}}.load(&a, xs.schema)
		out = xs.Assign(&a, st, 0, nil, out[:0])
		got[u] = out[0].Variant
	}
	return got
}

// TestReweightingMovesTheFewest changes weights: δ is the total variation between them.
func TestReweightingMovesTheFewest(t *testing.T) {
	const n = 200_000
	s := shopSchema(t)
	check := func(before, after []uint32, least, most float64) {
		t.Run(strings.ReplaceAll(fmt.Sprint(before, after), " ", "_"), func(t *testing.T) {
			t.Parallel()
			was, is := variantsOf(variantSet(t, s, before...), n), variantsOf(variantSet(t, s, after...), n)
			share := func(weights []uint32, i int) float64 {
				sum := 0.0
				for _, w := range weights {
					sum += float64(w)
				}
				return float64(weights[i]) / sum
			}
			delta := 0.0
			counts := make([]float64, len(before))
			for i := range before {
				delta += math.Abs(share(after, i)-share(before, i)) / 2
			}
			moved := 0.0
			for u := range was {
				i, j := was[u], is[u]
				counts[j]++
				if i == j {
					continue
				}
				moved++
				// w_j/w_i has to rise: after_j/after_i > before_j/before_i
				if uint64(after[j])*uint64(before[i]) <= uint64(before[j])*uint64(after[i]) {
					t.Fatalf("unit %d moved from %d to %d, whose relative weight did not rise", u, i, j)
				}
			}
			for i := range counts {
				p := share(after, i)
				if off := math.Abs(counts[i] - n*p); off > 5*math.Sqrt(n*p*(1-p)) {
					t.Errorf("variant %d has %.0f of %d units, want a share of %.4f", i, counts[i], n, p)
				}
			}
			bound := 2 * delta / (1 + delta)
			sigma := math.Sqrt(bound * (1 - bound) / n)
			t.Logf("moved %.2f %%, bound %.2f %%", 100*moved/n, 100*bound)
			if got := moved / n; got > bound+5*sigma || got < least || got > most {
				t.Errorf("moved %.4f, want at most %.4f, and %.4f to %.4f", got, bound+5*sigma, least, most)
			}
		})
	}
	check([]uint32{5, 5, 90}, []uint32{10, 10, 80}, 0.0965, 0.1035) // 10 %: the least possible
	check([]uint32{50, 50}, []uint32{50, 50}, 0, 0)
	check([]uint32{50, 50}, []uint32{7, 7}, 0, 0)
	check([]uint32{50, 50}, []uint32{60, 40}, 0.0965, 0.1035)
	check([]uint32{34, 33, 33}, []uint32{20, 20, 60}, 0.25, 0.43)
	check([]uint32{1, 1, 1, 1}, []uint32{1, 1, 1, 0}, 0.245, 0.255)
	check([]uint32{1, 1, 1, 0}, []uint32{1, 1, 1, 1}, 0.245, 0.255)
	check([]uint32{0, 100}, []uint32{100, 0}, 1, 1)
	check([]uint32{1, 99, 900}, []uint32{900, 99, 1}, 0.80, 0.95)
}

// TestRampsAreMonotone raises shares step by step: who is in stays in, in the same variant.
func TestRampsAreMonotone(t *testing.T) {
	const n = 50_000
	s := shopSchema(t)
	check := func(steps ...*ExperimentSet) {
		t.Helper()
		states := make([]*State, len(steps))
		for i, xs := range steps {
			states[i] = xs.NewState()
		}
		var a Attributes
		counts := make([]int, len(steps))
		for u := range n {
			request{fields: []string{fmt.Sprint("X-User-Id: ", u)}}.load(&a, s)
			was := -1
			for i, xs := range steps {
				is := -1 // stable: no assignment, or the last variant
				if got := xs.Assign(&a, states[i], 0, nil, nil); len(got) > 0 && got[0].Variant != 2 {
					is = got[0].Variant
					counts[i]++
				}
				if was >= 0 && is != was {
					t.Fatalf("unit %d was in variant %d at step %d and is in %d at the next", u, was, i-1, is)
				}
				was = is
			}
		}
		if counts[0] != 0 || counts[len(counts)-1] != n {
			t.Errorf("at 0 %% and 100 %%: %d and %d of %d units, want none and all", counts[0], counts[len(counts)-1], n)
		}
	}
	// A stable variant that has the rest; its weight ends at 0.
	check(variantSet(t, s, 0, 0, 1000), variantSet(t, s, 1, 1, 998), variantSet(t, s, 50, 50, 900), variantSet(t, s, 250, 250, 500),
		variantSet(t, s, 499, 499, 2), variantSet(t, s, 500, 500, 0))
	// Slots that are added.
	var slots []*ExperimentSet
	ranges := []SlotRange{}
	for _, r := range []SlotRange{{-1, -1}, {0, 0}, {1, 499}, {9000, 9999}, {500, 8999}} {
		if r.First >= 0 {
			ranges = append(ranges, r)
		}
		e := running("ramp")
		e.Slots = ranges[:len(ranges):len(ranges)]
		slots = append(slots, mustExperiments(t, s, &Experiments{Layers: []Layer{{Name: "l", By: "userid", Holdout: -1}}, Experiments: []Experiment{e}}))
	}
	check(slots...)
	// A holdout that gets smaller, by single buckets at its ends.
	var held []*ExperimentSet
	for _, ppm := range []uint32{PPM, PPM - 1, 900_000, 500_000, 100, 1, 0} {
		held = append(held, mustExperiments(t, s, &Experiments{
			Holdouts: []Holdout{{Name: "h", By: "userid", PPM: ppm}}, Layers: []Layer{{Name: "l", By: "userid"}}, Experiments: []Experiment{running("ramp")},
		}))
	}
	check(held...)
}

// TestHoldoutIsExact holds a unit out from the bucket that it has on.
func TestHoldoutIsExact(t *testing.T) {
	s := shopSchema(t)
	for u := range 200 {
		unit := fmt.Sprint("u", u)
		b := plainBucket("holdout:q4", unit)
		for i, want := range []int{1, 0} { // assignments at b ppm, and at one more
			xs := mustExperiments(t, s, &Experiments{
				Holdouts: []Holdout{{Name: "h", By: "userid", Salt: "q4", PPM: b + uint32(i)}},
				Layers:   []Layer{{Name: "l", By: "userid"}}, Experiments: []Experiment{running("e")},
			})
			var a Attributes
			request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
			if got := xs.Assign(&a, xs.NewState(), 0, nil, nil); len(got) != want {
				t.Fatalf("unit %s in bucket %d, held out below %d: %v, want %d assignments", unit, b, b+uint32(i), got, want)
			}
		}
	}
}
