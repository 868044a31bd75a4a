package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"graygate/perf/rig"
)

// proxyCommand: small answers over keep-alive connections, the figure everything else is compared with.
func proxyCommand() command {
	return command{
		name: "proxy", does: "small answers, keep-alive: requests/s, latency, CPU and memory beside nginx and HAProxy",
		tools:    []string{"nginx", "wrk"},
		flags:    func(fs *flag.FlagSet, o *options) { o.pairedFlags(fs, 5, 5, 64) },
		estimate: func(o options) time.Duration { return pairedEstimate(o, 1) },
		run: func(ctx context.Context, s *session) error {
			name := fmt.Sprintf("%d-byte answers", rig.AnswerBytes)
			return s.runPaired(ctx, []scenario{{Name: name, Load: s.wrkLoad("/"), check: checkRouting}},
				map[string]float64{"goal": 1.0, "aim": 0.9})
		},
	}
}

// wrkLoad is the load that the flags describe.
func (s *session) wrkLoad(path string) rig.Load {
	return rig.Load{Connections: s.connections, Seconds: s.seconds, Path: path, GrayPercent: s.gray}
}

// runPaired starts backend and proxies, runs the rounds, and concludes even from those before a failure.
func (s *session) runPaired(ctx context.Context, scenarios []scenario, kinds map[string]float64) error {
	pools, err := s.rig.StartBackend(ctx, "stable", "gray")
	if err != nil {
		return err
	}
	proxies, err := s.startPaired(ctx, pools[0], pools[1])
	if err != nil {
		return err
	}
	rounds, err := s.pairedRounds(ctx, proxies, scenarios)
	if len(rounds) > 0 {
		s.conclude(rounds, scenarios, kinds)
	}
	return err
}

func checkRouting(ctx context.Context, p *rig.Proxy) error { return rig.CheckRouting(ctx, p.Address) }
