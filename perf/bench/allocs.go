package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"graygate/perf/measure"
	"graygate/perf/rig"
)

// allocsGoal is what counts as none: one allocation in 1,000 requests leaves room for the runtime's own and for what
// happens by the clock, not for anything that a request does.
const allocsGoal = 0.001

// allocRound is what the runtime's counters say of one round: a short load, a long one, and a pause as long as the
// difference. What opening the connections and reading the counters costs is in both loads and cancels; what happens
// by the clock is in the pause.
type allocRound struct {
	Round      int       `json:"round"`
	Short      allocLoad `json:"short_load"`
	Long       allocLoad `json:"long_load"`
	Idle       uint64    `json:"mallocs_idle"` // in the pause
	PerRequest float64   `json:"mallocs_per_request"`
	HeapBytes  uint64    `json:"heap_alloc_bytes"`
	GCCycles   uint64    `json:"gc_cycles"` // during both loads
}

// allocLoad is one load of a round.
type allocLoad struct {
	Requests    uint64 `json:"requests"` // by graygate's own count
	WrkRequests int64  `json:"wrk_requests"`
	Mallocs     uint64 `json:"mallocs"`
}

// allocShortSeconds is the length of the short load; the long one is longer.
const allocShortSeconds = 1

// allocSettles is waited before the counters are read after a load: graygate adds its loops' counters up ten times a
// second, and connections are closed meanwhile.
const allocSettles = 500 * time.Millisecond

// allocsCommand: whether a request in steady state allocates.
func allocsCommand() command {
	return command{
		name: "allocs", does: "heap allocations per request, by graygate's own counters under load",
		tools: []string{"nginx", "wrk"},
		flags: func(fs *flag.FlagSet, o *options) {
			fs.IntVar(&o.rounds, "rounds", 3, "rounds")
			o.wrkFlags(fs, 5, 64)
			o.proxies = []string{rig.Graygate}
		},
		estimate: func(o options) time.Duration {
			return time.Duration(o.warmup+o.rounds*(2*o.seconds+3)) * time.Second
		},
		run: runAllocs,
	}
}

func runAllocs(ctx context.Context, s *session) error {
	if s.seconds <= allocShortSeconds {
		return fmt.Errorf("-seconds %d: the long load must be longer than the short one, %d s", s.seconds, allocShortSeconds)
	}
	pools, err := s.rig.StartBackend(ctx, "stable", "gray")
	if err != nil {
		return err
	}
	proxies, err := s.startPaired(ctx, pools[0], pools[1])
	if err != nil {
		return err
	}
	p := proxies[0]
	if err := rig.CheckRouting(ctx, p.Address); err != nil {
		return err
	}
	warm := s.wrkLoad("/")
	if warm.Seconds = s.warmup; warm.Seconds > 0 {
		progress("warm-up")
		if _, err := s.rig.Wrk(ctx, p.Address, warm); err != nil {
			return err
		}
	}
	var rounds []allocRound
	for n := range s.rounds {
		got, err := s.allocRound(ctx, p)
		if err != nil {
			return err
		}
		got.Round = n + 1
		progress("round %d/%d: %d requests, %d mallocs", n+1, s.rounds, got.Long.Requests, got.Long.Mallocs)
		rounds = append(rounds, got)
		s.report.Rounds = rounds
	}
	s.judgeAllocs(rounds)
	return nil
}

// allocRound makes the two loads and the pause of a round.
func (s *session) allocRound(ctx context.Context, p *rig.Proxy) (allocRound, error) {
	var r allocRound
	first, err := p.Status(ctx)
	if err != nil {
		return r, err
	}
	atOnce, err := p.Status(ctx)
	if err != nil {
		return r, err
	}
	if err := pause(ctx, time.Duration(s.seconds-allocShortSeconds)*time.Second); err != nil {
		return r, err
	}
	paused, err := p.Status(ctx)
	if err != nil {
		return r, err
	}
	reading := atOnce.Mallocs - first.Mallocs
	r.Idle = paused.Mallocs - atOnce.Mallocs
	r.Idle -= min(r.Idle, reading)
	short, err := s.allocLoad(ctx, p, paused, allocShortSeconds, &r.Short)
	if err != nil {
		return r, err
	}
	long, err := s.allocLoad(ctx, p, short, s.seconds, &r.Long)
	if err != nil {
		return r, err
	}
	r.HeapBytes, r.GCCycles = long.HeapAllocBytes, long.GCCycles-paused.GCCycles
	r.PerRequest, err = allocsPerRequest(r)
	return r, err
}

// allocLoad makes one load and returns the counters after it.
func (s *session) allocLoad(ctx context.Context, p *rig.Proxy, before rig.Status, seconds int, into *allocLoad) (rig.Status, error) {
	load := s.wrkLoad("/")
	load.Seconds = seconds
	wrk, err := s.rig.Wrk(ctx, p.Address, load)
	if err != nil {
		return rig.Status{}, err
	}
	if err := pause(ctx, allocSettles); err != nil {
		return rig.Status{}, err
	}
	after, err := p.Status(ctx)
	if err != nil {
		return rig.Status{}, err
	}
	if wrk.Errors() > 0 {
		s.report.fail("%d errors in %d requests", wrk.Errors(), wrk.Requests)
	}
	*into = allocLoad{Requests: after.Requests - before.Requests, WrkRequests: wrk.Requests, Mallocs: after.Mallocs - before.Mallocs}
	return after, nil
}

// allocsPerRequest is what each request more cost the long load, never below 0. A count of requests that is far from
// wrk's means that the counters are not what they should be.
func allocsPerRequest(r allocRound) (float64, error) {
	for _, load := range []allocLoad{r.Short, r.Long} {
		if off := measure.Per(float64(load.Requests), load.WrkRequests); off < 0.95 || off > 1.05 {
			return 0, fmt.Errorf("graygate counts %d requests where wrk counts %d", load.Requests, load.WrkRequests)
		}
	}
	if r.Long.Requests <= r.Short.Requests {
		return 0, fmt.Errorf("the long load made %d requests, the short one %d", r.Long.Requests, r.Short.Requests)
	}
	more := float64(r.Long.Mallocs) - float64(r.Short.Mallocs) - float64(r.Idle)
	return max(0, more) / float64(r.Long.Requests-r.Short.Requests), nil
}

func (s *session) judgeAllocs(rounds []allocRound) {
	table := measure.NewTable("round", "requests short", "long", "mallocs short", "long", "idle", "mallocs/request", "GC cycles", "heap")
	var each []float64
	for _, r := range rounds {
		each = append(each, r.PerRequest)
		table.Row(fmt.Sprint(r.Round), fmt.Sprint(r.Short.Requests), fmt.Sprint(r.Long.Requests),
			fmt.Sprint(r.Short.Mallocs), fmt.Sprint(r.Long.Mallocs), fmt.Sprint(r.Idle), fmt.Sprintf("%.6f", r.PerRequest),
			fmt.Sprint(r.GCCycles), megabytes(int64(r.HeapBytes)))
	}
	fmt.Printf("\n%s", table)
	sum := measure.Summarise(each)
	s.report.Summary = map[string]measure.Spread{"mallocs_per_request": sum}
	s.report.goal("goal", "allocations per request", sum.Median, allocsGoal, "")
}
