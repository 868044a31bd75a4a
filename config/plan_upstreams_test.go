package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/breaker"
	"graygate/limiter"
	"graygate/match"
	"graygate/probes"
	"graygate/upstream"
)

// usual is an upstream of which a config says its endpoints only.
func usual(name string, addresses ...string) Upstream {
	p := upstream.PoolConfig{
		Name: name, ConnectTimeout: 2 * time.Second, Panic: 500_000,
		Limits: upstream.Limits{QueueTimeout: time.Second, Idle: 1024},
		Retry: upstream.Retry{
			Attempts: 3, Budget: 200_000, On: upstream.OnConnect | upstream.OnReset | upstream.OnTimeout | upstream.On503,
		},
		Breaker: &breaker.Settings{
			Window: 10 * time.Second, Calls: 100, MinRequests: 20, Failures: 400_000, Consecutive: 5, SlowShare: 800_000,
			Open: time.Second, MaxOpen: 30 * time.Second, Trials: 3,
		},
		Outlier: &breaker.OutlierSettings{
			Consecutive: 5, SuccessRate: true, Deviations: 1.9, MinHosts: 5, MinRequests: 100, Interval: 10 * time.Second,
			Ejection: 2 * time.Second, MaxEjection: time.Minute, MaxEjected: 500_000,
		},
	}
	for _, a := range addresses {
		p.Endpoints = append(p.Endpoints, upstream.EndpointConfig{Address: a, Weight: 1})
	}
	return Upstream{Pool: p}
}

