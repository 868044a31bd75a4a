package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

const (
	// swapWithin is the longest that reading, checking and compiling a large config may take.
	swapWithin = time.Minute
	// swapProbeEvery is how often the end of a reload is looked for; its time is graygate's own.
	swapProbeEvery = 20 * time.Millisecond
	// swapBefore and swapAfter bound what counts as around a swap: a loop takes the new snapshot with its next request,
	// or within a tick.
	swapBefore, swapAfter = 20 * time.Millisecond, 150 * time.Millisecond
	// swapPause is how long the gateway is left alone before each reload.
	swapPause = time.Second
)

// waits is how long requests took in some stretches of time.
type waits struct {
	Requests int     `json:"requests"`
	P50      float64 `json:"p50_us"`
	P999     float64 `json:"p999_us"`
	Worst    float64 `json:"worst_us"`
	Over1ms  int     `json:"over_1ms"`
}

type swapSummary struct {
	// Stalls are of a loop that does nothing but decide (BenchmarkStall of the package gateway), with swaps and without. Wakes are
	// of one that waits for events (BenchmarkWake): how late it is, without clients whose own lateness would be in it.
	Stalls     []measure.GoBench `json:"stalls"`
	Wakes      []measure.GoBench `json:"wakes"`
	Swaps      int               `json:"swaps"`
	TookMillis measure.Spread    `json:"reload_ms"` // from the signal to the new config in force
	Control    waits             `json:"control"`   // no reload: before all of them
	Compiling  waits             `json:"while_compiling"`
	Around     waits             `json:"around_swaps"`
	Between    waits             `json:"between"` // the pauses between reloads
	RSS        int64             `json:"rss_bytes"`
}

// swapCommand: what a request notices when a large config is swapped in.
func swapCommand() command {
	return command{
		name: "swap", does: "swaps in a config of many rules and experiments: the longest stall of a loop",
		tools: []string{"go"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.subject = rig.Graygate
			fs.IntVar(&o.loops, "loops", 0, "event loops; 0: one per core")
			fs.IntVar(&o.rules, "rules", 10_000, "rules of the route")
			fs.IntVar(&o.experiments, "experiments", 1000, "experiments in 20 layers")
			fs.IntVar(&o.reloads, "reloads", 10, "how often the config is swapped")
			fs.IntVar(&o.seconds, "seconds", 10, "length of the control, without any swap")
			fs.IntVar(&o.connections, "connections", 2, "clients, each with a request every millisecond")
		},
		estimate: func(o options) time.Duration { return time.Duration(2*o.seconds+6*o.reloads+90) * time.Second },
		run:      runSwap,
	}
}

func runSwap(ctx context.Context, s *session) error {
	root, err := rig.Root()
	if err != nil {
		return err
	}
	sum := &swapSummary{}
	s.report.Summary = sum
	binary, err := s.buildTest(ctx, root, "gateway")
	if err != nil {
		return err
	}
	progress("a loop that only decides, with swaps and without")
	if sum.Stalls, err = s.goBench(ctx, binary, filepath.Join(root, "gateway"), "^BenchmarkStall$", 5*time.Second); err != nil {
		return err
	}
	progress("a loop that wakes up every millisecond, with swaps and without")
	if sum.Wakes, err = s.goBench(ctx, binary, filepath.Join(root, "gateway"), "^BenchmarkWake$", 5*time.Second); err != nil {
		return err
	}
	pools, err := s.rig.StartBackend(ctx, "stable", "gray")
	if err != nil {
		return err
	}
	p, err := s.rig.StartProxy(ctx, rig.Graygate, rig.Setup{Stable: pools[0], Gray: pools[1], Loops: s.loops,
		GraygatePath: s.graygate, Large: rig.Large{Rules: s.rules, Experiments: s.experiments}})
	if err != nil {
		return err
	}
	probe := load.Probe{Address: p.Address, Connections: s.connections, Every: time.Millisecond, Fields: swapFields}
	progress("%d s without a swap, then %d swaps", s.seconds, s.reloads)
	begun := time.Now()
	run := probe.Start(ctx)
	err = pause(ctx, time.Duration(s.seconds)*time.Second)
	control := span{begun.Add(time.Second), time.Now()} // the first second is the warm-up
	var compiling, around, between []span
	var took []float64
	for i := 0; i < s.reloads && err == nil; i++ {
		var one swap
		if one, err = swapOnce(ctx, p); err != nil {
			err = fmt.Errorf("reload %d: %w", i+1, err)
			break
		}
		took = append(took, float64(one.over.Sub(one.sent))/float64(time.Millisecond))
		compiling = append(compiling, span{one.sent, one.over.Add(-swapBefore)})
		around = append(around, span{one.over.Add(-swapBefore), one.over.Add(swapAfter)})
		from := one.over.Add(swapAfter)
		err = pause(ctx, swapPause)
		between = append(between, span{from, time.Now()})
	}
	samples, probeErr := run.Stop()
	if err = errors.Join(err, probeErr); err != nil {
		return err
	}
	usage, err := p.Usage()
	if err != nil {
		return err
	}
	sum.Swaps, sum.TookMillis, sum.RSS = len(took), measure.Summarise(took), usage.RSS
	sum.Control, sum.Compiling = waitsIn(samples, control), waitsIn(samples, compiling...)
	sum.Around, sum.Between = waitsIn(samples, around...), waitsIn(samples, between...)
	s.judgeSwap(sum)
	return nil
}

