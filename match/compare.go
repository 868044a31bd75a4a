package match

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// swapped is the operator that holds when the sides change places.
var swapped = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// distance is an operator's place in each family of opcodes.
var distance = map[string]opcode{"==": 0, "!=": 1, "<": 2, ">=": 3, ">": 4, "<=": 5}

// comparison checks ==, != and the four orders.
func (c *checker) comparison(n *ast.BinaryNode) *cond {
	l, r := c.operand(n.Left, n.Right), c.operand(n.Right, n.Left)
	if l == nil || r == nil {
		return nil
	}
	op, rt := n.Operator, n.Right
	if l.typ == Bool || r.typ == Bool {
		return c.equality(n, l, r)
	}
	if l.op == valLiteral {
		l, r, rt, op = r, l, n.Left, swapped[op]
	}
	if l.op == valLiteral {
		c.bad(n, "put an attribute on one side", "`%s` compares two literals", n.Operator)
		return nil
	}
	if l.isText() && !r.isText() {
		l, r, rt, op = r, l, n.Left, swapped[op]
	}
	switch ordering := distance[op] > 1; {
	case l.typ == List:
		c.bad(n, fmt.Sprintf("write `'beta' in %s`", strings.Trim(c.name(l), "`")), "%s is a list, and `%s` compares single values", c.name(l), n.Operator)
		return nil
	case ordering && !l.typ.ordered():
		fix := "use == or !="
		if l.op == valAttr && l.attr >= len(builtinNames) && l.typ == String {
			fix = fmt.Sprintf("declare `%s` with `type: version`, int or float, or use == or !=", c.schema.names[l.attr])
		}
		c.bad(n, fix, "`%s` compares versions and numbers, and %s is %s", n.Operator, c.name(l), l.typ.article())
		return nil
	case l.typ == instant && !ordering:
		c.bad(n, "use <, >= or between(now, '2026-12-01', '2026-12-24')", "`now` is never twice the same, so `%s` says nothing about it", n.Operator)
		return nil
	}
	if r.isText() || r.op == valLiteral {
		if r = c.coerce(rt, r, l); r == nil {
			return nil
		}
	}
	if l.typ != r.typ {
		if l, r = c.unify(n, l, r, "`"+n.Operator+"` compares"); l == nil {
			return nil
		}
	}
	if l.ident() == r.ident() {
		fix := "compare it with something else"
		if l.op == valAttr {
			fix = fmt.Sprintf("if presence is meant, write `has(%s)`", c.schema.names[l.attr])
		}
		c.bad(n, fix, "`%s` compares %s with itself", n.Operator, c.name(l))
		return nil
	}
	return compareValues(distance[op], l, r)
}

// compareValues gives the comparison of two values of one type; place is that of the operator in its family.
func compareValues(place opcode, l, r *value) *cond {
	literal := r.op == valLiteral
	var t *cond
	switch l.typ {
	case String:
		t = newTest(opTextEqReg+place, l)
		if literal {
			t = newTest(opTextEq+place, l)
			t.texts = []string{r.text}
		}
	case Version:
		t = newTest(opVerEqReg+place, l)
		if literal {
			t = newTest(opVerEq+place, l)
			v, _ := parseVersion([]byte(r.text))
			t.versions = []version{v}
		}
	case IP:
		t = newTest(opIPEqReg+place, l)
		if literal {
			t = newTest(opIPIn+place, l)
			t.networks = newAddressSet([]netip.Prefix{singleAddress(r.text)})
		}
	default:
		t = newTest(opNumEqReg+place, l)
		if literal {
			t = newTest(opNumEq+place, l)
			t.nums = []uint64{r.num}
		}
	}
	if !literal {
		t.y = r
		t.weight = min(t.weight+r.weight(), maxWeight)
	}
	return t
}

