package gateway_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"graygate/internal/testkit"
)

// A kept connection that the upstream closes just when the next request comes: that request is sent once more, on a new
// connection, if that can do no harm.
func TestKeptConnectionCloses(t *testing.T) {
	row := func(name, request string, backends int, end func(*testkit.Conn), wantStatus int, wantCode string, wantSeen int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			served := map[string]int{}
			handle := func(c *testkit.Conn, r *testkit.Request) {
				mu.Lock()
				served[r.URL.Path]++
				mu.Unlock()
				if r.N == 0 { // the first of each connection
					testkit.Echo("stable")(c, r)
				} else {
					_, _ = io.Copy(io.Discard, r.Body)
					end(c)
				}
			}
			var pool []*testkit.Backend
			for range backends {
				pool = append(pool, testkit.Serve(t, handle))
			}
			p, log := logged(t, pool, nil, "")
			c := testkit.Dial(t, p.Addr)
			for range backends { // one kept connection to each
				c.Do(testkit.Get("/first")).WantStatus(t, 200, "")
			}
			c.Send(request)
			got := c.Read("GET")
			got.WantStatus(t, wantStatus, wantCode)
			mu.Lock()
			defer mu.Unlock()
			if served["/again"] != wantSeen {
				t.Errorf("the request came to an upstream %d times, want %d", served["/again"], wantSeen)
			}
			last := log.Wait(backends + 1)[backends]
			if wantStatus == 200 {
				wantLine(t, last, map[string]any{"status": 200, "error": nil})
			} else {
				wantLine(t, last, map[string]any{"status": wantStatus, "error": wantCode})
			}
		})
	}
	closes := func(c *testkit.Conn) { _ = c.Close() }
	half := func(c *testkit.Conn) {
		c.Send("HTTP/1.1 200 OK\r\nConte")
		_ = c.Close()
	}
	row("GET", testkit.Get("/again"), 1, closes, 200, "", 2)
	row("GET, reset", testkit.Get("/again"), 1, (*testkit.Conn).Reset, 200, "", 2)
	row("GET, two endpoints", testkit.Get("/again"), 2, closes, 200, "", 2)
	row("PUT with a body", testkit.Request11("PUT", "/again", "hello", "Content-Length: 5"), 1, closes, 200, "", 2)
	row("PUT chunked", testkit.Request11("PUT", "/again", "5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 1, closes, 200, "", 2)
	row("POST", testkit.Post("/again", "hello"), 1, closes, 502, "upstream_closed", 1)
	row("POST, two endpoints", testkit.Post("/again", "hello"), 2, closes, 502, "upstream_closed", 1)
	row("PATCH", testkit.Request11("PATCH", "/again", ""), 1, closes, 502, "upstream_closed", 1)
	row("an unknown method", testkit.Request11("BREW", "/again", ""), 1, closes, 502, "upstream_closed", 1)
	row("GET, half a head", testkit.Get("/again"), 1, half, 502, "upstream_closed", 1)
	row("GET, reset behind half a head", testkit.Get("/again"), 1, func(c *testkit.Conn) {
		c.Send("HTTP/1.1 200 OK\r\nConte")
		testkit.Until(t, "the half to arrive", func() bool { return unsentTo(c) == 0 })
		c.Reset()
	}, 502, "upstream_closed", 1)
}

// The body that was too long to be kept is not sent again, whatever the method.
func TestLongRequestIsNotSentAgain(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.N == 0 {
			testkit.Echo("stable")(c, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = c.Close()
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/"))
	c.Do(testkit.Request11("PUT", "/", strings.Repeat("x", 300_000), "Content-Length: 300000")).WantStatus(t, 502, "upstream_closed")
	if got := len(b.Seen()); got != 2 {
		t.Errorf("requests upstream: got %d, want 2", got)
	}
}

// A new connection that is closed without an answer is no accident of timing: another endpoint is asked, once each, then 502.
func TestNewConnectionCloses(t *testing.T) {
	closes := func(c *testkit.Conn, r *testkit.Request) { _ = c.Close() }
	p, log := logged(t, testkit.Pool(testkit.Serve(t, closes), testkit.Serve(t, closes)), nil, "")
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/")).WantStatus(t, 502, "upstream_closed")
	wantLine(t, log.Wait(1)[0], map[string]any{"status": 502, "attempts": 2})
}

// An upstream that was stopped and started again between two requests is no reason for an error, for any method: the old
// connection's end was there to see before anything was sent.
func TestRestartedUpstream(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("old"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Post("/", "x")).WantStatus(t, 200, "")
	b.Close()
	testkit.NewBackendAt(t, b.Addr, func(c *testkit.Conn) {
		for {
			r, err := c.ReadRequest()
			if err != nil {
				return
			}
			testkit.Echo("new")(c, r)
		}
	})
	if got := c.Do(testkit.Post("/", "y")); got.StatusCode != 200 || got.Header.Get("X-Backend") != "new" {
		t.Errorf("POST after the restart: got %d %q, want 200 by the new one", got.StatusCode, got.Text)
	}
}

// Refused connections: other endpoints of the pool, then the stable pool, then 503.
func TestRefusedEndpoints(t *testing.T) {
	row := func(name string, liveStable, deadStable, liveGray, deadGray int, request, wantBackend, wantTag string, wantLog map[string]any) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			pool := func(name string, dead, live int) (list []*testkit.Backend) {
				for range dead {
					list = append(list, testkit.Refused(t))
				}
				for range live {
					list = append(list, testkit.Serve(t, testkit.Echo(name)))
				}
				return list
			}
			stable, gray := pool("stable", deadStable, liveStable), pool("gray", deadGray, liveGray)
			log := testkit.NewAccessLog(t)
			p := testkit.Gateway(t, testkit.Config(stable, gray, log.YAML()))
			c := testkit.Dial(t, p.Addr)
			for n := range 6 { // with the round robin every endpoint is first at some time; later the breakers are open
				got := c.Do(request)
				if wantBackend == "" {
					got.WantStatus(t, 503, "no_endpoint")
					if retry := got.Header.Get("Retry-After"); retry == "" {
						t.Errorf("503: got no Retry-After")
					}
				} else {
					got.WantStatus(t, 200, "")
					up := seen(t, got)
					if by, tag := got.Header.Get("X-Backend"), strings.Join(up.Header["X-Gray-Tag"], "|"); by != wantBackend || tag != wantTag {
						t.Errorf("request %d: got %s with X-Gray-Tag %q, want %s with %q", n, by, tag, wantBackend, wantTag)
					}
					if sum := got.Header.Get("X-Body-Sum"); strings.HasPrefix(request, "POST") && sum != testkit.Sum([]byte("hello")) {
						t.Errorf("request %d: the body arrived as another", n)
					}
				}
				wantLine(t, log.Wait(n + 1)[n], wantLog)
			}
		})
	}
	get, post := testkit.Get("/"), testkit.Post("/", "hello")
	toGray, postGray := testkit.Get("/", "X-Gray-Tag: gray"), testkit.Post("/", "hello", "X-Gray-Tag: gray")
	row("one of three stable lives", 1, 2, 1, 0, get, "stable", "stable", map[string]any{"status": 200, "tag": "stable", "fallback": nil, "error": nil})
	row("one of three stable lives, POST", 1, 2, 1, 0, post, "stable", "stable", map[string]any{"status": 200, "tag": "stable", "fallback": nil})
	row("one of three gray lives", 1, 0, 1, 2, toGray, "gray", "gray", map[string]any{"status": 200, "tag": "gray", "pool": "gray", "fallback": nil})
	row("gray is dead", 1, 0, 0, 2, toGray, "stable", "stable", map[string]any{"status": 200, "tag": "gray", "pool": "stable", "fallback": true, "error": nil})
	row("gray is dead, POST", 1, 0, 0, 1, postGray, "stable", "stable", map[string]any{"status": 200, "tag": "gray", "pool": "stable", "fallback": true})
	row("gray and most of stable are dead", 1, 3, 0, 4, toGray, "stable", "stable", map[string]any{"status": 200, "tag": "gray", "fallback": true})
	row("stable is dead", 0, 2, 1, 0, get, "", "", map[string]any{"status": 503, "error": "no_endpoint", "tag": "stable", "fallback": nil})
	row("stable is dead, gray is asked", 0, 2, 1, 0, toGray, "gray", "gray", map[string]any{"status": 200, "tag": "gray"})
	row("all are dead", 0, 1, 0, 1, toGray, "", "", map[string]any{"status": 503, "error": "no_endpoint", "tag": "gray", "fallback": true})
}

