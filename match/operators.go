package match

import (
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// membership checks `in`; `not in` is the parser's not over it.
func (c *checker) membership(n *ast.BinaryNode) *cond {
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		return c.inLiterals(n, right)
	case *ast.BinaryNode:
		if right.Operator == ".." {
			return c.inRange(n, right)
		}
	case *ast.IdentifierNode:
		l, list := c.value(n.Left), c.value(right)
		if l == nil || list == nil {
			return nil
		}
		if list.typ == List {
			return c.inAttribute(n, l, list)
		}
	}
	switch right := n.Right.(type) {
	case *ast.MapNode:
		c.unsupported(right)
		return nil
	case *ast.StringNode:
		if _, wrong, _ := parseNetwork(right.Value); wrong != "" {
			break
		}
		if l := c.value(n.Left); l != nil && l.typ == IP && l.op == valAttr {
			c.bad(right, fmt.Sprintf("write `cidr(%s, '%s')`", c.schema.names[l.attr], right.Value), "the right side of `in` is not a list")
			return nil
		}
	}
	c.bad(n.Right, "write it as `in ['a', 'b']`", "the right side of `in` is not a list")
	return nil
}

// inAttribute checks 'beta' in groups, where groups is a list.
func (c *checker) inAttribute(n *ast.BinaryNode, l, list *value) *cond {
	switch {
	case l.typ != String:
		c.bad(n.Left, "put a text there, as in `'beta' in groups`", "a list holds texts, and %s is %s", c.name(l), l.typ.article())
		return nil
	case l.op == valLiteral:
		if l = c.textLiteral(n.Left, l, list); l == nil {
			return nil
		}
		t := newTest(opListHas, list)
		t.texts = []string{l.text}
		return t
	}
	t := newTest(opListHasReg, list)
	t.y = l
	return t
}

// inLiterals checks x in ['a', 'b'].
func (c *checker) inLiterals(n *ast.BinaryNode, list *ast.ArrayNode) *cond {
	l := c.value(n.Left)
	if l != nil && l.op == valLiteral {
		c.bad(n.Left, "put an attribute there", "the left side of `in` is a literal")
		l = nil
	}
	if l != nil && (l.typ == Bool || l.typ == List || l.typ == instant) {
		c.bad(n.Left, "compare it by itself", "`in` finds texts, versions, numbers and addresses, and %s is %s", c.name(l), l.typ.article())
		l = nil
	}
	var items []*value
	for _, e := range list.Nodes {
		if item := c.item(e, l); item != nil {
			items = append(items, item)
		}
	}
	if l == nil || len(items) < len(list.Nodes) {
		return nil
	}
	return listTest(l, items)
}

// item checks an element of a list; l is what is looked for, nil if that was wrong.
func (c *checker) item(e ast.Node, l *value) *value {
	if id, ok := e.(*ast.IdentifierNode); ok {
		if c.knows(id) {
			c.bad(e, "write the values themselves, or compare with ==", "a list of `in` holds literals, and `%s` is an attribute", id.Value)
		} else {
			c.bad(e, fmt.Sprintf("write it in quotes: '%s'", id.Value), "a list of `in` holds literals, and `%s` is not in quotes", id.Value)
		}
		return nil
	}
	item := c.value(e)
	switch {
	case item == nil || l == nil:
		return nil
	case item.op != valLiteral:
		c.bad(e, "write the values themselves", "a list of `in` holds literals, and %s is none", c.name(item))
		return nil
	case l.typ == Int && item.typ == Float:
		c.bad(e, "write whole numbers", "%s is an int, and never equal to %s", c.name(l), item.literal())
		return nil
	}
	return c.coerce(e, item, l)
}

// listTest is x in items, all of them literals of x's type.
func listTest(x *value, items []*value) *cond {
	var t *cond
	switch x.typ {
	case String:
		t = newTest(opTextIn, x)
		for _, i := range items {
			t.texts = append(t.texts, i.text)
		}
	case Version:
		t = newTest(opVerIn, x)
		for _, i := range items {
			v, _ := parseVersion([]byte(i.text))
			t.versions = append(t.versions, v)
		}
		slices.SortFunc(t.versions, func(a, b version) int { return a.compare(&b) })
	case IP:
		t = newTest(opIPIn, x)
		var all []netip.Prefix
		for _, i := range items {
			all = append(all, singleAddress(i.text))
		}
		t.networks = newAddressSet(all)
	default:
		t = newTest(opNumIn, x)
		for _, i := range items {
			t.nums = append(t.nums, i.num)
		}
		slices.Sort(t.nums)
	}
	return t
}

