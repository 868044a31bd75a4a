package match

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// patternTexts gives what is known of the texts that a pattern matches, as a condition on x that is true for all of them: that
// they begin with a text, say. nil: nothing is known. exact says that it is true for no others.
func patternTexts(x *value, pattern string) (c *cond, exact bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	return expressionTexts(x, re)
}

func expressionTexts(x *value, re *syntax.Regexp) (c *cond, exact bool) {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpAlternate {
		return sequenceTexts(x, re)
	}
	exact = true
	for i, sub := range re.Sub {
		one, isAll := expressionTexts(x, sub)
		if one == nil {
			return nil, false
		}
		if exact = exact && isAll; i == 0 {
			c = one
		} else {
			c = join(condOr, c, one)
		}
	}
	return c, exact
}

// sequenceTexts does the same for parts in a row: those between `^` and `$` that hold few texts say what it begins or ends with.
func sequenceTexts(x *value, re *syntax.Regexp) (c *cond, exact bool) {
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	begins := len(parts) > 0 && parts[0].Op == syntax.OpBeginText
	if begins {
		parts = parts[1:]
	}
	ends := len(parts) > 0 && parts[len(parts)-1].Op == syntax.OpEndText
	if ends {
		parts = parts[:len(parts)-1]
	}
	texts := []string{""}
	for len(parts) > 0 {
		next := products(texts, literals(parts[0]))
		if next == nil {
			break
		}
		texts, parts = next, parts[1:]
	}
	exact = len(parts) == 0
	op := opContains
	switch {
	case begins && ends && exact:
		c = newTest(opTextIn, x)
		c.texts = texts
		return c, true
	case begins:
		op, exact = opPrefix, exact && !ends
	case !exact:
		return nil, false
	case ends:
		op = opSuffix
	}
	if slices.Contains(texts, "") {
		return nil, false
	}
	for _, text := range texts {
		t := newTest(op, x)
		t.texts = []string{text}
		if c == nil {
			c = t
		} else {
			c = join(condOr, c, t)
		}
	}
	return c, exact
}

// literals gives the texts that an expression matches, at most maxLiterals; nil if they are more, or cannot be told byte by byte: the
// character that stands for bytes that are no UTF-8 matches those bytes, too.
func literals(re *syntax.Regexp) (out []string) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if r == utf8.RuneError || len(out) == maxLiterals {
					return nil
				}
				out = append(out, string(r))
			}
		}
		return out
	case syntax.OpCapture:
		return literals(re.Sub[0])
	case syntax.OpQuest:
		if out = literals(re.Sub[0]); out == nil || len(out) == maxLiterals {
			return nil
		}
		return append(slices.Clone(out), "")
	case syntax.OpConcat:
		out = []string{""}
		for _, sub := range re.Sub {
			if out = products(out, literals(sub)); out == nil {
				return nil
			}
		}
		return out
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			texts := literals(sub)
			if texts == nil || len(out)+len(texts) > maxLiterals {
				return nil
			}
			out = append(out, texts...)
		}
		return out
	}
	return nil
}

// products gives every text of one list with every one of another behind it; nil if they are more than maxLiterals, or none.
func products(before, behind []string) (out []string) {
	if len(before)*len(behind) > maxLiterals {
		return nil
	}
	for _, b := range before {
		for _, e := range behind {
			out = append(out, b+e)
		}
	}
	return out
}
