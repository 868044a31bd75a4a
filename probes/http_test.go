package probes_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"graygate/probes"
)

var ok = []probes.StatusRange{{200, 399}}

func TestHTTPRequest(t *testing.T) {
	row := func(name string, h *probes.HTTP, want string) {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 1)
			address := speaks(t, func(conn net.Conn) {
				var text []byte
				for b := make([]byte, 1); !bytes.HasSuffix(text, []byte("\r\n\r\n")); text = append(text, b[0]) {
					if _, err := conn.Read(b); err != nil {
						break
					}
				}
				got <- string(text)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			})
			if failure := asks(t, address, &probes.Check{HTTP: h}); failure != "" {
				t.Errorf("failed: %s", failure)
			}
			if text := strings.ReplaceAll(<-got, address, "ADDRESS"); !reflect.DeepEqual(text, want) {
				t.Errorf("the endpoint was sent\n got %q\nwant %q", text, want)
			}
		})
	}
	row("plain", &probes.HTTP{Method: "GET", Path: "/healthz", Status: ok},
		"GET /healthz HTTP/1.1\r\nUser-Agent: graygate-probe\r\nHost: ADDRESS\r\nConnection: close\r\n\r\n")
	row("all of it", &probes.HTTP{Method: "HEAD", Path: "//a/../b?c=%20d&e", Host: "shop.example", Headers: map[string]string{"X-Probe": "1"}, Status: ok},
		"HEAD //a/../b?c=%20d&e HTTP/1.1\r\nUser-Agent: graygate-probe\r\nHost: shop.example\r\nX-Probe: 1\r\nConnection: close\r\n\r\n")
	row("own agent", &probes.HTTP{Method: "OPTIONS", Path: "/", Headers: map[string]string{"User-Agent": "mine"}, Status: ok},
		"OPTIONS / HTTP/1.1\r\nUser-Agent: mine\r\nHost: ADDRESS\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func TestHTTPAnswers(t *testing.T) {
	row := func(name, answer string, h probes.HTTP, want string) {
		t.Run(name, func(t *testing.T) {
			h.Method, h.Path = "GET", "/"
			if h.Status == nil {
				h.Status = ok
			}
			address := speaks(t, answers(answer))
			for range 2 { // the second time with buffers that have been used
				if got := asks(t, address, &probes.Check{HTTP: &h}); got != want {
					t.Errorf("answer %.100q\n got %q\nwant %q", answer, got, want)
				}
			}
		})
	}
	alive := probes.HTTP{Body: regexp.MustCompile(`"status":\s*"(UP|ok)"`)}
	row("well", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", probes.HTTP{}, "")
	row("without a body", "HTTP/1.1 204 No Content\r\n\r\n", probes.HTTP{}, "")
	row("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhi", probes.HTTP{}, "")
	row("after interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", probes.HTTP{}, "")
	row("redirects are not followed", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", probes.HTTP{}, "")
	row("status", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", probes.HTTP{}, "status 503, want 200-399")
	row("status, several ranges", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", probes.HTTP{Status: []probes.StatusRange{{204, 204}, {300, 399}}}, "status 200, want 204, 300-399")
	row("switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", probes.HTTP{}, "status 101, want 200-399")
	row("body", "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"status\":\"ok\"", alive, "")
	row("body in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"status\r\n6\r\n\":\"UP\"\r\n0\r\n\r\n", alive, "")
	row("body until the end", "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"UP\"}", alive, "")
	row("body does not match", "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"status\":\"bad\"}", alive, "body does not match")
	row("no body", "HTTP/1.1 204 No Content\r\n\r\n", alive, "body does not match")
	row("status goes before the body", "HTTP/1.1 500 Oops\r\nContent-Length: 14\r\n\r\n{\"status\":\"ok\"", alive, "status 500, want 200-399")
	row("body that ends early", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi", alive, "connection closed without an answer")
	row("the beginning of a long body", "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"UP\"}"+strings.Repeat("x", 2*probes.MaxBodyBytes), alive, "")
	row("too far in a long body", "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", probes.MaxBodyBytes)+"{\"status\":\"UP\"}", alive, "body does not match")
	row("nothing", "", probes.HTTP{}, "connection closed without an answer")
	row("half a head", "HTTP/1.1 200 OK\r\nA: b", probes.HTTP{}, "connection closed without an answer")
	row("garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n\x00\xff", probes.HTTP{}, "answer is not valid HTTP/1.1")
	row("no number", "HTTP/1.1 abc OK\r\n\r\n", probes.HTTP{}, "answer is not valid HTTP/1.1")
	row("a long head", "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("x", probes.MaxHeadBytes)+"\r\n\r\n", probes.HTTP{}, "head is longer than 16 KiB")
	row("a long line", strings.Repeat("x", 2*probes.MaxHeadBytes), probes.HTTP{}, "head is longer than 16 KiB")
	row("interim answers without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000), probes.HTTP{}, "answer is not valid HTTP/1.1")
	row("bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", alive, "answer is not valid HTTP/1.1")
}

func TestHTTPConnections(t *testing.T) {
	c := func() *probes.Check {
		return &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok, Body: regexp.MustCompile("well")}}
	}
	if got, want := asks(t, refuses(t), c()), "connection refused"; got != want {
		t.Errorf("nobody listens: got %q, want %q", got, want)
	}
	reset := speaks(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // the rest is unread: closing resets
	})
	if got, want := asks(t, reset, c()), "connection reset"; got != want {
		t.Errorf("reset: got %q, want %q", got, want)
	}
	other := speaks(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"))
	_, port, _ := net.SplitHostPort(other)
	onPort := c()
	onPort.Port, _ = net.LookupPort("tcp", port)
	if got := asks(t, refuses(t), onPort); got != "" {
		t.Errorf("the check's own port: %q", got)
	}
}

// TestHTTPThatTakesItsTime has endpoints that never come to an end.
func TestHTTPThatTakesItsTime(t *testing.T) {
	row := func(name string, h probes.HTTP, f func(conn net.Conn), want string) {
		t.Run(name, func(t *testing.T) {
			h.Method, h.Path, h.Status = "GET", "/", ok
			c := &probes.Check{HTTP: &h}
			if want != "" {
				c.Timeout = 50 * time.Millisecond
			}
			if got := asks(t, speaks(t, f), c); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	drip := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			for i := 0; ; i = min(i+1, len(text)-1) {
				if _, err := conn.Write([]byte{text[i]}); err != nil {
					return
				}
				time.Sleep(time.Millisecond) // the endpoint's slowness, not a wait of the test's
			}
		}
	}
	match := probes.HTTP{Body: regexp.MustCompile("never")}
	silent := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	row("silence", probes.HTTP{}, silent, "timeout after 50ms")
	row("a head by drops", probes.HTTP{}, drip("HTTP/1.1 200 OK\r\nA: xx"), "timeout after 50ms")
	row("a body by drops", match, drip("HTTP/1.1 200 OK\r\n\r\nx"), "timeout after 50ms")
	row("a chunk's size by drops", match, drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00"), "timeout after 50ms")
	row("a body by drops that nobody asks for", probes.HTTP{}, drip("HTTP/1.1 200 OK\r\n\r\nx"), "")
}

// TestHTTPWithoutEnd sends as much as is taken.
func TestHTTPWithoutEnd(t *testing.T) {
	row := func(name, head, piece, want string, body *regexp.Regexp) {
		t.Run(name, func(t *testing.T) {
			sent := make(chan int, 1)
			address := speaks(t, func(conn net.Conn) {
				n, more := 0, []byte(strings.Repeat(piece, 1+64<<10/len(piece)))
				for text := []byte(head); ; text = more {
					m, err := conn.Write(text)
					if n += m; err != nil || n > 1<<30 {
						sent <- n
						return
					}
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := asks(t, address, &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok, Body: body}})
			runtime.ReadMemStats(&after)
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if n := <-sent; n > 32<<20 {
				t.Errorf("%d bytes were taken", n)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
				t.Errorf("%d bytes were allocated", took)
			}
		})
	}
	never := regexp.MustCompile("never")
	row("body", "HTTP/1.1 200 OK\r\n\r\n", "x", "body does not match", never)
	row("body with a length beyond all", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "x", "body does not match", never)
	row("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", "answer is longer than 256 KiB", never)
	row("trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", "head is longer than 16 KiB", never)
	row("head", "HTTP/1.1 200 OK\r\n", "A: b\r\n", "head is longer than 16 KiB", nil)
}

func TestHTTPByTLS(t *testing.T) {
	a := newAuthority(t)
	row := func(name string, server *tls.Config, client *tls.Config, want string) {
		t.Run(name, func(t *testing.T) {
			address := speaksOn(t, tls.NewListener(listen(t), server), answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
			c := &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok, Body: regexp.MustCompile("^hi$")}, TLS: client}
			if got := asks(t, address, c); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	row("by address", a.server(t, nil), &tls.Config{RootCAs: a.pool}, "")
	row("by name", a.server(t, nil), &tls.Config{RootCAs: a.pool, ServerName: "app.example"}, "")
	row("not verified", newAuthority(t).server(t, nil), &tls.Config{InsecureSkipVerify: true}, "")
	row("another name", a.server(t, nil), &tls.Config{RootCAs: a.pool, ServerName: "other.example"}, `TLS: certificate is not for "other.example"`)
	row("unknown authority", newAuthority(t).server(t, nil), &tls.Config{RootCAs: a.pool}, "TLS: certificate is signed by an unknown authority")
	expired := a.server(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Unix(1000, 0) })
	row("expired", expired, &tls.Config{RootCAs: a.pool}, "TLS: certificate has expired or is not yet valid")
	mutual := a.server(t, nil)
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, a.pool
	mine := a.sign(t, &x509.Certificate{}, a.cert)
	row("client certificate", mutual, &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{mine}}, "")
	row("client certificate missing", mutual, &tls.Config{RootCAs: a.pool}, "TLS: refused by the endpoint: certificate required")
	old := a.server(t, nil)
	old.MaxVersion = tls.VersionTLS12
	row("too old", old, &tls.Config{RootCAs: a.pool, MinVersion: tls.VersionTLS13}, "TLS: refused by the endpoint: protocol version not supported")

	t.Run("the name that it was found by", func(t *testing.T) {
		address := speaksOn(t, tls.NewListener(listen(t), a.server(t, nil)), answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
		c := &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok}, TLS: &tls.Config{RootCAs: a.pool}, Timeout: 5 * time.Second}
		for host, want := range map[string]string{"app.example": "", "other.example": `TLS: certificate is not for "other.example"`} {
			if got := probes.CheckTarget(t.Context(), probes.Target{Address: address, Host: host, Check: c}); got != want {
				t.Errorf("%s: got %q, want %q", host, got, want)
			}
		}
	})

	plain := func(name string, f func(net.Conn), timeout time.Duration, want string) {
		t.Run(name, func(t *testing.T) {
			c := &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok}, TLS: &tls.Config{RootCAs: a.pool}, Timeout: timeout}
			if got := asks(t, speaks(t, f), c); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	plain("no TLS", func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4<<10))
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}, 0, "TLS: endpoint does not speak TLS")
	plain("silence", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, 50*time.Millisecond, "timeout after 50ms")
	plain("closed", hangsUp, 0, "TLS: connection closed during the handshake")
}

// TestProberOnSockets joins all: real endpoints, one of which changes, and nothing left in the end.
func TestProberOnSockets(t *testing.T) {
	status := make(chan int, 1)
	status <- 200
	address := speaks(t, func(conn net.Conn) {
		s := <-status
		status <- s
		answers("HTTP/1.1 " + strconv.Itoa(s) + " X\r\nContent-Length: 0\r\n\r\n")(conn)
	})
	hung := speaks(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	p := probes.New(nil)
	changes := make(chan probes.Result, 100)
	c := &probes.Check{HTTP: &probes.HTTP{Method: "GET", Path: "/", Status: ok}, Interval: probes.MinInterval, Unhealthy: probes.MinInterval, Timeout: time.Hour, Rise: 2, Fall: 2}
	report := func(r probes.Result) {
		if r.Changed {
			r.Took = 0
			changes <- r
		}
	}
	p.Set([]probes.Target{{Pool: "p", Address: address, Check: c, Report: report}, {Pool: "p", Address: hung, Check: c, Report: report}})
	next := func(want probes.Result) {
		t.Helper()
		select {
		case got := <-changes:
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("waited in vain for %+v", want)
		}
	}
	next(probes.Result{Healthy: true, Changed: true, Passed: true})
	<-status
	status <- 503
	next(probes.Result{Changed: true, Reason: "status 503, want 200-399"})
	<-status
	status <- 200
	next(probes.Result{Healthy: true, Changed: true, Passed: true})
	p.Close() // while the check of the one that hangs is under way
	p.Close()
}
