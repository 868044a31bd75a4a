package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder reads typed fields out of a YAML tree. A value that cannot be understood is told and left out, and
// decoding goes on: one pass finds every mistake.
type decoder struct{ *source }

// key is one key of a mapping and what reads its value.
type key struct {
	name string
	read func(n ast.Node)
}

// object reads a mapping whose keys are known. of says what it is, for messages ("a route"). False if n is none.
// A key that is nearly a known one is told, and then read as if it were that: its value may have mistakes
// of its own, and the known key is not missing.
func (d *decoder) object(n ast.Node, of string, keys ...key) bool {
	names := keyNames(keys)
	nearly := map[string]ast.Node{}
	ok := d.entries(n, of, func(k ast.Node, name string, value ast.Node) {
		at := slices.Index(names, name)
		if at >= 0 {
			names[at] = "" // read; no guess may read it again
			d.needValue(value, name)
			keys[at].read(value)
			return
		}
		p := problem{What: fmt.Sprintf("unknown key %s in %s", quoted(name), of)}
		first, rest, colon := strings.Cut(name, ":")
		if near := d.guesses.nearest(name, names); near != "" {
			p.Fix = "did you mean " + near + "?"
			d.needValue(value, near)
			nearly[near] = value
		} else if colon && slices.Contains(names, first) {
			p.Fix = "put a space behind the colon: " + first + ": " + rest
			nearly[first] = ast.Null(k.GetToken())
		} else {
			p.Fix = "known here: " + strings.Join(keyNames(keys), ", ")
		}
		d.fail(place(k), p)
	})
	for at, name := range names {
		if value, guessed := nearly[name]; guessed && name != "" {
			keys[at].read(value)
		}
	}
	return ok
}

func keyNames(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

// entries goes through a mapping in order, telling of repeated keys and of those that are no text. False if n is no
// mapping, or not all of its keys could be read.
func (d *decoder) entries(n ast.Node, of string, each func(k ast.Node, name string, value ast.Node)) bool {
	var values []*ast.MappingValueNode
	switch n := bare(n).(type) {
	case nil:
		return false
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.wrongType(n, of, "keys and values", "")
		return false
	}
	whole := true
	first := make(map[string]Pos, len(values))
	for _, v := range values {
		k := bare(v.Key)
		if k == nil || k.Type() == ast.MergeKeyType || k.Type() == ast.MappingKeyType {
			whole = false // told by checkTokens; what it stands for is not known
			continue
		}
		s, ok := k.(*ast.StringNode)
		if !ok {
			d.wrongType(k, "a key", "text", `put it in quotes: "`+k.GetToken().Value+`"`)
			continue
		}
		if at, again := first[s.Value]; again {
			d.fail(place(k), problem{
				What: fmt.Sprintf("key %s is here twice", quoted(s.Value)),
				Why:  fmt.Sprintf("it is in line %d already, and only one of the two can count", at.Line),
				Fix:  "delete one",
			})
			continue
		}
		first[s.Value] = place(k)
		each(k, s.Value, v.Value)
	}
	return whole
}

// needValue tells of a key or an entry without a value. Its reader makes a field of it that is written, and bad.
func (d *decoder) needValue(n ast.Node, name string) {
	if _, null := n.(*ast.NullNode); null {
		d.fail(place(n), problem{What: name + " has no value", Fix: "give it one, or delete it"})
	}
}

// list reads a sequence. wrap, if not empty, is how to turn a single value into one, with %s for the value.
func list[T any](d *decoder, n ast.Node, of, wrap string, read func(n ast.Node) (T, bool)) Field[[]T] {
	f := Field[[]T]{At: place(n), node: n}
	seq, ok := bare(n).(*ast.SequenceNode)
	if !ok {
		fix := ""
		if s, scalar := bare(n).(ast.ScalarNode); scalar && wrap != "" {
			fix = "write " + fmt.Sprintf(wrap, s.GetToken().Value)
		}
		d.wrongType(n, of, "a list", fix)
		f.Bad = true
		return f
	}
	f.Set = true
	for _, v := range seq.Values {
		d.needValue(v, "an entry of "+of)
		if t, ok := read(v); ok {
			f.Value = append(f.Value, t)
		} else {
			f.Bad = true
		}
	}
	return f
}

// hostPort is what an address must be.
const hostPort = "host:port"

// scalar reads a value from its text by parse. want says what it must be; where that is "text", a number
// without quotes is refused, since YAML could print it back as another.
func scalar[T any](d *decoder, n ast.Node, of, want string, parse func(text string) (T, *problem)) Field[T] {
	f := Field[T]{At: place(n), node: bare(n), Bad: true}
	var text string
	switch s := f.node.(type) {
	case nil:
		return f
	case *ast.StringNode:
		text = s.Value
	case *ast.LiteralNode:
		text = s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		if want == "text" {
			d.wrongType(n, of, want, `put it in quotes: "`+s.GetToken().Value+`"`)
			return f
		}
		text = s.GetToken().Value
	default:
		fix := ""
		if want == hostPort {
			fix = `an IPv6 address needs quotes: "[::1]:8080"`
		}
		d.wrongType(n, of, want, fix)
		return f
	}
	v, p := parse(text)
	if p != nil {
		d.fail(f.At, *p)
		return f
	}
	f.Value, f.Set, f.Bad = v, true, false
	return f
}

// text reads a text value.
func (d *decoder) text(n ast.Node, of string) Field[string] {
	return scalar(d, n, of, "text", func(s string) (string, *problem) { return s, nil })
}

// number makes sure that n is a number written as one: in quotes it would be text.
func (d *decoder) number(n ast.Node, of string) bool {
	if s, ok := bare(n).(*ast.StringNode); ok && (s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType) {
		d.wrongType(n, of, "a number", "take the quotes away")
		return false
	}
	return true
}

// wrongType says what stands where something else should.
func (d *decoder) wrongType(n ast.Node, of, want, fix string) {
	if bare(n) == nil {
		return
	}
	d.fail(place(n), problem{What: fmt.Sprintf("%s must be %s, not %s", of, want, kind(n)), Fix: fix})
}

// isWord reports whether n is the plain word w.
func isWord(n ast.Node, w string) bool {
	s, ok := bare(n).(*ast.StringNode)
	return ok && s.Value == w
}

// kind names the type of a node as a reader of YAML would.
func kind(n ast.Node) string {
	switch bare(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "text"
}

// bare is the value behind an anchor or a tag; nil for what has none of its own: an alias, a null. All
// of these are told elsewhere, by checkTokens or needValue.
func bare(n ast.Node) ast.Node {
	for range MaxDepth {
		switch t := n.(type) {
		case *ast.AnchorNode:
			n = t.Value
		case *ast.TagNode:
			n = t.Value
		case *ast.AliasNode, *ast.NullNode, nil:
			return nil
		default:
			return n
		}
	}
	return nil
}
