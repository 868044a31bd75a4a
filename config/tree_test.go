package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"graygate/match"
	"graygate/upstream"
)

const treesConfig = `listeners: [{address: :8080}]
attributes:
  tenant: {from: [header X-Tenant]}
  userid: {from: [header X-User-Id]}
upstreams: {stable: {endpoints: [127.0.0.1:9101]}}
routes: [{name: main, stable: stable}]
layers: {l1: {by: userid}, l2: {by: userid}}
experiments:
  a: {layer: l1, slots: [0-99], state: active, variants: {A: 1, B: 1}}
  b: {layer: l2, slots: [0-99], state: active, depends_on: [a], variants: {A: 1}}
`

// TestTreesShareSets: a tenant has the set of those before it if nothing that decides is different.
func TestTreesShareSets(t *testing.T) {
	check := func(experiments string, want ...string) { // TENANT=the first tenant with the same set
		t.Helper()
		p, err := Parse("x.yaml", []byte(treesConfig+experiments))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Build(p, match.Lookups{}, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
		if err != nil {
			t.Fatal(err)
		}
		first, got := map[*match.ExperimentSet]string{}, []string{}
		for _, tree := range s.Trees {
			if _, known := first[tree.Set]; !known {
				first[tree.Set] = tree.Tenant
			}
			got = append(got, tree.Tenant+"="+first[tree.Set])
			for i, x := range p.ExperimentsOf(tree.Tenant) {
				if got := tree.Branches[i].Plan; !reflect.DeepEqual(*got, x) || s.TreeOf([]byte(tree.Tenant)) != tree {
					t.Errorf("%s\ntenant %q: branch %d is %v, want %v", experiments, tree.Tenant, i, *got, x)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\ngot %q, want %q", experiments, got, want)
		}
	}
	check("", "=")
	check("  acme/b: {owner: acme}\n  zeta/*: {owner: zeta}\n", "=", "zeta=", "acme=")
	check("  acme/a: {owner: acme}\n", "=", "acme=") // it stands where a does
	check("  acme/*: {holdout: 1}\n  zeta/*: {holdout: 1}\n  east/*: {holdout: 2}\n", "=", "acme=acme", "zeta=acme", "east=east")
	check("  acme/b: {slots: [5]}\n", "=", "acme=acme")
	check("  acme/b: {routes: [main]}\n", "=", "acme=acme") // nothing that a mark looks at
	check("  acme/b: {variants: {A: {weight: 1, force: [u]}}}\n  zeta/b: {depends_on: []}\n", "=", "acme=acme", "zeta=zeta")
	check("  acme/b: {variants: {A: {weight: 1, headers: {X-A: b}}}}\n", "=", "acme=") // effects are the tree's own
	check("  acme/c: {layer: l1, slots: [200], variants: {A: 1}}\n", "=", "acme=acme")
}

// TestTreeExperimentsAreCounted: what is counted before tenants inherit is no less than what is built, and no more than what is
// checked.
func TestTreeExperimentsAreCounted(t *testing.T) {
	check := func(experiments string, want int) {
		t.Helper()
		text := treesConfig + experiments
		s := newSource("x", text)
		f := decode(s, s.parseTree(strings.Join(s.lines, "\n")))
		met, built := 0, 0
		for _, scope := range scopes(experimentsInForce(f)) {
			met += len(scope.list)
		}
		p, err := Parse("x", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range p.experimentLists() {
			built += len(l.experiments)
			if own := p.ExperimentsOf(l.tenant); len(own) != len(l.experiments) {
				t.Errorf("%s\ntenant %q: %d in the tree, %d of the plan", experiments, l.tenant, len(l.experiments), len(own))
			}
		}
		if got := countInForce(f); got != want || met != want || built > want {
			t.Errorf("%s\ncounted %d, checked %d, built %d; want %d, %d and no more", experiments, got, met, built, want, want)
		}
	}
	check("", 2)
	check("  acme/a: {owner: acme}\n", 4)
	check("  acme/*: {state: paused}\n", 4) // of which nothing is built
	check("  acme/*: {holdout: 1}\n  acme/c: {layer: l1, slots: [200], variants: {A: 1}}\n  zeta/c: {layer: l1, slots: [200], variants: {A: 1}}\n", 8)
	check("  '*/c': {layer: l1, slots: [200], variants: {A: 1}}\n  zeta/c: {owner: zeta}\n", 6)
}

// TestTooManyTreeExperiments: they are refused before anything is made of them.
func TestTooManyTreeExperiments(t *testing.T) {
	var b strings.Builder
	b.WriteString(treesConfig)
	for i := range 1998 {
		fmt.Fprintf(&b, "  e%d: {layer: l1, slots: [%d], variants: {A: 1}}\n", i, 200+i)
	}
	for i := range 2000 {
		fmt.Fprintf(&b, "  t%d/*: {holdout: 1}\n", i)
	}
	_, err := Parse("x.yaml", []byte(b.String()))
	errs, _ := err.(Errors)
	if len(errs) != 1 || errs[0].What != "more than 200000 experiments, those of all tenants together" {
		t.Errorf("got %v", err)
	}
}
