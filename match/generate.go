package match

import "slices"

// generator writes the program of a rule set. While it runs, the targets of instructions are labels: places yet to be
// bound to an instruction; finish puts the instructions' numbers in.
type generator struct {
	prog   program
	labels []target // by label: the instruction or end that it is bound to

	audiences map[string]Audience

	uses      map[string]int    // of conditions and values worth keeping, by identity
	registers map[string]uint32 // of values, by identity
	pending   []pendingCond
}

// pendingCond is a formula whose condition is not written yet.
type pendingCond struct {
	formula int
	cond    *cond
}

func newGenerator(s *Schema) *generator {
	return &generator{prog: program{attributes: len(s.attrs)}, audiences: s.lookups.Audiences, uses: map[string]int{}, registers: map[string]uint32{}}
}

// newLabel gives a target that is not bound yet.
func (g *generator) newLabel() target {
	g.labels = append(g.labels, notMatched)
	return target(len(g.labels) - 1)
}

// bind lets a label stand for the next instruction. Ends, which are no labels, stay what they are.
func (g *generator) bind(t target) {
	if t >= 0 {
		g.labels[t] = target(len(g.prog.code))
	}
}

// here gives a label for the next instruction.
func (g *generator) here() target {
	t := g.newLabel()
	g.bind(t)
	return t
}

// count notes the parts of a condition, to know which of them occur more than once. Parts of a repeated part are not
// counted again: the whole is what is kept.
func (g *generator) count(c *cond) {
	if c == nil {
		return
	}
	if c.worthKeeping() {
		g.uses[c.ident()]++
		if g.uses[c.ident()] > 1 {
			return
		}
	}
	g.count(c.test)
	g.count(c.left)
	g.count(c.right)
	g.countValue(c.x)
	g.countValue(c.y)
}

func (g *generator) countValue(v *value) {
	if v != nil {
		g.count(v.cond)
		g.countValue(v.x)
		g.countValue(v.y)
	}
}

// worthKeeping tells whether asking for a kept result is cheaper than finding it again.
func (c *cond) worthKeeping() bool {
	switch c.kind {
	case condAnd, condOr, condIf:
		return c.weight > 2
	case condTest:
		switch c.op {
		case opContains, opContainsReg, opMatches, opListHas, opListHasReg:
			return true
		}
	}
	return false
}

// cond writes code that goes to yes if the value of c is the wanted one, and to no if it is the other one or unknown.
//
// Kleene's conjunction is true where both sides are true and false where one side is false; his disjunction the other
// way round; negation swaps true and false and keeps unknown. So the wanted value goes down to the tests by swapping it at
// every not, and a conjunction that is wanted false is written like a disjunction.
func (g *generator) cond(c *cond, want bool, yes, no target) {
	if c.worthKeeping() && g.uses[c.ident()] > 1 {
		g.emit(g.wanted(instr{op: opTrue, reg: g.register(&value{op: valCond, typ: Bool, cond: c}), yes: yes, no: no}, want))
		return
	}
	g.write(c, want, yes, no)
}

func (g *generator) write(c *cond, want bool, yes, no target) {
	switch c.kind {
	case condConst:
		if c.yes != want {
			yes = no
		}
		g.emit(instr{op: opJump, yes: yes, no: yes})
	case condTest:
		g.test(c, want, yes, no)
	case condNot:
		g.cond(c.left, !want, yes, no)
	case condAnd, condOr:
		right := g.newLabel()
		if (c.kind == condAnd) == want {
			g.cond(c.left, want, right, no) // both sides are needed
		} else {
			g.cond(c.left, want, yes, right) // either will do
		}
		g.bind(right)
		g.cond(c.right, want, yes, no)
	case condIf:
		isTrue, otherwise, isFalse := g.newLabel(), g.newLabel(), g.newLabel()
		g.cond(c.test, true, isTrue, otherwise)
		g.bind(otherwise)
		g.cond(c.test, false, isFalse, no)
		g.bind(isTrue)
		g.cond(c.left, want, yes, no)
		g.bind(isFalse)
		g.cond(c.right, want, yes, no)
	}
}

// wanted turns a test round where its opposite is asked for.
func (g *generator) wanted(in instr, want bool) instr {
	if !want {
		in.op = in.op.negated()
	}
	return in
}

