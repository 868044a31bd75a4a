package upstream

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

func names(p *Pool) string {
	all := ""
	for _, e := range p.Endpoints() {
		all += e.Address[:1]
	}
	return all
}

func TestReloadKeepsAndRemoves(t *testing.T) {
	r := newRig(t, settings("a:1", "b:1"), 1, "")
	first := r.pool
	before := first.Endpoints()
	r.fail("b:1", 5)
	inFlight, _ := r.begin(r.ask()) // at a
	r.reload(settings("c:1", "b:1"))
	after := r.pool.Endpoints()
	if names(r.pool) != "bc" || after[0] != before[1] || before[1].breaker.State() != breaker.Open {
		t.Errorf("b:1 is in both: got %s, same %v, breaker %v; want bc, true, open", names(r.pool), after[0] == before[1], before[1].breaker.State())
	}
	if !before[0].Removed() || before[1].Removed() {
		t.Errorf("removed: got a %v, b %v; want true, false", before[0].Removed(), before[1].Removed())
	}
	if names(first) != "bc" || first.Index != r.pool.Index {
		t.Errorf("the pool of the config before: asks %s with index %d, want bc, %d", names(first), first.Index, r.pool.Index)
	}
	r.tick()
	last := func() EndpointStatus {
		all := r.registry.Status(r.now)[0].Endpoints
		return all[len(all)-1]
	}
	if got := last(); got.Address != "a:1" || got.State != Draining || got.Reason != "removed" || got.InFlight != 1 {
		t.Errorf("removed with one in flight: got %+v", got)
	}
	inFlight.End(breaker.Success, ms, r.now)
	r.tick()
	if got := last(); got.Address != "c:1" {
		t.Errorf("nothing in flight any more: the last one is %s, want c:1", got.Address)
	}
	r.reload(settings("a:1"))
	if back := r.pool.Endpoints()[0]; back == before[0] || back.ID == before[0].ID || back.Removed() {
		t.Error("a:1 came back: got the removed endpoint, want a new one")
	}
}

// What was decided by the last config of a pool that is gone can still be sent there.
func TestPoolThatIsGone(t *testing.T) {
	r := newRig(t, settings("a:1"), 1, "")
	other := settings("z:1")
	other.Name = "q"
	r.registry.Pools([]PoolConfig{other}, "")
	ticket, got := r.begin(r.ask())
	if got != "a:1" || !ticket.Endpoint.Removed() {
		t.Fatalf("got %s, want a:1, removed", got)
	}
	r.tick()
	ticket.End(breaker.Success, ms, r.now)
	r.registry.Report("p", "a:1", true, "")
	r.registry.Update("p", SourceConfig{}, nil)
	again := r.registry.Pools([]PoolConfig{other, settings("a:1")}, "")["p"]
	if again.Index != r.pool.Index || again.Endpoints()[0] == ticket.Endpoint {
		t.Errorf("back: got index %d, same endpoint %v; want %d, false", again.Index, again.Endpoints()[0] == ticket.Endpoint, r.pool.Index)
	}
}

func TestReloadTurnsThingsOffAndOn(t *testing.T) {
	c := settings("a:1")
	r := newRig(t, c, 1, "")
	r.fail("a:1", 5)
	under, _ := r.begin(&Ask{Now: r.now, LastResort: true})
	c.Breaker = nil
	r.reload(c)
	if _, got := r.begin(r.ask()); got != "a:1" {
		t.Errorf("breaker off: got %s, want a:1", got)
	}
	under.End(breaker.Failure, ms, r.now)
	c.Breaker = breakerSettings()
	r.reload(c)
	if _, got := r.begin(r.ask()); got != "a:1" {
		t.Errorf("breaker on again: got %s, want a:1: it has no memory of before", got)
	}
}

