package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// plain starts a gateway before one backend, without rules.
func plain(t *testing.T, handle func(*testkit.Conn, *testkit.Request), more string) (*testkit.Proxy, *testkit.Backend) {
	t.Helper()
	b := testkit.Serve(t, handle)
	return testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, more)), b
}

func TestMethods(t *testing.T) {
	p, b := plain(t, testkit.Echo("stable"), "")
	c := testkit.Dial(t, p.Addr)
	row := func(method, body string) {
		t.Helper()
		request := testkit.Request11(method, "/a/b?c=d", body)
		if body != "" {
			request = testkit.Request11(method, "/a/b?c=d", body, fmt.Sprintf("Content-Length: %d", len(body)))
		}
		got := c.Do(request)
		want := method + " /a/b?c=d HTTP/1.1\r\nHost: example.test\r\n"
		if got.StatusCode != 200 || !strings.HasPrefix(got.Text, want) {
			t.Errorf("%s: got %d %q, want 200 and %q first", method, got.StatusCode, got.Text, want)
		}
		if sum := got.Header.Get("X-Body-Sum"); sum != testkit.Sum([]byte(body)) {
			t.Errorf("%s: the body %q arrived as another", method, body)
		}
	}
	row("GET", "")
	row("DELETE", "")
	row("OPTIONS", "")
	row("PATCH", "patch")
	row("POST", "post")
	row("PUT", "put")
	row("GET", "a body in a GET")
	row("DELETE", "a body in a DELETE")
	row("BREW", "an extension")
	row("TRACE", "")
	if got := len(b.Conns()); got != 1 {
		t.Errorf("upstream connections for requests one after another: got %d, want 1", got)
	}
	c = testkit.Dial(t, p.Addr)
	c.Do("CONNECT example.test:443 HTTP/1.1\r\nHost: example.test\r\n\r\n").WantStatus(t, 501, "connect_unsupported")
	c.WantClosed()
}

