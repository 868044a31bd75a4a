package upstream

import (
	"testing"
	"time"

	"graygate/breaker"
)

// quiet is a pool of three that are known, and one request every 10 ms; e0001:1 fails them all. It gives how many it has had,
// of those that change changes, before its breaker opened, and after how long; at most ten seconds.
func quiet(t *testing.T, c PoolConfig, change func(*Ask)) (failed int, took time.Duration, open bool) {
	r := newRig(t, c, 1, "")
	closedLoop(r, 3, 1000, func(string) int64 { return ms })
	began := r.now
	for r.now-began < 10*int64(time.Second) {
		for range 10 {
			a := r.ask()
			change(a)
			ticket, address := r.begin(a)
			if address != "e0001:1" {
				ticket.End(breaker.Success, ms, r.now)
			} else {
				failed++
				ticket.EndRetried(breaker.Failure, ms, r.now)
			}
			if e := r.pool.state.endpoints["e0001:1"]; e.breaker != nil && e.breaker.State() == breaker.Open {
				return failed, time.Duration(r.now - began), true
			}
			r.now += 10 * ms
		}
		r.events = append(r.events, r.registry.Tick(r.now)...)
	}
	return failed, time.Duration(r.now - began), false
}

func TestDoubtsAreSettledSoon(t *testing.T) {
	plain := func(*Ask) {}
	if n, took, open := quiet(t, settings(addresses(3)...), plain); !open || n != 5 || took > time.Second {
		t.Errorf("a hundred requests a second: got %d failures, open %v after %v; want 5 within a second", n, open, took)
	}
	// A request that cannot be sent again is not used for it.
	if n, took, open := quiet(t, settings(addresses(3)...), func(a *Ask) { a.Frail = true }); open && took < 2*time.Second {
		t.Errorf("requests that cannot be sent again: got %d failures, open %v after %v; want it left alone", n, open, took)
	}
	// Nor is one that cannot be sent again because the pool does not do that, or has no budget left for it.
	c := settings(addresses(3)...)
	c.Retry.Attempts = 1
	if n, took, open := quiet(t, c, plain); open && took < 2*time.Second {
		t.Errorf("a pool without retries: got %d failures, open %v after %v; want it left alone", n, open, took)
	}
	r := newRig(t, settings(addresses(3)...), 1, "")
	r.fail("e0001:1", 1)
	r.now += doubtNanos
	for r.pool.TakeRetry(0, r.now) {
	}
	if _, got := r.begin(r.ask()); got == "e0001:1" {
		t.Errorf("without budget: got %s, which has just failed", got)
	}
	// Where nothing would come of it, it ends.
	c = settings(addresses(3)...)
	c.Breaker = nil
	if n, _, _ := quiet(t, c, plain); n > doubtMost+20 {
		t.Errorf("without breakers: got %d failures in ten seconds, want about %d", n, doubtMost)
	}
}

// An endpoint that answers is in no doubt, and one about which there is some is asked once in a while, not by all.
func TestDoubtsEnd(t *testing.T) {
	r := newRig(t, settings(addresses(3)...), 1, "")
	closedLoop(r, 3, 1000, func(string) int64 { return ms })
	r.fail("e0001:1", 1)
	d := &r.pool.state.shards[0].doubt
	if !d.is(r.pool.state.endpoints["e0001:1"]) {
		t.Fatalf("after a failure: got doubt about %d, want e0001:1", d.about.Load())
	}
	r.now += doubtNanos
	ticket, got := r.begin(r.ask())
	if got != "e0001:1" {
		t.Fatalf("%v after a failure: got %s, want e0001:1", time.Duration(doubtNanos), got)
	}
	if _, got := r.begin(r.ask()); got == "e0001:1" {
		t.Errorf("the next request at that time: got %s, want another one", got)
	}
	ticket.End(breaker.Success, ms, r.now)
	if about := d.about.Load(); about != 0 {
		t.Errorf("after an answer: got doubt about %d, want none", about)
	}
	// One that is out of service is in no doubt either.
	r.fail("e0001:1", 5)
	r.tick()
	if _, got := r.begin(r.ask()); got == "e0001:1" {
		t.Errorf("once its breaker is open: got %s", got)
	}
	if about := d.about.Load(); about != 0 {
		t.Errorf("once its breaker is open: got doubt about %d, want none", about)
	}
}
