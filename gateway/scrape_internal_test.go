package gateway

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sort"
	"testing"
	"time"

	"graygate/config"
	"graygate/internal/background"
	"graygate/match"
	"graygate/telemetry/meter"
	"graygate/upstream"
)

// scrapedLoop is a loop and the metrics of a thousand routes with five rules, of which every series has been counted.
func scrapedLoop(tb testing.TB) (*bareLoop, *meter.Registry) {
	b := newBareLoop(tb)
	plan := largePlan()
	b.g.force.Store(b.build(tb, plan)) // what the loop decides by
	wide := &config.Plan{Upstreams: plan.Upstreams, Metrics: true}
	for i := range 1000 {
		r := config.PlanRoute{Name: fmt.Sprintf("route-%d", i), Host: fmt.Sprintf("route-%d.test", i), Path: "/", Stable: "stable", Gray: "gray"}
		for j := range 5 {
			r.Rules = append(r.Rules, config.PlanRule{Name: fmt.Sprintf("rule-%d-%d", i, j), When: fmt.Sprintf("tag == 'r%d'", j), To: "gray"})
		}
		wide.Routes = append(wide.Routes, r)
	}
	snap, err := config.Build(wide, match.Lookups{}, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
	if err != nil {
		tb.Fatal(err)
	}
	registry := meter.New(2)
	tb.Cleanup(registry.Close)
	g := registry.Resolve()
	m := newMeters(snap, g)
	g.Commit()
	for i := range m.routes {
		for _, s := range append(m.routes[i].rules, m.routes[i].plain) {
			for loop := range 2 {
				s.Observe(loop, 0, 200, time.Duration(i)*time.Millisecond, time.Duration(i)*time.Microsecond)
				s.Observe(loop, 0, 503, time.Second, time.Second)
				s.Observe(loop, -1, 503, time.Second, -1)
			}
		}
	}
	return b, registry
}

// BenchmarkScrape measures one page of a thousand routes with five rules.
func BenchmarkScrape(b *testing.B) {
	_, registry := scrapedLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		registry.Write(io.Discard)
	}
}

// BenchmarkScrapeWake is [BenchmarkWake] with scrapes of such a page, one after the other, in place of swaps: none (scrapes=no), written like
// anything else (scrapes=plain), and as [Gateway.Metrics] does (scrapes=background).
func BenchmarkScrapeWake(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // as startLoops has it
	l, registry := scrapedLoop(b)
	run := func(name string, around func(work func())) {
		b.Run("scrapes="+name, func(b *testing.B) {
			stop, stopped, scrapes := make(chan struct{}), make(chan struct{}), 0
			go func() {
				defer close(stopped)
				for around != nil {
					around(func() { registry.Write(io.Discard) })
					scrapes++
					select {
					case <-stop:
						return
					default:
					}
				}
			}()
			late := wakes(b, l)
			close(stop)
			<-stopped
			slices.Sort(late)
			over := len(late) - sort.Search(len(late), func(i int) bool { return late[i] > time.Millisecond })
			micros := func(d time.Duration, unit string) { b.ReportMetric(float64(d)/1e3, unit) }
			micros(late[len(late)/2], "p50-us")
			micros(late[len(late)*999/1000], "p999-us")
			micros(late[len(late)-1], "late-us")
			b.ReportMetric(1000*float64(over)/float64(len(late)), "over-1ms-per-1000")
			b.ReportMetric(float64(scrapes), "scrapes")
		})
	}
	run("no", nil)
	run("plain", func(work func()) { work() })
	run("background", background.Run)
}
