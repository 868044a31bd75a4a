package match

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// evalCases are the conditions of testdata/eval.json, which perf/cel reads as well.
type evalCases struct {
	About      string
	Attributes []struct {
		Name, Type string
		Value      any
	}
	Conditions []struct {
		Name, Match, Expr, Cel string
		Lacks                  map[string]string
	}
}

func readEvalCases(t testing.TB) evalCases {
	t.Helper()
	text, err := os.ReadFile("testdata/eval.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases evalCases
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatalf("testdata/eval.json: %v", err)
	}
	return cases
}

// env gives expr the attributes.
func (c evalCases) env() map[string]any {
	env := map[string]any{}
	for _, a := range c.Attributes {
		env[a.Name] = a.Value
		if a.Type == "int" {
			env[a.Name] = int(a.Value.(float64))
		}
	}
	return env
}

// TestEvalCases makes sure that the benchmarks compare like with like: all have the attributes of the browser's request,
// and whatever a condition's languages are, it is true in them.
func TestEvalCases(t *testing.T) {
	cases := readEvalCases(t)
	s := shopSchema(t)
	var a Attributes
	newBrowser().load(&a, s)
	for _, at := range cases.Attributes {
		i, declared := s.byName[at.Name]
		if !declared {
			continue // for the languages without versions
		}
		if got := fmt.Sprintf("%s %s", s.attrs[i].typ, a.Value(i)); got != fmt.Sprintf("%s %v", at.Type, at.Value) && at.Name != "ip" {
			t.Errorf("%s is %s in the request, %s %v in the file", at.Name, got, at.Type, at.Value)
		}
	}
	for _, c := range cases.Conditions {
		if rs := mustRules(t, s, Rule{Name: "r", When: c.Match}); rs.Decide(&a, rs.NewState()) != 0 {
			t.Errorf("%s is not true", c.Match)
		}
		if c.Expr != "" {
			if out, err := expr.Eval(c.Expr, cases.env()); err != nil || out != true {
				t.Errorf("%s is %v, %v to expr", c.Expr, out, err)
			}
		}
		if (c.Expr == "") != (c.Lacks["expr"] != "") || (c.Cel == "") != (c.Lacks["cel"] != "") {
			t.Errorf("%s: each language says the condition, or the file says what it lacks", c.Name)
		}
	}
}

// BenchmarkEval decides one rule, attributes read before; what the rule computes is computed anew each time.
func BenchmarkEval(b *testing.B) {
	for _, c := range readEvalCases(b).Conditions {
		b.Run(c.Name, func(b *testing.B) {
			s := shopSchema(b)
			rs := mustRules(b, s, Rule{Name: "r", When: c.Match})
			st := rs.NewState()
			req := newBrowser()
			var a Attributes
			req.load(&a, s)
			b.ReportAllocs()
			for b.Loop() {
				if rs.Decide(&a, st) != 0 {
					b.Fatal("the rule did not match")
				}
				a.scratch = a.scratch[:0]
			}
		})
	}
}

// BenchmarkEvalExpr is BenchmarkEval on expr's own VM, for the conditions that it has. cel-go's is in perf/cel.
func BenchmarkEvalExpr(b *testing.B) {
	cases := readEvalCases(b)
	env := cases.env()
	for _, c := range cases.Conditions {
		if c.Expr == "" {
			continue
		}
		b.Run(c.Name, func(b *testing.B) {
			program, err := expr.Compile(c.Expr, expr.Env(env), expr.AsBool())
			if err != nil {
				b.Fatal(err)
			}
			var machine vm.VM
			b.ReportAllocs()
			for b.Loop() {
				if out, err := machine.Run(program, env); err != nil || out != true {
					b.Fatal(out, err)
				}
			}
		})
	}
}
