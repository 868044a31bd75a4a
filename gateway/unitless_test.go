package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// unitlessConfig is a route of rules with and without shares, and two layers.
func unitlessConfig(backend, more string) string {
	return fmt.Sprintf(`
listeners: [{address: %s}]
loops: 2
access_log: off
%s
attributes: {userid: {from: [header X-User-Id]}, os: {from: [header X-OS]}}
upstreams: {stable: {endpoints: [%s]}, gray: {endpoints: [%s]}}
routes:
  - name: shop
    stable: stable
    gray: gray
    rules:
      - {name: ios, when: "os == 'ios'", percent: 100, by: userid}
      - {name: tagged, when: "tag == 'gray'"}
      - {name: turns, percent: 0, by: request}
      - {name: ramp, percent: 1, by: userid, salt: r}
      - {name: further, percent: 2, by: userid, salt: r}
      - {name: nobody, percent: 0, by: userid}
  - {name: plain, path: /plain, stable: stable}
layers: {color: {by: userid}, size: {by: os}}
experiments:
  paint: {layer: color, slots: [0-9999], state: active, variants: {A: 1, B: 1}}
`, testkit.Listen, more, backend, backend)
}

// TestMissingUnitsAreCounted: of each rule that was reached and met but for its unit, and of each layer.
func TestMissingUnitsAreCounted(t *testing.T) {
	b := testkit.Serve(t, statuses)
	p := testkit.Gateway(t, unitlessConfig(b.Addr, ""))
	expect := func(ios, ramp, further, color, size int) {
		t.Helper()
		sample := func(rule string, n int) string {
			return fmt.Sprintf(`{service_name="shop",gray_rule_id=%q} %d`, rule, n)
		}
		wantSamples(t, p, "graygate_unit_missing_total", sample("ios", ios), sample("ramp", ramp), sample("further", further))
		wantSamples(t, p, "graygate_experiment_unit_missing_total", fmt.Sprintf(`{layer="color"} %d`, color), fmt.Sprintf(`{layer="size"} %d`, size))
	}
	expect(0, 0, 0, 0, 0)
	one, other := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr) // on a loop each
	one.Do(testkit.Get("/200", "X-OS: ios", "X-User-Id: u1"))
	expect(0, 0, 0, 0, 0)
	one.Do(testkit.Get("/200", "X-OS: ios"))
	expect(1, 1, 1, 1, 0)
	other.Do(testkit.Get("/200", "X-OS: web"))
	expect(1, 2, 2, 2, 0)
	other.Do(testkit.Get("/200", "X-OS: ios", "X-Gray-Tag: gray")) // the second rule matches: those behind it are not reached
	expect(2, 2, 2, 3, 0)
	one.Do(testkit.Get("/200", "X-User-Id: "+strings.Repeat("u", 257)))
	expect(2, 3, 3, 4, 1)
	one.Do(testkit.Get("/plain"))
	expect(2, 3, 3, 5, 2)
	one.Do("GET /200 HTTP/1.1\r\n\r\n") // no request, and so no decision

	p.MustReload(unitlessConfig(b.Addr, ""))
	expect(2, 3, 3, 5, 2)
	other.Do(testkit.Get("/200"))
	expect(2, 4, 4, 6, 3)
	p.MustReload(unitlessConfig(b.Addr, "metrics: off"))
	other.Do(testkit.Get("/200")).WantStatus(t, 200, "")
	wantSamples(t, p, "graygate_unit_missing_total")
	wantSamples(t, p, "graygate_experiment_unit_missing_total")
}

// TestMissingUnitsAreCountedOnce: an issued unit is no missing one, and a request that is sent twice was decided once.
func TestMissingUnitsAreCountedOnce(t *testing.T) {
	b := testkit.Serve(t, statuses)
	config := testkit.Config(testkit.Pool(testkit.Refused(t), b), testkit.Pool(b), `attributes: {uid: {from: [cookie uid], issue: {first_request: assign, secure: off}}}
`) + "      - {name: ramp, percent: 100, by: uid}\n"
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	for range 4 {
		c.Do(testkit.Get("/200")) // navigates not: nothing is issued
	}
	wantSamples(t, p, "graygate_unit_missing_total", `{service_name="all",gray_rule_id="ramp"} 4`)
	c.Do(testkit.Get("/200", "Sec-Fetch-Mode: navigate"))
	wantSamples(t, p, "graygate_requests_total", requests("all", "", false, "200", "stable", 4), requests("all", "ramp", true, "200", "gray", 1))
	wantSamples(t, p, "graygate_unit_missing_total", `{service_name="all",gray_rule_id="ramp"} 4`)
}
