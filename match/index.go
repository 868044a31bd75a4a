package match

import (
	"math/bits"
	"slices"
)

// index finds the rules that a request can still match without looking at each. A rule has one or more entries, the
// alternatives of its condition. For every indexed register, the value gives a bit vector of the entries that it leaves
// possible; the vectors are ANDed, and bytecode runs for the rules of what is left, in order. It never leaves a rule out
// that matches, so the first match is that of evaluating all in order.
//
// Most entries ask about two or three registers out of many, so entries that ask about the same ones stand together, in a
// run: only the columns of these registers are ANDed there. See [arrange].
type index struct {
	rules   []uint32 // by place: the rule of the entry that stands there
	full    []uint64 // a bit for every place where an entry stands
	columns []column
	blocks  []block
}

// column is the index over one register.
type column struct {
	reg       uint32
	isList    bool
	isAddress bool

	missing []uint64              // entries that are possible without a value
	present []uint64              // with any value
	texts   map[string][]wordBits // and besides with this text
	common  map[string][]uint64   // the same for texts of many entries, with those of present

	// Ranges cut the keys into cells: cell i goes from bounds[i] up to where the next one begins, and vectors[i] has the
	// entries possible there, those of present included. No ranges: nil.
	bounds  []uint64
	vectors [][]uint64
}

// wordBits are some bits of a vector: those in one word.
type wordBits struct {
	word uint32
	bits uint64
}

// newIndex makes the index of entries; rules are theirs, in order.
func newIndex(g *generator, s *Schema, rules []uint32, entries []alternative) *index {
	byReg := map[uint32][]int{} // the entries that ask something of a register
	for i, e := range entries {
		for reg := range e {
			byReg[reg] = append(byReg[reg], i)
		}
	}
	var regs []uint32
	for reg, of := range byReg {
		if len(of) >= minColumnEntries {
			regs = append(regs, reg)
		}
	}
	slices.SortFunc(regs, func(a, b uint32) int {
		if d := len(byReg[b]) - len(byReg[a]); d != 0 {
			return d
		}
		return int(a) - int(b)
	})
	ranged := 1 + len(regs)
	regs = regs[:min(len(regs), maxColumns)]
	asked := make([]columnSet, len(entries))
	for c, reg := range regs {
		for _, i := range byReg[reg] {
			asked[i] |= 1 << c
		}
	}
	l := arrange(rules, asked)
	x := &index{rules: make([]uint32, 64*l.words), full: make([]uint64, l.words), blocks: l.blocks}
	for i, place := range l.places {
		x.rules[place] = rules[i]
		x.full[place/64] |= 1 << (place % 64)
	}
	for _, reg := range regs {
		x.columns = append(x.columns, newColumn(g, s, reg, entries, byReg[reg], l.places, x.full, maxIndexWords/ranged/max(l.words, 1)))
	}
	return x
}

// newColumn makes the column of a register; of are the entries that ask something of it, places where entries stand, full
// is a bit for each of these. cells is how many there may be.
func newColumn(g *generator, s *Schema, reg uint32, entries []alternative, of, places []int, full []uint64, cells int) column {
	c := column{reg: reg, missing: slices.Clone(full), texts: map[string][]wordBits{}}
	typ := String
	if int(reg) < len(s.attrs) {
		typ = s.attrs[reg].typ
	} else {
		typ = g.prog.formulas[int(reg)-len(s.attrs)].typ
	}
	switch typ {
	case IP:
		c.isAddress = true
	case List:
		c.isList = true
	}
	c.present = slices.Clone(c.missing)
	var all []numRange
	for _, i := range of {
		p, word, bit := entries[i][reg], places[i]/64, uint64(1)<<(places[i]%64)
		if !p.missing {
			c.missing[word] &^= bit
		}
		if !p.present {
			c.present[word] &^= bit
		}
		for _, t := range p.texts {
			c.texts[t] = append(c.texts[t], wordBits{uint32(word), bit})
		}
		all = append(all, p.ranges...)
	}
	for t, list := range c.texts {
		c.texts[t] = joinWords(list)
	}
	if !c.isList && len(all) == 0 {
		c.common = commonTexts(c.texts, c.present)
	}
	if len(all) > 0 {
		c.bounds = cellBounds(all, cells)
		for range c.bounds {
			c.vectors = append(c.vectors, slices.Clone(c.present))
		}
		for _, i := range of {
			for _, r := range entries[i][reg].ranges {
				for cell := c.cell(r.least); cell < len(c.bounds) && c.bounds[cell] <= r.most; cell++ {
					c.vectors[cell][places[i]/64] |= 1 << (places[i] % 64)
				}
			}
		}
	}
	return c
}

// joinWords sorts bits by their words, and makes one of those that are in the same one.
func joinWords(list []wordBits) []wordBits {
	slices.SortFunc(list, func(a, b wordBits) int { return int(a.word) - int(b.word) })
	n := 0
	for _, w := range list[1:] {
		if list[n].word == w.word {
			list[n].bits |= w.bits
		} else {
			n++
			list[n] = w
		}
	}
	return slices.Clone(list[:n+1])
}

