package match

import (
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Expression is a condition, or a part of one, as it came out for a request.
type Expression struct {
	Text     string       `json:"text"`
	Operator string       `json:"operator,omitempty"` // that joins the parts: and, or, not, ==, != or "? :"; "" for a test of values
	Outcome  Outcome      `json:"outcome"`
	Values   []Seen       `json:"values,omitempty"` // of a test: its attributes, then what it computes of them
	Parts    []Expression `json:"parts,omitempty"`  // conditions in it, in order; `a and b and c` has three
}

// Seen is a value that a test looked at.
type Seen struct {
	Expression string  `json:"expression"` // an attribute's name, or what is computed
	Value      *string `json:"value"`      // nil: it is missing
}

// ExplainCondition says how a condition comes out for a request, and every condition in it. Of conditions with more than
// maxExplainedParts parts the last ones are left out; a long part counts as several. The mistakes are those of [CompileRules].
func ExplainCondition(s *Schema, when string, a *Attributes) (Expression, []RuleError) {
	if _, errs := parseCondition(s, when); errs != nil {
		return Expression{}, errs
	}
	tree, err := parse(when)
	if err != nil {
		return Expression{}, []RuleError{*err}
	}
	e := &explainer{schema: s, source: newSource(when), attributes: a, left: maxExplainedParts}
	return e.condition(tree), nil
}

// Failed gives the smallest parts that keep the expression from being true: nothing if it is true.
func (x *Expression) Failed() []Expression {
	if x.Outcome == True {
		return nil
	}
	var out []Expression
	switch x.Operator {
	case "and", "or":
		for i := range x.Parts {
			out = append(out, x.Parts[i].Failed()...)
		}
	case "? :":
		if len(x.Parts) == 3 {
			switch x.Parts[0].Outcome {
			case True:
				out = x.Parts[1].Failed()
			case False:
				out = x.Parts[2].Failed()
			default:
				out = x.Parts[0].Failed()
			}
		}
	}
	if out == nil {
		whole := *x
		whole.Values, whole.Parts = x.AllValues(), nil
		return []Expression{whole}
	}
	return out
}

// AllValues gives the values of the expression and of its parts, each once.
func (x *Expression) AllValues() []Seen {
	out := slices.Clone(x.Values)
	for i := range x.Parts {
		for _, v := range x.Parts[i].AllValues() {
			if !slices.ContainsFunc(out, func(s Seen) bool { return s.Expression == v.Expression }) {
				out = append(out, v)
			}
		}
	}
	return out
}

// explainer takes a condition apart.
type explainer struct {
	schema     *Schema
	source     conditionText
	attributes *Attributes
	left       int // parts that may still be told
}

// condition explains a tree that is a condition.
func (e *explainer) condition(tree ast.Node) Expression {
	c := e.checker().condition(tree)
	out := Expression{Text: e.source.of(tree), Outcome: c.outcome(e.schema, e.attributes)}
	e.left -= 1 + len(out.Text)/explainedBytes
	var parts []ast.Node
	out.Operator, parts = e.parts(tree)
	if out.Operator == "" {
		out.Values = e.values(tree)
		parts = tests(tree)
	}
	for _, p := range parts {
		if e.left <= 0 {
			break
		}
		out.Parts = append(out.Parts, e.condition(p))
	}
	return out
}

func (e *explainer) checker() *checker { return &checker{schema: e.schema, text: e.source.text} }

// parts gives the conditions that a condition is joined of, and by what. A test of values has none.
func (e *explainer) parts(tree ast.Node) (operator string, parts []ast.Node) {
	switch n := tree.(type) {
	case *ast.UnaryNode:
		if (n.Operator == "not" || n.Operator == "!") && !e.source.isInfixNot(n) {
			return "not", []ast.Node{n.Node}
		}
	case *ast.ConditionalNode:
		return "? :", []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return "and", chain(n, "and", "&&")
		case "or", "||":
			return "or", chain(n, "or", "||")
		case "==", "!=":
			joins := false // a condition, and not values alone such as two bools
			for _, side := range []ast.Node{n.Left, n.Right} {
				v := e.checker().value(side)
				if v == nil || v.typ != Bool || v.op == valCond && v.cond.kind == condConst {
					continue
				}
				joins = joins || v.op == valCond
				parts = append(parts, side)
			}
			if joins {
				return n.Operator, parts
			}
		}
	}
	return "", nil
}

