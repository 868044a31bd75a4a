package match

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr/parser"
	"pgregory.net/rapid"
)

// TestExplainEqualsInterpreter asks the interpreter about every part that is explained, by its text.
func TestExplainEqualsInterpreter(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	rapid.Check(t, func(t *rapid.T) {
		when := drawCondition(false).Draw(t, "condition")
		f := drawFacts(false).Draw(t, "facts")
		f.load(&a, s)
		x, errs := ExplainCondition(s, when, &a)
		if errs != nil {
			t.Fatalf("%s: %v", when, errs)
		}
		var check func(x *Expression)
		check = func(x *Expression) {
			if got, want := x.Outcome.String(), f.decide(t, x.Text).String(); got != want {
				t.Fatalf("%s with %v: the part %s is %s, want %s", when, f, x.Text, got, want)
			}
			for _, v := range x.Values {
				tree, err := parser.Parse(v.Expression)
				if err != nil {
					t.Fatalf("%s: the value %s: %v", when, v.Expression, err)
				}
				if present := f.eval(tree.Node) != nil; present != (v.Value != nil) {
					t.Fatalf("%s with %v: the value of %s is %v", when, f, v.Expression, v.Value)
				}
			}
			for i := range x.Parts {
				check(&x.Parts[i])
			}
		}
		check(&x)
		for _, failed := range x.Failed() {
			if failed.Outcome == True {
				t.Fatalf("%s with %v: blames %s, which is true", when, f, failed.Text)
			}
		}
		if (len(x.Failed()) == 0) != (x.Outcome == True) {
			t.Fatalf("%s with %v is %v and blames %v", when, f, x.Outcome, x.Failed())
		}
		rs, _ := CompileRules(s, []Rule{{Name: "r", When: when}})
		if got, want := rs.Explain(0, &a).Outcome == True, rs.Decide(&a, rs.NewState()) == 0; got != want {
			t.Fatalf("%s with %v: explained as %v, decided as %v", when, f, got, want)
		}
	})
}

// outline prints an expression with its values and parts, a line each.
func (x *Expression) outline(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%s%s: %s", strings.Repeat("  ", depth), x.Text, x.Outcome)
	if x.Operator != "" {
		b.WriteString(" (" + x.Operator + ")")
	}
	for _, v := range x.Values {
		if v.Value == nil {
			b.WriteString(", " + v.Expression + " is missing")
		} else {
			fmt.Fprintf(b, ", %s is %q", v.Expression, *v.Value)
		}
	}
	b.WriteString("\n")
	for i := range x.Parts {
		x.Parts[i].outline(b, depth+1)
	}
}