// TestUpstreamValues reads every key of upstreams, and of what goes with them, with a value that is not its default.
func TestUpstreamValues(t *testing.T) {
	t.Chdir("testdata/files")
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("graygate.yaml", []byte(`
zone: eu-1a
overload: {cpu: 95%, memory: 90.5%, run_queue: 4.5}
listeners: [{address: :8080}]
attributes: {userid: {from: [header X-User-Id]}}
upstreams:
  full:
    endpoints:
      - 127.0.0.1:9101
      - {address: "[::1]:9102", weight: 2, zone: eu-1a, priority: 1, labels: {version: "1.2", a: ""}}
      - {dns: App.internal:8080, min_ttl: 2s, max_ttl: 30s, server: 127.0.0.1:53, weight: 3, zone: eu-1b, priority: 2, labels: {a: b}}
      - {srv: _http._tcp.app.internal., max_ttl: 1s, zone: eu-1c}
      - {file: endpoints.yaml, weight: 4, zone: eu-1d}
    balance: {by: consistent, key: userid, load: 150%}
    zone_preference: on
    slow_start: 10s
    panic: 30%
    connections: {max: 1, in_flight: 2, queue: 3, queue_timeout: 4s, idle: 5, requests: 6, age: 7s, warm: 1}
    tls: {server_name: App.internal, ca_file: ca.pem, cert_file: client.pem, key_file: ../files/client.key, verify: on}
    breaker: {window: 1s, calls: 20, min_requests: 3, failures: 4%, consecutive: 5, slow: 6s, slow_share: 7%, open: 8s, max_open: 9s, trials: 10}
    outlier: {consecutive: 1, success_rate: on, deviations: 2.25, min_hosts: 3, min_requests: 4, interval: 5s, ejection: 6s, max_ejection: 7s, max_ejected: 8%}
    retry: {attempts: 2, budget: 3%, per_try_timeout: 4s, on: [500, reset, 429], hedge_after: 50ms}
    probe:
      http: {path: "/healthz?a=b", method: POST, host: app.internal:80, headers: {X-A: b, Authorization: c}, status: [204, 300-301], body: "^ok$"}
      port: 1
      tls: {verify: off}
      interval: 2s
      unhealthy_interval: 1500ms
      jitter: off
      timeout: 5s
      rise: 6
      fall: 7
  least:
    endpoints: [{file: endpoints.yaml}]
    balance: {by: consistent, key: ip, load: off}
    panic: off
    tls: on
    breaker: {failures: off, consecutive: off, slow: 1s, calls: 30}
    outlier: {consecutive: off}
    retry: {hedge_after: p95}
    probe: {tcp: {send: "PING\r\n", expect: PONG}, interval: 300ms}
  words:
    endpoints: [127.0.0.1:9101]
    balance: round_robin
    tls: off
    breaker: on
    outlier: off
    retry: on
    probe: {grpc: "", tls: on}
routes:
  - name: a
    stable: full
    gray: least
    fallback: both
    rate_limit: {rate: 90/m, burst: 20, by: userid}
    concurrency: {limit: 100, by: ip}
  - {name: b, path: /b, stable: words, fallback: off, rate_limit: {rate: 100/m}, concurrency: {limit: auto, max: 50}}
  - {name: c, path: /c, stable: words, fallback: on, rate_limit: off, concurrency: {limit: auto}}
  - {name: d, path: /d, stable: words, rate_limit: {rate: 7/s}, concurrency: off}
`))
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	full := Upstream{
		Pool: upstream.PoolConfig{
			Name: "full",
			Endpoints: []upstream.EndpointConfig{
				{Address: "127.0.0.1:9101", Weight: 1},
				{Address: "[::1]:9102", Weight: 2, Zone: "eu-1a", Priority: 1, Labels: map[string]string{"version": "1.2", "a": ""}},
			},
			Sources: []upstream.SourceConfig{
				{
					Kind: upstream.DNS, Name: "app.internal:8080", MinTTL: 2 * time.Second, MaxTTL: 30 * time.Second, Server: "127.0.0.1:53",
					Like: upstream.EndpointConfig{Weight: 3, Zone: "eu-1b", Priority: 2, Labels: map[string]string{"a": "b"}},
				},
				{
					Kind: upstream.SRV, Name: "_http._tcp.app.internal.", MinTTL: time.Second, MaxTTL: time.Second,
					Like: upstream.EndpointConfig{Weight: 1, Zone: "eu-1c"},
				},
				{Kind: upstream.File, Name: in("endpoints.yaml"), Like: upstream.EndpointConfig{Weight: 4, Zone: "eu-1d"}},
			},
			Balance:   upstream.Balance{Kind: upstream.Consistent, Key: "userid", Load: 1_500_000, Zone: true},
			SlowStart: 10 * time.Second, Panic: 300_000,
			Limits: upstream.Limits{
				Connections: 1, InFlight: 2, Queue: 3, QueueTimeout: 4 * time.Second, Idle: 5, Requests: 6, Age: 7 * time.Second, Warm: 1,
			},
			TLS: &upstream.TLS{
				Verify: true, ServerName: "app.internal", CAFile: in("ca.pem"), CertFile: in("client.pem"), KeyFile: in("client.key"),
			},
			Retry: upstream.Retry{
				Attempts: 2, Budget: 30_000, PerTryTimeout: 4 * time.Second, On: upstream.On500 | upstream.OnReset | upstream.On429,
				HedgeAfter: 50 * time.Millisecond,
			},
			Breaker: &breaker.Settings{
				Window: time.Second, Calls: 20, MinRequests: 3, Failures: 40_000, Consecutive: 5, Slow: 6 * time.Second, SlowShare: 70_000,
				Open: 8 * time.Second, MaxOpen: 9 * time.Second, Trials: 10,
			},
			Outlier: &breaker.OutlierSettings{
				Consecutive: 1, SuccessRate: true, Deviations: 2.25, MinHosts: 3, MinRequests: 4, Interval: 5 * time.Second,
				Ejection: 6 * time.Second, MaxEjection: 7 * time.Second, MaxEjected: 80_000,
			},
			Probed: true, ConnectTimeout: 2 * time.Second,
		},
		Probe: &probes.Check{
			HTTP: &probes.HTTP{
				Method: "POST", Path: "/healthz?a=b", Host: "app.internal:80", Headers: map[string]string{"X-A": "b", "Authorization": "c"},
				Status: []probes.StatusRange{{From: 204, To: 204}, {From: 300, To: 301}}, Body: regexp.MustCompile("^ok$"),
			},
			Port: 1, Interval: 2 * time.Second, Unhealthy: 1500 * time.Millisecond, Timeout: 5 * time.Second, Rise: 6, Fall: 7,
		},
		ProbeTLS: &upstream.TLS{},
	}
	least := usual("least")
	least.Pool.Sources = []upstream.SourceConfig{{Kind: upstream.File, Name: in("endpoints.yaml"), Like: upstream.EndpointConfig{Weight: 1}}}
	least.Pool.Balance = upstream.Balance{Kind: upstream.Consistent, Key: "ip"}
	least.Pool.Panic, least.Pool.Probed = 0, true
	least.Pool.TLS, least.ProbeTLS = &upstream.TLS{Verify: true}, &upstream.TLS{Verify: true}
	b := least.Pool.Breaker
	b.Failures, b.Consecutive, b.Slow, b.Calls, b.MinRequests = 0, 0, time.Second, 30, 15
	least.Pool.Outlier.Consecutive = 0
	least.Pool.Retry.HedgeP95 = true
	least.Probe = &probes.Check{
		TCP:      &probes.TCP{Send: []byte("PING\r\n"), Expect: []byte("PONG")},
		Interval: 300 * time.Millisecond, Unhealthy: 300 * time.Millisecond, Jitter: 200_000, Timeout: time.Second, Rise: 2, Fall: 3,
	}
	words := usual("words", "127.0.0.1:9101")
	words.Pool.Balance.Kind = upstream.RoundRobin
	words.Pool.Outlier, words.Pool.Probed = nil, true
	words.Probe = &probes.Check{
		GRPC:     &probes.GRPC{},
		Interval: 5 * time.Second, Unhealthy: time.Second, Jitter: 200_000, Timeout: time.Second, Rise: 2, Fall: 3,
	}
	words.ProbeTLS = &upstream.TLS{Verify: true}

	want := Defaults()
	want.Listeners, want.Attributes = p.Listeners, p.Attributes
	want.Zone = "eu-1a"
	want.Overload = &probes.Overload{CPU: 950_000, Memory: 905_000, RunQueue: 4.5}
	want.Upstreams = []Upstream{full, least, words}
	want.Routes = []PlanRoute{
		{
			Name: "a", Path: "/", Stable: "full", Gray: "least", Fallback: FallbackBoth,
			RateLimit: &limiter.RateLimit{PerSecond: 1.5, Burst: 20, By: "userid"}, Concurrency: &limiter.Concurrency{Limit: 100, By: "ip"},
		},
		{
			Name: "b", Path: "/b", Stable: "words", Fallback: FallbackOff,
			RateLimit: &limiter.RateLimit{PerSecond: 100.0 / 60, Burst: 2}, Concurrency: &limiter.Concurrency{Adaptive: true, Max: 50},
		},
		{Name: "c", Path: "/c", Stable: "words", Concurrency: &limiter.Concurrency{Adaptive: true, Max: 1000}},
		{Name: "d", Path: "/d", Stable: "words", RateLimit: &limiter.RateLimit{PerSecond: 7, Burst: 7}},
	}
	for i := range want.Upstreams {
		if got := p.Upstreams[i]; !reflect.DeepEqual(got, want.Upstreams[i]) {
			t.Errorf("got  %+v\nwant %+v", got, want.Upstreams[i])
		}
	}
	if !reflect.DeepEqual(p, &want) {
		t.Errorf("got  %+v\nwant %+v", p, &want)
	}
	if q, err := Parse("elsewhere/printed.yaml", p.YAML()); err != nil || !reflect.DeepEqual(q, p) {
		t.Errorf("%s\nread back: %v\ngot  %+v\nwant %+v", p.YAML(), err, q, p)
	}
}