// chain gives the operands of the same operator in a row.
func chain(tree ast.Node, operators ...string) []ast.Node {
	n, ok := tree.(*ast.BinaryNode)
	if !ok || !slices.Contains(operators, n.Operator) {
		return []ast.Node{tree}
	}
	return append(chain(n.Left, operators...), chain(n.Right, operators...)...)
}

// tests gives the conditions of choices between values in a tree: that of (beta ? os : country) == 'ios' is beta.
func tests(tree ast.Node) (out []ast.Node) {
	if n, ok := tree.(*ast.ConditionalNode); ok {
		return append(append([]ast.Node{n.Cond}, tests(n.Exp1)...), tests(n.Exp2)...)
	}
	for _, child := range children(tree) {
		out = append(out, tests(child)...)
	}
	return out
}

// children gives the operands of a node.
func children(tree ast.Node) (out []ast.Node) {
	switch n := tree.(type) {
	case *ast.UnaryNode:
		out = []ast.Node{n.Node}
	case *ast.BinaryNode:
		out = []ast.Node{n.Left, n.Right}
	case *ast.ConditionalNode:
		out = []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.SliceNode:
		out = []ast.Node{n.Node, n.From, n.To}
	case *ast.BuiltinNode:
		out = n.Arguments
	case *ast.CallNode:
		out = n.Arguments
	case *ast.ArrayNode:
		out = n.Nodes
	}
	return slices.DeleteFunc(slices.Clone(out), func(child ast.Node) bool { return child == nil })
}

// values gives what a test looks at: the attributes in it, then what is computed of them.
func (e *explainer) values(tree ast.Node) (out []Seen) {
	add := func(name string, value *string) {
		if !slices.ContainsFunc(out, func(s Seen) bool { return s.Expression == name }) {
			out = append(out, Seen{name, value})
		}
	}
	var attributes func(ast.Node)
	attributes = func(n ast.Node) {
		if id, ok := n.(*ast.IdentifierNode); ok {
			if attr, ok := e.schema.byName[id.Value]; ok {
				add(id.Value, printed(e.attributes.Value(attr)))
			}
		}
		for _, child := range children(n) {
			attributes(child)
		}
	}
	attributes(tree)
	if n, ok := tree.(*ast.UnaryNode); ok {
		tree = n.Node
	}
	for _, side := range children(tree) {
		if v := e.checker().value(side); v != nil && v.op != valAttr && v.op != valLiteral && v.op != valCond {
			add(e.source.of(side), e.compute(v))
		}
	}
	return out
}

// printed gives a text as a value, nil if it is missing.
func printed(text []byte) *string {
	if text == nil {
		return nil
	}
	out := string(text)
	return &out
}

// compute gives a value as the machine computes it, nil if it is missing.
func (e *explainer) compute(v *value) *string {
	g := newGenerator(e.schema)
	reg := g.register(v)
	rs := &RuleSet{schema: e.schema, prog: g.finish()}
	a, p := e.attributes, &rs.prog
	a.enter(p)
	if !a.known(p, rs.NewState(), reg) {
		return nil
	}
	s := &a.slots[reg]
	switch v.typ {
	case Int, Float, Bool:
		out := printNumber(v.typ, s.num)
		return &out
	case instant:
		out := time.Unix(0, intOf(s.num)).UTC().Format(time.RFC3339Nano)
		return &out
	}
	return printed(append([]byte{}, s.text...))
}