// inRange checks x in 18..25, both ends included.
func (c *checker) inRange(n, r *ast.BinaryNode) *cond {
	x, from, to := c.value(n.Left), c.value(r.Left), c.value(r.Right)
	if x == nil || from == nil || to == nil {
		return nil
	}
	switch {
	case from.op != valLiteral || to.op != valLiteral || from.typ != Int || to.typ != Int:
		c.bad(r, "write it like 18..25, or with <= on both sides", "`..` stands between two whole numbers")
	case x.op == valLiteral:
		c.bad(n.Left, "put an attribute there", "the left side of `in` is a literal")
	case x.typ != Int:
		c.bad(n, "write it with <= on both sides", "`..` holds whole numbers, and %s is %s", c.name(x), x.typ.article())
	case from.num > to.num:
		c.bad(r, "put the smaller number first", "nothing lies between %s and %s", from.literal(), to.literal())
	default:
		least, most := newTest(opNumGe, x), newTest(opNumLe, x)
		least.nums, most.nums = []uint64{from.num}, []uint64{to.num}
		return join(condAnd, least, most)
	}
	return nil
}

// textTest checks startsWith, endsWith and contains.
func (c *checker) textTest(n *ast.BinaryNode) *cond {
	x, y := c.value(n.Left), c.value(n.Right)
	if x == nil || y == nil || !c.isString(n, n.Operator, x) {
		return nil
	}
	if y.typ != String {
		c.bad(n.Right, "put a text there", "`%s` looks for a text, and %s is %s", n.Operator, c.name(y), y.typ.article())
		return nil
	}
	op := map[string]opcode{"startsWith": opPrefix, "endsWith": opSuffix, "contains": opContains}[n.Operator]
	if y.op == valLiteral {
		if x.op == valLiteral {
			c.bad(n, "put an attribute on one side", "`%s` compares two literals", n.Operator)
			return nil
		}
		if y.text == "" && x.op == valAttr {
			name := c.schema.names[x.attr]
			c.bad(n.Right, fmt.Sprintf("write `has(%s)` if presence is meant", name), "every text has an empty one in it")
			return nil
		}
		if y.text != "" {
			if y = c.textLiteral(n.Right, y, x); y == nil {
				return nil
			}
		}
		t := newTest(op, x)
		t.texts = []string{y.text}
		return t
	}
	t := newTest(op+(opPrefixReg-opPrefix), x)
	t.y = y
	t.weight = min(t.weight+y.weight(), maxWeight)
	return t
}

// isString makes sure that an operator or function for texts has one, and knows what is meant most likely.
func (c *checker) isString(at ast.Node, what string, x *value) bool {
	if x.typ == String {
		return true
	}
	fix := "declare it with `type: string`"
	name := "x"
	if x.op == valAttr {
		name = c.schema.names[x.attr]
	}
	switch x.typ {
	case IP:
		fix = fmt.Sprintf("write `cidr(%s, '10.0.0.0/8')`", name)
	case Version:
		fix = fmt.Sprintf("write `matches_version(%s, '^17.2')`, or compare it", name)
	case List:
		fix = fmt.Sprintf("write `'beta' in %s`", name)
	case Int, Float, instant:
		fix = "compare it with <, <=, >=, >"
	case Bool:
		fix = "use the condition by itself"
	}
	c.bad(at, fix, "`%s` reads texts, and %s is %s", what, c.name(x), x.typ.article())
	return false
}