// test writes one comparison or has().
func (g *generator) test(c *cond, want bool, yes, no target) {
	in := instr{op: c.op, reg: g.register(c.x), yes: yes, no: no}
	if c.op == opHas {
		if !want { // has() is never unknown, so its answers just change places
			in.yes, in.no = no, yes
		}
		g.emit(in)
		return
	}
	p := &g.prog
	switch c.op {
	case opTextEq, opTextNe, opPrefix, opSuffix, opContains, opListHas:
		in.arg, in.num, in.size = add(&p.texts, c.texts[0]), textKey(c.texts[0]), uint32(len(c.texts[0]))
	case opTextIn:
		in.arg = add(&p.lists, newTextList(c.texts))
	case opNumEq, opNumNe, opNumLt, opNumGe, opNumGt, opNumLe:
		in.num = c.nums[0]
	case opNumIn:
		in.arg = add(&p.numbers, c.nums)
	case opVerEq, opVerNe, opVerLt, opVerGe, opVerGt, opVerLe:
		in.num, in.arg = c.versions[0].key, add(&p.versions, c.versions[0])
	case opVerIn:
		in.arg = add(&p.ranges, c.versions)
	case opMatches:
		in.arg = add(&p.patterns, c.pattern)
	case opIPIn, opIPNotIn:
		in.arg = add(&p.networks, c.networks)
	case opTrue:
	default:
		in.arg = g.register(c.y)
	}
	g.emit(g.wanted(in, want))
}

// register gives the register of a value, and the formula for it when the value is new.
func (g *generator) register(v *value) uint32 {
	if v.op == valAttr {
		return uint32(v.attr)
	}
	id := v.ident()
	if reg, ok := g.registers[id]; ok {
		return reg
	}
	f := formula{op: v.op, typ: v.typ, from: int32(v.from), to: int32(v.to), toEnd: v.toEnd}
	switch v.op {
	case valLiteral:
		f.constant = slot{text: []byte(v.text), num: v.num}
		if v.typ == String || v.typ == Version || v.typ == IP {
			f.constant.parse(v.typ)
		}
	case valBucket:
		f.text = v.text + "\x00"
	case valAudience:
		f.text, f.audience = v.text, g.audiences[v.text]
	}
	if v.x != nil {
		f.x = g.register(v.x)
	}
	if v.y != nil {
		f.y = g.register(v.y)
	}
	if v.op == valSelect {
		f.c = g.register(boolean(v.cond))
	}
	place := add(&g.prog.formulas, f)
	reg := uint32(g.prog.attributes) + place
	g.registers[id] = reg
	if v.op == valCond {
		g.pending = append(g.pending, pendingCond{int(place), v.cond})
	}
	return reg
}

// share writes the test of a percentage, that of the rule of an index; unit is the attribute number, -1 for requests in sequence.
func (g *generator) share(r Rule, rule, unit int, yes, no target) {
	if unit < 0 {
		g.emit(instr{op: opSequence, arg: add(&g.prog.sequence, r.PPM), yes: yes, no: no})
		return
	}
	if r.PPM == 0 { // it takes nobody, with a unit or without
		g.emit(instr{op: opJump, yes: no, no: no})
		return
	}
	g.prog.unitary++
	b := r.bucket(unit)
	if g.uses[b.ident()] > 1 { // one bucket for all rules that share the salt
		g.emit(instr{op: opBelow, reg: g.register(b), arg: uint32(rule), num: orderInt(int64(r.PPM)), yes: yes, no: no})
		return
	}
	arg := add(&g.prog.shares, share{prefix: b.text + "\x00", ppm: r.PPM, rule: uint32(rule)})
	g.emit(instr{op: opShare, reg: uint32(unit), arg: arg, yes: yes, no: no})
}

func (g *generator) emit(in instr) { g.prog.code = append(g.prog.code, in) }

// finish writes the conditions that formulas ask for, and puts instruction numbers in place of labels. A jump is followed,
// so that no run ever meets one; a label bound behind the last instruction is the end without a match.
func (g *generator) finish() program {
	for len(g.pending) > 0 { // writing one may add others
		next := g.pending[0]
		g.pending = g.pending[1:]
		yes := g.here()
		g.write(next.cond, true, matched(0), notMatched)
		no := g.here()
		g.write(next.cond, false, matched(0), notMatched)
		f := &g.prog.formulas[next.formula]
		f.yes, f.no = yes, no
	}
	p := g.prog
	for i, t := range g.labels {
		if int(t) >= len(p.code) {
			g.labels[i] = notMatched
		}
	}
	resolve := func(t target) target {
		if t >= 0 {
			t = g.labels[t]
		}
		for t >= 0 && p.code[t].op == opJump {
			if t = p.code[t].yes; t >= 0 {
				t = g.labels[t]
			}
		}
		return t
	}
	code := slices.Clone(p.code)
	for i := range code {
		code[i].yes, code[i].no = resolve(code[i].yes), resolve(code[i].no)
	}
	for i, t := range p.entries {
		p.entries[i] = resolve(t)
	}
	for i := range p.formulas {
		if f := &p.formulas[i]; f.op == valCond {
			f.yes, f.no = resolve(f.yes), resolve(f.no)
		}
	}
	p.code = code
	p.measure()
	return p
}

// add appends a constant to its table and gives its place.
func add[T any](table *[]T, v T) uint32 {
	*table = append(*table, v)
	return uint32(len(*table) - 1)
}
