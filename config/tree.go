package config

import (
	"fmt"
	"hash/maphash"
	"reflect"
	"time"

	"graygate/match"
	"graygate/upstream"
)

// Tree is the experiments of one tenant, or those of requests without a tenant, compiled.
type Tree struct {
	Tenant   string // "" is that of requests of no tenant, or of one without experiments of its own
	Set      *match.ExperimentSet
	Branches []*Branch // by the index of an experiment in Set

	Index     int  // in Snapshot.Trees
	contested bool // two experiments set fields of one name
}

// Branch is an experiment in a tree. Trees share those that are the same.
type Branch struct {
	Plan    *Experiment
	Effects []Effect // by the index of the variant
}

// Effect is what it does to a request to be given a variant. Its texts are made once, to be copied.
type Effect struct {
	Text   string         // EXPERIMENT=VARIANT: an element of X-Experiment, and the cause of a choice of pool
	Fields string         // field lines for the upstream, each with its CRLF
	Pool   *upstream.Pool // nil: the variant names none

	lines []fieldLine // those of Fields, in order
}

// fieldLine is one field that a variant sets.
type fieldLine struct {
	plain string // its name as servers compare it, see plainName
	text  string // the line with its CRLF
}

// AppendFields appends the field lines that a request's assignments set, in their order. Of two with one name the first
// goes: such experiments never meet (check sees to it) but where somebody is forced into both, and two lines of a
// name that clients may not set would leave it to the upstream which one is believed.
func (d *Decision) AppendFields(b []byte) []byte {
	for i, x := range d.Assignments {
		e := d.Tree.Effect(x)
		if i == 0 || !d.Tree.contested {
			b = append(b, e.Fields...)
			continue
		}
		for j := range e.lines {
			if !d.setBefore(i, e.lines[j].plain) {
				b = append(b, e.lines[j].text...)
			}
		}
	}
	return b
}

// setBefore reports whether one of the first n assignments sets a field of that name.
func (d *Decision) setBefore(n int, plain string) bool {
	for _, x := range d.Assignments[:n] {
		lines := d.Tree.Effect(x).lines
		for i := range lines {
			if lines[i].plain == plain {
				return true
			}
		}
	}
	return false
}

// Effect gives what an assignment of the tree does.
func (t *Tree) Effect(a match.Assignment) *Effect {
	return &t.Branches[a.Experiment].Effects[a.Variant]
}

// TreeOf gives the experiments of a tenant, nil if there are none. It allocates nothing.
func (s *Snapshot) TreeOf(tenant []byte) *Tree {
	if len(tenant) > 0 {
		if t := s.trees[string(tenant)]; t != nil {
			return t
		}
	}
	return s.trees[""]
}

// plantTrees gives the snapshot its trees: one for all who have no experiments of their own, and one for each tenant that has.
func (s *Snapshot) plantTrees(c *compiled) {
	s.trees = make(map[string]*Tree, len(c.trees))
	branches := map[[2]string]*Branch{}
	for i, ct := range c.trees {
		t := &Tree{Tenant: ct.tenant, Set: ct.set, Index: i}
		for _, x := range ct.experiments {
			key := [2]string{x.Tenant, x.Name}
			if branches[key] == nil {
				branches[key] = s.branch(x)
			}
			t.Branches = append(t.Branches, branches[key])
		}
		t.contested = t.contest()
		s.Trees = append(s.Trees, t)
		s.trees[t.Tenant] = t
	}
}

// contest reports whether two experiments set fields of one name.
func (t *Tree) contest() bool {
	first := map[string]*Branch{}
	for _, b := range t.Branches {
		for i := range b.Effects {
			for _, line := range b.Effects[i].lines {
				if other := first[line.plain]; other != nil && other != b {
					return true
				}
				first[line.plain] = b
			}
		}
	}
	return false
}

// branch compiles what an experiment does, and notes the names of the fields that it sets.
func (s *Snapshot) branch(x *Experiment) *Branch {
	b := &Branch{Plan: x}
	for _, v := range x.Variants {
		e := Effect{Text: x.Name + "=" + v.Name, Pool: s.Pools[v.To]}
		for _, h := range v.Headers {
			line := fieldLine{plainName(h.Name), h.Name + ": " + h.Value + "\r\n"}
			e.Fields += line.text
			e.lines = append(e.lines, line)
			s.Owned.add(h.Name)
		}
		b.Effects = append(b.Effects, e)
	}
	return b
}

// compiledTree is a tree before there are pools.
type compiledTree struct {
	from        *match.Experiments // nil once all are compiled
	tenant      string
	experiments []*Experiment
	set         *match.ExperimentSet
}

// compileTrees compiles the experiments for every tenant that has some of its own, and for all others. Tenants whose experiments
// differ in nothing that decides, such as those that name an owner, share a set.
func (c *compiled) compileTrees(p *Plan) error {
	if len(p.Experiments) == 0 {
		return nil
	}
	lists, total := p.experimentLists(), 0
	for _, l := range lists {
		total += len(l.experiments)
	}
	if total > MaxTreeExperiments {
		return fmt.Errorf("experiments: those of %d tenants with experiments of their own, the shared ones of each counted, come to %d, more than %d; use fewer such tenants, or fewer shared experiments",
			len(lists)-1, total, MaxTreeExperiments)
	}
	compiled := map[uint64]*compiledTree{} // the last of each mark, with what it was compiled from
	for i := range lists {
		t := &lists[i]
		t.from = p.experiments(t.experiments)
		mark := treeMark(t.from)
		if same := compiled[mark]; same != nil && reflect.DeepEqual(same.from, t.from) {
			t.set, t.from = same.set, nil
			continue
		}
		set, errs := match.CompileExperiments(c.schema, t.from)
		if len(errs) > 0 {
			return fmt.Errorf("experiments: %w", errs[0])
		}
		t.set, compiled[mark] = set, t
	}
	for i := range lists {
		lists[i].from = nil
	}
	c.trees = lists
	return nil
}