// swapFields makes requests that have everything that the config asks for.
func swapFields(connection, turn int) string {
	return fmt.Sprintf("X-User-Id: user-%d-%d\r\nX-OS: ios\r\nX-App-Version: 17.%d\r\nX-Country: de\r\n", connection, turn, turn%10)
}

// swap is one reload: when it was asked for, and when the new config was in force.
type swap struct{ sent, over time.Time }

// swapOnce reloads and waits until graygate says that it is over.
func swapOnce(ctx context.Context, p *rig.Proxy) (swap, error) {
	before, err := p.Status(ctx)
	if err != nil {
		return swap{}, err
	}
	sent := time.Now()
	if err := p.Reload(); err != nil {
		return swap{}, err
	}
	for {
		if err := pause(ctx, swapProbeEvery); err != nil {
			return swap{}, err
		}
		now, err := p.Status(ctx)
		switch {
		case err != nil:
			return swap{}, err
		case now.Reload.Count > before.Reload.Count && !now.Reload.OK:
			return swap{}, errors.New("the config was refused")
		case now.Reload.Count > before.Reload.Count:
			return swap{sent, now.Reload.At}, nil
		case time.Since(sent) > swapWithin:
			return swap{}, fmt.Errorf("not over within %s", swapWithin)
		}
	}
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// waitsIn sums up the requests that were under way at any time in one of the spans.
func waitsIn(samples []load.Sample, spans ...span) waits {
	var took []float64
	w := waits{}
	for _, x := range samples {
		if slices.ContainsFunc(spans, func(s span) bool { return x.Begun.Before(s.to) && x.Begun.Add(x.Took).After(s.from) }) {
			took = append(took, float64(x.Took)/float64(time.Microsecond))
			if x.Took > time.Millisecond {
				w.Over1ms++
			}
		}
	}
	if w.Requests = len(took); w.Requests > 0 {
		slices.Sort(took)
		w.P50, w.P999, w.Worst = took[len(took)/2], took[len(took)*999/1000], took[len(took)-1]
	}
	return w
}

func (s *session) judgeSwap(sum *swapSummary) {
	stalls := measure.NewTable("a loop that only decides", "ns/decision", "worst us", "worst CPU us", "entering us", "entering CPU us", "swaps", "build ms")
	for _, b := range sum.Stalls {
		stalls.Row(b.Name, figure(b.Nanos), figure(b.Own["worst-us"]), figure(b.Own["worst-cpu-us"]), figure(b.Own["enter-us"]), figure(b.Own["enter-cpu-us"]),
			figure(b.Own["swaps"]), figure(b.Own["build-ms"]))
		if b.Own["swaps"] > 0 {
			s.report.goal("goal", "processor time of a loop to enter a snapshot", b.Own["enter-cpu-us"]/1000, 1, " ms")
			s.report.goal("goal", "time to build a snapshot", b.Own["build-ms"], 1000, " ms")
		}
	}
	fmt.Printf("\n%s", stalls)
	wakes := measure.NewTable("a loop that wakes up every millisecond", "p50 us late", "p99.9 us", "worst us", "over 1 ms of 1000", "swaps")
	for _, b := range sum.Wakes {
		wakes.Row(b.Name, figure(b.Own["p50-us"]), figure(b.Own["p999-us"]), figure(b.Own["late-us"]), figure(b.Own["over-1ms-per-1000"]), figure(b.Own["swaps"]))
	}
	fmt.Printf("\n%s", wakes)
	table := measure.NewTable(fmt.Sprintf("%d rules, %d experiments", s.rules, s.experiments), "requests", "p50 us", "p99.9 us", "worst us", "over 1 ms")
	for _, row := range []struct {
		name string
		waits
	}{{"without a swap", sum.Control}, {"between swaps", sum.Between}, {"around swaps", sum.Around}, {"while compiling", sum.Compiling}} {
		table.Row(row.name, fmt.Sprint(row.Requests), figure(row.P50), figure(row.P999), figure(row.Worst), fmt.Sprint(row.Over1ms))
	}
	fmt.Printf("\n%s", table)
	s.report.goal("aim", "longest request around a swap / without one", sum.Around.Worst/max(sum.Control.Worst, 1), 1, "")
	s.report.goal("aim", "from the signal to the new config", sum.TookMillis.Median, 1000, " ms")
	if sum.Control.Requests == 0 || sum.Around.Requests == 0 {
		s.report.fail("there is nothing to compare: %d requests without a swap, %d around swaps", sum.Control.Requests, sum.Around.Requests)
	}
}
