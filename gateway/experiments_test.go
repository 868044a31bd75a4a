package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// lab is backends for experiments: stable, gray and blue, each telling its name.
type lab struct{ stable, gray, blue *testkit.Backend }

func newLab(t testing.TB) lab {
	return lab{testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray")), testkit.Serve(t, testkit.Echo("blue"))}
}

// config is one with the three pools, a route `all` over everything with the rule `staff`, the layers one to four by
// userid, and the experiments given. more is further top-level YAML.
func (b lab) config(more, experiments string) string {
	if !strings.Contains("\n"+more, "\nloops:") {
		more += "loops: 1\n"
	}
	if !strings.Contains("\n"+more, "\naccess_log:") {
		more += "access_log: off\n"
	}
	if !strings.Contains("\n"+more, "\nroutes:") {
		more += "routes:\n  - {name: api, path: /api, stable: stable}\n" +
			"  - name: all\n    stable: stable\n    gray: gray\n    rules: [{name: staff, when: \"os == 'staff'\"}]\n"
	}
	if !strings.Contains("\n"+more, "\nattributes:") {
		more += attributesYAML
	}
	return fmt.Sprintf(`
listeners: [{address: %s}]
%supstreams:
  stable: {endpoints: [%s]}
  gray: {endpoints: [%s]}
  blue: {endpoints: [%s]}
layers:
  one: {by: userid}
  two: {by: userid}
  three: {by: userid}
  four: {by: userid}
experiments:
%s`, testkit.Listen, more, b.stable.Addr, b.gray.Addr, b.blue.Addr, experiments)
}

const attributesYAML = `attributes:
  userid: {from: [header X-User-Id, cookie uid]}
  os: {from: [header X-OS]}
  tenant: {from: [header X-Tenant]}
`

// answered is what an upstream says that it got, as far as experiments go.
type answered struct{ pool, experiments, rule, fields string }

// read takes that out of the answer of an echoing backend; fields are the values of the header fields named.
func (a answered) of(t *testing.T, got *testkit.Response, names ...string) answered {
	t.Helper()
	up := seen(t, got)
	a = answered{pool: got.Header.Get("X-Backend"), experiments: strings.Join(up.Header["X-Experiment"], "|"), rule: strings.Join(up.Header["X-Gray-Rule"], "|")}
	for _, name := range names {
		a.fields += strings.Join(up.Header[name], "|") + ";"
	}
	return a
}

func TestExperiments(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config("", `
  color:
    layer: one
    slots: [0-9999]
    state: active
    variants: {red: {weight: 1, headers: {X-Color: "#f00", X-Shade: dark}}}
  search_v2:
    layer: two
    slots: [0-9999]
    state: active
    when: "os == 'ios'"
    variants: {A: 0, B: {weight: 50, headers: {X-Search: v2}, to: gray}}
  font:
    layer: three
    slots: [0-9999]
    state: active
    when: "os == 'mac'"
    variants: {serif: {weight: 1, to: blue}}
  late: {layer: four, slots: [0-9999], state: paused, variants: {on: {weight: 1, to: gray, force: [tester]}}}
`))
	c := testkit.Dial(t, p.Addr)
	row := func(request string, want answered) {
		t.Helper()
		got := answered{}.of(t, c.Do(request), "X-Color", "X-Shade", "X-Search")
		if got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", request, got, want)
		}
	}
	row(testkit.Get("/"), answered{"stable", "", "", ";;;"})
	row(testkit.Get("/", "X-User-Id: u1"), answered{"stable", "color=red", "", "#f00;dark;;"})
	row(testkit.Get("/", "X-User-Id: u1", "X-OS: ios"), answered{"gray", "color=red, search_v2=B", "search_v2=B", "#f00;dark;v2;"})
	row(testkit.Get("/", "X-User-Id: u1", "X-OS: mac"), answered{"blue", "color=red, font=serif", "font=serif", "#f00;dark;;"})
	row(testkit.Get("/", "X-User-Id: u1", "X-OS: staff"), answered{"gray", "color=red", "staff", "#f00;dark;;"})
	row(testkit.Get("/", "X-OS: staff"), answered{"gray", "", "staff", ";;;"})
	row(testkit.Get("/", "X-User-Id: tester"), answered{"gray", "color=red, late=on", "late=on", "#f00;dark;;"})
	row(testkit.Get("/", "X-User-Id: tester", "X-OS: mac"), answered{"blue", "color=red, font=serif, late=on", "font=serif", "#f00;dark;;"})
	row(testkit.Get("/", "X-User-Id: "+strings.Repeat("x", 257)), answered{"stable", "", "", ";;;"})
	// On a route without a gray pool, a variant's pool is one all the same.
	row(testkit.Get("/api", "X-User-Id: u1", "X-OS: mac"), answered{"blue", "color=red, font=serif", "font=serif", "#f00;dark;;"})

	// The fields that some experiment sets are the gateway's, for requests without any assignment too.
	forged := []string{"X-Color: forged", "x-color: forged", "X_Color: forged", "X.Color: forged", "X-SHADE:forged", "X-Search: forged",
		"X-Experiment: search_v2=B", "x-experiment: forged", "X_Experiment: forged", "X-Experiment-Override: forged", "X_Experiment_Override: forged", "X-Gray-Rule: forged"}
	row(testkit.Get("/", forged...), answered{"stable", "", "", ";;;"})
	row(testkit.Get("/", append(forged, "X-User-Id: u1")...), answered{"stable", "color=red", "", "#f00;dark;;"})
	for _, line := range forged {
		for _, request := range []string{
			testkit.Get("/", line, "X-User-Id: u1"),
			testkit.Get("/", "Connection: "+strings.Split(line, ":")[0], line),
			testkit.Request11("POST", "/", "1\r\nx\r\n0\r\n"+line+"\r\n\r\n", "Transfer-Encoding: chunked"),
		} {
			if got := c.Do(request); got.StatusCode != 200 || strings.Contains(got.Text, "forged") || strings.Count(got.Text, "search_v2") > 0 {
				t.Errorf("%q: the upstream got %q, want nothing that was forged", request, got.Text)
			}
		}
	}
	// A name that is only like one goes through.
	for _, line := range []string{"X-Colors: mine", "X-Colo: mine", "Y-Color: mine", "X-Experiments: mine"} {
		if got := c.Do(testkit.Get("/", line)); !strings.Contains(got.Text, "\r\n"+line+"\r\n") {
			t.Errorf("%q: got %q, want it passed on", line, got.Text)
		}
	}
	testkit.Until(t, "what went to other pools to be counted", func() bool { return p.Counters().Gray == 7 })
}

