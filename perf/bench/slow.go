package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

const (
	slowGoalBytes = 256 << 10
	slowGoalP99   = 2.0
	// slowWindows is into how many runs of wrk a phase is divided; p99 is their median, so that one hiccup of the
	// machine does not decide.
	slowWindows = 4
	// slowSettles is the least time between the start of the slow clients and the first window.
	slowSettles = 2 * time.Second
	// slowFillsWithin is how long the kernel's buffers between backend and slow readers, some megabytes for each, may
	// take to fill up; slowFillStep is how often that is looked at.
	slowFillsWithin = 30 * time.Second
	slowFillStep    = time.Second
	// slowFailuresTold bounds the failures of slow clients that are told one by one.
	slowFailuresTold = 5
)

// slowPhase is the normal clients' latency, and the proxy's memory, in one phase.
type slowPhase struct {
	Phase       string      `json:"phase"`
	P99Micros   []float64   `json:"p99_us"` // by window
	PerSecond   []float64   `json:"requests_per_second"`
	RSSBefore   int64       `json:"rss_before_bytes"`
	RSSPeak     int64       `json:"rss_peak_bytes"`
	RSS         []rssSample `json:"rss"`
	SlowClients int         `json:"slow_clients"`
	SlowBytes   int64       `json:"slow_bytes"` // read or written by them together
	PerClient   float64     `json:"rss_growth_bytes_per_slow_client"`
}

// slowCommand: what slow clients cost, and whether the others notice.
func slowCommand() command {
	return command{
		name: "slow", does: "slow readers and slow writers: memory for each, and p99 of the other clients",
		tools: []string{"nginx", "wrk"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.subjectFlags(fs)
			o.wrkFlags(fs, 20, 16)
			fs.IntVar(&o.clients, "clients", 100, "slow readers, and as many slow writers after them")
			fs.IntVar(&o.rate, "rate", 10_000, "bytes a second that a slow client moves")
			fs.IntVar(&o.megs, "mb", 100, "megabytes of a slow reader's body")
		},
		estimate: func(o options) time.Duration { return time.Duration(3*o.seconds+o.warmup+30) * time.Second },
		run:      runSlow,
	}
}

func runSlow(ctx context.Context, s *session) error {
	backend, err := load.NewStreamBackend()
	if err != nil {
		return err
	}
	defer backend.Close()
	pools, err := s.rig.StartBackend(ctx, "stable")
	if err != nil {
		return err
	}
	// Normal clients go to the stable pool, slow ones carry the tag and go to the streaming backend.
	p, err := s.startSubject(ctx, pools[0], backend.Address, 0)
	if err != nil {
		return err
	}
	s.gray = 0
	if s.warmup > 0 {
		progress("warm-up")
		warm := s.wrkLoad("/")
		warm.Seconds, warm.CPUs = s.warmup, s.rig.CPUs.All
		if _, err := s.rig.Wrk(ctx, p.Address, warm); err != nil {
			return err
		}
	}
	phases, err := s.slowPhases(ctx, p, backend)
	s.report.Rounds = phases
	if err != nil {
		return err
	}
	s.judgeSlow(phases)
	body, err := rig.Get(ctx, p.Address, "/", "")
	if err == nil && rig.AnsweredBy(body) != "stable" {
		err = fmt.Errorf("at the end answered by %q, want the stable pool", rig.AnsweredBy(body))
	}
	return err
}

// slowPlan is what happens in a phase.
type slowPlan struct {
	name    string
	windows int
	start   func(context.Context, load.Slow) *load.Herd // nil: no slow clients
	slow    load.Slow
	// finish lets the slow clients come to the end of their bodies; otherwise they are cut in the middle.
	finish bool
	// settled waits until the slow clients are the only ones that hold their bodies up; nil: they are from the start.
	settled func(context.Context) error
}

func (s *session) slowPhases(ctx context.Context, p *rig.Proxy, backend *load.StreamBackend) ([]slowPhase, error) {
	// Readers have bodies longer than they can ever read, writers ones that take them the whole phase.
	readers := load.Slow{Address: p.Address, Clients: s.clients, BytesPerSecond: s.rate, Bytes: int64(s.megs) * 1_000_000}
	writers := readers
	writers.Bytes = int64(s.rate) * int64(s.seconds+2*int(slowSettles.Seconds()))
	var phases []slowPhase
	for _, plan := range []slowPlan{
		{name: "without, before", windows: slowWindows / 2},
		{name: "slow readers", windows: slowWindows, start: load.Readers, slow: readers,
			settled: func(ctx context.Context) error { return s.buffersFull(ctx, backend) }},
		{name: "slow writers", windows: slowWindows, start: load.Writers, slow: writers, finish: true},
		{name: "without, after", windows: slowWindows / 2},
	} {
		progress("phase: %s", plan.name)
		phase, err := s.slowPhase(ctx, p, plan)
		phases = append(phases, phase)
		if err != nil {
			return phases, fmt.Errorf("%s: %w", plan.name, err)
		}
	}
	return phases, nil
}

