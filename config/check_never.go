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

// unmet refuses an experiment that depends on what no request can be assigned to together with it. A shared one is asked about for
// every tenant that has some of these of its own.
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
	for i, f := range x.DependsOn.Value {
		j, defined := s.at[f.Value]
		if !defined || s.list[j] == x {
			continue
		}
		if s.mine(x, s.list[j]) {
			if why := c.apart(s, x, s.list[j]); why != "" {
				refuse(f, fmt.Sprintf("it depends on %s, and %s", quoted(f.Value), why), "mend one of the two, or delete the dependency")
				continue
			}
		}
		for _, g := range x.DependsOn.Value[:i] {
			k, defined := s.at[g.Value]
			if !defined || s.list[k] == x || k == j || !s.mine(x, s.list[j]) && !s.mine(x, s.list[k]) {
				continue
			}
			if sameLayer(s.list[j], s.list[k]) {
				refuse(f, fmt.Sprintf("it depends on %s too, which is in the same layer: a unit gets one of them at most", quoted(g.Value)), "delete one of the dependencies")
				break
			}
		}
	}
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