func TestExplainCondition(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	check := func(when, want string) {
		t.Helper()
		facts{"os": "iOS", "userid": "u-1", "version": "17.2", "age": "18", "groups": "a, b", "device": "10.1.2.3", "beta": "true"}.load(&a, s)
		x, errs := ExplainCondition(s, when, &a)
		if errs != nil {
			t.Fatalf("%s: %v", when, errs)
		}
		var b strings.Builder
		x.outline(&b, 0)
		if got := b.String(); got != want {
			t.Errorf("%s is explained as\n%swant\n%s", when, got, want)
		}
	}
	check("os == 'ios'", "os == 'ios': false, os is \"iOS\"\n")
	check("(os == 'ios' or (lower(os) == 'ios')) and version >= '18.0' and has(tag)",
		"(os == 'ios' or (lower(os) == 'ios')) and version >= '18.0' and has(tag): false (and)\n"+
			"  os == 'ios' or (lower(os) == 'ios'): true (or)\n"+
			"    os == 'ios': false, os is \"iOS\"\n"+
			"    lower(os) == 'ios': true, os is \"iOS\", lower(os) is \"ios\"\n"+
			"  version >= '18.0': false, version is \"17.2\"\n"+
			"  has(tag): false, tag is missing\n")
	check("not(tag == 'x') && os not in ['a', 'b']",
		"not(tag == 'x') && os not in ['a', 'b']: unknown (and)\n"+
			"  not(tag == 'x'): unknown (not)\n"+
			"    tag == 'x': unknown, tag is missing\n"+
			"  os not in ['a', 'b']: true, os is \"iOS\"\n")
	check("'17' <= version < '17.1'",
		"'17' <= version < '17.1': false (and)\n"+
			"  '17' <= version: true, version is \"17.2\"\n"+
			"  version < '17.1': false, version is \"17.2\"\n")
	check("bucket(userid, 's') < 500", "bucket(userid, 's') < 500: false, userid is \"u-1\", bucket(userid, 's') is \""+
		fmt.Sprint(Bucket("s", []byte("u-1")))+"\"\n")
	check("age * 2 + 1 == 37 ? 'a' in groups : cidr(device, '10.0.0.0/8')",
		"age * 2 + 1 == 37 ? 'a' in groups : cidr(device, '10.0.0.0/8'): true (? :)\n"+
			"  age * 2 + 1 == 37: true, age is \"18\", age * 2 + 1 is \"37\"\n"+
			"  'a' in groups: true, groups is \"a, b\"\n"+
			"  cidr(device, '10.0.0.0/8'): true, device is \"10.1.2.3\"\n")
	check("(beta ? os : country) == 'ios'",
		"(beta ? os : country) == 'ios': false, beta is \"true\", os is \"iOS\", country is missing, beta ? os : country is \"iOS\"\n"+
			"  beta: true, beta is \"true\"\n")
	check("beta == (os == 'ios')",
		"beta == (os == 'ios'): false (==)\n"+
			"  beta: true, beta is \"true\"\n"+
			"  os == 'ios': false, os is \"iOS\"\n")
	check("'a' in groups != staff",
		"'a' in groups != staff: unknown (!=)\n"+
			"  'a' in groups: true, groups is \"a, b\"\n"+
			"  staff: unknown, staff is missing\n")
	check("has(tag) == true", "has(tag) == true: false (==)\n  has(tag): false, tag is missing\n")
	check("beta == staff", "beta == staff: unknown, beta is \"true\", staff is missing\n")
	check("os | lower() == 'ios' and os[1:] == 'OS'",
		"os | lower() == 'ios' and os[1:] == 'OS': true (and)\n"+
			"  os | lower() == 'ios': true, os is \"iOS\", os | lower() is \"ios\"\n"+
			"  os[1:] == 'OS': true, os is \"iOS\", os[1:] is \"OS\"\n")
	check("if beta { os == 'größe' } else { false }",
		"if beta { os == \"größe\" } else { false }: false (? :)\n"+
			"  beta: true, beta is \"true\"\n"+
			"  os == 'größe': false, os is \"iOS\"\n"+
			"  false: false\n")
	check("between(now, '2026-12-01', '2026-12-24')", "between(now, '2026-12-01', '2026-12-24'): true, now is \"2026-12-10T12:00:00Z\"\n")
}

