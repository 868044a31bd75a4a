package gateway_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// gated answers when it is let: each request waits for one word.
func gated(gate chan bool) func(*testkit.Conn, *testkit.Request) {
	return func(c *testkit.Conn, r *testkit.Request) {
		<-gate
		testkit.Echo("gated")(c, r)
	}
}

// withRoute adds settings to the one route of a config that testkit.Config has made without a gray pool.
func withRoute(more, config string) string {
	return strings.Replace(config, "{name: all, stable: stable}", "{name: all, stable: stable, "+more+"}", 1)
}

// A client that asks too often is told so, and when to come back; another one is served.
func TestRateLimit(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	config := withRoute("rate_limit: {rate: 1/m, burst: 3, by: userid}",
		testkit.Config(testkit.Pool(b), nil, "attributes: {userid: {from: [header X-User-Id]}}\n"))
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	ask := func(user string, want int) {
		t.Helper()
		got := c.Do(testkit.Get("/", "X-User-Id: "+user))
		if want == 200 {
			got.WantStatus(t, 200, "")
			return
		}
		got.WantStatus(t, 429, "rate_limited")
		wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60 {
			t.Errorf("Retry-After: got %q, want 1 to 60", got.Header.Get("Retry-After"))
		}
		if policy := got.Header.Get("RateLimit-Policy"); policy != `"all";q=1;w=60` {
			t.Errorf("RateLimit-Policy: got %s", policy)
		}
		if limit, want := got.Header.Get("RateLimit"), fmt.Sprintf(`"all";r=0;t=%d`, wait); limit != want {
			t.Errorf("RateLimit: got %s, want %s", limit, want)
		}
	}
	for range 3 {
		ask("one", 200)
	}
	ask("one", 429)
	ask("one", 429) // on the same connection: it stays open
	ask("other", 200)
	p.MustReload(config + "# the same limits\n")
	ask("one", 429) // they are not forgotten
	p.MustReload(strings.Replace(config, "burst: 3", "burst: 4", 1))
	ask("one", 200)
	testkit.Until(t, "the refusals to be counted", func() bool { return p.Counters().Limited == 3 })
	if got := len(b.Seen()); got != 5 {
		t.Errorf("requests upstream: got %d, want 5", got)
	}
}

// As many requests of a client as may be are in flight; one more is refused, and one that ends makes room.
func TestConcurrencyLimit(t *testing.T) {
	gate := make(chan bool)
	b := testkit.Serve(t, gated(gate))
	p := testkit.Gateway(t, withRoute("concurrency: {limit: 2, by: userid}",
		testkit.Config(testkit.Pool(b), nil, "attributes: {userid: {from: [header X-User-Id]}}\n")))
	one := testkit.Get("/", "X-User-Id: one")
	var inside []*testkit.Client
	for range 2 {
		c := testkit.Dial(t, p.Addr)
		c.Send(one)
		inside = append(inside, c)
	}
	testkit.Until(t, "both to be upstream", func() bool { return len(b.Seen()) == 2 })
	got := testkit.Do(t, p.Addr, one)
	got.WantStatus(t, 503, "too_many_requests_in_flight")
	if got.Header.Get("Retry-After") == "" {
		t.Error("503: got no Retry-After")
	}
	gate <- true
	other := testkit.Dial(t, p.Addr)
	other.Send(testkit.Get("/", "X-User-Id: other"))
	testkit.Until(t, "the other client to be upstream", func() bool { return len(b.Seen()) == 3 })
	testkit.Until(t, "one to have left", func() bool { return p.Held() == 2 })
	for _, c := range inside { // one of them has been answered; the other leaves by going
		c.Close()
	}
	testkit.Until(t, "both to have left", func() bool { return p.Held() == 1 })
	third := testkit.Dial(t, p.Addr)
	third.Send(one)
	testkit.Until(t, "the third to be upstream", func() bool { return len(b.Seen()) == 4 })
	close(gate)
	third.Read("GET").WantStatus(t, 200, "")
	other.Read("GET").WantStatus(t, 200, "")
	testkit.Until(t, "all to have left", func() bool { return p.Held() == 0 })
}

// An adaptive limit is there, is kept over a reload, and lets a healthy load through.
func TestAdaptiveLimit(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	config := withRoute("concurrency: {limit: auto, max: 100}", testkit.Config(testkit.Pool(b), nil, "loops: 2\n"))
	p := testkit.Gateway(t, config)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := testkit.Dial(t, p.Addr)
			for range 200 {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
		})
	}
	p.MustReload(config)
	all.Wait()
	testkit.Until(t, "all to have left", func() bool { return p.Held() == 0 })
}