// Experiments that set one field never meet but where somebody is forced into both: the upstream gets it once, from the
// first.
func TestForcedIntoTwoOfOneField(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config("", `
  color: {layer: one, slots: [0-9999], state: active, when: "os == 'ios'", variants: {red: {weight: 1, force: [tester], headers: {X-Color: red, X-Red: 1r}}}}
  shade: {layer: two, slots: [0-9999], state: active, when: "os == 'mac'", variants: {dark: {weight: 1, headers: {x_color: dark, X-Dark: 1d}}}}
  hue: {layer: three, slots: [0-9999], state: active, when: "os == 'web'", variants: {deep: {weight: 1, force: [tester], headers: {X-COLOR: deep, X-Dark: 2d, X-Deep: 1p}}}}
`))
	c := testkit.Dial(t, p.Addr)
	row := func(user, os string, want answered) {
		t.Helper()
		got := answered{}.of(t, c.Do(testkit.Get("/", "X-User-Id: "+user, "X-OS: "+os)), "X-Color", "X_color", "X-Red", "X-Dark", "X-Deep")
		if got != want {
			t.Errorf("%s on %s:\n got %+v\nwant %+v", user, os, got, want)
		}
	}
	for range 2 {
		row("u1", "ios", answered{"stable", "color=red", "", "red;;1r;;;"})
		row("u1", "mac", answered{"stable", "shade=dark", "", ";dark;;1d;;"})
		row("u1", "web", answered{"stable", "hue=deep", "", "deep;;;2d;1p;"})
		row("tester", "mac", answered{"stable", "color=red, shade=dark, hue=deep", "", "red;;1r;1d;1p;"})
		row("tester", "web", answered{"stable", "color=red, hue=deep", "", "red;;1r;2d;1p;"})
	}
}

