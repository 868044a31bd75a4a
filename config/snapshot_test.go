package config

import (
	"fmt"
	"net/netip"
	"testing"

	"graygate/match"
	"graygate/upstream"
)

const snapshotText = `
listeners: [{address: :8080}]
timeouts: {connect: 5s}
attributes: {userid: {from: [header X-User-Id]}}
upstreams:
  stable: {endpoints: [127.0.0.1:9101, 127.0.0.1:9102]}
  gray: {endpoints: [127.0.0.1:9201], retry: off}
  unused: {endpoints: [127.0.0.1:9301]}
routes:
  - name: shop
    host: shop.example.com
    stable: stable
    gray: gray
    rules:
      - {name: kept, when: tag == 'stable', to: stable}
      - {name: tagged, when: tag == 'gray'}
  - {name: rest, stable: gray}
`

// firstBuild builds a config for a registry that has seen none before.
func firstBuild(t *testing.T, path, text string, generation uint64) (*Plan, *upstream.Registry, *Snapshot) {
	t.Helper()
	p, err := Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	reg := upstream.NewRegistry(upstream.Options{Loops: 1})
	s, err := Build(p, match.Lookups{}, reg, generation)
	if err != nil {
		t.Fatal(err)
	}
	return p, reg, s
}

func TestBuild(t *testing.T) {
	p, _, s := firstBuild(t, "graygate.yaml", snapshotText, 7)
	if s.Generation != 7 || s.Plan != p || len(s.Pools) != 3 || len(s.Routes) != 2 {
		t.Fatalf("snapshot %+v", s)
	}
	shop, rest := s.Routes[0], s.Routes[1]
	if shop.Index != 0 || shop.Name != "shop" || shop.Stable != s.Pools["stable"] || shop.Gray != s.Pools["gray"] {
		t.Errorf("route %+v", shop)
	}
	if rest.Index != 1 || rest.Stable != s.Pools["gray"] || rest.Gray != nil || len(rest.Targets) != 0 {
		t.Errorf("route %+v", rest)
	}
	if c := s.Pools["gray"]; c.Retry.Attempts != 1 || c.ConnectTimeout.Seconds() != 5 || len(c.Endpoints()) != 1 {
		t.Errorf("pool %+v", c)
	}

	row := func(host, tag string, wantRoute, wantRule int, wantPool string, wantGray bool) {
		t.Helper()
		at := s.Router.Find(nil, []byte(host), []byte("/x"))
		if at != wantRoute {
			t.Fatalf("host %q: route %d, want %d", host, at, wantRoute)
		}
		var a match.Attributes
		a.Reset(s.Schema)
		a.SetRequest([]byte("GET"), []byte(host), []byte("/x"), nil, netip.MustParseAddr("192.0.2.1"))
		a.AddHeader([]byte("X-Gray-Tag"), []byte(tag))
		route := s.Routes[at]
		rule := route.Rules.Decide(&a, route.Rules.NewState())
		if rule != wantRule {
			t.Fatalf("host %q, tag %q: rule %d, want %d", host, tag, rule, wantRule)
		}
		if rule >= 0 {
			if got := route.Targets[rule]; got.Pool.Name != wantPool || got.Gray != wantGray || got.Rule != p.Routes[at].Rules[rule].Name {
				t.Errorf("host %q, tag %q: target %+v", host, tag, got)
			}
		}
	}
	row("shop.example.com:8080", "gray", 0, 1, "gray", true)
	row("shop.example.com", "stable", 0, 0, "stable", false)
	row("shop.example.com", "", 0, -1, "", false)
	row("other.example.com", "gray", 1, -1, "", false)
}

// TestBuildKeepsEndpoints: what both configs have is the same object, what is gone is marked.
func TestBuildKeepsEndpoints(t *testing.T) {
	reg := upstream.NewRegistry(upstream.Options{Loops: 1})
	build := func(endpoints string) *Snapshot {
		p, err := Parse("graygate.yaml", []byte("listeners: [{address: :8080}]\nupstreams: {stable: {endpoints: "+endpoints+"}}\nroutes: [{name: a, stable: stable}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Build(p, match.Lookups{}, reg, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := build("[127.0.0.1:1, 127.0.0.1:2]").Pools["stable"].Endpoints()
	after := build("[127.0.0.1:2, 127.0.0.1:3]").Pools["stable"].Endpoints()
	if before[1] != after[0] || after[0].Removed() || !before[0].Removed() || after[1].Removed() {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestBuildFailsBeforeTheRegistry: a plan that does not compile leaves the endpoints alone.
func TestBuildFailsBeforeTheRegistry(t *testing.T) {
	p, reg, s := firstBuild(t, "graygate.yaml", snapshotText, 1)
	broken := *p
	broken.Upstreams = nil
	broken.Routes = []PlanRoute{{Name: "a", Stable: "stable", Rules: []PlanRule{{Name: "x", When: "no such thing"}}}}
	if _, err := Build(&broken, match.Lookups{}, reg, 2); err == nil {
		t.Fatal("a broken plan compiled")
	}
	if s.Pools["stable"].Endpoints()[0].Removed() {
		t.Error("a build that failed removed an endpoint")
	}
}

func BenchmarkParse(b *testing.B) {
	for _, size := range []struct{ rules, experiments int }{{1000, 0}, {10_000, 1000}} {
		b.Run(fmt.Sprintf("rules=%d/experiments=%d", size.rules, size.experiments), func(b *testing.B) {
			text := manyExperiments(size.rules, size.experiments)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse("graygate.yaml", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	p, err := Parse("graygate.yaml", manyExperiments(10_000, 1000))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("rules=10000/experiments=1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Build(p, p.named(), upstream.NewRegistry(upstream.Options{Loops: 1}), 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
