package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"graygate/internal/testkit"
	"graygate/telemetry/meter"
)

// page is a scrape, as one line for each sample, sorted.
func page(p *testkit.Proxy) []string {
	var b bytes.Buffer
	p.Metrics(&b)
	lines := slices.DeleteFunc(strings.Split(b.String(), "\n"), func(line string) bool { return line == "" || line[0] == '#' })
	slices.Sort(lines)
	return lines
}

// samples are the lines of a page that belong to a metric, without its name.
func samples(p *testkit.Proxy, name string) (of []string) {
	for _, line := range page(p) {
		if rest, is := strings.CutPrefix(line, name); is && (rest[0] == '{' || rest[0] == ' ') {
			of = append(of, rest)
		}
	}
	return of
}

// wantSamples waits until a metric has the samples given and no others: what a client has been answered is counted a moment later.
func wantSamples(t *testing.T, p *testkit.Proxy, name string, want ...string) {
	t.Helper()
	slices.Sort(want)
	testkit.Until(t, name, func() bool {
		if got := samples(p, name); !slices.Equal(got, want) {
			t.Logf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			return false
		}
		return true
	})
}

// requests is a sample of graygate_requests_total.
func requests(service, rule string, gray bool, status, upstream string, n int) string {
	return fmt.Sprintf(`{service_name=%q,gray_rule_id=%q,is_gray="%v",http_status_code=%q,upstream=%q} %d`, service, rule, gray, status, upstream, n)
}

// meteredConfig is a route for one host, of which one rule leads to a pool that takes no connections.
func meteredConfig(stable, gray, dead string, more string) string {
	return fmt.Sprintf(`
listeners: [{address: %s}]
loops: 2
access_log: off
%s
upstreams:
  stable: {endpoints: [%s]}
  gray: {endpoints: [%s], retry: off}
  dead: {endpoints: [%s], breaker: off, outlier: off}
routes:
  - name: shop
    host: shop.test
    stable: stable
    gray: gray
    rules:
      - {name: tagged, when: "tag == 'gray'"}
      - {name: dead, when: "tag == 'dead'", to: dead}
`, testkit.Listen, more, stable, gray, dead)
}

func shop(path string, fields ...string) string {
	return strings.Replace(testkit.Get(path, fields...), "example.test", "shop.test", 1)
}

// statuses answers with the status that the path names, or with a long body.
func statuses(c *testkit.Conn, r *testkit.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch status := r.URL.Path[1:]; status {
	case "long":
		c.Send(testkit.Answer("200 OK", strings.Repeat("x", 3<<20)))
	case "cut":
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		_ = c.Close()
	case "closed":
		_ = c.Close()
	default:
		c.Send(testkit.Answer(status+" X", ""))
	}
}

