package upstream

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

const (
	ms   = int64(time.Millisecond)
	tick = 100 * ms
)

// settings give a pool of endpoints of weight 1, with breakers and without outlier detection.
func settings(addresses ...string) PoolConfig {
	c := PoolConfig{Name: "p", Breaker: breakerSettings(), Retry: Retry{Attempts: 3, Budget: 200_000}}
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, EndpointConfig{Address: a, Weight: 1})
	}
	return c
}

func breakerSettings() *breaker.Settings {
	return &breaker.Settings{Window: 10 * time.Second, MinRequests: 20, Failures: 500_000, Consecutive: 5,
		Open: time.Second, MaxOpen: 30 * time.Second, Trials: 3}
}

// addresses give n of them, in their order.
func addresses(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("e%04d:1", i)
	}
	return all
}

// rig is a pool, a clock and a source of random numbers.
type rig struct {
	t        testing.TB
	registry *Registry
	pool     *Pool
	now      int64
	random   *rand.Rand
	events   []telemetry.Event
}

func newRig(t testing.TB, c PoolConfig, loops int, zone string) *rig {
	r := &rig{t: t, registry: NewRegistry(Options{Loops: loops}), now: 1000 * int64(time.Second), random: rand.New(rand.NewPCG(1, 2))}
	r.pool = r.registry.Pools([]PoolConfig{c}, zone)["p"]
	r.tick()
	return r
}

// reload gives the pool another config.
func (r *rig) reload(c PoolConfig) { r.pool = r.registry.Pools([]PoolConfig{c}, "")["p"] }

// tick lets one tick pass.
func (r *rig) tick() {
	r.now += tick
	r.events = append(r.events, r.registry.Tick(r.now)...)
}

// pass lets time pass in ticks.
func (r *rig) pass(d time.Duration) {
	for end := r.now + int64(d); r.now < end; {
		r.tick()
	}
}

// ask gives an ask of loop 0.
func (r *rig) ask() *Ask { return &Ask{Now: r.now, Random: r.random.Uint64()} }

// begin begins an attempt; "" and the refusal if there is none.
func (r *rig) begin(a *Ask) (*Ticket, string) {
	var t Ticket
	if refusal := r.pool.Begin(&t, a); refusal != OK {
		return nil, refusal.String()
	}
	return &t, t.Endpoint.Address
}

// shares makes n calls, one after the other, each of the latency that is said for its endpoint, and counts who got them.
func (r *rig) shares(n int, latency func(address string) int64) map[string]int {
	got := map[string]int{}
	for range n {
		t, address := r.begin(r.ask())
		got[address]++
		if t == nil {
			continue
		}
		took := ms
		if latency != nil {
			took = latency(address)
		}
		r.now += took / 10 // as if ten came at a time
		t.End(breaker.Success, took, r.now)
	}
	return got
}

// fail makes n calls to an endpoint fail.
func (r *rig) fail(address string, n int) {
	for range n {
		var others []*Endpoint
		for _, e := range r.pool.Endpoints() {
			if e.Address != address {
				others = append(others, e)
			}
		}
		a := r.ask()
		a.Tried = others
		t, got := r.begin(a)
		if got != address {
			r.t.Fatalf("a call to %s: got %s", address, got)
		}
		t.EndRetried(breaker.Failure, ms, r.now)
	}
}

// state gives an endpoint's state and reason.
func (r *rig) state(address string) string {
	for _, e := range r.pool.Endpoints() {
		if e.Address == address {
			s, reason := e.State(r.now)
			return s.String() + ": " + reason
		}
	}
	return "not there"
}

// between complains about a count that is out of its band.
func between(t testing.TB, what string, got, least, most int) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: got %d, want %d to %d", what, got, least, most)
	}
}

// told gives the events of a kind as text, and forgets all.
func (r *rig) told(kind string) []string {
	var all []string
	for _, e := range r.events {
		if e.Kind == kind {
			all = append(all, fmt.Sprintf("%s %s->%s %s", e.Endpoint, e.From, e.To, e.Reason))
		}
	}
	r.events = nil
	return all
}
