package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"testing"

	"graygate/internal/testkit"
)

// How a stream ends decides what an answer is worth: only close_notify says that nothing was cut off.
func TestTLSEnds(t *testing.T) {
	const head, cutHead = "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Be"
	body := string(pattern(40_000))
	long := string(pattern(2 << 20))
	in, cut := (*testkit.Conn).Close, func(c *testkit.Conn) error { c.Cut(); return nil }
	reset := func(c *testkit.Conn) error { c.Reset(); return nil }
	garbage := func(c *testkit.Conn) error {
		_, _ = io.WriteString(c.TCPConn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_ = c.WaitEnd()
		return nil
	}
	forged := func(c *testkit.Conn) error { // a record that looks well, and is not by who has the keys
		_, _ = c.TCPConn.Write(append([]byte{23, 3, 3, 0, 100}, pattern(100)...))
		_ = c.WaitEnd()
		return nil
	}
	tooLong := func(c *testkit.Conn) error {
		_, _ = c.TCPConn.Write([]byte{23, 3, 3, 0xff, 0xff})
		_ = c.WaitEnd()
		return nil
	}
	half := func(c *testkit.Conn) error { // within a record
		_, _ = c.TCPConn.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
		c.Cut()
		return nil
	}
	row := func(name, answer string, end func(*testkit.Conn) error, want string) {
		t.Helper()
		for _, request := range []string{testkit.Get("/"), testkit.Post("/", string(pattern(2<<20))), testkit.Request11("POST", "/", "3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked")} {
			t.Run(fmt.Sprintf("%s/%d", name, len(request)), func(t *testing.T) {
				eachVersion(t, func(t *testing.T, version uint16) {
					p, _ := secured(version, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						c.Send(answer)
						_ = end(c)
					}, "timeouts: {body: 5s, response_head: 5s}\n")
					c := testkit.Dial(t, p.Addr)
					c.Send(request)
					got, err := c.TryRead(request[:4])
					switch {
					case want == "cut" && err == nil:
						t.Errorf("got %d and %d bytes that look whole, want them cut off", got.StatusCode, len(got.Text))
					case want == "cut":
					case err != nil:
						t.Errorf("got %v, want %s", err, want)
					case want == "whole" && (got.StatusCode != 200 || got.Text != answer[len(head):]):
						t.Errorf("got %d and %d bytes, want them whole", got.StatusCode, len(got.Text))
					case want != "whole" && got.Header.Get("X-Graygate-Error") != want:
						t.Errorf("got %d %q, want %s", got.StatusCode, got.Header.Get("X-Graygate-Error"), want)
					}
					spare := int64(0)
					if len(request) > 1<<20 {
						spare = 1 // it leaves for a relay while the loop connects, and the relay does not wait for that
					}
					testkit.Until(t, "its connections to be taken off", func() bool { return connections(p) <= spare })
					if got := p.Counters().Panics; got != 0 {
						t.Errorf("panics: got %d", got)
					}
				})
			})
		}
	}
	row("until close, close_notify", head+body, in, "whole")
	row("until close, long, close_notify", head+long, in, "whole")
	row("until close, without close_notify", head+body, cut, "cut")
	row("until close, long, without close_notify", head+long, cut, "cut")
	row("until close, within a record", head+body, half, "cut")
	row("until close, reset", head+body, reset, "cut")
	row("until close, garbage", head+body, garbage, "cut")
	row("until close, long, garbage", head+long, garbage, "cut")
	row("until close, forged", head+body, forged, "cut")
	row("until close, a record that is too long", head+body, tooLong, "cut")
	row("within the body, close_notify", "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"+body, in, "cut")
	row("within the body, forged", "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"+body, forged, "cut")
	row("no answer, close_notify", "", in, "upstream_closed")
	row("no answer, without", "", cut, "upstream_closed")
	row("no answer, within a record", "", half, "upstream_closed")
	row("no answer, garbage", "", garbage, "upstream_tls")
	row("no answer, forged", "", forged, "upstream_tls")
	row("half a head, close_notify", cutHead, in, "upstream_closed")
	row("half a head, forged", cutHead, forged, "upstream_tls")
}