// TestRequestsAreCounted asks for everything that can become of a request, and knows each count.
func TestRequestsAreCounted(t *testing.T) {
	stable, gray, refused := testkit.Serve(t, statuses), testkit.Serve(t, statuses), testkit.Refused(t)
	config := meteredConfig(stable.Addr, gray.Addr, refused.Addr, "")
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	do := func(n int, request string) {
		for range n {
			c.Do(request)
		}
	}
	do(3, shop("/200"))
	do(1, strings.Replace(shop("/404"), "GET", "DELETE", 1))
	do(1, strings.Replace(shop("/404"), "GET", "BREW", 1))
	do(1, shop("/503"))
	do(2, shop("/299"))
	do(1, shop("/599"))
	do(2, shop("/200", "X-Gray-Tag: gray"))
	do(1, shop("/500", "X-Gray-Tag: gray"))
	do(2, shop("/200", "X-Gray-Tag: dead")) // stable serves them
	do(1, shop("/long"))
	do(1, shop("/long", "X-Gray-Tag: gray"))
	do(1, shop("/closed", "X-Gray-Tag: gray")) // and there is no second try
	for i := range 20 {                        // none of which can make a series
		do(1, testkit.Request11(fmt.Sprintf("M%d", i), "/", "", fmt.Sprintf("X-Gray-Tag: tag-%d", i)))
	}
	if _, err := testkit.Dial(t, p.Addr).TryRead("GET"); err == nil {
		t.Error("an answer to nothing")
	}
	want := []string{
		requests("", "", false, "404", "", 20),
		requests("shop", "", false, "200", "stable", 4),
		requests("shop", "", false, "404", "stable", 2),
		requests("shop", "", false, "503", "stable", 1),
		requests("shop", "", false, "other", "stable", 3),
		requests("shop", "dead", true, "200", "stable", 2),
		requests("shop", "tagged", true, "200", "gray", 3),
		requests("shop", "tagged", true, "500", "gray", 1),
		requests("shop", "tagged", true, "502", "", 1),
	}
	wantSamples(t, p, "graygate_requests_total", want...)
	wantSamples(t, p, "graygate_fallbacks_total", `{service_name="shop"} 2`)
	wantSamples(t, p, "graygate_request_duration_seconds_count",
		`{service_name="",gray_rule_id="",is_gray="false"} 20`, `{service_name="shop",gray_rule_id="",is_gray="false"} 10`,
		`{service_name="shop",gray_rule_id="dead",is_gray="true"} 2`, `{service_name="shop",gray_rule_id="tagged",is_gray="true"} 5`)
	wantSamples(t, p, "graygate_upstream_duration_seconds_count",
		`{service_name="shop",gray_rule_id="",is_gray="false"} 10`,
		`{service_name="shop",gray_rule_id="dead",is_gray="true"} 2`, `{service_name="shop",gray_rule_id="tagged",is_gray="true"} 5`)

	// A reload that keeps the route keeps its counts; one without a rule takes that rule's away.
	p.MustReload(config)
	wantSamples(t, p, "graygate_requests_total", want...)
	c.Do(shop("/200"))
	want[1] = requests("shop", "", false, "200", "stable", 5)
	wantSamples(t, p, "graygate_requests_total", want...)
	p.MustReload(strings.Replace(config, "      - {name: dead, when: \"tag == 'dead'\", to: dead}\n", "", 1))
	wantSamples(t, p, "graygate_requests_total", append(slices.Clone(want[:5]), want[6:]...)...)
	if err := p.TryReload("nonsense: yes"); err == nil {
		t.Fatal("a config that is none was taken")
	}
	wantSamples(t, p, "graygate_requests_total", append(slices.Clone(want[:5]), want[6:]...)...)

	p.MustReload(meteredConfig(stable.Addr, gray.Addr, refused.Addr, "metrics: off"))
	c.Do(shop("/200"))
	wantSamples(t, p, "graygate_requests_total")
	if got := samples(p, "graygate_config_generation"); !slices.Equal(got, []string{" 4"}) {
		t.Errorf("the generation: got %q, want 4", got)
	}
}

// TestBrokenRequestsAreCounted has clients that send what is no request, or go.
func TestBrokenRequestsAreCounted(t *testing.T) {
	hold := make(chan struct{})
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/hold" {
			<-hold
			return
		}
		statuses(c, r)
	})
	p := testkit.Gateway(t, meteredConfig(b.Addr, b.Addr, b.Addr, ""))
	testkit.Do(t, p.Addr, "GET / HTTP/1.1\r\n\r\n").WantStatus(t, 400, "missing_host")
	testkit.Do(t, p.Addr, "GET / HTTP/1.1\nHost: h\r\n\r\n").WantStatus(t, 400, "bare_lf")
	cut := testkit.Dial(t, p.Addr)
	cut.Send(shop("/cut"))
	_, _ = cut.ReadAll()
	gone := testkit.Dial(t, p.Addr)
	gone.Send(shop("/hold"))
	testkit.Until(t, "the request to arrive", func() bool { return len(b.Seen()) > 1 })
	gone.Close()
	close(hold)
	wantSamples(t, p, "graygate_requests_total",
		requests("", "", false, "400", "", 2), // neither has a route
		requests("shop", "", false, "200", "stable", 1),
		requests("shop", "", false, "other", "", 1),
	)
}

// TestTunnelsAreCounted: a tunnel is a request until it begins.
func TestTunnelsAreCounted(t *testing.T) {
	ended := make(chan error, 1)
	b := webSocket(t, "hello", ended)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Send(upgradeRequest())
	wantSwitched(t, c)
	want := requests("all", "", false, "101", "stable", 1)
	wantSamples(t, p, "graygate_requests_total", want)
	c.Close()
	testkit.Until(t, "the tunnel's end", func() bool { return p.Connections() == 0 })
	wantSamples(t, p, "graygate_requests_total", want)
}

