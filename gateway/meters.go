package gateway

import (
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"graygate/config"
	"graygate/match"
	"graygate/telemetry/meter"
	"graygate/upstream"
)

// meters are where the requests of one snapshot are counted. All of it is resolved when the snapshot is made, so that a
// request only follows pointers. Immutable.
type meters struct {
	unrouted *meter.Series  // of what no route holds for, and of what is no request; nil: nothing is counted
	routes   []routeMeter   // by route
	trees    []treeMeter    // by Tree.Index
	unitless []*meter.Tally // by the layer: that a unit was missing there; none without experiments
}

// routeMeter is the series of one route, by what chose the pool.
type routeMeter struct {
	plain  *meter.Series                    // nothing did: it is the route's stable one
	rules  []*meter.Series                  // a rule, by its index
	chosen [][]*meter.Series                // a variant, by Tree.Index and then as treeMeter.first says
	others map[*upstream.Pool]*meter.Series // a variant that has none there

	unitless []*meter.Tally // by the index of a rule: that its unit alone was missing; nil for rules that want none
}

// treeMeter is what is counted of the experiments of one tenant.
type treeMeter struct {
	assigned []*meter.Assigned // by the index of the experiment; nil: nobody can be assigned
	units    []int             // by the same: the attribute whose value is the unit
	first    []int             // by the same: the place of its first variant in routeMeter.chosen; -1: none names a pool
	places   int               // there
}

// otherVariants is the rule under which a route's requests are counted that a variant has sent somewhere which has no series there:
// one that was forced although its experiment is for other routes, or one beyond maxChosenSeries. No rule can be called so.
const otherVariants = "(other)"

// newMeters resolves the series of a snapshot in a generation.
func newMeters(snap *config.Snapshot, g *meter.Generation) *meters {
	m := &meters{}
	if !snap.Plan.Metrics {
		return m
	}
	m.unrouted = g.Series(meter.Key{}, nil)
	targets := m.plantTrees(snap, g)
	if len(snap.Trees) > 0 {
		for _, layer := range snap.Plan.Layers {
			m.unitless = append(m.unitless, g.LayerUnitMissing(layer.Name))
		}
	}
	left := maxChosenSeries
	for i, route := range snap.Routes {
		series := func(rule string, pool *upstream.Pool) *meter.Series {
			pools := []string{pool.Name} // see (*exchange).servedBy
			if spare := spareOf(route, pool); spare != nil {
				pools = append(pools, spare.Name)
			}
			return g.Series(meter.Key{Service: route.Name, Rule: rule, Gray: pool != route.Stable}, pools)
		}
		r := routeMeter{plain: series("", route.Stable), chosen: make([][]*meter.Series, len(snap.Trees)), others: map[*upstream.Pool]*meter.Series{}}
		for j, t := range route.Targets {
			r.rules = append(r.rules, series(t.Rule, t.Pool))
			var unitless *meter.Tally
			if x := &snap.Plan.Routes[i].Rules[j]; x.PPM > 0 && x.By != config.ByRequest { // see (*match.State).Unitless
				unitless = g.UnitMissing(route.Name, t.Rule)
			}
			r.unitless = append(r.unitless, unitless)
		}
		for _, pool := range targets {
			r.others[pool] = series(otherVariants, pool)
		}
		for j, t := range snap.Trees {
			places := m.trees[j].places
			if tenant := snap.Plan.Routes[i].Tenant; places == 0 || places > left || tenant != "" && t != snap.TreeOf([]byte(tenant)) {
				continue
			}
			left -= places
			r.chosen[j] = m.trees[j].choices(t, route.Name, places, series)
		}
		m.routes = append(m.routes, r)
	}
	g.Order()
	return m
}

