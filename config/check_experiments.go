package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"graygate/match"
)

// experiments checks layers, holdouts, metadata types and experiments: first each as it is written, then what is in force for
// each tenant.
func (c *checker) experiments() {
	c.routeNames = newNames("route", "routes", c.f.Routes.Bad)
	for _, r := range c.f.Routes.Value {
		c.routeNames.add(r.Name.Value)
	}
	c.holdouts()
	c.layers()
	c.metadataTypes()
	first := map[[2]string]Pos{}
	for i := range c.f.Experiments.Value {
		x := &c.f.Experiments.Value[i]
		if x.Name == "" {
			continue
		}
		if x.Tenant != "*" {
			c.tenantOf(Field[string]{Value: x.Tenant, At: x.Key.At, Set: true})
		}
		once(c.source, first, [2]string{x.Tenant, x.Name}, x.Key.At, "experiment "+quoted(x.Name))
		c.experiment(x)
	}
	if countInForce(c.f) > MaxTreeExperiments {
		c.fail(c.f.Experiments.At, problem{
			What: fmt.Sprintf("more than %d experiments, those of all tenants together", MaxTreeExperiments),
			Why:  "a shared one counts for each tenant that has experiments of its own besides",
			Fix:  "give fewer tenants experiments of their own",
		})
		return
	}
	c.inForce = experimentsInForce(c.f)
	for i := range c.inForce {
		c.complete(&c.inForce[i])
	}
	for _, s := range scopes(c.inForce) {
		c.related(s)
		c.together(s)
		for _, x := range s.list {
			if x.State.Value == Archived {
				continue
			}
			if s.mine(x, x) {
				c.never(s, x)
			}
			c.unmet(s, x)
		}
		c.conflicts(s)
	}
}

// tenantOf refuses a tenant where requests have none.
func (c *checker) tenantOf(f Field[string]) {
	if !f.Set || c.tenancy {
		return
	}
	for _, a := range c.f.Attributes.Value {
		if a.Name.Value != tenantAttribute {
			continue
		}
		if a.Type.Set && a.Type.Value != match.String {
			c.tenancy = true
			c.fail(a.Type.At, problem{What: "the attribute tenant is not a string", Why: fmt.Sprintf("line %d compares it with the name of a tenant", f.At.Line), Fix: "delete type"})
		}
		c.lowered(a, f, "tenant "+quoted(f.Value))
		return
	}
	if c.f.Attributes.Bad {
		return
	}
	c.tenancy = true // the cure is one for all
	c.fail(f.At, problem{
		What: "a tenant without an attribute tenant",
		Why:  "the attribute of that name says which tenant a request is of",
		Fix:  "add attributes: {tenant: {from: [header X-Tenant]}}",
	})
}

// lowered refuses what is compared with an attribute that is always in lower case, and is not so itself.
func (c *checker) lowered(a FileAttribute, f Field[string], what string) {
	if low := strings.ToLower(f.Value); a.Lower.Value && low != f.Value && !c.told(f.At) {
		c.fail(f.At, problem{What: what + " is never met", Why: fmt.Sprintf("%s is always in lower case (line %d)", a.Name.Value, a.Lower.At.Line), Fix: "write " + low})
	}
}

func (c *checker) holdouts() {
	c.holdoutNames = newNames("holdout", "holdouts", c.f.Holdouts.Bad)
	salted := map[string]string{} // names by salt
	for _, h := range c.f.Holdouts.Value {
		if c.name(h.Name, "holdout") && h.Name.Value == "off" {
			c.fail(h.Name.At, problem{What: "a holdout called off", Why: "holdout: off says that there is none", Fix: "choose another name"})
		}
		c.holdoutNames.add(h.Name.Value)
		if !h.By.written() {
			c.fail(h.Name.At, problem{What: "holdout " + quoted(h.Name.Value) + " has no by", Why: "by says whose share it is", Fix: "add by: userid, with the attribute meant"})
		}
		if !h.Percent.written() {
			c.fail(h.Name.At, problem{What: "holdout " + quoted(h.Name.Value) + " has no percent", Fix: "add percent: 5"})
		}
		c.unit(h.By, "a holdout")
		c.salt(h.Salt, "holdout")
		salt := h.Salt.or(h.Name.Value)
		if other, again := salted[salt]; again && other != h.Name.Value && !h.Salt.Bad {
			c.fail(firstPlace(h.Salt.at(), h.Name.At), problem{
				What: fmt.Sprintf("holdouts %s and %s have the same salt", quoted(other), quoted(h.Name.Value)),
				Why:  "the larger holds out all the units of the smaller", Fix: "give one of them another salt",
			})
			continue
		}
		salted[salt] = h.Name.Value
	}
}

