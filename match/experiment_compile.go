package match

import (
	"fmt"
	"strings"
)

// CompileExperiments compiles experiments for a schema. With any mistake the set is nil and the list holds them all: of
// holdouts, of layers, and of experiments in their order. x is not kept. An index that is out of range is a bug of the
// caller, and panics.
func CompileExperiments(s *Schema, x *Experiments) (*ExperimentSet, []ExperimentError) {
	x.mustBeWhole()
	c := &experimentChecker{schema: s, x: x, conds: make([]*cond, len(x.Experiments))}
	if c.check(); len(c.errs) > 0 {
		return nil, c.sorted()
	}
	xs := &ExperimentSet{schema: s, named: newExperimentNames(x)}
	for i := range x.Holdouts {
		h := &x.Holdouts[i]
		xs.holdouts = append(xs.holdouts, holdout{s.byName[h.By], newPrefix(holdoutRole, h.Salt, h.Name), h.PPM})
	}
	for i := range x.Layers {
		l := &x.Layers[i]
		xs.layers = append(xs.layers, layer{unit: s.byName[l.By], prefix: newPrefix(layerRole, l.Salt, l.Name), holdout: l.Holdout})
	}
	order := x.order()
	xs.ranks = make([]uint16, len(order))
	for rank, i := range order {
		xs.ranks[i] = uint16(rank)
	}
	xs.trials = make([]trial, len(order))
	for i := range x.Experiments {
		xs.compileTrial(i, &x.Experiments[i], c.conds[i] != nil)
	}
	xs.compileOwners(x)
	xs.compileExcludes(x)
	xs.compileLists(x)
	xs.compileConditions(order, c.conds)
	return xs, nil
}

// mustBeWhole panics on an index that is out of range.
func (x *Experiments) mustBeWhole() {
	check := func(what string, i, least, n int) {
		if i < least || i >= n {
			panic(fmt.Sprintf("BUG: match: %s %d of %d", what, i, n))
		}
	}
	for _, l := range x.Layers {
		check("holdout", l.Holdout, -1, len(x.Holdouts))
	}
	for i := range x.Experiments {
		e := &x.Experiments[i]
		check("layer", e.Layer, 0, len(x.Layers))
		check("holdout", e.Holdout, -1, len(x.Holdouts))
		for _, other := range e.DependsOn {
			check("experiment", other, 0, len(x.Experiments))
		}
		for _, other := range e.Excludes {
			check("experiment", other, 0, len(x.Experiments))
		}
		for _, route := range e.Routes {
			check("route", route, 0, maxRouteNumber+1)
		}
	}
}

// compileTrial compiles an experiment by itself.
func (xs *ExperimentSet) compileTrial(i int, e *Experiment, when bool) {
	prefix := newPrefix(experimentRole, e.Salt, e.Name)
	xs.trials[xs.ranks[i]] = trial{
		prefix: prefix, arms: newArms(prefix.text, e.Variants), bars: xs.newBars(e), experiment: uint16(i), layer: uint8(e.Layer),
		variants: uint8(len(e.Variants)), when: when,
	}
	xs.trials[xs.ranks[i]].embed()
}

// newBars gives what bars a request besides slots and the condition, nil if nothing does. Exclusion is not in it yet.
func (xs *ExperimentSet) newBars(e *Experiment) *bars {
	b := &bars{idle: !e.Active, archived: e.archived(), holdout: int32(e.Holdout), from: e.From, until: e.Until}
	if e.Routes != nil {
		b.routes = []uint64{}
	}
	for _, route := range e.Routes {
		for len(b.routes) <= route/64 {
			b.routes = append(b.routes, 0)
		}
		b.routes[route/64] |= 1 << (route % 64)
	}
	if len(e.ExcludeExposed)+len(e.DependsOn) > 0 {
		b.others = &others{}
	}
	for _, p := range e.ExcludeExposed {
		unit := xs.layers[e.Layer].unit
		if p.By != "" {
			unit = xs.schema.byName[p.By]
		}
		b.others.exposures = append(b.others.exposures, exposure{unit, newPrefix(layerRole, p.Salt, ""), newSlotSet(p.Slots)})
	}
	for _, other := range e.DependsOn {
		b.others.dependsOn = append(b.others.dependsOn, xs.ranks[other])
	}
	if e.Active && e.Holdout < 0 && e.From == 0 && e.Until == 0 && e.Routes == nil && b.others == nil {
		return nil
	}
	return b
}

