package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"graygate/match"
	"graygate/upstream"
)

const decideYAML = `
listeners: [{address: 127.0.0.1:0}]
attributes:
  userid: {from: [header X-User-Id]}
  os: {from: [header X-OS]}
  tenant: {from: [header X-Tenant]}
upstreams:
  stable: {endpoints: [127.0.0.1:1]}
  gray: {endpoints: [127.0.0.1:2]}
  blue: {endpoints: [127.0.0.1:3]}
routes:
  - {name: all, stable: stable, gray: gray, rules: [{name: staff, when: "os == 'staff'"}, {name: kept, when: "os == 'kept'", to: stable}]}
  - {name: own, tenant: acme, stable: blue}
layers: {one: {by: userid}, two: {by: userid}}
experiments:
  color: {layer: one, slots: [0-9999], state: active, variants: {red: {weight: 1, headers: {X-Color: red}}}}
  font: {layer: two, slots: [0-9999], state: active, variants: {serif: {weight: 1, to: blue, headers: {X-Font: serif, X-Size: "3"}}}}
  acme/color: {variants: {green: 1}}
`

// decided is a decision without pointers into the snapshot.
type decided struct {
	route, pool string
	gray        bool
	cause       string
	rule        int
	assigned    []string
	chosen      int
}

func TestDecide(t *testing.T) {
	p, err := Parse("test.yaml", []byte(decideYAML))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Build(p, match.Lookups{}, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
	if err != nil {
		t.Fatal(err)
	}
	d := s.NewDecider()
	var other match.Attributes // not the decider's own: any will do
	row := func(tenant, os, user, path string, want decided) {
		t.Helper()
		for _, a := range []*match.Attributes{d.Attributes(), &other} {
			a.Reset(s.Schema)
			a.SetRequest([]byte("GET"), []byte("h"), []byte(path), nil, netip.Addr{})
			for _, f := range [][2]string{{"X-Tenant", tenant}, {"X-OS", os}, {"X-User-Id", user}} {
				if f[1] != "" {
					a.AddHeader([]byte(f[0]), []byte(f[1]))
				}
			}
			got := d.Decide(a, &Asked{Host: []byte("h"), Path: []byte(path), Now: time.Unix(1_800_000_000, 0)})
			flat := decided{rule: got.Rule, chosen: got.Chosen, gray: got.Gray, cause: got.Cause}
			if got.Route != nil {
				flat.route, flat.pool = got.Route.Name, got.Pool.Name
			}
			for _, x := range got.Assignments {
				flat.assigned = append(flat.assigned, got.Tree.Effect(x).Text+";"+got.Tree.Effect(x).Fields)
			}
			if !reflect.DeepEqual(flat, want) {
				t.Errorf("tenant %q, os %q, user %q:\n got %+v\nwant %+v", tenant, os, user, flat, want)
			}
		}
	}
	red, green, serif := "color=red;X-Color: red\r\n", "color=green;", "font=serif;X-Font: serif\r\nX-Size: 3\r\n"
	row("", "", "", "/", decided{"all", "stable", false, "", -1, nil, -1})
	row("", "", "u1", "/", decided{"all", "blue", true, "font=serif", -1, []string{red, serif}, 1})
	row("", "staff", "u1", "/", decided{"all", "gray", true, "staff", 0, []string{red, serif}, -1})
	row("", "kept", "u1", "/", decided{"all", "stable", false, "kept", 1, []string{red, serif}, -1})
	row("acme", "staff", "u1", "/", decided{"own", "blue", false, "font=serif", -1, []string{green, serif}, 1})
	row("other", "", "u1", "/", decided{"all", "blue", true, "font=serif", -1, []string{red, serif}, 1})

	if len(s.Trees) != 2 || s.Trees[0].Branches[1] != s.Trees[1].Branches[1] {
		t.Errorf("trees: got %d, want 2 that share the experiment which is the same in both", len(s.Trees))
	}
	if s.TreeOf([]byte("nobody")) != s.Trees[0] || s.TreeOf(nil) != s.Trees[0] || s.TreeOf([]byte("acme")) != s.Trees[1] {
		t.Errorf("a tenant without experiments of its own: want the tree of all")
	}
}

// Every tenant with experiments of its own has a copy of the index of all that it shares, so their sum is bounded.
func TestTreesAreBounded(t *testing.T) {
	var p Plan
	for i := range 500 {
		p.Experiments = append(p.Experiments, Experiment{Name: fmt.Sprintf("shared-%d", i)})
	}
	for i := range 400 {
		p.Experiments = append(p.Experiments, Experiment{Tenant: fmt.Sprintf("tenant-%d", i), Name: "own"})
	}
	const want = "experiments: those of 400 tenants with experiments of their own, the shared ones of each counted, come to 200900, more than 200000; " +
		"use fewer such tenants, or fewer shared experiments"
	if err := (&compiled{}).compileTrees(&p); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
