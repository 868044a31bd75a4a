package match

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// parseConstraint reads a version constraint and gives it as comparisons of x. Its grammar is that of package managers:
//
//	alternatives *("||" alternatives), each of comparators that all have to hold, parted by blanks or commas
//	comparator = ["=" / "==" / "!=" / ">" / ">=" / "<" / "<=" / "~" / "^"] version
//
// "~1.2.3" is >=1.2.3 and below 1.3, "~1" below 2; "^1.2.3" is >=1.2.3 and below 2, "^0.2.3" below 0.3, "^0.0.3" below
// 0.0.4; "1.2.x" and "1.2.*" are "~1.2", "^1.x" and "~1.x" are "^1" and "~1", ">=1.x" and "<1.x" are ">=1" and "<1". "Below 2" leaves
// 2.0.0's own pre-releases out, too. The mistake is for people.
func parseConstraint(x *value, text string) (out *cond, what, fix string) {
	for alternative := range strings.SplitSeq(text, "||") {
		var all *cond
		tokens := strings.FieldsFunc(alternative, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
		for i := 0; i < len(tokens); i++ {
			token := tokens[i]
			if strings.Trim(token, "<>=!~^") == "" && i+1 < len(tokens) { // "> 1"
				i++
				token += tokens[i]
			}
			c, what, fix := parseComparator(x, token)
			if c == nil {
				return nil, what, fix
			}
			if all == nil {
				all = c
			} else {
				all = join(condAnd, all, c)
			}
		}
		if all == nil {
			return nil, "a constraint without a version", "write it like '^17.2 || >=18'"
		}
		if out == nil {
			out = all
		} else {
			out = join(condOr, out, all)
		}
	}
	return out, "", ""
}

// comparators are the operators of constraints that are comparisons.
var comparators = map[string]opcode{
	"": opVerEq, "=": opVerEq, "==": opVerEq, "!=": opVerNe, ">": opVerGt, ">=": opVerGe, "<": opVerLt, "<=": opVerLe,
}

func parseComparator(x *value, token string) (c *cond, what, fix string) {
	text := strings.TrimLeft(token, "<>=!~^")
	op := token[:len(token)-len(text)]
	if fixed := withoutWildcards(text); fixed != text {
		switch op {
		case "", "=", "==":
			op, text = "~", fixed
			if strings.Count(text, ".") > 1 {
				return nil, fmt.Sprintf("`%s` has a wildcard behind the third part", token), "write the bounds with >= and <"
			}
		case "^", "~", ">=", "<":
			text = fixed
		}
	}
	v, ok := parseVersion([]byte(text))
	if _, isVersion := parseVersion([]byte(strings.TrimLeft(text, "vV"))); !ok && isVersion {
		return nil, fmt.Sprintf("`%s` is no version constraint", token), "leave out the leading v"
	}
	if !ok {
		return nil, fmt.Sprintf("`%s` is no version constraint", token), "write it like '^17.2 || >=18'; known are = != > >= < <= ~ ^ and ||"
	}
	test := func(op opcode, v version) *cond {
		t := newTest(op, x)
		t.versions = []version{v}
		return t
	}
	if op != "~" && op != "^" {
		cmp, ok := comparators[op]
		if !ok {
			return nil, fmt.Sprintf("`%s` is no operator of version constraints", op), "use = != > >= < <= ~ ^"
		}
		return test(cmp, v), "", ""
	}
	parts := bytes.Split(v.core, []byte("."))
	bump := min(1, len(parts)-1) // the part that has to stay: of ~1.2.3 the second
	if op == "^" {
		for bump = 0; bump < len(parts)-1 && compareNumbers(parts[bump], nil) == 0; {
			bump++
		}
	}
	n, err := strconv.ParseUint(string(parts[bump]), 10, 63)
	if err != nil {
		return nil, fmt.Sprintf("`%s` has a part that is too large to count up", token), "write the bounds with >= and <"
	}
	limit := strconv.AppendUint(bytes.Join(append(parts[:bump:bump], nil), []byte(".")), n+1, 10)
	below, _ := parseVersion(append(limit, "-0"...)) // the least of all its pre-releases
	return join(condAnd, test(opVerGe, v), test(opVerLt, below)), "", ""
}

// withoutWildcards cuts the parts "x", "X" and "*" from the end of a version, but for its first part.
func withoutWildcards(text string) string {
	for {
		i := strings.LastIndexByte(text, '.')
		if i < 0 || len(text) != i+2 || !strings.ContainsRune("xX*", rune(text[i+1])) {
			return text
		}
		text = text[:i]
	}
}
