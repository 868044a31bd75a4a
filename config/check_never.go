package config

import (
	"fmt"
	"slices"

	"graygate/match"
)

// never refuses an experiment that no request can ever be assigned to.
func (c *checker) never(s *scope, x *inForce) {
	refuse := func(at Pos, why, fix string) {
		c.fail(at, problem{What: "experiment " + quoted(x.Name) + " can never match", Why: why, Fix: fix})
	}
	if x.When.Set && c.analyzer != nil && !c.asked[x.When.At] && c.analyzer.Spent() <= maxAnalysis {
		c.asked[x.When.At] = true
		if c.analyzer.Unsatisfiable(trimWhen(x.When.Value)) {
			refuse(x.When.At, "no request can make the condition true", "mend the condition")
		}
	}
	if c.elsewhere(x) {
		refuse(x.When.At, "no request of its routes can make the condition true", "mend the condition, or name other routes")
	}
	if x.Routes.Set && len(x.Routes.Value) > 0 && len(c.reachable(s, x)) == 0 && s.tenant != "" {
		refuse(x.Routes.At, "requests of tenant "+s.tenant+" come to none of these routes", "name routes of the tenant, or of every tenant")
	}
	if name, at := c.heldOut(x); name != "" {
		refuse(at, "holdout "+quoted(name)+" leaves 100 % of the units alone", "lower its percentage")
	}
	if c.allExposed(x) {
		refuse(x.ExcludeExposed.At, "exclude_exposed names all of its own slots", "name the slots of the earlier experiment, and its salt if the layer had another")
	}
}

// elsewhere reports whether the condition of an experiment is true for no request of the routes that it is for, as far as that can be
// told from their hosts and paths.
func (c *checker) elsewhere(x *inForce) bool {
	when := trimWhen(x.When.Value)
	if !x.When.Set || !x.Routes.Set || len(x.Routes.Value) == 0 || x.Routes.Bad || c.analyzer == nil || !speaksOfRoute(when) || c.told(x.When.At) {
		return false
	}
	for _, f := range x.Routes.Value {
		i, defined := c.routeNames.at[f.Value]
		if !defined || c.analyzer.Spent() > maxAnalysis {
			return false
		}
		if at := routeCondition(c.f.Routes.Value[i]); at == "" || !c.analyzer.Disjoint(when, at) {
			return false
		}
	}
	return true
}

// unmet refuses an experiment that depends on what no request can be assigned to together with it, or on two that never go together,
// be it by way of others. A shared one is asked about for every tenant that has some of these of its own.
func (c *checker) unmet(s *scope, x *inForce) {
	refuse := func(f Field[string], why, fix string) {
		p := problem{What: "experiment " + quoted(x.Name) + " can never match", Why: why, Fix: fix}
		if x.tenant != s.tenant {
			p.What += " for tenant " + s.tenant
			p.Fix = "mend one of the two, or write " + s.tenant + "/" + x.Name + ": {state: archived}"
			if c.told(f.At) {
				return
			}
		}
		c.fail(f.At, p)
	}
	all := s.needed(x)
	for i, q := range all {
		if q.direct && s.mine(x, q.of) {
			if why := c.apart(s, x, q.of); why != "" {
				refuse(q.via, fmt.Sprintf("it depends on %s, and %s", quoted(q.of.Name), why), "mend one of the two, or delete the dependency")
				continue
			}
		}
		if !q.direct {
			if why := c.parted(s, x, q.of); why != "" && s.mine(x, q.of) {
				refuse(q.via, fmt.Sprintf("it needs %s, by way of %s, and %s", quoted(q.of.Name), quoted(q.via.Value), why), "mend one of the two, or delete the dependency")
				return
			}
		}
		for _, p := range all[:i] {
			if !s.mine(x, p.of) && !s.mine(x, q.of) {
				continue
			}
			why := c.parted(s, p.of, q.of)
			if why == "" || s.toldBefore(x, p.of, q.of) {
				continue
			}
			refuse(q.via, fmt.Sprintf("it needs both %s and %s, and %s", quoted(p.of.Name), quoted(q.of.Name), why), "delete one of the dependencies")
			return
		}
	}
}

// parted tells why no request can be assigned to both p and q, "" if one may be. Archived ones are told where they are depended on.
func (c *checker) parted(s *scope, p, q *inForce) string {
	switch {
	case p.State.Value == Archived || q.State.Value == Archived:
		return ""
	case sameLayer(p, q):
		return "the two are in one layer, of which a unit gets one experiment at most"
	case excludes(p, q):
		return "the two exclude one another"
	case c.analyzer != nil && c.analyzer.Spent() > maxAnalysis:
		return ""
	}
	return c.apart(s, p, q)
}

// need is an experiment that has to be assigned for another one to be, and the dependency of that one by which it has.
type need struct {
	of     *inForce
	via    Field[string]
	direct bool // via names it
}

// needed gives what has to be assigned for x to be: what it depends on, then what these depend on, and so on; at most maxNeeded.
func (s *scope) needed(x *inForce) []need {
	seen := map[*inForce]bool{x: true}
	var out []need
	add := func(f, via Field[string], direct bool) {
		if j, defined := s.at[f.Value]; defined && !seen[s.list[j]] && len(out) < maxNeeded {
			seen[s.list[j]] = true
			out = append(out, need{s.list[j], via, direct})
		}
	}
	for _, f := range x.DependsOn.Value {
		add(f, f, true)
	}
	for i := 0; i < len(out); i++ {
		for _, f := range out[i].of.DependsOn.Value {
			add(f, out[i].via, false)
		}
	}
	return out
}

