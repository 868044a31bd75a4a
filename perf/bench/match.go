package main

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"graygate/perf/measure"
	"graygate/perf/rig"
)

// matchFolders are where the benchmarks of the rules are: ours and those on expr's machine, and those on cel-go, which is a
// module of its own. In each round they run one after another.
var matchFolders = []string{"match", "perf/cel"}

// matchPattern are the benchmarks that the goals speak of.
const matchPattern = "^Benchmark(Decide|Experiments|Eval|EvalExpr|EvalCEL)$"

// matchRound is what one round measured.
type matchRound struct {
	Round      int               `json:"round"`
	Benchmarks []measure.GoBench `json:"benchmarks"`
}

// figure is one of the round's, in nanoseconds; ok is false if it was not measured.
func (r matchRound) figure(name string) (nanos float64, ok bool) {
	i := slices.IndexFunc(r.Benchmarks, func(b measure.GoBench) bool { return b.Name == name })
	if i < 0 {
		return 0, false
	}
	return r.Benchmarks[i].Nanos, true
}

// matchGoal is a bound on a benchmark's time: in nanoseconds, or divided by times × another's of the same round.
type matchGoal struct {
	kind, what, of, by string
	times, atMost      float64
}

const typicalCondition = "four-comparisons"

func matchGoals() []matchGoal {
	const rules, experiments = "Decide/rules=", "Experiments/n=%d/layers=20"
	typical, onExpr := "Eval/"+typicalCondition, "EvalExpr/"+typicalCondition
	return []matchGoal{
		{kind: "goal", what: "a condition of four comparisons", of: typical, atMost: 30},
		{kind: "goal", what: "the same / on expr's machine", of: typical, by: onExpr, times: 1, atMost: 1. / 3},
		{kind: "aim", what: "the same / on cel-go", of: typical, by: "EvalCEL/" + typicalCondition, times: 1, atMost: 1. / 3},
		{kind: "goal", what: "1,000 rules / 10 rules", of: rules + "1000", by: rules + "10", times: 1, atMost: 10},
		{kind: "goal", what: "1,000 rules / 1,000 conditions on expr's machine", of: rules + "1000", by: onExpr, times: 1000, atMost: 1. / 50},
		{kind: "goal", what: "10,000 rules", of: rules + "10000", atMost: 5000},
		{kind: "goal", what: "1,000 experiments in 20 layers", of: fmt.Sprintf(experiments, 1000), atMost: 2000},
		{kind: "goal", what: "1,000 experiments / 100", of: fmt.Sprintf(experiments, 1000), by: fmt.Sprintf(experiments, 100), times: 1, atMost: 1.2},
	}
}

// matchCommand: what conditions, rules and experiments cost.
func matchCommand() command {
	return command{
		name: "match", does: "conditions, rules and experiments, beside expr's machine and cel-go",
		tools: []string{"go"},
		flags: func(fs *flag.FlagSet, o *options) {
			fs.IntVar(&o.rounds, "rounds", 5, "rounds")
			fs.IntVar(&o.millis, "millis", 200, "length of one benchmark, ms")
		},
		// Some fifty benchmarks, each measured for about twice its time; compiling tests and rules comes on top.
		estimate: func(o options) time.Duration {
			return time.Minute + time.Duration(o.rounds)*(10*time.Second+100*time.Duration(o.millis)*time.Millisecond)
		},
		run: runMatch,
	}
}

func runMatch(ctx context.Context, s *session) error {
	root, err := rig.Root()
	if err != nil {
		return err
	}
	var binaries []string
	for _, folder := range matchFolders {
		binary, err := s.buildTest(ctx, root, folder)
		if err != nil {
			return err
		}
		binaries = append(binaries, binary)
	}
	var rounds []matchRound
	for n := range s.rounds {
		r := matchRound{Round: n + 1}
		for i, binary := range binaries {
			progress("round %d/%d: %s", n+1, s.rounds, matchFolders[i])
			found, err := s.goBench(ctx, binary, filepath.Join(root, matchFolders[i]), matchPattern, time.Duration(s.millis)*time.Millisecond)
			if err != nil {
				return err
			}
			r.Benchmarks = append(r.Benchmarks, found...)
		}
		rounds = append(rounds, r)
		s.report.Rounds = rounds
	}
	s.judgeMatch(rounds)
	return nil
}

// buildTest builds the tests of a folder, and runs them but for the slow ones of the main module: where two machines do not
// give the same answers, their times mean nothing.
func (s *session) buildTest(ctx context.Context, root, folder string) (string, error) {
	progress("building the benchmarks of %s", folder)
	binary, err := s.rig.WriteFile(strings.ReplaceAll(folder, "/", "-")+".test", nil)
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".")
	build.Dir = filepath.Join(root, folder)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the benchmarks of %s: %w\n%s", folder, err, out)
	}
	check := exec.CommandContext(ctx, binary, "-test.run", "^(TestEvalCases|TestSameAnswers)$")
	check.Dir = build.Dir
	if out, err := check.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the machines of %s do not agree: %w\n%s", folder, err, out)
	}
	return binary, nil
}

// goBench runs those benchmarks of a folder that the pattern names, each for that long.
func (s *session) goBench(ctx context.Context, binary, dir, pattern string, each time.Duration) ([]measure.GoBench, error) {
	cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", each.String())
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(binary), err, out)
	}
	return measure.ParseGoBench(string(out), runtime.GOMAXPROCS(0))
}

// judgeMatch prints the medians and enters the goals. Ratios are taken round by round, as everywhere here.
func (s *session) judgeMatch(rounds []matchRound) {
	summary := map[string]measure.Spread{}
	table := measure.NewTable("", "ns/op", "min", "max", "allocs")
	for _, b := range rounds[0].Benchmarks {
		each := eachRound(rounds, b.Name)
		sum := measure.Summarise(each)
		summary[b.Name] = sum
		table.Row(b.Name, figure(sum.Median), figure(sum.Min), figure(sum.Max), figure(b.Allocs))
	}
	fmt.Printf("\n%s", table)
	s.report.Summary = summary
	for _, g := range matchGoals() {
		ours, unit := eachRound(rounds, g.of), " ns"
		if g.by != "" {
			unit = ""
			peer := eachRound(rounds, g.by)
			for i := range peer {
				peer[i] *= g.times
			}
			ours = measure.Ratios(ours, peer)
		}
		if len(ours) == 0 {
			s.report.fail("%s: not measured: the benchmarks lack %s", g.what, strings.TrimSuffix(g.of+" or "+g.by, " or "))
			continue
		}
		s.report.goal(g.kind, g.what, measure.Median(ours), g.atMost, unit)
	}
}

// eachRound gives a benchmark's figures, in the order of the rounds.
func eachRound(rounds []matchRound, name string) (out []float64) {
	for _, r := range rounds {
		if nanos, ok := r.figure(name); ok {
			out = append(out, nanos)
		}
	}
	return out
}
