package match

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainAssigner assigns as the rules of experiments say, one after the other and without regard to speed: the oracle.
type plainAssigner struct {
	x      *Experiments
	facts  facts
	route  int
	now    int64 // 0 is none
	forced []Assignment

	reasons []Reason // by layer
	given   []Assignment
}

// plainPlace is floor(xxh64(ROLE:SALT ‖ 0x00 ‖ unit) × n / 2⁶⁴).
func plainPlace(role, salt, name, unit string, n int64) int {
	if salt == "" {
		salt = name
	}
	h := new(big.Int).SetUint64(plainXXH64([]byte(role + ":" + salt + "\x00" + unit)))
	h.Mul(h, big.NewInt(n))
	return int(h.Rsh(h, 64).Int64())
}

// plainDraw chooses a variant by weighted rendezvous.
func plainDraw(e *Experiment, unit string) int {
	salt := e.Salt
	if salt == "" {
		salt = e.Name
	}
	hash := plainXXH64([]byte("exp:" + salt + "\x00" + unit))
	best, least := -1, math.Inf(1)
	for i, v := range e.Variants {
		z := hash ^ plainXXH64([]byte("exp:"+salt+"\x00"+v.Name))
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb
		z ^= z >> 31
		u := (float64(z>>11) + 0.5) / math.Pow(2, 53)
		if score := -math.Log(u) / float64(v.Weight); v.Weight > 0 && score < least {
			best, least = i, score
		}
	}
	return best
}

func inRanges(ranges []SlotRange, slot int) bool {
	return slices.ContainsFunc(ranges, func(r SlotRange) bool { return r.First <= slot && slot <= r.Last })
}

// unit gives the value of an attribute, "" if it cannot be hashed.
func (p *plainAssigner) unit(by string) string {
	if v := p.facts[by]; len(v) <= 256 {
		return v
	}
	return ""
}

func (p *plainAssigner) assigned(experiment int) bool {
	return slices.ContainsFunc(p.given, func(a Assignment) bool { return a.Experiment == experiment })
}