// compileExcludes tells both sides of every exclusion of it.
func (xs *ExperimentSet) compileExcludes(x *Experiments) {
	exclude := func(one, other int) {
		t := &xs.trials[xs.ranks[one]]
		if t.bars == nil {
			t.bars = &bars{holdout: -1}
		}
		if t.bars.others == nil {
			t.bars.others = &others{}
		}
		t.bars.others.excludes = append(t.bars.others.excludes, xs.ranks[other])
	}
	for i := range x.Experiments {
		for _, other := range x.Experiments[i].Excludes {
			exclude(i, other)
			exclude(other, i)
		}
	}
}

// compileLists makes one table of all allow-lists for every attribute that is a unit: one look-up finds what a unit is
// forced to, however many lists there are.
func (xs *ExperimentSet) compileLists(x *Experiments) {
	tables := map[int]int{} // places in lists, by attribute
	for i := range x.Experiments {
		if x.Experiments[i].archived() {
			continue
		}
		unit := xs.layers[x.Experiments[i].Layer].unit
		for j, v := range x.Experiments[i].Variants {
			for _, member := range v.Force {
				place, ok := tables[unit]
				if !ok {
					place = len(xs.lists)
					tables[unit] = place
					xs.lists = append(xs.lists, allowList{unit, map[string][]Assignment{}})
				}
				members := xs.lists[place].members
				members[member] = append(members[member], Assignment{Experiment: i, Variant: j, Forced: true})
			}
		}
	}
}

// compileConditions makes one program of all conditions, so that what they have in common is computed once a request. Each
// experiment has an entry of its own, since a request runs those of a few.
func (xs *ExperimentSet) compileConditions(order []uint16, conds []*cond) {
	g := newGenerator(xs.schema)
	for _, i := range order {
		g.count(conds[i])
	}
	for _, want := range []bool{true, false} {
		for _, i := range order {
			entry := notMatched
			if conds[i] != nil {
				entry = g.here()
				g.cond(conds[i], want, matched(0), notMatched)
			}
			g.prog.entries = append(g.prog.entries, entry)
		}
	}
	xs.prog = g.finish()
	way := xs.prog.ways()
	longest := make([]int, len(xs.layers))
	for rank := range xs.trials {
		t := &xs.trials[rank]
		t.entry = xs.prog.entries[rank]
		longest[t.layer] = max(longest[t.layer], way(t.entry))
	}
	xs.steps = xs.prog.formulaSteps(way)
	for _, n := range longest {
		xs.steps += n
	}
}

// Disassemble prints the program of the conditions: where each experiment's begins, whether it is true and whether it is
// false, then as [RuleSet.Disassemble]. For people and for tests; its form may change.
func (xs *ExperimentSet) Disassemble() string {
	var b strings.Builder
	d := disassembler{&xs.prog, xs.schema}
	for i, rank := range xs.ranks {
		if xs.trials[rank].when {
			isTrue, isFalse := d.p.entries[rank], d.p.entries[len(xs.trials)+int(rank)]
			fmt.Fprintf(&b, "experiment %d: true at %s, false at %s\n", i, d.target(isTrue), d.target(isFalse))
		}
	}
	d.body(&b)
	fmt.Fprintf(&b, "at most %d steps\n", xs.steps)
	return b.String()
}