// equality checks == and != between conditions.
func (c *checker) equality(n *ast.BinaryNode, l, r *value) *cond {
	if l.typ != Bool || r.typ != Bool {
		b, other := l, r
		if r.typ == Bool {
			b, other = r, l
		}
		fix := "compare values of one type"
		if b.op == valAttr {
			name := c.schema.names[b.attr]
			fix = fmt.Sprintf("write `%s` for true, `not %s` for false", name, name)
		} else if b.op == valAudience || b.op == valCond && b.cond.kind != condConst {
			fix = "join conditions with and, or, not"
		}
		c.bad(n, fix, "`%s` compares %s with %s, %s", n.Operator, c.boolName(b), c.name(other), other.typ.article())
		return nil
	}
	if distance[n.Operator] > 1 {
		c.bad(n, "use == or !=", "`%s` compares versions and numbers, not conditions", n.Operator)
		return nil
	}
	x, y := l.condition(), r.condition()
	if x.kind == condConst {
		x, y = y, x
	}
	out := x
	switch {
	case x.kind == condConst:
		out = newConst(x.yes == y.yes)
	case y.kind != condConst:
		out = newEqual(x, y)
	case !y.yes:
		out = newNot(x)
	}
	if n.Operator == "!=" {
		out = newNot(out)
	}
	return out
}

func (c *checker) boolName(v *value) string {
	switch {
	case v.op == valAttr:
		return c.name(v) + ", a bool,"
	case v.op == valCond && v.cond.kind == condConst:
		return fmt.Sprintf("`%v`", v.cond.yes)
	}
	return "a condition"
}

// operand checks one side of a comparison. An unknown word beside a known attribute is most often a text whose quotes were
// forgotten.
func (c *checker) operand(tree, beside ast.Node) *value {
	n, ok := tree.(*ast.IdentifierNode)
	other, isName := beside.(*ast.IdentifierNode)
	if ok && isName && !c.knows(n) && !isNothing(n.Value) && n.Value != "$env" && c.knows(other) {
		fix := fmt.Sprintf("write '%s' in quotes if it is a text", n.Value)
		if near := nearest(n.Value, c.schema.names); near != "" && near != other.Value {
			fix += fmt.Sprintf("; or did you mean `%s`?", near)
		}
		c.bad(n, fix, "unknown attribute `%s`", n.Value)
		return nil
	}
	return c.value(tree)
}

func (c *checker) knows(n *ast.IdentifierNode) bool {
	_, ok := c.schema.byName[n.Value]
	return ok
}

