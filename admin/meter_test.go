package admin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"graygate/admin"
	"graygate/internal/testkit"
	"graygate/telemetry/meter"
)

// metersOf makes the series of so many routes of so many rules, and counts requests on some.
func metersOf(t testing.TB, routes, rules int) *meter.Registry {
	r := meter.New(2)
	t.Cleanup(r.Close)
	g := r.Resolve()
	for i := range routes {
		for j := range rules + 1 {
			key := meter.Key{Service: fmt.Sprintf("route-%d", i)}
			if j > 0 {
				key.Rule, key.Gray = fmt.Sprintf("rule-%d", j), true
			}
			s := g.Series(key, []string{"stable", "gray"})
			s.Observe(i%2, j%2, 200, time.Millisecond, time.Millisecond)
			s.Observe(1, 0, 503, time.Second, -1)
		}
	}
	g.Assigned(meter.Experiment{Name: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}}).Count(0, 1, 0)
	g.Commit()
	return r
}

// The numbers of the console are those of the metrics.
func TestMetered(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	r := metersOf(t, 1, 1)
	yaml := strings.ReplaceAll(rich(t, b.Addr, b.Addr), "name: shop", "name: route-0")
	d := newDesk(t, yaml, func(s *admin.Server) {
		s.SetMetrics(r.Write)
		s.SetTraffic(admin.Metered(r))
	})
	var got struct {
		Metered  bool
		BoundsMS []float64 `json:"bounds_ms"`
		Routes   []json.RawMessage
	}
	d.into("/ui/data", &got)
	var route any
	if err := json.Unmarshal(got.Routes[0], &route); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"route-0","tenant":"","host":"shop.example.com","path":"/","pools":{"stable":"stable","gray":"gray"},"rules":2,` +
		`"requests":4,"gray_assigned":2,"fallbacks":1,"errors":2,` +
		`"stable":{"requests":2,"errors":1,"client_errors":0,"own":0,"latency":{"count":2,"sum_s":1.001,"buckets":[0,0,0,1,0,0,0,0,0,0,0,0,1,0,0,0,0]}},` +
		`"gray":{"requests":2,"errors":1,"client_errors":0,"own":0,"latency":{"count":2,"sum_s":1.001,"buckets":[0,0,0,1,0,0,0,0,0,0,0,0,1,0,0,0,0]}}}`
	if string(got.Routes[0]) != want {
		t.Errorf("got  %s\nwant %s", got.Routes[0], want)
	}
	if !got.Metered || len(got.BoundsMS) != 16 || got.BoundsMS[0] != 0.1 {
		t.Errorf("got metered %v, bounds %v", got.Metered, got.BoundsMS)
	}
	if r := d.get("/experiments?q=color"); !strings.Contains(r.Text, `"assigned":1,"mismatch":false`) {
		t.Errorf("the experiment: got %s", r.Text)
	}
	if r := d.get("/metrics"); !strings.Contains(r.Text, `graygate_requests_total{service_name="route-0",gray_rule_id="rule-1",is_gray="true",http_status_code="200",upstream="gray"} 1`) {
		t.Errorf("the metrics: got %.2000s", r.Text)
	}
}

// A large gateway's answers: 1,000 routes of 5 rules and 1,000 experiments.
func BenchmarkAnswers(b *testing.B) {
	const routes = 1000
	var yaml strings.Builder
	yaml.WriteString("listeners: [{address: " + testkit.Listen + "}]\naccess_log: off\nattributes: {userid: {from: [header X-User-Id]}}\n" +
		"upstreams:\n  stable: {endpoints: [\"127.0.0.1:9\"]}\n  gray: {endpoints: [\"127.0.0.1:9\"]}\nlayers: {ui: {by: userid}}\nroutes:\n")
	for i := range routes {
		fmt.Fprintf(&yaml, "  - {name: route-%d, host: h%d.example, stable: stable, gray: gray, rules: [", i, i)
		for j := range 5 {
			fmt.Fprintf(&yaml, "{name: rule-%d, when: \"tag == '%d'\", to: gray}, ", j+1, j)
		}
		yaml.WriteString("]}\n")
	}
	yaml.WriteString("experiments:\n")
	for i := range 1000 {
		fmt.Fprintf(&yaml, "  x%d: {layer: ui, slots: [%d-%d], state: active, variants: {a: {weight: 1}, b: {weight: 1}}}\n", i, i*10, i*10+9)
	}
	r := metersOf(b, routes, 5)
	d := newDesk(b, yaml.String(), func(s *admin.Server) {
		s.SetMetrics(r.Write)
		s.SetTraffic(admin.Metered(r))
	})
	for _, path := range []string{"/ui/data", "/ui/data?limit=1000", "/experiments?limit=1000", "/routes?limit=1000", "/config", "/status"} {
		b.Run("path="+path, func(b *testing.B) {
			c := testkit.Dial(b, d.address)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				r := c.Do(text("GET", path, ""))
				if size = len(r.Text); r.StatusCode == 429 {
					b.Skip("the allowance is used up") // which is what it is there for
				} else if r.StatusCode != 200 {
					b.Fatalf("got %d %s", r.StatusCode, r.Text)
				}
			}
			b.ReportMetric(float64(size), "bytes/answer")
		})
	}
}
