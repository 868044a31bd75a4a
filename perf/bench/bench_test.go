package main

import (
	"flag"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

func TestCompare(t *testing.T) {
	at := func(n int, proxy string, rps, cpu, p99 float64, errors int64) round {
		return round{Scenario: "s", Round: n, Proxy: proxy, RequestsPerSecond: rps, CPUMicros: cpu, P99Micros: p99, Errors: errors}
	}
	rounds := []round{
		at(1, "graygate", 100, 9, 1000, 0), at(1, "nginx", 50, 10, 2000, 1),
		at(2, "nginx", 100, 20, 1000, 2), at(2, "graygate", 100, 24, 1000, 0),
		at(3, "graygate", 300, 20, 500, 0), at(3, "nginx", 100, 20, 1000, 0),
		{Scenario: "another", Round: 1, Proxy: "graygate", RequestsPerSecond: 1e9},
	}
	got := compare("s", []string{"graygate", "nginx"}, rounds)
	if ours := got.Figures["graygate"].RequestsPerSecond; ours != (measure.Spread{Median: 100, Min: 100, Max: 300}) {
		t.Errorf("requests/s of graygate: %+v", ours)
	}
	if errors := got.Figures["nginx"].Errors; errors != 3 {
		t.Errorf("errors of nginx: %d, want 3", errors)
	}
	want := map[string]peerRatio{"nginx": {
		Rounds: []roundRatio{
			{RequestsPerSecond: 2, CPU: 0.9, P99: 0.5}, {RequestsPerSecond: 1, CPU: 1.2, P99: 1}, {RequestsPerSecond: 3, CPU: 1, P99: 0.5},
		},
		RequestsPerSecond: measure.Spread{Median: 2, Min: 1, Max: 3},
		CPU:               measure.Spread{Median: 1, Min: 0.9, Max: 1.2},
		P99:               measure.Spread{Median: 0.5, Min: 0.5, Max: 1},
	}}
	if !reflect.DeepEqual(got.Ratios, want) {
		t.Errorf("ratios\n%+v, want\n%+v", got.Ratios, want)
	}
	if text := got.String(); !strings.Contains(text, "1.00 (0.90 to 1.20)") {
		t.Errorf("table without the CPU ratio:\n%s", text)
	}
}

func TestAllocsPerRequest(t *testing.T) {
	f := func(short, long allocLoad, idle uint64, want float64, wantErr string) {
		t.Helper()
		got, err := allocsPerRequest(allocRound{Short: short, Long: long, Idle: idle})
		if math.Abs(got-want) > 1e-9 || (wantErr == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("short %+v, long %+v, idle %d: %v, %v, want %v, error with %q", short, long, idle, got, err, want, wantErr)
		}
	}
	f(allocLoad{1000, 1000, 5000}, allocLoad{5000, 5000, 5040}, 40, 0, "")
	f(allocLoad{1000, 1010, 5000}, allocLoad{5000, 4990, 9000}, 0, 1, "")
	f(allocLoad{1000, 1000, 5000}, allocLoad{5000, 5000, 4000}, 10, 0, "")
	f(allocLoad{1000, 2000, 1}, allocLoad{5000, 5000, 1}, 0, 0, "counts 1000 requests where wrk counts 2000")
	f(allocLoad{1000, 1000, 1}, allocLoad{0, 0, 1}, 0, 0, "where wrk counts 0")
	f(allocLoad{1000, 1000, 1}, allocLoad{900, 900, 1}, 0, 0, "the long load made 900")
}

func TestCheckPool(t *testing.T) {
	f := func(tag, body, want, wantErr string) {
		t.Helper()
		got, err := checkPool(tag, body)
		if got != want || (wantErr == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("checkPool(%q, %q) = %q, %v, want %q, error with %q", tag, body, got, err, want, wantErr)
		}
	}
	f("", rig.Answer("stable"), "stable", "")
	f("", rig.Answer("stable-b"), "stable-b", "")
	f("gray", rig.Answer("gray-b"), "gray-b", "")
	f("gray", rig.Answer("stable"), "", `answered by "stable", want pool "gray"`)
	f("", rig.Answer("gray"), "", `want pool "stable"`)
	f("", "", "", `answered by ""`)
}

func TestFigure(t *testing.T) {
	f := func(x float64, want string) {
		t.Helper()
		if got := figure(x); got != want {
			t.Errorf("figure(%v) = %q, want %q", x, got, want)
		}
	}
	f(0, "0")
	f(60, "60")
	f(123.4, "123")
	f(12.34, "12.3")
	f(0.912, "0.91")
	f(-1.5, "-1.50")
	f(0.00123, "0.0012")
}

func parse(name string, args ...string) (options, error) {
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		var o options
		fs := flag.NewFlagSet(name, flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		o.commonFlags(fs)
		c.flags(fs, &o)
		if err := fs.Parse(args); err != nil {
			return o, err
		}
		return o, o.check(fs)
	}
	return options{}, os.ErrNotExist
}

func TestOptions(t *testing.T) {
	f := func(want string, name string, args ...string) {
		t.Helper()
		_, err := parse(name, args...)
		if (want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s %q: %v, want an error with %q", name, args, err, want)
		}
	}
	f("", "proxy", "-rounds", "7", "-proxies", "nginx,haproxy")
	f("-rounds 0: from 1 to 1000", "proxy", "-rounds", "0")
	f("-connections 4001", "conns", "-connections", "4001")
	f("-n 0", "idle", "-n", "0")
	f("-rate 1", "slow", "-rate", "1")
	f("not defined: -n", "proxy", "-n", "1")
	f(`unexpected argument "5"`, "proxy", "5")
	f(`"apache" is not one of`, "proxy", "-proxies", "nginx,apache")
	f(`"nginx" is not one of`, "proxy", "-proxies", "nginx,nginx")
	f(`"apache" is not one of`, "slow", "-proxy", "apache")
	f("does not reload", "reload", "-proxy", "haproxy")
	f("", "idle", "-proxy", "haproxy")
}

func TestOptionsAreShown(t *testing.T) {
	o, err := parse("proxy", "-rounds", "7")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rounds": "7", "seconds": "5", "connections": "64", "gray": "10", "forwarded": "false", "proxies": "graygate,nginx,haproxy"} {
		if got := o.shown[name]; got != want {
			t.Errorf("-%s is shown as %q, want %q", name, got, want)
		}
	}
}