// treeMark is the same for equal experiments, and for others most often not. It looks at what tenants are likely to change.
func treeMark(x *match.Experiments) uint64 {
	var h maphash.Hash
	h.SetSeed(treeSeed)
	for i := range x.Experiments {
		e := &x.Experiments[i]
		for _, text := range [...]string{e.Name, e.Salt, e.When} {
			h.WriteString(text)
			h.WriteByte(0)
		}
		numbers := []int64{int64(e.Layer), int64(e.Holdout), e.From, e.Until}
		for _, r := range e.Slots {
			numbers = append(numbers, int64(r.First), int64(r.Last))
		}
		for _, v := range e.Variants {
			numbers = append(numbers, int64(v.Weight))
		}
		for _, n := range numbers {
			maphash.WriteComparable(&h, n)
		}
	}
	return h.Sum64()
}

var treeSeed = maphash.MakeSeed()

// experimentLists gives trees without their sets: the shared experiments, and what every tenant has that has some of its own, as
// ExperimentsOf does.
func (p *Plan) experimentLists() []compiledTree {
	lists, at := []compiledTree{{}}, map[string]int{"": 0}
	own := map[[2]string]bool{}
	for i := range p.Experiments {
		x := &p.Experiments[i]
		if _, known := at[x.Tenant]; !known {
			at[x.Tenant] = len(lists)
			lists = append(lists, compiledTree{tenant: x.Tenant})
		}
		own[[2]string{x.Tenant, x.Name}] = true
	}
	for i := range p.Experiments {
		x := &p.Experiments[i]
		if x.Tenant != "" {
			lists[at[x.Tenant]].experiments = append(lists[at[x.Tenant]].experiments, x)
			continue
		}
		for j := range lists {
			if j == 0 || !own[[2]string{lists[j].tenant, x.Name}] {
				lists[j].experiments = append(lists[j].experiments, x)
			}
		}
	}
	return lists
}

// experiments gives the experiments of one tree as match takes them. Names that are not known are left out: a plan has none.
func (p *Plan) experiments(list []*Experiment) *match.Experiments {
	out := &match.Experiments{}
	holdouts, layers, routes, places := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for i, h := range p.Holdouts {
		holdouts[h.Name] = i
		out.Holdouts = append(out.Holdouts, match.Holdout{Name: h.Name, By: h.By, Salt: h.Salt, PPM: h.PPM})
	}
	for i, l := range p.Layers {
		layers[l.Name] = i
		out.Layers = append(out.Layers, match.Layer{Name: l.Name, By: l.By, Salt: l.Salt, Holdout: placeOf(holdouts, l.Holdout)})
	}
	for i, r := range p.Routes {
		routes[r.Name] = i
	}
	for i := range list {
		places[list[i].Name] = i
	}
	for _, x := range list {
		m := match.Experiment{
			Name: x.Name, Salt: x.Salt, Layer: layers[x.Layer], Slots: x.Slots,
			Active: x.State == Active, Forceable: x.State != Archived,
			From: nanoseconds(x.Start), Until: nanoseconds(x.End), When: x.When,
			Holdout: placeOf(holdouts, x.Holdout),
			Routes:  every(routes, x.Routes), DependsOn: every(places, x.DependsOn), Excludes: every(places, x.Excludes),
		}
		if x.State == Archived {
			m.Slots = nil // they are free for others
		}
		if x.HoldoutPPM > 0 {
			m.Holdout = len(out.Holdouts)
			out.Holdouts = append(out.Holdouts, match.Holdout{
				Name: "experiment " + x.Name, // no declared holdout has a space in its name
				By:   p.Layers[m.Layer].By, Salt: x.Salt, PPM: x.HoldoutPPM,
			})
		}
		for _, e := range x.ExcludeExposed {
			m.ExcludeExposed = append(m.ExcludeExposed, match.Exposure{By: e.By, Salt: e.Salt, Slots: e.Slots})
		}
		for _, v := range x.Variants {
			m.Variants = append(m.Variants, match.Variant{Name: v.Name, Weight: v.Weight, Force: v.Force})
		}
		out.Experiments = append(out.Experiments, m)
	}
	return out
}

// placeOf gives the place of a name, -1 for none.
func placeOf(places map[string]int, name string) int {
	if at, ok := places[name]; ok && name != "" {
		return at
	}
	return -1
}

// every gives the places of all names, nil for none.
func every(places map[string]int, names []string) []int {
	var out []int
	for _, name := range names {
		if at, ok := places[name]; ok {
			out = append(out, at)
		}
	}
	return out
}

// nanoseconds gives a moment as match takes it: since 1970 UTC, 0 for the zero time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
