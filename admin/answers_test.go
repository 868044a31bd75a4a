package admin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"graygate/admin"
	"graygate/config"
	"graygate/internal/testkit"
)

// rich is a config with something of everything that answers show.
func rich(t testing.TB, stable, gray string) string {
	return fmt.Sprintf(`
listeners: [{address: %q}]
loops: 2
access_log: off
attributes: {userid: {from: [header X-User-Id]}, tenant: {from: [header X-Tenant]}}
upstreams:
  stable: {endpoints: [%q, {address: "127.0.0.1:1", weight: 2, zone: z, labels: {version: "1"}}]}
  gray: {endpoints: [%q], breaker: off}
audiences: {beta: {file: %s}}
layers: {ui: {by: userid}}
experiments:
  color: {layer: ui, slots: [0-4999], state: active, owner: ann, variants: {red: {weight: 1, force: [eve]}, blue: {weight: 1, to: gray}}}
  shape: {layer: ui, slots: [5000-5999], state: paused, start: 2020-01-01T00:00:00Z, end: 2021-01-01T00:00:00Z, variants: {round: {weight: 1}, flat: {weight: 3}}}
routes:
  - name: shop
    host: shop.example.com
    stable: stable
    gray: gray
    rules: [{name: tagged, when: "tag == 'gray'", to: gray}, {name: tenth, percent: 10, by: userid, to: gray}]
  - {name: all, stable: stable, fallback: both, gray: gray}
`, testkit.Listen, stable, gray, tokenFile(t, "ann"))
}

// fixed is traffic that tests know.
type fixed struct{}

func (fixed) Bounds() []time.Duration { return []time.Duration{time.Millisecond, time.Second} }

func (fixed) Experiments() []admin.ExperimentTraffic {
	return []admin.ExperimentTraffic{{Name: "color", Assigned: map[string]uint64{"red": 7, "blue": 2, "gone": 9}, Mismatch: true}}
}

func (fixed) Routes() ([]admin.RouteTraffic, bool) {
	pool := func(name string, n, client, server uint64) admin.Served {
		return admin.Served{Pool: name, Requests: n, ClientErrors: client, ServerErrors: server}
	}
	took := func(buckets ...uint64) admin.Latency {
		return admin.Latency{Count: buckets[0] + buckets[1] + buckets[2], Seconds: 1.5, Buckets: buckets}
	}
	return []admin.RouteTraffic{
		{Service: "shop", Served: []admin.Served{pool("stable", 10, 1, 2), pool("", 3, 0, 3)}, Latency: took(1, 2, 10)},
		{Service: "shop", Gray: true, Served: []admin.Served{pool("gray", 5, 0, 1), pool("stable", 2, 0, 0)}, Latency: took(7, 0, 0)},
		{Service: "shop", Gray: true, Served: []admin.Served{pool("gray", 1, 0, 0)}, Latency: took(0, 1, 0)},
		{Service: "gone", Gray: true, Served: []admin.Served{pool("gray", 100, 0, 0)}},
		{Service: "", Served: []admin.Served{pool("", 4, 4, 0)}},
	}, true
}

// schemas are those of the document, made strict: an answer with a name that it does not have fails.
func schemas(t *testing.T, d *desk) func(name string) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(d.get("/openapi.json").Text))
	if err != nil {
		t.Fatal(err)
	}
	tighten(doc)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(name string) *jsonschema.Schema {
		s, err := c.Compile("openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func tighten(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, has := v["properties"].(map[string]any); has && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			tighten(x)
		}
	case []any:
		for _, x := range v {
			tighten(x)
		}
	}
}

