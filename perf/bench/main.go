// Command bench measures graygate as a black box, beside nginx and HAProxy where that says something. Every benchmark
// is bounded in time, stays on loopback, and ends what it started. See perf/README.md for what each measures.
//
//	go run ./perf/bench proxy
//	go run ./perf/bench idle -n 10000
//
// The exit status is 0 if everything worked, goals met or missed; 1 if something did not work (a wrong answer, an error
// under load, a process that died); 2 if the machine lacks something, or the command line is wrong; 130 after Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"graygate/perf/rig"
)

// command is one benchmark.
type command struct {
	name, does string
	tools      []string // besides graygate itself
	flags      func(*flag.FlagSet, *options)
	// estimate is how long it should take; it is cut off after twice that and some.
	estimate func(options) time.Duration
	run      func(context.Context, *session) error
}

// slack is added to twice a benchmark's estimate: for building, starting and stopping.
const slack = 3 * time.Minute

func commands() []command {
	return []command{proxyCommand(), idleCommand(), slowCommand(), reloadCommand(), allocsCommand(), mediumCommand(), connsCommand(), matchCommand(), swapCommand(), healCommand(), observeCommand()}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the usual way is open again: a second Ctrl-C ends us at once, and the kernel our children.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	if len(args) > 0 && args[0] == "all" {
		worst := 0
		for _, c := range commands() {
			if ctx.Err() == nil {
				worst = max(worst, c.execute(ctx, args[1:]))
			}
		}
		return worst
	}
	for _, c := range commands() {
		if len(args) > 0 && c.name == args[0] {
			return c.execute(ctx, args[1:])
		}
	}
	usage()
	return 2
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: go run ./perf/bench BENCHMARK [flags]     (BENCHMARK -h lists its flags)")
	for _, c := range commands() {
		fmt.Fprintf(os.Stderr, "  %-8s %s\n", c.name, c.does)
	}
	fmt.Fprintf(os.Stderr, "  %-8s %s\n", "all", "all of them in turn, flags must suit each")
}

// execute runs the benchmark and gives the exit status.
func (c command) execute(ctx context.Context, args []string) int {
	var o options
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	o.commonFlags(fs)
	c.flags(fs, &o)
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if err := o.check(fs); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.name, err)
		return 2
	}
	bound := 2*c.estimate(o) + slack
	bounded, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("not done after %s", bound.Round(time.Second)))
	defer cancel()
	err := c.measure(bounded, o)
	var missing *rig.Missing
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(os.Stderr, "%s: interrupted\n", c.name)
		return 130
	case errors.As(err, &missing):
		fmt.Fprintf(os.Stderr, "%s needs more than this machine has:\n%v\n", c.name, err)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "%s failed: %v\n", c.name, err)
		return 1
	}
}

// measure sets up, runs, prints and writes the report, and takes down, in this order whatever happens.
func (c command) measure(ctx context.Context, o options) (err error) {
	s, err := newSession(ctx, c, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.rig.Close()) }()
	if err := c.run(ctx, s); err != nil {
		// An interrupted run is no result, nor is one without a single figure: the file of the last one stays.
		if ctx.Err() != nil || (s.report.Rounds == nil && s.report.Summary == nil) {
			return err
		}
		s.report.fail("%v", err)
	}
	return s.report.finish(o.results)
}
