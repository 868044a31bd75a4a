package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

const (
	// idleGoalBytes is the goal for 10,000 connections; for another number it is taken in proportion.
	idleGoalBytes       = 60e6
	idleGoalConnections = 10_000
	// idleSettles is how long memory is watched after the last connection was opened.
	idleSettles = 3 * time.Second
	// idleSpare is what a process needs of files beside its connections.
	idleSpare = 500
)

type idleSummary struct {
	Connections        int     `json:"connections"`
	RSSBefore          int64   `json:"rss_before_bytes"`
	RSSWith            int64   `json:"rss_with_bytes"`
	RSSAfter           int64   `json:"rss_after_closing_bytes"`
	BytesPerConnection float64 `json:"bytes_per_connection"`
	OpenedInSeconds    float64 `json:"opened_in_seconds"`
}

// idleCommand: what a client costs that does nothing.
func idleCommand() command {
	return command{
		name: "idle", does: "memory of idle keep-alive connections",
		tools: []string{"nginx"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.subjectFlags(fs)
			fs.IntVar(&o.n, "n", idleGoalConnections, "connections")
		},
		estimate: func(o options) time.Duration { return 30*time.Second + time.Duration(o.n)*time.Millisecond },
		run:      runIdle,
	}
}

func runIdle(ctx context.Context, s *session) error {
	if have := s.report.Machine.OpenFiles; have < uint64(s.n+idleSpare) {
		return &rig.Missing{What: []string{fmt.Sprintf("%d connections need as many open files, the limit is %d: raise it (ulimit -n %d) or use a smaller -n",
			s.n, have, s.n+idleSpare)}}
	}
	pools, err := s.rig.StartBackend(ctx, "stable", "gray")
	if err != nil {
		return err
	}
	p, err := s.startSubject(ctx, pools[0], pools[1], s.n+idleSpare)
	if err != nil {
		return err
	}
	if err := rig.CheckRouting(ctx, p.Address); err != nil {
		return err
	}
	sum := idleSummary{Connections: s.n}
	s.report.Summary = &sum
	if sum.RSSBefore, err = settledRSS(ctx, p, time.Second); err != nil {
		return err
	}
	progress("opening %d connections", s.n)
	begun := time.Now()
	idle, err := load.OpenIdle(ctx, p.Address, s.n)
	if err != nil {
		return err
	}
	defer idle.Close()
	sum.OpenedInSeconds = time.Since(begun).Seconds()
	if sum.RSSWith, err = settledRSS(ctx, p, idleSettles); err != nil {
		return err
	}
	progress("using every connection again")
	if err := idle.UseAgain(ctx); err != nil {
		return fmt.Errorf("an idle connection does not work any more: %w", err)
	}
	idle.Close()
	if sum.RSSAfter, err = settledRSS(ctx, p, time.Second); err != nil {
		return err
	}
	if err := rig.CheckRouting(ctx, p.Address); err != nil {
		return fmt.Errorf("after closing %d connections: %w", s.n, err)
	}
	grown := sum.RSSWith - sum.RSSBefore
	sum.BytesPerConnection = measure.Per(float64(grown), int64(s.n))
	table := measure.NewTable(fmt.Sprintf("%d idle connections", s.n), "RSS before", "with them", "growth", "each", "after closing")
	table.Row(p.Name, megabytes(sum.RSSBefore), megabytes(sum.RSSWith), megabytes(grown), fmt.Sprintf("%.0f B", sum.BytesPerConnection), megabytes(sum.RSSAfter))
	fmt.Printf("\n%s", table)
	s.report.goal("goal", fmt.Sprintf("memory of %d idle connections", s.n), float64(grown)/1e6, idleGoalBytes*float64(s.n)/idleGoalConnections/1e6, " MB")
	return nil
}
