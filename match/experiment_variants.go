package match

import "fmt"

// variants checks the arms of an experiment.
func (c *experimentChecker) variants(i int) {
	e := &c.x.Experiments[i]
	if n := len(e.Variants); n == 0 || n > MaxVariants {
		what, fix := "the experiment has no variants", "add `variants:`, such as {A: 50, B: 50}"
		if n > 0 {
			what, fix = fmt.Sprintf("%d variants, more than %d", n, MaxVariants), "remove some"
		}
		c.bad(i, "variants", -1, fix, "%s", what)
		return
	}
	first := map[string]int{}
	weight := uint64(0)
	for item, v := range e.Variants {
		weight += uint64(v.Weight)
		c.name(i, "variants", item, "variant", v.Name)
		if j, ok := first[v.Name]; ok && v.Name != "" {
			c.bad(i, "variants", item, "rename one of them", "variants %d and %d are both named `%s`", j, item, v.Name)
		} else {
			first[v.Name] = item
		}
	}
	if weight == 0 {
		c.bad(i, "weight", -1, "give one a weight above 0, or pause the experiment", "no variant of `%s` has weight", e.Name)
	}
	c.forced(i)
}

// forcedBy is where a unit is forced to a variant.
type forcedBy struct{ experiment, variant int }

// forced checks allow-lists. A unit can be on one list of a layer: it is in one experiment of it at most.
func (c *experimentChecker) forced(i int) {
	e := &c.x.Experiments[i]
	for item, v := range e.Variants {
		if len(v.Force) > MaxForcedUnits {
			c.bad(i, "force", item, "use an audience in a condition for so many", "%d forced units, more than %d", len(v.Force), MaxForcedUnits)
			continue
		}
		for _, unit := range v.Force {
			if unit == "" || len(unit) > MaxUnitBytes {
				c.bad(i, "force", item, fmt.Sprintf("use values of 1 to %d bytes", MaxUnitBytes), "a forced unit of %d bytes can never be met", len(unit))
				continue
			}
			if e.archived() {
				continue
			}
			if c.lists[e.Layer] == nil {
				c.lists[e.Layer] = map[string]forcedBy{}
			}
			other, taken := c.lists[e.Layer][unit]
			if !taken {
				c.lists[e.Layer][unit] = forcedBy{i, item}
				continue
			}
			o := &c.x.Experiments[other.experiment]
			c.bad(i, "force", item, "remove it from one of them", "%q is forced to `%s=%s` and to `%s=%s`, which one layer cannot both assign",
				unit, o.Name, o.Variants[other.variant].Name, e.Name, v.Name)
		}
	}
}
