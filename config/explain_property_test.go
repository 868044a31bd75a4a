package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"graygate/match"
)

// drawExplainConfig draws a config with rules and experiments of all kinds.
func drawExplainConfig(t *rapid.T) string {
	of := func(texts ...string) string { return rapid.SampledFrom(texts).Draw(t, "of") }
	condition := func() string {
		return of("os == 'ios'", "version >= '17'", "not has(os)", "os in ['ios', 'web'] or version < '3'", "bucket(userid, 's') < 500000", "tag == 'gray'",
			"audience('beta', userid)", "os == 'ios' ? version > '2' : has(tag)")
	}
	var b strings.Builder
	b.WriteString("listeners: [{address: :8080}]\nadmin: off\nattributes:\n  tenant: {from: [header X-Tenant]}\n  userid: {from: [header X-User-Id]}\n" +
		"  os: {from: [header X-OS]}\n  version: {from: [header X-App-Version], type: version}\naudiences: {beta: {file: beta.txt}}\n" +
		"upstreams:\n  stable: {endpoints: [127.0.0.1:1]}\n  gray: {endpoints: [127.0.0.1:2]}\n  other: {endpoints: [127.0.0.1:3]}\nroutes:\n")
	for i, tenant := range []string{"", "acme"} {
		fmt.Fprintf(&b, "  - name: r%d\n    path: /shop\n    stable: stable\n    gray: gray\n", i)
		if tenant != "" {
			b.WriteString("    tenant: acme\n")
		}
		b.WriteString("    rules:\n")
		for j := range rapid.IntRange(1, 4).Draw(t, "rules") {
			fmt.Fprintf(&b, "      - {name: rule%d, to: %s", j, of("gray", "other", "stable"))
			kind := of("when", "share", "both", "both")
			if kind != "share" {
				fmt.Fprintf(&b, ", when: %q", condition())
			}
			if kind != "when" {
				fmt.Fprintf(&b, ", percent: %s, by: userid", of("10", "60"))
			}
			b.WriteString("}\n")
		}
	}
	b.WriteString("layers:\n  l0: {by: userid, holdout: h}\n  l1: {by: os}\nholdouts: {h: {by: userid, percent: 20}}\nassignments: {override_key_file: key.txt}\nexperiments:\n")
	for i := range 4 {
		fmt.Fprintf(&b, "  x%d: {layer: l%d, slots: [%d-%d], state: %s, ", i, i%2, i/2*5000, i/2*5000+rapid.SampledFrom([]int{4999, 3000, 0}).Draw(t, "slots"), of("active", "active", "active", "paused", "created"))
		if i > 1 && i%2 == 1 && rapid.Bool().Draw(t, "depends") {
			b.WriteString("depends_on: [x0], ")
		}
		if rapid.Bool().Draw(t, "when") {
			fmt.Fprintf(&b, "when: %q, ", condition())
		}
		fmt.Fprintf(&b, "variants: {A: 1, B: {weight: %s, force: [u%d]%s}}}\n", of("1", "5"), i, of("", ", to: gray", ", to: other", fmt.Sprintf(", headers: {X-V%d: b}", i)))
	}
	return b.String()
}

// TestExplainEqualsDecide has random configs decide random requests, and the explanations say how it came about.
func TestExplainEqualsDecide(t *testing.T) {
	folder := folderWithKey(t)
	accepted, unitless := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		text := drawExplainConfig(r)
		s, err := compileIn(folder, text)
		if err != nil {
			return // two experiments in each other's way, say: check finds that
		}
		accepted++
		d := s.NewDecider()
		for range 10 {
			req := ExplainRequest{Method: "GET", Path: "/shop/x", Time: explainedAt}
			add := func(name string, values ...string) {
				if v := rapid.SampledFrom(append(values, "")).Draw(r, name); v != "" {
					req.Headers = append(req.Headers, Header{name, v})
				}
			}
			add("X-Tenant", "acme", "nobody")
			add("X-User-Id", "u0", "u1", "u2", "u3", "u4", "ivan", "u6", strings.Repeat("u", match.MaxUnitBytes+1))
			add("X-OS", "ios", "web")
			add("X-App-Version", "1", "17.2", "latest")
			add("X-Gray-Tag", "gray")
			e := s.Explain(req)

			a := d.Attributes()
			a.Reset(s.Schema)
			a.SetRequest([]byte("GET"), nil, []byte(req.Path), nil, req.IP)
			a.SetTime(req.Time)
			for _, h := range req.Headers {
				a.AddHeader([]byte(h.Name), []byte(h.Value))
			}
			got := d.Decide(a, &Asked{Path: []byte(req.Path), Now: req.Time})
			checkExplanation(r, &e, &got)
			unitless += checkUnitless(r, &e, d, &got)
		}
	})
	if accepted == 0 || unitless == 0 {
		t.Errorf("%d configs were taken, and %d units were missing: the test shows nothing", accepted, unitless)
	}
	t.Logf("%d configs were taken, %d units were missing", accepted, unitless)
}