// Requests for a pool whose endpoints are as busy as they may be wait, in order, within the bounds of number and time.
func TestQueue(t *testing.T) {
	gate := make(chan bool)
	b := testkit.Serve(t, gated(gate))
	p := testkit.Gateway(t, stableWith("connections: {in_flight: 1, queue: 2, queue_timeout: 20s}", testkit.Config(testkit.Pool(b), nil, "")))
	ask := func(path string) *testkit.Client {
		c := testkit.Dial(t, p.Addr)
		c.Send(testkit.Get(path))
		return c
	}
	queued := func(n uint64) {
		t.Helper()
		testkit.Until(t, fmt.Sprintf("%d to be queued", n), func() bool { return p.Counters().Queued == n })
	}
	first := ask("/first")
	testkit.Until(t, "the first to be upstream", func() bool { return len(b.Seen()) == 1 })
	second := ask("/second")
	queued(1)
	third := ask("/third")
	queued(2)
	testkit.Do(t, p.Addr, testkit.Get("/fourth")).WantStatus(t, 503, "endpoints_full")
	second.Close() // it stands in the middle: who goes leaves no hole
	testkit.Until(t, "the second to be gone", func() bool { return p.Connections() == 2 })
	fifth := ask("/fifth")
	queued(3)
	for _, c := range []*testkit.Client{first, third, fifth} {
		gate <- true
		c.Read("GET").WantStatus(t, 200, "")
	}
	var paths []string
	for _, r := range b.Seen() {
		paths = append(paths, r.URL.Path)
	}
	if got := strings.Join(paths, " "); got != "/first /third /fifth" {
		t.Errorf("order upstream: got %s", got)
	}
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
}

func TestQueueTimeout(t *testing.T) {
	gate := make(chan bool)
	b := testkit.Serve(t, gated(gate))
	p := testkit.Gateway(t, stableWith("connections: {in_flight: 1, queue: 2, queue_timeout: 50ms}", testkit.Config(testkit.Pool(b), nil, "")))
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Get("/"))
	testkit.Until(t, "the first to be upstream", func() bool { return len(b.Seen()) == 1 })
	for range 2 { // the same exchange is used again
		testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 503, "queue_timeout")
	}
	// The same in a relay, where a long body makes it wait.
	testkit.Do(t, p.Addr, testkit.Request11("PUT", "/", strings.Repeat("x", 200_000), "Content-Length: 200000")).WantStatus(t, 503, "queue_timeout")
	close(gate)
	c.Read("GET").WantStatus(t, 200, "")
}

// Requests whose bodies are long wait in relays. They are among those that may wait, and do so no longer than others: neither can
// they pile up beside the queue, nor begin their time anew by sending more.
func TestQueueCountsRelays(t *testing.T) {
	gate := make(chan bool)
	b := testkit.Serve(t, gated(gate))
	gray := testkit.Serve(t, gated(gate))
	bound := "connections: {in_flight: 1, queue: 1, queue_timeout: 20s}"
	p := testkit.Gateway(t, grayWith(bound, stableWith(bound, testkit.Config(testkit.Pool(b), testkit.Pool(gray), "loops: 2\n"))))
	ask := func(text string) *testkit.Client {
		c := testkit.Dial(t, p.Addr)
		c.Send(text)
		return c
	}
	upload := func(method string, fields ...string) string {
		return testkit.Request11(method, "/", strings.Repeat("x", 200_000), append(fields, "Content-Length: 200000")...)
	}
	first := ask(testkit.Get("/"))
	testkit.Until(t, "the first to be upstream", func() bool { return len(b.Seen()) == 1 })
	for i, method := range []string{"PUT", "POST"} { // the place is free again each time
		relays := p.Counters().Relays
		long := ask(upload(method))
		testkit.Until(t, "the long one to wait", func() bool { return p.Counters().Queued == uint64(i+1) && p.Counters().Relays > relays })
		testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 503, "endpoints_full")
		testkit.Do(t, p.Addr, upload("PUT")).WantStatus(t, 503, "endpoints_full")
		gate <- true
		first.Read("GET").WantStatus(t, 200, "")
		first = long
		testkit.Until(t, "the long one to be upstream", func() bool { return len(b.Seen()) == i+2 })
	}
	gate <- true
	first.Read("POST").WantStatus(t, 200, "")
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })

	// One that waits for gray and then goes to stable leaves its place behind.
	grays := ask(testkit.Get("/", "X-Gray-Tag: gray"))
	testkit.Until(t, "one to be at gray", func() bool { return len(gray.Seen()) == 1 })
	stables := ask(testkit.Get("/", "X-Gray-Tag: gray"))
	testkit.Until(t, "one to be at stable", func() bool { return len(b.Seen()) == 4 })
	before := p.Counters().Queued
	long := ask(upload("PUT", "X-Gray-Tag: gray"))
	testkit.Until(t, "one to wait", func() bool { return p.Counters().Queued == before+1 })
	testkit.Do(t, p.Addr, testkit.Get("/", "X-Gray-Tag: gray")).WantStatus(t, 503, "endpoints_full")
	close(gate)
	for _, c := range []*testkit.Client{grays, stables, long} {
		c.Read("GET").WantStatus(t, 200, "")
	}
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
}

