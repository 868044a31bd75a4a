package upstream

import (
	"fmt"
	"testing"
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

func TestEndIsToldOnce(t *testing.T) {
	r := newRig(t, settings("a:1", "b:1"), 1, "")
	ticket, _ := r.begin(r.ask())
	if n := ticket.Endpoint.InFlight(); n != 1 || !ticket.Live() {
		t.Errorf("under way: got %d in flight, live %v; want 1, true", n, ticket.Live())
	}
	ticket.End(breaker.Success, ms, r.now)
	ticket.End(breaker.Failure, ms, r.now)
	if n := ticket.Endpoint.InFlight(); n != 0 || ticket.Live() {
		t.Errorf("after the end, told twice: got %d in flight, live %v; want 0, false", n, ticket.Live())
	}
	(&Ticket{}).End(breaker.Success, ms, r.now) // of none
}

func TestRefusals(t *testing.T) {
	row := func(name, want string, c PoolConfig, prepare func(r *rig), change func(r *rig, a *Ask)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c, 1, "")
			prepare(r)
			a := r.ask()
			change(r, a)
			ticket, got := r.begin(a)
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if ticket != nil {
				ticket.End(breaker.Ignored, 0, r.now)
			}
			for _, s := range r.registry.Status(r.now) {
				if s.InFlight != 0 && want != "full" {
					t.Errorf("in flight after a refusal: got %d, want 0", s.InFlight)
				}
			}
		})
	}
	nothing := func(*rig) {}
	same := func(*rig, *Ask) {}
	lastResort := func(_ *rig, a *Ask) { a.LastResort = true }
	row("no endpoints", "no_endpoint", settings(), nothing, lastResort)
	row("all tried", "no_endpoint", settings("a:1", "b:1"), nothing, func(r *rig, a *Ask) { a.Tried, a.LastResort = r.pool.Endpoints(), true })
	row("breaker open", "open", settings("a:1"), func(r *rig) { r.fail("a:1", 5) }, same)
	row("breaker open, ticked", "open", settings("a:1"), func(r *rig) { r.fail("a:1", 5); r.tick() }, same)
	row("one tried, the other open", "open", settings("a:1", "b:1"), func(r *rig) { r.fail("b:1", 5); r.tick() },
		func(r *rig, a *Ask) { a.Tried = r.pool.Endpoints()[:1] })
	limited := settings("a:1", "b:1")
	limited.Limits.InFlight = 2
	row("full", "full", limited, func(r *rig) {
		for range 4 {
			if _, got := r.begin(r.ask()); got == "full" {
				r.t.Error("full before there were 2 at each")
			}
		}
	}, lastResort)
	drained := settings("a:1")
	drained.Endpoints[0].Weight = 0
	row("all drain", "no_endpoint", drained, nothing, lastResort)
	probed := settings("a:1", "b:1")
	probed.Probed = true
	sick := func(r *rig) {
		r.registry.Report("p", "a:1", false, "refused")
		r.registry.Report("p", "b:1", false, "refused")
		r.tick()
	}
	row("all sick", "no_endpoint", probed, sick, same)
	row("all sick, one left as a last resort", "a:1", probed, sick, func(r *rig, a *Ask) { a.Tried, a.LastResort = r.pool.Endpoints()[1:], true })
	row("open, last resort", "a:1", settings("a:1"), func(r *rig) { r.fail("a:1", 5) }, lastResort)
}

func TestLimitOfInFlightIsGivenBack(t *testing.T) {
	c := settings("a:1")
	c.Limits.InFlight = 2
	r := newRig(t, c, 2, "")
	one, _ := r.begin(r.ask())
	other := r.ask()
	other.Loop = 1
	two, _ := r.begin(other)
	for range 2 { // twice on the same objects
		if _, got := r.begin(r.ask()); got != "full" {
			t.Errorf("two in flight, on two loops: got %s, want full", got)
		}
		one.End(breaker.Success, ms, r.now)
		one, _ = r.begin(r.ask())
	}
	one.End(breaker.Ignored, 0, r.now)
	// A reload without the limit, while one is in flight that was counted, and back.
	c.Limits.InFlight = 0
	r.reload(c)
	three, _ := r.begin(r.ask())
	two.End(breaker.Success, ms, r.now)
	c.Limits.InFlight = 1
	r.reload(c)
	three.End(breaker.Success, ms, r.now)
	four, got := r.begin(r.ask())
	if got != "a:1" {
		t.Fatalf("nothing in flight, limit 1: got %s, want a:1", got)
	}
	four.End(breaker.Success, ms, r.now)
}