// checkUnitless compares the rules and layers that were passed over for want of a unit with what is explained of them, and gives their number.
func checkUnitless(t *rapid.T, e *Explanation, d *Decider, decision *Decision) int {
	var rules []uint32
	for i, r := range e.Rules {
		if s := r.Share; r.Status == "not_matched" && s != nil && (s.Unit == nil || s.TooLong) && (r.Condition == nil || r.Condition.Outcome == match.True) {
			rules = append(rules, uint32(i))
		}
	}
	layers, found := uint64(0), len(rules)
	for i, l := range e.Layers {
		if l.Reason == "missing_unit" {
			layers |= 1 << i
			found++
		}
	}
	if got, inLayers := d.Unitless(decision); !slices.Equal(got, rules) || inLayers != layers {
		t.Fatalf("passed over are the rules %v and the layers %b, explained are %v and %b\n%s", got, inLayers, rules, layers, e.Text(false))
	}
	return found
}

// checkExplanation compares what an explanation says with a decision, and its parts with each other.
func checkExplanation(t *rapid.T, e *Explanation, d *Decision) {
	want := ExplainedDecision{Route: d.Route.Name, Pool: d.Pool.Name, Gray: d.Gray, Cause: d.Cause}
	if e.Decision != want {
		t.Fatalf("explained as %+v, decided as %+v", e.Decision, want)
	}
	first := -1
	for i, r := range e.Rules {
		if first < 0 && r.Outcome == match.True {
			first = i
		}
		status := map[bool]string{true: "matched", false: "not_matched"}[first == i]
		if first >= 0 && first < i {
			status = "not_reached"
		}
		if r.Status != status {
			t.Fatalf("rule %d is %s, want %s: %+v", i, r.Status, status, e.Rules)
		}
		if s := r.Share; s != nil && s.Bucket != nil && (*s.Bucket < s.Threshold) != (s.Outcome == match.True) {
			t.Fatalf("rule %d: the bucket is %d, the threshold %d, and the outcome %s", i, *s.Bucket, s.Threshold, s.Outcome)
		}
	}
	if first != d.Rule {
		t.Fatalf("by its parts rule %d matches first, decided was %d", first, d.Rule)
	}
	given, told := map[string]string{}, map[string]string{}
	for _, a := range d.Assignments {
		p := d.Tree.Branches[a.Experiment].Plan
		given[p.Name] = p.Variants[a.Variant].Name
	}
	for _, l := range e.Layers {
		if l.Variant != "" {
			told[l.Experiment] = l.Variant
		}
		if (l.Variant != "") != (l.Reason == "assigned" || l.Reason == "listed" || l.Reason == "forced") {
			t.Fatalf("a layer with variant %q has the reason %s", l.Variant, l.Reason)
		}
		if l.Reason == "assigned" && l.Condition != nil && l.Condition.Outcome != match.True {
			t.Fatalf("%s is assigned, and its condition is %s", l.Experiment, l.Condition.Outcome)
		}
	}
	if !reflect.DeepEqual(given, told) {
		t.Fatalf("the layers say %v, assigned was %v", told, given)
	}
	if e.Text(false) == "" {
		t.Fatal("there is no text")
	}
}
