package match

import (
	"math"
	"slices"
	"strings"
)

// textsAgree tells whether what texts begin with, end with and contain may hold together.
func textsAgree(own []*claim) bool {
	for i, c := range own {
		if !c.test.op.isPart() || !c.yes() {
			continue
		}
		has := c.test.texts[0]
		for j, other := range own {
			if !other.test.op.isPart() || i == j {
				continue
			}
			part, op := other.test.texts[0], other.test.op
			switch {
			case other.yes() && op == opPrefix && c.test.op == opPrefix:
				if !strings.HasPrefix(has, part) && !strings.HasPrefix(part, has) {
					return false
				}
			case other.yes() && op == opSuffix && c.test.op == opSuffix:
				if !strings.HasSuffix(has, part) && !strings.HasSuffix(part, has) {
					return false
				}
			case other.yes():
			case op == opContains && strings.Contains(has, part),
				op == opPrefix && c.test.op == opPrefix && strings.HasPrefix(has, part),
				op == opSuffix && c.test.op == opSuffix && strings.HasSuffix(has, part):
				return false
			}
		}
	}
	return true
}

// isPart tells whether a test looks for one text in another.
func (op opcode) isPart() bool { return op == opPrefix || op == opSuffix || op == opContains }

// rangesAgree tells whether a number or an address may be in all ranges that are claimed.
func rangesAgree(v *value, own []*claim) bool {
	const most = ^uint64(0)
	whole := addressRange{last: address{0, most}}
	switch {
	case v.typ == IP:
		whole.last.high = most
	case v.typ == Bool:
		whole.last.low = 1
	case v.op == valBucket:
		whole = numbersBetween(orderInt(0), orderInt(PPM-1))
	case v.op == valLen:
		whole.first.low = orderInt(0)
		if v.x.op == valAttr { // an empty value counts as missing
			whole.first.low = orderInt(1)
		}
	case v.op == valMod && v.y.op == valLiteral && intOf(v.y.num) != math.MinInt64:
		most := int64(magnitude(intOf(v.y.num))) - 1
		whole = numbersBetween(orderInt(-most), orderInt(most))
	}
	left := []addressRange{whole}
	for _, c := range own {
		var in []addressRange
		switch op := c.test.op; {
		case op == opTrue:
			in = []addressRange{numbersBetween(1, 1)}
		case op == opNumIn:
			for _, n := range c.test.nums {
				in = append(in, numbersBetween(n, n))
			}
		case op == opIPIn:
			in = c.test.networks.ranges
		case opNumEq <= op && op <= opNumLe:
			for _, r := range numberRange(op-opNumEq, c.test.nums[0]) {
				in = append(in, numbersBetween(r.least, r.most))
			}
		default:
			continue
		}
		left = within(left, in, c.yes())
	}
	return len(left) > 0
}

func numbersBetween(least, most uint64) addressRange {
	return addressRange{address{low: least}, address{low: most}}
}

// within gives the parts of ranges that lie in others, or outside of them all. Both are sorted, and so is what it gives; it takes
// time in proportion to both, since lists are long: others are passed over once.
func within(ranges, others []addressRange, inside bool) (out []addressRange) {
	for _, r := range ranges {
		for len(others) > 0 && others[0].last.less(r.first) {
			others = others[1:]
		}
		from, left := r.first, true // what is outside so far begins here
		for _, o := range others {
			if r.last.less(o.first) {
				break
			}
			first, last := o.first, o.last
			if first.less(r.first) {
				first = r.first
			}
			if r.last.less(last) {
				last = r.last
			}
			if inside {
				out = append(out, addressRange{first, last})
				continue
			}
			if left && from.less(first) {
				out = append(out, addressRange{from, first.previous()})
			}
			from, left = last.next(), last.less(r.last)
		}
		if !inside && left && !r.last.less(from) {
			out = append(out, addressRange{from, r.last})
		}
	}
	return out
}

// previous gives the address before a, which is not the first one.
func (a address) previous() address {
	if a.low == 0 {
		a.high--
	}
	a.low--
	return a
}

// versionsAgree tells whether a version may lie between all bounds that are claimed. Single ones are for [candidates].
func versionsAgree(own []*claim) bool {
	var low, high *version
	lowIn, highIn := true, true
	for _, c := range own {
		op := c.op()
		switch op {
		case opVerGe, opVerGt:
			v := &c.test.versions[0]
			if low == nil || low.compare(v) < 0 {
				low, lowIn = v, op == opVerGe
			} else if low.compare(v) == 0 {
				lowIn = lowIn && op == opVerGe
			}
		case opVerLe, opVerLt:
			v := &c.test.versions[0]
			if high == nil || high.compare(v) > 0 {
				high, highIn = v, op == opVerLe
			} else if high.compare(v) == 0 {
				highIn = highIn && op == opVerLe
			}
		}
	}
	if low == nil || high == nil {
		return true
	}
	switch order := low.compare(high); {
	case order > 0, order == 0 && !(lowIn && highIn):
		return false
	case order < 0:
		return true
	}
	return !slices.ContainsFunc(own, func(c *claim) bool { // one version is left
		isIn := slices.ContainsFunc(c.test.versions, func(v version) bool { return v.compare(low) == 0 })
		return (c.test.op == opVerEq || c.test.op == opVerIn) && isIn != c.yes()
	})
}

// pairIdent names what a test of two registers is about, whichever stands first where that does not matter.
func pairIdent(c *cond) string {
	x, y := c.x.ident(), c.y.ident()
	if family, _ := orderFamily(c.op); family != opJump && y < x {
		x, y = y, x
	}
	return x + "~" + y
}

// orderFamily gives the first opcode of the comparisons of two registers that an opcode belongs to, and its place there.
func orderFamily(op opcode) (first, place opcode) {
	switch {
	case opNumEqReg <= op && op <= opNumLeReg:
		return opNumEqReg, op - opNumEqReg
	case opVerEqReg <= op && op <= opVerLeReg:
		return opVerEqReg, op - opVerEqReg
	case op == opTextEqReg || op == opTextNeReg:
		return opTextEqReg, op - opTextEqReg
	case op == opIPEqReg || op == opIPNeReg:
		return opIPEqReg, op - opIPEqReg
	}
	return opJump, 0
}

// relates tells whether two present values may stand in all the orders that are claimed: lower, equal or higher.
func relates(group []*claim) bool {
	lower, equal, higher := true, true, true
	for _, c := range group {
		family, place := orderFamily(c.op())
		if family == opJump {
			continue
		}
		l, e, h := ordered(place, -1), ordered(place, 0), ordered(place, 1)
		if c.test.y.ident() < c.test.x.ident() {
			l, h = h, l
		}
		lower, equal, higher = lower && l, equal && e, higher && h
	}
	return lower || equal || higher
}
