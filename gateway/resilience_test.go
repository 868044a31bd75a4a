package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// failing answers with a status and says by whom.
func failing(status string, name string) func(*testkit.Conn, *testkit.Request) {
	return func(c *testkit.Conn, r *testkit.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.Send(testkit.Answer(status, "by "+name, "X-Backend: "+name))
	}
}

// mute reads requests and never answers.
func mute(c *testkit.Conn, r *testkit.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = c.WaitEnd()
}

// inFlight is what all endpoints and pools say is under way at them.
func inFlight(p *testkit.Proxy) (n int64) {
	for _, pool := range p.Upstreams() {
		n += pool.InFlight
		for _, e := range pool.Endpoints {
			n += e.InFlight
		}
	}
	return n
}

// connections is what all endpoints say of their connections.
func connections(p *testkit.Proxy) (n int64) {
	for _, pool := range p.Upstreams() {
		for _, e := range pool.Endpoints {
			n += e.Connections
		}
	}
	return n
}

// An answer whose status is listed is not passed on while another endpoint can be asked, and passed on whole when none can.
func TestRetryOnStatus(t *testing.T) {
	row := func(name, first, settings, request string, wantStatus int, wantBackend string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			bad := testkit.Serve(t, failing(first, "bad"))
			good := testkit.Serve(t, testkit.Echo("good"))
			p := testkit.Gateway(t, stableWith("breaker: off, outlier: off, balance: round_robin, "+settings, testkit.Config(testkit.Pool(bad, good), nil, "")))
			c := testkit.Dial(t, p.Addr)
			bads := 0
			for n := range 4 { // in turn: at least every other one meets the bad one first
				got := c.Do(request)
				if by := got.Header.Get("X-Backend"); by == "bad" {
					bads++
					got.WantStatus(t, wantStatus, "")
					if got.Text != "by bad" {
						t.Errorf("request %d: got the body %q, want it whole", n, got.Text)
					}
				}
			}
			if met := bads > 0; met != (wantBackend == "bad") {
				t.Errorf("answers of the bad one: got %d of 4, want %s to answer what it is asked first", bads, wantBackend)
			}
			met := uint64(len(bad.Seen()))
			if met == 0 {
				t.Error("the bad one was never asked")
			}
			if wantBackend == "bad" {
				met = 0
			}
			testkit.Until(t, fmt.Sprintf("%d retries to be counted", met), func() bool { k := p.Counters(); return k.Requests == 4 && k.Retries.Status == met })
		})
	}
	get, post := testkit.Get("/"), testkit.Post("/", "hello")
	row("503", "503 Service Unavailable", "retry: on", get, 503, "good")
	row("503, PUT with a body", "503 Service Unavailable", "retry: on", testkit.Request11("PUT", "/", "hello", "Content-Length: 5"), 503, "good")
	row("503, POST", "503 Service Unavailable", "retry: on", post, 503, "bad")
	row("503, retry off", "503 Service Unavailable", "retry: off", get, 503, "bad")
	row("500 is not listed", "500 Internal Server Error", "retry: on", get, 500, "bad")
	row("500 is listed", "500 Internal Server Error", "retry: {on: [500]}", get, 500, "good")
	row("429 is listed", "429 Too Many Requests", "retry: {on: [429]}", get, 429, "good")
}

// When nobody else can be asked the answer goes through, once, as it is.
func TestRetryOnStatusOfAll(t *testing.T) {
	one, other := testkit.Serve(t, failing("503 Service Unavailable", "one")), testkit.Serve(t, failing("503 Service Unavailable", "other"))
	p, log := logged(t, testkit.Pool(one, other), nil, "")
	got := testkit.Do(t, p.Addr, testkit.Get("/"))
	got.WantStatus(t, 503, "")
	if !strings.HasPrefix(got.Text, "by ") {
		t.Errorf("body: got %q, want that of an endpoint", got.Text)
	}
	wantLine(t, log.Wait(1)[0], map[string]any{"status": 503, "attempts": 2, "error": nil})
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
}