// plantTrees resolves the experiments, and gives the pools that their variants name.
func (m *meters) plantTrees(snap *config.Snapshot, g *meter.Generation) (targets []*upstream.Pool) {
	units := map[string]int{}
	for _, layer := range snap.Plan.Layers {
		units[layer.Name] = slices.Index(snap.Schema.Names(), layer.By)
	}
	shared := map[*config.Branch]*meter.Assigned{}
	for _, t := range snap.Trees {
		tm := treeMeter{}
		for _, b := range t.Branches {
			a := shared[b]
			if a == nil && b.Plan.State != config.Archived {
				x := meter.Experiment{Tenant: b.Plan.Tenant, Name: b.Plan.Name, Salt: b.Plan.Salt}
				for _, v := range b.Plan.Variants {
					x.Variants, x.Weights = append(x.Variants, v.Name), append(x.Weights, uint64(v.Weight))
				}
				a = g.Assigned(x)
				shared[b] = a
			}
			first := -1
			for i := range b.Effects {
				if pool := b.Effects[i].Pool; pool != nil && b.Plan.State != config.Archived {
					first = tm.places
					if !slices.Contains(targets, pool) {
						targets = append(targets, pool)
					}
				}
			}
			if first >= 0 {
				tm.places += len(b.Effects)
			}
			tm.assigned, tm.units, tm.first = append(tm.assigned, a), append(tm.units, units[b.Plan.Layer]), append(tm.first, first)
		}
		m.trees = append(m.trees, tm)
	}
	return targets
}

// choices resolves what the variants of a tree send somewhere, for one route.
func (tm *treeMeter) choices(t *config.Tree, route string, places int, series func(string, *upstream.Pool) *meter.Series) []*meter.Series {
	chosen := make([]*meter.Series, places)
	for i, b := range t.Branches {
		if tm.first[i] < 0 || b.Plan.Routes != nil && !slices.Contains(b.Plan.Routes, route) {
			continue
		}
		for v := range b.Effects {
			if e := &b.Effects[v]; e.Pool != nil {
				chosen[tm.first[i]+v] = series(e.Text, e.Pool)
			}
		}
	}
	return chosen
}

// of gives the series of a request that a route was found for; nil if nothing is counted.
func (m *meters) of(d *config.Decision) *meter.Series {
	if m.unrouted == nil {
		return nil
	}
	r := &m.routes[d.Route.Index]
	if d.Rule >= 0 {
		return r.rules[d.Rule]
	}
	if d.Chosen < 0 {
		return r.plain
	}
	x := d.Assignments[d.Chosen]
	if chosen := r.chosen[d.Tree.Index]; chosen != nil {
		if s := chosen[m.trees[d.Tree.Index].first[x.Experiment]+x.Variant]; s != nil {
			return s
		}
	}
	return r.others[d.Pool]
}

// countUnitless counts the rules and the layers that passed the request over for want of a unit.
func (l *loop) countUnitless(d *config.Decision) {
	rules, layers := l.decider.Unitless(d)
	if len(rules) == 0 && layers == 0 || l.meters.unrouted == nil {
		return
	}
	for _, rule := range rules {
		l.meters.routes[d.Route.Index].unitless[rule].Add(l.id)
	}
	for ; layers != 0; layers &= layers - 1 {
		l.meters.unitless[bits.TrailingZeros64(layers)].Add(l.id)
	}
}

// judged is an assignment of a unit that is among those that the test of the sample ratio looks at.
type judged struct {
	to      *meter.Assigned
	variant int
	unit    uint64
}

// countAssignments counts a request's assignments, and notes those of whose answer the tests are to be told. What was forced is left
// out: it does not follow the weights.
func (l *loop) countAssignments(ex *exchange, d *config.Decision, a *match.Attributes) {
	if l.meters.unrouted == nil {
		return
	}
	tm := &l.meters.trees[d.Tree.Index]
	attribute, unit := -1, uint64(0) // most experiments have the same
	for _, x := range d.Assignments {
		to := tm.assigned[x.Experiment]
		if x.Forced || to == nil {
			continue
		}
		if by := tm.units[x.Experiment]; by != attribute {
			attribute, unit = by, xxhash.Sum64(a.Value(by))
		}
		to.Count(l.id, x.Variant, unit)
		if meter.Sampled(unit) {
			ex.judged = append(ex.judged, judged{to, x.Variant, unit})
		}
	}
}
