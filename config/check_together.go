package config

import (
	"fmt"
	"reflect"
	"strings"

	"graygate/match"
)

// together finds what is wrong with the experiments of a scope taken together, by compiling them without their conditions:
// slots that two have, dependencies in a circle, units forced to two variants, and so on. A part that is wrong in itself
// has been told, and is left out.
func (c *checker) together(s *scope) {
	if c.schema == nil {
		return
	}
	x := &match.Experiments{}
	for _, h := range c.f.Holdouts.Value {
		x.Holdouts = append(x.Holdouts, match.Holdout{Name: h.Name.Value, By: h.By.Value, Salt: h.Salt.Value, PPM: h.Percent.Value})
	}
	for _, l := range c.f.Layers.Value {
		x.Layers = append(x.Layers, match.Layer{Name: l.Name.Value, By: l.By.Value, Salt: l.Salt.Value, Holdout: placeOf(c.holdoutNames.at, l.Holdout.Value)})
	}
	t := &translation{list: make([]*inForce, 0, len(s.list)), at: map[string]int{}}
	for _, e := range s.list {
		if _, defined := c.layerNames.at[e.Layer.Value]; defined && e.Layer.Set && e.Variants.Set && len(e.Variants.Value) > 0 {
			t.at[e.Name] = len(t.list)
			t.list = append(t.list, e)
		}
	}
	for _, e := range t.list {
		m := match.Experiment{
			Name: e.Name, Salt: e.Salt.Value, Layer: c.layerNames.at[e.Layer.Value], Slots: values[match.SlotRange](e.Slots.Value),
			Active: e.State.Value == Active, Forceable: e.State.Value != Archived,
			From: nanoseconds(e.Start.Value), Until: nanoseconds(e.End.Value), Holdout: -1,
			DependsOn: t.places(e.DependsOn.Value), Excludes: t.places(e.Excludes.Value),
		}
		for _, v := range e.Variants.Value {
			weight := v.Weight.Value
			if v.Weight.Bad {
				weight = 1 // told already
			}
			m.Variants = append(m.Variants, match.Variant{Name: v.Name.Value, Weight: weight, Force: values[string](v.Force.Value)})
		}
		x.Experiments = append(x.Experiments, m)
	}
	mark := treeMark(x)
	if right := c.compiled[mark]; right != nil && reflect.DeepEqual(right, x) {
		return
	}
	_, errs := match.CompileExperiments(c.schema, x)
	if len(errs) == 0 {
		c.compiled[mark] = x
	}
	for _, e := range errs {
		at := c.placeOfError(t, e)
		if c.told(at) {
			continue // the cause is known, and this is what follows from it
		}
		c.fail(at, problem{What: strings.ReplaceAll(e.What, "`", `"`), Why: t.others(s, e), Fix: strings.ReplaceAll(e.Fix, "`", "")})
	}
}

// translation is the experiments that were compiled, by their places.
type translation struct {
	list []*inForce
	at   map[string]int
}

// places gives the places of experiments, those that are there.
func (t *translation) places(fields []Field[string]) []int {
	var out []int
	for _, f := range fields {
		if i, ok := t.at[f.Value]; ok {
			out = append(out, i)
		}
	}
	return out
}

// item gives the field that a place in what places gave stands for.
func (t *translation) item(fields []Field[string], item int) (Field[string], bool) {
	for _, f := range fields {
		if _, ok := t.at[f.Value]; !ok {
			continue
		}
		if item == 0 {
			return f, true
		}
		item--
	}
	return Field[string]{}, false
}

// others tells where the other experiments stand that an error is about, and for which tenant that is, if not for all.
func (t *translation) others(s *scope, e match.ExperimentError) string {
	if len(e.Others) == 0 {
		return ""
	}
	var places []string
	for _, other := range e.Others[:min(len(e.Others), maxPlaces)] {
		x := t.list[other]
		at := firstPlace(map[string]Pos{"slots": x.Slots.at(), "depends_on": x.DependsOn.at()}[e.Part], x.Key.At)
		places = append(places, fmt.Sprintf("%s in line %d", quoted(x.Name), at.Line))
	}
	out := "the other is " + strings.Join(places, ", ")
	if len(places) > 1 {
		out = "the others are " + strings.Join(places, ", ")
	}
	if s.tenant != "" {
		out += "; for tenant " + s.tenant
	}
	return out
}

// placeOfError is where the part stands that an error is about.
func (c *checker) placeOfError(t *translation, e match.ExperimentError) Pos {
	switch {
	case e.Holdout >= 0:
		h := c.f.Holdouts.Value[e.Holdout]
		return firstPlace(map[string]Pos{"by": h.By.at(), "salt": h.Salt.at(), "percent": h.Percent.at()}[e.Part], h.Name.At)
	case e.Layer >= 0:
		l := c.f.Layers.Value[e.Layer]
		return firstPlace(map[string]Pos{"by": l.By.at(), "salt": l.Salt.at()}[e.Part], l.Name.At)
	case e.Experiment < 0:
		return firstPlace(map[string]Pos{"layers": c.f.Layers.at(), "holdouts": c.f.Holdouts.at()}[e.Part], c.f.Experiments.At)
	}
	x := t.list[e.Experiment]
	of, list := map[string]Pos{
		"salt": x.Salt.at(), "start": x.Start.at(), "end": x.End.at(), "slots": x.Slots.at(), "weight": x.Variants.at(),
		"variants": x.Variants.at(), "force": x.Variants.at(), "depends_on": x.DependsOn.at(), "excludes": x.Excludes.at(),
	}[e.Part], []Field[string](nil)
	switch e.Part {
	case "depends_on":
		list = x.DependsOn.Value
	case "excludes":
		list = x.Excludes.Value
	case "slots":
		if e.Item >= 0 && e.Item < len(x.Slots.Value) {
			of = x.Slots.Value[e.Item].At
		}
	case "variants", "weight", "force":
		if e.Item >= 0 && e.Item < len(x.Variants.Value) {
			v := x.Variants.Value[e.Item]
			of = v.Name.At
			if e.Part == "force" {
				of = firstPlace(v.Force.at(), of)
			}
		}
	}
	if f, ok := t.item(list, e.Item); ok && e.Item >= 0 {
		of = f.At
	}
	return firstPlace(of, x.Key.At)
}

// firstPlace is the first place that is one.
func firstPlace(places ...Pos) Pos {
	for _, p := range places {
		if p != (Pos{}) {
			return p
		}
	}
	return Pos{}
}

// related checks the names in depends_on and excludes.
func (c *checker) related(s *scope) {
	known := newNames("experiment", "experiments", c.f.Experiments.Bad)
	for _, x := range s.list {
		known.add(x.Name)
	}
	for _, x := range s.list {
		for _, list := range [][]Field[string]{x.DependsOn.Value, x.Excludes.Value} {
			first := map[string]Pos{}
			for _, f := range list {
				if _, name, parted := strings.Cut(f.Value, "/"); parted {
					c.fail(f.At, problem{What: quoted(f.Value) + " names a tenant", Why: "an experiment meets those of its own tenant only", Fix: "write " + name})
				} else if c.refer(f, known) {
					once(c.source, first, f.Value, f.At, fmt.Sprintf("experiment %s", quoted(f.Value)))
				}
			}
		}
	}
}
