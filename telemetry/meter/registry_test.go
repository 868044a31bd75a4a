package meter_test

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/telemetry/meter"
)

// served gives what was answered, by key and pool.
func served(r *meter.Registry) map[string]uint64 {
	all := map[string]uint64{}
	for _, t := range r.Totals() {
		for _, s := range t.Served {
			all[fmt.Sprintf("%s/%s/%v/%s", t.Service, t.Rule, t.Gray, s.Pool)] = s.Requests
		}
	}
	return all
}

func TestReloads(t *testing.T) {
	r := meter.New(2)
	defer r.Close()
	expect := func(when string, want map[string]uint64) {
		t.Helper()
		if got := served(r); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %v\nwant %v", when, got, want)
		}
	}
	shop, blog := meter.Key{Service: "shop", Rule: "beta", Gray: true}, meter.Key{Service: "blog"}

	first := r.Resolve()
	shop1, blog1 := first.Series(shop, []string{"stable", "gray"}), first.Series(blog, []string{"stable"})
	shop1.Observe(0, 1, 200, 0, 0)
	expect("before the first commit", map[string]uint64{})
	first.Commit()
	blog1.Observe(1, 0, 200, 0, 0)
	expect("the first", map[string]uint64{"shop/beta/true/gray": 1, "blog//false/stable": 1})

	failed := r.Resolve()
	failed.Series(meter.Key{Service: "never"}, nil).Observe(0, -1, 404, 0, -1)
	expect("a reload that failed", map[string]uint64{"shop/beta/true/gray": 1, "blog//false/stable": 1})

	second := r.Resolve()
	shop2 := second.Series(shop, []string{"gray", "canary"}) // the pools have other places now
	second.Commit()
	shop1.Observe(1, 1, 200, 0, 0) // under way since before
	shop1.Observe(1, 0, 200, 0, 0) // by a pool that is not named any more
	blog1.Observe(1, 0, 200, 0, 0)
	shop2.Observe(0, 0, 500, 0, 0)
	shop2.Observe(0, 1, 200, 0, 0)
	expect("the second", map[string]uint64{"shop/beta/true/gray": 3, "shop/beta/true/canary": 1})
	if got := r.Totals()[0].Request.Count; got != 5 {
		t.Errorf("%d durations are counted, want 5", got)
	}

	third := r.Resolve()
	third.Series(shop, []string{"stable", "gray"})
	third.Series(blog, []string{"stable"}).Observe(0, 0, 200, 0, 0)
	third.Commit()
	blog1.Observe(0, 0, 200, 0, 0) // two generations late
	expect("the third: what was gone begins anew", map[string]uint64{"shop/beta/true/gray": 3, "blog//false/stable": 1})
}

// TestStatusesAreBounded counts with every status that fits into an int, more or less.
func TestStatusesAreBounded(t *testing.T) {
	r := meter.New(1)
	defer r.Close()
	g := r.Resolve()
	s := g.Series(meter.Key{Service: "shop"}, []string{"stable"})
	g.Commit()
	for status := -10; status < 2000; status++ {
		s.Observe(0, 0, status, 0, 0)
	}
	s.Observe(0, 0, math.MinInt, math.MinInt64, math.MinInt64)
	s.Observe(0, 0, math.MaxInt, math.MaxInt64, math.MaxInt64)
	got := parse(t, own(r))["graygate_requests_total"].Metric
	if len(got) != 62 {
		t.Errorf("%d statuses are counted by themselves, want IANA's 61 and the others", len(got))
	}
	for _, m := range got {
		want := 1.0
		if m.Label[3].GetValue() == "other" {
			want = 2010 + 2 - 61
		}
		if m.Counter.GetValue() != want {
			t.Errorf("%v, want %v", m, want)
		}
	}
	totals := r.Totals()[0].Served
	if want := []meter.Served{{Pool: "stable", Requests: 2012, ClientErrors: 28, ServerErrors: 11, Other: 1951}}; !reflect.DeepEqual(totals, want) {
		t.Errorf("totals\n got %+v\nwant %+v", totals, want)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	r := meter.New(1)
	defer r.Close()
	for reload := range 2 {
		g := r.Resolve()
		for i := range meter.MaxSeries + 3 {
			s := g.Series(meter.Key{Service: "shop", Rule: fmt.Sprint(i), Gray: i%2 == 0}, nil)
			if i >= meter.MaxSeries-1 {
				s.Observe(0, -1, 200, 0, -1)
			}
		}
		if g.Folded() != 3 {
			t.Errorf("%d keys are folded, want 3", g.Folded())
		}
		g.Commit()
		n := uint64(reload + 1)
		want := map[string]uint64{fmt.Sprintf("shop/%d/false/", meter.MaxSeries-1): n, "(other)//true/": 2 * n, "(other)//false/": n}
		if got := served(r); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	g := r.Resolve()
	pools := make([]string, meter.MaxPools+2)
	for i := range pools {
		pools[i] = fmt.Sprint("pool", i)
	}
	s := g.Series(meter.Key{}, pools)
	g.Commit()
	for i := range pools {
		s.Observe(0, i, 200, 0, 0)
	}
	if got := served(r); len(got) != meter.MaxPools+1 || got["//false/"] != 2 {
		t.Errorf("%d pools are told apart: %v", len(got), got)
	}
}

// TestDurations counts random durations beside a plain histogram.
func TestDurations(t *testing.T) {
	bounds := meter.Bounds()
	rapid.Check(t, func(t *rapid.T) {
		r := meter.New(3)
		defer r.Close()
		g := r.Resolve()
		s := g.Series(meter.Key{}, []string{"stable"})
		g.Commit()
		duration := rapid.Custom(func(t *rapid.T) time.Duration {
			if rapid.Bool().Draw(t, "at a bound") {
				return rapid.SampledFrom(bounds).Draw(t, "bound") + time.Duration(rapid.IntRange(-1, 1).Draw(t, "beside"))
			}
			return time.Duration(rapid.Int64Range(-5, int64(time.Hour)).Draw(t, "nanoseconds"))
		})
		var want, wantUpstream meter.Durations
		count := func(h *meter.Durations, nanos *time.Duration, d time.Duration) {
			d = max(d, 0)
			i, _ := slices.BinarySearch(bounds, d)
			h.Buckets[i]++
			h.Count++
			*nanos += d
		}
		var sum, sumUpstream time.Duration
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			took, upstream := duration.Draw(t, "took"), duration.Draw(t, "upstream")
			s.Observe(rapid.IntRange(0, 2).Draw(t, "loop"), 0, 200, took, upstream)
			count(&want, &sum, took)
			if upstream >= 0 {
				count(&wantUpstream, &sumUpstream, upstream)
			}
		}
		want.Seconds, wantUpstream.Seconds = float64(sum)/1e9, float64(sumUpstream)/1e9
		got := r.Totals()[0]
		if got.Request != want || got.Upstream != wantUpstream {
			t.Fatalf("got %+v\nand %+v\nwant %+v\nand %+v", got.Request, got.Upstream, want, wantUpstream)
		}
	})
}

// TestCountingAllocatesNothing also goes through a reload, after which the cells are there already.
func TestCountingAllocatesNothing(t *testing.T) {
	r := meter.New(2)
	defer r.Close()
	for range 2 {
		g := r.Resolve()
		s := g.Series(meter.Key{Service: "shop"}, []string{"stable", "gray"})
		a := g.Assigned(meter.Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}})
		g.Commit()
		unit := uint64(0)
		if got := testing.AllocsPerRun(5000, func() {
			for loop := range 2 {
				s.Observe(loop, 1, 200, time.Millisecond, time.Microsecond)
				s.Observe(loop, -1, 999, time.Hour, -1)
				a.Count(loop, int(unit%2), unit)
				a.Answered(loop, int(unit%2), unit)
				unit++
			}
		}); got != 0 {
			t.Errorf("%v allocations per request", got)
		}
	}
}

