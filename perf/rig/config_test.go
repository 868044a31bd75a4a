package rig

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Every template renders with all that it asks for, in both of its shapes, and says what the comparison rests on.
func TestProxyTemplates(t *testing.T) {
	f := func(file string, v view, want, not []string) {
		t.Helper()
		text, err := render(file, v)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		for _, line := range want {
			if !strings.Contains(string(text), line) {
				t.Errorf("%s has no %q:\n%s", file, line, text)
			}
		}
		for _, line := range not {
			if strings.Contains(string(text), line) {
				t.Errorf("%s has %q:\n%s", file, line, text)
			}
		}
	}
	one := view{Name: "p", Address: "127.0.0.1:1", Admin: "127.0.0.1:2", Dir: "/d", Sockets: 99,
		Setup: Setup{Stable: "127.0.0.1:3", Gray: "127.0.0.1:4", Loops: 1, MaxConnections: 50}}
	auto := one
	auto.Loops, auto.Forwarded, auto.Root = 0, true, true

	f("graygate.yaml.tmpl", one, []string{"address: 127.0.0.1:1", "max_connections: 50", "admin: {address: 127.0.0.1:2}", "loops: 1", "access_log: off",
		"stable: {endpoints: [127.0.0.1:3]}", "gray: {endpoints: [127.0.0.1:4]}", `when: "tag == 'gray'"`}, nil)
	f("graygate.yaml.tmpl", auto, []string{"loops: auto"}, nil)
	f("nginx.conf.tmpl", one, []string{"worker_processes 1;", "worker_connections 99;", "access_log off;", "server 127.0.0.1:3;", "server 127.0.0.1:4;",
		"keepalive 256;", "proxy_http_version 1.1;", `proxy_set_header Connection "";`, "gray gray;"}, []string{"X-Forwarded-For", "user root"})
	f("nginx.conf.tmpl", auto, []string{"worker_processes auto;", "X-Forwarded-For", "user root;"}, nil)
	f("haproxy.cfg.tmpl", one, []string{"nbthread 1", "maxconn 50", "http-reuse always", "bind 127.0.0.1:1", "server stable1 127.0.0.1:3",
		"server gray1 127.0.0.1:4", "req.hdr(X-Gray-Tag) -m str gray"}, []string{"X-Forwarded-For", "\n    log "})
	f("haproxy.cfg.tmpl", auto, []string{"X-Forwarded-For"}, []string{"nbthread"})
}

func TestMixTemplate(t *testing.T) {
	text, err := render("mix.lua.tmpl", Load{Path: "/p", GrayPercent: 10})
	if err != nil || !strings.Contains(string(text), `wrk.format("GET", "/p")`) || !strings.Contains(string(text), "owed + 10") || strings.Contains(string(text), "close") {
		t.Errorf("keep-alive: %v\n%s", err, text)
	}
	text, err = render("mix.lua.tmpl", Load{Path: "/p", Close: true})
	if err != nil || !strings.Contains(string(text), `wrk.headers["Connection"] = "close"`) {
		t.Errorf("new connections: %v\n%s", err, text)
	}
}

func TestAnswers(t *testing.T) {
	for _, pool := range []string{"stable", "gray", "stable-b"} {
		if text := Answer(pool); len(text) != AnswerBytes || AnsweredBy(text) != pool {
			t.Errorf("Answer(%q) = %q of %d bytes, by %q", pool, text, len(text), AnsweredBy(text))
		}
	}
	for _, text := range []string{"", "stable", "stable ...", Answer("gray")[1:] + "x", Answer("gray") + "."} {
		if got := AnsweredBy(text); got != "" {
			t.Errorf("AnsweredBy(%q) = %q, want none", text, got)
		}
	}
}

// router answers like a proxy before the backend; wrong sends tagged requests to the stable pool.
func router(t *testing.T, wrong bool) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		pool := "stable"
		if req.Header.Get("X-Gray-Tag") == "gray" && !wrong {
			pool = "gray"
		}
		_, _ = w.Write([]byte(Answer(pool)))
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestCheckRouting(t *testing.T) {
	if err := CheckRouting(t.Context(), router(t, false)); err != nil {
		t.Error(err)
	}
	err := CheckRouting(t.Context(), router(t, true))
	if want := `with X-Gray-Tag "gray": answered by "stable", want "gray"`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a proxy that does not heed the tag: %v, want %q", err, want)
	}
}

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte(`{"mallocs": 12, "heap_alloc_bytes": 34, "requests": 56, "gc_cycles": 0, "generation": 3}`))
	if want := (Status{Mallocs: 12, HeapAllocBytes: 34, Requests: 56}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	f := func(body, want string) {
		t.Helper()
		if got, err := parseStatus([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseStatus(%s) = %+v, %v, want an error with %q", body, got, err, want)
		}
	}
	f(`{"mallocs": 12, "heap_alloc_bytes": 34, "gc_cycles": 0}`, `no "requests"`)
	f(`{"mallocs": "12", "heap_alloc_bytes": 34, "requests": 56, "gc_cycles": 0}`, "mallocs")
	f(`ready`, "status of the admin address")
}

// The healing of the benchmarks is all on, all off, or not a word.
func TestHealing(t *testing.T) {
	f := func(h Healing, want ...string) {
		t.Helper()
		text, err := render("graygate.yaml.tmpl", view{Name: "p", Address: "127.0.0.1:1", Admin: "127.0.0.1:2",
			Setup: Setup{Stable: "127.0.0.1:3, 127.0.0.1:5", Gray: "127.0.0.1:4", Loops: 1, MaxConnections: 50, Healing: h}})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("no %q in:\n%s", part, text)
			}
		}
	}
	f(HealingUnknown, "stable: {endpoints: [127.0.0.1:3, 127.0.0.1:5]}", "gray: gray\n    rules:")
	f(HealingOff, "breaker: off, outlier: off, retry: off, probe: off}", "fallback: off")
	f(HealingOn, "outlier: on, retry: {", "probe: {", "rate_limit: {", "concurrency: {")
}
