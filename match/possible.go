package match

import (
	"maps"
	"slices"
)

// possible says for which values of one register a condition can be true. It may say too much, never too little: what
// the index lets through is evaluated all the same.
type possible struct {
	missing bool // when there is no value
	present bool // for any value; texts and ranges are empty then
	texts   []string
	ranges  []numRange // of slots' num; of addresses, of their addressKey
	inList  bool       // texts are elements, of which a value can have several
}

// numRange is from least to most, both included.
type numRange struct{ least, most uint64 }

var (
	anyPresent  = possible{present: true}
	onlyMissing = possible{missing: true}
)

// never tells whether there is no such value.
func (p *possible) never() bool {
	return !p.missing && !p.present && len(p.texts) == 0 && len(p.ranges) == 0
}

// and gives the values that both leave possible.
func (p possible) and(q possible) possible {
	out := possible{missing: p.missing && q.missing, inList: p.inList || q.inList}
	switch {
	case p.present:
		out.present, out.texts, out.ranges = q.present, q.texts, q.ranges
	case q.present:
		out.texts, out.ranges = p.texts, p.ranges
	case out.inList: // the elements asked for differ, and all have to be there: either list says something
		out.texts = p.texts
	case len(p.ranges) == 0 && len(q.ranges) == 0:
		out.texts = slices.DeleteFunc(slices.Clone(p.texts), func(t string) bool { return !slices.Contains(q.texts, t) })
	case len(p.texts) == 0 && len(q.texts) == 0:
		out.ranges = intersect(p.ranges, q.ranges)
	case len(p.ranges) == 0: // single texts and beginnings: the texts say more
		out.texts = p.texts
	default:
		out.texts, out.ranges = q.texts, q.ranges
	}
	return out
}

// or gives the values that either leaves possible.
func (p possible) or(q possible) possible {
	out := possible{missing: p.missing || q.missing, present: p.present || q.present, inList: p.inList || q.inList}
	if !out.present {
		out.texts = append(slices.Clone(p.texts), q.texts...)
		out.ranges = append(slices.Clone(p.ranges), q.ranges...)
	}
	return out
}

func intersect(p, q []numRange) (out []numRange) {
	for _, a := range p {
		for _, b := range q {
			if r := (numRange{max(a.least, b.least), min(a.most, b.most)}); r.least <= r.most && len(out) < maxRanges {
				out = append(out, r)
			} else if r.least <= r.most {
				return p // too many to be worth it
			}
		}
	}
	return out
}

// alternative is what has to hold together for a condition to be true, by register.
type alternative map[uint32]possible

// and joins two alternatives. False: they cannot hold together.
func (a alternative) and(b alternative) (alternative, bool) {
	out := maps.Clone(a)
	for reg, q := range b {
		if p, ok := out[reg]; ok {
			q = p.and(q)
		}
		if q.never() {
			return nil, false
		}
		out[reg] = q
	}
	return out, true
}

// alternatives gives the ways in which a condition can have the wanted value: none if there is no way. More than
// maxAlternatives become one that says less.
func (g *generator) alternatives(c *cond, want bool) []alternative {
	switch c.kind {
	case condConst:
		if c.yes != want {
			return nil
		}
		return []alternative{{}}
	case condNot:
		return g.alternatives(c.left, !want)
	case condTest:
		return g.testAlternatives(c, want)
	case condIf:
		return either(
			both(g.alternatives(c.test, true), g.alternatives(c.left, want)),
			both(g.alternatives(c.test, false), g.alternatives(c.right, want)))
	}
	l, r := g.alternatives(c.left, want), g.alternatives(c.right, want)
	if (c.kind == condAnd) == want {
		return both(l, r)
	}
	return either(l, r)
}

// both gives the ways in which two conditions hold together.
func both(l, r []alternative) (out []alternative) {
	if len(l)*len(r) > maxAlternatives {
		if len(l) < len(r) {
			return l
		}
		return r
	}
	for _, a := range l {
		for _, b := range r {
			if ab, ok := a.and(b); ok {
				out = append(out, ab)
			}
		}
	}
	return out
}

