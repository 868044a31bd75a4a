package measure

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	f := func(xs []float64, want float64) {
		t.Helper()
		before := slices.Clone(xs)
		if got := Median(xs); got != want {
			t.Errorf("Median(%v) = %v, want %v", before, got, want)
		}
		if !slices.Equal(xs, before) {
			t.Errorf("Median changed its input from %v to %v", before, xs)
		}
	}
	f(nil, 0)
	f([]float64{7}, 7)
	f([]float64{3, 1}, 2)
	f([]float64{9, 1, 5}, 5)
	f([]float64{4, 1, 3, 2}, 2.5)
	f([]float64{1, 1, 1, 100}, 1)
}

func TestMedianHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 30).Draw(t, "xs")
		m := Median(xs)
		below, above := 0, 0
		for _, x := range xs {
			if x < m {
				below++
			}
			if x > m {
				above++
			}
		}
		if 2*below > len(xs) || 2*above > len(xs) {
			t.Fatalf("Median(%v) = %v has %d below and %d above", xs, m, below, above)
		}
	})
}

func TestSummarise(t *testing.T) {
	f := func(xs []float64, want Spread) {
		t.Helper()
		if got := Summarise(xs); got != want {
			t.Errorf("Summarise(%v) = %+v, want %+v", xs, got, want)
		}
	}
	f(nil, Spread{})
	f([]float64{2}, Spread{Median: 2, Min: 2, Max: 2})
	f([]float64{3, -1, 10}, Spread{Median: 3, Min: -1, Max: 10})
}

func TestRatios(t *testing.T) {
	f := func(ours, peer, want []float64) {
		t.Helper()
		if got := Ratios(ours, peer); !slices.Equal(got, want) {
			t.Errorf("Ratios(%v, %v) = %v, want %v", ours, peer, got, want)
		}
	}
	f(nil, nil, []float64{})
	f([]float64{1, 3}, []float64{2, 2}, []float64{0.5, 1.5})
	// A round that only one side has, or in which the peer did nothing, says nothing.
	f([]float64{1, 3, 5}, []float64{2, 2}, []float64{0.5, 1.5})
	f([]float64{1, 3}, []float64{2, 0}, []float64{0.5})
}

// What hits both sides of a round alike leaves the ratio as it was: that is why it is taken by round.
func TestRatiosCancelWhatIsCommon(t *testing.T) {
	ours, peer := []float64{10, 20, 40}, []float64{20, 40, 80}
	if got, want := Summarise(Ratios(ours, peer)), (Spread{Median: 0.5, Min: 0.5, Max: 0.5}); got != want {
		t.Errorf("ratios of %v to %v: %+v, want %+v", ours, peer, got, want)
	}
}

func TestPer(t *testing.T) {
	f := func(total float64, n int64, want float64) {
		t.Helper()
		if got := Per(total, n); got != want {
			t.Errorf("Per(%v, %d) = %v, want %v", total, n, got, want)
		}
	}
	f(10, 4, 2.5)
	f(10, 0, 0)
	f(10, -1, 0)
}
