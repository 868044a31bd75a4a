package match

import (
	"bytes"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// enter prepares the registers that a program computes. It allocates only for a program with more of them than any before.
func (a *Attributes) enter(p *program) {
	n := p.attributes + len(p.formulas)
	if n > len(a.slots) {
		a.slots = append(a.slots, make([]slot, n-len(a.slots))...)
	}
	if a.computed == a.gen { // another program, or this one again, has left values of this request there
		a.renew(p.attributes)
	}
	a.computed = a.gen
}

// renew forgets what was computed for the request and keeps its attributes: they are few, computed registers can be many.
func (a *Attributes) renew(attributes int) {
	next := a.gen + 2
	if next < a.gen { // see Reset
		clear(a.slots[attributes:])
		return
	}
	for i := range a.slots[:attributes] {
		if v := &a.slots[i]; v.stamp >= a.gen {
			v.stamp += 2
		}
	}
	a.gen = next
}

// fetch tells whether a register is present that was not asked for before.
func (a *Attributes) fetch(p *program, st *State, reg uint32) bool {
	if int(reg) < p.attributes {
		return a.resolve(int(reg))
	}
	f := &p.formulas[int(reg)-p.attributes]
	v := &a.slots[reg]
	*v = slot{stamp: a.gen}
	if a.compute(p, st, f, v) {
		v.stamp = a.gen | 1
		return true
	}
	v.stamp = a.gen
	return false
}

// known tells whether a register is present.
func (a *Attributes) known(p *program, st *State, reg uint32) bool {
	if stamp := a.slots[reg].stamp; stamp >= a.gen {
		return stamp != a.gen
	}
	return a.fetch(p, st, reg)
}

// compute fills a slot by its formula. False: there is no value. The recursion over operands is bounded by maxValueDepth.
func (a *Attributes) compute(p *program, st *State, f *formula, v *slot) bool {
	switch f.op {
	case valLiteral:
		*v = f.constant
		return true
	case valCond:
		if a.run(p, st, f.yes) != notMatched {
			v.num = 1
			return true
		}
		return a.run(p, st, f.no) != notMatched
	case valSelect:
		if !a.known(p, st, f.c) {
			return false
		}
		from := f.y
		if a.slots[f.c].num != 0 {
			from = f.x
		}
		if !a.known(p, st, from) {
			return false
		}
		*v = a.slots[from]
		return true
	}
	if !a.known(p, st, f.x) {
		return false
	}
	x := &a.slots[f.x]
	switch f.op {
	case valAdd, valSub, valMul, valDiv, valMod, valPow:
		if !a.known(p, st, f.y) {
			return false
		}
		var ok bool
		v.num, ok = calculate(f.op, f.typ, x.num, a.slots[f.y].num)
		return ok
	case valNeg:
		var ok bool
		v.num, ok = calculate(f.op, f.typ, x.num, 0)
		return ok
	case valFloat:
		v.num = orderFloat(float64(intOf(x.num)))
	case valLen:
		v.num = orderInt(int64(length(x.text, p.isList(f.x, a.schema))))
	case valAudience:
		if len(x.text) == 0 || len(x.text) > MaxUnitBytes {
			return false
		}
		if f.audience.Contains(x.text) {
			v.num = 1
		}
	case valBucket:
		b, ok := st.bucket(f.text, x.text)
		v.num = orderInt(int64(b))
		return ok
	default:
		v.text = a.computeText(f, x.text)
		v.num = textKey(v.text)
	}
	return true
}

// computeText gives the result of a function from text to text: a view into it, or into scratch.
func (a *Attributes) computeText(f *formula, text []byte) []byte {
	start := len(a.scratch)
	switch f.op {
	case valLower:
		if isLower(text) {
			return text
		}
		a.scratch = appendLower(a.scratch, text)
	case valUpper:
		a.scratch = appendUpper(a.scratch, text)
	case valTrim:
		return bytes.TrimSpace(text)
	case valSlice:
		return cut(text, int(f.from), int(f.to), f.toEnd)
	case valHash:
		sum := xxhash.Sum64(text)
		for shift := 60; shift >= 0; shift -= 4 {
			a.scratch = append(a.scratch, "0123456789abcdef"[sum>>shift&15])
		}
	}
	return a.scratch[start:]
}

// cut gives text[from:to] as expr does: bounds count bytes, negative ones from the end, and none is out of range.
func cut(text []byte, from, to int, toEnd bool) []byte {
	n := len(text)
	if toEnd {
		to = n
	}
	if from < 0 {
		from = max(from+n, 0)
	}
	if to < 0 {
		to = max(to+n, 0)
	}
	to = min(to, n)
	return text[min(from, to):to]
}

// length counts the characters of a text, or the elements of a list.
func length(text []byte, isList bool) (n int) {
	if !isList {
		return utf8.RuneCount(text)
	}
	for {
		_, rest := nextElement(text)
		if rest == nil {
			return n
		}
		n++
		text = rest
	}
}

// isList tells whether a register holds a list: only attributes do.
func (p *program) isList(reg uint32, s *Schema) bool {
	return int(reg) < p.attributes && s.attrs[reg].typ == List
}
