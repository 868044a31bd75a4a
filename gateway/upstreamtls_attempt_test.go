package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"testing"

	"graygate/internal/testkit"
)

// Connections ahead of requests, retries and hedged attempts go the same way with TLS.
func TestTLSAttempts(t *testing.T) {
	testkit.Leaks(t)
	a := testkit.NewAuthority(t)
	backend := func(handle func(*testkit.Conn, *testkit.Request)) *testkit.Backend {
		return testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(a, tls.VersionTLS13)}, handle)
	}
	start := func(settings string, backends ...*testkit.Backend) *testkit.Proxy {
		return testkit.Gateway(t, stableWith(fmt.Sprintf("breaker: off, outlier: off, tls: {ca_file: %q}, %s", a.File, settings), testkit.Config(backends, nil, "")))
	}

	t.Run("warm", func(t *testing.T) {
		b := backend(testkit.Echo("stable"))
		p := start("connections: {warm: 3}", b)
		testkit.Until(t, "connections ahead of requests", func() bool { return p.Ready() == 3 })
		testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
		if r := b.Seen()[0]; r.Conn > 2 {
			t.Errorf("the request came on connection %d, want one of the first three", r.Conn)
		}
	})

	for name, end := range map[string]func(*testkit.Conn){
		"close_notify": func(c *testkit.Conn) { _ = c.Close() },
		"cut":          (*testkit.Conn).Cut,
		"reset":        (*testkit.Conn).Reset,
		"garbage":      func(c *testkit.Conn) { _, _ = io.WriteString(c.TCPConn, "garbage"); _ = c.WaitEnd() },
		"503":          func(c *testkit.Conn) { c.Send(testkit.Answer("503 Service Unavailable", "")) },
	} {
		t.Run("retry after "+name, func(t *testing.T) {
			bad := backend(func(c *testkit.Conn, r *testkit.Request) { end(c) })
			p := start("balance: round_robin", bad, backend(testkit.Echo("good")))
			c := testkit.Dial(t, p.Addr)
			for n := range 6 {
				if got := c.Do(testkit.Get("/")); got.Header.Get("X-Backend") != "good" {
					t.Fatalf("request %d: got %d %q, want the other endpoint to answer", n, got.StatusCode, got.Header.Get("X-Graygate-Error"))
				}
			}
			if len(bad.Seen()) == 0 {
				t.Error("the bad one was never asked")
			}
		})
	}

	t.Run("hedge", func(t *testing.T) {
		slow := backend(mute)
		p := start("balance: round_robin, retry: {hedge_after: 5ms}", slow, backend(testkit.Echo("good")))
		c := testkit.Dial(t, p.Addr)
		for n := range 6 {
			if got := c.Do(testkit.Get("/")); got.Header.Get("X-Backend") != "good" {
				t.Fatalf("request %d: got %d %q, want the second attempt's answer", n, got.StatusCode, got.Header.Get("X-Graygate-Error"))
			}
		}
		if len(slow.Seen()) == 0 {
			t.Error("the slow one was never asked")
		}
	})
}
