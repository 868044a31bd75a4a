package match

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/expr-lang/expr/ast"
)

// kleene is a value of Kleene's strong three-valued logic.
type kleene int

const (
	isFalse kleene = iota - 1
	unknown
	isTrue
)

func (k kleene) String() string { return [...]string{"false", "unknown", "true"}[k+1] }

// kleeneOf takes what the interpreter gives for a condition: a bool, or nil.
func kleeneOf(v any) kleene {
	switch v {
	case nil:
		return unknown
	case true:
		return isTrue
	}
	return isFalse
}

// facts are the attributes of a request as plain text: the world of the oracle.
type facts map[string]string

// factFields are the attributes of wideSchema, their types and their header fields.
var factFields = []struct {
	name  string
	typ   Type
	field string
}{
	{"tag", String, "X-Gray-Tag"}, {"userid", String, "X-User-Id"}, {"os", String, "X-OS"}, {"country", String, "X-Country"},
	{"version", Version, "X-App-Version"}, {"sdk", Version, "X-SDK"}, {"age", Int, "X-Age"}, {"year", Int, "X-Year"},
	{"score", Float, "X-Score"}, {"beta", Bool, "X-Beta"}, {"staff", Bool, "X-Staff"}, {"device", IP, "X-Device"},
	{"groups", List, "X-Groups"},
}

// factsNow is the time of all facts.
var factsNow = time.Date(2026, 12, 10, 12, 0, 0, 0, time.UTC)

// load fills a from the facts.
func (f facts) load(a *Attributes, s *Schema) {
	a.Reset(s)
	a.SetTime(factsNow)
	for _, at := range factFields {
		if v, ok := f[at.name]; ok {
			a.AddHeader([]byte(at.field), []byte(v))
		}
	}
}

// plainText is a version as the interpreter has it.
type plainText string

// get gives an attribute by its type; nil if it is missing, be it for want of a value or because the value is none.
func (f facts) get(name string) any {
	v := f[name]
	for _, at := range factFields {
		if at.name != name || v == "" {
			continue
		}
		switch at.typ {
		case Version:
			if _, ok := plainVersion(v, "0"); ok {
				return plainText(v)
			}
			return nil
		case Int:
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				return n
			}
			return nil
		case Float:
			if x, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) && !strings.Contains(v, "_") {
				return x
			}
			return nil
		case Bool:
			switch strings.ToLower(v) {
			case "true", "1":
				return true
			case "false", "0":
				return false
			}
			return nil
		case IP:
			if ip, err := netip.ParseAddr(v); err == nil {
				return ip.Unmap().WithZone("")
			}
			return nil
		case List:
			var out []string
			for e := range strings.SplitSeq(v, ",") {
				if e = strings.Trim(e, " \t"); e != "" {
					out = append(out, e)
				}
			}
			if out == nil {
				return nil
			}
			return out
		}
		return v
	}
	if name == "now" {
		return factsNow
	}
	return nil
}

// eval walks the tree of an expression that is known to compile: the oracle for checker, generator and VM. It gives nil for
// what is missing or unknown, else a string, plainText, int64, float64, bool, netip.Addr, []string or time.Time.
func (f facts) eval(tree ast.Node) any {
	switch n := tree.(type) {
	case *ast.BoolNode:
		return n.Value
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return int64(n.Value)
	case *ast.FloatNode:
		return n.Value
	case *ast.IdentifierNode:
		return f.get(n.Value)
	case *ast.UnaryNode:
		switch v := f.eval(n.Node).(type) {
		case bool:
			return !v
		case int64:
			if n.Operator == "+" {
				return v
			}
			return plainArithmetic("-", int64(0), v)
		case float64:
			if n.Operator == "+" {
				return v
			}
			return -v
		}
		return nil
	case *ast.ConditionalNode:
		switch f.eval(n.Cond) {
		case true:
			return f.eval(n.Exp1)
		case false:
			return f.eval(n.Exp2)
		}
		return nil
	case *ast.SliceNode:
		return f.slice(n)
	case *ast.BuiltinNode:
		return f.function(n.Name, n.Arguments)
	case *ast.CallNode:
		return f.function(n.Callee.(*ast.IdentifierNode).Value, n.Arguments)
	case *ast.BinaryNode:
		return f.binary(n)
	}
	panic(fmt.Sprintf("BUG: node %T", tree))
}

