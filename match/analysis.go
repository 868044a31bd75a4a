package match

import "strings"

// Analyzer answers questions about all requests at once: whether any can make a condition true. It proves, or it does not:
// an answer of true holds for every request, an answer of false says that no proof was found. A blank condition is true
// for every request; one with mistakes proves nothing.
//
// A proof is a failed search for a request: the condition is taken apart into what has to hold together, choice by choice,
// and each part joins the [claim]s on one value until they contradict one another. One answer takes at most
// maxAnalysisSteps, then it is false.
//
// Conditions are parsed once and kept by their text. It is not safe for concurrent use.
type Analyzer struct {
	schema *Schema
	conds  map[string]*cond // nil for those with mistakes
	spent  int
}

// NewAnalyzer makes an analyzer of conditions that a schema knows the attributes of.
func NewAnalyzer(s *Schema) *Analyzer { return &Analyzer{schema: s, conds: map[string]*cond{}} }

// Check gives the mistakes of a condition, nil if there are none: those that [CompileRules] gives for it, with Rule 0, at a
// fraction of the cost, since nothing is compiled. The condition is kept for what is asked later.
func (z *Analyzer) Check(when string) []RuleError {
	c, errs := parseCondition(z.schema, when)
	z.conds[when] = c
	return errs
}

// Unsatisfiable tells whether no request can make the condition true.
func (z *Analyzer) Unsatisfiable(when string) bool {
	c := z.cond(when)
	return c != nil && !z.possible(&goal{cond: c, want: canTrue})
}

// Disjoint tells whether no request can make both conditions true.
func (z *Analyzer) Disjoint(a, b string) bool {
	x, y := z.cond(a), z.cond(b)
	return x != nil && y != nil && !z.possible(&goal{cond: x, want: canTrue, next: &goal{cond: y, want: canTrue}})
}

// Implies tells whether every request that makes a true makes b true as well.
func (z *Analyzer) Implies(a, b string) bool {
	x, y := z.cond(a), z.cond(b)
	return x != nil && y != nil && !z.possible(&goal{cond: x, want: canTrue, next: &goal{cond: y, want: notTrue}})
}

// Unsatisfiable tells whether no request can make the condition true, see [Analyzer].
func Unsatisfiable(s *Schema, when string) bool { return NewAnalyzer(s).Unsatisfiable(when) }

// Disjoint tells whether no request can make both conditions true, see [Analyzer].
func Disjoint(s *Schema, a, b string) bool { return NewAnalyzer(s).Disjoint(a, b) }

// Implies tells whether every request that makes a true makes b true as well, see [Analyzer].
func Implies(s *Schema, a, b string) bool { return NewAnalyzer(s).Implies(a, b) }

// Spent gives the steps that all answers so far have taken, for those who ask many questions and bound them.
func (z *Analyzer) Spent() int { return z.spent }

func (z *Analyzer) cond(when string) *cond {
	c, ok := z.conds[when]
	if !ok {
		if strings.TrimSpace(when) == "" {
			c = newConst(true)
		} else {
			c, _ = parseCondition(z.schema, when)
		}
		z.conds[when] = c
	}
	return c
}

func (z *Analyzer) possible(goals *goal) bool {
	s := search{schema: z.schema, steps: maxAnalysisSteps, tests: map[*cond]normalTest{}}
	out := s.possible(goals, nil)
	z.spent += maxAnalysisSteps - s.steps
	return out
}

// outcomes is a set of Kleene's values.
type outcomes uint8

const (
	canTrue outcomes = 1 << iota
	canFalse
	canUnknown

	notTrue  = canFalse | canUnknown
	notFalse = canTrue | canUnknown
)

// negated gives the outcomes of a condition whose negation has these: unknown stays.
func (o outcomes) negated() outcomes {
	return o&canUnknown | o&canTrue<<1 | o&canFalse>>1
}

// goal is a condition that shall have one of some outcomes: canTrue, canFalse, notTrue or notFalse. Goals are a list,
// shared between the branches of a search.
type goal struct {
	cond *cond
	want outcomes
	next *goal
}

// choice is a list of lists of goals: of each, one list is to be met.
type choice struct {
	branches []*goal
	next     *choice
}

// search looks for a request that meets goals.
type search struct {
	schema *Schema
	steps  int // left
	trail  []claim
	tests  map[*cond]normalTest // that were met
}

// possible tells whether all goals may be met, one branch of every choice and the claims on the trail. What is certain goes
// before what is to be chosen. The trail may be longer afterwards.
func (s *search) possible(goals *goal, choices *choice) bool {
	for goals != nil {
		if s.steps--; s.steps < 0 {
			return true
		}
		c, want := goals.cond, goals.want
		goals = goals.next
		switch c.kind {
		case condConst:
			if c.yes != (want&canTrue != 0) {
				return false
			}
		case condNot:
			goals = &goal{c.left, want.negated(), goals}
		case condIf:
			choices = chooseIf(c, want, choices)
		case condTest:
			if needs, pairs, ok := s.claim(c, want); !ok {
				return false
			} else if pairs != nil {
				choices = &choice{pairs, choices}
			} else {
				for _, n := range needs {
					goals = &goal{n, canTrue, goals}
				}
			}
		default:
			// Kleene's conjunction is true, or is not false, where both sides are; else one side decides.
			if (c.kind == condAnd) == (want&canTrue != 0) {
				goals = &goal{c.left, want, &goal{c.right, want, goals}}
			} else {
				choices = &choice{[]*goal{{cond: c.left, want: want}, {cond: c.right, want: want}}, choices}
			}
		}
	}
	return s.choose(choices)
}