// Every command line in the README is one that the command takes.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		_, rest, is := strings.Cut(line, "go run ./perf/bench ")
		if !is {
			continue
		}
		rest, _, _ = strings.Cut(rest, "#")
		rest, _, _ = strings.Cut(rest, "`")
		words := strings.Fields(rest)
		if len(words) == 0 {
			t.Errorf("no benchmark in %q", line)
			continue
		}
		found[words[0]] = true
		if words[0] == "all" {
			continue
		}
		if _, err := parse(words[0], words[1:]...); err != nil {
			t.Errorf("%q: %v", strings.TrimSpace(line), err)
		}
	}
	for _, c := range commands() {
		if !found[c.name] {
			t.Errorf("README does not show %q", c.name)
		}
	}
}

// A report without failures is no error, one with them is theirs; both are written.
func TestReportIsWritten(t *testing.T) {
	dir := t.TempDir()
	r := report{Benchmark: "b", Options: map[string]string{"seconds": "1"}}
	r.goal("goal", "CPU", 1.1, 1, "x")
	if err := r.finish(dir); err != nil {
		t.Errorf("a missed goal is no failure: %v", err)
	}
	r.fail("broken: %d", 7)
	if err := r.finish(dir); err == nil || err.Error() != "broken: 7" {
		t.Errorf("failures: %v, want %q", err, "broken: 7")
	}
	text, err := os.ReadFile(dir + "/b.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"broken: 7"`, `"met": false`, `"measured": 1.1`, `"seconds": "1"`, `"load_average_before"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// A request counts for every span that it was under way in, if only for a moment.
func TestWaitsIn(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	samples := []load.Sample{{Begun: at(0), Took: time.Millisecond / 2}, {Begun: at(1), Took: 10 * time.Millisecond}, {Begun: at(20), Took: 3 * time.Millisecond}}
	row := func(want waits, spans ...span) {
		t.Helper()
		if got := waitsIn(samples, spans...); got != want {
			t.Errorf("%v: got %+v, want %+v", spans, got, want)
		}
	}
	row(waits{})
	row(waits{}, span{at(12), at(19)})
	row(waits{Requests: 1, P50: 10_000, P999: 10_000, Worst: 10_000, Over1ms: 1}, span{at(10), at(19)})
	row(waits{Requests: 3, P50: 3000, P999: 10_000, Worst: 10_000, Over1ms: 2}, span{at(0), at(30)})
	row(waits{Requests: 2, P50: 3000, P999: 3000, Worst: 3000, Over1ms: 1}, span{at(0), at(1)}, span{at(22), at(23)})
}