// commonTexts takes the texts whose bits are in every eighth word or more out of texts, and gives their whole vectors.
func commonTexts(texts map[string][]wordBits, present []uint64) map[string][]uint64 {
	common := map[string][]uint64{}
	for text, list := range texts {
		if len(list)*8 < len(present) {
			continue
		}
		whole := slices.Clone(present)
		for _, w := range list {
			whole[w.word] |= w.bits
		}
		common[text] = whole
		delete(texts, text)
	}
	return common
}

// cellBounds gives where cells begin, at most that many: where there are more ranges, neighbours share a cell.
func cellBounds(ranges []numRange, cells int) []uint64 {
	bounds := []uint64{0}
	for _, r := range ranges {
		bounds = append(bounds, r.least)
		if r.most != ^uint64(0) {
			bounds = append(bounds, r.most+1)
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	if step := (len(bounds) + max(cells, 2) - 1) / max(cells, 2); step > 1 {
		for i := 0; i*step < len(bounds); i++ {
			bounds[i] = bounds[i*step]
		}
		bounds = bounds[:(len(bounds)+step-1)/step]
	}
	return bounds
}

// cell gives the cell that a key is in.
func (c *column) cell(key uint64) int {
	lo, hi := 0, len(c.bounds)
	for hi-lo > 1 {
		mid := int(uint(lo+hi) >> 1)
		if c.bounds[mid] <= key {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// vector is what one column says about the request: base, and more bits in some words.
type vector struct {
	base []uint64
	more []wordBits // not yet used, in order
}

// lookUp finds the vector of the request's value.
func (c *column) lookUp(a *Attributes, p *program, st *State) (v vector) {
	if !a.known(p, st, c.reg) {
		return vector{base: c.missing}
	}
	s := &a.slots[c.reg]
	v.base = c.present
	if c.bounds != nil {
		key := s.num
		if c.isAddress {
			key = addressKey(s.high, s.num)
		}
		v.base = c.vectors[c.cell(key)]
	}
	switch {
	case len(c.texts) == 0 && len(c.common) == 0:
	case !c.isList:
		if whole, ok := c.common[string(s.text)]; ok {
			return vector{base: whole}
		}
		v.more = c.texts[string(s.text)]
	default:
		v.base = c.unite(st, s.text)
	}
	return v
}

// unite gives the entries that any element of a list leaves possible.
func (c *column) unite(st *State, list []byte) []uint64 {
	out := st.united[c.reg]
	copy(out, c.present)
	for {
		element, rest := nextElement(list)
		if rest == nil {
			return out
		}
		for _, w := range c.texts[string(element)] {
			out[w.word] |= w.bits
		}
		list = rest
	}
}

// and narrows the words from a place on, and tells whether a bit is left.
func (v *vector) and(words []uint64, from int) bool {
	base := v.base[from : from+len(words)]
	left, i := uint64(0), 0
	for len(v.more) > 0 {
		at := int(v.more[0].word) - from
		if at >= len(words) {
			break
		}
		if at >= 0 { // else of words that were passed over
			for ; i < at; i++ {
				words[i] &= base[i]
				left |= words[i]
			}
			words[i] &= base[i] | v.more[0].bits
			left |= words[i]
			i++
		}
		v.more = v.more[1:]
	}
	words, base = words[i:], base[i:]
	for len(words) >= 4 && len(base) >= 4 { // four at a time: this is where the time of large rule sets goes
		w0, w1, w2, w3 := words[0]&base[0], words[1]&base[1], words[2]&base[2], words[3]&base[3]
		words[0], words[1], words[2], words[3] = w0, w1, w2, w3
		left |= w0 | w1 | w2 | w3
		words, base = words[4:], base[4:]
	}
	for i := range min(len(words), len(base)) {
		words[i] &= base[i]
		left |= words[i]
	}
	return left != 0
}

// decide gives the first rule that matches. A column is looked up when a run first needs it.
func (x *index) decide(a *Attributes, p *program, st *State) int {
	found := columnSet(0) // looked up
	for i := range x.blocks {
		b := &x.blocks[i]
		clear(st.left[:b.words])
		some := uint64(0) // the words of st.left that are not zero
		for r := range b.runs {
			run := &b.runs[r]
			for from := run.from; from < run.to; from += chunkWords {
				words := st.words[:min(chunkWords, run.to-from)]
				copy(words, x.full[from:])
				left := true
				for _, c := range run.columns {
					if found&(1<<c) == 0 {
						found |= 1 << c
						st.vectors[c] = x.columns[c].lookUp(a, p, st)
					}
					if left = st.vectors[c].and(words, from); !left {
						break
					}
				}
				if left {
					some |= x.mark(b, words, from, st)
				}
			}
		}
		for ; some != 0; some &= some - 1 {
			w := bits.TrailingZeros64(some)
			for left := st.left[w]; left != 0; left &= left - 1 {
				rule := int(b.first) + w*64 + bits.TrailingZeros64(left)
				if a.run(p, st, p.entries[rule]) != notMatched {
					return rule
				}
			}
		}
	}
	return -1
}

// mark notes the rules of the entries that are left, and tells in which words of st.left.
func (x *index) mark(b *block, words []uint64, from int, st *State) (some uint64) {
	for w, word := range words {
		for ; word != 0; word &= word - 1 {
			rule := x.rules[(from+w)*64+bits.TrailingZeros64(word)] - b.first
			st.left[rule/64] |= 1 << (rule % 64)
			some |= 1 << (rule / 64)
		}
	}
	return some
}
