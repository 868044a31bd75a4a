package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"graygate/perf/rig"
)

// options are the flags of all benchmarks; each benchmark declares those it heeds.
type options struct {
	results  string
	graygate string // path of a binary; "": build it

	base         string // a revision to compare with
	baseGraygate string // a binary to compare with; "": build base

	proxies     []string // those measured side by side, ours first
	subject     string   // the one proxy measured alone
	rounds      int
	seconds     int
	warmup      int // seconds
	connections int
	gray        int // of 100 requests
	forwarded   bool
	loops       int

	n       int // idle connections
	clients int // slow clients of each kind
	rate    int // bytes a second of a slow client
	rps     int // requests a second of all clients together
	megs    int
	reloads int
	short   int
	millis  int

	rules, experiments int // of a large config
	routes             int
	scrapes            int

	shown map[string]string // every flag that the benchmark heeds, as text, for the report
}

// outOf are the bounds of the numbers, each with its reason.
var outOf = []struct {
	flag     string
	min, max int
}{
	{"rounds", 1, 1000},
	{"seconds", 1, 600},
	{"warmup", 0, 600},
	{"connections", 1, 4000}, // the peers are told of 4096
	{"gray", 0, 100},
	{"loops", 0, 256},
	{"n", 1, 1_000_000},
	{"clients", 1, 2000},
	{"rate", 10, 100_000_000}, // a slow client moves ten times a second
	{"rps", 0, 10_000_000},
	{"mb", 1, 100_000},
	{"reloads", 1, 100_000},
	{"short", 0, 1000},
	{"rules", 0, 20_000}, // what a config file has room for
	{"routes", 1, 5_000},
	{"scrapes", 1, 10_000},
	{"experiments", 0, 4_000}, // as many keys as a mapping may have
	{"millis", 1, 60_000},
}

func (o *options) commonFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.results, "results", "perf/results", "folder for the result, below the module's root unless absolute")
	fs.StringVar(&o.graygate, "graygate", "", "a graygate binary to measure; without it bin/graygate is built")
}

// pairedFlags are those of the benchmarks that measure proxies side by side.
func (o *options) pairedFlags(fs *flag.FlagSet, rounds, seconds, connections int) {
	o.proxies = []string{rig.Graygate, rig.Nginx, rig.HAProxy}
	fs.Func("proxies", "which proxies, the first is compared with the others (default graygate,nginx,haproxy)", func(list string) error {
		o.proxies = strings.Split(list, ",")
		return nil
	})
	fs.IntVar(&o.rounds, "rounds", rounds, "rounds for each proxy")
	fs.BoolVar(&o.forwarded, "forwarded", false, "let nginx and HAProxy add the X-Forwarded-* and request id that graygate always adds")
	o.wrkFlags(fs, seconds, connections)
}

// wrkFlags are those of every load made by wrk.
func (o *options) wrkFlags(fs *flag.FlagSet, seconds, connections int) {
	fs.IntVar(&o.seconds, "seconds", seconds, "length of one round")
	fs.IntVar(&o.warmup, "warmup", 2, "seconds of warm-up before the first round")
	fs.IntVar(&o.connections, "connections", connections, "client connections")
	fs.IntVar(&o.gray, "gray", 10, "of 100 requests, how many carry the tag")
}

// subjectFlags are those of the benchmarks that measure one proxy alone, with as many loops as it likes.
func (o *options) subjectFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.subject, "proxy", rig.Graygate, "the proxy to measure: a peer shows what the same test makes of it")
	fs.IntVar(&o.loops, "loops", 0, "event loops; 0: one per core")
}

// check refuses what cannot be meant, and notes the flags as they stand.
func (o *options) check(fs *flag.FlagSet) error {
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for _, bound := range outOf {
		given := fs.Lookup(bound.flag)
		if given == nil {
			continue
		}
		if n := given.Value.(flag.Getter).Get().(int); n < bound.min || n > bound.max {
			return fmt.Errorf("-%s %d: from %d to %d", bound.flag, n, bound.min, bound.max)
		}
	}
	known := []string{rig.Graygate, rig.Nginx, rig.HAProxy}
	for i, name := range o.proxies {
		if !slices.Contains(known, name) || slices.Contains(o.proxies[:i], name) {
			return fmt.Errorf("-proxies: %q is not one of %s, or is there twice", name, strings.Join(known, ", "))
		}
	}
	if o.subject != "" && !slices.Contains(known, o.subject) {
		return fmt.Errorf("-proxy: %q is not one of %s", o.subject, strings.Join(known, ", "))
	}
	if o.subject == rig.HAProxy && fs.Lookup("reloads") != nil {
		return errors.New("-proxy: HAProxy without its master does not reload")
	}
	o.shown = map[string]string{}
	fs.VisitAll(func(f *flag.Flag) { o.shown[f.Name] = f.Value.String() })
	if o.proxies != nil {
		o.shown["proxies"] = strings.Join(o.proxies, ",")
	}
	return nil
}

// measured are the proxies that the benchmark starts.
func (o *options) measured() []string {
	if o.subject != "" {
		return []string{o.subject}
	}
	return o.proxies
}
