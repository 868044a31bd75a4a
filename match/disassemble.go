package match

import (
	"fmt"
	"strings"
)

// opNames are for disassembly.
var opNames = [...]string{
	opJump: "jump", opHas: "has",
	opTextEq: "text ==", opTextNe: "text !=", opTextIn: "text in", opTextNotIn: "text not in",
	opPrefix: "startsWith", opNotPrefix: "not startsWith", opSuffix: "endsWith", opNotSuffix: "not endsWith",
	opContains: "contains", opNotContains: "not contains",
	opTextEqReg: "text ==", opTextNeReg: "text !=", opPrefixReg: "startsWith", opNotPrefixReg: "not startsWith",
	opSuffixReg: "endsWith", opNotSuffixReg: "not endsWith", opContainsReg: "contains", opNotContainsReg: "not contains",
	opMatches: "matches", opNotMatches: "not matches", opListHas: "list has", opListHasNot: "list has not",
	opListHasReg: "list has", opListHasNotReg: "list has not",
	opNumEq: "number ==", opNumNe: "number !=", opNumLt: "number <", opNumGe: "number >=", opNumGt: "number >", opNumLe: "number <=",
	opNumIn: "number in", opNumNotIn: "number not in",
	opNumEqReg: "number ==", opNumNeReg: "number !=", opNumLtReg: "number <", opNumGeReg: "number >=", opNumGtReg: "number >", opNumLeReg: "number <=",
	opVerEq: "version ==", opVerNe: "version !=", opVerLt: "version <", opVerGe: "version >=", opVerGt: "version >",
	opVerLe: "version <=", opVerIn: "version in", opVerNotIn: "version not in",
	opVerEqReg: "version ==", opVerNeReg: "version !=", opVerLtReg: "version <",
	opVerGeReg: "version >=", opVerGtReg: "version >", opVerLeReg: "version <=",
	opIPIn: "ip in", opIPNotIn: "ip not in", opIPEqReg: "ip ==", opIPNeReg: "ip !=", opTrue: "true", opFalse: "false",
	opShare: "share", opBelow: "below", opSequence: "sequence",
}

// Disassemble prints the program: where each rule begins, then one instruction a line with its test and where yes and no
// lead, then the formulas of computed registers. For people and for tests; its form may change.
func (rs *RuleSet) Disassemble() string {
	var b strings.Builder
	d := disassembler{&rs.prog, rs.schema}
	for i, t := range d.p.entries {
		fmt.Fprintf(&b, "rule %d begins at %s\n", i, d.target(t))
	}
	d.body(&b)
	fmt.Fprintf(&b, "at most %d steps\n", d.p.steps)
	return b.String()
}

type disassembler struct {
	p *program
	s *Schema
}

// body prints the instructions and the formulas.
func (d disassembler) body(b *strings.Builder) {
	for pc := range d.p.code {
		in := &d.p.code[pc]
		fmt.Fprintf(b, "%03d %-44s yes %-8s no %s\n", pc, d.test(in), d.target(in.yes), d.target(in.no))
	}
	for i := range d.p.formulas {
		fmt.Fprintf(b, "r%d = %s\n", i, d.formula(&d.p.formulas[i]))
	}
}

func (d disassembler) target(t target) string {
	switch {
	case t >= 0:
		return fmt.Sprintf("%03d", t)
	case t == notMatched:
		return "none"
	}
	return fmt.Sprintf("rule %d", t.rule())
}

func (d disassembler) register(reg uint32) string {
	if int(reg) < d.p.attributes {
		return d.s.names[reg]
	}
	return fmt.Sprintf("r%d", int(reg)-d.p.attributes)
}

// typeOf gives the type of a register.
func (d disassembler) typeOf(reg uint32) Type {
	if int(reg) < d.p.attributes {
		return d.s.attrs[reg].typ
	}
	return d.p.formulas[int(reg)-d.p.attributes].typ
}