// Every answer in JSON is as the document says, with nothing left out of it.
func TestAnswersMatchTheDocument(t *testing.T) {
	testkit.Leaks(t)
	b, g := testkit.Serve(t, testkit.OK("stable")), testkit.Serve(t, testkit.OK("gray"))
	d := newDesk(t, rich(t, b.Addr, g.Addr), func(s *admin.Server) {
		s.SetTraffic(fixed{})
		s.SetMetrics(func(w io.Writer) { fmt.Fprintln(w, "up 1") })
		s.SetReload(nil)
	})
	testkit.Do(t, d.proxy.Addr, testkit.Get("/", "X-User-Id: ann")).WantStatus(t, 200, "")
	schema := schemas(t, d)
	check := func(what, name string, r *testkit.Response) {
		t.Helper()
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(r.Text))
		if err != nil {
			t.Fatalf("%s: got %d %q: %v", what, r.StatusCode, r.Text, err)
		}
		if err := schema(name).Validate(v); err != nil {
			t.Errorf("%s is no %s: %v\n%s", what, name, err, r.Text)
		}
		if got := r.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: got type %q", what, got)
		}
	}
	drain := "/upstreams/stable/endpoints/" + b.Addr
	check("drain", "Changed", d.post(drain+"/drain", `{"reason":"repair"}`))
	check("undrain", "Changed", d.post(drain+"/undrain", ""))
	check("reset", "Changed", d.post("/breakers/stable/reset", ""))
	check("reset of one", "Changed", d.post("/breakers/stable/"+b.Addr+"/reset", "{}"))
	check("a wrong reset", "Problem", d.post("/breakers/gray/reset", ""))
	check("no such thing", "Problem", d.get("/nothing"))
	question := `{"url":"http://shop.example.com/cart","headers":[{"name":"X-User-Id","value":"eve"}],"at":"2026-12-24T18:00:00Z","bytecode":true}`
	check("explain", "Explanation", d.post("/explain", question))
	q, err := jsonschema.UnmarshalJSON(strings.NewReader(question))
	if err := schema("Question").Validate(q); err != nil {
		t.Errorf("the question: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, name := range map[string]string{
		"/status": "Status", "/routes": "Routes", "/upstreams": "Upstreams", "/breakers": "Breakers", "/experiments": "Experiments", "/ui/data": "Console",
		"/routes?limit=1&offset=1": "Routes", "/upstreams?pool=gray": "Upstreams", "/breakers?state=open": "Breakers", "/ui/data?since=1&q=sh": "Console",
		"/experiments?q=ANN&state=active": "Experiments", "/metrics?": "", "/healthz?": "",
	} {
		if r := d.get(path); name != "" {
			check(path, name, r)
		} else if r.StatusCode != 200 {
			t.Errorf("%s: got %d", path, r.StatusCode)
		}
	}
}

// Lists give the rows that are asked for, and say how many there are.
func TestLists(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, rich(t, b.Addr, b.Addr), func(s *admin.Server) { s.SetTraffic(fixed{}) })
	row := func(path, want string) {
		t.Helper()
		var got struct {
			Total, Matched int
			Items          []struct{ Name string }
		}
		d.into(path, &got)
		var names []string
		for _, x := range got.Items {
			names = append(names, x.Name)
		}
		if have := fmt.Sprint(got.Total, got.Matched, names); have != want {
			t.Errorf("%s: got %s, want %s", path, have, want)
		}
	}
	row("/routes", "2 2 [shop all]")
	row("/routes?q=EXAMPLE", "2 1 [shop]")
	row("/routes?limit=1", "2 2 [shop]")
	row("/routes?limit=1&offset=1", "2 2 [all]")
	row("/routes?offset=7", "2 2 []")
	row("/routes?limit=0", "2 2 []")
	row("/experiments", "2 2 [color shape]")
	row("/experiments?state=paused", "2 1 [shape]")
	row("/experiments?q=ann", "2 1 [color]")
	row("/experiments?q=zzz", "2 0 []")
	failed(t, "a state that no breaker has", d.get("/breakers?state=opened"), 400, "bad_parameter")
	failed(t, "a state that no experiment has", d.get("/experiments?state=%0Aopen"), 400, "bad_parameter")
	failed(t, "a limit that is too high", d.get("/routes?limit=1001"), 400, "bad_parameter")
	failed(t, "a limit that is none", d.get("/routes?limit=-1"), 400, "bad_parameter")
	failed(t, "a search that is too long", d.get("/routes?q="+strings.Repeat("x", 257)), 400, "bad_parameter")
	failed(t, "no such pool", d.get("/upstreams?pool=nowhere"), 404, "unknown_pool")
	failed(t, "no such pool's breakers", d.get("/breakers?pool=nowhere"), 404, "unknown_pool")

	var x struct {
		Items []struct {
			Assigned uint64
			Mismatch bool
			Share    float64
			Variants []struct {
				Assigned uint64
				Forced   int `json:"forced_units"`
			}
		}
	}
	d.into("/experiments?q=color", &x)
	if got := fmt.Sprint(x.Items); got != "[{9 true 0.5 [{7 1} {2 0}]}]" {
		t.Errorf("the experiment: got %s", got)
	}
	if r := d.get("/experiments"); strings.Contains(r.Text, "eve") {
		t.Error("a unit that is forced is named")
	}
}