// choose tells whether a branch of every choice may be met. What the trail decides already is not chosen: a search that comes
// back to such choices again and again would end without a proof.
func (s *search) choose(choices *choice) bool {
	var open *choice
	for ; choices != nil; choices = choices.next {
		var left []*goal
		met := false
		for _, b := range choices.branches {
			may, must := s.outlook(b)
			met = met || must
			if may {
				left = append(left, b)
			}
		}
		switch {
		case met:
		case len(left) == 0:
			return false
		default:
			open = &choice{left, open}
		}
	}
	if open == nil {
		return true
	}
	first := open
	for c := open; c != nil; c = c.next {
		if len(c.branches) < len(first.branches) {
			first = c
		}
	}
	var rest *choice
	for c := open; c != nil; c = c.next {
		if c != first {
			rest = &choice{c.branches, rest}
		}
	}
	for _, b := range first.branches {
		mark := len(s.trail)
		if s.possible(b, rest) {
			return true
		}
		s.trail = s.trail[:mark]
	}
	return false
}

// outlook tells whether the claims on the trail leave goals possible, and whether they leave nothing else.
func (s *search) outlook(goals *goal) (may, must bool) {
	may, must = true, true
	for ; goals != nil; goals = goals.next {
		left := s.outcomes(goals.cond)
		may = may && left&goals.want != 0
		must = must && left&^goals.want == 0
	}
	return may, must
}

// outcomes gives what the claims on the trail leave of a condition's outcomes, or more.
func (s *search) outcomes(c *cond) outcomes {
	if s.steps--; s.steps < 0 {
		return canTrue | canFalse | canUnknown
	}
	switch c.kind {
	case condConst:
		if c.yes {
			return canTrue
		}
		return canFalse
	case condNot:
		return s.outcomes(c.left).negated()
	case condTest:
		return s.claimed(c)
	case condIf:
		test, out := s.outcomes(c.test), canUnknown&s.outcomes(c.test)
		if test&canTrue != 0 {
			out |= s.outcomes(c.left)
		}
		if test&canFalse != 0 {
			out |= s.outcomes(c.right)
		}
		return out
	}
	l, r := s.outcomes(c.left), s.outcomes(c.right)
	if c.kind == condOr { // the negation of the conjunction of the negations
		l, r = l.negated(), r.negated()
	}
	out := canFalse & (l | r)
	if l&notFalse != 0 && r&notFalse != 0 {
		out |= canTrue & l & r
		if (l|r)&canUnknown != 0 {
			out |= canUnknown
		}
	}
	if c.kind == condOr {
		out = out.negated()
	}
	return out
}

// claimed gives what the claims on a test leave of its outcomes.
func (s *search) claimed(c *cond) outcomes {
	out := canTrue | canFalse | canUnknown
	if c.op == opHas {
		out = canTrue | canFalse
	}
	n := s.normal(c)
	if n.opposite {
		out = out.negated()
	}
	for i := range s.trail {
		if s.trail[i].id == n.id {
			out &= s.trail[i].want
		}
	}
	if n.opposite {
		out = out.negated()
	}
	s.steps -= len(s.trail) / 8
	return out
}

// chooseIf adds what test ? left : right asks: to have an outcome, one side has it and the test leads there; to be not true
// or not false, neither side leads away.
func chooseIf(c *cond, want outcomes, next *choice) *choice {
	if want&canUnknown == 0 {
		return &choice{[]*goal{
			{c.test, canTrue, &goal{cond: c.left, want: want}},
			{c.test, canFalse, &goal{cond: c.right, want: want}},
		}, next}
	}
	next = &choice{[]*goal{{cond: c.test, want: notTrue}, {cond: c.left, want: want}}, next}
	return &choice{[]*goal{{cond: c.test, want: notFalse}, {cond: c.right, want: want}}, next}
}

// isByZero tells whether a value is a division by a literal 0, which has no result.
func (v *value) isByZero() bool {
	return (v.op == valDiv || v.op == valMod) && v.y.op == valLiteral && (v.typ == Int && intOf(v.y.num) == 0 || v.typ == Float && floatOf(v.y.num) == 0)
}

// claim puts a test on the trail. Not ok: it contradicts what is there. needs are conditions that have to be true as well,
// branches are to be chosen from instead.
func (s *search) claim(c *cond, want outcomes) (needs []*cond, branches []*goal, ok bool) {
	present := func(v *value) *cond { return newTest(opHas, v) }
	if c.y != nil && want&canUnknown != 0 {
		return nil, []*goal{
			{cond: present(c.x), want: canFalse}, {cond: present(c.y), want: canFalse}, {cond: c, want: want &^ canUnknown},
		}, true
	}
	if c.op == opHas && want == canTrue || c.op != opHas && want&canUnknown == 0 { // there is a value, hence what it is made of
		if v := c.x.origin(); v.op != valAttr && v.op != valLiteral && v.op != valSelect && v.op != valCond {
			if v.isByZero() {
				return nil, nil, false
			}
			needs = append(needs, present(v.x))
			if v.y != nil {
				needs = append(needs, present(v.y))
			}
		}
		if c.y != nil {
			needs = append(needs, present(c.x), present(c.y))
		}
	}
	if t := s.normal(c); t.test.op == opMatches && (want == canTrue || want == canFalse) {
		s.steps -= programSteps
		if texts, exact := patternTexts(c.x, t.test.pattern.String()); texts != nil && (want == canTrue) != t.opposite {
			needs = append(needs, texts)
		} else if texts != nil && exact {
			needs = append(needs, newNot(texts))
		}
	}
	s.trail = append(s.trail, s.newClaim(c, want))
	return needs, nil, s.consistent(&s.trail[len(s.trail)-1])
}
