package gateway_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// secured gives a starter with TLS to the backend, of a version, whose ciphertext goes through a wire (nil: none).
func secured(version uint16, wire func(net.Conn) net.Conn) starter {
	return func(t *testing.T, handle func(*testkit.Conn, *testkit.Request), more string) (*testkit.Proxy, *testkit.Backend) {
		t.Helper()
		testkit.Leaks(t)
		a := testkit.NewAuthority(t)
		b := testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(a, version), Wire: wire}, handle)
		return testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, more))), b
	}
}

func secureConfig(a *testkit.Authority, version uint16) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.Certificate("127.0.0.1", "shop.test")}, MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"}}
}

// trusting gives the stable pool of a config TLS by an authority; more is further of its tls.
func trusting(a *testkit.Authority, more, config string) string {
	return stableWith(fmt.Sprintf("breaker: off, outlier: off, tls: {ca_file: %q%s}", a.File, more), config)
}

var tlsVersions = []struct {
	name    string
	version uint16
}{{"1.2", tls.VersionTLS12}, {"1.3", tls.VersionTLS13}}

func eachVersion(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, v := range tlsVersions {
		t.Run(v.name, func(t *testing.T) { f(t, v.version) })
	}
}

func TestTLSUploads(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) { uploads(t, secured(version, nil)) })
}

func TestTLSDownloads(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) { downloads(t, secured(version, nil)) })
}

// One connection serves many requests, and what is spoken on it is what the pool says.
func TestTLSConnectionIsUsedAgain(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p, b := secured(version, nil)(t, testkit.Echo("stable"), "")
		c := testkit.Dial(t, p.Addr)
		for n := range 50 {
			body := string(pattern(n * 700))
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			if got := c.Do(testkit.Post("/", body)); got.Header.Get("X-Body-Sum") != testkit.Sum([]byte(body)) {
				t.Fatalf("request %d: got %d %q, want the body whole", n, got.StatusCode, got.Text)
			}
		}
		if got := len(b.Conns()); got != 1 {
			t.Errorf("connections: got %d, want 1", got)
		}
		s := b.Conns()[0].TLS.ConnectionState()
		if s.Version != version || s.NegotiatedProtocol != "http/1.1" || s.ServerName != "" {
			t.Errorf("got version %x, protocol %q, name %q, want %x, http/1.1, and no name for an address that is none", s.Version, s.NegotiatedProtocol, s.ServerName, version)
		}
	})
}

// Pipelined requests are answered in order over one connection.
func TestTLSPipelining(t *testing.T) {
	p, _ := secured(tls.VersionTLS13, nil)(t, testkit.Echo("stable"), "")
	c := testkit.Dial(t, p.Addr)
	var all strings.Builder
	for n := range 100 {
		all.WriteString(testkit.Get(fmt.Sprintf("/%d", n)))
	}
	c.Send(all.String())
	for n := range 100 {
		if got := c.Read("GET"); !strings.HasPrefix(got.Text, fmt.Sprintf("GET /%d ", n)) {
			t.Fatalf("answer %d: got %q", n, got.Text)
		}
	}
}

// Ciphertext that comes byte by byte is the same, on the loop and in a relay.
func TestTLSByteByByte(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p, b := secured(version, testkit.ByteByByte)(t, func(c *testkit.Conn, r *testkit.Request) {
			if r.URL.Path == "/close" {
				c.Send("HTTP/1.1 200 OK\r\n\r\n" + string(pattern(3000)))
				_ = c.Close()
				return
			}
			testkit.Echo("stable")(c, r)
		}, "")
		c := testkit.Dial(t, p.Addr)
		for range 5 {
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
		}
		long := string(pattern(1<<20 + 1))
		for range 2 { // through a relay, and back
			if got := c.Do(testkit.Post("/", long)); got.Header.Get("X-Body-Sum") != testkit.Sum([]byte(long)) {
				t.Fatalf("got %d %q, want the body whole", got.StatusCode, got.Text)
			}
		}
		if got := len(b.Conns()); got > 3 {
			t.Errorf("connections: got %d, want hardly more than 1", got)
		}
		if got := c.Do(testkit.Get("/close")); got.Text != string(pattern(3000)) {
			t.Errorf("until close: got %d and %d bytes, want them whole", got.StatusCode, len(got.Text))
		}
	})
}

// A client that reads nothing of a long answer holds the endpoint back, and what it reads at last is whole.
func TestTLSSlowReader(t *testing.T) {
	const total = 50 << 20
	var sent atomic.Int64
	block := pattern(64 << 10)
	p, _ := secured(tls.VersionTLS13, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for n := 0; n < total; n += len(block) {
			if _, err := c.Write([]byte(fmt.Sprintf("%x\r\n%s\r\n", len(block), block))); err != nil {
				return
			}
			sent.Add(int64(len(block)))
		}
		c.Send("0\r\n\r\n")
	}, "")
	before := heapBytes()
	c := testkit.Dial(t, p.Addr)
	_ = c.SetReadBuffer(16 << 10)
	c.Send(testkit.Get("/"))
	stuck(t, "the endpoint to be held back", &sent)
	if got := sent.Load(); got > 24<<20 {
		t.Errorf("sent to a client that does not read: got %d bytes, want it held back", got)
	}
	if grown := heapBytes() - before; grown > 4<<20 {
		t.Errorf("memory: grown by %d KiB", grown>>10)
	}
	_ = c.SetReadBuffer(4 << 20)
	resp, err := c.Head("GET")
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, len(block))
	for n := range total / len(block) {
		_ = c.SetReadDeadline(time.Now().Add(testkit.Patience))
		if _, err := io.ReadFull(resp.Body, piece); err != nil || !bytes.Equal(piece, block) {
			t.Fatalf("one that reads at last: block %d: %v, or another one", n, err)
		}
	}
	if n, err := resp.Body.Read(piece); n != 0 || err != io.EOF {
		t.Errorf("behind the answer: got %d bytes, %v, want its end", n, err)
	}
}

