package match

import (
	"bytes"
	"slices"
	"strings"
)

// claim says what a test of a value, or of two, has come out as.
type claim struct {
	normalTest
	want outcomes
}

// normalTest is a test whose opcode is the first of a pair of opposites, so that a test and its opposite are the same.
type normalTest struct {
	test     *cond
	opposite bool   // it is the opposite of the test as written
	id       string // of the test
	of       string // the origin of its value; of two values, both
}

func (s *search) newClaim(c *cond, want outcomes) claim {
	n := s.normal(c)
	if n.opposite {
		want = want.negated()
	}
	return claim{n, want}
}

func (s *search) normal(c *cond) normalTest {
	n, ok := s.tests[c]
	if ok {
		return n
	}
	n.test = c
	if c.op != opHas && c.op&1 != opTextEq&1 {
		if c.opposite == nil {
			opposite := *c
			opposite.op, opposite.id = c.op.negated(), ""
			c.opposite = &opposite
		}
		n.test, n.opposite = c.opposite, true
	}
	n.id, n.of = n.test.ident(), c.x.origin().ident()
	if c.y != nil {
		n.of = pairIdent(n.test)
	}
	s.tests[c] = n
	return n
}

// yes tells whether the test holds where there is a value.
func (c *claim) yes() bool { return c.want&canTrue != 0 }

// op gives the opcode that holds where there is a value.
func (c *claim) op() opcode {
	if c.yes() || c.test.op == opHas {
		return c.test.op
	}
	return c.test.op.negated()
}

// mayMiss tells whether the claim holds without a value.
func (c *claim) mayMiss() bool {
	if c.test.op == opHas {
		return c.want&canFalse != 0
	}
	return c.want&canUnknown != 0
}

// origin gives the value that a chain of functions of one value begins with.
func (v *value) origin() *value {
	for v.isLink() {
		v = v.x
	}
	return v
}

// isLink tells whether a value is a function of one other.
func (v *value) isLink() bool {
	switch v.op {
	case valLower, valUpper, valTrim, valSlice, valHash, valBucket, valLen, valNeg, valFloat:
		return true
	}
	return false
}

// stands tells whether a value is there wherever the origin of its chain is.
func (v *value) stands() bool {
	for ; v.isLink(); v = v.x {
		if v.op == valBucket || v.op == valNeg { // a unit can be too long, a number too large
			return false
		}
	}
	return true
}

// consistent tells whether the claims on the same values as the last one may hold together.
func (s *search) consistent(last *claim) bool {
	s.steps -= len(s.trail)
	var group []*claim
	for i := range s.trail {
		c := &s.trail[i]
		if c.of != last.of {
			continue
		}
		if c.id == last.id && c.want&last.want == 0 {
			return false
		}
		s.steps -= c.test.size() / stepItems
		group = append(group, c)
	}
	if last.test.y != nil {
		return relates(group)
	}
	return s.mayBeMissing(last.test.x.origin(), group) || s.mayBePresent(group)
}

func (s *search) mayBeMissing(origin *value, group []*claim) bool {
	if origin.op == valLiteral || origin.op == valAttr && s.schema.attrs[origin.attr].def.text != nil {
		return false
	}
	return !slices.ContainsFunc(group, func(c *claim) bool { return !c.mayMiss() })
}

// mayBePresent tells whether the claims on a chain may hold where its origin has a value.
func (s *search) mayBePresent(group []*claim) bool {
	for i, c := range group {
		first := slices.IndexFunc(group, func(other *claim) bool { return other.test.x.ident() == c.test.x.ident() })
		if first != i {
			continue // those of this value have been looked at
		}
		var own []*claim
		for _, other := range group[i:] {
			if other.test.x.ident() == c.test.x.ident() {
				own = append(own, other)
			}
		}
		missing := !c.test.x.stands() && !slices.ContainsFunc(own, func(c *claim) bool { return !c.mayMiss() })
		if !missing && !s.mayHaveValue(c.test.x, own, group) {
			return false
		}
	}
	return true
}

// mayHaveValue tells whether a value of v may meet the claims on it; all are those on its chain.
func (s *search) mayHaveValue(v *value, own, all []*claim) bool {
	if slices.ContainsFunc(own, func(c *claim) bool { return c.test.op == opHas && !c.yes() }) {
		return false
	}
	ok := true
	switch v.typ {
	case String:
		ok = textsAgree(own)
	case Int, Float, Bool, instant, IP:
		ok = rangesAgree(v, own)
	case Version:
		ok = versionsAgree(own)
	case List:
		ok = !slices.ContainsFunc(own, func(c *claim) bool {
			return c.test.op == opListHas && c.yes() && !inList([]byte(c.test.texts[0]), c.test.texts[0])
		})
	}
	if !ok {
		return false
	}
	few, finite, by := candidates(own)
	if !finite {
		few, finite = begun(v, all)
	}
	if !finite {
		return true
	}
	judges := s.judges(v, by, all)
	return slices.ContainsFunc(few, func(x slot) bool { return s.meets(v, x, judges) })
}

// candidates gives the values of which a claim leaves one only, the shortest such list, and by which claim. Not finite: no claim
// does.
func candidates(own []*claim) (few []slot, finite bool, by *claim) {
	for _, c := range own {
		var list []slot
		switch c.op() {
		case opTextEq, opTextIn:
			for _, t := range c.test.texts {
				list = append(list, slot{text: []byte(t), num: textKey(t)})
			}
		case opVerEq, opVerIn:
			for i := range c.test.versions {
				list = append(list, versionSlot(&c.test.versions[i]))
			}
		case opNumEq, opNumIn:
			for _, n := range c.test.nums {
				list = append(list, slot{num: n})
			}
		default:
			continue
		}
		if !finite || len(list) < len(few) {
			few, finite, by = list, true, c
		}
	}
	return few, finite, by
}

