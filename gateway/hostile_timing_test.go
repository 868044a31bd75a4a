package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// TestResetIsNoEnd has an answer whose end is that of the connection be reset while the request still goes up. The kernel tells of a reset
// once, to whoever asks first: if that is the writer, the reader sees what looks like an end in order.
func TestResetIsNoEnd(t *testing.T) {
	for _, row := range []struct{ name, request string }{
		{"relay", testkit.Request11("POST", "/", "", "Content-Length: 100000000")},
		{"loop", testkit.Request11("POST", "/", "", "Transfer-Encoding: chunked")},
	} {
		t.Run(row.name, func(t *testing.T) {
			reset := make(chan bool)
			b := testkit.NewBackend(t, func(c *testkit.Conn) {
				_ = c.SetReadBuffer(4096)
				if _, err := c.ReadRequest(); err != nil {
					return
				}
				c.Send("HTTP/1.1 200 OK\r\n\r\nbegun")
				<-reset
				c.Reset()
			})
			p := testkit.Gateway(t, stableWith("breaker: off, outlier: off", testkit.Config(testkit.Pool(b), nil, "timeouts: {body: 5s}\n")))
			piece := strings.Repeat("x", 16<<10)
			if row.name == "loop" {
				piece = "1\r\nx\r\n"
			}
			for range 60 {
				c := testkit.Dial(t, p.Addr)
				c.Send(row.request)
				r, err := c.Head("POST")
				if err != nil {
					t.Fatalf("head: %v", err)
				}
				if _, err := io.ReadFull(r.Body, make([]byte, len("begun"))); err != nil {
					t.Fatalf("body: %v", err)
				}
				sent := make(chan bool)
				go func() {
					defer close(sent)
					for c.TrySend(piece) == nil {
					}
				}()
				reset <- true
				if rest, err := io.ReadAll(r.Body); err == nil {
					t.Fatalf("the answer: got whole with %q behind its beginning, want broken off", rest)
				}
				_ = c.Close()
				testkit.Receive(t, "the end of the sending", sent)
			}
		})
	}
}

// TestIdleGarbage has a backend send something on a connection that waits between requests, just before the next request comes. What it
// sent is never the answer to that, whatever it looks like.
func TestIdleGarbage(t *testing.T) {
	for _, garbage := range []string{"x", "\r\n", testkit.Answer("200 OK", "poison"), "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"} {
		t.Run(fmt.Sprintf("%.12q", garbage), func(t *testing.T) {
			conns := make(chan *testkit.Conn, 1)
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send(testkit.Answer("200 OK", r.RequestURI))
				if strings.HasPrefix(r.RequestURI, "/first") {
					conns <- c
				}
			})
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
			c := testkit.Dial(t, p.Addr)
			for n := range 30 {
				for _, path := range []string{"/first", "/second"} {
					path = fmt.Sprintf("%s-%d", path, n)
					if got := c.Do(testkit.Get(path)); got.Text != path {
						t.Fatalf("%s: got %d %q, want %q", path, got.StatusCode, got.Text, path)
					}
					if strings.HasPrefix(path, "/first") {
						testkit.Receive(t, "the connection", conns).Send(garbage)
					}
				}
			}
		})
	}
}

// TestHeadTrickle has a backend send a head, or interim answers, without end: the head has one deadline, not one for each byte.
func TestHeadTrickle(t *testing.T) {
	const most = 2 * time.Second
	for _, row := range []struct{ name, piece string }{{"head", "x"}, {"interim", "HTTP/1.1 100 Continue\r\n\r\n"}} {
		b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			if row.name == "head" {
				c.Send("HTTP/1.1 200 OK\r\nX: ")
			}
			for tick := time.NewTicker(60 * time.Millisecond); ; <-tick.C {
				if _, err := io.WriteString(c.TCPConn, row.piece); err != nil {
					break
				}
			}
			_ = c.Close()
		})
		p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "timeouts: {response_head: 500ms}\n"))
		for _, request := range []string{testkit.Get("/"), testkit.Post("/", megabytes)} {
			began := time.Now()
			got := outcome(send(t, p, request), "POST")
			if took := time.Since(began); got != "504 upstream_timeout" || took > most {
				t.Errorf("%s %.10q: got %s after %v, want 504 upstream_timeout within %v", row.name, request, got, took, most)
			}
		}
	}
}

// send sends a text on a connection of its own.
func send(t *testing.T, p *testkit.Proxy, text string) *testkit.Client {
	t.Helper()
	c := testkit.Dial(t, p.Addr)
	c.Send(text)
	return c
}

// TestKeptConnectionClosesInRelay has a kept connection end when the request that met it has left the loop already, for all that its
// client sends behind it: it is asked for once more, as it would be on the loop.
func TestKeptConnectionClosesInRelay(t *testing.T) {
	flood := strings.Repeat(testkit.Get("/flood"), 2<<10)
	for _, row := range []struct {
		name, request, answer, want string
		seen                        int
	}{
		{"idempotent", testkit.Get("/again"), "", "200 again", 2},
		{"not idempotent", testkit.Post("/again", "x"), "", "502 upstream_closed", 1},
		{"half a head", testkit.Get("/again"), "HTTP/1.1 2", "502 upstream_closed", 1},
		{"interim", testkit.Get("/again"), "HTTP/1.1 103 x\r\n\r\n", "502 upstream_closed", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			relayed := make(chan bool)
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				switch {
				case r.RequestURI == "/flood": // the test is over
					_ = c.Close()
				case r.RequestURI == "/again" && c.N == 0:
					<-relayed
					c.Send(row.answer)
					_ = c.Close()
				default:
					c.Send(testkit.Answer("200 OK", r.RequestURI[1:]))
				}
			})
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
			c := testkit.Dial(t, p.Addr)
			c.Do(testkit.Get("/first")).WantStatus(t, 200, "")
			c.Send(row.request)
			go func() { _ = c.TrySend(flood) }()
			testkit.Until(t, "the exchange to leave the loop", func() bool { return p.Counters().Relays > 0 })
			close(relayed)
			if got := outcome(c, "GET"); got != row.want {
				t.Errorf("answer: got %s, want %s", got, row.want)
			}
			seen := 0
			for _, r := range b.Seen() {
				if r.RequestURI == "/again" {
					seen++
				}
			}
			if seen != row.seen {
				t.Errorf("at the backend: got the request %d times, want %d", seen, row.seen)
			}
		})
	}
}

// TestPanicAtDeadline has all of many deadlines that pass in one turn of the clock end in a panic: each costs the connection that it belongs to, and
// none of the others goes without its deadline for it.
func TestPanicAtDeadline(t *testing.T) {
	const many = 5
	release := make(chan bool)
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		<-release
	})
	t.Cleanup(func() { close(release) })
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "timeouts: {response_head: 500ms, idle: 500ms}\n"))
	p.Said.ExpectPanic()
	idle := testkit.Dial(t, p.Addr)
	idle.Do("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").WantStatus(t, 400, "bad_upgrade")
	var clients []*testkit.Client
	for range many {
		clients = append(clients, send(t, p, testkit.Get("/")))
	}
	testkit.Until(t, "the requests to arrive", func() bool { return len(b.Seen()) == many })
	p.BreakAnswers()
	for _, c := range clients {
		c.WantClosed()
	}
	testkit.Until(t, "the panics to be counted", func() bool { return p.Counters().Panics == many })
	testkit.Until(t, "all to be gone", func() bool { return p.Connections() == 0 })
}