// TestBytesAndConnectionsAreCounted compares what the gateway counts with what its client has sent and got, on the loop, in relays, and in
// a tunnel.
func TestBytesAndConnectionsAreCounted(t *testing.T) {
	b := testkit.Serve(t, statuses)
	p := testkit.Gateway(t, meteredConfig(b.Addr, b.Addr, b.Addr, ""))
	c := testkit.Dial(t, p.Addr)
	sent, got := 0, 0
	do := func(request string) {
		sent += len(request)
		c.Send(request)
		r, err := c.Head("GET")
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Fatal(err)
		}
		got += int(n)
	}
	do(shop("/200"))
	do(shop("/long"))
	do(strings.Replace(testkit.Post("/200", strings.Repeat("y", 2<<20)), "example.test", "shop.test", 1))
	wantSamples(t, p, "graygate_received_bytes_total", fmt.Sprintf(" %d", sent))
	wantSamples(t, p, "graygate_connections", `{listener="127.0.0.1:0"} 1`)
	wantSamples(t, p, "graygate_connections_total", `{listener="127.0.0.1:0"} 1`)
	heads := p.Counters().Sent - uint64(got)
	if heads < 3*30 || heads > 3*100 {
		t.Errorf("bytes sent: got %d, want the bodies (%d) and three heads", p.Counters().Sent, got)
	}
}

// TestRetriesAreCounted: a retried request is one request, and its further attempts are told by their reason.
func TestRetriesAreCounted(t *testing.T) {
	good := testkit.Serve(t, statuses)
	ill := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) { c.Send(testkit.Answer("503 X", "")) })
	config := testkit.Config(testkit.Pool(ill, good), nil, "")
	p := testkit.Gateway(t, stableWith("balance: round_robin, breaker: off, outlier: off, retry: {budget: 100%}", config))
	c := testkit.Dial(t, p.Addr)
	for range 10 {
		c.Do(testkit.Get("/200")).WantStatus(t, 200, "")
	}
	wantSamples(t, p, "graygate_requests_total", requests("all", "", false, "200", "stable", 10))
	refused := len(ill.Seen())
	if refused == 0 {
		t.Fatal("no request came to the endpoint that is ill")
	}
	testkit.Until(t, "the loop to publish what it counts", func() bool { return p.Counters().Retries.Status == uint64(refused) })
	zero := []string{`{reason="connect"} 0`, `{reason="full"} 0`, `{reason="resent"} 0`, `{reason="reset"} 0`, `{reason="timeout"} 0`}
	wantSamples(t, p, "graygate_retries_total", append([]string{fmt.Sprintf(`{reason="status"} %d`, refused)}, zero...)...)
}

// TestStatesAreTold: breakers, endpoints, events, reloads and the build are on the page.
func TestStatesAreTold(t *testing.T) {
	good, refused := testkit.Serve(t, statuses), testkit.Refused(t)
	p := testkit.Gateway(t, stableWith("outlier: off, breaker: {consecutive: 2, open: 1h, max_open: 1h}", testkit.Config(testkit.Pool(good, refused), nil, "")))
	c := testkit.Dial(t, p.Addr)
	testkit.Until(t, "the breaker to open", func() bool {
		c.Do(testkit.Get("/200"))
		return slices.Contains(samples(p, "graygate_breaker_state"), fmt.Sprintf(`{upstream="stable",endpoint=%q} 2`, refused.Addr))
	})
	wantSamples(t, p, "graygate_breaker_state", `{upstream="stable",endpoint=""} 0`,
		fmt.Sprintf(`{upstream="stable",endpoint=%q} 0`, good.Addr), fmt.Sprintf(`{upstream="stable",endpoint=%q} 2`, refused.Addr))
	wantSamples(t, p, "graygate_endpoint_up",
		fmt.Sprintf(`{upstream="stable",endpoint=%q} 1`, good.Addr), fmt.Sprintf(`{upstream="stable",endpoint=%q} 0`, refused.Addr))
	testkit.Until(t, "the event", func() bool {
		return slices.Contains(samples(p, "graygate_events_total"), `{kind="endpoint_breaker"} 1`)
	})
	wantSamples(t, p, "graygate_config_reloads_total", `{result="failed"} 0`, `{result="ok"} 0`)
	wantSamples(t, p, "graygate_config_last_reload_successful", " 1")
	p.NoteReload(io.ErrUnexpectedEOF)
	wantSamples(t, p, "graygate_config_reloads_total", `{result="failed"} 1`, `{result="ok"} 0`)
	wantSamples(t, p, "graygate_config_last_reload_successful", " 0")
	if lag := samples(p, "graygate_loop_lag_seconds"); len(lag) != 1 || !strings.HasPrefix(lag[0], `{loop="0"} `) {
		t.Errorf("loop lag: got %q, want that of the one loop", lag)
	}
	if build := samples(p, "graygate_build_info"); len(build) != 1 || !strings.Contains(build[0], `goversion="go1.`) {
		t.Errorf("build: got %q, want one line with Go's version", build)
	}
}

