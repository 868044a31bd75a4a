package match

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// function is a function of the language.
type function struct {
	usage string // an example
	least int    // arguments
	most  int
	check func(c *checker, at ast.Node, name string, args []ast.Node) *value
}

// functions are all there are.
var functions map[string]function

var functionNames = []string{"has", "hash", "bucket", "lower", "upper", "trim", "len", "cidr", "matches_version", "between", "audience"}

func init() { // the checks refer to functions
	text := func(op valueOp) func(*checker, ast.Node, string, []ast.Node) *value {
		return func(c *checker, at ast.Node, name string, args []ast.Node) *value {
			return c.textFunction(op, at, name, args[0])
		}
	}
	functions = map[string]function{
		"has":             {"has(tag)", 1, 1, (*checker).has},
		"hash":            {"hash(userid)[:2] == 'a5'", 1, 1, (*checker).hash},
		"bucket":          {"bucket(userid, 'rule:ramp') < 50000", 2, 2, (*checker).bucket},
		"lower":           {"lower(os) == 'ios'", 1, 1, text(valLower)},
		"upper":           {"upper(os) == 'IOS'", 1, 1, text(valUpper)},
		"trim":            {"trim(tag) == 'gray'", 1, 1, text(valTrim)},
		"len":             {"len(tag) > 3", 1, 1, (*checker).len},
		"cidr":            {"cidr(ip, '10.0.0.0/8')", 2, MaxNetworks + 1, (*checker).cidr},
		"matches_version": {"matches_version(version, '^17.2 || >=18')", 2, 2, (*checker).matchesVersion},
		"between":         {"between(now, '2026-12-01', '2026-12-24')", 3, 3, (*checker).between},
		"audience":        {"audience('beta', userid)", 2, 2, (*checker).audience},
	}
}

// call checks a function call, however the parser took it.
func (c *checker) call(at ast.Node, name string, args []ast.Node) *value {
	f, ok := functions[name]
	switch {
	case !ok:
		c.unknownFunction(at, name)
		return nil
	case len(args) < f.least || len(args) > f.most:
		want := fmt.Sprint(f.least, " arguments")
		if f.least == 1 {
			want = "one argument"
		} else if f.most > f.least {
			want = fmt.Sprintf("%d to %d arguments", f.least, f.most)
		}
		c.bad(at, fmt.Sprintf("write it like `%s`", f.usage), "`%s` takes %s, not %d", name, want, len(args))
		return nil
	}
	return f.check(c, at, name, args)
}

func (c *checker) unknownFunction(at ast.Node, name string) {
	_, builtin := at.(*ast.BuiltinNode)
	near := nearest(name, functionNames)
	fix := "the functions are " + strings.Join(functionNames, ", ")
	switch {
	case name == "now":
		fix = "write `now`, without parentheses"
	case near != "" && !builtin:
		fix = fmt.Sprintf("did you mean `%s`?", near)
	case name == "hasPrefix":
		fix = "write `os startsWith 'i'`"
	case name == "hasSuffix":
		fix = "write `os endsWith 's'`"
	}
	if builtin {
		c.bad(at, fix, "the function `%s` is not supported", name)
		return
	}
	if _, ok := c.schema.byName[name]; ok {
		fix = "leave out the parentheses"
	}
	c.bad(at, fix, "unknown function `%s`", name)
}

// has checks has(attribute).
func (c *checker) has(at ast.Node, _ string, args []ast.Node) *value {
	id, ok := args[0].(*ast.IdentifierNode)
	if !ok {
		c.bad(at, "write it as `has(tag)`", "`has` takes the name of one attribute")
		return nil
	}
	v := c.value(id)
	if v == nil {
		return nil
	}
	return boolean(newTest(opHas, v))
}

// textFunction checks lower, upper and trim.
func (c *checker) textFunction(op valueOp, at ast.Node, name string, arg ast.Node) *value {
	x := c.value(arg)
	if x == nil || !c.isString(at, name, x) {
		return nil
	}
	if x.isText() {
		c.bad(at, "write the result itself", "`%s` of a literal", name)
		return nil
	}
	return c.nested(at, &value{op: op, typ: String, x: x})
}

// hashable checks what is hashed: the bytes of an attribute as they came, or of a text.
func (c *checker) hashable(at ast.Node, name string, arg ast.Node) *value {
	x := c.value(arg)
	switch {
	case x == nil:
		return nil
	case x.isText():
		c.bad(arg, "put an attribute there", "`%s` of a literal is always the same", name)
		return nil
	case x.typ == instant || x.typ != String && x.op != valAttr:
		c.bad(arg, "put an attribute such as a user id there", "`%s` reads texts, and %s is %s", name, c.name(x), x.typ.article())
		return nil
	}
	return x
}

func (c *checker) hash(at ast.Node, name string, args []ast.Node) *value {
	x := c.hashable(at, name, args[0])
	if x == nil {
		return nil
	}
	return c.nested(at, &value{op: valHash, typ: String, x: x})
}

// bucket checks bucket(x, 'salt').
func (c *checker) bucket(at ast.Node, name string, args []ast.Node) *value {
	x := c.hashable(at, name, args[0])
	salt, ok := args[1].(*ast.StringNode)
	switch {
	case !ok || salt.Value == "":
		c.bad(args[1], "write a word in quotes, as in 'rule:ramp'", "the salt of `bucket` is not a literal text")
		return nil
	case strings.IndexByte(salt.Value, 0) >= 0:
		c.bad(salt, "remove it: it parts salt and unit in the hash", "a zero byte in a salt")
		return nil
	case len(salt.Value) > len(ruleRole)+MaxSaltBytes:
		c.bad(salt, "shorten it", "a salt of %d bytes, more than %d", len(salt.Value), len(ruleRole)+MaxSaltBytes)
		return nil
	case x == nil:
		return nil
	}
	return c.nested(at, &value{op: valBucket, typ: Int, x: x, text: salt.Value})
}

