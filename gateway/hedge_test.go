package gateway_test

import (
	"io"
	"sync/atomic"
	"testing"

	"graygate/internal/testkit"
)

// A second attempt beside one that does not answer: the first to answer wins, the other is cancelled and blamed for nothing.
func TestHedge(t *testing.T) {
	gate := make(chan bool)
	slow := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-gate
		testkit.Echo("slow")(c, r)
	})
	quick := testkit.Serve(t, testkit.Echo("quick"))
	p := testkit.Gateway(t, stableWith("balance: round_robin, outlier: off, retry: {hedge_after: 10ms}", testkit.Config(testkit.Pool(slow, quick), nil, "")))
	c := testkit.Dial(t, p.Addr)
	for n := range 6 {
		got := c.Do(testkit.Request11("PUT", "/", "hello", "Content-Length: 5"))
		if got.Header.Get("X-Backend") != "quick" || got.Header.Get("X-Body-Sum") != testkit.Sum([]byte("hello")) {
			t.Errorf("request %d: got %d by %q with the body's sum %s, want that of quick", n, got.StatusCode, got.Header.Get("X-Backend"), got.Header.Get("X-Body-Sum"))
		}
	}
	testkit.Until(t, "the hedged attempts to be counted", func() bool { k := p.Counters(); return k.Hedges >= 3 && k.HedgesWon == k.Hedges })
	testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
	for _, e := range p.Upstreams()[0].Endpoints {
		if e.Failures != 0 {
			t.Errorf("failures of %s: got %d, want none", e.Address, e.Failures)
		}
	}
	close(gate)
}

// What must not be sent twice is not.
func TestNoHedgeForPOST(t *testing.T) {
	gate := make(chan bool)
	handle := func(c *testkit.Conn, r *testkit.Request) {
		<-gate
		testkit.Echo("stable")(c, r)
	}
	one, other := testkit.Serve(t, handle), testkit.Serve(t, handle)
	p := testkit.Gateway(t, stableWith("retry: {hedge_after: 1ms}", testkit.Config(testkit.Pool(one, other), nil, "")))
	post, get := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	post.Send(testkit.Post("/post", "x"))
	testkit.Until(t, "the POST to be upstream", func() bool { return len(one.Seen())+len(other.Seen()) == 1 })
	get.Send(testkit.Get("/get")) // its second attempt comes later than one of the POST would have
	testkit.Until(t, "the second attempt of the GET", func() bool { return len(one.Seen())+len(other.Seen()) == 3 })
	close(gate)
	post.Read("POST").WantStatus(t, 200, "")
	get.Read("GET").WantStatus(t, 200, "")
}

// The first attempt may win, fail, or never have been connected while the second is under way; the client may go.
func TestHedgeEnds(t *testing.T) {
	row := func(name string, first, second func(*testkit.Conn, *testkit.Request), wantBackend string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			began := make(chan bool, 2)
			var step atomic.Int32
			handle := func(c *testkit.Conn, r *testkit.Request) {
				began <- true
				if step.Add(1) == 1 {
					first(c, r)
				} else {
					second(c, r)
				}
			}
			one, other := testkit.Serve(t, handle), testkit.Serve(t, handle)
			p := testkit.Gateway(t, stableWith("outlier: off, retry: {hedge_after: 5ms}", testkit.Config(testkit.Pool(one, other), nil, "")))
			c := testkit.Dial(t, p.Addr)
			c.Send(testkit.Get("/"))
			testkit.Receive(t, "the first attempt", began)
			testkit.Receive(t, "the second attempt", began)
			if wantBackend == "" {
				c.Close()
			} else if got := c.Read("GET"); got.StatusCode != 200 || got.Header.Get("X-Backend") != wantBackend {
				t.Errorf("got %d by %q, want 200 by %s", got.StatusCode, got.Header.Get("X-Backend"), wantBackend)
			}
			testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
		})
	}
	release := make(chan bool, 1)
	row("the first fails", func(c *testkit.Conn, r *testkit.Request) { c.Reset(); release <- true },
		func(c *testkit.Conn, r *testkit.Request) { <-release; testkit.Echo("second")(c, r) }, "second")
	row("the second fails", func(c *testkit.Conn, r *testkit.Request) { <-release; testkit.Echo("first")(c, r) },
		func(c *testkit.Conn, r *testkit.Request) { c.Reset(); release <- true }, "first")
	row("the client goes", mute, mute, "")
}