// coerce gives a literal the type of the value that it stands beside. A choice between literals is one, too.
func (c *checker) coerce(at ast.Node, lit, beside *value) *value {
	if lit.op == valSelect {
		x, y := c.coerce(at, lit.x, beside), c.coerce(at, lit.y, beside)
		if x == nil || y == nil {
			return nil
		}
		return &value{op: valSelect, typ: x.typ, cond: lit.cond, x: x, y: y, depth: lit.depth}
	}
	name, typ := c.name(beside), beside.typ
	isText := lit.typ == String
	switch {
	case !isText && (typ == Int || typ == Float):
		if lit.typ == Int && typ == Float {
			return c.float(lit)
		}
		return lit // a decimal number beside a whole one is seen to by unify
	case !isText && (typ == String || typ == Version || typ == IP || typ == instant):
		fix := fmt.Sprintf("write it in quotes: '%s'", c.source(at, lit))
		switch typ {
		case IP:
			fix = addressFix
		case instant:
			fix = timeFix
		}
		c.bad(at, fix, "%s is %s, and %s is a number", name, typ.article(), c.source(at, lit))
		return nil
	}
	switch typ {
	case Bool, List:
		c.bad(at, "use values of one type", "%s is %s, and '%s' is a text", name, typ.article(), lit.text)
		return nil
	case String:
		return c.textLiteral(at, lit, beside)
	case Version:
		if _, ok := parseVersion([]byte(lit.text)); !ok {
			fix := "write it like '17', '17.0.3' or '2.0.0-beta.1'"
			if lit.text != "" && lit.text[0]|0x20 == 'v' {
				fix = "leave out the leading v"
			}
			c.badText(at, lit, beside, fix, "'%s' is no version, and %s is one", lit.text, name)
			return nil
		}
	case Int, Float:
		fix := "compare it with a number, as in 18"
		if _, ok := parseFloat([]byte(lit.text)); ok {
			fix = "write it without quotes: " + lit.text
		}
		c.badText(at, lit, beside, fix, "%s is %s, and '%s' is a text", name, typ.article(), lit.text)
		return nil
	case IP:
		if singleAddress(lit.text) == (netip.Prefix{}) {
			fix := addressFix
			if _, err := netip.ParsePrefix(lit.text); err == nil && beside.op == valAttr {
				fix = fmt.Sprintf("write `cidr(%s, '%s')`", c.schema.names[beside.attr], lit.text)
			}
			c.badText(at, lit, beside, fix, "'%s' is no IP address, and %s is one", lit.text, name)
			return nil
		}
	case instant:
		t, ok := parseTime(lit.text)
		if !ok && !t.IsZero() {
			c.bad(at, "leave the comparison out for always or never", "'%s' is not between the years 1678 and 2261", lit.text)
			return nil
		}
		if !ok {
			c.bad(at, timeFix, "'%s' is no time, and %s is one", lit.text, name)
			return nil
		}
		return &value{op: valLiteral, typ: instant, num: orderInt(t.UnixNano())}
	}
	return &value{op: valLiteral, typ: typ, text: lit.text}
}

const (
	addressFix = "write one address, as in '192.0.2.1'"
	timeFix    = "write it like '2026-12-01', '2026-12-01T18:00' or '2026-12-01T18:00:00+01:00'; without a zone it is UTC"
)

// badText tells of a text that cannot be a value of its neighbour; of an empty one it tells what is meant most likely.
func (c *checker) badText(at ast.Node, lit, beside *value, fix, format string, args ...any) {
	if lit.text == "" && beside.op == valAttr {
		c.emptyText(at, beside)
		return
	}
	c.bad(at, fix, format, args...)
}

func (c *checker) emptyText(at ast.Node, beside *value) {
	name := c.schema.names[beside.attr]
	c.bad(at, fmt.Sprintf("write `not has(%s)` for missing, `has(%s)` for present", name, name),
		"an empty value counts as missing, so `%s` is never equal to ''", name)
}

// textLiteral checks a text beside a string, of which some cannot have it.
func (c *checker) textLiteral(at ast.Node, lit, beside *value) *value {
	if beside.op != valAttr {
		return lit
	}
	if lit.text == "" {
		c.emptyText(at, beside)
		return nil
	}
	if low := strings.ToLower(lit.text); low != lit.text && (beside.attr == attrHost || c.schema.attrs[beside.attr].lower) {
		c.bad(at, fmt.Sprintf("write '%s'", low), "`%s` is always in lower case, so it is never equal to '%s'", c.schema.names[beside.attr], lit.text)
		return nil
	}
	return lit
}

// singleAddress reads one address as the network of itself, the zero Prefix if it is none.
func singleAddress(text string) netip.Prefix {
	ip, err := netip.ParseAddr(text)
	if err != nil || strings.Contains(text, "/") { // to ParseAddr the zone of fe80::1%eth0/64 is "eth0/64"
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	return netip.PrefixFrom(ip, ip.BitLen())
}

// timeLayouts are the forms of a time; one without a zone is UTC.
var timeLayouts = []string{
	time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04",
}

// parseTime reads a time. What nanoseconds since 1970 cannot hold (before 1678, after 2261) is given, but not ok.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, 1678 <= t.Year() && t.Year() <= 2261
		}
	}
	return time.Time{}, false
}