// order gives the experiments, each after those that it depends on: again and again the first that can come next.
func (p *plainAssigner) order() (out []int) {
	for len(out) < len(p.x.Experiments) {
		for i, e := range p.x.Experiments {
			if !slices.Contains(out, i) && !slices.ContainsFunc(e.DependsOn, func(d int) bool { return !slices.Contains(out, d) }) {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

func (p *plainAssigner) assign(t fataler) {
	p.reasons = make([]Reason, len(p.x.Layers))
	order := p.order()
	for l := range p.x.Layers {
		p.reasons[l] = p.force(l)
	}
	for _, i := range order {
		e := &p.x.Experiments[i]
		if p.reasons[e.Layer] != reasonPending || !p.owns(i) {
			continue
		}
		why := p.evaluate(t, i)
		if p.reasons[e.Layer] = why; why == ReasonAssigned {
			p.given = append(p.given, Assignment{Experiment: i, Variant: plainDraw(e, p.unit(p.x.Layers[e.Layer].By))})
		}
	}
	slices.SortFunc(p.given, func(a, b Assignment) int {
		return slices.Index(order, a.Experiment) - slices.Index(order, b.Experiment)
	})
}

// force takes what is forced in a layer; else it asks the layer's holdout and looks for the owner of the unit's slot.
func (p *plainAssigner) force(l int) Reason {
	layer := p.x.Layers[l]
	for _, f := range p.forced {
		if e := &p.x.Experiments[f.Experiment]; e.Layer == l && (e.Active || e.Forceable) {
			p.given = append(p.given, f)
			return ReasonForced
		}
	}
	unit := p.unit(layer.By)
	for i := range p.x.Experiments {
		e := &p.x.Experiments[i]
		if e.Layer != l || !e.Active && !e.Forceable || unit == "" {
			continue
		}
		for j, v := range e.Variants {
			if slices.Contains(v.Force, unit) {
				p.given = append(p.given, Assignment{i, j, true})
				return ReasonListed
			}
		}
	}
	if layer.Holdout >= 0 {
		if why := p.holdout(layer.Holdout); why != ReasonAssigned {
			return why
		}
	}
	if unit == "" {
		return ReasonMissingUnit
	}
	for i := range p.x.Experiments {
		if p.x.Experiments[i].Layer == l && p.owns(i) {
			return reasonPending
		}
	}
	return ReasonFreeSlot
}

// owns tells whether the unit's slot belongs to an experiment.
func (p *plainAssigner) owns(i int) bool {
	e := &p.x.Experiments[i]
	layer := p.x.Layers[e.Layer]
	return (e.Active || e.Forceable) && inRanges(e.Slots, plainPlace("layer", layer.Salt, layer.Name, p.unit(layer.By), 10_000))
}

// holdout gives ReasonAssigned if a holdout lets the unit through.
func (p *plainAssigner) holdout(i int) Reason {
	h := p.x.Holdouts[i]
	switch unit := p.unit(h.By); {
	case unit == "":
		return ReasonMissingUnit
	case plainPlace("holdout", h.Salt, h.Name, unit, 1_000_000) < int(h.PPM):
		return ReasonHeldOut
	}
	return ReasonAssigned
}

func (p *plainAssigner) evaluate(t fataler, i int) Reason {
	e := &p.x.Experiments[i]
	if e.Holdout >= 0 {
		if why := p.holdout(e.Holdout); why != ReasonAssigned {
			return why
		}
	}
	switch {
	case !e.Active:
		return ReasonNotActive
	case p.now != 0 && e.From != 0 && p.now < e.From:
		return ReasonTooEarly
	case p.now != 0 && e.Until != 0 && p.now >= e.Until:
		return ReasonTooLate
	case e.Routes != nil && !slices.Contains(e.Routes, p.route):
		return ReasonOtherRoute
	}
	for _, past := range e.ExcludeExposed {
		by := past.By
		if by == "" {
			by = p.x.Layers[e.Layer].By
		}
		if p.unit(by) == "" {
			return ReasonMissingUnit
		}
		if inRanges(past.Slots, plainPlace("layer", past.Salt, "", p.unit(by), 10_000)) {
			return ReasonExposed
		}
	}
	for _, other := range e.DependsOn {
		if !p.assigned(other) {
			return ReasonDependency
		}
	}
	for other := range p.x.Experiments {
		if (slices.Contains(e.Excludes, other) || slices.Contains(p.x.Experiments[other].Excludes, i)) && p.assigned(other) {
			return ReasonExcluded
		}
	}
	if e.When != "" {
		switch p.facts.decide(t, e.When) {
		case isFalse:
			return ReasonConditionFalse
		case unknown:
			return ReasonConditionUnknown
		}
	}
	return ReasonAssigned
}

// experimentDrawer draws experiments that compile for wideSchema.
type experimentDrawer struct {
	drawer
	x        Experiments
	forcedIn []map[string]bool // by layer
}

func drawExperiments() *rapid.Generator[*Experiments] {
	return rapid.Custom(func(t *rapid.T) *Experiments {
		d := experimentDrawer{drawer: drawer{t: t}}
		for i := range d.n(3) {
			d.x.Holdouts = append(d.x.Holdouts, Holdout{Name: fmt.Sprint("h", i), By: d.by(), PPM: uint32(d.n(4) * 333_333)})
		}
		for i := range 1 + d.n(4) {
			d.x.Layers = append(d.x.Layers, Layer{Name: fmt.Sprint("l", i), By: d.by(), Salt: d.of("", fmt.Sprint("s", i)), Holdout: d.n(len(d.x.Holdouts)+1) - 1})
			d.forcedIn = append(d.forcedIn, map[string]bool{})
		}
		taken := make([]int, len(d.x.Layers)) // slots from the first on
		for i := range d.n(9) {
			d.experiment(i, taken)
		}
		d.dependencies()
		return &d.x
	})
}

func (d *experimentDrawer) by() string { return d.of("userid", "userid", "country") }

func (d *experimentDrawer) experiment(i int, taken []int) {
	e := Experiment{Name: fmt.Sprint("e", i), Salt: d.of("", fmt.Sprint("x", i)), Layer: d.n(len(d.x.Layers)), Holdout: -1}
	switch d.n(6) {
	case 0:
		e.Forceable = true
	case 1: // archived
	default:
		e.Active, e.Forceable = true, true
	}
	for range d.n(4) {
		first := taken[e.Layer]
		if last := first + []int{2500, 2500, 1250, 2499, 1}[d.n(5)] - 1; last < 10_000 {
			e.Slots = append(e.Slots, SlotRange{first, last})
			taken[e.Layer] = last + 1
		}
	}
	if d.n(3) == 0 {
		e.When = d.condition(2)
	}
	if d.n(4) == 0 {
		e.Holdout = d.n(len(d.x.Holdouts)+1) - 1
	}
	if now := factsNow.UnixNano(); d.n(3) == 0 {
		e.From = now + int64(d.n(3)-1)
		e.Until = e.From + 1 + int64(d.n(2))
	}
	if d.n(4) == 0 {
		e.Routes = []int{}
		for range d.n(3) {
			e.Routes = append(e.Routes, d.n(3)*40)
		}
	}
	if d.n(4) == 0 {
		e.ExcludeExposed = []Exposure{{By: d.of("", "userid", "country"), Salt: d.of("past", "l0"), Slots: []SlotRange{{0, 2499}, {5000, 5000}}}}
	}
	for j := range 1 + d.n(4) {
		v := Variant{Name: fmt.Sprint("v", j), Weight: []uint32{1, 1, 0, 90, 7}[d.n(5)]}
		if unit := d.unit(); d.n(4) == 0 && !d.forcedIn[e.Layer][unit] && len(unit) <= MaxUnitBytes {
			v.Force = []string{unit}
			if !e.archived() {
				d.forcedIn[e.Layer][unit] = true
			}
		}
		e.Variants = append(e.Variants, v)
	}
	if !slices.ContainsFunc(e.Variants, func(v Variant) bool { return v.Weight > 0 }) {
		e.Variants[0].Weight = 3
	}
	d.x.Experiments = append(d.x.Experiments, e)
}

// unit draws one of few, so that allow-lists are met.
func (d *experimentDrawer) unit() string {
	return d.of("u-1", "u-2", "u-3", "u-4", "u-5", strings.Repeat("u", MaxUnitBytes), strings.Repeat("u", MaxUnitBytes+1))
}

// dependencies draws acyclic ones that go in both directions of the list.
func (d *experimentDrawer) dependencies() {
	n := len(d.x.Experiments)
	order := rapid.Permutation(numbers(n)).Draw(d.t, "order")
	for at, i := range order {
		e := &d.x.Experiments[i]
		for _, other := range order[:at] {
			switch d.n(8) {
			case 0:
				if d.x.Experiments[other].Layer != e.Layer {
					e.DependsOn = append(e.DependsOn, other)
				}
			case 1:
				e.Excludes = append(e.Excludes, other)
			case 2:
				if o := &d.x.Experiments[other]; !slices.Contains(e.DependsOn, other) {
					o.Excludes = append(o.Excludes, i)
				}
			}
		}
	}
}

func numbers(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func TestAssignEqualsPlain(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	rapid.Check(t, func(t *rapid.T) {
		x := drawExperiments().Draw(t, "experiments")
		xs, errs := CompileExperiments(s, x)
		if errs != nil {
			t.Fatalf("%+v: %v", x, errs)
		}
		st := xs.NewState()
		for range 8 {
			d := experimentDrawer{drawer: drawer{t: t}}
			p := plainAssigner{x: x, facts: drawFacts(false).Draw(t, "facts"), route: d.n(4)*40 - 40}
			for _, by := range []string{"userid", "country"} {
				if d.n(8) == 0 {
					delete(p.facts, by)
				} else {
					p.facts[by] = d.unit()
				}
			}
			if len(x.Experiments) > 0 && d.n(3) == 0 {
				i := d.n(len(x.Experiments))
				p.forced = []Assignment{{i, d.n(len(x.Experiments[i].Variants)), true}}
			}
			p.facts.load(&a, s)
			if p.now = factsNow.UnixNano(); d.n(4) == 0 && !usesTime(x) {
				p.now, a.hasNow = 0, false
			}
			p.assign(t)
			got := xs.Assign(&a, st, p.route, p.forced, nil)
			if !reflect.DeepEqual(got, p.given) {
				t.Fatalf("%+v\n with %v, route %d, forced %v:\n got %v\nwant %v, reasons %v\n%s", x, p.facts, p.route, p.forced, got, p.given, p.reasons, xs.Disassemble())
			}
			unitless := uint64(0)
			for i, reason := range p.reasons {
				if reason == ReasonMissingUnit {
					unitless |= 1 << i
				}
			}
			if got := st.UnitlessLayers(); got != unitless {
				t.Fatalf("%+v\n with %v, route %d, forced %v: the layers without a unit are %b, want %b, reasons %v", x, p.facts, p.route, p.forced, got, unitless, p.reasons)
			}
			var reasons []Reason
			for _, step := range xs.Trace(&a, st, p.route, p.forced) {
				reasons = append(reasons, step.Reason)
			}
			if !slices.Equal(reasons, p.reasons) {
				t.Fatalf("%+v\n with %v, route %d, forced %v: reasons\n got %v\nwant %v", x, p.facts, p.route, p.forced, reasons, p.reasons)
			}
		}
	})
}

// usesTime tells whether a condition asks for the time, which the facts of conditions always have.
func usesTime(x *Experiments) bool {
	return slices.ContainsFunc(x.Experiments, func(e Experiment) bool { return strings.Contains(e.When, "now") })
}
