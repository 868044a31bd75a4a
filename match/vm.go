package match

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Decide gives the index of the first rule that matches the request, -1 if none does. It is to be called once a request: a
// second call counts it twice in shares by sequence. a must have been Reset with the schema that the rules were compiled
// for, st be made by this rule set. It allocates nothing and takes [RuleSet.MaxSteps] steps at most.
func (rs *RuleSet) Decide(a *Attributes, st *State) int {
	if a.schema != rs.schema {
		panic("BUG: match: attributes of another schema than the rules'")
	}
	if st.rules != rs {
		panic("BUG: match: state of another rule set")
	}
	p := &rs.prog
	if len(p.formulas) > 0 {
		a.enter(p)
	}
	if p.index != nil {
		return p.index.decide(a, p, st)
	}
	if len(p.entries) == 0 {
		return -1
	}
	return a.run(p, st, p.entries[0]).rule()
}

// run follows the code from an instruction to an end.
func (a *Attributes) run(p *program, st *State, at target) target {
	code, slots, gen := p.code, a.slots, a.gen // none of them changes during a run
	// One flat loop over all opcodes: a call per test would cost more than most tests do.
	for at >= 0 {
		in := &code[at]
		at = in.no
		if in.op == opSequence {
			if st.next(in.arg, p.sequence[in.arg]) {
				at = in.yes
			}
			continue
		}
		v := &slots[in.reg]
		if v.stamp <= gen && (v.stamp == gen || !a.fetch(p, st, in.reg)) {
			continue // with its register missing no test says yes
		}
		switch in.op { // the commonest tests; written out, they leave no answer behind that has to be asked again
		case opTextEq:
			if v.equalText(in.text, in.num) {
				at = in.yes
			}
		case opTextNe:
			if !v.equalText(in.text, in.num) {
				at = in.yes
			}
		case opNumEq:
			if v.num == in.num {
				at = in.yes
			}
		case opNumNe:
			if v.num != in.num {
				at = in.yes
			}
		case opNumLt:
			if v.num < in.num {
				at = in.yes
			}
		case opNumGe:
			if v.num >= in.num {
				at = in.yes
			}
		case opNumGt:
			if v.num > in.num {
				at = in.yes
			}
		case opNumLe:
			if v.num <= in.num {
				at = in.yes
			}
		case opVerLt, opVerLe:
			if v.num < in.num || v.num == in.num && ordered(in.op-opVerEq, v.compareVersion(&p.versions[in.arg])) {
				at = in.yes
			}
		case opVerGt, opVerGe:
			if v.num > in.num || v.num == in.num && ordered(in.op-opVerEq, v.compareVersion(&p.versions[in.arg])) {
				at = in.yes
			}
		case opHas:
			at = in.yes
		case opTrue:
			if v.num != 0 {
				at = in.yes
			}
		case opFalse:
			if v.num == 0 {
				at = in.yes
			}
		default:
			if in.op.twoRegisters() {
				w := &slots[in.arg]
				if (w.stamp > gen || w.stamp < gen && a.fetch(p, st, in.arg)) && compareSlots(in.op, v, w) {
					at = in.yes
				}
			} else if p.test(in, v, st) {
				at = in.yes
			}
		}
	}
	return at
}

// test answers the less common tests about one register.
func (p *program) test(in *instr, v *slot, st *State) bool {
	text := in.text
	switch in.op {
	case opTextIn, opTextNotIn:
		return p.lists[in.arg].contains(v.text) == (in.op == opTextIn)
	case opPrefix, opNotPrefix:
		return (len(v.text) >= len(text) && string(v.text[:len(text)]) == text) == (in.op == opPrefix)
	case opSuffix, opNotSuffix:
		return (len(v.text) >= len(text) && string(v.text[len(v.text)-len(text):]) == text) == (in.op == opSuffix)
	case opContains, opNotContains:
		return contains(v.text, text) == (in.op == opContains)
	case opMatches, opNotMatches:
		return len(v.text) <= MaxSearchBytes && p.patterns[in.arg].Match(v.text) == (in.op == opMatches)
	case opListHas, opListHasNot:
		return inList(v.text, text) == (in.op == opListHas)
	case opNumIn, opNumNotIn:
		_, found := slices.BinarySearch(p.numbers[in.arg], v.num)
		return found == (in.op == opNumIn)
	case opVerEq, opVerNe:
		return (v.num == in.num && v.compareVersion(&p.versions[in.arg]) == 0) == (in.op == opVerEq)
	case opVerIn, opVerNotIn:
		return containsVersion(p.ranges[in.arg], v) == (in.op == opVerIn)
	case opIPIn, opIPNotIn:
		return p.networks[in.arg].contains(v) == (in.op == opIPIn)
	case opShare:
		sh := &p.shares[in.arg]
		b, ok := st.bucket(sh.prefix, v.text)
		return ok && b < sh.ppm
	}
	panic(fmt.Sprintf("BUG: opcode %d", in.op))
}

// compareSlots answers the tests between two registers.
func compareSlots(op opcode, v, w *slot) bool {
	switch op {
	case opTextEqReg:
		return string(v.text) == string(w.text)
	case opTextNeReg:
		return string(v.text) != string(w.text)
	case opPrefixReg, opNotPrefixReg:
		return bytes.HasPrefix(v.text, w.text) == (op == opPrefixReg)
	case opSuffixReg, opNotSuffixReg:
		return bytes.HasSuffix(v.text, w.text) == (op == opSuffixReg)
	case opContainsReg, opNotContainsReg:
		return bytes.Contains(v.text, w.text) == (op == opContainsReg)
	case opListHasReg, opListHasNotReg:
		return inList(v.text, w.text) == (op == opListHasReg)
	case opIPEqReg, opIPNeReg:
		return (v.num == w.num && v.high == w.high) == (op == opIPEqReg)
	case opVerEqReg, opVerNeReg, opVerLtReg, opVerGeReg, opVerGtReg, opVerLeReg:
		return ordered(op-opVerEqReg, v.compareSlots(w))
	}
	c := 0
	if v.num < w.num {
		c = -1
	} else if v.num > w.num {
		c = 1
	}
	return ordered(op-opNumEqReg, c)
}

// ordered tells whether the result of a comparison meets an operator, given as its distance from the first of its kind:
// ==, !=, <, >=, >, <=.
func ordered(op opcode, c int) bool {
	switch op {
	case 0:
		return c == 0
	case 1:
		return c != 0
	case 2:
		return c < 0
	case 3:
		return c >= 0
	case 4:
		return c > 0
	}
	return c <= 0
}

// contains looks for text in b by its first byte, which is as fast as it gets for short texts.
func contains(b []byte, text string) bool {
	if text == "" {
		return true
	}
	for len(b) >= len(text) {
		i := bytes.IndexByte(b[:len(b)-len(text)+1], text[0])
		if i < 0 {
			return false
		}
		if string(b[i:i+len(text)]) == text {
			return true
		}
		b = b[i+1:]
	}
	return false
}

func containsVersion(sorted []version, v *slot) bool {
	_, ok := slices.BinarySearchFunc(sorted, v, func(e version, v *slot) int { return -v.compareVersion(&e) })
	return ok
}

// bucket gives the bucket of a unit: [Bucket] with the salt already joined to its zero byte. False: it cannot be one.
func (st *State) bucket(prefix string, unit []byte) (uint32, bool) {
	if len(unit) == 0 || len(unit) > MaxUnitBytes {
		return 0, false
	}
	n := copy(st.hashed[:], prefix)
	n += copy(st.hashed[n:], unit)
	return bucketOf(xxhash.Sum64(st.hashed[:n])), true
}
