package gateway_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// Draining: nobody new is taken, who waits is sent away, what is under way ends and says good-bye, and then it is over.
func TestDrain(t *testing.T) {
	gate := make(chan struct{})
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/long" {
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n")
			testkit.Receive(t, "the drain to begin", gate)
			c.Send(strings.Repeat("x", 3_000_000))
			return
		}
		if r.URL.Path == "/slow" {
			testkit.Receive(t, "the drain to begin", gate)
		}
		testkit.Echo("stable")(c, r)
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	idle, busy, slow, long, half, silent := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	idle.Do(testkit.Get("/")).WantStatus(t, 200, "")
	busy.Do(testkit.Get("/")).WantStatus(t, 200, "")
	slow.Send(testkit.Get("/slow"))
	long.Send(testkit.Get("/long"))
	half.Send("GET / HTTP/1.1\r\nHost:")
	testkit.Until(t, "all to be upstream, the long one in a relay", func() bool { return len(b.Seen()) == 4 && p.Counters().Relays == 1 && p.Connections() == 6 })
	drained := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	go func() {
		p.Drain(ctx)
		close(drained)
	}()
	testkit.Until(t, "the listener to be closed", func() bool { return !accepts(p.Addr) })
	if err := p.TryReload(testkit.Config(testkit.Pool(b), nil, "")); err == nil || !strings.Contains(err.Error(), "draining") {
		t.Errorf("reload: got %v, want an error that says why", err)
	}
	wantLast := func(name string, got *testkit.Response) {
		t.Helper()
		if got.StatusCode != 200 || !got.Close {
			t.Errorf("%s: got %d close=%v, want 200 and close=true", name, got.StatusCode, got.Close)
		}
	}
	wantLast("one that asks again at once", busy.Do(testkit.Get("/")))
	busy.WantClosed()
	half.Send(" h\r\n\r\n")
	wantLast("one whose head was half there", half.Read("GET"))
	idle.WantClosed()
	silent.WantClosed()
	select {
	case <-drained:
		t.Error("the drain ended before the requests did")
	default:
	}
	close(gate)
	wantLast("one that waited for its answer", slow.Read("GET"))
	_ = slow.Close()
	if got := long.Read("GET"); len(got.Text) != 3_000_000 {
		t.Errorf("one that was in a relay: got %d and %d bytes, want all", got.StatusCode, len(got.Text))
	}
	long.WantClosed()
	_ = long.Close()
	testkit.Receive(t, "the drain to end", drained)
	p.Stop() // a second time does no harm
	p.Drain(ctx)
}

// A drain whose time is up cuts what is left: requests that are waited for, bodies half-way, on the loop and in relays.
func TestDrainEndsByItsBound(t *testing.T) {
	row := func(name string, end func(p *testkit.Proxy)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				if r.URL.Path == "/half" {
					c.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
				}
				if r.URL.Path == "/long" {
					c.Send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nhalf")
				}
				_ = c.WaitEnd()
				_ = c.Close()
			})
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "loops: 2\n"))
			var clients []*testkit.Client
			for _, request := range []string{
				testkit.Get("/"), testkit.Get("/half"), testkit.Get("/long"), "GET / HTT",
				testkit.Request11("POST", "/", "half", "Content-Length: 10"), testkit.Request11("POST", "/", strings.Repeat("x", 200_000), "Content-Length: 10000000"),
			} {
				c := testkit.Dial(t, p.Addr)
				c.Send(request)
				clients = append(clients, c)
			}
			testkit.Until(t, "all to be under way", func() bool { return len(b.Seen()) == 5 && p.Counters().Relays == 2 && p.Connections() == 6 })
			began := time.Now()
			end(p)
			if took := time.Since(began); took > 1500*time.Millisecond {
				t.Errorf("took %v", took)
			}
			for i, c := range clients {
				if _, err := c.ReadAll(); err != nil {
					if ne, ok := err.(net.Error); ok && ne.Timeout() {
						t.Errorf("client %d: got open, want closed", i)
					}
				}
			}
		})
	}
	row("stop", func(p *testkit.Proxy) { p.Stop() })
	row("drain", func(p *testkit.Proxy) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		p.Drain(ctx)
	})
	row("stop in a drain", func(p *testkit.Proxy) {
		drained := make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			p.Drain(ctx)
			close(drained)
		}()
		p.Stop()
		cancel()
		<-drained
	})
}