// TestExperimentsAreCounted: what was drawn is counted, by variant, and what was forced is not; a variant's choice of pool has a series.
func TestExperimentsAreCounted(t *testing.T) {
	stable, gray := testkit.Serve(t, statuses), testkit.Serve(t, statuses)
	config := testkit.Config(testkit.Pool(stable), testkit.Pool(gray), `attributes: {userid: {from: [header X-User-Id]}}
layers: {one: {by: userid}, two: {by: userid}}
experiments:
  color: {layer: one, slots: [0-9999], state: active, variants: {red: {weight: 1, to: gray}, blue: {weight: 0, force: [smith]}}}
  size: {layer: two, slots: [0-9999], state: active, variants: {big: 1, small: 1}}
`)
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	const users = 200
	for i := range users {
		c.Do(testkit.Get("/200", fmt.Sprintf("X-User-Id: u%d", i)))
	}
	for range 3 {
		c.Do(testkit.Get("/200", "X-User-Id: smith"))
	}
	c.Do(testkit.Get("/200"))
	wantSamples(t, p, "graygate_requests_total",
		requests("all", "", false, "200", "stable", 4), requests("all", "color=red", true, "200", "gray", users))
	got := samples(p, "graygate_experiment_assignments_total")
	var big, small int
	for _, line := range got {
		_, _ = fmt.Sscanf(line, `{tenant="",experiment="size",variant="big"} %d`, &big)
		_, _ = fmt.Sscanf(line, `{tenant="",experiment="size",variant="small"} %d`, &small)
	}
	if big+small != users+3 || big < 60 || small < 60 {
		t.Errorf("size: got %d and %d, want about half of %d each", big, small, users+3)
	}
	wantColor := []string{`{tenant="",experiment="color",variant="blue"} 0`, fmt.Sprintf(`{tenant="",experiment="color",variant="red"} %d`, users)}
	if len(got) < 2 || !slices.Equal(got[:2], wantColor) {
		t.Errorf("color: got %q, want %q", got, wantColor)
	}
	if units := samples(p, "graygate_experiment_sampled_units"); !slices.ContainsFunc(units, func(s string) bool {
		return strings.HasPrefix(s, `{tenant="",experiment="size",at="outcome"} `) && !strings.HasSuffix(s, " 0")
	}) {
		t.Errorf("sampled units: got %q, want some that were answered", units)
	}
	p.MustReload(config)
	if again := samples(p, "graygate_experiment_assignments_total"); !slices.Equal(again, got) {
		t.Errorf("after a reload: got %q, want %q", again, got)
	}
}

// A collector's bug is the caller's to deal with, on whatever thread the page is written.
func TestMetricsPanicWhereTheyWereAskedFor(t *testing.T) {
	b := testkit.Serve(t, testkit.OK("fine"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	p.Meter().Collect(func(page *meter.Page) { page.Counter(&meter.Connections, 1) })
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "BUG: a counter graygate_connections") {
			t.Errorf("got the panic %q", got)
		}
	}()
	p.Metrics(io.Discard)
	t.Error("the page was written")
}