// pool draws any upstream there can be; files are in folder.
func (d *drawer) pool(p *Plan, name, folder string) Upstream {
	t := d.t
	u := usual(name, d.one("127.0.0.1:1", "[::1]:65535", "a.example:80"), "x:1")
	c := &u.Pool
	c.ConnectTimeout = p.Timeouts.Connect
	c.Endpoints[1] = d.endpoint("x:1")
	if d.bool() {
		c.Sources = []upstream.SourceConfig{
			{Kind: upstream.DNS, Name: "null:1", MinTTL: time.Second, MaxTTL: d.span("ttl", time.Second), Server: d.one("", "[::1]:53"), Like: d.endpoint("")},
			{Kind: upstream.SRV, Name: d.one("_a._b.c", "on"), MinTTL: MinTTL, MaxTTL: d.span("ttl", MinTTL), Like: upstream.EndpointConfig{Weight: 1, Zone: d.one("", "on", "1")}},
			{Kind: upstream.File, Name: filepath.Join(folder, "endpoints.yaml"), Like: d.endpoint("")},
		}
	}
	c.Balance.Kind = upstream.BalanceKind(rapid.IntRange(0, int(upstream.Consistent)).Draw(t, "kind"))
	if c.Balance.Kind == upstream.Consistent {
		c.Balance.Key, c.Balance.Load = d.one("ip", "tenant"), d.orNone(rapid.Uint32Range(MinLoad, MaxLoad))
	}
	c.Balance.Zone = p.Zone != "" && c.Sources != nil
	if d.bool() {
		c.SlowStart = d.span("slow", MinSlowStart)
	}
	c.Panic = d.orNone(rapid.Uint32Range(1, match.PPM))
	c.Limits = upstream.Limits{
		Connections: d.count(MaxConnections), InFlight: d.count(MaxConnections), QueueTimeout: time.Second,
		Idle: 1 + d.count(MaxIdle-1), Requests: d.count(MaxConnectionRequests), Age: d.one2(0, d.span("age", MinAge)),
	}
	if c.Limits.InFlight > 0 && d.bool() {
		c.Limits.Queue, c.Limits.QueueTimeout = 1+d.count(MaxQueue-1), min(MaxQueueTimeout, d.span("wait", MinTimeout))
	}
	if c.Limits.Connections != 1 {
		c.Limits.Warm = d.count(min(c.Limits.Idle, 2))
	}
	c.TLS = d.tls(folder)
	d.healers(p, c)
	if d.bool() {
		u.Probe, u.ProbeTLS, c.Probed = d.check(), d.tls(folder), true
	}
	return u
}

