package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/match"
)

// TestExperimentValues reads every key of experiments and what they stand in, and compares what the plan has of them.
func TestExperimentValues(t *testing.T) {
	t.Chdir("testdata/files")
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("graygate.yaml", []byte(complete(`
attributes:
  userid: {from: [header X-User-Id]}
  tenant: {from: [header X-Tenant]}
  visitor: {from: [header X-V, cookie gray_id, cookie old], issue: true}
  guest: {from: [cookie guest], issue: {max_age: 48h, secure: off, first_request: assign, key_file: ./override.key}}
  plain: {from: [cookie plain], issue: false}
geo: {files: [city.mmdb], language: de}
audiences:
  beta: {file: ../files/beta.txt}
  vips: {redis: "redis://:pass@localhost:6379/2", key: vips, refresh: 5m, approximate: true, max_members: 7}
  more: {redis: rediss://localhost, key: more}
layers:
  search: {by: userid}
  ui: {by: visitor, salt: ui-2026, holdout: q4}
holdouts:
  q4: {by: userid, percent: 5}
  q3: {by: visitor, percent: 0.5, salt: q2}
metadata_types:
  ranking: {schema: {type: object, properties: {k: {type: number}}}}
  owned: {file: ranking.schema.json}
experiments:
  search_v2:
    layer: search
    salt: search
    slots: [0-499, 7000, 900-949]
    state: active
    owner: search-team
    start: 2026-12-01T01:00:00+01:00
    end: 2026-12-24
    when: " userid != 'x' and audience('beta', userid) "
    routes: [main]
    depends_on: [color]
    excludes: [font]
    holdout: q3
    exclude_exposed: [{layer: ui, slots: [5]}, {salt: search-2025, by: visitor, slots: [1-2]}, {salt: old, slots: [3]}]
    metadata: {type: ranking, k: 1.5, list: [1, "1", null, true, {a: -2}], when: 2026-12-01}
    variants: {A: 50, B: {weight: 49, headers: {X-Search: v2, X-Other: "1"}, to: gray, force: [alice, "7"]}}
  "*/color": {layer: ui, slots: [0-9], routes: all, start: off, holdout: 2.5, variants: {red: {weight: 1}, blue: 0}}
  font: {layer: ui, slots: [10-19], state: archived, variants: {A: 1}}
`)))
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	want := Defaults()
	want.Listeners, want.Upstreams, want.Routes, want.Attributes = p.Listeners, p.Upstreams, p.Routes, p.Attributes
	want.Geo = Geo{[]string{in("city.mmdb")}, "de"}
	want.Audiences = []Audience{
		{Name: "beta", File: in("beta.txt"), MaxMembers: 50_000_000},
		{Name: "vips", Redis: "redis://:pass@localhost:6379/2", Key: "vips", Refresh: 5 * time.Minute, Approximate: true, MaxMembers: 7},
		{Name: "more", Redis: "rediss://localhost", Key: "more", Refresh: time.Minute, MaxMembers: 50_000_000},
	}
	want.Layers = []Layer{{"search", "userid", "search", ""}, {"ui", "visitor", "ui-2026", "q4"}}
	want.Holdouts = []Holdout{{"q4", "userid", "q4", 50_000}, {"q3", "visitor", "q2", 5_000}}
	want.MetadataTypes = []MetadataType{
		{Name: "ranking", Schema: map[string]any{"type": "object", "properties": map[string]any{"k": map[string]any{"type": "number"}}}},
		{Name: "owned", File: in("ranking.schema.json")},
	}
	day := func(d int) time.Time { return time.Date(2026, 12, d, 0, 0, 0, 0, time.UTC) }
	want.Experiments = []Experiment{
		{
			Name: "search_v2", Layer: "search", Salt: "search", Slots: slotsOf(0, 499, 7000, 7000, 900, 949),
			State: Active, Owner: "search-team", Start: day(1), End: day(24), When: "userid != 'x' and audience('beta', userid)",
			Routes: []string{"main"}, DependsOn: []string{"color"}, Excludes: []string{"font"}, Holdout: "q3",
			ExcludeExposed: []Exposure{
				{"ui", "visitor", "ui-2026", slotsOf(5, 5)},
				{"", "visitor", "search-2025", slotsOf(1, 2)},
				{"", "userid", "old", slotsOf(3, 3)},
			},
			MetadataType: "ranking",
			Metadata: map[string]any{
				"k": 1.5, "list": []any{int64(1), "1", nil, true, map[string]any{"a": int64(-2)}}, "when": "2026-12-01",
			},
			Variants: []Variant{
				{Name: "A", Weight: 50},
				{Name: "B", Weight: 49, Headers: []Header{{"X-Search", "v2"}, {"X-Other", "1"}}, To: "gray", Force: []string{"alice", "7"}},
			},
		},
		{
			Name: "color", Layer: "ui", Salt: "color", Slots: slotsOf(0, 9), State: Created, HoldoutPPM: 25_000,
			Variants: []Variant{{Name: "red", Weight: 1}, {Name: "blue"}},
		},
		{Name: "font", Layer: "ui", Salt: "font", Slots: slotsOf(10, 19), State: Archived, Variants: []Variant{{Name: "A", Weight: 1}}},
	}
	want.Issued = []Issued{
		{"visitor", "gray_id", 8760 * time.Hour, true, FirstStable, ""},
		{"guest", "guest", 48 * time.Hour, false, FirstAssign, in("override.key")},
	}
	if !reflect.DeepEqual(p, &want) {
		t.Errorf("got  %+v\nwant %+v", p, &want)
	}
	if q, err := Parse("elsewhere/printed.yaml", p.YAML()); err != nil || !reflect.DeepEqual(q, p) {
		t.Errorf("%s\nread back: %v\ngot  %+v\nwant %+v", p.YAML(), err, q, p)
	}
}

