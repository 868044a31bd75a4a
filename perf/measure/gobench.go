package measure

import (
	"fmt"
	"strconv"
	"strings"
)

// GoBench is one line of what `go test -bench` reports.
type GoBench struct {
	Name   string  `json:"name"` // without Benchmark, and without the number of processors: Decide/rules=10
	Nanos  float64 `json:"ns_per_op"`
	Allocs float64 `json:"allocs_per_op"` // 0 where it does not report them
	// Own are the benchmark's own figures, by their units; nil if it has none.
	Own map[string]float64 `json:"own,omitempty"`
}

// ParseGoBench reads the report of a run in which GOMAXPROCS was procs. One that did not end with PASS, or that has no
// benchmark, is an error.
func ParseGoBench(report string, procs int) ([]GoBench, error) {
	var all []GoBench
	passed := false
	for line := range strings.Lines(report) {
		words := strings.Fields(line)
		if len(words) == 1 && words[0] == "PASS" {
			passed = true
		}
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		b := GoBench{Name: strings.TrimPrefix(words[0], "Benchmark"), Nanos: -1}
		if procs > 1 {
			b.Name = strings.TrimSuffix(b.Name, fmt.Sprint("-", procs))
		}
		for i := 2; i+1 < len(words); i += 2 {
			x, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				return nil, fmt.Errorf("a benchmark's line that cannot be read: %s", strings.TrimSpace(line))
			}
			switch words[i+1] {
			case "ns/op":
				b.Nanos = x
			case "allocs/op":
				b.Allocs = x
			case "B/op", "MB/s":
			default:
				if b.Own == nil {
					b.Own = map[string]float64{}
				}
				b.Own[words[i+1]] = x
			}
		}
		if b.Nanos < 0 {
			return nil, fmt.Errorf("a benchmark's line without ns/op: %s", strings.TrimSpace(line))
		}
		all = append(all, b)
	}
	if !passed || len(all) == 0 {
		return nil, fmt.Errorf("%d benchmarks in a report that does not end well:\n%s", len(all), report)
	}
	return all, nil
}
