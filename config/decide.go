package config

import (
	"time"

	"graygate/match"
	"graygate/upstream"
)

// Decider decides requests by one snapshot: where each goes, and which variants it is given. It holds what deciding keeps
// between requests, so each event loop has one of its own for each snapshot. It is not safe for concurrent use.
type Decider struct {
	snap   *Snapshot
	attrs  match.Attributes
	rules  []*match.State     // by route
	trees  []*match.State     // by Tree.Index
	forced []match.Assignment // scratch

	overrides *match.OverrideReader // nil: overrides are off
	assigned  []match.Assignment    // scratch; what the last Decide gave
}

// Asked is what of a request is not among its attributes.
type Asked struct {
	Host, Path []byte
	Override   []byte // the value of X-Experiment-Override, nil if there was none
	Now        time.Time
}

// Decision is what was decided of a request.
type Decision struct {
	Route *Route         // nil: no route holds, and nothing else is decided
	Pool  *upstream.Pool // never nil with a route
	Gray  bool           // Pool is not the route's stable one
	Cause string         // what chose Pool: a rule's name, EXPERIMENT=VARIANT, or "" for the route itself
	Rule  int            // the rule that matched, by its place in Route.Targets; -1 if none did

	Tree        *Tree              // the experiments of the request's tenant; nil if there are none
	Assignments []match.Assignment // in the order of evaluation; borrowed until the next Decide
	Chosen      int                // the assignment that chose Pool, by its place in Assignments; -1 if none did

	Override      Override
	OverrideError error // why it was refused
}

// Override is what became of a request's X-Experiment-Override.
type Override uint8

// What can become of an override.
const (
	NoOverride      Override = iota // there was none, or the config has no key for it
	OverrideTaken                   // its variants were forced
	OverrideRefused                 // it is signed wrongly, has expired, or asks for what there is not: it had no effect
)

// NewDecider makes the state of one event loop. It takes time in proportion to the config, and room in proportion to its
// rules; make it elsewhere than on the loop. What it needs per request it allocates here.
func (s *Snapshot) NewDecider() *Decider {
	d := &Decider{snap: s}
	for _, r := range s.Routes {
		d.rules = append(d.rules, r.Rules.NewState())
	}
	for _, t := range s.Trees {
		d.trees = append(d.trees, t.Set.NewState())
	}
	d.forced = make([]match.Assignment, 0, match.MaxLayers)
	d.assigned = make([]match.Assignment, 0, match.MaxLayers)
	if s.overrideKey != nil {
		d.overrides = match.NewOverrideReader(s.overrideKey)
	}
	d.grow()
	return d
}

// grow makes the attributes as large as deciding will need them, by deciding an empty request once by everything there is.
func (d *Decider) grow() {
	d.attrs.Reset(d.snap.Schema)
	for _, r := range d.snap.Routes {
		r.Rules.Decide(&d.attrs, r.Rules.NewState()) // a state of its own: this request does not count
	}
	for _, t := range d.snap.Trees {
		t.Set.Assign(&d.attrs, t.Set.NewState(), 0, nil, d.assigned)
	}
}

// Attributes are for the caller to fill before each Decide: large enough from the start.
func (d *Decider) Attributes() *match.Attributes { return &d.attrs }

// Snapshot is the one that is decided by.
func (d *Decider) Snapshot() *Snapshot { return d.snap }

// Decide decides a request. The attributes are those of the request, given whole, of the snapshot's schema: the decider's
// own, or others. It allocates nothing.
func (d *Decider) Decide(a *match.Attributes, r *Asked) Decision {
	s := d.snap
	var tenant []byte
	if s.tenant >= 0 {
		tenant = a.Value(s.tenant)
	}
	found := s.Router.Find(tenant, r.Host, r.Path)
	if found < 0 {
		return Decision{Rule: -1, Chosen: -1}
	}
	route := s.Routes[found]
	out := Decision{Route: route, Pool: route.Stable, Rule: route.Rules.Decide(a, d.rules[found]), Chosen: -1}
	if out.Rule >= 0 {
		target := &route.Targets[out.Rule]
		out.Cause, out.Pool, out.Gray = target.Rule, target.Pool, target.Gray
	}
	if t := s.TreeOf(tenant); t != nil {
		out.Tree = t
		d.assign(a, r, found, &out)
	}
	return out
}

// Unitless gives what passed over the request of the last Decide, which gave out, for want of a unit: rules of its route, by their places in
// Route.Targets (see [match.State.Unitless]), and a bit for every layer. Borrowed until the next Decide. It allocates nothing.
func (d *Decider) Unitless(out *Decision) (rules []uint32, layers uint64) {
	if out.Route != nil {
		rules = d.rules[out.Route.Index].Unitless()
	}
	if out.Tree != nil {
		layers = d.trees[out.Tree.Index].UnitlessLayers()
	}
	return rules, layers
}

// assign adds a request's assignments, and, where no rule matched, the pool that the first of them names.
func (d *Decider) assign(a *match.Attributes, r *Asked, route int, out *Decision) {
	t := out.Tree
	d.forced = d.forced[:0]
	if len(r.Override) > 0 && d.overrides != nil {
		out.Override = OverrideTaken
		if d.forced, out.OverrideError = d.overrides.Read(t.Set, r.Override, r.Now, d.forced); out.OverrideError != nil {
			out.Override = OverrideRefused
		}
	}
	d.assigned = t.Set.Assign(a, d.trees[t.Index], route, d.forced, d.assigned[:0])
	out.Assignments = d.assigned
	if out.Rule >= 0 {
		return
	}
	for i, x := range d.assigned {
		if e := t.Effect(x); e.Pool != nil {
			out.Pool, out.Gray, out.Cause, out.Chosen = e.Pool, e.Pool != out.Route.Stable, e.Text, i
			return
		}
	}
}