func TestExplainFailed(t *testing.T) {
	s := shopSchema(t)
	var a Attributes
	check := func(when string, want ...string) {
		t.Helper()
		request{fields: []string{"X-OS: ios", "X-App-Version: 16.9"}}.load(&a, s)
		x, _ := ExplainCondition(s, when, &a)
		var got []string
		for _, f := range x.Failed() {
			got = append(got, f.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s fails for %q, want %q", when, got, want)
		}
	}
	check("os == 'ios'")
	check("os == 'ios' and version >= '17'", "version >= '17'")
	check("os == 'web' and version >= '17'", "os == 'web'", "version >= '17'")
	check("(os == 'web' or os == 'tv') and has(os)", "os == 'web'", "os == 'tv'")
	check("not (os == 'ios' or has(tag))", "not (os == 'ios' or has(tag))")
	check("country == 'de' or os == 'web'", "country == 'de'", "os == 'web'")
	check("os == 'ios' ? version >= '17' : false", "version >= '17'")
	check("country == 'de' ? true : false", "country == 'de'")
}

func TestExplainRules(t *testing.T) {
	s := shopSchema(t)
	inBucket := func(unit string) uint32 { return Bucket("rule:ramp", []byte(unit)) }
	u := "u-1"
	long := strings.Repeat("x", MaxUnitBytes+1)
	bucket := inBucket(u)
	rs := mustRules(t, s,
		Rule{Name: "ramp", HasPercent: true, PPM: bucket + 1, By: "userid"},
		Rule{Name: "ramp2", HasPercent: true, PPM: bucket, By: "userid", Salt: "ramp"},
		Rule{Name: "both", When: "os == 'ios'", HasPercent: true, PPM: PPM, By: "userid", Salt: "ramp"},
		Rule{Name: "some", When: "has(os)", HasPercent: true, PPM: 300_000, By: "request"},
	)
	var a Attributes
	st := rs.NewState()
	check := func(rule int, fields []string, want RuleTrace) {
		t.Helper()
		request{fields: fields}.load(&a, s)
		before := slices.Clone(st.fill)
		got := rs.Explain(rule, &a)
		got.Condition = nil
		if !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Errorf("rule %d with %q:\n got %s\nwant %s", rule, fields, g, w)
		}
		if !slices.Equal(before, st.fill) {
			t.Errorf("rule %d: explaining it counted a request", rule)
		}
	}
	user := []string{"X-User-Id: " + u}
	check(0, user, RuleTrace{Name: "ramp", Outcome: True,
		Share: &ShareTrace{By: "userid", Unit: &u, Salt: "rule:ramp", Bucket: &bucket, Threshold: bucket + 1, Outcome: True}})
	check(1, user, RuleTrace{Name: "ramp2", Outcome: False,
		Share: &ShareTrace{By: "userid", Unit: &u, Salt: "rule:ramp", Bucket: &bucket, Threshold: bucket, Outcome: False}})
	check(0, nil, RuleTrace{Name: "ramp", Outcome: False,
		Share: &ShareTrace{By: "userid", Salt: "rule:ramp", Threshold: bucket + 1, Outcome: False}})
	check(0, []string{"X-User-Id: " + long}, RuleTrace{Name: "ramp", Outcome: False,
		Share: &ShareTrace{By: "userid", Unit: &long, TooLong: true, Salt: "rule:ramp", Threshold: bucket + 1, Outcome: False}})
	check(3, []string{"X-OS: ios"}, RuleTrace{Name: "some", Outcome: Unknown,
		Share: &ShareTrace{By: "request", Threshold: 300_000, Outcome: Unknown}})
	request{}.load(&a, s)
	if got := rs.Explain(3, &a); got.Outcome != False || len(got.Failed) != 1 || got.Failed[0].Text != "has(os)" {
		t.Errorf("a share of requests whose condition is false is %+v", got)
	}
	request{fields: user}.load(&a, s)
	if got := rs.Explain(2, &a); got.Outcome != False || got.Share.Outcome != True || got.Condition.Outcome != Unknown {
		t.Errorf("a rule with an unknown condition is %+v", got)
	}
}

func TestOutcomeAsText(t *testing.T) {
	for _, want := range []Outcome{False, Unknown, True} {
		text, err := want.MarshalText()
		var got Outcome
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if err != nil || got != want || string(text) != want.String() {
			t.Errorf("%v is %q, which is %v (%v)", want, text, got, err)
		}
	}
	var o Outcome
	if err := o.UnmarshalText([]byte("maybe")); err == nil || err.Error() != `"maybe" is no outcome; it is false, unknown or true` {
		t.Errorf("maybe is %v (%v)", o, err)
	}
}

// TestExplainIsBounded has conditions in one another, each nearly as long as the whole, and many next to one another: the text
// of all parts that are explained has a bound, and the outcome is right whatever is left out.
func TestExplainIsBounded(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	facts{"beta": "true", "os": "x7999"}.load(&a, s)
	var parts, text func(x *Expression) int
	sum := func(of func(x *Expression) int, x *Expression) (n int) {
		for i := range x.Parts {
			n += of(&x.Parts[i])
		}
		return n
	}
	parts = func(x *Expression) int { return 1 + sum(parts, x) }
	text = func(x *Expression) int { return len(x.Text) + sum(text, x) }
	check := func(when string, want Outcome, most int) {
		t.Helper()
		x, errs := ExplainCondition(s, when, &a)
		if errs != nil {
			t.Fatal(errs)
		}
		if n, bytes := parts(&x), text(&x); x.Outcome != want || n > most || n > maxExplainedParts+1 || bytes > maxExplainedParts*explainedBytes+2*len(when) {
			t.Errorf("%.30s…: %v, %d parts with %d bytes; want %v, %d parts at most", when, x.Outcome, n, bytes, want, most)
		}
		if want == True != (x.Failed() == nil) {
			t.Errorf("%.30s…: %v, and %d parts failed", when, want, len(x.Failed()))
		}
	}
	check(strings.Repeat("not ", 1000)+"beta", True, 32)
	check(strings.Repeat("not ", 1001)+"beta", False, 32)
	check(strings.Repeat("!", 2000)+"(beta and os == 'x')", False, 65)
	check("os == 'x0'"+strings.Repeat(" or os == 'x1'", 700), False, maxExplainedParts)
	check(strings.Repeat("has(tag) or ", 700)+"os == 'x7999'", True, maxExplainedParts)
}
