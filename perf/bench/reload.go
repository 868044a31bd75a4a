package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

const (
	// reloadSeenWithin is the longest that a reload may take until a new connection meets the new config.
	reloadSeenWithin = 5 * time.Second
	// reloadProbeEvery is how often a reload is looked for.
	reloadProbeEvery = 2 * time.Millisecond
)

type reloadSummary struct {
	Reloads    int            `json:"reloads"`
	SeenMillis measure.Spread `json:"seen_after_ms"` // from the signal to the first answer of the new config
	RSSBefore  int64          `json:"rss_before_bytes"`
	RSSAfter   int64          `json:"rss_after_bytes"`
	Account    load.Account   `json:"load"`
}

// reloadCommand: what a client notices of a reload.
func reloadCommand() command {
	return command{
		name: "reload", does: "reloads by SIGHUP under load: failed requests and dropped connections",
		tools: []string{"nginx"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.subjectFlags(fs)
			fs.IntVar(&o.seconds, "seconds", 20, "length of the load")
			fs.IntVar(&o.connections, "connections", 200, "keep-alive connections")
			fs.IntVar(&o.short, "short", 16, "clients that make a new connection for every request")
			fs.IntVar(&o.rps, "rps", 8000, "requests a second of all clients together; 0: as fast as they can")
			fs.IntVar(&o.gray, "gray", 20, "of 100 requests, how many carry the tag")
			fs.IntVar(&o.reloads, "reloads", 100, "reloads, evenly spread over the load")
		},
		estimate: func(o options) time.Duration { return time.Duration(o.seconds+15) * time.Second },
		run:      runReload,
	}
}

func runReload(ctx context.Context, s *session) error {
	// Two endpoints for each pool: every reload takes one away and brings the other.
	pools, err := s.rig.StartBackend(ctx, "stable", "gray", "stable-b", "gray-b")
	if err != nil {
		return err
	}
	p, err := s.startSubject(ctx, pools[0], pools[1], 0)
	if err != nil {
		return err
	}
	if err := rig.CheckRouting(ctx, p.Address); err != nil {
		return err
	}
	sum := reloadSummary{}
	s.report.Summary = &sum
	before, err := p.Usage()
	if err != nil {
		return err
	}
	sum.RSSBefore = before.RSS
	progress("%d s of load, %d reloads", s.seconds, s.reloads)
	run := load.Steady{Address: p.Address, KeepAlive: s.connections, Short: s.short, PerSecond: s.rps,
		GrayPercent: s.gray, Check: checkPool}.Start(ctx)
	seen, err := s.reloadOften(ctx, p, pools)
	sum.Account = run.Stop()
	sum.Reloads, sum.SeenMillis = len(seen), measure.Summarise(seen)
	if err != nil {
		return err
	}
	after, err := p.Usage()
	if err != nil {
		return err
	}
	sum.RSSAfter = after.RSS
	s.judgeReload(p.Name, sum)
	return nil
}

// reloadOften reloads in even steps over the time of the load and waits each time until the new config is seen. It
// returns how long that took, in milliseconds.
func (s *session) reloadOften(ctx context.Context, p *rig.Proxy, pools []string) ([]float64, error) {
	var seen []float64
	step := time.Duration(s.seconds) * time.Second / time.Duration(s.reloads+1)
	begun := time.Now()
	for i := range s.reloads {
		if err := pause(ctx, time.Until(begun.Add(time.Duration(i+1)*step))); err != nil {
			return seen, err
		}
		stable, gray, want := pools[2], pools[3], "stable-b"
		if i%2 == 1 {
			stable, gray, want = pools[0], pools[1], "stable"
		}
		if err := p.Repoint(stable, gray); err != nil {
			return seen, err
		}
		sent := time.Now()
		if err := p.Reload(); err != nil {
			return seen, fmt.Errorf("reload %d: %w", i+1, err)
		}
		if err := awaitPool(ctx, p, want); err != nil {
			return seen, fmt.Errorf("reload %d: %w", i+1, err)
		}
		seen = append(seen, float64(time.Since(sent))/float64(time.Millisecond))
	}
	return seen, pause(ctx, time.Until(begun.Add(time.Duration(s.seconds)*time.Second)))
}

// awaitPool waits until a request without tag is answered by this pool. A probe that gets no answer at all is as much
// a failure as one of the load's.
func awaitPool(ctx context.Context, p *rig.Proxy, want string) error {
	deadline := time.Now().Add(reloadSeenWithin)
	for {
		body, err := rig.Get(ctx, p.Address, "/", "")
		if err != nil {
			return err
		}
		if rig.AnsweredBy(body) == want {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not seen within %s: still answered by %q, want %q", reloadSeenWithin, rig.AnsweredBy(body), want)
		}
		if err := pause(ctx, reloadProbeEvery); err != nil {
			return err
		}
	}
}

// checkPool judges an answer under load: which of the two configs it comes from does not matter, its pool does.
func checkPool(tag, body string) (string, error) {
	want := "stable"
	if tag == "gray" {
		want = "gray"
	}
	got := rig.AnsweredBy(body)
	if strings.TrimSuffix(got, "-b") != want {
		return "", fmt.Errorf("answered by %q, want pool %q: %.120q", got, want, body)
	}
	return got, nil
}

func (s *session) judgeReload(name string, sum reloadSummary) {
	a := sum.Account
	table := measure.NewTable("reload under load", "reloads", "seen after ms", "requests", "failed", "refused", "dropped", "closed by announcement", "RSS before", "after")
	table.Row(name, fmt.Sprint(sum.Reloads), ratioText(sum.SeenMillis), fmt.Sprint(a.Requests), fmt.Sprint(a.Failed), fmt.Sprint(a.Refused),
		fmt.Sprint(a.Dropped), fmt.Sprint(a.Announced), megabytes(sum.RSSBefore), megabytes(sum.RSSAfter))
	fmt.Printf("\n%s", table)
	for _, example := range a.Examples {
		s.report.note("failed: %s", example)
	}
	for _, pool := range []string{"stable", "gray", "stable-b", "gray-b"} {
		if a.AnsweredBy[pool] == 0 && !(s.gray == 0 && strings.HasPrefix(pool, "gray")) {
			s.report.fail("not one request was answered by %s: the load has not met both configs", pool)
		}
	}
	s.report.goal("goal", "failed requests", float64(a.Failed), 0, "")
	s.report.goal("goal", "dropped connections", float64(a.Dropped), 0, "")
	s.report.goal("aim", "connections closed by announcement", float64(a.Announced), 0, "")
}
