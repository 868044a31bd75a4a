package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// What a client gets of an upstream that breaks the rules before anything was sent to the client: 502, and the connection goes on.
func TestBrokenAnswers(t *testing.T) {
	row := func(name, answer, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.Script(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send(answer)
				_ = c.Close()
			}, testkit.OK("fine"))
			p, log := logged(t, testkit.Pool(b), nil, "")
			c := testkit.Dial(t, p.Addr)
			c.Do(testkit.Get("/broken")).WantStatus(t, 502, wantCode)
			c.Do(testkit.Get("/next")).WantStatus(t, 200, "")
			if got := len(b.Seen()); got != 2 {
				t.Errorf("requests upstream: got %d, want 2 (nothing that was answered is asked again)", got)
			}
			if got := len(b.Conns()); got != 2 {
				t.Errorf("upstream connections: got %d, want 2 (the broken one is not used again)", got)
			}
			wantLine(t, log.Wait(2)[0], map[string]any{"status": 502, "error": wantCode, "target": "/broken", "attempts": 1, "cut": nil})
		})
	}
	row("nothing", "", "upstream_closed")
	row("half a head", "HTTP/1.1 200 OK\r\nContent-Le", "upstream_closed")
	row("a head without its end", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "upstream_closed")
	row("garbage", "what is this?\r\n\r\n", "upstream_bad_status_line")
	row("binary", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n", "upstream_nul_byte")
	row("HTTP/2", "HTTP/2 200 OK\r\n\r\n", "upstream_bad_status_line")
	row("HTTP/0.9", "<html>hello</html>\r\n\r\n", "upstream_bad_status_line")
	row("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "upstream_bare_lf")
	row("obs-fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", "upstream_obs_fold")
	row("space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "upstream_space_before_colon")
	row("NUL in a value", "HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", "upstream_nul_byte")
	row("control byte in a value", "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n", "upstream_bad_field_value")
	row("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "upstream_duplicate_content_length")
	row("length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "upstream_length_with_coding")
	row("bad length", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "upstream_bad_content_length")
	row("unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "upstream_coding_unsupported")
	row("chunked from 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "upstream_coding_in_http10")
	row("bad chunk in the first bytes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "upstream_bad_chunk")
	row("excess in one write", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", "upstream_excess")
	row("excess behind chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", "upstream_excess")
	row("body behind 204", "HTTP/1.1 204 No Content\r\n\r\nhello", "upstream_excess")
	row("101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "upstream_switched")
	row("interim for ever", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 17), "upstream_interim")
	row("a head that is too long", "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 40_000)+"\r\n\r\n", "upstream_head_too_long")
	row("a first line that is too long", "HTTP/1.1 200 "+strings.Repeat("x", 40_000)+"\r\n\r\n", "upstream_uri_too_long")
	row("too many fields", "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 200)+"Content-Length: 0\r\n\r\n", "upstream_too_many_fields")
}

// An upstream that breaks off or goes astray once the client has a part: the client can tell that there is something missing.
func TestCutAnswers(t *testing.T) {
	row := func(name, first, then string, reset bool, request, wantCode string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			b := testkit.Script(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send(first)
				testkit.Receive(t, "the client to have the first part", gate)
				c.Send(then)
				if reset {
					c.Reset()
				} else if then == "" {
					_ = c.Close()
				} else {
					_ = c.WaitEnd()
					_ = c.Close()
				}
			}, testkit.OK("fine"))
			p, log := logged(t, testkit.Pool(b), nil, "")
			c := testkit.Dial(t, p.Addr)
			c.Send(request)
			head, err := c.Head("GET")
			if err != nil || head.StatusCode != 200 {
				t.Fatalf("head: got %v, %v", head, err)
			}
			close(gate)
			body, err := io.ReadAll(head.Body)
			_, after := c.ReadAll()
			if err == nil && after == nil {
				t.Errorf("got %d bytes of body and an end in order, want an error", len(body))
			}
			wantLine(t, log.Wait(1)[0], map[string]any{"status": 200, "error": wantCode, "cut": true})
			testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
			if got := len(b.Seen()); got != 2 {
				t.Errorf("requests upstream: got %d, want 2 (an answer once begun is not asked for again)", got)
			}
			if got := len(b.Conns()); got != 2 {
				t.Errorf("upstream connections: got %d, want 2 (the broken one is not used again)", got)
			}
			testkit.Until(t, "one cut answer to be counted", func() bool { return p.Counters().Cut == 1 })
		})
	}
	get, get10 := testkit.Get("/"), "GET / HTTP/1.0\r\n\r\n"
	row("length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "", false, get, "upstream_truncated")
	row("length, reset", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "", true, get, "upstream_truncated")
	row("length to 1.0", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "", false, get10, "upstream_truncated")
	row("long length", "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nhello", "", false, get, "upstream_truncated")
	row("long length, reset", "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nhello", "", true, get, "upstream_truncated")
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	row("chunked", chunked, "", false, get, "upstream_truncated")
	row("chunked, reset", chunked, "", true, get, "upstream_truncated")
	row("chunked to 1.0", chunked, "", false, get10, "upstream_truncated")
	row("chunked, bad chunk", chunked, "zz\r\n", false, get, "upstream_bad_chunk")
	row("chunked, bad chunk to 1.0", chunked, "zz\r\n", false, get10, "upstream_bad_chunk")
	row("chunked, bare LF", chunked, "5\nhello\n", false, get, "upstream_bare_lf")
	row("chunked, in a trailer", chunked, "0\r\nX-T: 1\r\n", true, get, "upstream_truncated")
	row("chunked, excess", chunked, "0\r\n\r\nHTTP/1.1 200 OK\r\n", false, get, "upstream_excess")
	row("length, excess", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "worldHTTP/1.1 200 OK\r\n\r\n", false, get, "upstream_excess")
	row("long length, excess", "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\nhello", strings.Repeat("x", 2_000_000), false, get, "upstream_excess")
	row("until close, reset", "HTTP/1.1 200 OK\r\n\r\nhello", "", true, get, "upstream_truncated")
	row("until close to 1.0, reset", "HTTP/1.1 200 OK\r\n\r\nhello", "", true, get10, "upstream_truncated")
}

// Bytes behind a whole answer, after it: they end the connection, and are nobody's answer.
func TestExcessLater(t *testing.T) {
	gate := make(chan struct{})
	ended := make(chan error, 1)
	b := testkit.Script(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send(testkit.Answer("200 OK", "one"))
		testkit.Receive(t, "the client to have its answer", gate)
		c.Send(testkit.Answer("200 OK", "nobody's"))
		ended <- c.WaitEnd()
		_ = c.Close()
	}, testkit.OK("two"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	if got := c.Do(testkit.Get("/")); got.Text != "one" {
		t.Fatalf("first: got %q, want one", got.Text)
	}
	close(gate)
	testkit.Receive(t, "the connection to end", ended)
	if got := c.Do(testkit.Get("/")); got.Text != "two" {
		t.Errorf("second: got %q, want two", got.Text)
	}
}

func TestBodyLimit(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p, log := logged(t, testkit.Pool(b), nil, "limits: {body_size: 100KiB}\n")
	const most = 100 << 10
	chunked := func(n int) string {
		return testkit.Request11("POST", "/", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n)), "Transfer-Encoding: chunked")
	}
	for range 2 { // twice on the same objects
		c := testkit.Dial(t, p.Addr)
		c.Do(testkit.Post("/", strings.Repeat("x", most))).WantStatus(t, 200, "")
		c.Do(chunked(most)).WantStatus(t, 200, "")
		c.Do(testkit.Post("/", strings.Repeat("x", most+1))).WantStatus(t, 413, "body_too_large")
		c.WantClosed()
		c = testkit.Dial(t, p.Addr)
		c.Do(chunked(most+1)).WantStatus(t, 413, "body_too_large")
		c.WantClosed()
	}
	wantLine(t, log.Wait(8)[2], map[string]any{"status": 413, "error": "body_too_large", "client": "127.0.0.1", "method": "POST"})
}
