package match

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is one rule as the config gives it: a condition, or a share, or both. It matches a request for which the condition
// is true and which is within the share.
type Rule struct {
	Name string // not empty, no two the same in a rule set
	When string // condition; "" is true for every request

	HasPercent bool
	PPM        uint32 // share in parts per million, 0 to [PPM]
	By         string // attribute whose value is the unit, or "request": an even share of the requests in sequence

	// Salt takes the place of Name in the hash, so that a rename moves nobody. The hash is of "rule:" and the salt,
	// see [Bucket]. At most [MaxSaltBytes].
	Salt string
}

// byRequest in Rule.By counts requests instead of hashing a unit.
const byRequest = "request"

// ruleRole goes before the salt of a rule, so that a layer of the same name is independent of it.
const ruleRole = "rule:"

// RuleError is one mistake in the rules given to [CompileRules].
type RuleError struct {
	Rule   int    // index into the rules
	Part   string // "name", "when", "percent", "by" or "salt"
	Column int    // in Part "when": 1 for the first character of the condition, counting line ends too; else 0
	What   string // what is wrong
	Fix    string // how to mend it
}

// Error gives what is wrong and how to mend it on one line.
func (e RuleError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("rule %d: %s: column %d: %s; %s", e.Rule, e.Part, e.Column, e.What, e.Fix)
	}
	return fmt.Sprintf("rule %d: %s: %s; %s", e.Rule, e.Part, e.What, e.Fix)
}

// RuleSet is a list of rules compiled for one schema: one program whose result is the first rule that matches. It is
// immutable and safe for concurrent use.
type RuleSet struct {
	schema *Schema
	prog   program
	rules  []Rule // as they were written, to be explained
}