func (f facts) binary(n *ast.BinaryNode) any {
	switch n.Operator {
	case "and", "&&":
		return fromKleene(min(kleeneOf(f.eval(n.Left)), kleeneOf(f.eval(n.Right))))
	case "or", "||":
		return fromKleene(max(kleeneOf(f.eval(n.Left)), kleeneOf(f.eval(n.Right))))
	case "in":
		return f.in(n)
	}
	x, y := f.eval(n.Left), f.eval(n.Right)
	if x == nil || y == nil {
		return nil
	}
	switch n.Operator {
	case "contains":
		return strings.Contains(x.(string), y.(string))
	case "startsWith":
		return strings.HasPrefix(x.(string), y.(string))
	case "endsWith":
		return strings.HasSuffix(x.(string), y.(string))
	case "matches":
		return regexp.MustCompile(y.(string)).MatchString(x.(string))
	case "+", "-", "*", "/", "%", "**", "^":
		return plainArithmetic(n.Operator, x, y)
	}
	return plainCompare(n.Operator, x, y)
}

func fromKleene(k kleene) any {
	if k == unknown {
		return nil
	}
	return k == isTrue
}

func (f facts) in(n *ast.BinaryNode) any {
	x := f.eval(n.Left)
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		if x == nil {
			return nil
		}
		return slices.ContainsFunc(right.Nodes, func(e ast.Node) bool { return plainCompare("==", x, f.eval(e)) == true })
	case *ast.BinaryNode:
		if x == nil {
			return nil
		}
		return f.eval(right.Left).(int64) <= x.(int64) && x.(int64) <= f.eval(right.Right).(int64)
	}
	list := f.eval(n.Right)
	if x == nil || list == nil {
		return nil
	}
	return slices.Contains(list.([]string), x.(string))
}

