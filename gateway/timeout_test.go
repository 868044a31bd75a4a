package gateway_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// An endpoint that cannot be reached costs its connect time-out; then it goes on as with a refused one, however long the request is:
// a long one waits in a relay.
func TestConnectTimeout(t *testing.T) {
	row := func(name string, deadStable bool, body, field, wantBackend string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			stable := testkit.Pool(testkit.Serve(t, testkit.Echo("stable")))
			if deadStable {
				stable = testkit.Pool(testkit.Hanging(t))
			}
			log := testkit.NewAccessLog(t)
			p := testkit.Gateway(t, testkit.Config(stable, testkit.Pool(testkit.Hanging(t)), log.YAML()+"timeouts: {connect: 300ms}\n"))
			c := testkit.Dial(t, p.Addr)
			began := time.Now()
			got := c.Do(testkit.Post("/", body, field))
			if wantBackend == "" {
				got.WantStatus(t, 503, "no_endpoint")
				wantLine(t, log.Wait(1)[0], map[string]any{"status": 503, "error": "no_endpoint"})
			} else {
				got.WantStatus(t, 200, "")
				if tag := seen(t, got).Header.Get("X-Gray-Tag"); got.Header.Get("X-Backend") != wantBackend || tag != "stable" || got.Header.Get("X-Body-Sum") != testkit.Sum([]byte(body)) {
					t.Errorf("got %s with X-Gray-Tag %s and %s bytes, want %s with stable and the same %d", got.Header.Get("X-Backend"), tag, got.Header.Get("X-Body-Length"), wantBackend, len(body))
				}
				wantLine(t, log.Wait(1)[0], map[string]any{"status": 200, "fallback": true, "tag": "gray", "pool": "stable", "attempts": 2})
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			if took := time.Since(began); took < 250*time.Millisecond || took > 5*time.Second {
				t.Errorf("a time-out of 300 ms: took %v", took)
			}
			if took := log.Lines()[0]["duration_ms"].(float64); took < 250 || took > 1800 {
				t.Errorf("access log, duration_ms: got %v, want about 300 or 600, without the time for the rest of the request to be thrown away", took)
			}
		})
	}
	long := string(pattern(2_000_000))
	row("short", false, "hello", "X-Gray-Tag: gray", "stable")
	row("long", false, long, "X-Gray-Tag: gray", "stable")
	row("short, nobody left", true, "hello", "X-Gray-Tag: gray", "")
	row("long, nobody left", true, long, "X-Gray-Tag: gray", "")
	row("long, only stable", true, long, "X: y", "")
}

func TestUpstreamTimeouts(t *testing.T) {
	hang := func(first string) func(*testkit.Conn, *testkit.Request) {
		return func(c *testkit.Conn, r *testkit.Request) {
			if r.URL.Path == "/fine" {
				testkit.OK("fine")(c, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			c.Send(first)
			_ = c.WaitEnd()
			_ = c.Close()
		}
	}
	const short = "timeouts: {response_head: 300ms, body: 300ms}\n"
	row := func(name, first, request string, wantStatus int, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.Serve(t, hang(first))
			p, log := logged(t, testkit.Pool(b), nil, short)
			c := testkit.Dial(t, p.Addr)
			c.Do(testkit.Get("/fine")).WantStatus(t, 200, "") // so that the connection is a kept one
			began := time.Now()
			c.Send(request)
			if wantStatus == 200 { // begun: it can only be cut
				head, err := c.Head("GET")
				if err != nil || head.StatusCode != 200 {
					t.Fatalf("head: got %v, %v", head, err)
				}
				if _, err := io.ReadAll(head.Body); err == nil {
					t.Errorf("the body: got an end in order, want a cut")
				}
				wantLine(t, log.Wait(2)[1], map[string]any{"status": 200, "error": wantCode, "cut": true})
			} else {
				c.Read("GET").WantStatus(t, wantStatus, wantCode)
				wantLine(t, log.Wait(2)[1], map[string]any{"status": wantStatus, "error": wantCode})
			}
			if took := time.Since(began); took < 250*time.Millisecond || took > 5*time.Second {
				t.Errorf("a time-out of 300 ms: took %v", took)
			}
			if got := len(b.Seen()); got != 2 {
				t.Errorf("requests upstream: got %d, want 2 (what timed out is not asked again)", got)
			}
		})
	}
	long := strings.Repeat("x", 200_000)
	row("no answer", "", testkit.Get("/"), 504, "upstream_timeout")
	row("no answer to a POST", "", testkit.Post("/", "x"), 504, "upstream_timeout")
	row("no answer to a long POST", "", testkit.Post("/", strings.Repeat(long, 20)), 504, "upstream_timeout")
	row("half a head", "HTTP/1.1 200 OK\r\nConte", testkit.Get("/"), 504, "upstream_timeout")
	row("half a head to a long POST", "HTTP/1.1 200 OK\r\nConte", testkit.Post("/", strings.Repeat(long, 20)), 504, "upstream_timeout")
	row("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", testkit.Get("/"), 200, "upstream_stalled")
	row("a part of a long body", "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"+long, testkit.Get("/"), 200, "upstream_stalled")
	row("half of chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", testkit.Get("/"), 200, "upstream_stalled")
	row("until close", "HTTP/1.1 200 OK\r\n\r\nhello", testkit.Get("/"), 200, "upstream_stalled")
}

