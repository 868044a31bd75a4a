package gateway_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"graygate/config"
	"graygate/internal/testkit"
)

// TestExplanationsComeTrue sends requests, and compares what became of them with what the snapshot explains.
func TestExplanationsComeTrue(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config("", `
  search: {layer: one, slots: [0-4999], state: active, when: "os == 'ios'", variants: {A: 1, B: {weight: 1, to: gray, headers: {X-Search: v2}}}}
  color: {layer: two, slots: [0-9999], state: active, excludes: [search], variants: {red: 1, green: {weight: 1, force: [tester], headers: {X-Color: green}}}}
  font: {layer: three, slots: [0-9999], state: active, routes: [all], when: "os != 'ios'", variants: {serif: {weight: 1, to: blue}, sans: 1}}
  tint: {layer: four, slots: [0-9999], state: active, excludes: [color], variants: {pale: {weight: 1, force: [tester], headers: {X-Color: pale, X-Tint: t}}}}
  acme/font: {variants: {mono: {weight: 1, to: gray}}}
`))
	c := testkit.Dial(t, p.Addr)
	told := []string{"X-Gray-Tag", "X-Gray-Rule", "X-Experiment", "X-Search", "X-Color", "X-Tint", "X-Experiment-Override"}
	check := func(path string, fields ...string) {
		t.Helper()
		r := config.ExplainRequest{Method: "GET", Host: p.Addr, Path: path, IP: netip.MustParseAddr("127.0.0.1"), Time: time.Now()}
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			r.Headers = append(r.Headers, config.Header{Name: name, Value: value})
		}
		e := p.Gateway.Snapshot().Explain(r)
		want := map[string][]string{}
		for _, h := range e.Upstream.Headers {
			want[h.Name] = append(want[h.Name], h.Value)
		}
		answer := c.Do(testkit.Get(path, fields...))
		up, got := seen(t, answer), map[string][]string{}
		for _, name := range told {
			if v := up.Header[name]; v != nil {
				got[name] = v
			}
		}
		if pool := answer.Header.Get("X-Backend"); pool != e.Decision.Pool || !reflect.DeepEqual(got, want) {
			t.Errorf("%s with %q:\n got pool %s and %v\nwant pool %s and %v", path, fields, pool, got, e.Decision.Pool, want)
		}
	}
	for i := range 40 {
		user := fmt.Sprint("X-User-Id: user-", i)
		check("/", user, "X-OS: ios", "X-Search: mine")
		check("/", user, "X-OS: web", "X-Experiment: search=A")
		check("/api/x", user, "X-OS: ios", "X-Gray-Rule: mine")
		check("/", user, "X-Tenant: acme", "X-OS: ios")
	}
	check("/", "X-User-Id: user-1", "X-OS: staff", "X-Gray-Tag: gray")
	check("/", "X-User-Id: tester")
	check("/")
}
