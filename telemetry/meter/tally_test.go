package meter_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"graygate/telemetry/meter"
)

// tallied are the lines of a page that tell of missing units.
func tallied(r *meter.Registry) (lines []string) {
	for line := range strings.Lines(own(r)) {
		if strings.HasPrefix(line, "graygate_") && strings.Contains(line, "unit_missing_total") {
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "graygate_"))
		}
	}
	return lines
}

func TestTallies(t *testing.T) {
	r := meter.New(2)
	defer r.Close()
	expect := func(when string, want ...string) {
		t.Helper()
		if got := tallied(r); !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", when, got, want)
		}
	}
	first := r.Resolve()
	ramp, layer := first.UnitMissing("shop", "ramp"), first.LayerUnitMissing("checkout")
	first.UnitMissing("blog", `with "quotes"`)
	ramp.Add(0)
	expect("before the first commit")
	first.Commit()
	expect("the first", `unit_missing_total{service_name="blog",gray_rule_id="with \"quotes\""} 0`, `unit_missing_total{service_name="shop",gray_rule_id="ramp"} 1`,
		`experiment_unit_missing_total{layer="checkout"} 0`)

	r.Resolve().UnitMissing("never", "never").Add(0)
	second := r.Resolve()
	again := second.UnitMissing("shop", "ramp")
	if second.UnitMissing("shop", "ramp") != again {
		t.Error("asked for twice, a tally is another one")
	}
	second.Commit()
	ramp.Add(1) // by a request that is under way since before
	again.Add(1)
	layer.Add(0) // of a layer that is gone
	expect("the second", `unit_missing_total{service_name="shop",gray_rule_id="ramp"} 3`)

	third := r.Resolve()
	third.LayerUnitMissing("checkout")
	third.Commit()
	layer.Add(0)
	expect("the third: what was gone begins anew", `experiment_unit_missing_total{layer="checkout"} 0`)
	r.Resolve().Commit()
	expect("the last")
}

func TestTalliesAreBounded(t *testing.T) {
	r := meter.New(1)
	defer r.Close()
	for reload := range 2 {
		g := r.Resolve()
		for i := range meter.MaxSeries + 3 {
			g.UnitMissing("shop", fmt.Sprint(i)).Add(0)
		}
		if g.Folded() != 3 {
			t.Errorf("%d are folded, want 3", g.Folded())
		}
		g.Commit()
		lines := tallied(r)
		if want := fmt.Sprintf(`unit_missing_total{service_name="(other)",gray_rule_id=""} %d`, 3*(reload+1)); len(lines) != meter.MaxSeries+1 || lines[0] != want {
			t.Errorf("reload %d: %d lines, the first %q; want %d, the first %q", reload, len(lines), lines[0], meter.MaxSeries+1, want)
		}
	}
}

// TestTalliesAreExact counts on many loops at once, while pages are written.
func TestTalliesAreExact(t *testing.T) {
	const loops, each = 8, 10_000
	r := meter.New(loops)
	defer r.Close()
	g := r.Resolve()
	ramp := g.UnitMissing("shop", "ramp")
	g.Commit()
	var all sync.WaitGroup
	for loop := range loops {
		all.Go(func() {
			for range each {
				ramp.Add(loop)
			}
		})
	}
	all.Go(func() {
		for range 10 {
			tallied(r)
		}
	})
	all.Wait()
	want := []string{fmt.Sprintf(`unit_missing_total{service_name="shop",gray_rule_id="ramp"} %d`, loops*each)}
	if got := tallied(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(1000, func() { ramp.Add(0) }); n != 0 {
		t.Errorf("to count allocates %v times, want 0", n)
	}
}
