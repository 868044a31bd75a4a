package match

import "math"

// Step says what became of a request in one layer, and why; see [ExperimentSet.Trace].
type Step struct {
	Layer      int
	Unit       []byte // the value of the layer's attribute, nil if it is missing or too long; borrowed until the next Reset
	Slot       int    // of the unit, -1 without one
	Experiment int    // that the slot belongs to, or whose variant is forced; -1 is none
	Reason     Reason
	Missing    string        // ReasonMissingUnit: the attribute that has no value, or one longer than [MaxUnitBytes]
	Other      int           // ReasonDependency, ReasonExcluded: the other experiment; ReasonExposed: the place in ExcludeExposed; else -1
	Holdouts   []HoldoutDraw // of the layer and the experiment, as far as they were asked
	Variant    int           // assigned or forced; else -1
	Arms       []Arm         // of Experiment, by the index of the variant; nil without an experiment or a unit
}

// HoldoutDraw is how a holdout was asked for a unit: it holds those out whose bucket is below PPM.
type HoldoutDraw struct {
	Holdout int
	Unit    []byte // borrowed until the next Reset
	Bucket  uint32 // of [PPM]
	PPM     uint32
}

// Arm is how a variant stood in the draw: the lowest score wins.
type Arm struct {
	Weight uint32
	Score  float64 // -ln(u)/weight, u being the unit's number for this variant; +Inf without weight
}

// Reason is why a layer assigned a variant, or why it did not.
type Reason uint8

// The reasons, in the order in which they are found.
const (
	ReasonForced Reason = iota // the request asked for the variant by right
	ReasonListed               // the unit is on the variant's allow-list

	ReasonAssigned // nothing stood in the way, and the draw decided

	ReasonMissingUnit      // an attribute that had to be hashed has no value
	ReasonHeldOut          // the last of Step.Holdouts holds the unit out
	ReasonFreeSlot         // the slot belongs to no experiment
	ReasonNotActive        // the experiment keeps its slots and assigns nobody
	ReasonTooEarly         // it has not begun
	ReasonTooLate          // it is over
	ReasonOtherRoute       // it is for other routes
	ReasonExposed          // the unit was exposed to what it excludes
	ReasonDependency       // an experiment that it depends on has not assigned the request
	ReasonExcluded         // an experiment that it excludes, or that excludes it, has
	ReasonConditionFalse   // its condition is not met
	ReasonConditionUnknown // its condition is neither true nor false: a value is missing

	reasonPending // not decided yet
)

var reasonNames = [...]string{
	"forced", "on the allow-list", "assigned", "missing unit", "held out", "free slot", "not active", "too early", "too late", "other route",
	"exposed", "dependency not met", "excluded", "condition not met", "condition unknown", "pending",
}

// String gives the reason in a word or three.
func (r Reason) String() string { return reasonNames[r] }

// Assigned tells whether the layer assigned a variant.
func (r Reason) Assigned() bool { return r <= ReasonAssigned }

// Trace decides a request as [ExperimentSet.Assign] does, by the same code, and tells for every layer in its order what
// came out and why. It is for people: it allocates.
func (xs *ExperimentSet) Trace(a *Attributes, st *State, route int, forced []Assignment) []Step {
	s := st.assigning
	xs.decide(a, st, route, forced, nil)
	steps := make([]Step, len(xs.layers))
	for i := range steps {
		l, o := &xs.layers[i], &s.outcomes[i]
		step := Step{Layer: i, Unit: unitOf(a, l.unit), Slot: -1, Experiment: -1, Reason: o.reason, Other: -1, Variant: -1}
		if step.Unit != nil {
			step.Slot = slotOf(s.spare.hashOf(&l.prefix, step.Unit))
		}
		step.Holdouts = xs.holdoutDraws(a, s, l, o)
		switch o.reason {
		case ReasonMissingUnit:
			step.Missing = xs.schema.names[o.other]
		case ReasonDependency, ReasonExcluded:
			step.Other = int(xs.trials[o.other].experiment)
		case ReasonExposed:
			step.Other = int(o.other)
		case ReasonConditionFalse:
			if a.run(&xs.prog, st, xs.prog.entries[len(xs.trials)+int(o.rank)]) == notMatched {
				step.Reason = ReasonConditionUnknown
			}
		}
		if o.reason.Assigned() {
			step.Variant = int(o.variant)
		}
		if o.rank >= 0 {
			t := &xs.trials[o.rank]
			step.Experiment = int(t.experiment)
			if step.Unit != nil {
				step.Arms = t.draw(s.spare.hashOf(&t.prefix, step.Unit))
			}
		}
		steps[i] = step
	}
	return steps
}

// holdoutDraws gives the holdouts that a layer's outcome depended on: its own, and its experiment's where it came to that.
func (xs *ExperimentSet) holdoutDraws(a *Attributes, s *assigning, l *layer, o *outcome) (out []HoldoutDraw) {
	if o.reason < ReasonAssigned {
		return nil
	}
	asked := []int{l.holdout}
	if o.rank >= 0 {
		if b := xs.trials[o.rank].bars; b != nil && int(b.holdout) != l.holdout {
			asked = append(asked, int(b.holdout))
		}
	}
	for _, i := range asked {
		if i < 0 {
			continue
		}
		if b := s.holdoutBucket(a, xs, i); b >= 0 {
			h := &xs.holdouts[i]
			out = append(out, HoldoutDraw{Holdout: i, Unit: unitOf(a, h.unit), Bucket: uint32(b), PPM: h.ppm})
		}
	}
	return out
}

// draw gives how each variant stands for the hash of a unit.
func (t *trial) draw(hash uint64) []Arm {
	arms := make([]Arm, t.variants)
	for i := range arms {
		arms[i].Score = math.Inf(1)
	}
	for i := range t.arms {
		arm := &t.arms[i]
		arms[arm.variant] = Arm{Weight: arm.weight, Score: arm.score(hash)}
	}
	return arms
}