// ownHoldout refuses a holdout of an experiment's own that holds out the units of another.
func (c *checker) ownHoldout(x *inForce) {
	if x.Holdout.Value.PPM == 0 || x.State.Value == Archived || x.Salt.Bad || c.told(x.Holdout.At) {
		return
	}
	for _, h := range c.f.Holdouts.Value {
		if !h.Salt.Bad && h.Salt.or(h.Name.Value) == x.Salt.or(x.Name) {
			c.fail(x.Holdout.At, problem{
				What: fmt.Sprintf("experiment %s and holdout %s have the same salt", quoted(x.Name), quoted(h.Name.Value)),
				Why:  "a holdout of the experiment's own goes by its salt, and of two the larger holds out all the units of the smaller",
				Fix:  "give the holdout another salt, or write holdout: " + h.Name.Value,
			})
			return
		}
	}
}

func (c *checker) layers() {
	c.layerNames = newNames("layer", "layers", c.f.Layers.Bad)
	for _, l := range c.f.Layers.Value {
		c.name(l.Name, "layer")
		c.layerNames.add(l.Name.Value)
		if !l.By.written() {
			c.fail(l.Name.At, problem{What: "layer " + quoted(l.Name.Value) + " has no by", Why: "by says what is assigned: which attribute stays in a slot as one", Fix: "add by: userid, with the attribute meant"})
		}
		c.unit(l.By, "a layer")
		c.salt(l.Salt, "layer")
		c.refer(l.Holdout, c.holdoutNames)
	}
}

// experiment checks one entry by itself.
func (c *checker) experiment(x *FileExperiment) {
	c.refer(x.Layer, c.layerNames)
	c.salt(x.Salt, "experiment")
	if x.Owner.Set && (len(x.Owner.Value) > MaxOwner || hasControl(x.Owner.Value)) {
		c.fail(x.Owner.At, problem{What: "owner is not one line of text", Fix: fmt.Sprintf("write a name or an address, at most %d bytes", MaxOwner)})
	}
	c.ranges(x.Slots)
	if !c.when(x.When) && x.When.Set {
		c.unread[x.When.At] = true
	}
	first := map[string]Pos{}
	for _, r := range x.Routes.Value {
		if c.refer(r, c.routeNames) {
			once(c.source, first, r.Value, r.At, "route "+quoted(r.Value))
		}
	}
	if x.Holdout.Set && x.Holdout.Value.Name != "" {
		c.refer(Field[string]{Value: x.Holdout.Value.Name, At: x.Holdout.At, Set: true}, c.holdoutNames)
	}
	for _, e := range x.ExcludeExposed.Value {
		c.refer(e.Layer, c.layerNames)
		c.salt(e.Salt, "layer")
		c.unit(e.By, "an exposure")
		c.ranges(e.Slots)
		switch {
		case !e.Slots.written():
			c.fail(e.At, problem{What: "exclude_exposed without slots", Fix: "add slots: [0-499], those that the earlier experiment had"})
		case !e.Layer.written() && !e.Salt.written():
			c.fail(e.At, problem{What: "exclude_exposed with neither layer nor salt", Fix: "add layer: NAME, or salt: the salt that the layer had"})
		}
	}
	c.metadata(x.Metadata)
	c.variants(x.Variants)
}