// slotsOf makes ranges of their ends.
func slotsOf(ends ...int) (out []match.SlotRange) {
	for i := 0; i < len(ends); i += 2 {
		out = append(out, match.SlotRange{First: ends[i], Last: ends[i+1]})
	}
	return out
}

// TestInheritance: each field comes from the nearest key that has it.
func TestInheritance(t *testing.T) {
	const base = `
attributes: {userid: {from: [header X-User-Id]}, tenant: {from: [header X-Tenant]}}
layers: {l1: {by: userid}, l2: {by: userid}, l3: {by: userid}}
experiments:
`
	parse := func(experiments string) *Plan {
		t.Helper()
		p, err := Parse("graygate.yaml", []byte(complete(base+experiments)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// row compares NAME:LAYER:OWNER:STATE:FIRSTSLOT of a tenant's experiments, in order.
	row := func(experiments, tenant string, want ...string) {
		t.Helper()
		p := parse(experiments)
		var got []string
		for _, x := range p.ExperimentsOf(tenant) {
			got = append(got, fmt.Sprintf("%s:%s:%s:%s:%d", x.Name, x.Layer, x.Owner, x.State, x.Slots[0].First))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\ntenant %q: got %q, want %q", experiments, tenant, got, want)
		}
		if q, err := Parse("printed.yaml", p.YAML()); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%s\nprinted and read back: %v\ngot  %+v\nwant %+v", p.YAML(), err, q, p)
		}
	}
	shared := `
  color: {layer: l1, slots: [0-9], owner: all, variants: {A: 1}}
  font: {layer: l2, slots: [20-29], variants: {A: 1}}
  acme/color: {slots: [5], state: active}
  acme/*: {owner: acme, state: paused}
  acme/own: {layer: l3, slots: [7], variants: {A: 1}}
`
	row(shared, "", "color:l1:all:created:0", "font:l2::created:20")
	row(shared, "unknown", "color:l1:all:created:0", "font:l2::created:20")
	row(shared, "acme", "color:l1:all:active:5", "font:l2:acme:paused:20", "own:l3:acme:paused:7")
	// A tenant's own stands where the shared one does, be it written before or behind it.
	ordered := `
  acme/b: {owner: acme}
  a: {layer: l1, slots: [0-9], excludes: [b], variants: {A: 1}}
  acme/own: {layer: l3, slots: [7], variants: {A: 1}}
  b: {layer: l2, slots: [20-29], variants: {A: 1}}
  acme/a: {state: paused}
`
	row(ordered, "", "a:l1::created:0", "b:l2::created:20")
	row(ordered, "acme", "a:l1::paused:0", "own:l3::created:7", "b:l2:acme:created:20")
	// What acme/* does not change stays shared.
	same := `
  color: {layer: l1, slots: [0-9], owner: all, variants: {A: 1}}
  acme/*: {owner: acme}
`
	row(same, "acme", "color:l1:all:created:0")
	if got := parse(same).Tenants(); len(got) != 0 {
		t.Errorf("tenants %q without anything of their own", got)
	}
	if got, want := parse(shared+"  zeta/a: {layer: l1, slots: [17], variants: {A: 1}}\n").Tenants(), []string{"acme", "zeta"}; !slices.Equal(got, want) {
		t.Errorf("tenants %q, want %q", got, want)
	}
}

// experiments draws what a plan has of experiments: each in a layer of its own, so that they do not meet.
func (d *drawer) experiments(p *Plan) {
	t := d.t
	p.Geo.Language = d.one("en", "zh-CN", "off", "'")
	for i, name := range d.names("audiences", 0) {
		p.Audiences = append(p.Audiences, Audience{
			Name: name, Redis: d.one("redis://localhost:6379/1", "rediss://u:p%2F'%23@[::1]:1/0"), Key: d.text(),
			Refresh: time.Duration(1+i) * time.Second, Approximate: d.bool(), MaxMembers: rapid.IntRange(1, MaxMembers).Draw(t, "members"),
		})
	}
	for _, name := range d.names("holdouts", 1) {
		if name == "off" { // the word for none
			continue
		}
		p.Holdouts = append(p.Holdouts, Holdout{name, d.one("ip", "tag"), fmt.Sprint(len(p.Holdouts), "/") + d.text(), rapid.Uint32Range(0, match.PPM-1).Draw(t, "ppm")})
	}
	for i, name := range d.names("metadata", 1) {
		p.MetadataTypes = append(p.MetadataTypes, MetadataType{Name: name, Schema: []any{true, map[string]any{"title": d.text(), "const": nil}}[i&1]})
	}
	names := d.names("experiments", 0)
	for i, name := range names {
		layer := Layer{Name: fmt.Sprintf("l%d", i), By: d.one("ip", "tag"), Salt: fmt.Sprint(i) + d.text()}
		if len(p.Holdouts) > 0 && d.bool() {
			layer.Holdout = p.Holdouts[0].Name
		}
		p.Layers = append(p.Layers, layer)
		x := d.experiment(p, name, layer)
		x.DependsOn = names[:rapid.IntRange(0, i).Draw(t, "dependencies")]
		if len(x.DependsOn) == 0 {
			x.DependsOn = nil
			if i > 0 && d.bool() {
				x.Excludes = names[i-1 : i]
			}
		}
		p.Experiments = append(p.Experiments, x)
		if d.bool() {
			own := d.experiment(p, name, layer)
			own.Tenant, own.DependsOn, own.Excludes = d.one("acme", "on"), x.DependsOn, x.Excludes
			p.Experiments = append(p.Experiments, own)
		}
	}
	p.Assignments.Cookie = d.one("", "gray_ab", "true")
	if d.bool() {
		p.Attributes = append(p.Attributes, Attribute{Name: "issued", From: []match.Source{{Kind: match.FromCookie, Name: "gray_id"}}})
		p.Issued = []Issued{{"issued", "gray_id", time.Duration(60+i64(t)) * time.Second, d.bool(), FirstAssign, ""}}
	}
}

func i64(t *rapid.T) int64 { return rapid.Int64Range(0, 34_000_000).Draw(t, "seconds") }

func (d *drawer) experiment(p *Plan, name string, layer Layer) Experiment {
	t := d.t
	// What a shared experiment has its tenants inherit: so all have it, or none.
	x := Experiment{
		Name: name, Layer: layer.Name, Salt: name, State: ExperimentState(d.one("created", "paused")), Owner: d.text(), When: fmt.Sprintf("tag != %q", d.text()),
		MetadataType: p.MetadataTypes[0].Name, Metadata: map[string]any{d.text(): d.value(3)},
		Start: MinMoment.Add(time.Duration(rapid.Int64Range(1, 1e18).Draw(t, "start"))),
	}
	first := rapid.IntRange(0, match.Slots-1).Draw(t, "slot")
	x.Slots = []match.SlotRange{{First: first, Last: rapid.IntRange(first, match.Slots-1).Draw(t, "slot")}}
	if d.bool() {
		x.End = MaxMoment.Add(-time.Nanosecond)
	}
	switch d.one("off", "own", "named") {
	case "own":
		x.HoldoutPPM = rapid.Uint32Range(1, match.PPM-1).Draw(t, "ppm")
	case "named":
		if len(p.Holdouts) > 0 {
			x.Holdout = p.Holdouts[0].Name
		}
	}
	if d.bool() {
		x.ExcludeExposed = []Exposure{
			{Layer: layer.Name, By: "path", Salt: d.text(), Slots: x.Slots}, {By: "ip", Salt: "y", Slots: x.Slots},
		}
	}
	for i, name := range d.names("variants", 1) {
		v := Variant{Name: name, Weight: rapid.Uint32Range(1, MaxWeight).Draw(t, "weight"), To: d.one("", p.Upstreams[0].Pool.Name)}
		if d.bool() {
			v.Headers = []Header{{"X-" + name, d.one("a: b", "'", "#", "off", "{}")}, {"on", "ü"}}
			v.Force = []string{fmt.Sprint(i) + d.text()}
		}
		x.Variants = append(x.Variants, v)
	}
	return x
}

// value is any value that JSON has.
func (d *drawer) value(depth int) any {
	kind := d.one("nil", "bool", "int", "float", "text", "list", "map")
	switch {
	case kind == "bool":
		return d.bool()
	case kind == "int":
		return rapid.Int64().Draw(d.t, "int")
	case kind == "float":
		return rapid.Float64().Draw(d.t, "float")
	case kind == "text":
		return d.one("", " ", "1", "1.5", "1e6", "null", "~", "yes", "a\nb", "a\tb", "\u0085", "2026-12-01") + d.text()
	case kind == "list" && depth > 0:
		out := []any{}
		for range rapid.IntRange(0, 3).Draw(d.t, "length") {
			out = append(out, d.value(depth-1))
		}
		return out
	case kind == "map" && depth > 0:
		out := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(d.t, "length") {
			out[d.text()] = d.value(depth - 1)
		}
		return out
	}
	return nil
}