// An upstream that takes a connection and reads nothing of a long upload.
func TestUpstreamDoesNotRead(t *testing.T) {
	b := testkit.NewBackend(t, func(c *testkit.Conn) {
		testkit.Until(t, "the gateway to give up", func() bool { return peerHasClosed(c) })
	})
	p, log := logged(t, testkit.Pool(b), nil, "timeouts: {response_head: 300ms, body: 300ms}\n")
	c := testkit.Dial(t, p.Addr)
	sent := make(chan error, 1)
	go func() { sent <- c.TrySend(testkit.Post("/", strings.Repeat("x", 30_000_000))) }()
	got, err := c.TryRead("POST")
	if err != nil {
		t.Fatalf("got %v, want 504", err)
	}
	got.WantStatus(t, 504, "upstream_timeout")
	testkit.Receive(t, "the upload to end", sent)
	wantLine(t, log.Wait(1)[0], map[string]any{"status": 504, "error": "upstream_timeout"})
}

// The clients' deadlines: one for the whole head, one between pieces of a body, one between requests.
func TestClientTimeouts(t *testing.T) {
	row := func(name string, pieces []string, wantStatus int, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.Serve(t, testkit.OK("ok"))
			p, log := logged(t, testkit.Pool(b), nil, "timeouts: {head: 300ms, body: 300ms, idle: 300ms}\n")
			c := testkit.Dial(t, p.Addr)
			began := time.Now()
			for _, piece := range pieces {
				c.Send(piece)
			}
			if wantStatus == 0 {
				c.WantClosed()
			} else {
				c.Read("GET").WantStatus(t, wantStatus, wantCode)
				c.WantClosed()
				wantLine(t, log.Wait(1)[0], map[string]any{"status": wantStatus, "error": wantCode, "client": "127.0.0.1"})
			}
			if took := time.Since(began); took < 200*time.Millisecond || took > 5*time.Second {
				t.Errorf("a time-out of 300 ms: took %v", took)
			}
		})
	}
	row("not a byte", nil, 0, "")
	row("half a head", []string{"GET / HTTP/1.1\r\nHost:"}, 408, "head_timeout")
	row("a head, drop by drop", []string{"GET", " / HT", "TP/1.1\r\n", "X: "}, 408, "head_timeout")
	row("half a body", []string{testkit.Request11("POST", "/", "hel", "Content-Length: 10")}, 408, "body_timeout")
	row("a part of a long body", []string{testkit.Request11("POST", "/", strings.Repeat("x", 300_000), "Content-Length: 10000000")}, 408, "body_timeout")
	row("half of chunks", []string{testkit.Request11("POST", "/", "5\r\nhel", "Transfer-Encoding: chunked")}, 408, "body_timeout")
}

// The head's deadline is one for all of it: a client that sends a byte now and then gets no more time. The second request has
// the same deadline as the first.
func TestSlowloris(t *testing.T) {
	p, _ := plain(t, testkit.OK("ok"), "timeouts: {head: 400ms, idle: 20s}\n")
	for _, served := range []bool{false, true} {
		c := testkit.Dial(t, p.Addr)
		if served {
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
		}
		c.Send("GET / HTTP/1.1\r\nHost: h\r\n")
		began := time.Now()
		drops := time.NewTicker(20 * time.Millisecond)
		answered := make(chan string, 1)
		go func() {
			text, _ := c.ReadAll()
			answered <- text
		}()
		var text string
	drip:
		for {
			select {
			case text = <-answered:
				break drip
			case <-drops.C:
				if c.TrySend("X: y\r\n") != nil {
					text = testkit.Receive(t, "the answer", answered)
					break drip
				}
				if time.Since(began) > testkit.Patience {
					t.Fatal("a client that drips its head was not cut off")
				}
			}
		}
		drops.Stop()
		// The answer may be lost to a reset: the client was still sending.
		if text != "" && !strings.HasPrefix(text, "HTTP/1.1 408 ") {
			t.Errorf("served before %v: got %q, want 408", served, text)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("a head of 400 ms: cut after %v", took)
		}
	}
}

// A time-out is for silence, not for the whole: a body that goes on arriving is given all the time it takes.
func TestSlowBodiesGoThrough(t *testing.T) {
	step := 60 * time.Millisecond
	p, _ := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		body, _ := io.ReadAll(r.Body)
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
		for range 12 {
			pace(step)
			c.Send("y")
		}
		if string(body) != "xxxxxxxxxxxx" {
			t.Errorf("upstream: got the body %q", body)
		}
	}, "timeouts: {body: 400ms, response_head: 400ms, head: 400ms}\n")
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Request11("POST", "/", "", "Content-Length: 12"))
	for range 12 {
		pace(step)
		c.Send("x")
	}
	if got := c.Read("POST"); got.StatusCode != 200 || got.Text != "yyyyyyyyyyyy" {
		t.Errorf("got %d %q, want all of the body", got.StatusCode, got.Text)
	}
}

// pace lets time pass: here the passing of time is what is tested.
func pace(d time.Duration) { <-time.After(d) }
