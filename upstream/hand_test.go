package upstream

import (
	"errors"
	"testing"
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

// An endpoint that is drained by hand gets nothing from that moment on, over reloads too, until it is taken back.
func TestDrainByHand(t *testing.T) {
	c := settings("a:1", "b:1")
	r := newRig(t, c, 1, "")
	served := func() map[string]int {
		n := map[string]int{}
		for range 200 {
			ticket, address := r.begin(r.ask())
			if ticket != nil {
				ticket.End(breaker.Success, 1, r.now)
			}
			n[address]++
		}
		return n
	}
	drain := func(drained, want bool) {
		t.Helper()
		if got, err := r.registry.SetDrained("p", "a:1", drained); got != want || err != nil {
			t.Fatalf("drained %v: got changed %v, %v; want %v", drained, got, err, want)
		}
	}
	under, _ := r.begin(&Ask{Now: r.now, Tried: []*Endpoint{r.registry.pools["p"].endpoints["b:1"]}})
	drain(true, true)
	drain(true, false)
	if n := served(); n["a:1"] != 0 || n["b:1"] != 200 {
		t.Errorf("drained: got %v, want all at b:1", n)
	}
	under.End(breaker.Success, 1, r.now) // what was in flight ends in order
	r.tick()
	if want := (telemetry.Event{Kind: telemetry.KindEndpoint, Pool: "p", Endpoint: "a:1", From: "healthy", To: "draining", Reason: "by hand"}); !r.heard(want) {
		t.Errorf("events: got %v, want %v", r.events, want)
	}
	r.reload(c)
	r.tick()
	if n := served(); n["a:1"] != 0 {
		t.Errorf("after a reload: got %v, want all at b:1", n)
	}
	if s := r.registry.Status(r.now)[0].Endpoints[0]; !s.Drained || s.State != Draining || s.Weight != 1 {
		t.Errorf("status: got %+v, want drained, weight 1", s)
	}
	drain(false, true)
	drain(false, false)
	if n := served(); n["a:1"] == 0 || n["b:1"] == 0 {
		t.Errorf("taken back: got %v, want both", n)
	}
	// An endpoint that was gone in between is a new one.
	drain(true, true)
	r.reload(settings("b:1"))
	r.reload(c)
	r.tick()
	if n := served(); n["a:1"] == 0 {
		t.Errorf("gone and back: got %v, want both", n)
	}
}

// Breakers that are reset by hand let everything through at once.
func TestResetByHand(t *testing.T) {
	r := newRig(t, settings("a:1"), 1, "")
	s := r.registry.pools["p"]
	open := func(b *breaker.Breaker) {
		t.Helper()
		for range 40 {
			if p, ok := b.Allow(r.now); ok {
				b.Record(0, p, breaker.Failure, 1, r.now)
			}
		}
		if b.State() != breaker.Open {
			t.Fatal("the breaker is not open")
		}
		r.tick()
	}
	open(s.breaker)
	open(s.endpoints["a:1"].breaker)
	row := func(address string, want bool) {
		t.Helper()
		if got, err := r.registry.ResetBreaker("p", address); got != want || err != nil {
			t.Fatalf("reset of %q: got changed %v, %v; want %v", address, got, err, want)
		}
	}
	if r.pool.Available(r.now) {
		t.Fatal("available while both are open")
	}
	row("", true)
	row("", false)
	row("a:1", true)
	row("a:1", false)
	if ticket, address := r.begin(r.ask()); ticket == nil || address != "a:1" {
		t.Errorf("after the reset: got %q, want a:1", address)
	}
	r.tick()
	for _, want := range []telemetry.Event{
		{Kind: telemetry.KindPoolBreaker, Pool: "p", From: "open", To: "closed", Reason: "reset"},
		{Kind: telemetry.KindEndpointBreaker, Pool: "p", Endpoint: "a:1", From: "open", To: "closed", Reason: "reset"},
	} {
		if !r.heard(want) {
			t.Errorf("events: got %v, want %v", r.events, want)
		}
	}
}

// What is not there cannot be changed, and the error says what is not.
func TestByHandUnknown(t *testing.T) {
	c := settings("a:1")
	c.Breaker = nil
	r := newRig(t, c, 1, "")
	row := func(name string, err, want error, text string) {
		t.Helper()
		if !errors.Is(err, want) || err.Error() != text {
			t.Errorf("%s: got %v, want %s", name, err, text)
		}
	}
	drain := func(pool, address string) error { _, err := r.registry.SetDrained(pool, address, true); return err }
	reset := func(pool, address string) error { _, err := r.registry.ResetBreaker(pool, address); return err }
	row("pool", drain("q", "a:1"), ErrUnknown, `pool "q" is unknown`)
	row("endpoint", drain("p", "b:1"), ErrUnknown, `endpoint "b:1" of pool "p" is unknown`)
	row("reset, pool", reset("q", ""), ErrUnknown, `pool "q" is unknown`)
	row("reset, endpoint", reset("p", "b:1"), ErrUnknown, `endpoint "b:1" of pool "p" is unknown`)
	row("reset, off", reset("p", ""), ErrNoBreaker, `pool "p": breaker is off`)
	row("reset, off, endpoint", reset("p", "a:1"), ErrNoBreaker, `pool "p": breaker is off`)
}

// heard reports whether an event has been told, whenever.
func (r *rig) heard(want telemetry.Event) bool {
	for _, e := range r.events {
		if e.Time = (time.Time{}); e == want {
			return true
		}
	}
	return false
}