func TestConnectionsAreBounded(t *testing.T) {
	c := settings("a:1")
	c.Limits.Connections = 2
	r := newRig(t, c, 1, "")
	e := r.pool.Endpoints()[0]
	got := fmt.Sprint(e.OpenConn(), e.OpenConn(), e.OpenConn())
	e.CloseConn()
	got += fmt.Sprint(" ", e.OpenConn(), e.OpenConn())
	if want := "true true false true false"; got != want {
		t.Errorf("limit 2; open, open, open, close, open, open: got %s, want %s", got, want)
	}
}

// A half-open endpoint is offered its trials even if the balancer would not choose it, a request that cannot be sent twice
// is spared, and the endpoint is back when they have passed.
func TestHalfOpenIsOfferedItsTrials(t *testing.T) {
	r := newRig(t, settings(addresses(3)...), 1, "")
	r.shares(3000, nil)
	r.fail("e0001:1", 5)
	if got := r.shares(1000, nil)["e0001:1"]; got != 0 {
		t.Errorf("open: got %d requests, want 0", got)
	}
	r.tick()
	if got, want := r.state("e0001:1"), "open: consecutive, for another "; len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("state: got %q, want %q...", got, want)
	}
	r.pass(2 * time.Second)
	if got := r.state("e0001:1"); got != "half_open: waited" {
		t.Fatalf("after its time: got %q", got)
	}
	frail := r.ask()
	frail.Frail = true
	r.registry.pools["p"].roster.Load().overdue = false
	ticket, got := r.begin(frail)
	if got == "e0001:1" {
		t.Error("a request that cannot be sent twice: got the half-open endpoint while others are there")
	}
	ticket.End(breaker.Success, ms, r.now)
	var trials []*Ticket
	for i := range 4 {
		ticket, got := r.begin(r.ask())
		if (got == "e0001:1") != (i < 3) {
			t.Errorf("request %d: got %s; the first three are trials of e0001:1, no more", i, got)
		}
		trials = append(trials, ticket)
	}
	for _, x := range trials {
		x.End(breaker.Success, ms, r.now)
	}
	r.tick()
	if got := r.state("e0001:1"); got != "healthy: ok" {
		t.Errorf("after its trials: got %q", got)
	}
	want := "[closed->open consecutive open->half_open waited half_open->closed trials_passed]"
	var all []string
	for _, e := range r.events {
		if e.Kind == telemetry.KindEndpointBreaker {
			all = append(all, e.From+"->"+e.To+" "+e.Reason)
		}
	}
	if got := fmt.Sprint(all); got != want {
		t.Errorf("events of the breaker:\n got %s\nwant %s", got, want)
	}
}

// Requests that cannot be sent twice are all that a pool gets: they become trials after a while.
func TestTrialsDoNotWaitForEver(t *testing.T) {
	r := newRig(t, settings(addresses(2)...), 1, "")
	r.fail("e0001:1", 5)
	for range 40 { // four seconds: the open time of one, and the patience
		r.tick()
		a := r.ask()
		a.Frail = true
		ticket, _ := r.begin(a)
		ticket.End(breaker.Success, ms, r.now)
	}
	if got := r.state("e0001:1"); got != "healthy: ok" {
		t.Errorf("after 40 frail requests in 4 s: got %q", got)
	}
}

// The burst in which a dead endpoint refuses everything does not open the pool's breaker; what fails everywhere does.
func TestPoolBreakerLooksAtTheWhole(t *testing.T) {
	r := newRig(t, settings(addresses(3)...), 1, "")
	e := r.pool.Endpoints()[0]
	var burst []*Ticket
	for range 200 {
		a := r.ask()
		a.Tried = r.pool.Endpoints()[1:]
		ticket, _ := r.begin(a)
		burst = append(burst, ticket)
	}
	for _, ticket := range burst {
		ticket.End(breaker.Failure, ms, r.now)
	}
	if s, _ := e.State(r.now); s != Healthy || e.breaker.State() != breaker.Open {
		t.Errorf("the dead one before the tick: got %v, breaker %v", s, e.breaker.State())
	}
	if !r.pool.Available(r.now) {
		t.Error("one of three is dead: the pool is not available")
	}
	n := 0
	for ; n < 500 && r.pool.state.breaker.State() == breaker.Closed; n++ {
		a := r.ask()
		a.LastResort = true
		ticket, got := r.begin(a)
		if ticket == nil {
			t.Fatalf("attempt %d: got %s", n, got)
		}
		ticket.End(breaker.Failure, ms, r.now)
	}
	between(t, "failures everywhere until the pool's breaker is open", n, 15, 60)
	a := r.ask()
	a.LastResort = true
	if _, got := r.begin(a); got != "open" || r.pool.Available(r.now) {
		t.Errorf("the pool's breaker is open: got %s, available %v; want open, false", got, r.pool.Available(r.now))
	}
}

