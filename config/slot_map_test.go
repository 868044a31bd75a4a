package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"graygate/match"
)

const slotConfig = `listeners: [{address: :8080}]
admin: off
attributes: {tenant: {from: [header X-Tenant]}, userid: {from: [header X-User-Id]}}
upstreams: {stable: {endpoints: [127.0.0.1:1]}}
routes: [{name: all, stable: stable}]
layers: {search: {by: userid}, empty: {by: userid}}
experiments:
  a: {layer: search, slots: [0-99, 5000-9998], state: active, variants: {A: 1, B: 1}}
  b: {layer: search, slots: [200-299], state: archived, variants: {A: 1, B: 1}}
  acme/c: {layer: search, slots: [100-1999, 3000], state: created, variants: {A: 1, B: 1}}
assignments: {override_key_file: key.txt}
`

func TestSlotMap(t *testing.T) {
	p := snapshotOf(t, slotConfig).Plan
	check := func(layer, want string) {
		t.Helper()
		slots, err := p.SlotMap(layer)
		var b strings.Builder
		for _, o := range slots {
			fmt.Fprintf(&b, "%d-%d", o.Slots.First, o.Slots.Last)
			for _, x := range o.Experiments {
				b.WriteString(" " + x.Key())
			}
			b.WriteString(", ")
		}
		if err != nil {
			b.WriteString(err.Error())
		}
		if got := b.String(); got != want {
			t.Errorf("layer %s:\n got %s\nwant %s", layer, got, want)
		}
	}
	check("search", "0-99 a, 100-1999 acme/c, 2000-2999, 3000-3000 acme/c, 3001-4999, 5000-9998 a, 9999-9999, ")
	check("empty", "0-9999, ")
	check("serch", `there is no layer "serch"; did you mean "search"?`)
	check("x", `there is no layer "x"; the layers are search, empty`)
}

func TestFreeSlots(t *testing.T) {
	p := snapshotOf(t, slotConfig).Plan
	slots, err := p.SlotMap("search")
	if err != nil {
		t.Fatal(err)
	}
	check := func(count int, want ...match.SlotRange) {
		t.Helper()
		if got := FreeSlots(slots, count); !reflect.DeepEqual(got, want) {
			t.Errorf("%d slots: got %v, want %v", count, got, want)
		}
	}
	// free: 2000-2999 (1000), 3001-4999 (1999), 9999 (1)
	check(1, match.SlotRange{First: 9999, Last: 9999})
	check(2, match.SlotRange{First: 2000, Last: 2001})
	check(1000, match.SlotRange{First: 2000, Last: 2999})
	check(1001, match.SlotRange{First: 3001, Last: 4001})
	check(2500, match.SlotRange{First: 2000, Last: 2500}, match.SlotRange{First: 3001, Last: 4999})
	check(3000, match.SlotRange{First: 2000, Last: 2999}, match.SlotRange{First: 3001, Last: 4999}, match.SlotRange{First: 9999, Last: 9999})
	check(3001)
}

func TestSignOverride(t *testing.T) {
	s := snapshotOf(t, slotConfig)
	check := func(s *Snapshot, tenant, variants, want string) {
		t.Helper()
		got, err := s.SignOverride(tenant, strings.Fields(variants), explainedAt, explainedAt.Add(time.Hour))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("tenant %q, %s:\n got %s\nwant %s", tenant, variants, got, want)
		}
	}
	check(s, "", "a=B", match.SignOverride([]byte(testKey), "a=B", explainedAt.Add(time.Hour)))
	check(s, "acme", "c=B", match.SignOverride([]byte(testKey), "c=B", explainedAt.Add(time.Hour)))
	check(s, "", "c=B", `unknown experiment "c"; use the name of an experiment of the request's tenant`)
	check(s, "", "a=X", "experiment `a` has no variant \"X\"; use one of A, B")
	check(s, "", "b=A", "experiment `b` is archived; leave it out")
	check(s, "", "a B", `"a B" is not a list of variants; write EXPERIMENT=VARIANT`)
	none := snapshotOf(t, strings.Replace(slotConfig, "assignments: {override_key_file: key.txt}\n", "", 1))
	check(none, "", "a=B", ErrNoOverrides.Error())
}
