package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/match"
	"graygate/telemetry"
	"graygate/upstream"
)

// TestDefaults reads the least that a config can be, and compares the whole plan.
func TestDefaults(t *testing.T) {
	got, err := Parse("graygate.yaml", []byte(`
listeners: [{address: :8080}]
upstreams: {stable: {endpoints: [127.0.0.1:9101]}}
routes: [{name: main, stable: stable}]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{
		Listeners: []Listener{{Address: ":8080"}},
		AccessLog: AccessLog{To: "stdout", Format: "json", Fields: telemetry.DefaultAccessFields(), Sample: "errors"},
		Limits:    Limits{HeadSize: 32768, HeadCount: 128, BodySize: -1},
		Timeouts: Timeouts{
			Head: 10 * time.Second, Idle: 75 * time.Second, Connect: 2 * time.Second, ResponseHead: 30 * time.Second,
			Body: time.Minute, UpstreamIdle: time.Minute, Tunnel: time.Hour,
		},
		DrainTimeout: 30 * time.Second,
		Metrics:      true,
		Geo:          Geo{Language: "en"},
		Upstreams:    []Upstream{usual("stable", "127.0.0.1:9101")},
		Routes:       []PlanRoute{{Name: "main", Path: "/", Stable: "stable"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestValues reads every key with a value that is not its default, and compares the whole plan.
func TestValues(t *testing.T) {
	folder, err := filepath.Abs("testdata/files")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("graygate.yaml", []byte(`
listeners: [{address: "[0:0::1]:8", max_connections: 9}, {address: localhost:0, max_connections: auto}]
admin: {address: "unix:/run/graygate/admin.sock", token_file: testdata/files/override.key, mode: 0600}
loops: 3
access_log: {to: ./access.log, format: json, fields: [status, user_agent], sample: 2.50%}
tracing:
  endpoint: https://collector.example:4318/v1/traces
  sample: off
  gray: 100%
  errors: off
  service_name: edge
  headers: {X-Team: abc, Authorization: Bearer x}
  ca_file: testdata/files/ca.pem
  timeout: 2s
limits: {head_size: 4096, header_count: 7, body_size: 10MB}
timeouts: {head: 1s, idle: 2m, connect: 300ms, response_head: 1h, body: 1m30s, upstream_idle: 1500ms, tunnel: 24h}
drain_timeout: 90s
pid_file: /run/graygate.pid
trusted_proxies: [10.0.0.0/8, 127.0.0.1, "::ffff:192.0.2.1", "fd00::/8"]
attributes:
  version: {from: [header X-Version], type: version}
  os: {from: [cookie os, query o s], type: string}
  age: {from: [query age, path segment 2], type: int, default: 18, capture: '(\d+)'}
  groups: {from: [header X, ip, const A b], type: list, lower: true}
upstreams:
  b: {endpoints: ["[::1]:9101", Backend.Example:80], breaker: off, retry: off, probe: off}
  a: {endpoints: [127.0.0.1:9101], breaker: on, retry: on}
routes:
  - name: shop
    host: Shop.Example.COM
    path: /a/b/
    stable: b
    gray: a
    rules:
      - {name: one, when: " os == 'ios' ", percent: 0.0001, by: os, salt: pepper, to: b}
      - {name: two, percent: 33.3, by: os}
      - {name: three, percent: 100, by: request}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := netip.MustParsePrefix
	want := &Plan{
		Listeners: []Listener{{"[::1]:8", 9}, {"localhost:0", 0}},
		Admin:     Admin{"unix:/run/graygate/admin.sock", filepath.Join(folder, "override.key"), 0o600},
		Loops:     3,
		AccessLog: AccessLog{"./access.log", "json", []string{"status", "user_agent"}, "2.5%", 0.025},
		Tracing: &Tracing{
			Endpoint: "https://collector.example:4318/v1/traces", Gray: 1_000_000, ServiceName: "edge",
			Headers: map[string]string{"X-Team": "abc", "Authorization": "Bearer x"}, CAFile: filepath.Join(folder, "ca.pem"), Timeout: 2 * time.Second,
		},
		Limits: Limits{4096, 7, 10_000_000},
		Timeouts: Timeouts{
			time.Second, 2 * time.Minute, 300 * time.Millisecond, time.Hour, 90 * time.Second, 1500 * time.Millisecond, 24 * time.Hour,
		},
		DrainTimeout:   90 * time.Second,
		Metrics:        true,
		Geo:            Geo{Language: "en"},
		PIDFile:        "/run/graygate.pid",
		TrustedProxies: []netip.Prefix{p("10.0.0.0/8"), p("127.0.0.1/32"), p("192.0.2.1/32"), p("fd00::/8")},
		Attributes: []Attribute{
			{Name: "version", Type: match.Version, From: []match.Source{{Kind: match.FromHeader, Name: "X-Version"}}},
			{Name: "os", From: []match.Source{{Kind: match.FromCookie, Name: "os"}, {Kind: match.FromQuery, Name: "o s"}}},
			{
				Name: "age", Type: match.Int, Default: "18", Capture: `(\d+)`,
				From: []match.Source{{Kind: match.FromQuery, Name: "age"}, {Kind: match.FromSegment, Name: "2"}},
			},
			{
				Name: "groups", Type: match.List, Lower: true,
				From: []match.Source{{Kind: match.FromHeader, Name: "X"}, {Kind: match.FromIP}, {Kind: match.FromConst, Name: "A b"}},
			},
		},
		Upstreams: []Upstream{usual("b", "[::1]:9101", "backend.example:80"), usual("a", "127.0.0.1:9101")},
		Routes: []PlanRoute{{
			Name: "shop", Host: "shop.example.com", Path: "/a/b", Stable: "b", Gray: "a", Rules: []PlanRule{
				{Name: "one", When: "os == 'ios'", HasPercent: true, PPM: 1, By: "os", Salt: "pepper", To: "b"},
				{Name: "two", HasPercent: true, PPM: 333_000, By: "os", Salt: "two", To: "a"},
				{Name: "three", HasPercent: true, PPM: 1_000_000, By: "request", To: "a"},
			},
		}},
	}
	want.Upstreams[0].Pool.Breaker = nil
	want.Upstreams[0].Pool.Retry = upstream.Retry{Attempts: 1}
	for i := range want.Upstreams {
		want.Upstreams[i].Pool.ConnectTimeout = 300 * time.Millisecond
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestPrintedReadsBack: what a plan prints is read as the same plan, and a plan that was read can be built.
func TestPrintedReadsBack(t *testing.T) {
	folder, err := filepath.Abs("testdata/files")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := drawPlan(t, folder)
		text := want.YAML()
		got, err := Parse("printed.yaml", text)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
		if _, err := Build(got, got.named(), upstream.NewRegistry(upstream.Options{Loops: 1}), 1); err != nil {
			t.Fatalf("%s\nis not built: %v", text, err)
		}
	})
}

// drawPlan makes any plan there can be, short ones.
func drawPlan(t *rapid.T, folder string) *Plan {
	d := &drawer{t}
	p := Defaults()
	for i := range rapid.IntRange(1, 3).Draw(t, "listeners") {
		host := d.one("", "127.0.0.1", "[::1]", "localhost", "0.0.0.0")
		p.Listeners = append(p.Listeners, Listener{fmt.Sprintf("%s:%d", host, 8080+i), rapid.IntRange(0, MaxConnections).Draw(t, "max")})
	}
	p.Loops = rapid.IntRange(0, MaxLoops).Draw(t, "loops")
	d.telemetry(&p, folder)
	p.Limits.HeadSize = rapid.IntRange(MinHeadSize, MaxHeadSize).Draw(t, "head")
	p.Limits.HeadCount = rapid.IntRange(1, MaxHeaderCount).Draw(t, "count")
	if d.bool() {
		p.Limits.BodySize = rapid.Int64Range(1, 1<<62).Draw(t, "body")
	}
	for _, f := range []*time.Duration{
		&p.Timeouts.Head, &p.Timeouts.Idle, &p.Timeouts.Connect, &p.Timeouts.ResponseHead, &p.Timeouts.Body,
		&p.Timeouts.UpstreamIdle, &p.Timeouts.Tunnel, &p.DrainTimeout,
	} {
		unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		*f = min(MaxTimeout, max(MinTimeout, unit*time.Duration(rapid.IntRange(1, 5000).Draw(t, "n"))))
	}
	p.Zone, p.Overload = d.one("", "eu-1a", "on", "1"), d.overload()
	p.PIDFile = d.path()
	if d.bool() {
		p.PIDFile = ""
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "proxies") {
		p.TrustedProxies = append(p.TrustedProxies, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "attributes") {
		p.Attributes = append(p.Attributes, Attribute{
			Name:    fmt.Sprintf("%s%d", d.one("a", "_", "on", "null"), i),
			Type:    rapid.SampledFrom([]match.Type{match.String, match.Version, match.List}).Draw(t, "type"),
			Lower:   d.bool(),
			Capture: d.one("", `^v(\d+)`, "'\"\\\\", "#: [a]"),
			Default: d.one("", "1", "17.0"),
			From: []match.Source{
				{Kind: match.FromHeader, Name: d.one("X-A", "*a'b|~", "#")},
				{Kind: match.FromQuery, Name: d.one("a", "a b", " a", "ü: #", "'", `"\`, "]")},
				{Kind: match.FromSegment, Name: d.one("1", "64")},
				{Kind: match.FromIP},
			},
		})
	}
	p.Attributes = append(p.Attributes, Attribute{Name: "tenant", From: []match.Source{{Kind: match.FromHeader, Name: "X-Tenant"}}})
	pools := d.names("upstreams", 2)
	for _, name := range pools {
		p.Upstreams = append(p.Upstreams, d.pool(&p, name, folder))
	}
	for i, name := range d.names("routes", 1) {
		r := PlanRoute{Name: name, Host: d.one("", "a.example", "[::1]", "10.0.0.1"), Path: fmt.Sprintf("/%s%d", d.one("a/b:", "-", "%20", "~"), i)}
		r.Tenant = d.one("", "acme", "on")
		r.Stable, r.Gray = pools[0], d.one("", pools[1])
		d.limits(&r)
		for _, rule := range d.names("rules", 0) {
			r.Rules = append(r.Rules, d.rule(rule, pools, len(r.Rules)))
		}
		p.Routes = append(p.Routes, r)
	}
	d.experiments(&p)
	return &p
}

type drawer struct{ t *rapid.T }

func (d *drawer) bool() bool              { return rapid.Bool().Draw(d.t, "bool") }
func (d *drawer) one(of ...string) string { return rapid.SampledFrom(of).Draw(d.t, "one") }
func (d *drawer) path() string            { return d.one("/", "./", "/a b/") + d.text() }
func (d *drawer) rule(name string, pools []string, i int) PlanRule {
	r := PlanRule{Name: name, To: d.one(pools...)}
	kind := d.one("when", "percent", "both")
	if kind != "percent" {
		// A string literal may hold nearly anything; the number makes it different from those of other rules.
		r.When = fmt.Sprintf("tag == %q%s!= '%d'", d.text(), d.one(" and path ", "\n\tand path "), i)
	}
	if kind != "when" {
		r.HasPercent, r.PPM = true, rapid.Uint32Range(0, match.PPM-1).Draw(d.t, "ppm")
		if r.By = d.one("ip", "tag", ByRequest); r.By != ByRequest {
			r.Salt = fmt.Sprint(i) + d.text() // two of one salt could take all of one another
		}
	}
	return r
}

// names are n to n+2 different names, some of which YAML takes for other things when they stand bare.
func (d *drawer) names(label string, n int) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"stable", "gray", "true", "null", "on", "off", "No", "y", "1", "1.5", "0x1f", "1e3", "07", "1_000", "12-04-05", "a.b-c_d", "a.", "a-", "A",
	}), n, n+2, rapid.ID[string]).Draw(d.t, label)
}

// text is one to a few characters, none of them a control character or space at an end.
func (d *drawer) text() string {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aZ09'\"\\#:,[]{}&*!|>%@`?-=~üЖ漢😀\u00a0\u2028\ufeff")), 1, 6, -1).Draw(d.t, "text")
}
