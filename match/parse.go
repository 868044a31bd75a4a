package match

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// parse reads a condition with the parser of expr.
func parse(text string) (tree ast.Node, bad *RuleError) {
	if len(text) > MaxConditionBytes {
		return nil, &RuleError{
			Part: "when", Column: 1,
			What: fmt.Sprintf("a condition of %d bytes, more than %d", len(text), MaxConditionBytes),
			Fix:  "split it over several rules; for a long list there are audiences",
		}
	}
	// The parser is not ours, and a reload must never end a running gateway: its panic would be one more syntax error.
	defer func() {
		if p := recover(); p != nil {
			tree, bad = nil, &RuleError{Part: "when", Column: 1, What: fmt.Sprintf("the parser failed: %v", p), Fix: "simplify the condition"}
		}
	}()
	t, err := parser.Parse(text)
	if err != nil {
		return nil, syntaxError(text, err)
	}
	return t.Node, nil
}

// syntaxError puts the parser's message into the words of the config.
func syntaxError(text string, err error) *RuleError {
	out := &RuleError{Part: "when", Column: 1, What: "syntax error", Fix: "write it like `os == 'ios' and version >= '17.0'`"}
	var e *file.Error
	if !errors.As(err, &e) {
		out.What += ": " + err.Error()
		return out
	}
	out.Column = e.From + 1
	runes := []rune(text)
	token := ""
	if e.From < e.To && e.To <= len(runes) {
		token = strings.TrimSpace(string(runes[e.From:e.To]))
	}
	switch {
	case strings.HasPrefix(e.Message, "invalid ") && strings.Contains(e.Message, " literal: strconv."):
		number, found := numberBefore(text, e.From)
		if out.What, out.Fix = "a number cannot be read", "write it like 18, 2.5 or 1e6"; found {
			out.Column, out.What = number.From+1, fmt.Sprintf("`%s` is no number", number.Value)
		}
		if found && strings.HasSuffix(e.Message, "out of range") {
			out.What, out.Fix = fmt.Sprintf("the number `%s` is too large", number.Value), "use a whole number of 64 bits, or a decimal one below 1.8e308"
		}
	case strings.HasPrefix(e.Message, "unexpected token EOF"):
		out.What, out.Column = "the condition ends too early", len(runes)+1
		out.Fix = "complete it, or close what is open"
	case strings.Contains(e.Message, "exceeds maximum allowed nodes"):
		out.What, out.Fix = "the condition has more than 10,000 parts", "split it over several rules"
	case strings.Contains(e.Message, "coalesce"):
		out.What, out.Fix = "the operator `??` is not supported", "write `has(x)` to ask whether a value is there"
	case strings.HasPrefix(e.Message, "unrecognized character") && strings.Contains(e.Message, "'~'"):
		out.What, out.Fix = "the operator `~` is not supported", "write `matches_version(version, '~17.2')`"
	case !strings.HasPrefix(e.Message, "unexpected token") || token == "":
		out.What = "syntax error: " + e.Message
		if strings.Contains(e.Message, "not terminated") {
			out.Fix = "close the text with the quote that opened it"
		}
	default:
		out.What = fmt.Sprintf("unexpected `%s`", token)
		if fix := tokenFix(string(runes[:e.From]), token); fix != "" {
			out.Fix = fix
		}
	}
	return out
}

// numberBefore gives the last number that begins before a place: of one that it cannot read, the parser tells where the next
// token is. Not found: the text has other mistakes.
func numberBefore(text string, place int) (number lexer.Token, found bool) {
	tokens, _ := lexer.Lex(file.NewSource(text))
	for _, t := range tokens {
		if t.Kind == lexer.Number && t.From < place {
			number, found = t, true
		}
	}
	return number, found
}

// tokenFix knows what people mean who write conditions in other languages: before is the text up to the token that the
// parser did not expect.
func tokenFix(before, token string) string {
	ends := func(with string) bool { return strings.HasSuffix(strings.TrimRight(before, " "), with) }
	switch {
	case token == "=" && ends("!="), token == ">" && ends("<"), token == "==" && ends("not"):
		return "write != for different"
	case token == "=":
		return "write == for equal"
	case token == "&":
		return "write and"
	case token == "not":
		return "write `os not in ['ios']`, or `not (os == 'ios')`"
	case token == "|", pipedName.MatchString(before): // a pipe that no call follows
		return "write or for the single `|`; or if a pipe is meant, its function needs parentheses: `os | lower()`"
	case slices.Contains(functionNames, token):
		return fmt.Sprintf("`%s` is a function: write it like `%s`", token, functions[token].usage)
	}
	switch token {
	case "startsWith", "endsWith", "contains", "matches":
		return fmt.Sprintf("it stands between its two sides: `os %s 'i'`", token)
	}
	switch low := strings.ToLower(token); low {
	case "and", "or", "not", "in":
		if low != token {
			return "write " + low + " in lower case"
		}
	}
	if near := nearest(token, wordOperators); near != "" && near != token {
		return fmt.Sprintf("did you mean `%s`?", near)
	}
	return ""
}

