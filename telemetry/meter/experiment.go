package meter

import (
	"cmp"
	"slices"
	"strings"
)

// Experiment is what is to be known of an experiment to count its assignments.
type Experiment struct {
	Tenant   string
	Name     string
	Salt     string   // with another one all units are drawn anew
	Variants []string // at most 256 are told apart; the rest counts as the last
	Weights  []uint64 // of the variants; 0 is never drawn
}

// Assigned is where the assignments of one experiment are counted by one snapshot.
type Assigned struct {
	r        *Registry
	variants []*variant // by the snapshot's index
	assigned *ratio
	answered *ratio
}

type experimentKey struct{ tenant, name string }

func (k experimentKey) compare(other experimentKey) int {
	return cmp.Or(strings.Compare(k.tenant, other.tenant), strings.Compare(k.name, other.name))
}

// experiment is what outlives snapshots.
type experiment struct {
	key      experimentKey
	labels   string // without braces, and without the place
	salt     string
	weights  []uint64
	variants []*variant
	assigned *ratio // units when they are assigned
	answered *ratio // units when they were answered
}

// variant counts the assignments to one variant.
type variant struct {
	name string
	Tally
}

// Assigned gives the counts of an experiment. They go on from the committed generation's, by variant. The test of the
// sample ratio goes on if salt, variants and weights are the same, else it begins anew and its alarm is off.
func (g *Generation) Assigned(x Experiment) *Assigned {
	if len(x.Variants) == 0 || len(x.Variants) != len(x.Weights) {
		panic("BUG: experiment " + x.Name + " without a weight for each of its variants, or without any")
	}
	key := experimentKey{x.Tenant, x.Name}
	e := g.experiments[key]
	if e == nil {
		e = g.successor(key, x)
		g.experiments[key] = e
	}
	return &Assigned{g.r, e.variants, e.assigned, e.answered}
}

func (g *Generation) successor(key experimentKey, x Experiment) *experiment {
	e := &experiment{key: key, labels: labels(Assignments.Labels[:2], []string{x.Tenant, x.Name}), salt: x.Salt, weights: slices.Clone(x.Weights)}
	var before *experiment
	if committed := g.r.current.Load(); committed != nil {
		before = committed.experiments[key]
	}
	same := before != nil && before.salt == x.Salt && slices.Equal(before.weights, x.Weights) &&
		slices.EqualFunc(before.variants, x.Variants, func(v *variant, name string) bool { return v.name == name })
	for _, name := range x.Variants {
		var v *variant
		if before != nil {
			if i := slices.IndexFunc(before.variants, func(v *variant) bool { return v.name == name }); i >= 0 {
				v = before.variants[i]
			}
		}
		if v == nil {
			v = &variant{name, newTally(labels(Assignments.Labels, []string{x.Tenant, x.Name, name}), g.r.loops)}
		}
		e.variants = append(e.variants, v)
	}
	if same {
		e.assigned, e.answered = before.assigned, before.answered
	} else {
		e.assigned, e.answered = newRatio(x.Weights), newRatio(x.Weights)
	}
	return e
}

// Count counts a request that the experiment drew a variant for; variant is its index. unit is any hash of the unit that
// is the same for all its requests; one unit in 64 goes on to the test of the sample ratio. Only what was drawn by hash is to
// be counted: overrides and pinned units do not follow the weights. Safe for concurrent use; it does not block,
// allocates nothing once the loop has counted the variant before, and writes nothing that another loop writes.
func (a *Assigned) Count(loop, variant int, unit uint64) {
	a.variants[variant].Add(loop)
	if s := mix(unit); s%sampleOneIn == 0 {
		a.r.rings[loop].put(sample{a.assigned, s, uint8(min(variant, maxVariants-1))})
	}
}

// Answered counts a unit of [Assigned.Count] whose request was answered. A variant that loses its requests, so that
// those who would judge it never see them, shows here only. Rules as for Count.
func (a *Assigned) Answered(loop, variant int, unit uint64) {
	if s := mix(unit); s%sampleOneIn == 0 {
		a.r.rings[loop].put(sample{a.answered, s, uint8(min(variant, maxVariants-1))})
	}
}

// Sampled reports whether a unit is one of those that are tested: of the others [Assigned.Answered] need not be told.
func Sampled(unit uint64) bool { return mix(unit)%sampleOneIn == 0 }

// mix is the finaliser of splitmix64: which units are sampled has nothing to do with what else was decided by bits of the
// same hash.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Standing is how an experiment stands.
type Standing struct {
	Tenant     string
	Experiment string
	Variants   []VariantStanding // in the order of the config
	Assignment SampleRatio       // of the units that were assigned
	Outcome    SampleRatio       // of those that were answered; without units if nobody calls [Assigned.Answered]
}

// VariantStanding is a variant's part of it.
type VariantStanding struct {
	Name     string
	Weight   uint64
	Assigned uint64 // requests
}

func (e *experiment) standing() Standing {
	s := Standing{Tenant: e.key.tenant, Experiment: e.key.name, Assignment: e.assigned.told(), Outcome: e.answered.told()}
	for i, v := range e.variants {
		s.Variants = append(s.Variants, VariantStanding{v.name, e.weights[i], v.sum()})
	}
	return s
}