func TestSources(t *testing.T) {
	c := settings("a:1")
	dns, file := SourceConfig{Kind: DNS, Name: "x:1"}, SourceConfig{Kind: File, Name: "f"}
	c.Sources = []SourceConfig{dns, file}
	r := newRig(t, c, 1, "")
	find := func(s SourceConfig, addresses ...string) {
		var found []EndpointConfig
		for _, a := range addresses {
			found = append(found, EndpointConfig{Address: a, Weight: 2})
		}
		r.registry.Update("p", s, found)
	}
	row := func(what, want string) {
		t.Helper()
		if got := names(r.pool); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	row("none yet", "a")
	find(dns, "b:1", "a:1", "c:1")
	row("found", "abc")
	if got := r.registry.Endpoints("p"); len(got) != 3 || got[0].Weight != 1 || got[1].Weight != 2 {
		t.Errorf("a:1 is in the config, too, with weight 1: got %+v", got)
	}
	b := r.pool.Endpoints()[1]
	find(file, "b:1", "d:1")
	row("two sources", "abcd")
	find(dns)
	row("one names nobody any more", "abd")
	if b.Removed() || r.pool.Endpoints()[1] != b {
		t.Error("b:1 is named by the other source: got another endpoint")
	}
	find(SourceConfig{Kind: DNS, Name: "y:1"}, "e:1")
	row("of a source that is not there", "abd")
	c.Sources = []SourceConfig{file, dns} // in another order: what was found stays
	r.reload(c)
	row("reload", "abd")
	c.Sources = []SourceConfig{dns}
	r.reload(c)
	row("the file is gone", "a")
	find(file, "z:1")
	row("a late answer of it", "a")
	c.Sources = []SourceConfig{dns, file}
	r.reload(c)
	row("the file is back, and has said nothing yet", "a")
	r.tick()
	want := []string{"b:1 ->added source x:1", "c:1 ->added source x:1", "d:1 ->added source f", "c:1 ->removed source x:1"}
	if got := r.told(telemetry.KindDiscovery); !reflect.DeepEqual(got, want) {
		t.Errorf("events:\n got %q\nwant %q", got, want)
	}
	var many []string
	for i := range MaxEndpoints + 100 {
		many = append(many, fmt.Sprintf("m%05d:1", i))
	}
	find(dns, many...)
	if n := len(r.pool.Endpoints()); n != MaxEndpoints {
		t.Errorf("%d found: got %d endpoints, want %d", len(many), n, MaxEndpoints)
	}
	r.tick()
	want = []string{" ->added source x:1, 9999 endpoints: m00000:1, m00001:1, m00002:1, ..."}
	if got := r.told(telemetry.KindDiscovery); !reflect.DeepEqual(got, want) {
		t.Errorf("events:\n got %q\nwant %q", got, want)
	}
}

// What is added to a pool that serves warms up; what comes with a new pool does not.
func TestSlowStartOfNewEndpoints(t *testing.T) {
	c := settings("a:1")
	c.SlowStart = 10 * time.Second
	r := newRig(t, c, 1, "")
	c.Endpoints = append(c.Endpoints, EndpointConfig{Address: "b:1", Weight: 1})
	r.reload(c)
	if got := r.state("a:1") + ", " + r.state("b:1"); got != "healthy: ok, warming: slow start, for another 10s" {
		t.Errorf("got %s", got)
	}
}

func TestProbes(t *testing.T) {
	c := settings("a:1", "b:1")
	c.Probed = true
	c.Outlier = &breaker.OutlierSettings{Consecutive: 3, Interval: 10 * time.Second, Ejection: time.Hour, MaxEjection: time.Hour, MaxEjected: 500_000}
	r := newRig(t, c, 1, "")
	states := func(want string) {
		t.Helper()
		r.tick()
		if got := r.state("a:1") + ", " + r.state("b:1"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	states("unprobed: no probe has come back yet, unprobed: no probe has come back yet")
	r.registry.Report("p", "a:1", true, "200")
	r.registry.Report("p", "nobody:1", true, "200")
	states("healthy: ok, unprobed: no probe has come back yet")
	r.registry.Report("p", "a:1", false, "refused")
	states("unhealthy: probe: refused, unprobed: no probe has come back yet")
	r.registry.Report("p", "a:1", false, "timeout")
	states("unhealthy: probe: timeout, unprobed: no probe has come back yet")
	r.registry.Report("p", "a:1", true, "200")
	states("healthy: ok, unprobed: no probe has come back yet")
	// Ejected and open at once, for an hour; sick; then found well: asked again at once.
	r.fail("b:1", 5)
	states("healthy: ok, ejected: consecutive, for another 1h0m0s")
	r.registry.Report("p", "b:1", false, "refused")
	states("healthy: ok, unhealthy: probe: refused")
	r.registry.Report("p", "b:1", true, "200")
	states("healthy: ok, half_open: probe")
	c.Probed = false
	r.registry.Report("p", "a:1", false, "refused")
	r.reload(c)
	states("healthy: ok, half_open: probe")
	want := []string{
		"a:1 unprobed->healthy ok", "a:1 healthy->unhealthy probe: refused", "a:1 unhealthy->healthy ok",
		"b:1 unprobed->ejected consecutive, for another 1h0m0s", "b:1 ejected->unhealthy probe: refused", "b:1 unhealthy->half_open probe",
	}
	if got := r.told(telemetry.KindEndpoint); !reflect.DeepEqual(got, want) {
		t.Errorf("events:\n got %q\nwant %q", got, want)
	}
}

// The pool's own breaker half-opens, too, when a probe finds one of its endpoints well again.
func TestProbesWakeThePool(t *testing.T) {
	c := settings("a:1")
	c.Probed = true
	r := newRig(t, c, 1, "")
	for range 30 {
		a := r.ask()
		a.LastResort = true
		if ticket, _ := r.begin(a); ticket != nil {
			ticket.End(breaker.Failure, ms, r.now)
		}
	}
	r.registry.Report("p", "a:1", false, "refused")
	r.tick()
	if r.pool.Available(r.now) || r.pool.state.breaker.State() != breaker.Open {
		t.Fatalf("all failed: available %v, the pool's breaker %v; want false, open", r.pool.Available(r.now), r.pool.state.breaker.State())
	}
	r.registry.Report("p", "a:1", true, "200")
	r.tick()
	for i := range 3 {
		if !r.pool.Available(r.now) {
			t.Fatalf("found well, trial %d: not available", i)
		}
		ticket, got := r.begin(r.ask())
		if ticket == nil {
			t.Fatalf("found well, trial %d: got %s", i, got)
		}
		ticket.End(breaker.Success, ms, r.now)
	}
	r.tick()
	if got := r.state("a:1"); got != "healthy: ok" || r.pool.state.breaker.State() != breaker.Closed {
		t.Errorf("after its trials: got %q, the pool's breaker %v", got, r.pool.state.breaker.State())
	}
}

// A probe ends one ejection, not those to come.
func TestProbesPardonOnce(t *testing.T) {
	c := settings("a:1", "b:1")
	c.Probed, c.Breaker = true, nil
	c.Outlier = &breaker.OutlierSettings{Consecutive: 3, Interval: time.Minute, Ejection: 2 * time.Second, MaxEjection: time.Minute, MaxEjected: 500_000}
	r := newRig(t, c, 1, "")
	eject := func() {
		t.Helper()
		r.fail("b:1", 3)
		r.tick()
		if s, _ := r.pool.Endpoints()[1].State(r.now); s != Ejected {
			t.Fatalf("after three failures: got %s", r.state("b:1"))
		}
	}
	eject()
	r.registry.Report("p", "b:1", false, "refused")
	r.registry.Report("p", "b:1", true, "200")
	r.tick()
	if got := r.state("b:1"); got != "healthy: ok" {
		t.Errorf("found well: got %s", got)
	}
	r.pass(3 * time.Second) // the ejection would be over
	eject()
}

func TestOutliersAreEjectedAndComeBack(t *testing.T) {
	c := settings(addresses(4)...)
	c.Breaker = nil
	c.Outlier = &breaker.OutlierSettings{Consecutive: 5, Interval: 10 * time.Second, Ejection: 2 * time.Second, MaxEjection: time.Minute, MaxEjected: 500_000}
	r := newRig(t, c, 2, "")
	r.fail("e0002:1", 5)
	r.tick()
	if got := r.shares(1000, nil)["e0002:1"]; got != 0 || !strings.HasPrefix(r.state("e0002:1"), "ejected: consecutive, for another ") {
		t.Errorf("ejected: got %d requests, state %q; want 0", got, r.state("e0002:1"))
	}
	r.pass(3 * time.Second)
	if got := r.state("e0002:1"); got != "healthy: ok" {
		t.Errorf("after its ejection: got %q", got)
	}
}

func TestOutliersBySuccessRate(t *testing.T) {
	c := settings(addresses(6)...)
	c.Breaker = nil
	c.Balance.Kind = RoundRobin
	c.Outlier = &breaker.OutlierSettings{SuccessRate: true, Deviations: 1.9, MinHosts: 5, MinRequests: 100, Interval: 10 * time.Second,
		Ejection: 5 * time.Second, MaxEjection: time.Minute, MaxEjected: 500_000}
	r := newRig(t, c, 2, "")
	for range 250 { // 25 s
		for i := range 60 {
			a := r.ask()
			a.Loop = i % 2
			ticket, address := r.begin(a)
			o := breaker.Success
			if address == "e0004:1" && i%3 == 0 {
				o = breaker.Failure
			}
			ticket.End(o, ms, r.now)
		}
		r.tick()
	}
	got := r.told(telemetry.KindEndpoint)
	if len(got) == 0 || !strings.HasPrefix(got[0], "e0004:1 healthy->ejected success_rate") {
		t.Errorf("one whose rate is far below: got %v", got)
	}
	for _, x := range got {
		if !strings.HasPrefix(x, "e0004:1") {
			t.Errorf("another was ejected, too: %s", x)
		}
	}
}

func TestStatusReadsWell(t *testing.T) {
	c := settings("a:1", "b:1")
	c.Endpoints[0].Zone, c.Endpoints[0].Labels = "eu", map[string]string{"version": "1.2"}
	r := newRig(t, c, 1, "")
	r.pool.Sent(0)
	a := r.ask()
	a.Tried = r.pool.Endpoints()[1:]
	ticket, _ := r.begin(a)
	ticket.End(breaker.Success, 3*ms, r.now)
	r.fail("b:1", 5)
	r.tick()
	text, err := json.MarshalIndent(r.registry.Status(r.now), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"name": "p"`, `"balance": "p2c"`, `"panic": false`, `"requests": 1`, `"zone": "eu"`, `"version": "1.2"`, `"state": "healthy"`, `"reason": "ok"`,
		`"latency_ms": 3`, `"successes": 1`, `"state": "open"`, `"reason": "consecutive, for another `, `"failures": 5`, `"opens": 1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the status has no %s:\n%s", want, text)
		}
	}
	var back []PoolStatus
	if err := json.Unmarshal(text, &back); err == nil && back[0].Endpoints[1].State != BreakerOpen {
		t.Errorf("read back: got state %v", back[0].Endpoints[1].State)
	}
}

func TestEventsAreBounded(t *testing.T) {
	r := NewRegistry(Options{})
	for range maxEvents + 7 {
		r.note(telemetry.Event{})
	}
	if n := len(r.Tick(1)); n != maxEvents || r.Lost() != 7 {
		t.Errorf("%d events: got %d, %d lost; want %d, 7", maxEvents+7, n, r.Lost(), maxEvents)
	}
	if n := len(r.Tick(2)); n != 0 {
		t.Errorf("the next tick: got %d, want 0", n)
	}
}
