package gateway_test

import (
	"fmt"
	"strings"
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
