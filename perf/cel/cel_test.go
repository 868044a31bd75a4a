package cel

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"

	"graygate/match"
)

// others are values beside those of the file, so that conditions come out false as well; "" takes an attribute away.
var others = map[string][]any{
	"os":      {"web", ""},
	"country": {"fr", "c7", ""},
	"version": {"16.9.9", "18.0", ""},
	"method":  {"POST"},
	"path":    {"/api/v12/cart", "/api/v/cart", "/"},
	"ip":      {"10.9.8.7", "192.0.3.1"},
}

// TestSameAnswers asks both machines every condition for every choice of values: true where the other says true, false where
// false, and unknown where cel-go has no answer but the error of a missing attribute. Its `&&` and `||` absorb that error as
// Kleene's logic does.
func TestSameAnswers(t *testing.T) {
	c, err := readCases()
	if err != nil {
		t.Fatal(err)
	}
	env, err := environment(c)
	if err != nil {
		t.Fatal(err)
	}
	schema := matchSchema(t)
	asked, answers := 0, map[string]int{}
	for _, condition := range c.Conditions {
		if condition.Cel == "" {
			continue
		}
		asked++
		program, err := compile(env, condition.Cel)
		if err != nil {
			t.Fatal(err)
		}
		rules, errs := match.CompileRules(schema, []match.Rule{
			{Name: "true", When: condition.Match}, {Name: "false", When: "not (" + condition.Match + ")"},
		})
		if errs != nil {
			t.Fatal(errs)
		}
		choices(c.Attributes, func(attributes []attribute) {
			want, got := ours(schema, rules, attributes), theirs(t, program, attributes)
			answers[want]++
			if got != want {
				t.Errorf("%s with %v is %s, and to CEL %s is %s", condition.Match, attributes, want, condition.Cel, got)
			}
		})
	}
	if asked < 10 || answers["true"] < 100 || answers["false"] < 100 || answers["unknown"] < 100 {
		t.Errorf("%d conditions with the answers %v: too few to say something", asked, answers)
	}
}

func matchSchema(t testing.TB) *match.Schema {
	t.Helper()
	var attributes []match.Attribute
	for _, name := range []string{"os", "country", "userid", "version"} {
		a := match.Attribute{Name: name, From: []match.Source{{Kind: match.FromHeader, Name: "X-" + name}}}
		if name == "version" {
			a.Type = match.Version
		}
		attributes = append(attributes, a)
	}
	schema, err := match.NewSchema(attributes, match.Lookups{})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// choices calls f with every choice of values; the version's first part is `major`.
func choices(attributes []attribute, f func([]attribute)) {
	var choose func(rest, chosen []attribute)
	choose = func(rest, chosen []attribute) {
		if len(rest) == 0 {
			f(chosen)
			return
		}
		a := rest[0]
		if a.Name == "major" {
			choose(rest[1:], chosen)
			return
		}
		for _, v := range append([]any{a.Value}, others[a.Name]...) {
			next := chosen[:len(chosen):len(chosen)]
			if v != "" {
				next = append(next, attribute{a.Name, a.Type, v})
			}
			if a.Name == "version" && v != "" {
				var major float64
				fmt.Sscanf(v.(string), "%f.", &major)
				next = append(next, attribute{"major", "int", float64(int(major))})
			}
			choose(rest[1:], next)
		}
	}
	choose(attributes, nil)
}

func ours(schema *match.Schema, rules *match.RuleSet, attributes []attribute) string {
	var a match.Attributes
	a.Reset(schema)
	values := map[string][]byte{}
	for _, at := range attributes {
		values[at.Name] = fmt.Append(nil, at.Value)
	}
	a.SetRequest(values["method"], []byte("shop.example.com"), values["path"], nil, netip.MustParseAddr(string(values["ip"])))
	for name, v := range values {
		a.AddHeader([]byte("X-"+name), v)
	}
	return map[int]string{0: "true", 1: "false", -1: "unknown"}[rules.Decide(&a, rules.NewState())]
}

func theirs(t *testing.T, program cel.Program, attributes []attribute) string {
	t.Helper()
	values, err := activation(attributes)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := program.Eval(values)
	if err != nil {
		if !strings.Contains(err.Error(), "no such attribute") {
			t.Fatal(err)
		}
		return "unknown"
	}
	return fmt.Sprint(out.Value())
}

// BenchmarkEvalCEL is match's BenchmarkEval on cel-go, for the conditions that it can say.
func BenchmarkEvalCEL(b *testing.B) {
	c, err := readCases()
	if err != nil {
		b.Fatal(err)
	}
	env, err := environment(c)
	if err != nil {
		b.Fatal(err)
	}
	values, err := activation(c.Attributes)
	if err != nil {
		b.Fatal(err)
	}
	for _, condition := range c.Conditions {
		if condition.Cel == "" {
			continue
		}
		b.Run(condition.Name, func(b *testing.B) {
			program, err := compile(env, condition.Cel)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if out, _, err := program.Eval(values); err != nil || out.Value() != true {
					b.Fatal(out, err)
				}
			}
		})
	}
}