// What a client sees of an answer, byte for byte.
func TestAnswers(t *testing.T) {
	row := func(name, request, answer, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, _ := plain(t, func(c *testkit.Conn, r *testkit.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				c.Send(answer)
				if !strings.Contains(answer, "Content-Length") && !strings.Contains(answer, "chunked") && !strings.Contains(answer, " 204 ") && !strings.Contains(answer, " 304 ") {
					_ = c.Close()
				}
			}, "")
			c := testkit.Dial(t, p.Addr)
			c.Send(request)
			if !strings.Contains(want, "Connection: close\r\n") {
				c.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close, x-none\r\nExpect: nothing\r\n\r\n") // makes the gateway close
			}
			got, err := c.ReadAll()
			got, _, _ = strings.Cut(got, "HTTP/1.1 417")
			if got != want || err != nil {
				t.Errorf("to %q the upstream says %q:\ngot  %q, %v\nwant %q", request, answer, got, err, want)
			}
		})
	}
	get, get10 := testkit.Get("/"), "GET / HTTP/1.0\r\n\r\n"
	keep10 := "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
	head := testkit.Request11("HEAD", "/", "")
	row("length", get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	row("empty", get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	row("reason and fields", get, "HTTP/1.1 404 No Such  Thing\r\nX-b: 1\r\nContent-Length: 0\r\nx-A:  2 \r\nX-b: 3\r\n\r\n",
		"HTTP/1.1 404 No Such  Thing\r\nX-b: 1\r\nx-A: 2\r\nX-b: 3\r\nContent-Length: 0\r\n\r\n")
	row("no reason", get, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")
	row("hop by hop", get,
		"HTTP/1.1 200 OK\r\nConnection: keep-alive, x-secret\r\nKeep-Alive: timeout=5\r\nX-Secret: 1\r\nProxy-Connection: x\r\nX-Public: 2\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX-Public: 2\r\nContent-Length: 0\r\n\r\n")
	row("HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
	row("HEAD chunked", head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")
	row("204", get, "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n")
	row("204 with a length of 0", get, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n")
	row("304", get, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
	row("304 with a length", get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n")
	row("chunked", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b;c=\"d\"\r\nhello\r\n00A\r\n, world!!!\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na\r\n, world!!!\r\n0\r\n\r\n")
	row("chunked with trailers", get, "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\nX-Gray-Tag: no\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
	row("chunked to 1.0", get10, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello!")
	row("until close", get, "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	row("until close to 1.0", get10, "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
	row("until close to 1.0 with keep-alive", keep10, "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
	row("from 1.0", get, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	row("from 1.0 until close", get, "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	row("length to 1.0", get10, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	row("length to 1.0 with keep-alive", keep10, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello")
	row("the client closes", testkit.Get("/", "Connection: close"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	row("early hints", get, "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
	row("early hints to 1.0", get10, "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
	row("many interim", get, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 16)+"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 16)+"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
}

// Every answer above that leaves the upstream's connection usable leaves it in use, the others do not.
func TestUpstreamConnectionIsUsedAgain(t *testing.T) {
	row := func(name, answer string, closes bool, want int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send(answer)
				if closes {
					_ = c.Close()
				}
			}, "")
			c := testkit.Dial(t, p.Addr)
			for range 3 {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			if got := len(b.Conns()); got != want {
				t.Errorf("upstream connections for three requests, each answered %q: got %d, want %d", answer, got, want)
			}
		})
	}
	row("length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, 1)
	row("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false, 1)
	row("1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", false, 1)
	row("1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, 3)
	row("close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", false, 3)
	row("close and closed", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", true, 3)
	row("until close", "HTTP/1.1 200 OK\r\n\r\nx", true, 3)
}

// What an upstream sees of a request, byte for byte but for what the gateway adds about its origin.
func TestRequests(t *testing.T) {
	row := func(name, request, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, b := plain(t, testkit.OK("ok"), "")
			c := testkit.Dial(t, p.Addr)
			c.Do(request).WantStatus(t, 200, "")
			got := withoutOrigin(b.Received())
			if got != want {
				t.Errorf("%q:\ngot  %q\nwant %q", request, got, want)
			}
		})
	}
	row("plain", "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n")
	row("case and order kept", "GET / HTTP/1.1\r\naCCept:x\r\nHost: h\r\nB: \t1 2 \t\r\nB: 3\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\naCCept: x\r\nB: 1 2\r\nB: 3\r\n\r\n")
	row("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	row("absolute form", "GET http://other.test:8080/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /p?q HTTP/1.1\r\nHost: other.test:8080\r\n\r\n")
	row("absolute form without path", "GET http://other.test?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?q HTTP/1.1\r\nHost: other.test\r\n\r\n")
	row("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
	row("OPTIONS absolute", "OPTIONS http://o.test HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: o.test\r\n\r\n")
	row("1.0 with Host", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	row("1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: stable\r\n\r\n")
	row("hop by hop", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: x\r\nProxy-Connection: y\r\nX-Kept: 2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX-Kept: 2\r\n\r\n")
	row("Connection names Host", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Host, Content-Length\r\nContent-Length: 2\r\n\r\nab", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
	row("length", "POST / HTTP/1.1\r\nContent-Length: 003\r\nHost: h\r\n\r\nabc", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
	row("length 0", "POST / HTTP/1.1\r\nContent-Length: 0\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	row("chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n3;x=y\r\nabc\r\n0002\r\nde\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
	row("chunked with trailers", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n3\r\nabc\r\n0;last\r\nX-Sum: 6\r\nHost: evil\r\nX-Gray-Tag: gray\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n")
	row("chunked, empty", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n0\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	row("h2c", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	row("Upgrade without Connection", "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	row("Expect in 1.0", "POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
	row("forged", "GET / HTTP/1.1\r\nHost: h\r\nX-Gray-Rule: mine\r\nX-Request-Id: mine\r\ntraceparent: mine\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
}

// withoutOrigin takes out the fields that every request gets, and fails nothing: those that are missing are missed elsewhere.
func withoutOrigin(head string) string {
	var b strings.Builder
	for line := range strings.Lines(head) {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "X-Gray-Tag", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id", "traceparent":
			if !strings.Contains(line, "1.2.3.4") && !strings.Contains(line, "mine") {
				continue
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestKeepAlive10(t *testing.T) {
	p, _ := plain(t, testkit.OK("ok"), "")
	c := testkit.Dial(t, p.Addr)
	for range 3 {
		got := c.Do("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
		if got.StatusCode != 200 || got.Header.Get("Connection") != "keep-alive" {
			t.Fatalf("1.0 with keep-alive: got %d %v, want 200 and keep-alive", got.StatusCode, got.Header)
		}
	}
	c.Do("GET / HTTP/1.0\r\n\r\n").WantStatus(t, 200, "")
	c.WantClosed()
}

func TestContinue(t *testing.T) {
	p, _ := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.Header.Get("Expect") != "100-continue" {
			t.Errorf("upstream: got Expect %q, want 100-continue", r.Header.Get("Expect"))
		}
		c.Send("HTTP/1.1 100 Continue\r\n\r\n")
		testkit.Echo("stable")(c, r)
	}, "")
	c := testkit.Dial(t, p.Addr)
	for range 2 {
		if got := c.Do(testkit.Request11("POST", "/", "", "Content-Length: 5", "Expect: 100-continue")); got.StatusCode != 100 {
			t.Fatalf("before the body: got %d, want 100", got.StatusCode)
		}
		c.Send("hello")
		got := c.Read("POST")
		got.WantStatus(t, 200, "")
		if got.Header.Get("X-Body-Sum") != testkit.Sum([]byte("hello")) {
			t.Errorf("the body arrived as another")
		}
	}
}

// The upstream refuses the body: its answer comes through at once, and the connection ends, for nobody knows whether the
// body will still come.
func TestContinueRefused(t *testing.T) {
	p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
		_ = c.WaitEnd()
		_ = c.Close()
	}, "")
	c := testkit.Dial(t, p.Addr)
	got := c.Do(testkit.Request11("POST", "/", "", "Content-Length: 5", "Expect: 100-continue"))
	if got.StatusCode != 413 || got.Text != "no\n" || !got.Close {
		t.Errorf("got %d %q close=%v, want 413 no close=true", got.StatusCode, got.Text, got.Close)
	}
	c.WantClosed()
	if len(b.Seen()) != 1 {
		t.Errorf("requests upstream: got %d, want 1", len(b.Seen()))
	}
}

func TestExpectationFailed(t *testing.T) {
	p, b := plain(t, testkit.OK("ok"), "")
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/", "Expect: a-miracle")).WantStatus(t, 417, "expectation_failed")
	c.WantClosed()
	if got := b.Received(); got != "" {
		t.Errorf("upstream: got %q, want nothing", got)
	}
}

// net/http's client and server, which know nothing of this gateway, agree through it.
func TestStandardClient(t *testing.T) {
	p, _ := plain(t, testkit.Echo("stable"), "")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for range 5 {
		resp, err := client.Post("http://"+p.Addr+"/x?y=z", "text/plain", io.MultiReader(strings.NewReader("streamed "), strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Body-Sum") != testkit.Sum([]byte("streamed body")) {
			t.Errorf("got %d %q, %v; want the body to arrive", resp.StatusCode, body, err)
		}
	}
}
