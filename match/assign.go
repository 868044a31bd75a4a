package match

import "math/bits"

// ExperimentSet is a set of experiments compiled for one schema. It is immutable and safe for concurrent use.
type ExperimentSet struct {
	schema   *Schema
	layers   []layer
	holdouts []holdout
	trials   []trial  // in the order of evaluation: what an experiment depends on comes before it, else they stand as given
	ranks    []uint16 // by the index of the experiment: its place in trials
	lists    []allowList
	named    *experimentNames // for overrides
	steps    int

	// prog has two entries for each trial: where its condition is asked whether it is true, and len(trials) further on whether
	// it is false.
	prog program
}

// trial is an experiment as an [ExperimentSet] keeps it: what every request asks of it, close together.
type trial struct {
	prefix     prefix // "exp:SALT"
	arms       []arm
	bars       *bars  // nil: nothing but the condition
	entry      target // of the condition, if there is one
	experiment uint16 // its index
	layer      uint8
	variants   uint8 // their number, those without weight included
	when       bool  // there is a condition

	own [2]arm // the arms, if they are so few
}

// embed puts few arms next to what else a request asks for. The trial must not be moved afterwards.
func (t *trial) embed() {
	if len(t.arms) <= len(t.own) {
		t.arms = t.own[:copy(t.own[:], t.arms)]
	}
}

// bars is what few experiments have: everything besides slots, condition and variants that can bar a request.
type bars struct {
	idle        bool     // not active
	archived    bool     // not to be forced either
	holdout     int32    // -1 is none
	from, until int64    // nanoseconds since 1970 UTC; 0 is open
	routes      []uint64 // a bit for every route; nil is all
	others      *others  // nil is none
}

// others is what makes an experiment depend on other experiments.
type others struct {
	exposures []exposure
	dependsOn []uint16 // ranks
	excludes  []uint16 // ranks; it holds both ways
}

// exposure is an [Exposure] as bars keep it.
type exposure struct {
	unit   int      // attribute number
	prefix prefix   // "layer:SALT"
	slots  []uint64 // a bit for every slot
}

// allowList is all allow-lists whose units are the values of one attribute.
type allowList struct {
	unit    int // attribute number
	members map[string][]Assignment
}

// Assignment is a variant that a request was given.
type Assignment struct {
	Experiment, Variant int // indexes into Experiments.Experiments and its Variants
	Forced              bool
}

// Assign appends the assignments of a request, at most one for each layer, in the order of evaluation: an experiment comes
// after those that it depends on, else they stand in the order in which they were given to [CompileExperiments].
//
// forced are variants that this request asks for by right (see [OverrideReader]); of two for one layer the first counts, and
// they go before allow-lists. Forced variants are assigned whatever else holds, unless their experiment is archived. route
// is the number of the request's route, -1 for none. Without [Attributes.SetTime] every experiment counts as
// in its time. Where the value of any attribute that has to be hashed is missing or longer than [MaxUnitBytes], nothing is
// assigned in that layer: a unit of another kind never takes its place.
//
// a must have been Reset with the schema that the set was compiled for, st be made by this set. It allocates nothing if
// out has room.
func (xs *ExperimentSet) Assign(a *Attributes, st *State, route int, forced []Assignment, out []Assignment) []Assignment {
	return xs.decide(a, st, route, forced, out)
}

// decide fills the outcomes of all layers and appends the assignments.
func (xs *ExperimentSet) decide(a *Attributes, st *State, route int, forced []Assignment, out []Assignment) []Assignment {
	if a.schema != xs.schema {
		panic("BUG: match: attributes of another schema than the experiments'")
	}
	s := st.assigning
	if s == nil || s.set != xs {
		panic("BUG: match: state of another experiment set")
	}
	if len(xs.prog.formulas) > 0 {
		a.enter(&xs.prog)
	}
	s.begin()
	xs.force(a, s, forced)
	attr, unit := -1, []byte(nil) // most layers have the same
	for i := range xs.layers {
		if by := xs.layers[i].unit; by != attr {
			attr, unit = by, unitOf(a, by)
		}
		if s.forced>>i&1 == 0 {
			xs.enter(a, s, i, unit)
		}
	}
	for i := range xs.layers {
		if o := &s.outcomes[i]; o.reason == reasonPending {
			o.rank = int32(xs.layers[i].owner(s.inputs[i].hash()))
		}
	}
	for i := range xs.layers {
		if o := &s.outcomes[i]; o.reason != reasonPending {
			continue
		} else if o.rank == free {
			o.rank, o.reason = -1, ReasonFreeSlot
		} else {
			s.inputs[i].setPrefix(&xs.trials[o.rank].prefix)
			s.queue(uint16(o.rank))
		}
	}
	return xs.settle(a, st, route, out)
}

// force takes the variants that are forced: first those that the request asks for, then those of allow-lists.
func (xs *ExperimentSet) force(a *Attributes, s *assigning, forced []Assignment) {
	for _, f := range forced {
		xs.take(s, f, ReasonForced)
	}
	for i := range xs.lists {
		l := &xs.lists[i]
		if unit := unitOf(a, l.unit); unit != nil {
			for _, f := range l.members[string(unit)] {
				xs.take(s, f, ReasonListed)
			}
		}
	}
}

// take forces a variant, unless its layer has one already.
func (xs *ExperimentSet) take(s *assigning, f Assignment, why Reason) {
	rank := xs.ranks[f.Experiment]
	t := &xs.trials[rank]
	if s.forced>>t.layer&1 != 0 || t.bars != nil && t.bars.archived {
		return
	}
	s.forced |= 1 << t.layer
	s.outcomes[t.layer] = outcome{rank: int32(rank), variant: int32(f.Variant), reason: why}
	s.queue(rank)
}