// CompileRules compiles the rules in their order. With any mistake the rule set is nil and the list holds them all, in
// the order of the rules. No rules make a rule set that never matches.
func CompileRules(s *Schema, rules []Rule) (*RuleSet, []RuleError) {
	c := &ruleCompiler{schema: s, names: make(map[string]int)}
	checked := make([]checkedRule, len(rules))
	for i, r := range rules {
		checked[i] = c.rule(i, r)
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	prog := generate(s, checked, len(checked) >= minIndexedRules)
	return &RuleSet{schema: s, prog: prog, rules: slices.Clone(rules)}, nil
}

// checkedRule is a rule without mistakes.
type checkedRule struct {
	Rule
	cond *cond // nil if there is no condition
	unit int   // attribute number of By, -1 for a share by sequence or none
}

// generate makes the program of the rules. Without an index they are joined: where one does not match, the next begins.
func generate(s *Schema, rules []checkedRule, indexed bool) program {
	g := newGenerator(s)
	for i := range rules {
		r := &rules[i]
		g.count(r.cond)
		if r.unit >= 0 {
			g.uses[r.bucket(r.unit).ident()]++
		}
	}
	for i := range rules {
		r := &rules[i]
		next := notMatched
		if !indexed {
			next = g.newLabel()
		}
		g.prog.entries = append(g.prog.entries, g.here())
		if r.cond != nil {
			met := g.newLabel()
			if !r.HasPercent {
				met = matched(i)
			}
			g.cond(r.cond, true, met, next)
			g.bind(met)
		}
		if r.HasPercent {
			g.share(r.Rule, i, r.unit, matched(i), next)
		}
		g.bind(next)
	}
	g.emit(instr{op: opJump, yes: notMatched, no: notMatched}) // where the last rule does not match
	if indexed {
		g.prog.index = g.index(s, rules)
	}
	return g.finish()
}

// index makes the index of the rules. A rule that no request can match has no entry.
func (g *generator) index(s *Schema, rules []checkedRule) *index {
	var of []uint32
	var entries []alternative
	for i := range rules {
		r := &rules[i]
		ways := []alternative{{}}
		if r.cond != nil {
			ways = g.alternatives(r.cond, true)
		}
		ways = both(ways, g.shareAlternatives(r))
		for _, w := range ways {
			of = append(of, uint32(i))
			entries = append(entries, w)
		}
	}
	return newIndex(g, s, of, entries)
}

// shareAlternatives gives what a rule's percentage asks of the bucket that it has in common with others. Of a unit it asks nothing,
// not even that it is there: the rules that only the missing unit keeps from matching are to be found too, see [State.Unitless].
func (g *generator) shareAlternatives(r *checkedRule) []alternative {
	switch {
	case !r.HasPercent:
		return []alternative{{}}
	case r.PPM == 0:
		return nil
	case r.unit < 0:
		return []alternative{{}}
	}
	b := r.bucket(r.unit)
	if g.uses[b.ident()] < 2 {
		return []alternative{{}}
	}
	return []alternative{{g.register(b): {missing: true, ranges: []numRange{{orderInt(0), orderInt(int64(r.PPM) - 1)}}}}}
}

// bucket gives the bucket of a rule's unit as a value.
func (r *Rule) bucket(unit int) *value {
	salt := r.Salt
	if salt == "" {
		salt = r.Name
	}
	return &value{op: valBucket, typ: Int, x: &value{op: valAttr, attr: unit}, text: ruleRole + salt}
}

// ruleCompiler checks the rules.
type ruleCompiler struct {
	schema *Schema
	names  map[string]int
	errs   []RuleError
}

func (c *ruleCompiler) rule(i int, r Rule) checkedRule {
	bad := func(part, what, fix string) {
		c.errs = append(c.errs, RuleError{Rule: i, Part: part, What: what, Fix: fix})
	}
	c.checkName(i, r, bad)

	var cond *cond
	if strings.TrimSpace(r.When) != "" {
		var errs []RuleError
		cond, errs = parseCondition(c.schema, r.When)
		for _, e := range errs {
			e.Rule = i
			c.errs = append(c.errs, e)
		}
	} else if !r.HasPercent {
		bad("when", "the rule has neither a condition nor a share", "add `when:`, or `percent:` with `by:`")
	}
	return checkedRule{Rule: r, cond: cond, unit: c.checkShare(r, bad)}
}

func (c *ruleCompiler) checkName(i int, r Rule, bad func(part, what, fix string)) {
	if r.Name == "" {
		bad("name", "the rule has no name", "give it one: the name is its salt, its label in metrics and its header value")
		return
	}
	if first, ok := c.names[r.Name]; ok {
		bad("name", fmt.Sprintf("rules %d and %d are both named %q", first, i, r.Name), "rename one of them")
	} else {
		c.names[r.Name] = i
	}
	part, salt := "salt", r.Salt
	if salt == "" {
		part, salt = "name", r.Name
	}
	if strings.IndexByte(salt, 0) >= 0 {
		bad(part, "a zero byte in a "+part, "remove it: it parts salt and unit in the hash")
	}
	if len(salt) > MaxSaltBytes {
		bad(part, fmt.Sprintf("a %s of %d bytes, more than %d", part, len(salt), MaxSaltBytes), "shorten it")
	}
}

// checkShare gives the attribute number of the unit, -1 for a share by sequence or none.
func (c *ruleCompiler) checkShare(r Rule, bad func(part, what, fix string)) int {
	if !r.HasPercent {
		if r.By != "" {
			bad("by", "`by` without `percent`", "add `percent:`, or remove `by:`")
		}
		if r.Salt != "" {
			bad("salt", "`salt` without `percent`", "add `percent:`, or remove `salt:`")
		}
		return -1
	}
	if r.PPM > PPM {
		bad("percent", "a share above 100 %", "use 0 to 100")
	}
	switch unit, ok := c.schema.byName[r.By]; {
	case r.By == "":
		bad("by", "`percent` does not say of what", "add `by:` with an attribute such as a user id, or `by: request`")
	case r.By == byRequest:
		if r.Salt != "" {
			bad("salt", "`salt` with `by: request`, which hashes nothing", "remove `salt:`")
		}
	case !ok:
		bad("by", fmt.Sprintf("unknown attribute `%s`", r.By), suggestAttribute(c.schema, r.By, byRequest))
	case unit == attrNow:
		bad("by", "a share by `now` is different at every moment", "use an attribute such as a user id, or `by: request`")
	default:
		return unit
	}
	return -1
}
