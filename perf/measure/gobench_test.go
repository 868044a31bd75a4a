package measure

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseGoBench(t *testing.T) {
	const head = "goos: linux\npkg: graygate/match\n"
	check := func(report string, procs int, want []GoBench, wantErr string) {
		t.Helper()
		got, err := ParseGoBench(report, procs)
		if !reflect.DeepEqual(got, want) || (wantErr == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q\n got %+v, %v\nwant %+v, error with %q", report, got, err, want, wantErr)
		}
	}
	check(head+"BenchmarkEval/text-2 \t 2198626\t        26.32 ns/op\t       0 B/op\t       3 allocs/op\nPASS\nok  \tgraygate/match\t1.7s\n", 2,
		[]GoBench{{"Eval/text", 26.32, 3, nil}}, "")
	check("BenchmarkExperiments/n=100/layers=20-16  1000  1045 ns/op  4.2 assigned/op  0 B/op  0 allocs/op\nBenchmarkB-8 1 7 ns/op\nPASS\n", 16,
		[]GoBench{{"Experiments/n=100/layers=20", 1045, 0, map[string]float64{"assigned/op": 4.2}}, {"B-8", 7, 0, nil}}, "")
	check("BenchmarkDecide/rules=10 \t 100 \t 5 ns/op\nPASS\n", 1, []GoBench{{"Decide/rules=10", 5, 0, nil}}, "") // one processor is not named
	check("BenchmarkEval/text-2 \t 1 \t 5 ns/op\n--- FAIL: BenchmarkX\nFAIL\n", 2, nil, "1 benchmarks in a report that does not end well")
	check(head+"PASS\n", 2, nil, "0 benchmarks")
	check("BenchmarkA-2 1 7 MB/s\nPASS\n", 2, nil, "without ns/op")
	check("BenchmarkA-2 1 x ns/op\nPASS\n", 2, nil, "cannot be read")
}
