package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"graygate/perf/rig"
)

// session is one run of one benchmark.
type session struct {
	options
	rig      *rig.Rig
	report   *report
	graygate string // the binary's path, "" if it is not measured
}

// newSession makes sure of the tools, builds graygate if it is to be measured, and makes the rig.
func newSession(ctx context.Context, c command, o options) (*session, error) {
	tools := slices.Clone(c.tools)
	for _, name := range o.measured() {
		if name != rig.Graygate && !slices.Contains(tools, name) {
			tools = append(tools, name)
		}
	}
	if err := rig.Need(tools...); err != nil {
		return nil, err
	}
	root, err := rig.Root()
	if err != nil {
		return nil, err
	}
	s := &session{options: o}
	if !filepath.IsAbs(s.results) {
		s.results = filepath.Join(root, s.results)
	}
	if slices.Contains(o.measured(), rig.Graygate) {
		if s.graygate, err = findOrBuild(ctx, root, o.graygate); err != nil {
			return nil, err
		}
	}
	if s.rig, err = rig.New(); err != nil {
		return nil, err
	}
	s.report = &report{Benchmark: c.name, Started: time.Now(), Options: o.shown, Machine: readMachine(s.rig.CPUs, s.graygate, tools)}
	if load, cores := s.report.Machine.LoadBefore[0], s.report.Machine.Cores; load > 0.5*float64(cores) {
		s.report.note("the machine was busy before (load average %.2f on %d cores): trust ratios of the same round, nothing else", load, cores)
	}
	if len(s.rig.CPUs.All) < 2 {
		s.report.note("one core: proxy, backend and load share it")
	}
	return s, nil
}

func findOrBuild(ctx context.Context, root, given string) (string, error) {
	if given == "" {
		progress("building graygate")
		return rig.Build(ctx, root)
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(path)
	return path, err
}

// startPaired starts all proxies of a side-by-side run alike: one loop each, on the proxy's core.
func (s *session) startPaired(ctx context.Context, stable, gray string) ([]*rig.Proxy, error) {
	var proxies []*rig.Proxy
	for _, name := range s.proxies {
		p, err := s.rig.StartProxy(ctx, name, rig.Setup{Stable: stable, Gray: gray, Loops: 1, CPUs: s.rig.CPUs.Proxy,
			Forwarded: s.forwarded, GraygatePath: s.graygate})
		if err != nil {
			return nil, err
		}
		proxies = append(proxies, p)
	}
	return proxies, nil
}

// startSubject starts the one proxy of a benchmark that has no pairs, unpinned.
func (s *session) startSubject(ctx context.Context, stable, gray string, maxConnections int) (*rig.Proxy, error) {
	return s.rig.StartProxy(ctx, s.subject, rig.Setup{Stable: stable, Gray: gray, Loops: s.loops,
		MaxConnections: maxConnections, GraygatePath: s.graygate})
}

// pause waits, or fails when the run is over.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// progress tells whoever waits what is going on; results go to the standard output.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
