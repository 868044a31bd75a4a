package match

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// parseCondition reads a condition. The mistakes have Part "when" and their column; Rule is left 0.
func parseCondition(s *Schema, text string) (*cond, []RuleError) {
	tree, err := parse(text)
	if err != nil {
		return nil, []RuleError{*err}
	}
	c := &checker{schema: s, text: []rune(text)}
	out := c.condition(tree)
	if out != nil && out.weight > MaxConditionSteps && len(c.errs) == 0 {
		c.errs = append(c.errs, RuleError{
			Part: "when", Column: 1,
			What: fmt.Sprintf("the condition takes more than %d steps", MaxConditionSteps), Fix: "split it over several rules",
		})
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return out, nil
}

// checker turns the parser's tree into conditions and values. It goes on after a mistake, so that all are found at once;
// what it gives is then of no use, and nil where a mistake was.
type checker struct {
	schema *Schema
	text   []rune
	errs   []RuleError
}

func (c *checker) bad(at ast.Node, fix, format string, args ...any) {
	e := RuleError{Part: "when", Column: at.Location().From + 1, What: fmt.Sprintf(format, args...), Fix: fix}
	// The middle of `'16' <= version < '18'` is in the tree twice.
	if len(c.errs) < maxConditionErrors && !slices.Contains(c.errs, e) {
		c.errs = append(c.errs, e)
	}
}

// condition checks a tree that has to be true, false or unknown.
func (c *checker) condition(tree ast.Node) *cond {
	v := c.value(tree)
	if v != nil && v.typ != Bool {
		switch {
		case v.op == valAttr:
			name := c.schema.names[v.attr]
			c.bad(tree, fmt.Sprintf("write `has(%s)`, or compare it", name), "%s is a value, not a condition", c.name(v))
		case v.op == valLiteral:
			c.bad(tree, "compare an attribute with it", "%s is a value, not a condition", c.name(v))
		default:
			c.bad(tree, "compare it with something", "%s is a value, not a condition", c.name(v))
		}
		return nil
	}
	return v.condition()
}

// boolean gives a condition the form of a value.
func boolean(c *cond) *value {
	if c == nil {
		return nil
	}
	return &value{op: valCond, typ: Bool, cond: c}
}

// value checks any tree.
func (c *checker) value(tree ast.Node) *value {
	switch n := tree.(type) {
	case *ast.BoolNode:
		return boolean(newConst(n.Value))
	case *ast.StringNode:
		return &value{op: valLiteral, typ: String, text: n.Value}
	case *ast.IntegerNode:
		return &value{op: valLiteral, typ: Int, num: orderInt(int64(n.Value))}
	case *ast.FloatNode:
		return &value{op: valLiteral, typ: Float, num: orderFloat(n.Value)}
	case *ast.IdentifierNode:
		if attr, ok := c.attribute(n); ok {
			return &value{op: valAttr, typ: c.schema.attrs[attr].typ, attr: attr}
		}
		return nil
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.choice(n)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.BuiltinNode:
		return c.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok {
			return c.call(n, id.Value, n.Arguments)
		}
	}
	c.unsupported(tree)
	return nil
}

func (c *checker) unary(n *ast.UnaryNode) *value {
	if n.Operator == "not" || n.Operator == "!" {
		v := c.value(n.Node)
		if v == nil {
			return nil
		}
		if v.typ != Bool {
			fix := "put the comparison into parentheses: `not (os == 'ios')`"
			if v.op == valAttr {
				name := c.schema.names[v.attr]
				fix = fmt.Sprintf("write `not has(%s)`, or put the comparison into parentheses: `not (%s == ...)`", name, name)
			}
			c.bad(n, fix, "`%s` negates a condition, and %s is a value", n.Operator, c.name(v))
			return nil
		}
		return boolean(newNot(v.condition()))
	}
	v := c.number(n.Node, n.Operator)
	if v == nil || n.Operator == "+" {
		return v
	}
	return c.fold(n, &value{op: valNeg, typ: v.typ, x: v})
}

func (c *checker) binary(n *ast.BinaryNode) *value {
	switch n.Operator {
	case "and", "&&":
		return boolean(join(condAnd, c.condition(n.Left), c.condition(n.Right)))
	case "or", "||":
		return boolean(join(condOr, c.condition(n.Left), c.condition(n.Right)))
	case "==", "!=", "<", "<=", ">", ">=":
		return boolean(c.comparison(n))
	case "in":
		return boolean(c.membership(n))
	case "contains", "startsWith", "endsWith":
		return boolean(c.textTest(n))
	case "matches":
		return boolean(c.matches(n))
	case "+", "-", "*", "/", "%", "**", "^":
		return c.arithmetic(n)
	}
	c.unsupported(n)
	return nil
}

// choice checks `c ? x : y`, also as `if c { x } else { y }`.
func (c *checker) choice(n *ast.ConditionalNode) *value {
	test, x, y := c.condition(n.Cond), c.value(n.Exp1), c.value(n.Exp2)
	if test == nil || x == nil || y == nil {
		return nil
	}
	if x.typ == Bool && y.typ == Bool {
		return boolean(newIf(test, x.condition(), y.condition()))
	}
	if x, y = c.unify(n, x, y, "`? :` chooses between"); x == nil {
		return nil
	}
	if x.typ == List {
		c.bad(n, "choose between conditions: `c ? 'a' in x : 'a' in y`", "`? :` chooses between lists")
		return nil
	}
	return c.nested(n, &value{op: valSelect, typ: x.typ, cond: test, x: x, y: y})
}

// unify gives two values one type: a literal that of the other side, and of a whole and a decimal number that of the
// latter. what opens the sentence if that cannot be.
func (c *checker) unify(at ast.Node, x, y *value, what string) (*value, *value) {
	switch {
	case x.typ == y.typ:
		return x, y
	case x.typ == Int && y.typ == Float:
		return c.float(x), y
	case x.typ == Float && y.typ == Int:
		return x, c.float(y)
	case x.isText():
		if x = c.coerce(at, x, y); x == nil {
			return nil, nil
		}
		return x, y
	case y.isText():
		if y = c.coerce(at, y, x); y == nil {
			return nil, nil
		}
		return x, y
	}
	c.bad(at, "use values of one type", "%s %s, %s, and %s, %s", what, c.name(x), x.typ.article(), c.name(y), y.typ.article())
	return nil, nil
}

// nested sets the depth of a value and refuses one that is too deep.
func (c *checker) nested(at ast.Node, v *value) *value {
	for _, x := range []*value{v.x, v.y} {
		if x != nil {
			v.depth = max(v.depth, x.depth+1)
		}
	}
	if v.depth > maxValueDepth {
		c.bad(at, "simplify it", "an expression nested more than %d deep", maxValueDepth)
		return nil
	}
	return v
}

// float makes a decimal number of a whole one.
func (c *checker) float(v *value) *value {
	if v.op == valLiteral {
		return &value{op: valLiteral, typ: Float, num: orderFloat(float64(intOf(v.num)))}
	}
	return &value{op: valFloat, typ: Float, x: v, depth: v.depth + 1}
}

// attribute finds an attribute by name, and says so if there is none.
func (c *checker) attribute(n *ast.IdentifierNode) (int, bool) {
	attr, ok := c.schema.byName[n.Value]
	switch {
	case ok:
	case n.Value == "$env":
		c.bad(n, "use attributes by their plain names", "`$env` is not supported")
	case isNothing(n.Value):
		c.bad(n, nothingFix, "`%s` is not supported", n.Value)
	default:
		fix := suggestAttribute(c.schema, n.Value)
		if slices.Contains(functionNames, n.Value) {
			fix = fmt.Sprintf("write `%s`", functions[n.Value].usage)
		}
		c.bad(n, fix, "unknown attribute `%s`", n.Value)
	}
	return attr, ok
}

// name gives a value as messages speak of it.
func (c *checker) name(v *value) string {
	switch v.op {
	case valAttr:
		return "`" + c.schema.names[v.attr] + "`"
	case valLiteral:
		return v.literal()
	case valCond:
		return "a condition"
	case valLower, valUpper, valTrim, valHash, valBucket, valLen, valAudience:
		return "`" + valueNames[v.op] + "(...)`"
	case valSlice:
		return "a slice"
	case valFloat:
		return c.name(v.x)
	}
	return "the result of `" + valueNames[v.op] + "`"
}

// literal prints a literal as it would be written.
func (v *value) literal() string {
	switch v.typ {
	case Int:
		return fmt.Sprint(intOf(v.num))
	case Float:
		return fmt.Sprint(floatOf(v.num))
	}
	return "'" + v.text + "'"
}

// isText tells whether a value is a text in quotes, or a choice between such.
func (v *value) isText() bool {
	return v.typ == String && (v.op == valLiteral || v.op == valSelect && v.x.isText() && v.y.isText())
}
