package match

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// value is an expression whose attributes are found and whose types are right: what the generator works on. Values are
// shared, never changed once checked.
type value struct {
	op   valueOp
	typ  Type
	attr int    // valAttr
	text string // literal texts, versions and addresses as written; the salt of a bucket, the name of an audience
	num  uint64 // literal numbers, by order
	x, y *value // operands

	from, to int  // valSlice
	toEnd    bool // valSlice without an upper bound

	cond  *cond // valCond: itself; valSelect: which of x and y
	depth int   // of nested expressions
	id    string
}

// valueOp is how a value comes about.
type valueOp uint8

const (
	valAttr valueOp = iota
	valLiteral
	valLower  // text of x, as the next ones
	valUpper  //
	valTrim   //
	valSlice  //
	valHash   // 16 hexadecimal digits
	valBucket // Int
	valLen    // of x's text in characters, of a list in elements
	valNeg    // of a number
	valAdd    // x + y, both of the value's type, as the next ones
	valSub
	valMul
	valMod // Int
	valDiv // Float
	valPow // Float
	valFloat
	valSelect
	valCond     // Bool
	valAudience // Bool: whether x is a member
)

var valueNames = [...]string{
	valLower: "lower", valUpper: "upper", valTrim: "trim", valSlice: "slice", valHash: "hash", valBucket: "bucket", valLen: "len",
	valNeg: "-", valAdd: "+", valSub: "-", valMul: "*", valMod: "%", valDiv: "/", valPow: "**", valFloat: "float", valSelect: "? :",
	valCond: "condition", valAudience: "audience",
}

// cond is a condition: true, false or unknown.
type cond struct {
	kind        condKind
	left, right *cond
	test        *cond // condIf: left if it is true, right if it is false
	yes         bool  // condConst

	op       opcode // condTest: the question about x, for all that follow
	x, y     *value
	texts    []string // one for == and the like, any number for in
	nums     []uint64 // likewise, by order
	versions []version
	pattern  *regexp.Regexp
	networks *addressSet

	weight int // instructions that its code has, at most maxWeight
	id     string

	opposite *cond // of a test, once a search has asked for it: that of the opposite opcode
}

type condKind uint8

const (
	condConst condKind = iota
	condTest
	condNot
	condAnd
	condOr
	condIf
)

// maxWeight is where weights stop growing.
const maxWeight = 1 << 30

func newConst(yes bool) *cond { return &cond{kind: condConst, yes: yes, weight: 1} }

func newNot(c *cond) *cond {
	if c == nil {
		return nil
	}
	return &cond{kind: condNot, left: c, weight: c.weight}
}

// join makes an and or an or.
func join(kind condKind, l, r *cond) *cond {
	if l == nil || r == nil {
		return nil
	}
	return &cond{kind: kind, left: l, right: r, weight: min(l.weight+r.weight, maxWeight)}
}

// newIf is c ? l : r. It asks c twice, once whether it is true and once whether it is false.
func newIf(c, l, r *cond) *cond {
	if c == nil || l == nil || r == nil {
		return nil
	}
	return &cond{kind: condIf, test: c, left: l, right: r, weight: min(2*c.weight+l.weight+r.weight, maxWeight)}
}

// newEqual is true where both are true or both are false, and unknown where one is unknown.
func newEqual(l, r *cond) *cond {
	return join(condOr, join(condAnd, l, r), join(condAnd, newNot(l), newNot(r)))
}

func newTest(op opcode, x *value) *cond {
	return &cond{kind: condTest, op: op, x: x, weight: 1 + x.weight()}
}

// size counts what a test compares with.
func (c *cond) size() int {
	n := len(c.texts) + len(c.nums) + len(c.versions)
	if c.networks != nil {
		n += len(c.networks.ranges)
	}
	return n
}

// weight counts the instructions of conditions inside a value.
func (v *value) weight() int {
	if v == nil {
		return 0
	}
	n := v.x.weight() + v.y.weight()
	if v.cond != nil {
		n += 2 * v.cond.weight
	}
	return min(n, maxWeight)
}

// condition gives a Bool as a condition.
func (v *value) condition() *cond {
	if v == nil || v.op == valCond {
		if v == nil {
			return nil
		}
		return v.cond
	}
	return newTest(opTrue, v)
}

// ident names a value by what it is: two values of one schema are the same where their names are.
func (v *value) ident() string {
	if v == nil {
		return ""
	}
	if v.id == "" {
		switch v.op {
		case valAttr:
			v.id = fmt.Sprintf("@%d", v.attr)
		case valLiteral:
			v.id = fmt.Sprintf("%d:%q/%d", v.typ, v.text, v.num)
		default:
			c := ""
			if v.cond != nil {
				c = v.cond.ident()
			}
			v.id = digest(fmt.Sprintf("(%d:%d %s %s %q %d %d %v %s)", v.op, v.typ, v.x.ident(), v.y.ident(), v.text, v.from, v.to, v.toEnd, c))
		}
	}
	return v.id
}

// ident names a condition likewise.
func (c *cond) ident() string {
	if c == nil {
		return ""
	}
	if c.id == "" {
		switch c.kind {
		case condConst:
			c.id = fmt.Sprint(c.yes)
		case condTest:
			var b strings.Builder
			fmt.Fprintf(&b, "{%d %s %s %q %x", c.op, c.x.ident(), c.y.ident(), c.texts, c.nums)
			for _, v := range c.versions {
				b.WriteString(" " + v.String())
			}
			if c.pattern != nil {
				fmt.Fprintf(&b, " %q", c.pattern)
			}
			if c.networks != nil {
				fmt.Fprintf(&b, " %v", c.networks.ranges)
			}
			c.id = digest(b.String() + "}")
		default:
			c.id = digest(fmt.Sprintf("[%d %s %s %s]", c.kind, c.test.ident(), c.left.ident(), c.right.ident()))
		}
	}
	return c.id
}

// digest keeps identities short, whatever is nested in them: a long one is replaced by its SHA-256.
func digest(id string) string {
	if len(id) <= 2*sha256.Size {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return string(sum[:])
}