// No more connections than may be, over all loops, and nobody starves for it.
func TestConnectionsLimit(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, stableWith("connections: {max: 2, queue: 100, queue_timeout: 10s}", testkit.Config(testkit.Pool(b), nil, "loops: 2\n")))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := testkit.Dial(t, p.Addr)
			for range 100 { // long enough for a loop that has none to be starved by the other
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
		})
	}
	all.Wait()
	if got := connections(p); got > 2 {
		t.Errorf("connections: got %d, want 2 at most", got)
	}
}

// A connection ends after as many requests as it may serve.
func TestConnectionRequests(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, stableWith("connections: {requests: 3}", testkit.Config(testkit.Pool(b), nil, "")))
	c := testkit.Dial(t, p.Addr)
	for range 9 {
		c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	}
	if got := len(b.Conns()); got != 3 {
		t.Errorf("connections for 9 requests: got %d, want 3", got)
	}
}

// An idle connection does not grow older than it may, and no more are kept than may be.
func TestConnectionAgeAndIdle(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, stableWith("connections: {age: 1s}", testkit.Config(testkit.Pool(b), nil, "")))
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
	testkit.Until(t, "the old connection to be closed", func() bool { return connections(p) == 0 })

	gate := make(chan bool)
	g := testkit.Serve(t, gated(gate))
	p = testkit.Gateway(t, stableWith("connections: {idle: 1}", testkit.Config(testkit.Pool(g), nil, "")))
	var clients []*testkit.Client
	for range 3 {
		c := testkit.Dial(t, p.Addr)
		c.Send(testkit.Get("/"))
		clients = append(clients, c)
	}
	testkit.Until(t, "all three to be upstream", func() bool { return len(g.Seen()) == 3 })
	close(gate)
	for _, c := range clients {
		c.Read("GET").WantStatus(t, 200, "")
	}
	testkit.Until(t, "all but one to be closed", func() bool { return connections(p) == 1 })
}

// Connections are there before requests are, and are there again when they were closed.
func TestWarmUp(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, stableWith("connections: {warm: 3}", testkit.Config(testkit.Pool(b), nil, "")))
	testkit.Until(t, "three connections", func() bool { return p.Ready() == 3 })
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
	if r := b.Seen()[0]; r.Conn > 2 {
		t.Errorf("the first request came on connection %d, want one of the first three", r.Conn)
	}
	_ = b.Conns()[0].Close()
	testkit.Until(t, "a fourth in place of the one that was closed", func() bool { return len(b.Conns()) >= 4 && connections(p) == 3 })
}

// How long a client takes to send its request is not the endpoint's doing, on the loop and in a relay.
func TestSlowUploadIsNotLatency(t *testing.T) {
	row := func(name string, length int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.Serve(t, testkit.Echo("stable"))
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
			c := testkit.Dial(t, p.Addr)
			body := strings.Repeat("x", length)
			c.Send(testkit.Request11("POST", "/", body[:length-1], fmt.Sprintf("Content-Length: %d", length)))
			testkit.Until(t, "the head to be upstream", func() bool { return inFlight(p) > 0 })
			began, ticks := time.Now(), p.Ticks()
			testkit.Until(t, "two ticks", func() bool { return p.Ticks() >= ticks+2 })
			paused := time.Since(began)
			c.Send("x")
			c.Read("POST").WantStatus(t, 200, "")
			total := time.Since(began)
			testkit.Until(t, "the attempt to have ended", func() bool { return inFlight(p) == 0 })
			if got, most := p.Upstreams()[0].Endpoints[0].Latency, float64((total-paused)/time.Microsecond)/1000; got <= 0 || got > most {
				t.Errorf("latency: got %v ms, want no more than the %v ms since the request was whole", got, most)
			}
		})
	}
	row("loop", 10)
	row("relay", 2_000_000)
}
