package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
	"graygate/upstream"
)

// TestExamples: every example is accepted, compiles, and prints back.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	for _, file := range files {
		p, err := Read(file)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if _, err := Build(p, match.Lookups{}, upstream.NewRegistry(upstream.Options{Loops: 1}), 1); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if q, err := Parse(file, p.YAML()); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%s: printed and read back: %v", file, err)
		}
	}
}

// TestQuickstart holds the parts of the quickstart that the demo and the README rely on.
func TestQuickstart(t *testing.T) {
	p, err := Read("../examples/quickstart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Listeners = []Listener{{Address: "127.0.0.1:8080"}}
	want.Admin.Address = "127.0.0.1:9901"
	want.Attributes = []Attribute{{Name: "userid", From: []match.Source{
		{Kind: match.FromHeader, Name: "X-User-Id"}, {Kind: match.FromCookie, Name: "uid"}, {Kind: match.FromQuery, Name: "uid"},
	}}}
	want.Upstreams = []Upstream{usual("stable", "127.0.0.1:9101", "127.0.0.1:9102"), usual("gray", "127.0.0.1:9201")}
	want.Routes = []PlanRoute{{Name: "demo", Path: "/", Stable: "stable", Gray: "gray", Rules: []PlanRule{
		{Name: "tagged", When: "tag == 'gray' or gray_version == 'v2'", To: "gray"},
		{Name: "ramp", HasPercent: true, PPM: 100_000, By: "userid", Salt: "ramp", To: "gray"},
	}}}
	if !reflect.DeepEqual(p, &want) {
		t.Errorf("got  %+v\nwant %+v", p, &want)
	}
	text, err := os.ReadFile("../examples/quickstart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if line != "" && !strings.Contains(line, "#") && !strings.Contains(lines[i-1], "# ") {
			t.Errorf("line %d has no comment: %s", i+1, line)
		}
	}
}

// TestFullHasEveryKey: full.yaml has the keys that the decoder knows, no more and no fewer.
func TestFullHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../examples/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for path := range flatten(t, text) {
		section, key := sectionOf(path)
		if !slices.Contains(got[section], key) {
			got[section] = append(got[section], key)
		}
	}
	for section, want := range knownKeys(t) {
		slices.Sort(got[section])
		slices.Sort(want)
		if !slices.Equal(got[section], want) {
			t.Errorf("%s: got %v, want %v", section, got[section], want)
		}
	}
}

// knownKeys asks the decoder itself: an unknown key in each mapping makes it list those it knows.
func knownKeys(t *testing.T) map[string][]string {
	t.Helper()
	const text = `
nothing_like_it: 1
listeners: [{nothing_like_it: 1}]
admin: {nothing_like_it: 1}
access_log: {nothing_like_it: 1}
tracing: {nothing_like_it: 1}
limits: {nothing_like_it: 1}
timeouts: {nothing_like_it: 1}
attributes: {x: {nothing_like_it: 1}, y: {issue: {nothing_like_it: 1}}}
upstreams:
  x: {nothing_like_it: 1}
  y: {endpoints: [{nothing_like_it: 1}], balance: {nothing_like_it: 1}, connections: {nothing_like_it: 1}, tls: {nothing_like_it: 1}}
  z: {breaker: {nothing_like_it: 1}, outlier: {nothing_like_it: 1}, retry: {nothing_like_it: 1}, probe: {nothing_like_it: 1}}
  p: {probe: {http: {nothing_like_it: 1}}}
  q: {probe: {tcp: {nothing_like_it: 1}}}
routes:
  - {nothing_like_it: 1}
  - {rules: [{nothing_like_it: 1}]}
  - {rate_limit: {nothing_like_it: 1}, concurrency: {nothing_like_it: 1}}
overload: {nothing_like_it: 1}
geo: {nothing_like_it: 1}
audiences: {x: {nothing_like_it: 1}}
layers: {x: {nothing_like_it: 1}}
holdouts: {x: {nothing_like_it: 1}}
metadata_types: {x: {nothing_like_it: 1}}
experiments: {x: {nothing_like_it: 1}, y: {exclude_exposed: [{nothing_like_it: 1}]}, z: {variants: {x: {nothing_like_it: 1}}}}
assignments: {nothing_like_it: 1}
`
	sections := []string{
		"", "listeners", "admin", "access_log", "tracing", "limits", "timeouts", "attributes", "issue",
		"upstreams", "endpoints", "balance", "connections", "tls", "breaker", "outlier", "retry", "probe", "http", "tcp",
		"routes", "rules", "rate_limit", "concurrency", "overload",
		"geo", "audiences", "layers", "holdouts", "metadata_types", "experiments", "exclude_exposed", "variants", "assignments",
	}
	_, err := Parse("x", []byte(text))
	known := map[string][]string{}
	for _, e := range err.(Errors) {
		if keys, ok := strings.CutPrefix(e.Fix, "known here: "); ok {
			known[sections[len(known)]] = strings.Split(keys, ", ")
		}
	}
	if len(known) != len(sections) {
		t.Fatalf("%d mappings told their keys, want %d: %v", len(known), len(sections), err)
	}
	return known
}

// ofNames are the mappings whose keys are the user's to choose, ofAnything those whose shape is.
var (
	ofNames = []string{"attributes", "tracing.headers", "upstreams", "audiences", "layers", "holdouts", "metadata_types", "experiments",
		"experiments.*.variants", "experiments.*.variants.*.headers", "upstreams.*.endpoints.*.labels", "upstreams.*.probe.http.headers"}
	ofAnything = []string{"experiments.*.metadata", "metadata_types.*.schema"}
)

// flatten gives the scalar values of a config by path, names and list indexes as *. Lists of them are there too; mappings and other
// lists have an empty text.
func flatten(t *testing.T, text []byte) map[string]string {
	t.Helper()
	root := newSource("x", string(text)).parseTree(string(text))
	if root == nil {
		t.Fatalf("not YAML:\n%s", text)
	}
	out := map[string]string{}
	var walk func(path string, n ast.Node)
	walk = func(path string, n ast.Node) {
		if slices.Contains(ofAnything, path) {
			out[path] = ""
			return
		}
		switch n := n.(type) {
		case *ast.MappingNode:
			for _, v := range n.Values {
				key := v.Key.GetToken().Value
				if slices.Contains(ofNames, path) {
					key = "*"
				}
				walk(strings.TrimPrefix(path+"."+key, "."), v.Value)
			}
			if len(n.Values) == 0 {
				out[path] = "{}"
				return
			}
		case *ast.SequenceNode:
			for _, v := range n.Values {
				walk(path+".*", v)
			}
			var texts []string
			for _, v := range n.Values {
				if s, ok := v.(ast.ScalarNode); ok {
					texts = append(texts, s.GetToken().Value)
				}
			}
			if len(texts) == len(n.Values) {
				out[path] = "[" + strings.Join(texts, ", ") + "]"
				return
			}
		default:
			out[path] = n.GetToken().Value
			return
		}
		out[path] = ""
	}
	walk("", root)
	delete(out, "")
	return out
}

// sectionOf parts a path of flatten into the mapping it is in and its key: "routes.*.rules.*.when" is rules, when.
func sectionOf(path string) (section, key string) {
	parts := slices.DeleteFunc(strings.Split(path, "."), func(s string) bool { return s == "*" })
	if len(parts) == 1 {
		return "", parts[0]
	}
	return parts[len(parts)-2], parts[len(parts)-1]
}