// matches checks x matches 'pattern'.
func (c *checker) matches(n *ast.BinaryNode) *cond {
	x := c.value(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if !ok {
		c.bad(n.Right, "write a regular expression in quotes", "the right side of `matches` is not a literal")
		return nil
	}
	re, what, fix := compilePattern(pattern.Value)
	if re == nil {
		c.bad(pattern, fix, "%s", what)
		return nil
	}
	if x == nil || !c.isString(n, "matches", x) {
		return nil
	}
	if x.op == valLiteral {
		c.bad(n.Left, "put an attribute there", "the left side of `matches` is a literal")
		return nil
	}
	t := newTest(opMatches, x)
	t.pattern = re
	return t
}

// number checks an operand of arithmetic.
func (c *checker) number(tree ast.Node, op string) *value {
	v := c.value(tree)
	if v == nil || v.typ == Int || v.typ == Float {
		return v
	}
	fix := "use numbers, or attributes of `type: int` or float"
	if v.typ == String && op == "+" {
		fix = "texts cannot be joined: compare each by itself"
	}
	c.bad(tree, fix, "`%s` calculates, and %s is %s", op, c.name(v), v.typ.article())
	return nil
}

// arithmetic checks + - * / % ** and ^.
func (c *checker) arithmetic(n *ast.BinaryNode) *value {
	x, y := c.number(n.Left, n.Operator), c.number(n.Right, n.Operator)
	if x == nil || y == nil {
		return nil
	}
	v := &value{x: x, y: y}
	switch n.Operator {
	case "+":
		v.op = valAdd
	case "-":
		v.op = valSub
	case "*":
		v.op = valMul
	case "%":
		v.op = valMod
		if x.typ != Int || y.typ != Int {
			c.bad(n, "use whole numbers", "`%%` calculates with ints, and one side is a float")
			return nil
		}
	case "/":
		v.op = valDiv
	default:
		v.op = valPow
	}
	v.typ = Int
	if v.op == valDiv || v.op == valPow || x.typ == Float || y.typ == Float {
		v.typ = Float
		if x.typ == Int {
			v.x = c.float(x)
		}
		if y.typ == Int {
			v.y = c.float(y)
		}
	}
	return c.fold(n, v)
}

// fold calculates what has literals only.
func (c *checker) fold(at ast.Node, v *value) *value {
	if v.x.op != valLiteral || v.y != nil && v.y.op != valLiteral {
		return c.nested(at, v)
	}
	var y uint64
	if v.y != nil {
		y = v.y.num
	}
	num, ok := calculate(v.op, v.typ, v.x.num, y)
	if !ok {
		c.bad(at, "use other numbers", "the result of `%s` is no number", valueNames[v.op])
		return nil
	}
	return &value{op: valLiteral, typ: v.typ, num: num}
}

// calculate gives the result of arithmetic on numbers by order. False: there is none (division by zero, overflow).
func calculate(op valueOp, typ Type, x, y uint64) (num uint64, ok bool) {
	if typ == Int {
		var n int64
		n, ok = calculateInt(op, intOf(x), intOf(y))
		return orderInt(n), ok
	}
	a, b := floatOf(x), floatOf(y)
	switch op {
	case valNeg:
		a = -a
	case valAdd:
		a += b
	case valSub:
		a -= b
	case valMul:
		a *= b
	case valDiv:
		a /= b
	case valPow:
		a = math.Pow(a, b)
	}
	return orderFloat(a), isFinite(a)
}

func calculateInt(op valueOp, a, b int64) (n int64, ok bool) {
	switch op {
	case valNeg:
		return -a, a != math.MinInt64
	case valAdd:
		n = a + b
		return n, (n > a) == (b > 0)
	case valSub:
		n = a - b
		return n, (n < a) == (b > 0)
	case valMul:
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		n = a * b
		return n, hi == 0 && (lo < signBit || lo == signBit && n == math.MinInt64 && (a < 0) != (b < 0))
	case valMod:
		if b == 0 || b == -1 {
			return 0, b != 0
		}
		return a % b, true
	}
	panic(fmt.Sprintf("BUG: no arithmetic on ints: %d", op))
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// slice checks text[from:to], whose bounds count bytes and are literals; negative ones count from the end.
func (c *checker) slice(n *ast.SliceNode) *value {
	x := c.value(n.Node)
	v := &value{op: valSlice, typ: String, x: x, toEnd: n.To == nil}
	ok := true
	for _, b := range []struct {
		tree ast.Node
		to   *int
	}{{n.From, &v.from}, {n.To, &v.to}} {
		if b.tree == nil {
			continue
		}
		bound := c.value(b.tree)
		if bound == nil || bound.op != valLiteral || bound.typ != Int || intOf(bound.num) != int64(int32(intOf(bound.num))) {
			c.bad(b.tree, "write it like `os[0:3]`", "a bound of `[ : ]` is not a whole number")
			ok = false
			continue
		}
		*b.to = int(intOf(bound.num))
	}
	if x == nil || !ok || !c.isString(n, "[ : ]", x) {
		return nil
	}
	if x.op == valLiteral {
		c.bad(n, "write the part itself", "a slice of a literal")
		return nil
	}
	return c.nested(n, v)
}
