package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// Beyond max_connections: 503 and closed; the others go on, and who leaves makes room.
func TestConnectionCap(t *testing.T) {
	const most = 10
	b := testkit.Serve(t, testkit.Echo("stable"))
	config := func(n int) string {
		return strings.Replace(testkit.Config(testkit.Pool(b), nil, ""), "{address: "+testkit.Listen+"}", fmt.Sprintf("{address: %s, max_connections: %d}", testkit.Listen, n), 1)
	}
	p := testkit.Gateway(t, config(most))
	fill := func(n int) (in []*testkit.Client) {
		for range n {
			c := testkit.Dial(t, p.Addr)
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			in = append(in, c)
		}
		return in
	}
	refused := func() {
		t.Helper()
		for range 5 {
			c := testkit.Dial(t, p.Addr)
			got := c.Read("GET") // it is told without being asked
			got.WantStatus(t, 503, "too_many_connections")
			if got.Header.Get("Retry-After") == "" || !got.Close {
				t.Errorf("refusal: got %v, want Retry-After and close", got.Header)
			}
			c.WantClosed()
			_ = c.Close()
		}
	}
	in := fill(most)
	for range 2 { // a limit is tested twice
		refused()
		for _, c := range in {
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
		}
		for _, c := range in[:3] {
			_ = c.Close()
		}
		testkit.Until(t, "three to be gone", func() bool { return p.Connections() == most-3 })
		in = append(in[3:], fill(3)...)
	}
	refused()
	if got := p.Refused(); got != 15 {
		t.Errorf("refused: got %d, want 15", got)
	}
	// A connection in a relay counts, and gives its place back.
	big := strings.Repeat("x", 3_000_000)
	in[0].Do(testkit.Post("/", big)).WantStatus(t, 200, "")
	refused()
	in[0].Do(testkit.Get("/")).WantStatus(t, 200, "")
	p.MustReload(config(most + 1))
	in = append(in, fill(1)...)
	refused()
	p.MustReload(config(most - 5))
	for _, c := range in { // those that are in stay in
		c.Do(testkit.Get("/")).WantStatus(t, 200, "")
		_ = c.Close()
	}
	testkit.Until(t, "all to be gone", func() bool { return p.Connections() == 0 })
	_ = fill(most - 5)
	refused()
	if !strings.Contains(p.Said.String(), "max_connections") {
		t.Errorf("the log says nothing of max_connections")
	}
}

// Connections that come and go, in every way, give back what they took: descriptors, goroutines, places.
func TestChurn(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/long" {
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
			_ = c.WaitEnd()
			_ = c.Close()
			return
		}
		testkit.Echo("stable")(c, r)
	})
	config := testkit.Config(testkit.Pool(b), nil, "loops: 2\ntimeouts: {body: 500ms}\n")
	p := testkit.Gateway(t, strings.Replace(config, "stable: {", "stable: {breaker: off, ", 1)) // /long is a failure of the endpoint
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	testkit.Until(t, "a steady state", func() bool { return p.Connections() == 1 })
	for range 60 {
		for _, request := range []string{"", "GET / HT", testkit.Get("/"), testkit.Get("/", "Connection: close"), "nonsense\r\n\r\n", testkit.Get("/long"),
			testkit.Request11("POST", "/", "half", "Content-Length: 10"), upgradeRequest()} {
			c := testkit.Dial(t, p.Addr)
			c.Send(request)
			if strings.HasSuffix(request, "\r\n\r\n") {
				_, _ = c.Head("GET")
			}
			_ = c.Close()
		}
	}
	testkit.Until(t, "all to be gone but one", func() bool { return p.Connections() == 1 })
	c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	// Of upstream connections at most as many as were in use at once may be kept; here requests came one after another, or nearly so.
	testkit.Until(t, "the upstream connections to be few", func() bool {
		open := 0
		for _, c := range b.Conns() {
			if !peerHasClosed(c) {
				open++
			}
		}
		return open < 20
	})
}
