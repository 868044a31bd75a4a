package match

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// shortTexts are all texts of up to four of the letters a, b and é, and some that are no UTF-8.
func shortTexts() []string {
	out, from := []string{""}, 0
	for range 4 {
		till := len(out)
		for _, text := range out[from:till] {
			for _, c := range []string{"a", "b", "é"} {
				out = append(out, text+c)
			}
		}
		from = till
	}
	return append(out, "\xff", "a\xff", "\uFFFD", "a\uFFFD", "\xc3", "a\nb")
}

func TestPatternTexts(t *testing.T) {
	s := wideSchema(t)
	all := shortTexts()
	check := func(pattern, want string, exact bool) {
		t.Helper()
		x := &value{op: valAttr, typ: String, attr: s.byName["os"]}
		c, isExact := patternTexts(x, pattern)
		got := ""
		if c != nil {
			got = printTexts(c)
		}
		if got != want || isExact != exact {
			t.Errorf("%s: %s, exact %v, want %s, %v", pattern, got, isExact, want, exact)
		}
		if c == nil {
			return
		}
		re := regexp.MustCompile(pattern)
		for _, text := range all {
			var a Attributes
			facts{"os": text}.load(&a, s)
			if matches, has := re.MatchString(text), c.outcome(s, &a) == True; text != "" && (matches && !has || exact && has && !matches) {
				t.Errorf("%s matches %q: %v, and %s says %v", pattern, text, matches, got, has)
			}
		}
	}
	check("^a", "^a", true)
	check("^ab$", "=ab", true)
	check(`\Aab\z`, "=ab", true)
	check("b$", "b$", true)
	check("ab", "*ab", true)
	check("^(a|b)$", "=a|b", true)
	check("^(?:a|bb)b", "^ab, ^bbb", true)
	check("^a|^b", "^a, ^b", true)
	check("^[ab]é?$", "=aé|a|bé|b", true)
	check("^(a)(b|é)", "^ab, ^aé", true)
	check("^a.*b$", "^a", false)
	check("^a+", "", false)
	check("^ab+", "^a", false)
	check("^a$|^b", "=a, ^b", true)
	check("^a|b", "^a, *b", true)
	check("^a|b+", "", false)
	check("(?i)^a", "", false)
	check("^(?i:a)b", "", false)
	check("(?m)^a", "", false)
	check("(?m)a$", "", false)
	check("^", "", false)
	check("", "", false)
	check("^$", "=", true)
	check("a$b", "", false)
	check("^\uFFFD", "", false)
	check("^[^a]", "", false)
	check("^[a-z]", "", false)
	check("^(a?b?a?b?a?)$", "", false)
}

// printTexts prints what [patternTexts] gives.
func printTexts(c *cond) string {
	if c.kind == condOr {
		return printTexts(c.left) + ", " + printTexts(c.right)
	}
	switch c.op {
	case opPrefix:
		return "^" + c.texts[0]
	case opSuffix:
		return c.texts[0] + "$"
	case opContains:
		return "*" + c.texts[0]
	}
	return "=" + strings.Join(c.texts, "|")
}

// TestTextProofsAreSound tries what is proven of tests of one text with every short one.
func TestTextProofsAreSound(t *testing.T) {
	s := wideSchema(t)
	texts := shortTexts()
	proofs := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		of := func(texts ...string) string { return rapid.SampledFrom(texts).Draw(t, "of") }
		literal := func() string { return of("a", "b", "ab", "aba", "aa", "é", "bé") }
		draw := func() string {
			x := of("os", "os[:1]", "os[:2]", "os[:3]", "os[1:]", "lower(os)", "lower(os)[:2]")
			switch of("part", "part", "matches", "equal", "in", "len") {
			case "part":
				return fmt.Sprintf("%s %s%s '%s'", x, of("", "not "), of("startsWith", "startsWith", "endsWith", "contains"), literal())
			case "matches":
				return fmt.Sprintf("%s %smatches '%s'", x, of("", "not "), of("^"+literal(), literal()+"$", "^"+literal()+"$", literal(), "^(a|b)$", "^(a|bé)b", "^a+b", "^a|b$"))
			case "equal":
				return fmt.Sprintf("%s %s '%s'", x, of("==", "!="), literal())
			case "in":
				return fmt.Sprintf("%s in ['%s', '%s']", x, literal(), literal())
			}
			return fmt.Sprintf("len(%s) %s %s", x, of("==", "<", ">"), of("0", "1", "2", "3"))
		}
		a, b := draw(), draw()
		if rapid.Bool().Draw(t, "three") {
			b += " and " + draw()
		}
		z := NewAnalyzer(s)
		disjoint, implies, never := z.Disjoint(a, b), z.Implies(a, b), z.Unsatisfiable(a)
		for what, proven := range map[string]bool{"disjoint": disjoint, "implies": implies, "never": never} {
			if proven {
				proofs[what]++
			}
		}
		one, errs := CompileRules(s, []Rule{{Name: "a", When: a}})
		other, more := CompileRules(s, []Rule{{Name: "b", When: b}})
		if errs != nil || more != nil {
			t.Fatalf("%v %v", errs, more)
		}
		for _, text := range texts {
			var f Attributes
			facts{"os": text}.load(&f, s)
			x, y := one.Decide(&f, one.NewState()) == 0, other.Decide(&f, other.NewState()) == 0
			if disjoint && x && y || implies && x && !y || never && x {
				t.Fatalf("disjoint %v, implies %v, unsatisfiable %v, but with %q these are %v and %v\na: %s\nb: %s", disjoint, implies, never, text, x, y, a, b)
			}
		}
	})
	for _, what := range []string{"disjoint", "implies", "never"} {
		if proofs[what] == 0 {
			t.Errorf("nothing was proven to be %s: the test shows nothing", what)
		}
	}
}

// TestRangesWithin has the walk over two sorted lists give what looking at every number gives.
func TestRangesWithin(t *testing.T) {
	draw := func(t *rapid.T, name string) (out []addressRange) {
		at := uint64(0)
		for range rapid.IntRange(0, 6).Draw(t, name) {
			first := at + rapid.Uint64Range(1, 4).Draw(t, "gap")
			at = first + rapid.Uint64Range(0, 4).Draw(t, "length")
			out = append(out, numbersBetween(first, at))
		}
		return out
	}
	has := func(ranges []addressRange, n uint64) bool {
		for _, r := range ranges {
			if r.first.low <= n && n <= r.last.low {
				return true
			}
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		ranges, others, inside := draw(t, "ranges"), draw(t, "others"), rapid.Bool().Draw(t, "inside")
		got := within(ranges, others, inside)
		for n := range uint64(60) {
			if want := has(ranges, n) && has(others, n) == inside; has(got, n) != want {
				t.Fatalf("%v, of which inside %v of %v: %v, which is wrong for %d", ranges, inside, others, got, n)
			}
		}
	})
}