// A gray endpoint that closes a kept connection is asked again itself: this is no reason to leave the gray pool.
func TestKeptConnectionClosesInGray(t *testing.T) {
	stable := testkit.Serve(t, testkit.Echo("stable"))
	gray := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.N > 0 {
			_ = c.Close()
			return
		}
		testkit.Echo("gray")(c, r)
	})
	p, log := logged(t, testkit.Pool(stable), testkit.Pool(gray), "")
	c := testkit.Dial(t, p.Addr)
	for n := range 4 {
		got := c.Do(testkit.Get("/", "X-Gray-Tag: gray"))
		if got.Header.Get("X-Backend") != "gray" || seen(t, got).Header.Get("X-Gray-Tag") != "gray" {
			t.Errorf("request %d: got %d by %s, want 200 by gray", n, got.StatusCode, got.Header.Get("X-Backend"))
		}
		wantLine(t, log.Wait(n + 1)[n], map[string]any{"status": 200, "tag": "gray", "fallback": nil})
	}
}

// retry: off asks one endpoint only; a gray pool still falls back.
func TestRetryOff(t *testing.T) {
	log := testkit.NewAccessLog(t)
	config := testkit.Config(testkit.Pool(testkit.Refused(t), testkit.Refused(t)), testkit.Pool(testkit.Refused(t)), log.YAML())
	p := testkit.Gateway(t, stableWith("retry: off, breaker: off", config))
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 503, "no_endpoint")
	wantLine(t, log.Wait(1)[0], map[string]any{"attempts": 1})
	testkit.Do(t, p.Addr, testkit.Get("/", "X-Gray-Tag: gray")).WantStatus(t, 503, "no_endpoint")
	wantLine(t, log.Wait(2)[1], map[string]any{"attempts": 2, "fallback": true})
}
