package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// logged starts a gateway whose access log can be read.
func logged(t *testing.T, stable, gray []*testkit.Backend, more string) (*testkit.Proxy, *testkit.AccessLog) {
	t.Helper()
	log := testkit.NewAccessLog(t)
	return testkit.Gateway(t, testkit.Config(stable, gray, log.YAML()+more)), log
}

// stableWith adds settings to the stable pool of a config that testkit.Config has made, grayWith to the gray one.
func stableWith(more, config string) string {
	return strings.Replace(config, "stable: {endpoints: [", "stable: {"+more+", endpoints: [", 1)
}

func grayWith(more, config string) string {
	return strings.Replace(config, "gray: {endpoints: [", "gray: {"+more+", endpoints: [", 1)
}

// wantLine compares what an access log line has under the keys given; nil: the key is not there.
func wantLine(t *testing.T, line map[string]any, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if fmt.Sprint(line[key]) != fmt.Sprint(value) {
			t.Errorf("access log, %s: got %v, want %v in %v", key, line[key], value, line)
		}
	}
}

func TestAccessLog(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p, log := logged(t, testkit.Pool(stable), testkit.Pool(gray), "")
	c := testkit.Dial(t, p.Addr)
	first := c.Do(testkit.Get("/a?b=c", "X-Gray-Tag: gray"))
	lines := log.Wait(1)
	wantLine(t, lines[0], map[string]any{
		"client": "127.0.0.1", "method": "GET", "host": "example.test", "target": "/a?b=c", "status": 200, "route": "all", "tag": "gray", "rule": "tagged",
		"pool": "gray", "upstream": gray.Addr, "attempts": 1, "fallback": nil, "error": nil, "cut": nil,
		"request_id": seen(t, first).Header.Get("X-Request-Id"),
	})
	if got := lines[0]["bytes_out"].(float64); got <= float64(len(first.Text)) || got > float64(len(first.Text)+1000) {
		t.Errorf("bytes_out: got %v, want head and body (%d)", got, len(first.Text))
	}
	if got := lines[0]["duration_ms"].(float64); got < 0 || got > 1e5 {
		t.Errorf("duration_ms: got %v", got)
	}
	if _, err := time.Parse(time.RFC3339Nano, lines[0]["time"].(string)); err != nil {
		t.Errorf("time: %v", err)
	}
	c.Send("GET / HTTP/1.1\r\n\r\n")
	c.Read("GET").WantStatus(t, 400, "missing_host")
	wantLine(t, log.Wait(2)[1], map[string]any{"client": "127.0.0.1", "status": 400, "error": "missing_host", "route": nil})
	testkit.Dial(t, p.Addr).Do("GET / HTTP/1.1\nHost: h\r\n\r\n").WantStatus(t, 400, "bare_lf")
	wantLine(t, log.Wait(3)[2], map[string]any{"client": "127.0.0.1", "status": 400, "error": "bare_lf"})
}

// withFields has an access log write these fields alone.
func withFields(log *testkit.AccessLog, fields string) string {
	return strings.Replace(log.YAML(), "sample: all", "fields: ["+fields+"], sample: all", 1)
}

// What a line tells only if it is asked to.
func TestAccessLogFields(t *testing.T) {
	var again atomic.Bool
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if again.CompareAndSwap(true, false) {
			c.Send(testkit.Answer("503 Service Unavailable", ""))
			return
		}
		testkit.Echo("stable")(c, r)
	})
	other := testkit.Serve(t, testkit.Echo("other"))
	log := testkit.NewAccessLog(t)
	more := withFields(log, "status, protocol, bytes_in, upstream_ms, retries, trace_id, user_agent, referer") + "trusted_proxies: [127.0.0.1]\n"
	p := testkit.Gateway(t, stableWith("balance: round_robin", testkit.Config(testkit.Pool(b, other), nil, more)))
	c := testkit.Dial(t, p.Addr)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	request := testkit.Post("/", "hello", "user-agent: a\"b", "Referer: https://example.test/", "User-Agent: second", "traceparent: 00-"+trace+"-b7ad6b7169203331-01")
	c.Do(request).WantStatus(t, 200, "")
	line := log.Wait(1)[0]
	wantLine(t, line, map[string]any{
		"status": 200, "protocol": "HTTP/1.1", "bytes_in": len(request), "retries": 0, "trace_id": trace, "user_agent": `a"b`, "referer": "https://example.test/",
		"method": nil, "time": nil,
	})
	if took, is := line["upstream_ms"].(float64); !is || took <= 0 || took > 1e5 {
		t.Errorf("upstream_ms: got %v", line["upstream_ms"])
	}

	again.Store(true)
	for i := 2; again.Load(); i++ { // until the one that refuses is asked
		chunked := testkit.Request11("GET", "/", "3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
		got := c.Do(chunked)
		line = log.Wait(i)[i-1]
		wantLine(t, line, map[string]any{"status": 200, "bytes_in": len(chunked), "user_agent": nil, "referer": nil, "trace_id": seen(t, got).Header.Get("traceparent")[3:35]})
	}
	wantLine(t, line, map[string]any{"retries": 1})

	n := len(log.Lines())
	old := testkit.Dial(t, p.Addr).Do("GET /old HTTP/1.0\r\nHost: example.test\r\ntraceparent: nonsense\r\n\r\n")
	old.WantStatus(t, 200, "")
	fresh, _, _ := traceOf(t, seen(t, old))
	wantLine(t, log.Wait(n + 1)[n], map[string]any{"status": 200, "protocol": "HTTP/1.0", "trace_id": fresh, "retries": 0})
	testkit.Dial(t, p.Addr).Do("GET / HTTP/1.1\nHost: h\r\n\r\n").WantStatus(t, 400, "bare_lf")
	wantLine(t, log.Wait(n + 2)[n+1], map[string]any{"status": 400, "protocol": nil, "trace_id": nil, "retries": nil, "upstream_ms": nil, "bytes_in": 0})
}

