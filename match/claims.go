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
		opposite := *c
		opposite.op, opposite.id = c.op.negated(), ""
		n.test, n.opposite = &opposite, true
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
	if few, finite, by := candidates(own); finite {
		return slices.ContainsFunc(few, func(x slot) bool { return s.meets(v, x, by, all) })
	}
	return true
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

func versionSlot(v *version) slot {
	x := slot{text: []byte(v.String())}
	x.setVersion(v)
	return x
}

// programSteps is what a program of one test costs beside a step of the search.
const programSteps = 10

// meets tells whether v can have the value x, one of those that a claim leaves, without contradicting any other claim on it or on a
// function of it. It asks the VM.
func (s *search) meets(v *value, x slot, by *claim, all []*claim) bool {
	if v.typ == String && !producible(s.schema, v, x.text) {
		return false
	}
	var alone *Schema // with v's value as its only attribute
	var a *Attributes
	for _, c := range all {
		if c == by {
			continue
		}
		arg := c.test.x.over(v)
		if arg == nil || !c.test.op.isPure() {
			continue
		}
		if s.steps -= programSteps; s.steps < 0 {
			return true
		}
		if alone == nil {
			alone = &Schema{attrs: []attribute{{typ: v.typ}}, names: []string{"x"}}
			a = &Attributes{schema: alone, gen: 2, slots: []slot{x}}
			a.slots[0].stamp = a.gen | 1
		}
		test := *c.test
		test.x, test.id = arg, ""
		rs := &RuleSet{schema: alone, prog: generate(alone, []checkedRule{{cond: &test, unit: -1}, {cond: newNot(&test), unit: -1}}, false)}
		got := canUnknown
		switch rs.Decide(a, rs.NewState()) {
		case 0:
			got = canTrue
		case 1:
			got = canFalse
		}
		if got&c.want == 0 {
			return false
		}
	}
	return true
}

// over gives v as a function of from, with the first attribute in from's place; nil if it is none.
func (v *value) over(from *value) *value {
	if v.ident() == from.ident() {
		return &value{op: valAttr, typ: from.typ}
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
		return len(text) == 16 && isHex(text)
	case valSlice:
		bounded := !v.toEnd && (v.from < 0) == (v.to < 0)
		return (!bounded || len(text) <= max(v.to-v.from, 0)) && (v.x.op != valHash || isHex(text))
	}
	return true
}

func isHex(text []byte) bool { return strings.Trim(string(text), "0123456789abcdef") == "" }