// ranges refuses slots that are in a list twice.
func (c *checker) ranges(f Field[[]Field[match.SlotRange]]) {
	if len(f.Value) == 0 && f.Set && !f.Bad {
		c.fail(f.At, problem{What: "slots are empty", Fix: fmt.Sprintf("name some of 0 to %d: [0-499]", match.Slots-1)})
		return
	}
	if len(f.Value) > MaxSlotRanges {
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d ranges of slots", MaxSlotRanges), Fix: "join those next to one another"})
		return
	}
	sorted := slices.Clone(f.Value)
	slices.SortStableFunc(sorted, func(a, b Field[match.SlotRange]) int { return cmp.Compare(a.Value.First, b.Value.First) })
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if b.Value.First > a.Value.Last {
			continue
		}
		c.fail(b.At, problem{
			What: fmt.Sprintf("slots %s are in the list twice", formatSlots(match.SlotRange{First: b.Value.First, Last: min(a.Value.Last, b.Value.Last)})),
			Why:  formatSlots(a.Value) + " has them too", Fix: "take them out of one",
		})
		return
	}
}

// complete checks an experiment with what it inherits.
func (c *checker) complete(x *inForce) {
	if x.Bad {
		return
	}
	lacks := func(what, why, fix string) {
		c.fail(x.Key.At, problem{What: "experiment " + quoted(x.Name) + " has no " + what, Why: why, Fix: fix})
	}
	if !x.Layer.written() {
		lacks("layer", "", "add layer: NAME, one of layers")
	}
	if !x.Slots.written() && x.State.Value != Archived {
		lacks("slots", "they say how much of the layer it takes", "add slots: [0-499]")
	}
	if !x.Variants.written() || x.Variants.Set && len(x.Variants.Value) == 0 {
		lacks("variants", "", "add variants: {A: 50, B: 50}")
	}
	c.forced(x)
	c.ownHoldout(x)
	for _, e := range x.ExcludeExposed.Value {
		if !e.By.written() && !e.Layer.written() && !x.Layer.written() {
			c.fail(e.At, problem{What: "exclude_exposed without by", Fix: "add by: ATTRIBUTE, the unit of that time"})
		}
	}
}

// forced refuses units that are forced and that no request can have.
func (c *checker) forced(x *inForce) {
	i, defined := c.layerNames.at[x.Layer.Value]
	if !defined || !x.Layer.Set {
		return
	}
	for _, a := range c.f.Attributes.Value {
		if a.Name.Value != c.f.Layers.Value[i].By.Value {
			continue
		}
		for _, v := range x.Variants.Value {
			for _, unit := range v.Force.Value {
				c.lowered(a, unit, "unit "+quoted(unit.Value))
			}
		}
	}
}

// scope is what experiments a tenant's requests meet, or for tenant "" those of all others.
type scope struct {
	tenant string
	list   []*inForce // in the order of the file, archived ones included
	at     map[string]int
}

// mine reports whether a mistake between two experiments is to be told here: else it is told among the shared ones.
func (s *scope) mine(a, b *inForce) bool {
	return s.tenant == "" || a.tenant == s.tenant || b.tenant == s.tenant
}

// scopes sorts the experiments by whose requests meet them.
func scopes(all []inForce) []*scope {
	order, byTenant := []*scope{{at: map[string]int{}}}, map[string]int{"": 0}
	own := map[[2]string]bool{}
	for i := range all {
		x := &all[i]
		if _, known := byTenant[x.tenant]; !known {
			byTenant[x.tenant] = len(order)
			order = append(order, &scope{tenant: x.tenant, at: map[string]int{}})
		}
		own[[2]string{x.tenant, x.Name}] = true
	}
	for i := range all {
		x := &all[i]
		if x.tenant != "" {
			order[byTenant[x.tenant]].add(x)
			continue
		}
		for _, s := range order {
			if s.tenant == "" || !own[[2]string{s.tenant, x.Name}] {
				s.add(x)
			}
		}
	}
	return order
}

func (s *scope) add(x *inForce) {
	s.at[x.Name] = len(s.list)
	s.list = append(s.list, x)
}