// begun gives the value of the beginning of a text, such as x[:3], that a claim on what x begins with leaves.
func begun(v *value, all []*claim) (few []slot, finite bool) {
	if !v.isHead() {
		return nil, false
	}
	for _, c := range all {
		if c.op() == opPrefix && len(c.test.texts[0]) >= v.to && c.test.x.ident() == v.x.ident() {
			text := c.test.texts[0][:v.to]
			return []slot{{text: []byte(text), num: textKey(text)}}, true
		}
	}
	return nil, false
}

// isHead tells whether a value is the beginning of another, as x[:3].
func (v *value) isHead() bool { return v.op == valSlice && v.from == 0 && !v.toEnd && v.to > 0 }

func versionSlot(v *version) slot {
	x := slot{text: []byte(v.String())}
	x.setVersion(v)
	return x
}

// judge is a claim that can be asked about a single value.
type judge struct {
	rules *RuleSet // of two rules: the test, and its negation; the value is their schema's only attribute
	want  outcomes
}

// judges gives the other claims that a value of v settles: those on it, and on functions of it.
func (s *search) judges(v *value, by *claim, all []*claim) (out []judge) {
	var alone *Schema // with v's value as its only attribute
	for _, c := range all {
		if c == by {
			continue
		}
		test := c.over(v)
		if test == nil || !test.op.isPure() {
			continue
		}
		if s.steps -= programSteps + c.test.size()/stepItems; s.steps < 0 {
			return nil
		}
		if alone == nil {
			alone = &Schema{attrs: []attribute{{typ: v.typ}}, names: []string{"x"}}
		}
		out = append(out, judge{
			&RuleSet{schema: alone, prog: generate(alone, []checkedRule{{cond: test, unit: -1}, {cond: newNot(test), unit: -1}}, false)}, c.want,
		})
	}
	return out
}

// meets tells whether v can have the value x, one of those that a claim leaves, without contradicting any other claim on it or on a
// function of it. It asks the VM.
func (s *search) meets(v *value, x slot, judges []judge) bool {
	if v.typ == String && !producible(s.schema, v, x.text) {
		return false
	}
	for _, j := range judges {
		if s.steps--; s.steps < 0 {
			return true
		}
		a := &Attributes{schema: j.rules.schema, gen: 2, slots: []slot{x}}
		a.slots[0].stamp = a.gen | 1
		got := canUnknown
		switch j.rules.Decide(a, j.rules.NewState()) {
		case 0:
			got = canTrue
		case 1:
			got = canFalse
		}
		if got&j.want == 0 {
			return false
		}
	}
	return true
}

// over gives the claim's test as one of v, with the first attribute in v's place; nil if v does not settle it. What a text begins
// with is settled by its beginning, as far as that goes.
func (c *claim) over(v *value) *cond {
	test := *c.test
	test.id, test.opposite = "", nil
	if test.x = c.test.x.over(v); test.x != nil {
		return &test
	}
	if !v.isHead() || test.op != opPrefix || c.test.x.ident() != v.x.ident() {
		return nil
	}
	test.x = &value{op: valAttr, typ: v.typ}
	if text := test.texts[0]; len(text) > v.to {
		if !c.yes() {
			return nil
		}
		test.texts = []string{text[:v.to]}
	}
	return &test
}

// over gives v as a function of from, with the first attribute in from's place; nil if it is none.
func (v *value) over(from *value) *value {
	if v.ident() == from.ident() {
		return &value{op: valAttr, typ: from.typ}
	}
	if v.isHead() && from.isHead() && v.to < from.to && v.x.ident() == from.x.ident() {
		return &value{op: valSlice, typ: v.typ, x: &value{op: valAttr, typ: from.typ}, to: v.to}
	}
	if !v.isLink() {
		return nil
	}
	x := v.x.over(from)
	if x == nil {
		return nil
	}
	out := *v
	out.x, out.id = x, ""
	return &out
}

// isPure tells whether the answer to a test depends on its value alone.
func (op opcode) isPure() bool { return op > opJump }

// producible tells whether a text can be the result of a function, or the value of an attribute.
func producible(s *Schema, v *value, text []byte) bool {
	switch v.op {
	case valAttr:
		return len(text) > 0 && (!s.attrs[v.attr].lower || bytes.Equal(appendLower(nil, text), text))
	case valLower:
		return bytes.Equal(appendLower(nil, text), text)
	case valUpper:
		return bytes.Equal(appendUpper(nil, text), text)
	case valTrim:
		return bytes.Equal(bytes.TrimSpace(text), text)
	case valHash:
		return len(text) == hashDigits && isHex(text)
	case valSlice:
		if v.x.op == valHash && len(text) != len(cut(make([]byte, hashDigits), v.from, v.to, v.toEnd)) {
			return false
		}
		bounded := !v.toEnd && (v.from < 0) == (v.to < 0)
		return (!bounded || len(text) <= max(v.to-v.from, 0)) && (v.x.op != valHash || isHex(text))
	}
	return true
}

// hashDigits is the length of what hash() gives.
const hashDigits = 16

func isHex(text []byte) bool { return strings.Trim(string(text), "0123456789abcdef") == "" }
