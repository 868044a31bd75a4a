package faultlab

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"graygate/perf/measure"
)

var (
	long    = flag.Bool("long", false, "the long form: minutes")
	seeds   = flag.Int("seeds", 1, "how often each scenario runs, each time with other luck")
	results = flag.String("results", "", "the JSON file to write what was found to")
)

// scenario is something that goes wrong, and what is promised for it.
type scenario struct {
	name string
	run  func(*lab)
}

// scenarios are all of them. docs/resilience.md has the same table in words.
var scenarios = []scenario{
	{"endpoint killed", endpointKilled},
	{"endpoint hangs", endpointHangs},
	{"gray pool dead", grayDead},
	{"gray answers 50 % 500s", grayErrors},
	{"all pools dead", allDead},
	{"endpoint flaps", endpointFlaps},
	{"rolling restart", rollingRestart},
	{"overload", overload},
	{"POSTs under kills", postsUnderKills},
	{"endpoint leaves the DNS", leavesDNS},
	{"answers break off in the head", cutInHead},
	{"answers break off in the body", cutInBody},
	{"endpoint slow", endpointSlow},
	{"endpoint slow for a moment", slowOnce},
}

// A promise that is not kept while the machine itself stood still says nothing about the gateway: the run is invalid, and is made
// again. That is done at most tries times; then the machine is too busy to tell, and the test fails and says so.
const (
	tries      = 3
	stallLimit = 100 * time.Millisecond
)

func TestScenarios(t *testing.T) {
	var found []promise
	for i := range *seeds {
		for _, s := range scenarios {
			t.Run(fmt.Sprintf("%s/seed %d", s.name, i+1), func(t *testing.T) {
				found = append(found, try(t, s, uint64(i+1))...)
			})
		}
	}
	table := measure.NewTable("scenario", "promise", "limit", "measured", "kept")
	for _, p := range found {
		kept := "yes"
		if !p.Kept {
			kept = "NO"
		}
		table.Row(fmt.Sprintf("%s (%d)", p.Scenario, p.Seed), p.Promise, p.amount(p.Limit), p.amount(p.Measured), kept)
	}
	t.Logf("\n%v", table)
	if *results != "" {
		write(t, *results, found)
	}
}

// What keeps the promises is what the scenarios are about: without it they are broken, and the lab sees it.
func TestPromisesCanBreak(t *testing.T) {
	row := func(name string, run func(*lab), promise string, old, replacement string) {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			l.spoil = func(yaml string) string {
				if !strings.Contains(yaml, old) {
					t.Fatalf("the config has no %q:\n%s", old, yaml)
				}
				return strings.Replace(yaml, old, replacement, 1)
			}
			run(l)
			for _, p := range l.promises {
				if p.Promise == promise {
					if p.Kept {
						t.Errorf("%s: got %s, within the limit of %s; want it broken", promise, p.amount(p.Measured), p.amount(p.Limit))
					}
					return
				}
			}
			t.Errorf("there is no promise %q among %v", promise, l.promises)
		})
	}
	row("no retries", endpointKilled, "failed requests", "  stable: {", "  stable: {retry: off, balance: round_robin, ")
	row("no fallback", grayDead, "failed requests", "{name: lab, ", "{name: lab, fallback: off, ")
}

// try runs a scenario until its promises are kept or a valid run says that they are not.
func try(t *testing.T, s scenario, seed uint64) []promise {
	t.Helper()
	for n := 1; ; n++ {
		var l *lab
		sound := t.Run(fmt.Sprintf("try %d", n), func(t *testing.T) {
			l = newLab(t, seed)
			s.run(l)
		})
		if !sound {
			return nil
		}
		stalled := l.watch.Worst(l.began, time.Now())
		broken := ""
		for i := range l.promises {
			p := &l.promises[i]
			p.Scenario, p.Seed = s.name, seed
			if !p.Kept {
				broken += fmt.Sprintf("%s: got %s, promised %s. %s\n", p.Promise, p.amount(p.Measured), p.amount(p.Limit), p.detail)
			}
		}
		switch {
		case broken == "":
			return l.promises
		case stalled <= stallLimit:
			t.Errorf("%sevents:\n%v", broken, l.events)
			return l.promises
		case n == tries:
			t.Errorf("the machine is too busy to tell: it stood still for up to %v in each of %d runs; the last one:\n%sevents:\n%v", stalled, tries, broken, l.events)
			return l.promises
		}
		t.Logf("invalid, because the machine stood still for up to %v: %s", stalled, broken)
	}
}

func (p *promise) amount(x float64) string {
	text := fmt.Sprintf("%.4g", x)
	if p.Unit == "ms" {
		text = fmt.Sprintf("%.1f", x)
	}
	if p.Unit != "" {
		text += " " + p.Unit
	}
	return text
}

func write(t *testing.T, path string, found []promise) {
	t.Helper()
	load, _ := os.ReadFile("/proc/loadavg")
	text, err := json.MarshalIndent(map[string]any{
		"benchmark": "chaos", "ended": time.Now().UTC(), "long": *long, "seeds": *seeds, "promises": found,
		"machine": map[string]any{"cores": runtime.NumCPU(), "go": runtime.Version(), "load_average_after": strings.TrimSpace(string(load))},
	}, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
