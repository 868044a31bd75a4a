package upstream

import (
	"testing"

	"graygate/breaker"
)

func pool(r *Registry, endpoints ...string) *Pool {
	return r.Pools([]PoolConfig{{Name: "p", Endpoints: endpoints, Retry: true, Breaker: true}})["p"]
}

func TestPickGoesRound(t *testing.T) {
	p := pool(NewRegistry(), "a:1", "b:1", "c:1")
	got := ""
	for start := range uint32(6) {
		got += p.Pick(start, nil, 0, false).Address[:1]
	}
	if want := "abcabc"; got != want {
		t.Errorf("six picks: got %q, want %q", got, want)
	}
}

func TestPickLeavesOutTriedAndOpen(t *testing.T) {
	p := pool(NewRegistry(), "a:1", "b:1", "c:1")
	a, b, c := p.Endpoints[0], p.Endpoints[1], p.Endpoints[2]
	for range breaker.Threshold {
		b.Breaker.Failure(1)
	}
	rows := []struct {
		name  string
		tried []*Endpoint
		force bool
		want  *Endpoint
	}{
		{"first", nil, false, a},
		{"a tried, b open", []*Endpoint{a}, false, c},
		{"only b left, open", []*Endpoint{a, c}, false, nil},
		{"only b left, forced", []*Endpoint{a, c}, true, b},
		{"all tried, forced", []*Endpoint{a, b, c}, true, nil},
	}
	for _, r := range rows {
		if got := p.Pick(0, r.tried, 2, r.force); got != r.want {
			t.Errorf("%s: got %v, want %v", r.name, got, r.want)
		}
	}
}

func TestRegistryKeepsAndRemoves(t *testing.T) {
	r := NewRegistry()
	first := pool(r, "a:1", "b:1")
	second := pool(r, "b:1", "c:1")
	if first.Endpoints[1] != second.Endpoints[0] {
		t.Error("b:1 was kept by the second config: got another endpoint, want the same")
	}
	if !first.Endpoints[0].Removed() || second.Endpoints[0].Removed() {
		t.Errorf("removed: got a %v, b %v; want true, false", first.Endpoints[0].Removed(), second.Endpoints[0].Removed())
	}
	back := pool(r, "a:1")
	if back.Endpoints[0] == first.Endpoints[0] || back.Endpoints[0].ID == first.Endpoints[0].ID {
		t.Error("a:1 came back: got the removed endpoint, want a new one")
	}
	if first.Index != second.Index || first.Index != back.Index {
		t.Errorf("pool index: got %d, %d, %d; want them equal", first.Index, second.Index, back.Index)
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	p := pool(NewRegistry(), "a:1", "b:1", "c:1")
	tried := []*Endpoint{p.Endpoints[0]}
	if n := testing.AllocsPerRun(1000, func() { p.Pick(0, tried, 1, true) }); n != 0 {
		t.Errorf("Pick: got %v allocations, want 0", n)
	}
}
