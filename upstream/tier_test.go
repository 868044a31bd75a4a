package upstream

import (
	"fmt"
	"testing"

	"graygate/breaker"
)

// Shares by priority and zone, with the endpoints named pPRIORITY-ZONE-NUMBER and some of them sick.
func TestPrioritiesAndZones(t *testing.T) {
	type group struct {
		name     string
		n, sick  int
		priority int
		zone     string
	}
	row := func(name string, zones bool, groups []group, want map[string]float64) {
		t.Run(name, func(t *testing.T) {
			c := settings()
			c.Probed, c.Balance.Zone, c.Balance.Kind = true, zones, RoundRobin
			for _, g := range groups {
				for i := range g.n {
					c.Endpoints = append(c.Endpoints, EndpointConfig{Address: fmt.Sprintf("%s%d:1", g.name, i), Weight: 1, Priority: g.priority, Zone: g.zone})
				}
			}
			r := newRig(t, c, 1, "here")
			for _, g := range groups {
				for i := range g.n {
					r.registry.Report("p", fmt.Sprintf("%s%d:1", g.name, i), i >= g.sick, "x")
				}
			}
			r.tick()
			const n = 20_000
			got := map[string]int{}
			for address, count := range r.shares(n, nil) {
				got[address[:1]] += count
			}
			for _, g := range groups {
				due := int(want[g.name] * n)
				slack := 300
				if due == 0 || due == n {
					slack = 0
				}
				between(t, "group "+g.name, got[g.name], due-slack, due+slack)
			}
		})
	}
	row("the first priority", false, []group{{"a", 10, 0, 0, ""}, {"b", 10, 0, 1, ""}}, map[string]float64{"a": 1})
	row("71 % are enough", false, []group{{"a", 7, 2, 0, ""}, {"b", 10, 0, 1, ""}}, map[string]float64{"a": 1})
	row("half of the first", false, []group{{"a", 10, 5, 0, ""}, {"b", 10, 0, 1, ""}}, map[string]float64{"a": 0.7, "b": 0.3})
	row("none of the first", false, []group{{"a", 3, 3, 0, ""}, {"b", 3, 0, 5, ""}}, map[string]float64{"b": 1})
	row("three priorities", false, []group{{"a", 10, 8, 0, ""}, {"b", 10, 5, 1, ""}, {"c", 1, 0, 2, ""}}, map[string]float64{"a": 0.28, "b": 0.70, "c": 0.02})
	row("too few in all", false, []group{{"a", 10, 8, 0, ""}, {"b", 10, 8, 1, ""}}, map[string]float64{"a": 0.5, "b": 0.5})
	row("own zone", true, []group{{"a", 4, 1, 0, "here"}, {"b", 8, 0, 0, "there"}}, map[string]float64{"a": 1})
	row("half of the own zone", true, []group{{"a", 4, 2, 0, "here"}, {"b", 2, 0, 0, "there"}, {"c", 4, 0, 0, ""}}, map[string]float64{"a": 0.7, "b": 0.1, "c": 0.2})
	row("own zone dead", true, []group{{"a", 4, 4, 0, "here"}, {"b", 2, 0, 0, "there"}}, map[string]float64{"b": 1})
	row("others dead", true, []group{{"a", 4, 3, 0, "here"}, {"b", 2, 2, 0, "there"}}, map[string]float64{"a": 1})
	row("no preference", false, []group{{"a", 4, 0, 0, "here"}, {"b", 4, 0, 0, "there"}}, map[string]float64{"a": 0.5, "b": 0.5})
	row("none in the own zone", true, []group{{"b", 4, 0, 0, "there"}}, map[string]float64{"b": 1})
	row("priority before zone", true, []group{{"a", 4, 0, 1, "here"}, {"b", 4, 0, 0, "there"}}, map[string]float64{"b": 1})
	row("both", true, []group{{"a", 10, 5, 0, "here"}, {"b", 10, 5, 0, "there"}, {"c", 4, 0, 1, "here"}}, map[string]float64{"a": 0.49, "b": 0.21, "c": 0.3})
}

// A priority that has nobody left for this request is passed over, whatever its share.
func TestOtherTiersServeWhatOneCannot(t *testing.T) {
	c := settings("a:1", "b:1")
	c.Endpoints[1].Priority = 1
	r := newRig(t, c, 1, "")
	a := r.ask()
	a.Tried = r.pool.Endpoints()[:1]
	ticket, got := r.begin(a)
	if got != "b:1" {
		t.Errorf("the only one of the first priority was tried: got %s, want b:1", got)
	}
	ticket.End(breaker.Success, ms, r.now)
}

func TestThresholds(t *testing.T) {
	row := func(shares []float64, want ...uint64) {
		if got := thresholds(shares); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: got %v, want %v", shares, got, want)
		}
	}
	row([]float64{1}, 1<<32)
	row([]float64{0.25, 0.25}, 1<<31, 1<<32)
	row([]float64{0, 0.5, 0}, 0, 1<<32, 1<<32)
	row([]float64{0, 0}, 0, 0)
	row(nil)
}
