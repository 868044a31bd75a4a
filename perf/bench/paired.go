package main

import (
	"context"
	"fmt"
	"time"

	"graygate/perf/measure"
	"graygate/perf/rig"
)

// scenario is one load under which the proxies are measured in turn.
type scenario struct {
	Name string
	Load rig.Load
	// check makes sure, before every round, that the proxy does what the load is about to count.
	check func(context.Context, *rig.Proxy) error
}

// round is what one proxy did in one round.
type round struct {
	Scenario          string  `json:"scenario"`
	Round             int     `json:"round"` // from 1
	Proxy             string  `json:"proxy"`
	Requests          int64   `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	P50Micros         float64 `json:"p50_us"`
	P99Micros         float64 `json:"p99_us"`
	CPUMicros         float64 `json:"cpu_us_per_request"`
	UserMicros        float64 `json:"user_us_per_request"`
	SystemMicros      float64 `json:"system_us_per_request"`
	BusyPercent       float64 `json:"busy_percent"` // of one core; 100: the proxy was the bottleneck
	// OthersPercent is how much of the proxy's core others took: above a few per cent the round is disturbed.
	OthersPercent float64 `json:"others_percent"`
	RSSBytes      int64   `json:"rss_bytes"`
	Errors        int64   `json:"errors"`
}

// pairedEstimate is how long pairedRounds takes. A round costs about a second more than its length.
func pairedEstimate(o options, scenarios int) time.Duration {
	seconds := len(o.proxies) * scenarios * (o.warmup + o.rounds*(o.seconds+1))
	return time.Duration(seconds) * time.Second
}

// pairedRounds warms every proxy up and measures them in turn. In each round the order is another one, so that
// nobody always runs after the same neighbour.
func (s *session) pairedRounds(ctx context.Context, proxies []*rig.Proxy, scenarios []scenario) ([]round, error) {
	for _, sc := range scenarios {
		for _, p := range proxies {
			if err := sc.check(ctx, p); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.Name, sc.Name, err)
			}
			if s.warmup == 0 {
				continue
			}
			warm := sc.Load
			warm.Seconds = s.warmup
			progress("warm-up: %s, %s", sc.Name, p.Name)
			if _, err := s.rig.Wrk(ctx, p.Address, warm); err != nil {
				return nil, err
			}
		}
	}
	var rounds []round
	for n := range s.rounds {
		for _, sc := range scenarios {
			for i := range proxies {
				p := proxies[(n+i)%len(proxies)]
				got, err := s.oneRound(ctx, p, sc)
				if err != nil {
					return rounds, fmt.Errorf("round %d, %s, %s: %w", n+1, p.Name, sc.Name, err)
				}
				got.Round = n + 1
				rounds = append(rounds, got)
				progress("round %d/%d: %s, %s: %.0f requests/s, %.2f us CPU/request", n+1, s.rounds, sc.Name, p.Name, got.RequestsPerSecond, got.CPUMicros)
				s.judgeErrors(got)
			}
		}
	}
	return rounds, nil
}

func (s *session) oneRound(ctx context.Context, p *rig.Proxy, sc scenario) (round, error) {
	if err := sc.check(ctx, p); err != nil {
		return round{}, err
	}
	busyBefore, err := rig.CoresBusy(s.rig.CPUs.Proxy)
	if err != nil {
		return round{}, err
	}
	before, err := p.Usage()
	if err != nil {
		return round{}, err
	}
	wrk, err := s.rig.Wrk(ctx, p.Address, sc.Load)
	if err != nil {
		return round{}, err
	}
	after, err := p.Usage()
	if err != nil {
		return round{}, err
	}
	busyAfter, err := rig.CoresBusy(s.rig.CPUs.Proxy)
	if err != nil {
		return round{}, err
	}
	if wrk.Requests == 0 {
		return round{}, fmt.Errorf("not one request in %s", wrk.Took)
	}
	cpu, wall := after.Since(before)
	others := max(0, busyAfter-busyBefore-cpu.Total)
	return round{
		Scenario: sc.Name, Proxy: p.Name,
		Requests: wrk.Requests, RequestsPerSecond: wrk.PerSecond,
		P50Micros: measure.Micros(wrk.P50, 1), P99Micros: measure.Micros(wrk.P99, 1),
		CPUMicros:  measure.Micros(cpu.Total, wrk.Requests),
		UserMicros: measure.Micros(cpu.User, wrk.Requests), SystemMicros: measure.Micros(cpu.System, wrk.Requests),
		BusyPercent:   100 * float64(cpu.Total) / float64(wall),
		OthersPercent: 100 * float64(others) / float64(wall),
		RSSBytes:      after.RSS,
		Errors:        wrk.Errors(),
	}, nil
}

// judgeErrors: an error of ours is a failure of the run, one of a peer's is only worth telling.
func (s *session) judgeErrors(r round) {
	if r.Errors == 0 {
		return
	}
	say := s.report.fail
	if r.Proxy == rig.Nginx || r.Proxy == rig.HAProxy {
		say = s.report.note
	}
	say("round %d, %s: %s had %d errors in %d requests", r.Round, r.Scenario, r.Proxy, r.Errors, r.Requests)
}