// enter prepares what is hashed for a layer, unless the unit is missing or held out.
func (xs *ExperimentSet) enter(a *Attributes, s *assigning, i int, unit []byte) {
	l, o := &xs.layers[i], &s.outcomes[i]
	*o = outcome{rank: -1, reason: ReasonFreeSlot}
	if l.holdout >= 0 && !xs.passes(a, s, l.holdout, o) {
		s.note(i, o)
		return
	}
	switch {
	case unit == nil:
		o.reason, o.other = ReasonMissingUnit, int32(l.unit)
		s.note(i, o)
	case l.owners != nil:
		o.reason = reasonPending
		s.inputs[i].setUnit(unit)
		s.inputs[i].setPrefix(&l.prefix)
	}
}

// note notes the layer if a missing unit is why it assigns nothing.
func (s *assigning) note(layer int, o *outcome) {
	if o.reason == ReasonMissingUnit {
		s.unitless |= 1 << layer
	}
}

// passes tells whether a holdout leaves the unit to experiments.
func (xs *ExperimentSet) passes(a *Attributes, s *assigning, holdout int, o *outcome) bool {
	h := &xs.holdouts[holdout]
	switch b := s.holdoutBucket(a, xs, holdout); {
	case b < 0:
		o.reason, o.other = ReasonMissingUnit, int32(h.unit)
	case uint32(b) < h.ppm:
		o.reason = ReasonHeldOut
	default:
		return true
	}
	return false
}

// settle evaluates the experiments in the queue, in their order, and appends what they assign.
func (xs *ExperimentSet) settle(a *Attributes, st *State, route int, out []Assignment) []Assignment {
	s := st.assigning
	for i, summary := range s.summary {
		s.summary[i] = 0
		for ; summary != 0; summary &= summary - 1 {
			w := i*64 + bits.TrailingZeros64(summary)
			word := s.queued[w]
			s.queued[w] = 0
			for ; word != 0; word &= word - 1 {
				t := &xs.trials[w*64+bits.TrailingZeros64(word)]
				o := &s.outcomes[t.layer]
				if o.reason == reasonPending {
					xs.evaluate(a, st, route, t, o)
				}
				if o.reason.Assigned() {
					out = append(out, Assignment{int(t.experiment), int(o.variant), o.reason < ReasonAssigned})
				}
			}
		}
	}
	return out
}

// evaluate decides whether the owner of the unit's slot assigns a variant, and which.
func (xs *ExperimentSet) evaluate(a *Attributes, st *State, route int, t *trial, o *outcome) {
	s := st.assigning
	if t.bars != nil && !xs.admits(a, s, route, t, o) {
		s.note(int(t.layer), o)
		return
	}
	if t.when && a.run(&xs.prog, st, t.entry) == notMatched {
		o.reason = ReasonConditionFalse
		return
	}
	o.reason, o.variant = ReasonAssigned, t.arms[0].variant
	if len(t.arms) > 1 {
		o.variant = chooseArm(t.arms, s.inputs[t.layer].hash())
	}
}

// admits tells whether an experiment's bars let the request through.
func (xs *ExperimentSet) admits(a *Attributes, s *assigning, route int, t *trial, o *outcome) bool {
	b := t.bars
	if b.holdout >= 0 && !xs.passes(a, s, int(b.holdout), o) {
		return false
	}
	switch {
	case b.idle:
		o.reason = ReasonNotActive
	case a.hasNow && b.from != 0 && a.now < b.from:
		o.reason = ReasonTooEarly
	case a.hasNow && b.until != 0 && a.now >= b.until:
		o.reason = ReasonTooLate
	case b.routes != nil && !inBits(b.routes, route):
		o.reason = ReasonOtherRoute
	default:
		return b.others == nil || s.unexposed(a, b.others, o) && s.unbarred(xs, b.others, o)
	}
	return false
}

// unexposed tells whether the unit was in none of the places that an experiment excludes.
func (s *assigning) unexposed(a *Attributes, others *others, o *outcome) bool {
	for i := range others.exposures {
		e := &others.exposures[i]
		unit := unitOf(a, e.unit)
		if unit == nil {
			o.reason, o.other = ReasonMissingUnit, int32(e.unit)
			return false
		}
		if inBits(e.slots, slotOf(s.spare.hashOf(&e.prefix, unit))) {
			o.reason, o.other = ReasonExposed, int32(i)
			return false
		}
	}
	return true
}

// unbarred tells whether the experiments that another one depends on have assigned the request, and none that it excludes.
func (s *assigning) unbarred(xs *ExperimentSet, others *others, o *outcome) bool {
	for _, other := range others.dependsOn {
		if !s.assigned(xs, other) {
			o.reason, o.other = ReasonDependency, int32(other)
			return false
		}
	}
	for _, other := range others.excludes {
		if s.assigned(xs, other) {
			o.reason, o.other = ReasonExcluded, int32(other)
			return false
		}
	}
	return true
}

// inBits tells whether a set of bits has i.
func inBits(set []uint64, i int) bool {
	return i >= 0 && i/64 < len(set) && set[i/64]>>(i%64)&1 != 0
}

// MaxSteps is the number of instructions and formulas of conditions that one request runs at most, whatever it is: one
// condition for every layer, and every formula once.
func (xs *ExperimentSet) MaxSteps() int { return xs.steps }