// The combined format, and its bytes, which are those of the body.
func TestAccessLogCombined(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		switch r.URL.Path {
		case "/early":
			c.Send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
		case "/broken":
			c.Send("HTTP/1.1 103 Early Hints\r\n\r\n")
			c.Send("HTTP/1.1 2xx\r\n\r\n")
			return
		}
		answer := testkit.Answer("200 OK", "0123456789")
		if r.Method == "HEAD" {
			answer = strings.TrimSuffix(answer, "0123456789")
		}
		c.Send(answer)
	})
	path := filepath.Join(t.TempDir(), "access.log")
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "access_log: {to: "+path+", format: combined, sample: all}\n"))
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/a?b", "User-Agent: it\"s", "Referer: /r"))
	c.Do(testkit.Request11("HEAD", "/a", ""))
	for _, path := range []string{"/early", "/broken"} {
		for got := c.Do(testkit.Get(path)); got.StatusCode < 200; {
			got = c.Read("GET") // an interim answer that is in one piece with a broken one is not passed on
		}
	}
	testkit.Dial(t, p.Addr).Do("GET / HTTP/1.1\nHost: h\r\n\r\n")
	var lines []string
	testkit.Until(t, "five lines", func() bool {
		text, _ := os.ReadFile(path)
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		return len(lines) == 5
	})
	for i, want := range []string{
		`"GET /a?b HTTP/1.1" 200 10 "/r" "it\x22s"`, `"HEAD /a HTTP/1.1" 200 0 "-" "-"`, `"GET /early HTTP/1.1" 200 10 "-" "-"`,
		`"GET /broken HTTP/1.1" 502 `, `"-" 400 `,
	} {
		if _, got, _ := strings.Cut(lines[i], "] "); !strings.HasPrefix(got, want) || !strings.HasPrefix(lines[i], "127.0.0.1 - - [") {
			t.Errorf("line %d: got %s, want %s", i+1, lines[i], want)
		}
	}
	if !strings.Contains(lines[3], fmt.Sprint(" ", len("502 Bad Gateway: the upstream's answer has no valid first line\n"), " ")) {
		t.Errorf("the gateway's own answer after an interim one: got %s, want the bytes of its text", lines[3])
	}
}

// Another log after a reload: what it leaves out, and what is lost, counted on.
func TestAccessLogReloaded(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	first, second := testkit.NewAccessLog(t), testkit.NewAccessLog(t)
	config := func(more string) string { return testkit.Config(testkit.Pool(b), nil, more) }
	p := testkit.Gateway(t, config(withFields(first, "target, user_agent")))
	c := testkit.Dial(t, p.Addr)
	get := func(path string) { c.Do(testkit.Get(path, "User-Agent: me")).WantStatus(t, 200, "") }
	get("/1")
	wantLine(t, first.Wait(1)[0], map[string]any{"target": "/1", "user_agent": "me"})
	var lines []map[string]any
	for _, step := range []struct {
		log   string
		lines int // of second
	}{{withFields(second, "target"), 1}, {"access_log: off\n", 1}, {withFields(second, "user_agent, target"), 2}} {
		p.MustReload(config(step.log))
		if err := p.ReopenAccessLog(); err != nil {
			t.Error(err)
		}
		get("/2")
		lines = second.Wait(step.lines) // a client has its answer before the line is written: a reload could be between the two
	}
	wantLine(t, lines[0], map[string]any{"target": "/2", "user_agent": nil})
	wantLine(t, lines[1], map[string]any{"target": "/2", "user_agent": "me"})
	if n := len(first.Lines()); n != 1 || p.AccessLogDropped() != 0 {
		t.Errorf("the first log: got %d lines, and %d lost, want 1 and 0", n, p.AccessLogDropped())
	}
}

// errors: only what went wrong is written, server errors of the upstream too.
func TestAccessLogOfErrors(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) { c.Send(testkit.Answer(r.URL.Path[1:]+" X", "")) })
	log := testkit.NewAccessLog(t)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, strings.Replace(log.YAML(), "all", "errors", 1)))
	c := testkit.Dial(t, p.Addr)
	for _, status := range []string{"200", "404", "503", "301", "500"} {
		c.Do(testkit.Get("/" + status))
	}
	c.Do(testkit.Get("/200", "Expect: x")).WantStatus(t, 417, "expectation_failed")
	lines := log.Wait(3)
	var got []any
	for _, line := range lines {
		got = append(got, line["status"])
	}
	if fmt.Sprint(got) != "[503 500 417]" {
		t.Errorf("logged: got %v, want [503 500 417]", got)
	}
}