// A pool that a variant names and that cannot serve: the request goes to stable, as it was assigned.
func TestExperimentFallsBack(t *testing.T) {
	b := newLab(t)
	b.gray = testkit.Refused(t)
	log := testkit.NewAccessLog(t)
	p := testkit.Gateway(t, b.config(log.YAML(), "  beta: {layer: one, slots: [0-9999], state: active, variants: {\"on\": {weight: 1, to: gray, headers: {X-Beta: yes}}}}\n"))
	c := testkit.Dial(t, p.Addr)
	got := c.Do(testkit.Get("/", "X-User-Id: u1"))
	want := answered{"stable", "beta=on", "beta=on", "stable;yes;"}
	if got := (answered{}).of(t, got, "X-Gray-Tag", "X-Beta"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wantLine(t, log.Wait(1)[0], map[string]any{"rule": "beta=on", "experiments": "beta=on", "tag": "gray", "pool": "stable", "fallback": true, "attempts": 2})
	c.Do(testkit.Get("/"))
	wantLine(t, log.Wait(2)[1], map[string]any{"rule": nil, "experiments": nil, "tag": "stable"})
	testkit.Until(t, "the fallback to be counted", func() bool { return p.Counters().Fallbacks == 1 && p.Counters().Gray == 1 })
}

// As many assignments as there are layers, with long names: the head takes them all, in order, and nothing is left for the next.
func TestManyAssignments(t *testing.T) {
	const layers = 60
	b := newLab(t)
	config := b.config("", "")
	var names, experiments, want strings.Builder
	for i := range layers {
		name := fmt.Sprintf("%s-%02d", strings.Repeat("long", 15), i)
		fmt.Fprintf(&names, "  l%d: {by: userid}\n", i)
		fmt.Fprintf(&experiments, "  %s: {layer: l%d, slots: [0-9999], state: active, variants: {%s: {weight: 1, headers: {X-Field-%d: %s}}}}\n", name, i, name, i, strings.Repeat("v", 100))
		fmt.Fprintf(&want, ", %s=%s", name, name)
	}
	config = strings.Replace(config, "experiments:\n", names.String()+"experiments:\n"+experiments.String(), 1)
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	for range 2 {
		got := answered{}.of(t, c.Do(testkit.Get("/", "X-User-Id: u1")), "X-Field-0", "X-Field-59", "X-Field-60")
		v := strings.Repeat("v", 100)
		if want := (answered{"stable", want.String()[2:], "", v + ";" + v + ";;"}); got != want {
			t.Errorf("assigned:\n got %+v\nwant %+v", got, want)
		}
		if got, want := (answered{}).of(t, c.Do(testkit.Get("/")), "X-Field-0"), (answered{"stable", "", "", ";"}); got != want {
			t.Errorf("not assigned:\n got %+v\nwant %+v", got, want)
		}
	}
}

// Each tenant has its own experiments where it has some, field by field, and the shared ones else; and its own routes.
func TestTenants(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config(`routes:
  - {name: all, stable: stable}
  - {name: acme-all, tenant: acme, stable: blue}
  - {name: acme-api, tenant: acme, path: /api, stable: gray}
`, `
  color: {layer: one, slots: [0-9999], state: active, variants: {red: {weight: 1, headers: {X-Color: red}}}}
  font: {layer: two, slots: [0-9999], state: active, variants: {serif: 1}}
  acme/color: {variants: {green: {weight: 1, headers: {X-Acme-Color: green}}}}
  globex/*: {state: active, slots: [0-9999], layer: three}
  globex/hat: {variants: {bowler: 1}}
`))
	c := testkit.Dial(t, p.Addr)
	row := func(tenant, path string, want answered) {
		t.Helper()
		fields := []string{"X-User-Id: u1", "X-Color: forged", "X-Acme-Color: forged"}
		if tenant != "" {
			fields = append(fields, "X-Tenant: "+tenant)
		}
		if got := (answered{}).of(t, c.Do(testkit.Get(path, fields...)), "X-Color", "X-Acme-Color"); got != want {
			t.Errorf("tenant %q, %s:\n got %+v\nwant %+v", tenant, path, got, want)
		}
	}
	row("", "/api", answered{"stable", "color=red, font=serif", "", "red;;"})
	row("acme", "/", answered{"blue", "color=green, font=serif", "", ";green;"})
	row("acme", "/api/x", answered{"gray", "color=green, font=serif", "", ";green;"})
	row("globex", "/", answered{"stable", "color=red, font=serif, hat=bowler", "", "red;;"})
	row("nobody", "/api", answered{"stable", "color=red, font=serif", "", "red;;"})
	row("ACME", "/", answered{"stable", "color=red, font=serif", "", "red;;"})
	row(strings.Repeat("t", 300), "/", answered{"stable", "color=red, font=serif", "", "red;;"})
	if got := len(p.Snapshot().Trees); got != 3 {
		t.Errorf("trees: got %d, want 3: that of all, and those of acme and globex", got)
	}
}