// The console's numbers: what is assigned, what fell back, by side, over the routes that are asked for.
func TestConsoleNumbers(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, rich(t, b.Addr, b.Addr), func(s *admin.Server) { s.SetTraffic(fixed{}) })
	type side struct {
		Requests, Errors, Own uint64
		ClientErrors          uint64 `json:"client_errors"`
		Latency               struct {
			Count   uint64
			Sum     float64 `json:"sum_s"`
			Buckets []uint64
		}
	}
	type sums struct {
		Requests, Fallbacks, Errors uint64
		Gray                        uint64 `json:"gray_assigned"`
		Stable                      side
		GraySide                    side `json:"gray"`
	}
	var got struct {
		Total    sums
		Unrouted struct{ Requests uint64 }
		Routes   []sums
		Metered  bool
		BoundsMS []float64 `json:"bounds_ms"`
		Matched  int       `json:"routes_matched"`
	}
	d.into("/ui/data", &got)
	shop := sums{Requests: 21, Fallbacks: 2, Errors: 6, Gray: 8}
	shop.Stable = side{Requests: 13, Errors: 5, Own: 3, ClientErrors: 1}
	shop.Stable.Latency.Count, shop.Stable.Latency.Sum, shop.Stable.Latency.Buckets = 13, 1.5, []uint64{1, 2, 10}
	shop.GraySide = side{Requests: 8, Errors: 1}
	shop.GraySide.Latency.Count, shop.GraySide.Latency.Sum, shop.GraySide.Latency.Buckets = 8, 3, []uint64{7, 1, 0}
	if a, b := fmt.Sprintf("%+v", got.Routes[0]), fmt.Sprintf("%+v", shop); a != b {
		t.Errorf("shop:\n got %s\nwant %s", a, b)
	}
	if a, b := fmt.Sprintf("%+v", got.Total), fmt.Sprintf("%+v", shop); a != b {
		t.Errorf("total:\n got %s\nwant %s", a, b)
	}
	if got.Unrouted.Requests != 104 || !got.Metered || len(got.Routes) != 2 || fmt.Sprint(got.BoundsMS) != "[1 1000]" || got.Routes[1].Requests != 0 {
		t.Errorf("got %+v, want 104 without a route, and two routes", got)
	}
	d.into("/ui/data?q=shop&limit=1", &got)
	if len(got.Routes) != 1 || got.Matched != 1 || got.Total.Requests != 21 {
		t.Errorf("searched for: got %d of %d routes, %d requests in total", len(got.Routes), got.Matched, got.Total.Requests)
	}
}

// The config is shown without secrets, and as it is in force.
func TestConfig(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	yaml := testkit.Config(testkit.Pool(b), nil, "audiences: {vips: {redis: \"redis://u:sesame@"+testkit.Hanging(t).Addr+"/0\", key: v}}")
	d := newDesk(t, yaml, nil)
	r := d.get("/config")
	if r.StatusCode != 200 || strings.Contains(r.Text, "sesame") || !strings.HasPrefix(r.Text, `# Generation 1 of "test.yaml"`) {
		t.Errorf("got %d %q", r.StatusCode, r.Text)
	}
	again, err := config.Parse("again.yaml", []byte(r.Text))
	if err != nil || !bytes.HasSuffix([]byte(r.Text), again.YAML()) {
		t.Errorf("what is shown is no config: %v", err)
	}
}

// A question is answered as `graygate explain --json` answers it: by the snapshot that is in force.
func TestExplain(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, rich(t, b.Addr, b.Addr), nil)
	row := func(name, question, want string) {
		t.Helper()
		r := d.post("/explain", question)
		var e config.Explanation
		if err := json.Unmarshal([]byte(r.Text), &e); err != nil {
			t.Fatalf("%s: got %d %q: %v", name, r.StatusCode, r.Text, err)
		}
		if got := fmt.Sprintf("%s %s %v %s, %s %s", e.Decision.Route, e.Decision.Pool, e.Decision.Gray, e.Decision.Cause, e.Request.Method, e.Request.IP); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	row("a rule", `{"url":"http://shop.example.com/cart?x=1","headers":[{"name":"X-Gray-Tag","value":"gray"}]}`, "shop gray true tagged, GET 127.0.0.1")
	row("a path", `{"url":"/cart","method":"POST","ip":"::ffff:10.0.0.1"}`, "all stable false , POST 10.0.0.1")
	row("a host by its field", `{"url":"/","headers":[{"name":"host","value":"shop.example.com"},{"name":"X-Gray-Tag","value":"gray"}]}`, "shop gray true tagged, GET 127.0.0.1")
	bad := func(name, question string, status int, word string) {
		t.Helper()
		failed(t, name, d.post("/explain", question), status, word)
	}
	bad("no JSON", `{"url"`, 400, "bad_json")
	bad("two", `{"url":"/"} {}`, 400, "bad_json")
	bad("unknown names", `{"url":"/","hots":"x"}`, 400, "bad_json")
	bad("another type", `{"url":5}`, 400, "bad_json")
	bad("no URL", `{}`, 400, "bad_question")
	bad("a broken URL", `{"url":"http://%zz/"}`, 400, "bad_question")
	bad("a field that would be two", `{"url":"/","headers":[{"name":"X","value":"a\r\nB: c"}]}`, 400, "bad_question")
	bad("an address that is none", `{"url":"/","ip":"nobody"}`, 400, "bad_question")
	bad("a method that is none", `{"url":"/","method":"A B"}`, 400, "bad_question")
	bad("too much", `{"url":"/`+strings.Repeat("x", 65<<10)+`"}`, 413, "body_too_large")
	failed(t, "not said to be JSON", testkit.Do(t, d.address, text("POST", "/explain", `{"url":"/"}`)), 415, "not_json")
	failed(t, "by GET", d.get("/explain"), 405, "wrong_method")
}
