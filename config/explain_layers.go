package config

import (
	"math"
	"slices"
	"time"

	"graygate/match"
)

// ExplainedLayer says what became of the request in a layer.
type ExplainedLayer struct {
	Layer      string             `json:"layer"`
	By         string             `json:"by"`
	Unit       *string            `json:"unit"` // null: it is missing or too long
	Salt       string             `json:"salt"`
	Slot       *int               `json:"slot"`       // null: there is no unit
	Experiment string             `json:"experiment"` // that the slot belongs to, or that was forced; "" if none
	Variant    string             `json:"variant"`    // that was assigned; "" if none
	Reason     string             `json:"reason"`     // assigned, forced, listed, or why nothing was: a word of ReasonCodes
	State      ExperimentState    `json:"state,omitempty"`
	Start      *time.Time         `json:"start,omitempty"`
	End        *time.Time         `json:"end,omitempty"`
	Routes     []string           `json:"routes,omitempty"`   // of the experiment, where the request's is none of them
	Missing    string             `json:"missing,omitempty"`  // the attribute that had to be hashed and has no value
	TooLong    bool               `json:"too_long,omitempty"` // the missing attribute has a value of more bytes than a unit may have
	Other      string             `json:"other,omitempty"`    // the experiment that it depends on, or that excludes it
	Exposed    *ExplainedExposure `json:"exposed,omitempty"`
	Holdouts   []ExplainedHoldout `json:"holdouts,omitempty"`
	Condition  *match.Expression  `json:"condition,omitempty"`
	Failed     []match.Expression `json:"failed,omitempty"` // the parts for which the condition is not true
	Variants   []ExplainedArm     `json:"variants,omitempty"`
}

// ExplainedExposure is the place in a former layer for which the unit is left out.
type ExplainedExposure struct {
	Layer string `json:"layer"`
	By    string `json:"by"`
	Salt  string `json:"salt"`
}

// ExplainedHoldout is a holdout that was asked: the unit is held out if its bucket is below the threshold.
type ExplainedHoldout struct {
	Holdout   string `json:"holdout"`
	Unit      string `json:"unit"`
	Bucket    uint32 `json:"bucket"`
	Threshold uint32 `json:"threshold"`
	Held      bool   `json:"held"`
}

// ExplainedArm is a variant in the draw: the lowest score wins.
type ExplainedArm struct {
	Variant string   `json:"variant"`
	Weight  uint32   `json:"weight"`
	Score   *float64 `json:"score"` // null: its weight is 0, so it is never drawn
}

// reasonCodes are the reasons in JSON.
var reasonCodes = map[match.Reason]string{
	match.ReasonForced: "forced", match.ReasonListed: "listed", match.ReasonAssigned: "assigned", match.ReasonMissingUnit: "missing_unit",
	match.ReasonHeldOut: "held_out", match.ReasonFreeSlot: "free_slot", match.ReasonNotActive: "not_active",
	match.ReasonTooEarly: "too_early", match.ReasonTooLate: "too_late", match.ReasonOtherRoute: "other_route",
	match.ReasonExposed: "exposed", match.ReasonDependency: "dependency", match.ReasonExcluded: "excluded",
	match.ReasonConditionFalse: "condition_false", match.ReasonConditionUnknown: "condition_unknown",
}

// layers explains the layers of the request's tree.
func (x *explainer) layers(d *Decision, forced []match.Assignment) []ExplainedLayer {
	t, a := d.Tree, x.decider.Attributes()
	list := make([]*Experiment, len(t.Branches))
	for i, b := range t.Branches {
		list[i] = b.Plan
	}
	compiled := x.snap.Plan.experiments(list)
	out := []ExplainedLayer{}
	for _, step := range t.Set.Trace(a, t.Set.NewState(), d.Route.Index, forced) {
		l := x.snap.Plan.Layers[step.Layer]
		e := ExplainedLayer{
			Layer: l.Name, By: l.By, Unit: printed(step.Unit), Salt: l.Salt, Reason: reasonCodes[step.Reason], Missing: step.Missing,
		}
		if at := slices.Index(x.names, step.Missing); at >= 0 {
			e.TooLong = a.Value(at) != nil
		}
		if step.Slot >= 0 {
			slot := step.Slot
			e.Slot = &slot
		}
		for _, h := range step.Holdouts {
			e.Holdouts = append(e.Holdouts, ExplainedHoldout{
				Holdout: compiled.Holdouts[h.Holdout].Name, Unit: string(h.Unit), Bucket: h.Bucket, Threshold: h.PPM, Held: h.Bucket < h.PPM,
			})
		}
		if step.Experiment >= 0 {
			x.explainExperiment(&e, t, &step)
		}
		out = append(out, e)
	}
	return out
}

// explainExperiment adds what there is to say of the experiment that a step came to.
func (x *explainer) explainExperiment(e *ExplainedLayer, t *Tree, step *match.Step) {
	p := t.Branches[step.Experiment].Plan
	e.Experiment, e.State, e.Start, e.End = p.Name, p.State, moment(p.Start), moment(p.End)
	if step.Variant >= 0 {
		e.Variant = p.Variants[step.Variant].Name
	}
	switch step.Reason {
	case match.ReasonOtherRoute:
		e.Routes = p.Routes
	case match.ReasonDependency, match.ReasonExcluded:
		e.Other = t.Branches[step.Other].Plan.Name
	case match.ReasonExposed:
		from := p.ExcludeExposed[step.Other]
		e.Exposed = &ExplainedExposure{Layer: from.Layer, By: from.By, Salt: from.Salt}
	}
	if p.When != "" {
		if c, errs := match.ExplainCondition(x.snap.Schema, p.When, x.decider.Attributes()); errs == nil {
			e.Condition, e.Failed = &c, c.Failed()
		}
	}
	for i, arm := range step.Arms {
		v := ExplainedArm{Variant: p.Variants[i].Name, Weight: arm.Weight}
		if !math.IsInf(arm.Score, 1) {
			score := arm.Score
			v.Score = &score
		}
		e.Variants = append(e.Variants, v)
	}
}

// moment gives a time for JSON, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
