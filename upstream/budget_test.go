package upstream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"graygate/breaker"
)

// drain takes retries until there are none, and counts them.
func drain(r *rig) int64 {
	n := int64(0)
	for r.pool.TakeRetry(0, r.now) {
		n++
	}
	return n
}

func TestRetryBudget(t *testing.T) {
	r := newRig(t, settings("a:1"), 2, "") // 20 %
	send := func(n int) {
		for i := range n {
			r.pool.Sent(i % 2)
		}
	}
	if got := drain(r); got != budgetStart {
		t.Errorf("without requests: got %d retries, want the floor of %d", got, budgetStart)
	}
	send(1000)
	if got := drain(r); got != 0 {
		t.Errorf("before the tick: got %d, want 0", got)
	}
	r.tick()
	if got := drain(r); got != 200 {
		t.Errorf("after 1,000 requests on two loops: got %d, want 200", got)
	}
	r.pass(5 * time.Second)
	if got := drain(r); got != 0 {
		t.Errorf("five seconds later, nothing sent: got %d, want 0", got)
	}
	r.pass(6 * time.Second)
	if got := drain(r); got != budgetStart {
		t.Errorf("after the window: got %d, want the floor of %d", got, budgetStart)
	}
	// Steady traffic: a fifth of it, and the floor.
	total := int64(0)
	for range 300 {
		send(100)
		r.tick()
		total += drain(r)
	}
	between(t, "retries for 30,000 requests in 30 s", int(total), 5900, 6000+3*30+60)
	r.pass(time.Hour)
	if got := drain(r); got != budgetStart {
		t.Errorf("an hour later: got %d, want the floor of %d", got, budgetStart)
	}
	status := r.registry.Status(r.now)[0]
	if status.Requests != 31_000 || status.Retries != 200+3*budgetStart+total || status.Starved == 0 {
		t.Errorf("status: got %d requests, %d retries, %d refused; want 31000, %d, some", status.Requests, status.Retries, status.Starved, 200+3*budgetStart+total)
	}
}

func TestP95(t *testing.T) {
	r := newRig(t, settings("a:1", "b:1"), 2, "")
	random := rand.New(rand.NewPCG(7, 8))
	row := func(name string, draw func() float64) {
		var all []float64
		for range 100 {
			for i := range 50 {
				nanos := draw()
				all = append(all, nanos)
				a := r.ask()
				a.Loop = i % 2
				ticket, _ := r.begin(a)
				ticket.End(breaker.Success, int64(nanos), r.now)
			}
			r.tick()
		}
		r.pass(time.Second)
		slices.Sort(all)
		want := all[len(all)*95/100]
		if got := float64(r.pool.P95()); got < 0.88*want || got > 1.12*want {
			t.Errorf("%s: got %v, want %v within 12 %%", name, r.pool.P95(), time.Duration(want))
		}
		r.pass(time.Minute) // forgets
		if got := r.pool.P95(); got != 0 {
			t.Errorf("%s: a minute without calls: got %v, want 0", name, got)
		}
	}
	if got := r.pool.P95(); got != 0 {
		t.Errorf("before any call: got %v, want 0", got)
	}
	row("exponential", func() float64 { return random.ExpFloat64() * 5e6 })
	row("uniform", func() float64 { return (1 + random.Float64()) * 1e8 })
}

func TestLatencyBuckets(t *testing.T) {
	last := -1
	for nanos := int64(1); nanos < 1<<40; nanos += nanos/97 + 1 {
		b := latencyBucket(nanos)
		if b < last || b >= latencyBuckets {
			t.Fatalf("%d ns: bucket %d after %d", nanos, b, last)
		}
		if from := bucketFrom(b); float64(nanos) < from || b+1 < latencyBuckets && float64(nanos) >= bucketFrom(b+1) {
			t.Fatalf("%d ns: in bucket %d, which begins at %v", nanos, b, from)
		}
		last = b
	}
	if got := fmt.Sprint(latencyBucket(-5), latencyBucket(0), latencyBucket(1<<62)); got != fmt.Sprint(0, 0, latencyBuckets-1) {
		t.Errorf("extremes: got %s", got)
	}
}

// What is taken before the first tick is not forgiven by it.
func TestRetryBudgetBeforeTheFirstTick(t *testing.T) {
	b := budget{share: 200_000}
	b.allowed.Store(budgetStart)
	for b.take() {
	}
	b.tick(1, 100)
	n := 0
	for b.take() {
		n++
	}
	if n != 20 {
		t.Errorf("100 requests, the floor was taken already: got %d retries more, want 20", n)
	}
}