func printNumber(typ Type, num uint64) string {
	switch typ {
	case Float:
		return fmt.Sprint(floatOf(num))
	case Bool:
		return fmt.Sprint(num != 0)
	}
	return fmt.Sprint(intOf(num))
}

// test prints the question of an instruction.
func (d disassembler) test(in *instr) string {
	p, op, reg := d.p, opNames[in.op], d.register(in.reg)
	switch in.op {
	case opJump:
		return op
	case opHas, opTrue, opFalse:
		return fmt.Sprintf("%s %s", op, reg)
	case opTextEq, opTextNe, opPrefix, opNotPrefix, opSuffix, opNotSuffix, opContains, opNotContains, opListHas, opListHasNot:
		return fmt.Sprintf("%s %s %q", op, reg, p.texts[in.arg])
	case opTextIn, opTextNotIn:
		return fmt.Sprintf("%s %s %q", op, reg, p.lists[in.arg].list)
	case opMatches, opNotMatches:
		return fmt.Sprintf("%s %s `%s`", op, reg, p.patterns[in.arg])
	case opNumEq, opNumNe, opNumLt, opNumGe, opNumGt, opNumLe, opBelow:
		return fmt.Sprintf("%s %s %s", op, reg, printNumber(d.typeOf(in.reg), in.num))
	case opNumIn, opNumNotIn:
		var all []string
		for _, n := range p.numbers[in.arg] {
			all = append(all, printNumber(d.typeOf(in.reg), n))
		}
		return fmt.Sprintf("%s %s %s", op, reg, all)
	case opVerEq, opVerNe, opVerLt, opVerGe, opVerGt, opVerLe:
		return fmt.Sprintf("%s %s %s", op, reg, p.versions[in.arg])
	case opVerIn, opVerNotIn:
		return fmt.Sprintf("%s %s %v", op, reg, p.ranges[in.arg])
	case opIPIn, opIPNotIn:
		return fmt.Sprintf("%s %s %x", op, reg, p.networks[in.arg].ranges)
	case opShare:
		sh := &p.shares[in.arg]
		return fmt.Sprintf("%s %s %q %d ppm", op, reg, strings.TrimSuffix(sh.prefix, "\x00"), sh.ppm)
	case opSequence:
		return fmt.Sprintf("%s %d ppm", op, p.sequence[in.arg])
	}
	return fmt.Sprintf("%s %s %s", op, reg, d.register(in.arg))
}

// formula prints how a register comes about.
func (d disassembler) formula(f *formula) string {
	name := valueNames[f.op]
	switch f.op {
	case valLiteral:
		if f.typ == String || f.typ == Version || f.typ == IP {
			return fmt.Sprintf("%q", f.constant.text)
		}
		return printNumber(f.typ, f.constant.num)
	case valCond:
		return fmt.Sprintf("whether true at %s, false at %s", d.target(f.yes), d.target(f.no))
	case valSelect:
		return fmt.Sprintf("%s ? %s : %s", d.register(f.c), d.register(f.x), d.register(f.y))
	case valSlice:
		if f.toEnd {
			return fmt.Sprintf("%s[%d:]", d.register(f.x), f.from)
		}
		return fmt.Sprintf("%s[%d:%d]", d.register(f.x), f.from, f.to)
	case valBucket:
		return fmt.Sprintf("bucket(%s, %q)", d.register(f.x), strings.TrimSuffix(f.text, "\x00"))
	case valAudience:
		return fmt.Sprintf("audience(%q, %s)", f.text, d.register(f.x))
	case valAdd, valSub, valMul, valDiv, valMod, valPow:
		return fmt.Sprintf("%s %s %s", d.register(f.x), name, d.register(f.y))
	}
	return fmt.Sprintf("%s(%s)", name, d.register(f.x))
}

// String prints a version in its plain form, without build metadata.
func (v version) String() string {
	if len(v.pre) > 0 {
		return string(v.core) + "-" + string(v.pre)
	}
	return string(v.core)
}