// toldBefore reports whether one of the experiments that x depends on needs both p and q already: the mistake is that one's.
func (s *scope) toldBefore(x, p, q *inForce) bool {
	for _, f := range x.DependsOn.Value {
		j, defined := s.at[f.Value]
		if !defined || s.list[j] == x {
			continue
		}
		has := map[*inForce]bool{s.list[j]: true}
		for _, n := range s.needed(s.list[j]) {
			has[n.of] = true
		}
		if has[p] && has[q] {
			return true
		}
	}
	return false
}

// apart tells why no request can be assigned to both x and y, which it depends on; "" if one may be.
func (c *checker) apart(s *scope, x, y *inForce) string {
	switch {
	case y.State.Value == Archived:
		return "that is archived"
	case sameLayer(x, y), excludes(x, y):
		return "" // told by together
	case !windowsMeet(x, y):
		return "the two are not active at any time together"
	case !c.routesMeet(s, x, y):
		return "the two have no route in common"
	case c.disjoint(x, y):
		return "no request can make the conditions of both true"
	}
	return ""
}

func sameLayer(a, b *inForce) bool { return a.Layer.Set && a.Layer.Value == b.Layer.Value }

// excludes reports whether one of the two excludes the other, which keeps them apart either way.
func excludes(a, b *inForce) bool {
	names := func(x *inForce, name string) bool {
		return slices.ContainsFunc(x.Excludes.Value, func(f Field[string]) bool { return f.Value == name })
	}
	return names(a, b.Name) || names(b, a.Name)
}

// windowsMeet reports whether there is a moment at which both are within start and end.
func windowsMeet(a, b *inForce) bool {
	before := func(x, y *inForce) bool {
		return !x.End.Value.IsZero() && !y.Start.Value.IsZero() && !y.Start.Value.Before(x.End.Value)
	}
	return !before(a, b) && !before(b, a)
}

// reachable are those of an experiment's routes that requests of the scope come to; nil for all.
func (c *checker) reachable(s *scope, x *inForce) []string {
	var out []string
	for _, f := range x.Routes.Value {
		if i, defined := c.routeNames.at[f.Value]; defined && s.tenant != "" {
			if t := c.f.Routes.Value[i].Tenant; t.Set && t.Value != s.tenant {
				continue
			}
		}
		out = append(out, f.Value)
	}
	return out
}

func (c *checker) routesMeet(s *scope, a, b *inForce) bool {
	if len(a.Routes.Value) == 0 || len(b.Routes.Value) == 0 {
		return true
	}
	of := c.reachable(s, b)
	return slices.ContainsFunc(c.reachable(s, a), func(name string) bool { return slices.Contains(of, name) })
}

// disjoint reports whether no request can make both conditions true, as far as that can be told.
func (c *checker) disjoint(a, b *inForce) bool {
	return c.analyzer != nil && a.When.Set && b.When.Set && c.analyzer.Disjoint(trimWhen(a.When.Value), trimWhen(b.When.Value))
}

// heldOut gives the holdout, if any, that takes every unit, and where it is named.
func (c *checker) heldOut(x *inForce) (string, Pos) {
	if x.Holdout.Value.PPM == match.PPM {
		return x.Name, x.Holdout.At
	}
	used, at := []string{x.Holdout.Value.Name}, []Pos{x.Holdout.At}
	if i, defined := c.layerNames.at[x.Layer.Value]; defined && x.Layer.Set {
		used, at = append(used, c.f.Layers.Value[i].Holdout.Value), append(at, x.Layer.At)
	}
	for i, name := range used {
		if j, defined := c.holdoutNames.at[name]; defined && c.f.Holdouts.Value[j].Percent.Value == match.PPM {
			return name, at[i]
		}
	}
	return "", Pos{}
}

// allExposed reports whether an experiment leaves out all of its own slots as they are now.
func (c *checker) allExposed(x *inForce) bool {
	i, defined := c.layerNames.at[x.Layer.Value]
	if !defined || !x.Layer.Set || len(x.Slots.Value) == 0 || len(x.ExcludeExposed.Value) == 0 {
		return false
	}
	layer := c.f.Layers.Value[i]
	var out [match.Slots]bool
	for _, e := range x.ExcludeExposed.Value {
		by, salt := layer.By.Value, ""
		if j, defined := c.layerNames.at[e.Layer.Value]; defined && e.Layer.Set {
			of := c.f.Layers.Value[j]
			by, salt = of.By.Value, of.Salt.or(of.Name.Value)
		}
		if e.By.or(by) != layer.By.Value || e.Salt.or(salt) != layer.Salt.or(layer.Name.Value) {
			continue
		}
		for _, r := range e.Slots.Value {
			for k := r.Value.First; k <= r.Value.Last; k++ {
				out[k] = true
			}
		}
	}
	for _, r := range x.Slots.Value {
		for k := r.Value.First; k <= r.Value.Last; k++ {
			if !out[k] {
				return false
			}
		}
	}
	return true
}
