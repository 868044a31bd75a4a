package main

import (
	"reflect"
	"testing"

	"graygate/perf/measure"
)

func TestJudgeMatch(t *testing.T) {
	round := func(n int, typical, onExpr, thousand float64) matchRound {
		return matchRound{n, []measure.GoBench{
			{Name: "Eval/four-comparisons", Nanos: typical}, {Name: "EvalExpr/four-comparisons", Nanos: onExpr}, {Name: "Decide/rules=1000", Nanos: thousand},
		}}
	}
	s := &session{report: &report{}}
	s.judgeMatch([]matchRound{round(1, 20, 100, 1000), round(2, 60, 120, 6000), round(3, 25, 75, 3000)})
	want := []goal{
		{Kind: "goal", What: "a condition of four comparisons", AtMost: 30, Measured: 25, Unit: " ns", Met: true},
		{Kind: "goal", What: "the same / on expr's machine", AtMost: 1. / 3, Measured: 1. / 3, Met: true}, // of 0.2, 0.5 and 0.333
		{Kind: "goal", What: "1,000 rules / 1,000 conditions on expr's machine", AtMost: 0.02, Measured: 0.04, Met: false},
	}
	if !reflect.DeepEqual(s.report.Goals, want) {
		t.Errorf("goals\n got %+v\nwant %+v", s.report.Goals, want)
	}
	if n := len(s.report.Failures); n != 5 {
		t.Errorf("%d goals are said not to be measured, want 5: %q", n, s.report.Failures)
	}
	wantFailure := "1,000 rules / 10 rules: not measured: the benchmarks lack Decide/rules=1000 or Decide/rules=10"
	if len(s.report.Failures) > 1 && s.report.Failures[1] != wantFailure {
		t.Errorf("got  %s\nwant %s", s.report.Failures[1], wantFailure)
	}
}