// An answer of known length is whole without close_notify, and its connection is not used again.
func TestTLSLengthAndCut(t *testing.T) {
	p, b := secured(tls.VersionTLS13, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send(testkit.Answer("200 OK", "ok"))
		c.Cut()
	}, "")
	c := testkit.Dial(t, p.Addr)
	for n := range 5 {
		if got := c.Do(testkit.Get("/")); got.Text != "ok" {
			t.Errorf("request %d: got %d %q", n, got.StatusCode, got.Text)
		}
	}
	if got := len(b.Seen()); got < 5 {
		t.Errorf("requests seen: got %d, want 5", got)
	}
}

// A kept connection that the endpoint ends, in whatever way, costs a request nothing.
func TestTLSKeptConnectionEnds(t *testing.T) {
	for name, end := range map[string]func(*testkit.Conn){"close_notify": func(c *testkit.Conn) { _ = c.Close() }, "cut": (*testkit.Conn).Cut, "reset": (*testkit.Conn).Reset} {
		t.Run(name, func(t *testing.T) {
			p, b := secured(tls.VersionTLS13, nil)(t, testkit.OK("ok"), "")
			c := testkit.Dial(t, p.Addr)
			for n := range 20 {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
				conns := b.Conns()
				end(conns[len(conns)-1])
				if n%2 == 0 { // else the next request may come before its end
					testkit.Until(t, "the connection to be dropped", func() bool { return connections(p) == 0 })
				}
			}
		})
	}
}

// A gateway that closes a connection says so.
func TestTLSTakesLeave(t *testing.T) {
	ended := make(chan error, 2)
	p, _ := secured(tls.VersionTLS13, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.Send(testkit.Answer("200 OK", "bye", "Connection: close"))
		_, err := io.Copy(io.Discard, c.TLS)
		ended <- err // nil: close_notify has come
		c.Cut()
	}, "")
	for _, request := range []string{testkit.Get("/"), testkit.Post("/", string(pattern(2<<20)))} {
		testkit.Do(t, p.Addr, request).WantStatus(t, 200, "")
		if err := testkit.Receive(t, "the end", ended); err != nil {
			t.Errorf("after %d bytes: got %v, want close_notify", len(request), err)
		}
	}
}

// A tunnel that is cut off is not passed on as one that has ended.
func TestTLSTunnelCut(t *testing.T) {
	row := func(name string, end func(*testkit.Conn), wantSent bool) {
		t.Run(name, func(t *testing.T) {
			sent := make(chan error, 1)
			p, _ := secured(tls.VersionTLS13, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout\r\nConnection: Upgrade\r\n\r\nhello")
				end(c)
				if wantSent { // half-closed: the other direction goes on
					text, err := io.ReadAll(c.TLS)
					if string(text) != "still there" {
						err = fmt.Errorf("got %q, %v", text, err)
					}
					sent <- err
				}
			}, "")
			c := testkit.Dial(t, p.Addr)
			c.Send(testkit.Get("/", "Connection: Upgrade", "Upgrade: shout"))
			if got, err := c.Head("GET"); err != nil || got.StatusCode != 101 {
				t.Fatalf("got %v, %v, want 101", got, err)
			}
			if got, _ := c.ReadAll(); got != "hello" {
				t.Errorf("got %q, want hello", got)
			}
			if wantSent {
				c.Send("still there")
				_ = c.CloseWrite()
				if err := testkit.Receive(t, "the other direction's end", sent); err != nil {
					t.Error(err)
				}
			}
			testkit.Until(t, "the tunnel to be gone", func() bool { return p.Connections() == 0 && connections(p) == 0 })
		})
	}
	row("cut", (*testkit.Conn).Cut, false)
	row("half-closed", func(c *testkit.Conn) { _ = c.TLS.CloseWrite() }, true)
}