func (d *drawer) endpoint(address string) upstream.EndpointConfig {
	e := upstream.EndpointConfig{
		Address: address, Weight: rapid.IntRange(0, MaxEndpointWeight).Draw(d.t, "weight"), Zone: d.one("", "a", "on", "1"),
		Priority: rapid.IntRange(0, MaxPriority).Draw(d.t, "priority"),
	}
	for _, name := range d.names("labels", 0) {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		e.Labels[name] = d.one("", d.text())
	}
	return e
}

func (d *drawer) tls(folder string) *upstream.TLS {
	switch d.one("off", "on", "trusting", "files") {
	case "off":
		return nil
	case "on":
		return &upstream.TLS{Verify: true}
	case "trusting":
		return &upstream.TLS{ServerName: d.one("on", "::1", "10.0.0.1")}
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	return &upstream.TLS{Verify: true, CAFile: in("ca.pem"), CertFile: in("client.pem"), KeyFile: in("client.key")}
}

// healers draws breaker, outlier and retry.
func (d *drawer) healers(p *Plan, c *upstream.PoolConfig) {
	t := d.t
	b, o, r := c.Breaker, c.Outlier, &c.Retry
	b.Window, b.Consecutive, b.Failures = min(MaxWindow, d.span("window", MinWindow)), 1+d.count(MaxConsecutive-1), d.orNone(rapid.Uint32Range(1, match.PPM))
	if d.bool() {
		b.Slow, b.SlowShare = d.span("slow", MinTimeout), rapid.Uint32Range(1, match.PPM).Draw(t, "share")
	}
	b.Open = min(MaxOpen, d.span("open", MinOpen))
	b.MaxOpen = min(MaxOpen, b.Open+d.span("more", 0))
	b.Calls, b.MinRequests = d.one3(0, MinCalls, MaxCalls), rapid.IntRange(1, MinCalls/2).Draw(t, "min")
	b.Trials = rapid.IntRange(1, MaxTrials).Draw(t, "trials")
	if o.SuccessRate = d.bool(); o.SuccessRate {
		o.Deviations = float64(rapid.IntRange(100, 10_000).Draw(t, "deviations")) / 1000
		o.Consecutive, o.MinHosts, o.Interval = d.count(MaxConsecutive), rapid.IntRange(MinHosts, MaxEndpoints).Draw(t, "hosts"), d.span("interval", MinOutlierInterval)
	}
	o.Ejection = min(MaxOpen, d.span("ejection", MinOpen))
	o.MaxEjection, o.MaxEjected = MaxOpen, rapid.Uint32Range(1, match.PPM).Draw(t, "ejected")
	r.Attempts, r.Budget = rapid.IntRange(2, MaxAttempts).Draw(t, "attempts"), rapid.Uint32Range(1, match.PPM).Draw(t, "budget")
	r.On = upstream.RetryOn(rapid.IntRange(1, 1<<len(retryReasons)-1).Draw(t, "on"))
	r.PerTryTimeout = d.one2(0, p.Timeouts.ResponseHead)
	switch d.one("off", "p95", "after") {
	case "p95":
		r.HedgeP95 = true
	case "after":
		r.HedgeAfter = MinTimeout
	}
	switch d.one("all", "breaker", "outlier", "retry") {
	case "breaker":
		c.Breaker = nil
	case "outlier":
		c.Outlier = nil
	case "retry":
		c.Retry = upstream.Retry{Attempts: 1}
	}
}

func (d *drawer) check() *probes.Check {
	t := d.t
	c := &probes.Check{
		Port: d.count(65535), Interval: d.span("interval", time.Second), Unhealthy: time.Second, Jitter: d.orNone(rapid.Uint32Range(1, match.PPM)),
		Timeout: min(MaxProbeTimeout, d.span("timeout", MinTimeout)), Rise: 1 + d.count(MaxRise-1), Fall: 1 + d.count(MaxRise-1),
	}
	switch d.one("http", "tcp", "grpc") {
	case "http":
		c.HTTP = &probes.HTTP{
			Method: d.one("GET", "ON"), Path: d.one("/", "/a:b?c=d&e='{", "/off"), Host: d.one("", "a.b:80", "[::1]:1", "on"),
			Status: []probes.StatusRange{{From: 200, To: rapid.IntRange(200, MaxStatus).Draw(t, "to")}, {From: 404, To: 404}},
		}
		if d.bool() {
			c.HTTP.Body = regexp.MustCompile(regexp.QuoteMeta(d.text()) + d.one("", `\d+$`, "a|'b'"))
			c.HTTP.Headers = map[string]string{d.one("X-A", "on", "*|~'"): d.one("", "a: b", "#", "ü")}
		}
	case "tcp":
		c.TCP = &probes.TCP{}
		if d.bool() {
			c.TCP.Send, c.TCP.Expect = []byte(d.raw()), []byte(d.raw())
		}
	default:
		c.GRPC = &probes.GRPC{Service: d.one("", "a.B", "on", "#")}
	}
	return c
}

// limits draws what a route's requests are bounded by.
func (d *drawer) limits(r *PlanRoute) {
	t := d.t
	if r.Fallback = Fallback(rapid.IntRange(0, 2).Draw(t, "fallback")); r.Gray == "" && r.Fallback == FallbackBoth {
		r.Fallback = FallbackOff
	}
	if d.bool() {
		n := float64(rapid.IntRange(1, MaxRate).Draw(t, "rate"))
		if d.bool() {
			n /= 60
		}
		r.RateLimit = &limiter.RateLimit{PerSecond: n, Burst: 1 + d.count(MaxBurst-1), By: d.one("", "ip", "tenant")}
	}
	switch d.one("off", "fixed", "auto") {
	case "fixed":
		r.Concurrency = &limiter.Concurrency{Limit: 1 + d.count(MaxConcurrency-1), By: d.one("", "ip", "tenant")}
	case "auto":
		r.Concurrency = &limiter.Concurrency{Adaptive: true, Max: 1 + d.count(MaxConcurrency-1)}
	}
}

func (d *drawer) overload() *probes.Overload {
	if d.bool() {
		return nil
	}
	return &probes.Overload{
		CPU: d.orNone(rapid.Uint32Range(1, match.PPM)), Memory: 1 + d.orNone(rapid.Uint32Range(1, match.PPM-1)),
		RunQueue: float64(d.one3(0, 100, 999_999)) / 1000,
	}
}

// span is a duration from least to a day.
func (d *drawer) span(label string, least time.Duration) time.Duration {
	unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute}).Draw(d.t, "unit")
	return min(time.Hour, max(least, unit*time.Duration(rapid.IntRange(1, 5000).Draw(d.t, label))))
}

// count is 0, or a number up to most.
func (d *drawer) count(most int) int { return d.one3(0, 1, most) }

func (d *drawer) one3(none, least, most int) int {
	if d.bool() {
		return none
	}
	return rapid.IntRange(least, most).Draw(d.t, "count")
}

func (d *drawer) one2(a, b time.Duration) time.Duration {
	return rapid.SampledFrom([]time.Duration{a, b}).Draw(d.t, "span")
}

func (d *drawer) orNone(of *rapid.Generator[uint32]) uint32 {
	if d.bool() {
		return 0
	}
	return of.Draw(d.t, "share")
}

// raw is a text with any characters that YAML can write.
func (d *drawer) raw() string {
	return d.text() + d.one("", "\r\n", "\x00", "\t\n ", "\x1b", "\u0085", " ") + fmt.Sprint(d.bool())
}
