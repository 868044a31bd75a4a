package match

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ExperimentError is one mistake in what was given to [CompileExperiments]. Of the three indexes all but one are -1.
type ExperimentError struct {
	Experiment, Layer, Holdout int

	// Part is as the config calls it: "name", "by", "salt", "percent", "slots", "when", "start", "end", "variants", "weight",
	// "force", "holdout", "depends_on", "excludes", "exclude_exposed" or "experiments" for all of them. "weight" and "force"
	// are of the variant that Item says.
	Part   string
	Item   int // index in the part's list, -1 if there is none
	Column int // in When: 1 for the first character, counting line ends too; 0 if there is none

	Others []int // the other experiments that it is about: whose slots these are, or the rest of a cycle in its order

	What, Fix string
}

// Error gives where, what is wrong and how to mend it on one line.
func (e ExperimentError) Error() string {
	var b strings.Builder
	switch {
	case e.Holdout >= 0:
		fmt.Fprintf(&b, "holdout %d: ", e.Holdout)
	case e.Layer >= 0:
		fmt.Fprintf(&b, "layer %d: ", e.Layer)
	case e.Experiment >= 0:
		fmt.Fprintf(&b, "experiment %d: ", e.Experiment)
	}
	b.WriteString(e.Part)
	if e.Item >= 0 {
		fmt.Fprintf(&b, " %d", e.Item)
	}
	if e.Column > 0 {
		fmt.Fprintf(&b, ": column %d", e.Column)
	}
	return b.String() + ": " + e.What + "; " + e.Fix
}

// experimentChecker collects the mistakes.
type experimentChecker struct {
	schema   *Schema
	x        *Experiments
	conds    []*cond // by experiment; nil where there is none
	errs     []ExperimentError
	overlaps []int                 // places in errs that are to be told what is free
	lists    []map[string]forcedBy // by layer: the units that are forced
}

