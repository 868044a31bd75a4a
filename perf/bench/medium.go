package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"graygate/perf/rig"
)

// mediumBodies are the bodies, in bytes, that should seldom have to leave the event loop.
var mediumBodies = []int{64 << 10, 256 << 10, 1 << 20}

// mediumCommand: bodies of some size to clients that read as fast as they can.
func mediumCommand() command {
	return command{
		name: "medium", does: "bodies of 64 KiB, 256 KiB and 1 MiB to fast clients: CPU beside nginx and HAProxy",
		tools:    []string{"nginx", "wrk"},
		flags:    func(fs *flag.FlagSet, o *options) { o.pairedFlags(fs, 5, 2, 16) },
		estimate: func(o options) time.Duration { return pairedEstimate(o, len(mediumBodies)) },
		run: func(ctx context.Context, s *session) error {
			var scenarios []scenario
			for _, bytes := range mediumBodies {
				if err := s.rig.AddBody(bytes); err != nil {
					return err
				}
				path := rig.BodyPath(bytes)
				scenarios = append(scenarios, scenario{Name: fmt.Sprintf("%d KiB bodies", bytes>>10), Load: s.wrkLoad(path),
					check: func(ctx context.Context, p *rig.Proxy) error { return checkBody(ctx, p, path, bytes) }})
			}
			return s.runPaired(ctx, scenarios, map[string]float64{"aim": 1.0})
		},
	}
}

// checkBody makes sure that routing is right and that a body arrives whole.
func checkBody(ctx context.Context, p *rig.Proxy, path string, bytes int) error {
	if err := checkRouting(ctx, p); err != nil {
		return err
	}
	body, err := rig.Get(ctx, p.Address, path, "")
	if err == nil && len(body) != bytes {
		err = fmt.Errorf("GET %s: %d bytes, want %d", path, len(body), bytes)
	}
	return err
}