// either gives the ways in which one of two conditions holds. Ways that are about the same single register are one.
func either(l, r []alternative) []alternative {
	out := slices.Clone(l)
next:
	for _, b := range r {
		if reg, q, ok := b.single(); ok {
			for i, a := range out {
				if other, p, ok := a.single(); ok && other == reg {
					out[i] = alternative{reg: p.or(q)}
					continue next
				}
			}
		}
		out = append(out, b)
	}
	if len(out) > maxAlternatives {
		return []alternative{{}}
	}
	return out
}

func (a alternative) single() (reg uint32, p possible, ok bool) {
	for reg, p = range a {
	}
	return reg, p, len(a) == 1
}

// testAlternatives gives what a test asks of its registers.
func (g *generator) testAlternatives(c *cond, want bool) []alternative {
	reg, op := g.register(c.x), c.op
	if op == opHas {
		if want {
			return []alternative{{reg: anyPresent}}
		}
		return []alternative{{reg: onlyMissing}}
	}
	if !want {
		op = op.negated()
	}
	p := possible{}
	switch op {
	case opTextEq, opTextIn:
		p.texts = c.texts
	case opListHas:
		p.texts, p.inList = c.texts, true
	case opPrefix:
		p.ranges = []numRange{prefixRange(c.texts[0])}
	case opNumEq, opNumLt, opNumLe, opNumGe, opNumGt:
		p.ranges = numberRange(op-opNumEq, c.nums[0])
	case opNumIn:
		for _, n := range c.nums {
			p.ranges = append(p.ranges, numRange{n, n})
		}
	case opVerEq, opVerIn:
		for _, v := range c.versions {
			p.ranges = append(p.ranges, numRange{v.key, v.key})
		}
	case opVerLt, opVerLe:
		p.ranges = []numRange{{0, c.versions[0].key}}
	case opVerGe, opVerGt:
		p.ranges = []numRange{{c.versions[0].key, ^uint64(0)}}
	case opIPIn:
		for _, r := range c.networks.ranges {
			p.ranges = append(p.ranges, numRange{addressKey(r.first.high, r.first.low), addressKey(r.last.high, r.last.low)})
		}
	case opTrue:
		p.ranges = []numRange{{1, 1}}
	case opFalse:
		p.ranges = []numRange{{0, 0}}
	default:
		p = anyPresent
	}
	if len(p.ranges) > maxRanges {
		p = anyPresent
	}
	if p.never() { // in []
		return nil
	}
	out := alternative{reg: p}
	if c.y != nil {
		out, _ = out.and(alternative{g.register(c.y): anyPresent})
	}
	return []alternative{out}
}

// numberRange gives the numbers for which a comparison holds, by the operator's place in its family.
func numberRange(place opcode, n uint64) []numRange {
	const least, most = 0, ^uint64(0)
	switch {
	case place == 0:
		return []numRange{{n, n}}
	case place == 2 && n > least:
		return []numRange{{least, n - 1}}
	case place == 3:
		return []numRange{{n, most}}
	case place == 4 && n < most:
		return []numRange{{n + 1, most}}
	case place == 5:
		return []numRange{{least, n}}
	}
	return nil
}

// prefixRange gives the keys of texts that begin with a text.
func prefixRange(text string) numRange {
	least := textKey(text)
	if len(text) >= 8 {
		return numRange{least, least}
	}
	return numRange{least, least | ^uint64(0)>>(8*len(text))}
}

// addressKey gives an address as one number, keeping the order: IPv4 addresses exactly, IPv6 networks up to /63.
func addressKey(high, low uint64) uint64 {
	if high == 0 {
		if low>>32 == 0xffff {
			return 1<<62 | low&0xffff_ffff
		}
		if low>>32 > 0xffff {
			return 1<<62 | 1<<32
		}
		return 0
	}
	return 1<<63 | high>>1
}