// TestScrapeIsFrugal bounds what a scrape leaves to the collector of garbage, whatever the number of series.
func TestScrapeIsFrugal(t *testing.T) {
	r := busy(t, 300, 5)
	r.Write(io.Discard)
	if got := testing.AllocsPerRun(10, func() { r.Write(io.Discard) }); got > 2000 {
		t.Errorf("%v allocations by a scrape of 1500 series: it is to be those of the process's metrics alone", got)
	}
}

// TestAllAtOnce counts on all loops, twice on each as relays do, while others scrape and reload. Nothing may be lost, and
// no counter of a page may be less than in the one before.
func TestAllAtOnce(t *testing.T) {
	const loops, each = 4, 20_000
	r := meter.New(loops)
	defer r.Close()
	resolve := func() (*meter.Series, *meter.Assigned) {
		g := r.Resolve()
		s := g.Series(meter.Key{Service: "shop"}, []string{"stable"})
		a := g.Assigned(meter.Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}})
		g.Commit()
		return s, a
	}
	s, a := resolve()
	var counting, watching sync.WaitGroup
	for loop := range loops {
		counting.Go(func() {
			for i := range each {
				s.Observe(loop, 0, 200+i%7, time.Duration(i)*time.Microsecond, 0)
				a.Count(loop, i%2, uint64(i*loops+loop))
			}
		})
		counting.Go(func() {
			for i := range each {
				s.Observe(loop, -1, 500+i%7, time.Duration(i)*time.Millisecond, -1)
				a.Answered(loop, i%2, uint64(i*loops+loop))
			}
		})
	}
	over := make(chan struct{})
	for range 2 {
		watching.Go(func() {
			last := uint64(0)
			for {
				select {
				case <-over:
					return
				default:
				}
				page := parse(t, own(r))
				if f := page["graygate_request_duration_seconds"]; f != nil {
					if n := f.Metric[0].Histogram.GetSampleCount(); n < last {
						t.Errorf("%d requests after %d", n, last)
					} else {
						last = n
					}
				}
				runtime.Gosched()
			}
		})
	}
	for range 20 {
		resolve()
	}
	counting.Wait()
	close(over)
	watching.Wait()
	if got, want := served(r), (map[string]uint64{"shop//false/stable": loops * each, "shop//false/": loops * each}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	x := r.Experiments()[0]
	dropped := parse(t, own(r))["graygate_experiment_samples_dropped_total"].Metric[0].Counter.GetValue()
	if seen, sampled := float64(x.Assignment.Units+x.Outcome.Units)+dropped, 2.0*loops*each/64; seen < sampled*0.8 || seen > sampled*1.2 || x.Outcome.Mismatch {
		t.Errorf("%v samples arrived or are known to be lost, want about %v: %+v", seen, sampled, x)
	}
	v := x.Variants
	if v[0].Assigned+v[1].Assigned != loops*each {
		t.Errorf("%d assignments, want %d", v[0].Assigned+v[1].Assigned, loops*each)
	}
}