// A failure after which another endpoint is asked says nothing of the pool.
func TestEndRetriedSparesThePool(t *testing.T) {
	c := settings(addresses(1)...)
	r := newRig(t, c, 1, "")
	for range 100 {
		a := r.ask()
		a.LastResort = true
		ticket, _ := r.begin(a)
		ticket.EndRetried(breaker.Failure, ms, r.now)
	}
	if got := r.pool.state.breaker.State(); got != breaker.Closed {
		t.Errorf("100 failures, all retried elsewhere: got the pool's breaker %v, want closed", got)
	}
}

func TestPanic(t *testing.T) {
	c := settings(addresses(10)...)
	c.Probed, c.Panic = true, 500_000
	c.Balance.Kind = RoundRobin
	r := newRig(t, c, 1, "")
	sick := func(n int) {
		for i, a := range addresses(10) {
			r.registry.Report("p", a, i >= n, "x")
		}
		r.tick()
	}
	asked := func(lastResort bool) int {
		got := map[string]bool{}
		for range 100 {
			a := r.ask()
			a.LastResort = lastResort
			ticket, address := r.begin(a)
			got[address] = true
			ticket.End(breaker.Success, ms, r.now)
		}
		return len(got)
	}
	row := func(n, last, other int) {
		t.Helper()
		sick(n)
		if l, o := asked(true), asked(false); l != last || o != other {
			t.Errorf("%d of 10 sick: got %d asked as a last resort and %d else, want %d and %d", n, l, o, last, other)
		}
	}
	row(5, 5, 5)
	row(6, 10, 4)
	status := r.registry.Status(r.now)[0]
	if !status.Panic || status.Resorts != 60 {
		t.Errorf("status with 6 sick: got panic %v, %d last resorts of 100; want true, 60", status.Panic, status.Resorts)
	}
	row(5, 5, 5)
	want := "[ off->on 4 of 10 endpoints can be asked  on->off 5 of 10 endpoints can be asked]"
	if got := fmt.Sprint(r.told(telemetry.KindPanic)); got != want {
		t.Errorf("events: got %s, want %s", got, want)
	}
}

// Where one priority can serve, that others cannot is no reason to panic.
func TestNoPanicWhileAPriorityServes(t *testing.T) {
	for _, dead := range []int{0, 1} {
		c := settings(addresses(12)...)
		c.Probed, c.Panic = true, 500_000
		for i := range c.Endpoints {
			c.Endpoints[i].Priority = i % 2
		}
		r := newRig(t, c, 1, "")
		for i, a := range addresses(12) {
			r.registry.Report("p", a, i%2 != dead, "x")
		}
		r.tick()
		if r.registry.Status(r.now)[0].Panic {
			t.Errorf("all of priority %d dead, all of the other well: got panic", dead)
		}
	}
}

// In panic a breaker is still asked, as it looks at real calls and gives trials; only when all are open nobody is spared.
func TestPanicAsksBreakers(t *testing.T) {
	c := settings(addresses(4)...)
	c.Panic = 500_000
	r := newRig(t, c, 1, "")
	for _, a := range addresses(3) {
		r.fail(a, 5)
	}
	r.tick()
	ask := func() map[string]int {
		got := map[string]int{}
		for range 400 {
			a := r.ask()
			a.LastResort = true
			ticket, address := r.begin(a)
			got[address]++
			ticket.End(breaker.Ignored, 0, r.now)
		}
		return got
	}
	if got := ask(); got["e0003:1"] != 400 {
		t.Errorf("three of four open: got %v, want all at e0003:1", got)
	}
	r.fail("e0003:1", 5)
	for address, n := range ask() {
		between(t, "all open, share of 400 of "+address, n, 40, 170)
	}
}

func TestAllocatesNothing(t *testing.T) {
	for _, kind := range []BalanceKind{P2C, RoundRobin, LeastRequest, Random, Consistent} {
		c := settings(addresses(50)...)
		c.Balance = Balance{Kind: kind, Load: 1_250_000}
		c.Limits.InFlight = 1000
		c.Endpoints[3].Weight = 7
		c.Outlier = &breaker.OutlierSettings{Consecutive: 5, Interval: time.Second, MaxEjected: 500_000}
		r := newRig(t, c, 2, "")
		var ticket Ticket
		random, tried := uint64(0), r.pool.Endpoints()[:2]
		n := testing.AllocsPerRun(1000, func() {
			random++
			a := Ask{Now: r.now, Tried: tried, Keyed: true, Random: random, Hash: random, Loop: int(random & 1)} // it has to stay on the stack
			if r.pool.Available(a.Now) && r.pool.Begin(&ticket, &a) == OK {
				r.pool.Sent(a.Loop)
				ticket.End(breaker.Success, ms, a.Now)
			}
			r.pool.TakeRetry(0, a.Now)
			r.pool.P95()
		})
		if n != 0 {
			t.Errorf("%s: got %v allocations for each request, want 0", kind, n)
		}
	}
}
