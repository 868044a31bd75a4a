package meter_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"graygate/telemetry/meter"
)

// TestAlarmStaysUntilTheExperimentChanges goes through reloads with an alarm on.
func TestAlarmStaysUntilTheExperimentChanges(t *testing.T) {
	r := meter.New(1)
	defer r.Close()
	reload := func(x meter.Experiment) *meter.Assigned {
		g := r.Resolve()
		a := g.Assigned(x)
		g.Commit()
		return a
	}
	unit := uint64(0)
	count := func(a *meter.Assigned, units int, variants ...int) {
		for range units {
			unit++
			a.Count(0, variants[int(unit/64)%len(variants)], unit)
			if unit%4096 == 0 {
				r.Drain()
			}
		}
	}
	expect := func(when string, mismatch, begun bool) {
		t.Helper()
		if got := r.Experiments()[0].Assignment; got.Mismatch != mismatch || (got.Units > 0) != begun {
			t.Errorf("%s: got %+v, want a mismatch: %v, units seen: %v", when, got, mismatch, begun)
		}
	}
	x := meter.Experiment{Tenant: "t1", Name: "color", Salt: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}}
	a := reload(x)
	expect("at the start", false, false)
	count(a, 64*500, 0)
	expect("all in one variant", true, true)
	before := r.Experiments()[0].Assignment.LogEvidence
	count(a, 64*600, 1)
	if now := r.Experiments()[0].Assignment.LogEvidence; now >= before {
		t.Errorf("the evidence went from %v to %v, though the split is nearly even now", before, now)
	}
	expect("the split is even again: latched", true, true)
	old := a
	a = reload(x)
	expect("the same config", true, true)
	count(a, 64, 0)

	x.Weights = []uint64{2, 1}
	a = reload(x)
	expect("other weights", false, false)
	count(old, 64*600, 0) // requests under way with the old snapshot
	expect("the old weights' units", false, false)
	count(a, 64*2000, 0)
	expect("all in one variant", true, true)
	x.Salt = "color2"
	a = reload(x)
	expect("another salt", false, false)
	count(a, 64*2000, 0)
	expect("all in one variant", true, true)
	x.Variants = []string{"blue", "red"}
	reload(x)
	expect("the variants' order: the weights are others'", false, false)
	x.Variants, x.Weights = []string{"red", "blue", "green"}, []uint64{2, 1, 1}
	reload(x)
	expect("one more variant", false, false)
	if got := r.Experiments()[0].Variants; got[0].Assigned < 64*4000 || got[2].Assigned != 0 || got[2].Name != "green" {
		t.Errorf("the assignments do not go on by variant: %+v", got)
	}
}

// pair begins an experiment of two variants.
func pair(t *testing.T, weights ...uint64) (*meter.Registry, *meter.Assigned) {
	r := meter.New(1)
	t.Cleanup(r.Close)
	g := r.Resolve()
	a := g.Assigned(meter.Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: weights})
	g.Commit()
	return r, a
}

// TestUnitsCountOnce repeats the requests of some units many times, as users do.
func TestUnitsCountOnce(t *testing.T) {
	r, a := pair(t, 1, 1)
	for range 50 {
		for unit := range uint64(64 * 100) {
			a.Count(0, int(unit%2), unit)
		}
		r.Drain()
	}
	if got := r.Experiments()[0].Assignment; got.Units < 60 || got.Units > 140 || got.Mismatch {
		t.Errorf("%+v, want about 100 units", got)
	}
}

func TestVariantOfWeightZero(t *testing.T) {
	r, a := pair(t, 1, 0)
	for unit := range uint64(1000) {
		a.Count(0, 1, unit)
	}
	if got := r.Experiments()[0].Assignment; !math.IsInf(got.LogEvidence, 1) || !got.Mismatch {
		t.Errorf("got %+v, want an alarm: it is never drawn", got)
	}
	page := parse(t, own(r))
	if got := page["graygate_experiment_sample_ratio_log_evidence"].Metric[0].Gauge.GetValue(); !math.IsInf(got, 1) {
		t.Errorf("the page says %v", got)
	}
}

// TestLossShowsAtTheOutcome assigns evenly, and answers half of what one variant is asked.
func TestLossShowsAtTheOutcome(t *testing.T) {
	r, a := pair(t, 1, 1)
	for unit := range uint64(64 * 1500) {
		variant := int(unit/64) % 2
		a.Count(0, variant, unit)
		if variant == 0 || unit/128%2 == 0 {
			a.Answered(0, variant, unit)
		}
		if unit%8192 == 0 {
			r.Drain()
		}
	}
	got := r.Experiments()[0]
	if got.Assignment.Mismatch || !got.Outcome.Mismatch || got.Outcome.Units >= got.Assignment.Units {
		t.Errorf("got %+v, want an alarm of the outcome's alone", got)
	}
	page := parse(t, own(r))["graygate_experiment_sample_ratio_mismatch"].Metric
	if len(page) != 2 || page[0].Gauge.GetValue() != 0 || page[1].Gauge.GetValue() != 1 || page[1].Label[2].GetValue() != "outcome" {
		t.Errorf("the page says %v", page)
	}
}

// TestFullRingDrops holds that the loop is never held up, that what is lost is told, and that all goes on after it.
func TestFullRingDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := meter.New(1)
		g := r.Resolve()
		a := g.Assigned(meter.Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}})
		g.Commit()
		for round := range 2 {
			for unit := range uint64(64 * 3 * 4096) {
				a.Count(0, int(unit/64%2), unit+uint64(round)<<40)
			}
			// Nobody scrapes: it is the registry's own goroutine that drains. Time is the bubble's.
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			page := parse(t, own(r))
			dropped := page["graygate_experiment_samples_dropped_total"].Metric[0].Counter.GetValue()
			units := page["graygate_experiment_sampled_units"].Metric[0].Gauge.GetValue()
			if want := float64(4096 * (round + 1)); units < want*0.99 || units > want || dropped < 1.9*want || dropped > 2.1*want {
				t.Errorf("round %d: %v units, %v dropped, want about %v and twice as many", round, units, dropped, want)
			}
		}
		r.Close()
		r.Close()
		a.Count(0, 0, 1)
	})
}
