package match

import (
	"fmt"
	"regexp"
)

// program is the bytecode of a rule set. It is a graph of tests without cycles: every instruction asks one question that
// is answered yes or no, and names where to go on for either, always further down. So a run meets each instruction once at
// most; see [program.measure].
//
// There is no third answer although conditions have Kleene's three values, because each test says which value it asks
// for: `os == 'ios'` is true needs os present and equal, `os == 'ios'` is false needs it present and different, and with
// os missing both answer no. The generator carries the wanted value down through not, and, or; see [generator.cond].
//
// A test is about a register. The first registers are the schema's attributes; the others are computed by formulas from
// other registers, when a test first asks for them, and kept for the request: so an expression that many rules have in
// common is evaluated once. Registers are slots: a value of known type, without boxing.
type program struct {
	code    []instr
	entries []target // by rule: where its code begins
	index   *index   // nil where there are few rules; then a rule that does not match leads to the next one

	attributes int // registers below this are attributes
	formulas   []formula

	texts    []string
	lists    []textList
	versions []version
	ranges   [][]version // sorted lists for `in` with versions
	numbers  [][]uint64  // sorted lists for `in` with numbers
	patterns []*regexp.Regexp
	networks []*addressSet
	shares   []share
	sequence []uint32 // ppm of each share by sequence
	unitary  int      // rules with a share of units

	steps int // that one decision takes at most
}

// target is where a run goes on: an instruction if not negative, else its end. notMatched is no rule, matched(i) rule i.
type target int32

const notMatched target = -1

func matched(rule int) target { return target(-2 - rule) }

// rule gives the index of the rule that an end stands for, -1 for none.
func (t target) rule() int { return int(-2 - t) }

// instr is one test: two of them fill a cache line. arg is a place in the table of constants that its opcode names, or a
// second register; num and size are the constants of the commonest tests, kept here to save a look-up: a number, or what
// tells most texts and versions apart.
type instr struct {
	op      opcode
	reg     uint32
	arg     uint32
	yes, no target
	size    uint32 // opTextEq, opTextNe: bytes of the text
	num     uint64 // the number; the key of the text or version
}

// formula says how a register comes about. x and y are registers, arg depends on op.
type formula struct {
	op       valueOp
	typ      Type
	x, y, c  uint32 // c: the condition of valSelect
	constant slot   // valLiteral
	text     string // valBucket: the salt with its zero byte; valAudience: the name
	from, to int32  // valSlice
	toEnd    bool
	audience Audience // valAudience, and text its name

	yes, no target // valCond: where the code begins that asks whether it is true, and whether it is false
}

// opcode is the question of an instruction. All need their registers present; with one missing the answer is no.
type opcode uint8

// From opTextEq on, opcodes come in pairs of opposites at an even and an odd place, see [opcode.negated]. The percentages come
// first: they do more than ask, so [Attributes.run] leaves them to [Attributes.share] even where their register is missing. Those from
// opBelow to opFalse it has written out.
const (
	opSequence opcode = iota // this request is one of the share sequence[arg]; needs no register
	opShare                  // the bucket of the unit is below that of shares[arg]; that there is no unit is noted, see [State.Unitless]
	opBelow                  // the same of a bucket that rules have in common: the number is below num; arg is the rule

	opJump // yes, always
	opHas
	_ // keeps the pairs at their places

	opTextEq // the text equal to texts[arg], or different
	opTextNe

	opNumEq // the number against num
	opNumNe
	opNumLt
	opNumGe
	opNumGt
	opNumLe

	opVerEq // as a version against versions[arg]
	opVerNe
	opVerLt
	opVerGe
	opVerGt
	opVerLe

	opTrue
	opFalse

	opTextIn // in lists[arg], or not
	opTextNotIn
	opPrefix // begins with texts[arg], or not
	opNotPrefix
	opSuffix
	opNotSuffix
	opContains
	opNotContains
	opMatches // patterns[arg]
	opNotMatches
	opListHas // the list has texts[arg], or not
	opListHasNot
	opNumIn // in numbers[arg], or not
	opNumNotIn
	opVerIn // equal to one of ranges[arg], or to none
	opVerNotIn
	opIPIn // in networks[arg], or not
	opIPNotIn

	opTextEqReg // from here on against register arg: the texts
	opTextNeReg
	opPrefixReg
	opNotPrefixReg
	opSuffixReg
	opNotSuffixReg
	opContainsReg
	opNotContainsReg
	opListHasReg // the list has the text
	opListHasNotReg
	opNumEqReg // the numbers
	opNumNeReg
	opNumLtReg
	opNumGeReg
	opNumGtReg
	opNumLeReg
	opVerEqReg // as versions
	opVerNeReg
	opVerLtReg
	opVerGeReg
	opVerGtReg
	opVerLeReg
	opIPEqReg
	opIPNeReg
)

// negated gives the opcode that is true where op is false; both need the same registers present.
func (op opcode) negated() opcode {
	if op < opTextEq {
		panic(fmt.Sprintf("BUG: opcode %d has no opposite", op))
	}
	return op ^ 1
}

// textList is the right side of `in`: short ones are compared in turn, long ones looked up.
type textList struct {
	list []string
	keys []uint64            // of a short list
	set  map[string]struct{} // nil for a short list
}

func newTextList(list []string) textList {
	t := textList{list: list}
	if len(list) > linearListLen {
		t.set = make(map[string]struct{}, len(list))
		for _, s := range list {
			t.set[s] = struct{}{}
		}
		return t
	}
	for _, s := range list {
		t.keys = append(t.keys, textKey(s))
	}
	return t
}

// contains tells whether the text of a slot is in the list.
func (t *textList) contains(v *slot) bool {
	if t.set != nil {
		_, ok := t.set[string(v.text)]
		return ok
	}
	for i, key := range t.keys {
		if v.num == key && v.equalText(t.list[i], key) {
			return true
		}
	}
	return false
}

// share is a percentage of units: prefix is the salt with its role and the zero byte.
type share struct {
	prefix string
	ppm    uint32
	rule   uint32
}

// ways gives the longest way through the code from every instruction. It is known when a set is compiled, so the VM counts
// nothing.
func (p *program) ways() func(t target) int {
	longest := make([]int, len(p.code))
	way := func(t target) int {
		if t < 0 {
			return 0
		}
		return longest[t]
	}
	for i := len(p.code) - 1; i >= 0; i-- {
		in := &p.code[i]
		if in.yes >= 0 && int(in.yes) <= i || in.no >= 0 && int(in.no) <= i {
			panic(fmt.Sprintf("BUG: instruction %d leads backwards", i))
		}
		longest[i] = 1 + max(way(in.yes), way(in.no))
	}
	return way
}

// measure finds the most steps that deciding by rules can take: the longest way of every rule, and every formula once.
func (p *program) measure() {
	way := p.ways()
	p.steps = p.formulaSteps(way)
	for i, t := range p.entries {
		if i == 0 || p.index != nil { // without an index the others are on the way
			p.steps += way(t)
		}
	}
}

// formulaSteps is what computing every register once takes.
func (p *program) formulaSteps(way func(t target) int) (steps int) {
	for i := range p.formulas {
		f := &p.formulas[i]
		steps++
		if f.op == valCond {
			steps += way(f.yes) + way(f.no)
		}
	}
	return steps
}

// MaxSteps is the number of instructions and formulas that [RuleSet.Decide] runs at most, whatever the request.
func (rs *RuleSet) MaxSteps() int { return rs.prog.steps }