// pipedName finds a pipe and a name behind it at the end of a text.
var pipedName = regexp.MustCompile(`[^|]\|\s*\w*\s*$`)

// wordOperators are the operators that are words, but for those too short to be misspelt.
var wordOperators = []string{"startsWith", "endsWith", "contains", "matches"}

const nothingFix = "write `has(tag)` or `not has(tag)`"

// isNothing tells whether a name is what other languages call a missing value.
func isNothing(name string) bool {
	return slices.Contains([]string{"null", "none", "undefined"}, strings.ToLower(name))
}

// unsupported refuses what expr knows and conditions do not, by its name.
func (c *checker) unsupported(tree ast.Node) {
	switch n := tree.(type) {
	case *ast.BinaryNode:
		fix := "compare values with ==, !=, <, in, matches and their like"
		if n.Operator == ".." {
			fix = "a range stands only to the right of `in`, as in `age in 18..25`"
		}
		c.bad(n, fix, "the operator `%s` is not supported", n.Operator)
	case *ast.CallNode:
		c.bad(n, "write `lower(os)` for os.lower()", "methods are not supported")
	case *ast.NilNode:
		c.bad(n, nothingFix, "`nil` is not supported")
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "$env" {
			c.bad(n, "use attributes by their plain names", "`$env` is not supported")
			return
		}
		if _, ok := n.Property.(*ast.StringNode); !ok {
			c.bad(n, "for a part of a text write `os[0:1]`, for an element of a list `'beta' in groups`", "an index (`[ ]`) is not supported")
			return
		}
		fix := "use attributes by their plain names"
		if src, ok := fieldSource(n); ok {
			fix = c.readField(src)
		}
		c.bad(n, fix, "members (`.`, `[ ]`) are not supported")
	case *ast.ChainNode:
		c.bad(n, "use attributes by their plain names", "optional members (`?.`) are not supported")
	case *ast.VariableDeclaratorNode:
		c.bad(n, "write the value where it is used: what is there twice is computed once", "`let` is not supported")
	case *ast.SequenceNode:
		c.bad(n, "join conditions with and, or, not", "several expressions (`;`) are not supported")
	case *ast.MapNode:
		c.bad(n, "compare single values", "maps (`{ }`) are not supported")
	case *ast.BytesNode:
		c.bad(n, "leave out the b before the quote", "bytes (`b'...'`) are not supported")
	case *ast.ArrayNode:
		c.bad(n, "use `in` to compare with a list", "a list stands only to the right of `in`")
	default:
		c.bad(n, "compare values with ==, !=, <, in, matches and their like", "this expression is not supported")
	}
}

// fieldSource tells whether a member is written like a source of attributes: `geo.country`, `ua.os`.
func fieldSource(n *ast.MemberNode) (src Source, ok bool) {
	kind, isName := n.Node.(*ast.IdentifierNode)
	field, isText := n.Property.(*ast.StringNode)
	if !isName || !isText {
		return src, false
	}
	for _, k := range []SourceKind{FromGeo, FromAgent} {
		if kind.Value == k.String() {
			return Source{k, field.Value}, true
		}
	}
	return src, false
}

// readField says how a condition can ask for such a source: by an attribute that reads it.
func (c *checker) readField(src Source) string {
	names := fieldNames(placeFields)
	if src.Kind == FromAgent {
		names = fieldNames(agentFields)
	}
	if near := nearest(src.Name, names); near != "" {
		src.Name = near
	}
	for i, a := range c.schema.attrs {
		for _, n := range a.from {
			if s := &c.schema.sources[n]; s.kind == src.Kind && names[s.number] == src.Name {
				return fmt.Sprintf("write `%s`, which reads it", c.schema.names[i])
			}
		}
	}
	if !slices.Contains(names, src.Name) {
		return "declare an attribute with `from: [" + src.Kind.String() + "." + names[0] + "]` or the like, and use its name"
	}
	return "declare an attribute with `from: [" + src.String() + "]`, and use its name"
}

// source gives the text that a literal was written as.
func (c *checker) source(n ast.Node, lit *value) string {
	loc := n.Location()
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		if loc.From < loc.To && loc.To <= len(c.text) {
			return string(c.text[loc.From:loc.To])
		}
	}
	return lit.literal()
}