// bad notes a mistake of an experiment; item is -1 if there is none.
func (c *experimentChecker) bad(experiment int, part string, item int, fix, format string, args ...any) {
	c.errs = append(c.errs, ExperimentError{
		Experiment: experiment, Layer: -1, Holdout: -1, Part: part, Item: item, What: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// sorted gives the mistakes of holdouts, then of layers, then of experiments.
func (c *experimentChecker) sorted() []ExperimentError {
	kind := func(e ExperimentError) int {
		switch {
		case e.Holdout >= 0:
			return 0
		case e.Layer >= 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(c.errs, func(a, b ExperimentError) int {
		return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(a.Holdout, b.Holdout), cmp.Compare(a.Layer, b.Layer),
			cmp.Compare(a.Experiment, b.Experiment))
	})
	return c.errs
}

func (c *experimentChecker) check() {
	x := c.x
	c.atMost("layers", len(x.Layers), MaxLayers)
	c.atMost("holdouts", len(x.Holdouts), MaxHoldouts)
	c.atMost("experiments", len(x.Experiments), MaxExperiments)
	if len(c.errs) > 0 {
		return
	}
	c.holdouts()
	c.layers()
	c.names()
	c.lists = make([]map[string]forcedBy, len(x.Layers))
	for i := range x.Experiments {
		c.experiment(i)
	}
	c.salts()
	c.slots()
	c.dependencies()
}

func (c *experimentChecker) atMost(what string, n, most int) {
	if n > most {
		c.bad(-1, what, -1, "remove those that are over", "%d %s, more than %d", n, what, most)
	}
}

func (c *experimentChecker) holdouts() {
	first := map[string]int{}
	for i := range c.x.Holdouts {
		h := &c.x.Holdouts[i]
		bad := func(part, fix, what string) {
			c.errs = append(c.errs, ExperimentError{Experiment: -1, Layer: -1, Holdout: i, Part: part, Item: -1, What: what, Fix: fix})
		}
		c.nameAndSalt("holdout", h.Name, h.Salt, bad)
		c.unit("holdout", h.By, bad)
		if h.PPM > PPM {
			bad("percent", "use 0 to 100", "a share above 100 %")
		}
		if j, ok := first[h.Name]; ok && h.Name != "" {
			bad("name", "rename one of them", fmt.Sprintf("holdouts %d and %d are both named `%s`", j, i, h.Name))
		} else {
			first[h.Name] = i
		}
	}
}

func (c *experimentChecker) layers() {
	named, salted := map[string]int{}, map[string]int{}
	for i := range c.x.Layers {
		l := &c.x.Layers[i]
		bad := func(part, fix, what string) {
			c.errs = append(c.errs, ExperimentError{Experiment: -1, Layer: i, Holdout: -1, Part: part, Item: -1, What: what, Fix: fix})
		}
		c.nameAndSalt("layer", l.Name, l.Salt, bad)
		c.unit("layer", l.By, bad)
		j, sameName := named[l.Name]
		salt := cmp.Or(l.Salt, l.Name)
		k, sameSalt := salted[salt]
		switch {
		case l.Name == "":
		case sameName:
			bad("name", "rename one of them", fmt.Sprintf("layers %d and %d are both named `%s`", j, i, l.Name))
		case sameSalt:
			bad("salt", "give one of them another salt",
				fmt.Sprintf("layers `%s` and `%s` have the same salt, so every unit has the same slot in both", c.x.Layers[k].Name, l.Name))
		default:
			named[l.Name], salted[salt] = i, i
		}
	}
}

// nameAndSalt checks what is hashed before a unit.
func (c *experimentChecker) nameAndSalt(what, name, salt string, bad func(part, fix, what string)) {
	part, text := "salt", salt
	if salt == "" {
		part, text = "name", name
	}
	if name == "" {
		bad("name", "give it one", "the "+what+" has no name")
	}
	if strings.IndexByte(text, 0) >= 0 {
		bad(part, "remove it: it parts salt and unit in the hash", "a zero byte in a "+part)
	}
	if len(text) > MaxSaltBytes {
		bad(part, "shorten it", fmt.Sprintf("a %s of %d bytes, more than %d", part, len(text), MaxSaltBytes))
	}
}

// unit checks the attribute whose values are units.
func (c *experimentChecker) unit(what, by string, bad func(part, fix, what string)) {
	switch unit, ok := c.schema.byName[by]; {
	case by == "":
		bad("by", "add `by:` with an attribute such as a user id", "the "+what+" does not say whom it divides")
	case by == byRequest:
		bad("by", "use an attribute such as a user id", "`request` is no unit: a "+what+" keeps every unit where it is")
	case !ok:
		bad("by", suggestAttribute(c.schema, by), fmt.Sprintf("unknown attribute `%s`", by))
	case unit == attrNow:
		bad("by", "use an attribute such as a user id", "`now` is different at every moment")
	}
}

// names checks that no two experiments have one name: it stands for them upstream.
func (c *experimentChecker) names() {
	first := map[string]int{}
	for i := range c.x.Experiments {
		name := c.x.Experiments[i].Name
		if j, ok := first[name]; ok && name != "" {
			c.bad(i, "name", -1, "rename one of them", "experiments %d and %d are both named `%s`", j, i, name)
		} else {
			first[name] = i
		}
	}
}

// salts checks that experiments of different layers draw their variants independently. In one layer no unit is in two.
func (c *experimentChecker) salts() {
	first := map[string]int{}
	for i := range c.x.Experiments {
		e := &c.x.Experiments[i]
		salt := cmp.Or(e.Salt, e.Name)
		if e.archived() || salt == "" {
			continue
		}
		j, ok := first[salt]
		if !ok {
			first[salt] = i
		} else if o := &c.x.Experiments[j]; o.Layer != e.Layer && o.Name != e.Name {
			c.bad(i, "salt", -1, "give one of them another salt",
				"`%s` and `%s` have the same salt in different layers, so that they draw their variants alike", o.Name, e.Name)
		}
	}
}

// experiment checks what can be said of an experiment by itself.
func (c *experimentChecker) experiment(i int) {
	e := &c.x.Experiments[i]
	c.name(i, "name", -1, "experiment", e.Name)
	if e.Salt != "" {
		c.nameAndSalt("experiment", "-", e.Salt, func(part, fix, what string) { c.bad(i, part, -1, fix, "%s", what) })
	}
	if e.Until != 0 && e.From >= e.Until {
		c.bad(i, "end", -1, "let it end later, or begin earlier", "the experiment ends before it begins")
	}
	if strings.TrimSpace(e.When) != "" {
		cond, errs := parseCondition(c.schema, e.When)
		c.conds[i] = cond
		for _, err := range errs {
			c.bad(i, "when", -1, err.Fix, "%s", err.What)
			c.errs[len(c.errs)-1].Column = err.Column
		}
	}
	c.variants(i)
	for item, p := range e.ExcludeExposed {
		c.exposure(i, item, p)
	}
}

// name checks a name that goes upstream as `experiment=variant, ...`.
func (c *experimentChecker) name(i int, part string, item int, what, name string) {
	const letters = "use letters, digits, `_`, `.` and `-`"
	switch bad := strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 || !isNameByte(byte(r)) }); {
	case name == "":
		c.bad(i, part, item, "give it one", "the %s has no name", what)
	case bad >= 0:
		c.bad(i, part, item, letters, "%q in the name of the %s `%s`", []rune(name[bad:])[0], what, name)
	case len(name) > MaxExperimentNameBytes:
		c.bad(i, part, item, "shorten it", "a name of %d bytes, more than %d", len(name), MaxExperimentNameBytes)
	}
}

func isNameByte(b byte) bool { return isLetter(b) || isDigit(b) || b == '_' || b == '.' || b == '-' }

func (c *experimentChecker) exposure(i, item int, p Exposure) {
	bad := func(_, fix, what string) { c.bad(i, "exclude_exposed", item, fix, "%s", what) }
	if p.Salt == "" {
		bad("", "add the salt that the layer had", "it does not say which layer the units were exposed in")
	} else {
		c.nameAndSalt("layer", "-", p.Salt, bad)
	}
	if p.By != "" {
		c.unit("layer", p.By, bad)
	}
	if len(p.Slots) == 0 {
		bad("", "add the slots of the experiment that they were exposed to", "it does not say which slots")
	}
	for _, r := range p.Slots {
		c.slotRange(i, "exclude_exposed", item, r)
	}
}
