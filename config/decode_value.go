package config

import (
	"math"

	"github.com/goccy/go-yaml/ast"
)

// anything reads a value of any shape into what JSON has: nil, bool, int64, float64, string, []any, map[string]any. False
// if a part of it could not be read, which has been told then.
func (d *decoder) anything(n ast.Node, of string) (any, bool) {
	if _, null := n.(*ast.NullNode); null {
		return nil, true
	}
	switch n := bare(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		out, whole := map[string]any{}, true
		ok := d.entries(n, of, func(_ ast.Node, name string, value ast.Node) {
			v, ok := d.anything(value, quoted(name))
			out[name] = v
			whole = whole && ok
		})
		return out, whole && ok
	case *ast.SequenceNode:
		out, whole := make([]any, 0, len(n.Values)), true
		for _, v := range n.Values {
			x, ok := d.anything(v, "an entry of "+of)
			out = append(out, x)
			whole = whole && ok
		}
		return out, whole
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return v, true
		case uint64:
			if v <= math.MaxInt64 {
				return int64(v), true
			}
		}
		d.fail(place(n), problem{What: "number " + quoted(n.GetToken().Value) + " has more than 64 bits", Fix: "write less, or put it in quotes"})
		return nil, false
	case *ast.FloatNode:
		if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
			d.fail(place(n), problem{What: "number " + quoted(n.GetToken().Value) + " is too large", Fix: "write less, or put it in quotes"})
			return nil, false
		}
		return n.Value, true
	case *ast.InfinityNode, *ast.NanNode:
		d.wrongType(n, of, "a value that JSON has", "put it in quotes: \""+n.GetToken().Value+"\"")
	}
	return nil, false
}

// nodeAt follows a path of keys and indexes, as JSON has them, into a value; as far as it goes.
func nodeAt(n ast.Node, path []string) ast.Node {
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// child is the entry of a mapping or a list with a key or an index; nil if there is none.
func child(n ast.Node, step string) ast.Node {
	var values []*ast.MappingValueNode
	switch n := bare(n).(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.SequenceNode:
		at := 0
		for _, c := range []byte(step) {
			if c < '0' || c > '9' || at > len(n.Values) {
				return nil
			}
			at = at*10 + int(c-'0')
		}
		if at < len(n.Values) {
			return n.Values[at]
		}
		return nil
	}
	for _, v := range values {
		if k, ok := bare(v.Key).(*ast.StringNode); ok && k.Value == step {
			return v.Value
		}
	}
	return nil
}