// slowPhase measures the normal clients, window by window, while the slow ones are at work.
func (s *session) slowPhase(ctx context.Context, p *rig.Proxy, plan slowPlan) (slowPhase, error) {
	phase := slowPhase{Phase: plan.name}
	before, err := p.Usage()
	if err != nil {
		return phase, err
	}
	phase.RSSBefore = before.RSS
	watch := watchRSS(ctx, p)
	defer watch.stop()
	var herd *load.Herd
	begun := time.Now()
	if plan.start != nil {
		phase.SlowClients = plan.slow.Clients
		herd = plan.start(ctx, plan.slow)
		defer herd.Stop()
		if err := pause(ctx, slowSettles); err != nil {
			return phase, err
		}
		if plan.settled != nil {
			if err := plan.settled(ctx); err != nil {
				return phase, err
			}
		}
	}
	for range plan.windows {
		window := s.wrkLoad("/")
		window.Seconds, window.CPUs = max(1, s.seconds/slowWindows), s.rig.CPUs.All
		wrk, err := s.rig.Wrk(ctx, p.Address, window)
		if err != nil {
			return phase, err
		}
		phase.P99Micros = append(phase.P99Micros, measure.Micros(wrk.P99, 1))
		phase.PerSecond = append(phase.PerSecond, wrk.PerSecond)
		if wrk.Errors() > 0 {
			s.report.fail("%s: %d errors of normal clients in %d requests", plan.name, wrk.Errors(), wrk.Requests)
		}
	}
	if herd != nil {
		phase.SlowBytes = herd.Moved()
		s.judgeHerd(plan, herd, time.Since(begun))
	}
	if phase.RSSPeak, phase.RSS, err = watch.stop(); err != nil || herd == nil {
		return phase, err
	}
	phase.PerClient = measure.Per(float64(max(0, phase.RSSPeak-phase.RSSBefore)), int64(plan.slow.Clients))
	end := herd.Stop
	if plan.finish {
		end = herd.Wait
	}
	failures := end()
	for i, err := range failures {
		if i == slowFailuresTold {
			s.report.fail("%s: and %d more", plan.name, len(failures)-i)
			break
		}
		s.report.fail("%s: %v", plan.name, err)
	}
	return phase, nil
}

// buffersFull waits until the backend sends about as fast as the slow clients read. Until then it is the filling of the
// kernel's buffers that keeps the machine busy.
func (s *session) buffersFull(ctx context.Context, backend *load.StreamBackend) error {
	due := int64(s.clients) * int64(s.rate) * int64(slowFillStep/time.Second)
	deadline := time.Now().Add(slowFillsWithin)
	for before := backend.Sent(); ; {
		if err := pause(ctx, slowFillStep); err != nil {
			return err
		}
		now := backend.Sent()
		// The windows of TCP open by leaps, so that a second's figure varies.
		if now-before <= 4*due {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s the backend still sends %d bytes a second for slow readers that take %d: something on the way stores them",
				slowFillsWithin, now-before, due)
		}
		before = now
	}
}

// judgeHerd makes sure that the slow clients were there and moved as fast as they should: otherwise the phase has
// measured nothing.
func (s *session) judgeHerd(plan slowPlan, herd *load.Herd, took time.Duration) {
	each := int64(took.Seconds() * float64(plan.slow.BytesPerSecond))
	if left := herd.Alive(); left < plan.slow.Clients && each < plan.slow.Bytes {
		s.report.fail("%s: only %d of %d slow clients were left", plan.name, left, plan.slow.Clients)
	}
	// Half of what is due leaves room for a machine that the normal load keeps busy.
	due := min(each, plan.slow.Bytes) * int64(plan.slow.Clients)
	if moved := herd.Moved(); moved < due/2 {
		s.report.fail("%s: the slow clients moved %d bytes, it should be about %d", plan.name, moved, due)
	}
}

func (s *session) judgeSlow(phases []slowPhase) {
	var without []float64
	for _, phase := range phases {
		if phase.SlowClients == 0 {
			without = append(without, phase.P99Micros...)
		}
	}
	base := measure.Median(without)
	if base == 0 {
		s.report.fail("p99 without slow clients is 0: nothing to compare with")
		return
	}
	if varies := slices.Max(without) / max(slices.Min(without), 1); varies > slowGoalP99 {
		s.report.note("p99 without slow clients varied by %.1fx by itself: the machine is too busy for the p99 ratios to say anything", varies)
	}
	table := measure.NewTable("phase", "p99 ms", "p99 ratio", "requests/s", "RSS before", "RSS peak", "KiB/slow client")
	for _, phase := range phases {
		p99 := measure.Median(phase.P99Micros)
		each := "-"
		if phase.SlowClients > 0 {
			each = fmt.Sprintf("%.1f", phase.PerClient/1024)
			s.report.goal("goal", phase.Phase+": memory for each", phase.PerClient/1024, slowGoalBytes/1024, " KiB")
			s.report.goal("goal", phase.Phase+": p99 of the others to p99 without them", p99/base, slowGoalP99, "x")
		}
		table.Row(phase.Phase, fmt.Sprintf("%.2f", p99/1e3), fmt.Sprintf("%.2f", p99/base), fmt.Sprintf("%.0f", measure.Median(phase.PerSecond)),
			megabytes(phase.RSSBefore), megabytes(phase.RSSPeak), each)
	}
	fmt.Printf("\n%d slow clients at %d B/s\n%s", s.clients, s.rate, table)
	s.report.Summary = map[string]any{"p99_us_without": base, "p99_us_without_lowest": slices.Min(without), "p99_us_without_highest": slices.Max(without)}
}
