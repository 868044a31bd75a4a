package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"graygate/perf/rig"
)

// healGoal is what the healing may cost: CPU per request with all of it on, to that of the gateway before it.
const healGoal = 1.05

// beforeHealing is the last revision without breakers, retries, probes and limits.
const beforeHealing = "d5cc25cbcb04"

// The three that are measured side by side; the last two are the same binary.
const (
	healOn     = "graygate-on"     // all of it
	healOff    = "graygate-off"    // none of it
	healBefore = "graygate-before" // of a revision that has none
)

// healCommand: what breakers, outlier detection, retries, hedges, probes and limits cost a request that needs none of them.
func healCommand() command {
	return command{
		name: "heal", does: "what the healing costs: all of it on, all of it off, and the gateway before it, side by side",
		tools: []string{"nginx", "wrk", "go", "git"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.proxies = []string{rig.Graygate}
			fs.StringVar(&o.base, "base", beforeHealing, "the revision to compare with; it is built aside")
			fs.StringVar(&o.baseGraygate, "base-graygate", "", "a graygate binary to compare with, instead of -base")
			fs.IntVar(&o.rounds, "rounds", 15, "rounds for each")
			o.wrkFlags(fs, 2, 64)
		},
		estimate: func(o options) time.Duration {
			return time.Duration(3*(o.warmup+o.rounds*(o.seconds+1))) * time.Second
		},
		run: runHeal,
	}
}

func runHeal(ctx context.Context, s *session) error {
	before, err := s.findBase(ctx)
	if err != nil {
		return err
	}
	s.report.Machine.Versions[healBefore] = rig.Version(before, "version")
	// Two endpoints in each pool: with one there is nothing to choose between, and nobody to try next.
	backends, err := s.rig.StartBackend(ctx, "stable", "stable", "gray", "gray")
	if err != nil {
		return err
	}
	setup := rig.Setup{Stable: strings.Join(backends[:2], ", "), Gray: strings.Join(backends[2:], ", "), Loops: 1, CPUs: s.rig.CPUs.Proxy}
	var proxies []*rig.Proxy
	for _, each := range []struct {
		name, path string
		healing    rig.Healing
	}{{healOn, s.graygate, rig.HealingOn}, {healOff, s.graygate, rig.HealingOff}, {healBefore, before, rig.HealingUnknown}} {
		setup.GraygatePath, setup.Healing, setup.Observed = each.path, each.healing, ""
		if each.name != healBefore { // which counts nothing by route, nor knows the key: what that costs is measured by observe
			setup.Observed = "access_log: off\nmetrics: off\n"
		}
		p, err := s.rig.StartGraygate(ctx, each.name, setup)
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
	}
	scenarios := []scenario{{Name: fmt.Sprintf("%d-byte answers", rig.AnswerBytes), Load: s.wrkLoad("/"), check: checkRouting}}
	rounds, err := s.pairedRounds(ctx, proxies, scenarios)
	if len(rounds) > 0 {
		s.concludeHeal(scenarios[0].Name, rounds)
	}
	return err
}

// findBase is the path of the binary to compare with.
func (s *session) findBase(ctx context.Context) (string, error) {
	root, err := rig.Root()
	if err != nil {
		return "", err
	}
	if s.baseGraygate != "" {
		return findOrBuild(ctx, root, s.baseGraygate)
	}
	progress("building graygate as of %s", s.base)
	path := filepath.Join(s.rig.Dir, healBefore)
	return path, rig.BuildRevision(ctx, root, s.base, path)
}

// concludeHeal compares what is on with the two others, and what is off with the one before.
func (s *session) concludeHeal(scenario string, rounds []round) {
	on := compare(scenario, []string{healOn, healOff, healBefore}, rounds)
	off := compare(scenario, []string{healOff, healBefore}, rounds)
	s.report.Rounds, s.report.Summary = rounds, []comparison{on, off}
	fmt.Printf("\n%s\n%s", on, off.ratios())
	if ratio := on.Ratios[healBefore]; len(ratio.Rounds) > 0 {
		s.report.goal("goal", "CPU per request, all on to before", ratio.CPU.Median, healGoal, "x")
	}
}
