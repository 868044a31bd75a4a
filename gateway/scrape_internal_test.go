package gateway

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"graygate/config"
	"graygate/internal/priority"
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
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2)) // as startLoops has it
	l, registry := scrapedLoop(b)
	scrape := func() { registry.Write(io.Discard) }
	wakesBeside(b, l, "scrapes", "no", scrape, nil)
	wakesBeside(b, l, "scrapes", "plain", scrape, func(work func()) { work() })
	wakesBeside(b, l, "scrapes", "background", scrape, priority.GiveWay)
}
