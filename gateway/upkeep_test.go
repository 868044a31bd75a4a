package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"graygate/internal/testkit"
	"graygate/telemetry"
)

// wait takes events until one is as wanted.
func waitEvent(t *testing.T, events <-chan telemetry.Event, what string, is func(telemetry.Event) bool) telemetry.Event {
	t.Helper()
	for {
		e, open := receive(t, events, what)
		if !open {
			t.Fatalf("the stream ended before %s", what)
		}
		if is(e) {
			return e
		}
	}
}

func receive(t *testing.T, events <-chan telemetry.Event, what string) (e telemetry.Event, open bool) {
	t.Helper()
	testkit.Until(t, what, func() bool {
		select {
		case e, open = <-events:
			return true
		default:
			return false
		}
	})
	return e, open
}

// A probe that fails takes its endpoint out, one that succeeds brings it back, and both are told.
func TestProbes(t *testing.T) {
	var ill atomic.Bool
	gray := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/healthz" && ill.Load() {
			c.Send(testkit.Answer("500 Internal Server Error", ""))
			return
		}
		testkit.Echo("gray")(c, r)
	})
	stable := testkit.Serve(t, testkit.Echo("stable"))
	config := grayWith("probe: {http: /healthz, interval: 100ms, unhealthy_interval: 100ms, rise: 1, fall: 1}",
		testkit.Config(testkit.Pool(stable), testkit.Pool(gray), ""))
	p := testkit.Gateway(t, config)
	events := p.Subscribe(100)
	defer events.Close()
	c := testkit.Dial(t, p.Addr)
	by := func() string { return c.Do(testkit.Get("/", "X-Gray-Tag: gray")).Header.Get("X-Backend") }
	testkit.Until(t, "the first good probe", func() bool { return len(p.Probes()) == 1 && p.Upstreams()[0].Endpoints[0].State.String() == "healthy" })
	if got := by(); got != "gray" {
		t.Errorf("with gray well: got %s", got)
	}
	ill.Store(true)
	e := waitEvent(t, events.C, "the endpoint to be unhealthy", func(e telemetry.Event) bool { return e.Kind == telemetry.KindEndpoint && e.To == "unhealthy" })
	if e.Pool != "gray" || e.Endpoint != gray.Addr || e.Reason == "" || e.Time.IsZero() {
		t.Errorf("event: got %+v, want it of gray's endpoint, with time and reason", e)
	}
	if got := by(); got != "stable" {
		t.Errorf("with gray ill: got %s", got)
	}
	p.MustReload(config) // what is known of it stays
	if got := by(); got != "stable" {
		t.Errorf("with gray ill, after a reload: got %s", got)
	}
	ill.Store(false)
	waitEvent(t, events.C, "the endpoint to be well", func(e telemetry.Event) bool {
		return e.Kind == telemetry.KindEndpoint && e.Endpoint == gray.Addr && (e.To == "healthy" || e.To == "warming")
	})
	if got := by(); got != "gray" {
		t.Errorf("with gray well again: got %s", got)
	}
	if text := p.Said.String(); !strings.Contains(text, "to=unhealthy") || !strings.Contains(text, gray.Addr) {
		t.Errorf("the log says nothing of it:\n%s", text)
	}
	p.MustReload(testkit.Config(testkit.Pool(stable), testkit.Pool(gray), ""))
	testkit.Until(t, "the probes to end", func() bool { return len(p.Probes()) == 0 })
}

// A subscriber that does not read loses events and nothing else; streams end with the gateway.
func TestSubscriptions(t *testing.T) {
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(testkit.Refused(t)), nil, ""))
	lazy, gone := p.Subscribe(1), p.Subscribe(1)
	gone.Close()
	gone.Close()
	if _, open := <-gone.C; open {
		t.Error("a stream that was closed: got an event")
	}
	c := testkit.Dial(t, p.Addr)
	testkit.Until(t, "events to be dropped", func() bool {
		c.Do(testkit.Get("/"))
		return lazy.Dropped() > 0
	})
	var many []interface{ Close() }
	for {
		s := p.Subscribe(1)
		if s == nil {
			break
		}
		many = append(many, s)
	}
	if len(many) != 63 {
		t.Errorf("subscribers beside one: got %d, want 63", len(many))
	}
	many[0].Close()
	if s := p.Subscribe(1); s == nil {
		t.Error("with room for one more: got none")
	}
	p.Stop()
	<-lazy.C
	if _, open := <-lazy.C; open {
		t.Error("after the end of the gateway: got an event")
	}
	if s := p.Subscribe(1); s != nil {
		t.Error("a stream of a gateway that has stopped")
	}
}