// An endpoint that reads slowly holds its client back; its early answer arrives while the request is stuck.
func TestTLSSlowUpstream(t *testing.T) {
	gate := make(chan struct{})
	p, _ := secured(tls.VersionTLS13, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/early" {
			c.Send(testkit.Answer("403 Forbidden", "no", "Connection: close"))
			testkit.Receive(t, "the client to have its answer", gate)
			_ = c.Close()
			return
		}
		testkit.Receive(t, "the client to be held back", gate)
		testkit.Echo("stable")(c, r)
	}, "")
	body := pattern(30 << 20)
	for _, path := range []string{"/late", "/early"} {
		c := testkit.Dial(t, p.Addr)
		var sent atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.Send(testkit.Request11("POST", path, "", fmt.Sprintf("Content-Length: %d", len(body))))
			for rest := body; len(rest) > 0; rest = rest[64<<10:] {
				_ = c.SetWriteDeadline(time.Now().Add(testkit.Patience))
				if _, err := c.Write(rest[:64<<10]); err != nil {
					return // it has its answer, and is cut off
				}
				sent.Add(64 << 10)
			}
		}()
		if path == "/early" {
			if got := c.Read("POST"); got.StatusCode != 403 || got.Text != "no" {
				t.Errorf("early: got %d %q, want 403", got.StatusCode, got.Text)
			}
			gate <- struct{}{}
			_ = c.Close()
			testkit.Receive(t, "the client's end", done)
			continue
		}
		stuck(t, "the client to be held back", &sent)
		if got := sent.Load(); got == int64(len(body)) {
			t.Errorf("sent to an endpoint that does not read: all of %d bytes", got)
		}
		gate <- struct{}{}
		if got := c.Read("POST"); got.Header.Get("X-Body-Sum") != testkit.Sum(body) {
			t.Errorf("late: got %d %q, want the body whole", got.StatusCode, got.Text)
		}
		testkit.Receive(t, "the client's end", done)
	}
}

// What a socket has not taken of the ciphertext goes along to the relay, in order, and the connection comes back.
func TestTLSLeftover(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		gate := make(chan struct{})
		p, b := secured(version, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
			if r.Method == "POST" {
				testkit.Receive(t, "the client to be held back", gate)
			}
			testkit.Echo("stable")(c, r)
		}, "")
		body := pattern(24 << 20)
		var chunked strings.Builder // in small chunks, so that nothing but a full socket makes it leave
		for rest := body; len(rest) > 0; rest = rest[min(len(rest), 60_000):] {
			piece := rest[:min(len(rest), 60_000)]
			fmt.Fprintf(&chunked, "%x\r\n%s\r\n", len(piece), piece)
		}
		c := testkit.Dial(t, p.Addr)
		for round := range uint64(2) {
			c.Do(testkit.Get("/")).WantStatus(t, 200, "") // there is a connection, and it is on the loop
			done := make(chan error, 1)
			go func() {
				done <- c.TrySend(testkit.Request11("POST", "/", chunked.String()+"0\r\n\r\n", "Transfer-Encoding: chunked"))
			}()
			testkit.Until(t, "the socket to be full", func() bool { return p.Counters().Relays > round })
			gate <- struct{}{}
			if err := testkit.Receive(t, "the request to be sent", done); err != nil {
				t.Fatal(err)
			}
			if got := c.Read("POST"); got.Header.Get("X-Body-Sum") != testkit.Sum(body) {
				t.Fatalf("got %d %q, want the body whole", got.StatusCode, got.Text)
			}
		}
		if got := len(b.Conns()); got != 1 {
			t.Errorf("connections: got %d, want 1", got)
		}
	})
}

func TestTLSWebSocket(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		testkit.Leaks(t)
		a := testkit.NewAuthority(t)
		ended := make(chan error, 1)
		b := testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(a, version)}, webSocketOn(t, string(frame(1, []byte("first"), false)), ended))
		p := testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "")))
		c := testkit.Dial(t, p.Addr)
		c.Do(testkit.Get("/before")).WantStatus(t, 200, "")
		c.Send(upgradeRequest() + string(frame(1, []byte("early"), true)))
		wantSwitched(t, c)
		wantFrame(t, c, 1, []byte("first"))
		wantFrame(t, c, 1, []byte("early"))
		wantEchoes(t, c)
		_ = c.CloseWrite() // the end of one direction goes through as such
		if err := testkit.Receive(t, "the upstream's side to end", ended); err == nil || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("upstream: got %v, want an end in order", err)
		}
		c.WantClosed()
		testkit.Until(t, "the tunnel to be gone", func() bool { return p.Connections() == 0 })
	})
}
