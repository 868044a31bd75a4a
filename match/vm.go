package match

import (
	"bytes"
	"cmp"
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
	st.unitless = st.unitless[:0]
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

// run follows the code from an instruction to an end. The commonest tests are written out in one flat loop: a call per test
// would cost more than most tests do. What is rare is behind two calls, so that all that the loop
// needs stays in registers and is saved only on the way there.
func (a *Attributes) run(p *program, st *State, at target) target {
	code, slots, gen := p.code, a.slots, a.gen // none of them changes during a run
	for at >= 0 {
		in := &code[at]
		v := &slots[in.reg]
		if v.stamp > gen {
			switch in.op { // opcodes that stand together, so that it is a table of jumps
			case opBelow:
				at = in.no
				if v.num < in.num {
					at = in.yes
				}
				continue
			case opHas:
				at = in.yes
				continue
			case opTextEq:
				if v.num != in.num || len(v.text) != int(in.size) {
					at = in.no
					continue
				}
				if in.size <= keyBytes {
					at = in.yes
					continue
				}
			case opTextNe:
				if v.num != in.num || len(v.text) != int(in.size) {
					at = in.yes
					continue
				}
				if in.size <= keyBytes {
					at = in.no
					continue
				}
			case opNumEq:
				at = in.no
				if v.num == in.num {
					at = in.yes
				}
				continue
			case opNumNe:
				at = in.no
				if v.num != in.num {
					at = in.yes
				}
				continue
			case opNumLt:
				at = in.no
				if v.num < in.num {
					at = in.yes
				}
				continue
			case opNumGe:
				at = in.no
				if v.num >= in.num {
					at = in.yes
				}
				continue
			case opNumGt:
				at = in.no
				if v.num > in.num {
					at = in.yes
				}
				continue
			case opNumLe:
				at = in.no
				if v.num <= in.num {
					at = in.yes
				}
				continue
			case opVerLt, opVerLe: // of versions with one key the order is still open
				if v.num < in.num {
					at = in.yes
					continue
				}
				if v.num > in.num {
					at = in.no
					continue
				}
			case opVerGe, opVerGt:
				if v.num > in.num {
					at = in.yes
					continue
				}
				if v.num < in.num {
					at = in.no
					continue
				}
			case opTrue:
				at = in.no
				if v.num != 0 {
					at = in.yes
				}
				continue
			case opFalse:
				at = in.no
				if v.num == 0 {
					at = in.yes
				}
				continue
			}
		} else if in.op > opBelow {
			if v.stamp < gen {
				at = a.fill(p, st, at)
				continue // the same instruction, now that its register is known
			}
			at = in.no // with its register missing no test says yes
			continue
		}
		at = a.ask(p, st, in)
	}
	return at
}

// fill fetches the register of an instruction and gives the instruction back, so that the caller need not keep it; not
// inlined for the same reason.
//
//go:noinline
func (a *Attributes) fill(p *program, st *State, at target) target {
	a.fetch(p, st, p.code[at].reg)
	return at
}

// ask follows an instruction whose first register is present, or that of a percentage.
func (a *Attributes) ask(p *program, st *State, in *instr) target {
	yes := false
	switch {
	case in.op >= opTextEqReg:
		yes = a.known(p, st, in.arg) && compareSlots(in.op, &a.slots[in.reg], &a.slots[in.arg])
	case in.op > opBelow:
		yes = p.test(in, &a.slots[in.reg])
	case in.op == opSequence:
		yes = st.next(in.arg, p.sequence[in.arg])
	default:
		yes = a.share(p, st, in)
	}
	if yes {
		return in.yes
	}
	return in.no
}

// share tells whether the request's unit is in the share of a rule. That there is no unit is noted.
func (a *Attributes) share(p *program, st *State, in *instr) bool {
	present := a.known(p, st, in.reg)
	v := &a.slots[in.reg]
	if in.op == opBelow {
		if !present {
			st.unitless = append(st.unitless, in.arg)
		}
		return present && v.num < in.num
	}
	sh := &p.shares[in.arg]
	if present {
		if b, ok := st.bucket(sh.prefix, v.text); ok {
			return b < sh.ppm
		}
	}
	st.unitless = append(st.unitless, sh.rule)
	return false
}

// test answers a test about one register, which is present.
func (p *program) test(in *instr, v *slot) bool {
	switch in.op {
	case opHas:
		return true
	case opTextEq, opTextNe:
		return v.equalText(p.texts[in.arg], in.num) == (in.op == opTextEq)
	case opPrefix, opNotPrefix:
		return v.hasPrefix(p.texts[in.arg], in.num) == (in.op == opPrefix)
	case opTextIn, opTextNotIn:
		return p.lists[in.arg].contains(v) == (in.op == opTextIn)
	case opSuffix, opNotSuffix:
		text := p.texts[in.arg]
		return (len(v.text) >= len(text) && string(v.text[len(v.text)-len(text):]) == text) == (in.op == opSuffix)
	case opContains, opNotContains:
		return contains(v.text, p.texts[in.arg]) == (in.op == opContains)
	case opMatches, opNotMatches:
		return len(v.text) <= MaxSearchBytes && p.patterns[in.arg].Match(v.text) == (in.op == opMatches)
	case opListHas, opListHasNot:
		return inList(v.text, p.texts[in.arg]) == (in.op == opListHas)
	case opNumEq, opNumNe, opNumLt, opNumGe, opNumGt, opNumLe:
		return ordered(in.op-opNumEq, cmp.Compare(v.num, in.num))
	case opNumIn, opNumNotIn:
		_, found := slices.BinarySearch(p.numbers[in.arg], v.num)
		return found == (in.op == opNumIn)
	case opVerEq, opVerNe, opVerLt, opVerGe, opVerGt, opVerLe:
		return ordered(in.op-opVerEq, v.compareVersion(&p.versions[in.arg]))
	case opVerIn, opVerNotIn:
		return containsVersion(p.ranges[in.arg], v) == (in.op == opVerIn)
	case opIPIn, opIPNotIn:
		return p.networks[in.arg].contains(v) == (in.op == opIPIn)
	case opTrue, opFalse:
		return (v.num != 0) == (in.op == opTrue)
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
	return ordered(op-opNumEqReg, cmp.Compare(v.num, w.num))
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