// Endpoints of a file are there from the first request on, and come and go with the file.
func TestEndpointsFromAFile(t *testing.T) {
	ended := make(chan bool, 1)
	one := testkit.NewBackend(t, func(c *testkit.Conn) {
		for {
			r, err := c.ReadRequest()
			if err != nil {
				ended <- true
				return
			}
			testkit.Echo("one")(c, r)
		}
	})
	other := testkit.Serve(t, testkit.Echo("other"))
	path := filepath.Join(t.TempDir(), "endpoints.yaml")
	write := func(b *testkit.Backend) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte("- "+b.Addr+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(one)
	config := strings.Replace(testkit.Config(nil, nil, ""), "endpoints: []", fmt.Sprintf("endpoints: [{file: %s}]", path), 1)
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	if got := c.Do(testkit.Get("/")); got.Header.Get("X-Backend") != "one" {
		t.Errorf("the first request: got %d by %q", got.StatusCode, got.Header.Get("X-Backend"))
	}
	write(other)
	testkit.Until(t, "the other endpoint to be asked", func() bool { return c.Do(testkit.Get("/")).Header.Get("X-Backend") == "other" })
	testkit.Receive(t, "the end of the connection to the first", ended)
	if got := p.Sources(); len(got) != 1 || got[0].Endpoints != 1 {
		t.Errorf("sources: got %+v, want one of one endpoint", got)
	}
	p.MustReload(config)
	if got := c.Do(testkit.Get("/")); got.Header.Get("X-Backend") != "other" {
		t.Errorf("after a reload: got %d by %q", got.StatusCode, got.Header.Get("X-Backend"))
	}
}

// A machine that is saturated refuses requests early, says so, and takes them again when it is told not to look.
func TestOverload(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	config := testkit.Config(testkit.Pool(b), nil, "overload: {memory: 0.01%}\n") // any machine is
	p := testkit.Gateway(t, config)
	events := p.Subscribe(100)
	defer events.Close()
	testkit.Until(t, "a request to be refused", func() bool {
		got := testkit.Do(t, p.Addr, testkit.Get("/"))
		if got.StatusCode == 200 {
			return false
		}
		got.WantStatus(t, 503, "overload")
		if got.Header.Get("Retry-After") == "" {
			t.Error("503: got no Retry-After")
		}
		return true
	})
	waitEvent(t, events.C, "the overload to be told", func(e telemetry.Event) bool {
		return e.Kind == telemetry.KindOverload && e.To == "on" && e.Reason == "memory"
	})
	testkit.Until(t, "the refusals to be counted", func() bool { return p.Counters().Shed > 0 })
	if status, watched := p.Load(); !watched || status.Saturated != "memory" {
		t.Errorf("load: got %+v, %v", status, watched)
	}
	p.MustReload(testkit.Config(testkit.Pool(b), nil, ""))
	waitEvent(t, events.C, "its end to be told", func(e telemetry.Event) bool { return e.Kind == telemetry.KindOverload && e.To == "off" })
	c := testkit.Dial(t, p.Addr)
	for range 20 {
		c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	}
	p.MustReload(config)
	waitEvent(t, events.C, "it to be told again", func(e telemetry.Event) bool { return e.Kind == telemetry.KindOverload && e.To == "on" })
}

// A pool that keeps failing is left alone, and asked again when it is well.
func TestBreakerOpensAndCloses(t *testing.T) {
	var ill atomic.Bool
	ill.Store(true)
	gray := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if ill.Load() {
			c.Send(testkit.Answer("500 Internal Server Error", ""))
			return
		}
		testkit.Echo("gray")(c, r)
	})
	stable := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, grayWith("outlier: off, breaker: {open: 100ms, consecutive: 5}", testkit.Config(testkit.Pool(stable), testkit.Pool(gray), "")))
	c := testkit.Dial(t, p.Addr)
	failures := 0
	for range 100 {
		if c.Do(testkit.Get("/", "X-Gray-Tag: gray")).StatusCode == 500 {
			failures++
		}
	}
	if failures == 0 || failures > 50 {
		t.Errorf("of 100 requests for a pool that always fails: got %d failures, want some and 50 at most", failures)
	}
	ill.Store(false)
	testkit.Until(t, "gray to be asked again", func() bool {
		return c.Do(testkit.Get("/", "X-Gray-Tag: gray")).Header.Get("X-Backend") == "gray"
	})
	testkit.Until(t, "its breaker to be closed", func() bool {
		c.Do(testkit.Get("/", "X-Gray-Tag: gray"))
		return p.Upstreams()[0].Endpoints[0].State.String() == "healthy"
	})
}
