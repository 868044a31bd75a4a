package match

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustExperiments(t testing.TB, s *Schema, x *Experiments) *ExperimentSet {
	t.Helper()
	xs, errs := CompileExperiments(s, x)
	if len(errs) > 0 {
		t.Fatalf("CompileExperiments(%+v): %v", x, errs)
	}
	return xs
}

// running gives an active experiment with all slots of layer 0, and variants A and B of equal weight.
func running(name string) Experiment {
	return Experiment{
		Name: name, Slots: []SlotRange{{0, Slots - 1}}, Active: true, Forceable: true, Holdout: -1,
		Variants: []Variant{{Name: "A", Weight: 50}, {Name: "B", Weight: 50}},
	}
}

// steps gives what Trace says of a request.
func steps(xs *ExperimentSet, forced []Assignment, route int, fields ...string) []Step {
	var a Attributes
	request{fields: fields}.load(&a, xs.schema)
	a.SetTime(factsNow)
	return xs.Trace(&a, xs.NewState(), route, forced)
}

// TestTrace takes one layer through all that can become of it. The slot, bucket and scores of unit u-1 are those that the
// formulas give.
func TestTrace(t *testing.T) {
	s := shopSchema(t)
	e := running("e")
	e.Slots = []SlotRange{{0, 4999}} // u-1 has 3140 in l
	x := &Experiments{
		Holdouts: []Holdout{{Name: "h", By: "userid"}, {Name: "g", By: "country", PPM: 0}},
	}
	arms := []Arm{{50, 0.01235613625852794}, {50, 0.0016461894454453418}}
	u := []byte("u-1")
	bucket := plainBucket("holdout:h", "u-1")
	x.Holdouts[0].PPM = bucket + 1
	check := func(name string, change func(e *Experiment), want Step, fields ...string) {
		t.Run(name, func(t *testing.T) {
			own, with := *x, e
			change(&with)
			own.Layers = []Layer{{Name: "l", By: "userid", Holdout: -1}}
			if name == "held out" {
				own.Layers[0].Holdout = 0
			}
			other := running("other")
			other.Layer, other.When = 1, "country != 'fr'"
			own.Layers = append(own.Layers, Layer{Name: "m", By: "userid", Holdout: -1})
			own.Experiments = []Experiment{other, with}
			if len(fields) == 0 {
				fields = []string{"X-User-Id: u-1", "X-Country: de"}
			}
			got := steps(mustExperiments(t, s, &own), nil, 1, fields...)[0]
			for i := range got.Arms { // to the last bit on every machine, which logarithms need not be
				if math.Abs(got.Arms[i].Score-want.Arms[i].Score) < 1e-12 {
					got.Arms[i].Score = want.Arms[i].Score
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
	assigned := Step{Unit: u, Slot: 3140, Experiment: 1, Reason: ReasonAssigned, Other: -1, Variant: 1, Arms: arms}
	not := func(why Reason, change ...func(s *Step)) Step {
		s := assigned
		s.Reason, s.Variant = why, -1
		for _, c := range change {
			c(&s)
		}
		return s
	}
	drawn := func(h int, unit string, b, ppm uint32) func(s *Step) {
		return func(s *Step) { s.Holdouts = append(s.Holdouts, HoldoutDraw{h, []byte(unit), b, ppm}) }
	}
	none := func(s *Step) { s.Experiment, s.Arms = -1, nil }
	missing := func(name string) func(s *Step) { return func(s *Step) { s.Missing = name } }
	unitless := func(s *Step) { s.Unit, s.Slot, s.Experiment, s.Arms = nil, -1, -1, nil }
	now := factsNow.UnixNano()

	check("assigned", func(e *Experiment) {}, assigned)
	check("missing", func(e *Experiment) {}, not(ReasonMissingUnit, unitless, missing("userid")), "X-Country: de")
	check("too long", func(e *Experiment) {}, not(ReasonMissingUnit, unitless, missing("userid")), "X-User-Id: "+strings.Repeat("u", 257))
	check("held out", func(e *Experiment) {}, not(ReasonHeldOut, none, drawn(0, "u-1", bucket, bucket+1)))
	check("own holdout", func(e *Experiment) { e.Holdout = 0 }, not(ReasonHeldOut, drawn(0, "u-1", bucket, bucket+1)))
	check("not held out", func(e *Experiment) { e.Holdout = 1 }, not(ReasonAssigned, drawn(1, "de", plainBucket("holdout:g", "de"), 0), func(s *Step) { s.Variant = 1 }))
	check("own holdout without unit", func(e *Experiment) { e.Holdout = 1 }, not(ReasonMissingUnit, missing("country")), "X-User-Id: u-1")
	check("free", func(e *Experiment) { e.Slots = []SlotRange{{0, 3139}, {3141, 9999}} }, not(ReasonFreeSlot, none))
	check("archived", func(e *Experiment) { e.Active, e.Forceable = false, false }, not(ReasonFreeSlot, none))
	check("paused", func(e *Experiment) { e.Active = false }, not(ReasonNotActive))
	check("too early", func(e *Experiment) { e.From = now + 1 }, not(ReasonTooEarly))
	check("begins", func(e *Experiment) { e.From = now }, assigned)
	check("ends", func(e *Experiment) { e.Until = now + 1 }, assigned)
	check("too late", func(e *Experiment) { e.Until = now }, not(ReasonTooLate))
	check("route", func(e *Experiment) { e.Routes = []int{64, 1} }, assigned)
	check("other route", func(e *Experiment) { e.Routes = []int{0, 65} }, not(ReasonOtherRoute))
	check("no route", func(e *Experiment) { e.Routes = []int{} }, not(ReasonOtherRoute))
	check("exposed", func(e *Experiment) {
		e.ExcludeExposed = []Exposure{{Salt: "past", Slots: []SlotRange{{0, 0}}}, {By: "userid", Salt: "l", Slots: []SlotRange{{3140, 3140}}}}
	}, not(ReasonExposed, func(s *Step) { s.Other = 1 }))
	check("not exposed", func(e *Experiment) {
		e.ExcludeExposed = []Exposure{{Salt: "l", Slots: []SlotRange{{0, 3139}, {3141, 9999}}}}
	}, assigned)
	check("dependency met", func(e *Experiment) { e.DependsOn = []int{0} }, assigned)
	check("dependency not met", func(e *Experiment) { e.DependsOn = []int{0} }, not(ReasonDependency, func(s *Step) { s.Other = 0 }), "X-User-Id: u-1")
	check("excluded", func(e *Experiment) { e.Excludes = []int{0} }, not(ReasonExcluded, func(s *Step) { s.Other = 0 }))
	check("not excluded", func(e *Experiment) { e.Excludes = []int{0} }, assigned, "X-User-Id: u-1")
	check("condition true", func(e *Experiment) { e.When = "country == 'de' and not has(os)" }, assigned)
	check("condition false", func(e *Experiment) { e.When = "country == 'fr'" }, not(ReasonConditionFalse))
	check("condition unknown", func(e *Experiment) { e.When = "os == 'ios'" }, not(ReasonConditionUnknown))
	check("listed", func(e *Experiment) {
		e.Active = false
		e.Variants = []Variant{{Name: "A", Weight: 50, Force: []string{"u-0", "u-1"}}, {Name: "B", Weight: 50}}
	}, not(ReasonListed, func(s *Step) { s.Variant = 0 }))
}

func TestForced(t *testing.T) {
	s := shopSchema(t)
	inLayer := func(e Experiment, layer int) Experiment { e.Layer = layer; return e }
	listed := running("listed")
	listed.Variants = []Variant{{Name: "A", Weight: 1}, {Name: "B", Force: []string{"alice", "bob"}}}
	paused, over := running("paused"), running("over")
	paused.Active, paused.Slots = false, nil
	over.Active, over.Forceable = false, false
	barred := running("barred")
	barred.When, barred.From, barred.Routes, barred.Excludes = "os == 'beos'", 1<<62, []int{}, []int{0}
	follower := running("follower")
	follower.DependsOn = []int{2}
	xs := mustExperiments(t, s, &Experiments{
		Holdouts: []Holdout{{Name: "all", By: "userid", PPM: PPM}},
		Layers: []Layer{
			{Name: "a", By: "userid", Holdout: 0}, {Name: "b", By: "country", Holdout: -1}, {Name: "c", By: "userid", Holdout: -1}, {Name: "d", By: "userid", Holdout: -1},
		},
		Experiments: []Experiment{listed, paused, inLayer(barred, 1), inLayer(follower, 2), inLayer(over, 3)},
	})
	st := xs.NewState()
	var a Attributes
	check := func(unit string, forced []Assignment, want ...Assignment) {
		t.Helper()
		request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
		for range 2 { // nothing is left behind
			if got := xs.Assign(&a, st, 0, forced, nil); !reflect.DeepEqual(got, want) {
				t.Errorf("unit %q, forced %v:\n got %v\nwant %v", unit, forced, got, want)
			}
		}
	}
	check("carol", nil)
	check("alice", nil, Assignment{0, 1, true}) // held out, and on the list
	check("bob", []Assignment{{0, 0, true}}, Assignment{0, 0, true})
	check("bob", []Assignment{{1, 1, true}, {0, 0, true}}, Assignment{1, 1, true})                                                                   // of one layer the first counts
	check("", []Assignment{{2, 1, true}}, Assignment{2, 1, true})                                                                                    // without a unit, out of its time, on another route
	check("alice", []Assignment{{2, 1, true}}, Assignment{0, 1, true}, Assignment{2, 1, true}, Assignment{3, variantOf("follower", "alice"), false}) // both, though they exclude one another
	check("alice", []Assignment{{4, 0, true}}, Assignment{0, 1, true})                                                                               // archived
}

// variantOf gives the variant that the oracle draws for a unit in an experiment made by running.
func variantOf(name, unit string) int {
	e := running(name)
	return plainDraw(&e, unit)
}

func TestFreeSlots(t *testing.T) {
	e, over := running("e"), running("over")
	e.Slots = []SlotRange{{10, 19}, {0, 4}, {9999, 9999}, {20, 20}}
	over.Active, over.Forceable, over.Slots = false, false, []SlotRange{{5, 9}}
	all := running("all")
	all.Layer = 2
	xs := mustExperiments(t, shopSchema(t), &Experiments{
		Layers:      []Layer{{Name: "a", By: "userid", Holdout: -1}, {Name: "b", By: "userid", Holdout: -1}, {Name: "c", By: "userid", Holdout: -1}},
		Experiments: []Experiment{e, over, all},
	})
	var got []string
	for i := range 3 {
		got = append(got, fmt.Sprint(xs.FreeSlots(i)))
	}
	if want := []string{"[5-9 21-9998]", "[0-9999]", "[]"}; !reflect.DeepEqual(got, want) {
		t.Errorf("FreeSlots = %q, want %q", got, want)
	}
}

// TestOwnerIsThatOfTheSlot looks slots up in tables of cells of every size, at the first and the last hash of each slot.
func TestOwnerIsThatOfTheSlot(t *testing.T) {
	for size := 1; size <= Slots; size++ {
		if Slots%size != 0 {
			continue
		}
		l := layer{owners: make([]uint16, Slots/size)}
		for i := range l.owners {
			l.owners[i] = uint16(i)
		}
		check := func(hash uint64) {
			if got, want := int(l.owner(hash)), slotOf(hash)/size; got != want {
				t.Fatalf("cells of %d slots, hash %#x in slot %d: cell %d, want %d", size, hash, slotOf(hash), got, want)
			}
		}
		for slot := 1; slot < Slots; slot++ {
			first, _ := bits.Div64(uint64(slot), Slots-1, Slots) // ceil(slot × 2⁶⁴ / Slots)
			if slotOf(first) != slot || slotOf(first-1) != slot-1 {
				t.Fatalf("%#x is not the first hash of slot %d", first, slot)
			}
			check(first)
			check(first - 1)
		}
		check(0)
		check(math.MaxUint64)
	}
}

func TestDisassembleExperiments(t *testing.T) {
	one, two, three, four := running("one"), running("two"), running("three"), running("four")
	one.When, one.DependsOn = "os == 'ios' and version >= '17.0'", []int{2}
	two.When, two.Layer = "not (country == 'de' or country == 'at' or has(tag)) and lower(os) == 'ios'", 1
	three.When, three.Layer = "not (country == 'de' or country == 'at' or has(tag))", 2
	four.Slots = nil
	x := &Experiments{Experiments: []Experiment{one, two, three, four}}
	for _, name := range []string{"a", "b", "c"} {
		x.Layers = append(x.Layers, Layer{Name: name, By: "userid", Holdout: -1})
	}
	xs := mustExperiments(t, shopSchema(t), x)
	golden(t, "experiments.txt", "Bytecode of the conditions of four experiments: each is asked by itself, what two have in common is computed once.\n\n"+xs.Disassemble())
	if got := xs.MaxSteps(); !strings.Contains(xs.Disassemble(), fmt.Sprintf("at most %d steps", got)) {
		t.Errorf("MaxSteps = %d, not that of\n%s", got, xs.Disassemble())
	}
}

// TestDecisionsDoNotDependOnOrder permutes layers, experiments and variants, compiles them as another node would, and adds
// experiments in a layer of their own. Exclusion, which is decided by order, is left out.
func TestDecisionsDoNotDependOnOrder(t *testing.T) {
	s := wideSchema(t)
	decide := func(x *Experiments, fields facts) map[string]string {
		xs := mustExperiments(t, s, x)
		var a Attributes
		fields.load(&a, s)
		out := map[string]string{}
		for _, got := range xs.Assign(&a, xs.NewState(), 40, nil, nil) {
			e := &x.Experiments[got.Experiment]
			if e.Layer < len(x.Layers) && !strings.HasPrefix(e.Name, "new") {
				out[e.Name] = fmt.Sprint(e.Variants[got.Variant].Name, got.Forced)
			}
		}
		return out
	}
	rapid.Check(t, func(r *rapid.T) {
		x := drawExperiments().Draw(r, "experiments")
		for i := range x.Experiments {
			x.Experiments[i].Excludes = nil
		}
		layers := rapid.Permutation(numbers(len(x.Layers))).Draw(r, "layers")
		experiments := rapid.Permutation(numbers(len(x.Experiments))).Draw(r, "experiments")
		y := &Experiments{Holdouts: x.Holdouts, Layers: make([]Layer, len(x.Layers)), Experiments: make([]Experiment, len(x.Experiments))}
		for from, to := range layers {
			y.Layers[to] = x.Layers[from]
		}
		for from, to := range experiments {
			e := x.Experiments[from]
			e.Layer = layers[e.Layer]
			e.DependsOn = nil
			for _, other := range x.Experiments[from].DependsOn {
				e.DependsOn = append(e.DependsOn, experiments[other])
			}
			e.Variants = rapid.Permutation(e.Variants).Draw(r, "variants")
			y.Experiments[to] = e
		}
		y.Layers = append(y.Layers, Layer{Name: "new", By: "userid", Holdout: -1})
		added := running("new")
		added.Layer = len(y.Layers) - 1
		y.Experiments = append(y.Experiments, added)
		for range 5 {
			f := drawFacts(false).Draw(r, "facts")
			f["userid"] = fmt.Sprint("u-", rapid.IntRange(1, 9).Draw(r, "unit"))
			one, two := decide(x, f), decide(y, f)
			if !maps.Equal(one, two) {
				r.Fatalf("%+v\n%+v\nwith %v: %v and %v", x, y, f, one, two)
			}
		}
	})
}

func TestMix64KnownVectors(t *testing.T) {
	// The first numbers of SplitMix64 from seed 1234567 (Vigna's reference implementation).
	const gamma = 0x9e3779b97f4a7c15
	state := uint64(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		state += gamma
		if got := mix64(state); got != want {
			t.Errorf("number %d = %d, want %d", i, got, want)
		}
	}
}

// TestAssignRefusesWhatDoesNotBelongToIt: these are bugs of the caller.
func TestAssignRefusesWhatDoesNotBelongToIt(t *testing.T) {
	s, other := shopSchema(t), shopSchema(t)
	x := &Experiments{Layers: []Layer{{Name: "l", By: "userid", Holdout: -1}}, Experiments: []Experiment{running("e")}}
	xs, xs2 := mustExperiments(t, s, x), mustExperiments(t, s, x)
	rules := mustRules(t, s, Rule{Name: "r", When: "has(os)"})
	check := func(want string, f func(a *Attributes)) {
		t.Helper()
		defer func() {
			if got := fmt.Sprint(recover()); got != want {
				t.Errorf("panic %q, want %q", got, want)
			}
		}()
		var a Attributes
		a.Reset(s)
		f(&a)
	}
	check("<nil>", func(a *Attributes) { xs.Assign(a, xs.NewState(), 0, nil, nil) })
	check("BUG: match: attributes of another schema than the experiments'", func(a *Attributes) { a.Reset(other); xs.Assign(a, xs.NewState(), 0, nil, nil) })
	check("BUG: match: state of another experiment set", func(a *Attributes) { xs.Assign(a, xs2.NewState(), 0, nil, nil) })
	check("BUG: match: state of another experiment set", func(a *Attributes) { xs.Assign(a, rules.NewState(), 0, nil, nil) })
	check("BUG: match: state of another rule set", func(a *Attributes) { rules.Decide(a, xs.NewState()) })
	check("BUG: match: layer 1 of 1", func(*Attributes) {
		e := running("e")
		e.Layer = 1
		CompileExperiments(s, &Experiments{Layers: x.Layers, Experiments: []Experiment{e}})
	})
}

// TestRulesAndExperimentsShareAttributes decides rules and experiments in turn for one request: values that one program
// computed are not taken for those of the other, whatever the number of the generation.
func TestRulesAndExperimentsShareAttributes(t *testing.T) {
	s := shopSchema(t)
	rules := mustRules(t, s, Rule{Name: "a", When: "lower(os) == 'x'"}, Rule{Name: "b", When: "lower(os) == 'ios' and len(os) == 3"})
	e, f := running("e"), running("f")
	e.When, f.When, f.Layer = "len(os) == 3 and upper(os) == 'IOS'", "hash(userid)[:1] != 'g'", 1
	xs := mustExperiments(t, s, &Experiments{
		Layers: []Layer{{Name: "l", By: "userid", Holdout: -1}, {Name: "m", By: "userid", Holdout: -1}}, Experiments: []Experiment{e, f},
	})
	rulesState, st := rules.NewState(), xs.NewState()
	want := []Assignment{{0, variantOf("e", "u"), false}, {1, variantOf("f", "u"), false}}
	check := func(gen uint32) {
		t.Helper()
		var a Attributes
		a.gen = gen
		request{fields: []string{"X-OS: ios", "X-User-Id: u"}}.load(&a, s)
		for range 4 {
			if got := rules.Decide(&a, rulesState); got != 1 {
				t.Errorf("generation %d: Decide = %d, want 1", gen, got)
			}
			if got := xs.Assign(&a, st, 0, nil, nil); !reflect.DeepEqual(got, want) {
				t.Errorf("generation %d: Assign = %v, want %v", gen, got, want)
			}
		}
	}
	check(0)
	check(math.MaxUint32 - 5)
	check(math.MaxUint32 - 3)
	check(math.MaxUint32 - 1)
}

func TestAssignAllocatesNothing(t *testing.T) {
	s := shopSchema(t)
	x := shopExperiments(1000)
	x.Experiments[40].ExcludeExposed = []Exposure{{Salt: "past", Slots: []SlotRange{{0, 99}}}}
	x.Experiments[1].Excludes = []int{2, 3, 4}
	xs := mustExperiments(t, s, x)
	st, rules := xs.NewState(), mustRules(t, s, shopRules(100)...)
	rulesState := rules.NewState()
	b := newBrowser()
	var a Attributes
	forced := []Assignment{{0, 1, true}}
	out := make([]Assignment, 0, len(x.Layers))
	if n := testing.AllocsPerRun(200, func() {
		b.load(&a, s)
		a.SetTime(time.Unix(1_780_000_000, 0))
		rules.Decide(&a, rulesState)
		out = xs.Assign(&a, st, 0, forced, out[:0])
	}); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
	if len(out) < 10 {
		t.Errorf("%d assignments, want more: nothing was tried", len(out))
	}
}

// TestCountOfRequestsWraps: what a holdout drew for a request long ago is not taken for that of this one.
func TestCountOfRequestsWraps(t *testing.T) {
	s := shopSchema(t)
	xs := mustExperiments(t, s, &Experiments{
		Holdouts: []Holdout{{Name: "h", By: "userid", PPM: PPM / 2}}, Layers: []Layer{{Name: "l", By: "userid"}}, Experiments: []Experiment{running("e")},
	})
	st := xs.NewState()
	var a Attributes
	assign := func(unit string, forced ...Assignment) int {
		request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
		return len(xs.Assign(&a, st, 0, forced, nil))
	}
	if got := assign("u3"); got != 0 { // the first request
		t.Errorf("%d assignments of u3, want none", got)
	}
	st.assigning.count = math.MaxUint32 - 1
	assign("u4", Assignment{0, 0, true}) // no holdout is asked
	if got := assign("u4"); got != 1 {   // counted as the first again
		t.Errorf("%d assignments of u4, want 1", got)
	}
}