// plainCompare compares two present values; a text beside something else is a literal of its type.
func plainCompare(op string, x, y any) any {
	c := 0
	switch {
	case isPlain[bool](x):
		if x != y {
			c = 1
		}
	case isPlain[plainText](x) || isPlain[plainText](y):
		c, _ = plainVersion(fmt.Sprint(x), fmt.Sprint(y))
	case isPlain[time.Time](x) || isPlain[time.Time](y):
		c = plainTime(x).Compare(plainTime(y))
	case isPlain[netip.Addr](x) || isPlain[netip.Addr](y):
		if plainAddress(x) != plainAddress(y) {
			c = 1
		}
	case isPlain[float64](x) || isPlain[float64](y):
		c = cmpFloat(plainFloat(x), plainFloat(y))
	case isPlain[int64](x):
		c = big.NewInt(x.(int64)).Cmp(big.NewInt(y.(int64)))
	case x != y:
		c = 1
	}
	return map[string]bool{"==": c == 0, "!=": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
}

func isPlain[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

func plainTime(v any) time.Time {
	if t, ok := v.(time.Time); ok {
		return t
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, v.(string)); err == nil {
			return t
		}
	}
	panic(fmt.Sprintf("BUG: time %v", v))
}

func plainAddress(v any) netip.Addr {
	if ip, ok := v.(netip.Addr); ok {
		return ip
	}
	return netip.MustParseAddr(v.(string)).Unmap().WithZone("")
}

func plainFloat(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

func cmpFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// plainArithmetic calculates with big integers, and gives nil for what has no result in 64 bits.
func plainArithmetic(op string, x, y any) any {
	if m, ok := x.(int64); ok && isPlain[int64](y) && op != "/" && op != "**" && op != "^" {
		a, b, out := big.NewInt(m), big.NewInt(y.(int64)), new(big.Int)
		switch op {
		case "+":
			out.Add(a, b)
		case "-":
			out.Sub(a, b)
		case "*":
			out.Mul(a, b)
		case "%":
			if b.Sign() == 0 {
				return nil
			}
			out.Rem(a, b)
		}
		if !out.IsInt64() {
			return nil
		}
		return out.Int64()
	}
	a, b := plainFloat(x), plainFloat(y)
	switch op {
	case "+":
		a += b
	case "-":
		a -= b
	case "*":
		a *= b
	case "/":
		a /= b
	default:
		a = math.Pow(a, b)
	}
	if math.IsInf(a, 0) || math.IsNaN(a) {
		return nil
	}
	return a
}

func (f facts) slice(n *ast.SliceNode) any {
	x, ok := f.eval(n.Node).(string)
	if !ok {
		return nil
	}
	bound := func(tree ast.Node, def int) int {
		if tree == nil {
			return def
		}
		i := int(f.eval(tree).(int64))
		if i < 0 {
			i += len(x)
		}
		return min(max(i, 0), len(x))
	}
	from, to := bound(n.From, 0), bound(n.To, len(x))
	if from > to {
		return ""
	}
	return x[from:to]
}

func (f facts) function(name string, args []ast.Node) any {
	if name == "has" {
		return f.eval(args[0]) != nil
	}
	if name == "audience" { // its unit is the second argument
		args = []ast.Node{args[1], args[0]}
	}
	x := f.eval(args[0])
	if x == nil {
		return nil
	}
	raw := func() string { // an attribute's own text
		if id, ok := args[0].(*ast.IdentifierNode); ok {
			return f[id.Value]
		}
		return x.(string)
	}
	switch name {
	case "lower":
		return strings.ToLower(x.(string))
	case "upper":
		return strings.ToUpper(x.(string))
	case "trim":
		return strings.TrimSpace(x.(string))
	case "len":
		if list, ok := x.([]string); ok {
			return int64(len(list))
		}
		return int64(utf8.RuneCountInString(x.(string)))
	case "hash":
		return fmt.Sprintf("%016x", xxhash.Sum64String(raw()))
	case "bucket":
		unit := raw()
		if unit == "" || len(unit) > MaxUnitBytes {
			return nil
		}
		return int64(Bucket(args[1].(*ast.StringNode).Value, []byte(unit)))
	case "audience":
		unit := raw()
		if unit == "" || len(unit) > MaxUnitBytes {
			return nil
		}
		return wideAudiences[args[1].(*ast.StringNode).Value].Contains([]byte(unit))
	case "cidr":
		return slices.ContainsFunc(args[1:], func(e ast.Node) bool {
			text := e.(*ast.StringNode).Value
			if ip, err := netip.ParseAddr(text); err == nil {
				return ip.Unmap() == x.(netip.Addr)
			}
			return netip.MustParsePrefix(text).Contains(x.(netip.Addr))
		})
	case "matches_version":
		return plainConstraint(string(x.(plainText)), args[1].(*ast.StringNode).Value)
	case "between":
		return !factsNow.Before(plainTime(f.eval(args[1]))) && factsNow.Before(plainTime(f.eval(args[2])))
	}
	panic("BUG: function " + name)
}

// plainConstraint is matches_version in a plain way: for constraints without blanks behind operators and without commas.
func plainConstraint(version, text string) bool {
	holds := func(op, v string) bool {
		c, ok := plainVersion(version, v)
		return ok && map[string]bool{"": c == 0, "=": c == 0, "!=": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
	}
	return slices.ContainsFunc(strings.Split(text, "||"), func(alternative string) bool {
		for comparator := range strings.FieldsSeq(alternative) {
			i := strings.IndexAny(comparator, "0123456789")
			op, v := comparator[:i], comparator[i:]
			if op != "~" && op != "^" {
				if !holds(op, v) {
					return false
				}
				continue
			}
			core, _, _ := strings.Cut(v, "-")
			core, _, _ = strings.Cut(core, "+")
			parts := strings.Split(core, ".")
			stay := 1
			if op == "^" {
				for stay = 1; stay < len(parts) && strings.Trim(parts[stay-1], "0") == ""; {
					stay++
				}
			} else if len(parts) > 1 {
				stay = 2
			}
			n, _ := strconv.Atoi(parts[stay-1])
			parts[stay-1] = strconv.Itoa(n + 1)
			if !holds(">=", v) || !holds("<", strings.Join(parts[:stay], ".")+"-0") {
				return false
			}
		}
		return true
	})
}
