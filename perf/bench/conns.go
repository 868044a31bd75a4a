package main

import (
	"context"
	"flag"
	"time"
)

// connsCommand: what a new client connection costs.
func connsCommand() command {
	return command{
		name: "conns", does: "a new connection for every request: CPU beside nginx and HAProxy",
		tools:    []string{"nginx", "wrk"},
		flags:    func(fs *flag.FlagSet, o *options) { o.pairedFlags(fs, 5, 3, 64) },
		estimate: func(o options) time.Duration { return pairedEstimate(o, 1) },
		run: func(ctx context.Context, s *session) error {
			load := s.wrkLoad("/")
			load.Close = true
			return s.runPaired(ctx, []scenario{{Name: "new connections", Load: load, check: checkRouting}},
				map[string]float64{"aim": 1.0})
		},
	}
}
