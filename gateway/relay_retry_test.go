package gateway_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"graygate/internal/testkit"
)

// An exchange that has left its loop while it waited for the answer is made once more under the same conditions.
func TestRetryInARelay(t *testing.T) {
	row := func(name, request string, end func(*testkit.Conn), wantStatus int, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			gate := make(chan bool)
			var asked atomic.Int32
			handle := func(c *testkit.Conn, r *testkit.Request) {
				if r.URL.Path == "/first" && asked.Add(1) == 1 {
					<-gate
					end(c)
					return
				}
				testkit.Echo("good")(c, r)
			}
			p := testkit.Gateway(t, stableWith("outlier: off, retry: {per_try_timeout: 1s}",
				testkit.Config(testkit.Pool(testkit.Serve(t, handle), testkit.Serve(t, handle)), nil, "")))
			c := testkit.Dial(t, p.Addr)
			c.Send(request)
			testkit.Until(t, "the first attempt", func() bool { return asked.Load() == 1 })
			rest := testkit.Get("/next", "X-Long: "+strings.Repeat("x", 4000))
			many := 1 + 70_000/len(rest)
			c.Send(strings.Repeat(rest, many)) // so much that the pair leaves the loop
			testkit.Until(t, "the exchange to leave the loop", func() bool { return p.Counters().Relays == 1 })
			close(gate)
			got := c.Read("GET")
			if wantCode != "" {
				got.WantStatus(t, wantStatus, wantCode)
				return
			}
			got.WantStatus(t, 200, "")
			if by := got.Header.Get("X-Backend"); by != "good" || seen(t, got).URL.Path != "/first" {
				t.Errorf("got %s to %s, want the first request to be answered by good", by, seen(t, got).URL.Path)
			}
			for range many {
				c.Read("GET").WantStatus(t, 200, "")
			}
			testkit.Until(t, "the retry to be counted", func() bool { return p.Counters().Retries.Sum() == 1 })
			testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
		})
	}
	get, post := testkit.Get("/first"), testkit.Post("/first", "x")
	unavailable := func(c *testkit.Conn) { c.Send(testkit.Answer("503 Service Unavailable", "no")) }
	silence := func(c *testkit.Conn) { _ = c.WaitEnd() }
	row("503", get, unavailable, 0, "")
	row("reset", get, (*testkit.Conn).Reset, 0, "")
	row("silence", get, silence, 0, "")
	row("PUT, 503", testkit.Request11("PUT", "/first", "hello", "Content-Length: 5"), unavailable, 0, "")
	row("POST, reset", post, (*testkit.Conn).Reset, 502, "upstream_closed")
	row("POST, silence", post, silence, 504, "try_timeout")
}

// A hedged attempt that is still being connected when the first one fails takes its place, and the request goes out whole.
func TestHedgeTakesOverWhileDialling(t *testing.T) {
	gate := make(chan bool)
	one := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		<-gate
		c.Reset()
	})
	p := testkit.Gateway(t, stableWith("balance: round_robin, outlier: off, retry: {hedge_after: 5ms}",
		testkit.Config(testkit.Pool(one, testkit.Hanging(t)), nil, "timeouts: {connect: 300ms}\n")))
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Get("/"))
	testkit.Until(t, "the second attempt", func() bool { return p.Counters().Hedges+p.Counters().Retries.Connect >= 1 })
	close(gate)
	got := c.Read("GET")
	if got.StatusCode != 503 && got.StatusCode != 502 {
		t.Errorf("got %d, want 502 or 503", got.StatusCode)
	}
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
	testkit.Until(t, "all connections to be uncounted", func() bool { return connections(p) == 0 })
}