// An endpoint that does not answer within the per-try time-out is left for another one; where nobody is left, or the request
// must not be sent twice, the client hears of it.
func TestPerTryTimeout(t *testing.T) {
	row := func(name string, pool []*testkit.Backend, request string, wantStatus int, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p := testkit.Gateway(t, stableWith("balance: round_robin, breaker: off, outlier: off, retry: {per_try_timeout: 60ms}", testkit.Config(pool, nil, "")))
			c := testkit.Dial(t, p.Addr)
			for range 2 {
				began := time.Now()
				got := c.Do(request)
				if wantStatus != 0 && len(pool) == 1 || got.StatusCode != 200 {
					got.WantStatus(t, wantStatus, wantCode)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("took %v, want about 60 ms", took)
				}
			}
			testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
		})
	}
	dumb, good := testkit.Serve(t, mute), testkit.Serve(t, testkit.Echo("good"))
	row("another one answers", testkit.Pool(dumb, good), testkit.Get("/"), 0, "")
	row("nobody else", testkit.Pool(dumb), testkit.Get("/"), 504, "try_timeout")
	row("POST", testkit.Pool(dumb), testkit.Post("/", "x"), 504, "try_timeout")
}

// What is retried after it was sent comes out of the budget: with it used up the failure is the client's to see.
func TestRetryBudget(t *testing.T) {
	bad, good := testkit.Serve(t, failing("503 Service Unavailable", "bad")), testkit.Serve(t, testkit.Echo("good"))
	p := testkit.Gateway(t, stableWith("balance: round_robin, breaker: off, outlier: off, retry: {budget: 1%}", testkit.Config(testkit.Pool(bad, good), nil, "")))
	c := testkit.Dial(t, p.Addr)
	const requests = 400
	refused := 0
	for range requests {
		if c.Do(testkit.Get("/")).StatusCode == 503 {
			refused++
		}
	}
	testkit.Until(t, "the retries to be counted", func() bool { return p.Counters().Requests == requests })
	retries := p.Counters().Retries.Status
	if met := uint64(len(bad.Seen())); retries == 0 || refused == 0 || retries+uint64(refused) != met {
		t.Errorf("of %d that met the bad one: got %d retried and %d passed on, want some of both and all of them", met, retries, refused)
	}
}

// From gray to stable: when gray cannot be asked, and when what it says is to be retried and it has nobody left. Never the
// other way unless the route says so.
func TestFallback(t *testing.T) {
	row := func(name, route string, stable, gray []*testkit.Backend, request, wantBackend, wantCode, wantTag string, wantFallback any) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			log := testkit.NewAccessLog(t)
			config := testkit.Config(stable, gray, log.YAML())
			config = strings.Replace(config, "    gray: gray\n", "    gray: gray\n"+route, 1)
			p := testkit.Gateway(t, config)
			c := testkit.Dial(t, p.Addr)
			for n := range 3 {
				got := c.Do(request)
				if wantBackend == "" {
					if got.Header.Get("X-Graygate-Error") != wantCode {
						t.Errorf("request %d: got %d %q, want %q", n, got.StatusCode, got.Header.Get("X-Graygate-Error"), wantCode)
					}
				} else {
					got.WantStatus(t, 200, "")
					up := seen(t, got)
					if by, tag := got.Header.Get("X-Backend"), strings.Join(up.Header["X-Gray-Tag"], "|"); by != wantBackend || tag != wantTag {
						t.Errorf("request %d: got %s with X-Gray-Tag %q, want %s with %q", n, by, tag, wantBackend, wantTag)
					}
				}
				wantLine(t, log.Wait(n + 1)[n], map[string]any{"fallback": wantFallback})
			}
			fallbacks := uint64(0) // those that the other pool has answered: a fallback that fails is none
			if wantFallback == true && wantBackend != "" {
				fallbacks = 3
			}
			testkit.Until(t, "the requests to be counted", func() bool { c := p.Counters(); return c.Answered+c.Local+c.Cut == 3 })
			if got := p.Counters().Fallbacks; got != fallbacks {
				t.Errorf("fallbacks: got %d, want %d", got, fallbacks)
			}
			testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
		})
	}
	good := func(name string) []*testkit.Backend { return testkit.Pool(testkit.Serve(t, testkit.Echo(name))) }
	bad := func() []*testkit.Backend {
		return testkit.Pool(testkit.Serve(t, failing("503 Service Unavailable", "bad")))
	}
	toGray, toStable := testkit.Get("/", "X-Gray-Tag: gray"), testkit.Get("/")
	resets := func() []*testkit.Backend {
		return testkit.Pool(testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) { c.Reset() }))
	}
	dead := func() []*testkit.Backend { return testkit.Pool(testkit.Refused(t)) }
	row("gray says 503", "", good("stable"), bad(), toGray, "stable", "", "stable", true)
	row("gray resets", "", good("stable"), resets(), toGray, "stable", "", "stable", true)
	row("gray resets, POST", "", good("stable"), resets(), testkit.Post("/", "x", "X-Gray-Tag: gray"), "", "upstream_closed", "", nil)
	row("gray refuses, off", "    fallback: off\n", good("stable"), dead(), toGray, "", "no_endpoint", "", nil)
	row("stable refuses", "", dead(), good("gray"), toStable, "", "no_endpoint", "", nil)
	row("stable refuses, both", "    fallback: both\n", dead(), good("gray"), toStable, "gray", "", "gray", true)
	row("both refuse", "", dead(), dead(), toGray, "", "no_endpoint", "", true)
	row("gray refuses, both", "    fallback: both\n", good("stable"), dead(), toGray, "stable", "", "stable", true)
}