// audience checks audience('beta', userid).
func (c *checker) audience(at ast.Node, name string, args []ast.Node) *value {
	text, ok := args[0].(*ast.StringNode)
	if !ok {
		c.bad(args[0], "write it in quotes, and first, as in `audience('beta', userid)`", "the name of an audience is not a literal text")
		return nil
	}
	x := c.hashable(at, name, args[1])
	if _, ok := c.schema.lookups.Audiences[text.Value]; !ok {
		c.bad(text, suggestAudience(c.schema, text.Value), "unknown audience '%s'", text.Value)
		return nil
	}
	if x == nil {
		return nil
	}
	return c.nested(at, &value{op: valAudience, typ: Bool, x: x, text: text.Value})
}

func (c *checker) len(at ast.Node, name string, args []ast.Node) *value {
	x := c.value(args[0])
	if x == nil || x.typ != List && !c.isString(at, name, x) {
		return nil
	}
	if x.isText() {
		c.bad(at, "write the number itself", "`len` of a literal")
		return nil
	}
	return c.nested(at, &value{op: valLen, typ: Int, x: x})
}

// cidr checks cidr(ip, '10.0.0.0/8', ...).
func (c *checker) cidr(at ast.Node, name string, args []ast.Node) *value {
	x := c.value(args[0])
	var networks []netip.Prefix
	for _, arg := range args[1:] {
		text, ok := arg.(*ast.StringNode)
		if !ok {
			c.bad(arg, "write it in quotes, as in '10.0.0.0/8'", "a network of `cidr` is not a literal text")
			continue
		}
		if n, what, fix := parseNetwork(text.Value); what != "" {
			c.bad(arg, fix, "%s", what)
		} else {
			networks = append(networks, n)
		}
	}
	if x == nil || len(networks) < len(args)-1 {
		return nil
	}
	if x.typ != IP {
		fix := "use `ip`"
		if x.op == valAttr {
			fix = fmt.Sprintf("declare `%s` with `type: ip`, or use `ip`", c.schema.names[x.attr])
		}
		c.bad(args[0], fix, "`cidr` reads addresses, and %s is %s", c.name(x), x.typ.article())
		return nil
	}
	t := newTest(opIPIn, x)
	t.networks = newAddressSet(networks)
	return boolean(t)
}

// parseNetwork reads a network, or an address as one of its full length. The mistake is for people.
func parseNetwork(text string) (n netip.Prefix, what, fix string) {
	if n = singleAddress(text); n != (netip.Prefix{}) {
		return n, "", ""
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		return n, fmt.Sprintf("'%s' is no network", text), "write it like '10.0.0.0/8' or '2001:db8::/32'"
	}
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	if n != n.Masked() {
		return n, fmt.Sprintf("'%s' has bits behind its length", text), fmt.Sprintf("write '%s'", n.Masked())
	}
	return n, "", ""
}

func (c *checker) matchesVersion(at ast.Node, _ string, args []ast.Node) *value {
	x := c.value(args[0])
	text, ok := args[1].(*ast.StringNode)
	if !ok {
		c.bad(args[1], "write it in quotes, as in '^17.2 || >=18'", "a version constraint is not a literal text")
		return nil
	}
	if x == nil {
		return nil
	}
	if x.typ != Version || x.op == valLiteral {
		fix := "put an attribute with `type: version` there"
		if x.op == valAttr {
			fix = fmt.Sprintf("declare `%s` with `type: version`", c.schema.names[x.attr])
			for i, a := range c.schema.attrs {
				if a.typ == Version {
					fix += fmt.Sprintf("; or did you mean `%s`?", c.schema.names[i])
					break
				}
			}
		}
		c.bad(args[0], fix, "`matches_version` reads versions, and %s is %s", c.name(x), x.typ.article())
		return nil
	}
	out, what, fix := parseConstraint(x, text.Value)
	if out == nil {
		c.bad(args[1], fix, "%s", what)
	}
	return boolean(out)
}

// between checks between(now, from, to): from is in, to is not.
func (c *checker) between(at ast.Node, _ string, args []ast.Node) *value {
	x := c.value(args[0])
	if x == nil {
		return nil
	}
	if x.typ != instant {
		c.bad(args[0], "write it like `1 <= x <= 5`", "`between` is for `now`, and %s is %s", c.name(x), x.typ.article())
		return nil
	}
	var bounds [2]*value
	for i, arg := range args[1:] {
		lit := c.value(arg)
		if lit != nil && lit.op != valLiteral {
			c.bad(arg, "write it like '2026-12-01'", "a bound of `between` is not a literal")
			lit = nil
		}
		if lit != nil {
			bounds[i] = c.coerce(arg, lit, x)
		}
	}
	if slices.Contains(bounds[:], nil) {
		return nil
	}
	if bounds[0].num >= bounds[1].num {
		c.bad(at, "put the earlier time first", "`between` ends before it begins")
		return nil
	}
	return boolean(join(condAnd, compareValues(distance[">="], x, bounds[0]), compareValues(distance["<"], x, bounds[1])))
}