// Clients and backends of every temper, with everything on: in the end nothing is in flight, no connection is counted that is
// not there, and no limit is held.
func TestTicketsEndOnce(t *testing.T) {
	backends := testkit.Pool(testkit.Serve(t, obey), testkit.Serve(t, obey), testkit.Refused(t))
	config := stableWith("breaker: off, outlier: off, retry: {per_try_timeout: 200ms, hedge_after: 3ms, on: [connect, reset, timeout, 503]}, connections: {max: 6, in_flight: 4, queue: 200, queue_timeout: 2s, requests: 20, age: 1s}",
		testkit.Config(backends, nil, "loops: 2\ntimeouts: {head: 30s, body: 30s, response_head: 30s, idle: 30s}\n"))
	config = strings.Replace(config, "{name: all, stable: stable}", "{name: all, stable: stable, concurrency: {limit: 1000, by: ip}}", 1)
	p := testkit.Gateway(t, config)
	tempers := append(append([]string{}, fair...), foul...)
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			for round := range 30 {
				how := tempers[(n*7+round)%len(tempers)]
				o := order{method: []string{"GET", "POST", "HEAD"}[round%3], name: fmt.Sprintf("%d.%d", n, round), how: how,
					size: []int{0, 1000, 70_000, 1_500_000}[(n+round)%4], chunked: round%2 == 0}
				if o.method == "POST" {
					o.upload = []int{1, 60_000, 200_000, 1_200_000}[(n+round/3)%4]
				}
				c := testkit.Dial(t, p.Addr)
				sent := make(chan struct{})
				go func() { defer close(sent); _ = c.TrySend(o.text()) }()
				if round%5 != 4 { // else it leaves at once
					_, _ = c.TryRead(o.method)
				}
				c.Close()
				<-sent
			}
		})
	}
	all.Wait()
	testkit.Until(t, "all clients to be gone", func() bool { return p.Connections() == 0 })
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
	for _, b := range backends {
		b.Close()
	}
	testkit.Until(t, "all connections to be uncounted", func() bool { return connections(p) == 0 })
	if held := p.Held(); held != 0 {
		t.Errorf("the route's limit of requests in flight: got %d held, want 0", held)
	}
	if got := p.Counters(); got.Panics != 0 || got.Retries.Sum() == 0 || got.Hedges == 0 || got.Queued == 0 || got.Relays == 0 {
		t.Errorf("got %+v, want no panic, and retries, hedges, relays and some that were queued", got)
	}
}
