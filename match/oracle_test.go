package match

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/parser"
	"pgregory.net/rapid"
)

func TestConditionsEqualInterpreter(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(drawCondition(false), 1, 6).Draw(t, "conditions")
		var rules []Rule
		for i, text := range texts {
			rules = append(rules, Rule{Name: fmt.Sprint("r", i), When: text})
		}
		rs, errs := CompileRules(s, rules)
		if errs != nil {
			t.Fatalf("%q: %v", texts, errs)
		}
		st := rs.NewState()
		for range 5 {
			f := drawFacts(false).Draw(t, "facts")
			want := slices.IndexFunc(texts, func(text string) bool { return f.decide(t, text) == isTrue })
			f.load(&a, s)
			if got := rs.Decide(&a, st); got != want {
				t.Fatalf("rules %q with %v: Decide = %d, want %d\n%s", texts, f, got, want, rs.Disassemble())
			}
		}
	})
}

// decide interprets the text of a condition.
func (f facts) decide(t fataler, text string) kleene {
	tree, err := parser.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return kleeneOf(f.eval(tree.Node))
}

type fataler interface{ Fatalf(string, ...any) }

// exprVersion is a version for expr's VM, whose operators are then overloaded.
type exprVersion string

// exprOptions teach expr what its own language does not have.
func exprOptions() []expr.Option {
	env := map[string]any{
		"tag": "", "os": "", "country": "", "userid": "", "version": exprVersion(""), "sdk": exprVersion(""), "age": 0, "year": 0, "score": 0.0,
		"beta": false, "staff": false, "device": "", "groups": []string{}, "now": "",
	}
	function := func(name string, f func(args ...any) any, types ...any) expr.Option {
		return expr.Function(name, func(args ...any) (any, error) { return f(args...), nil }, types...)
	}
	options := []expr.Option{
		expr.Env(env), expr.AsBool(),
		function("has", func(args ...any) any { return true }, new(func(any) bool)),
		function("hash", func(args ...any) any { return fmt.Sprintf("%016x", xxhash.Sum64String(args[0].(string))) }, new(func(string) string)),
		function("bucket", func(args ...any) any { return int(Bucket(args[1].(string), []byte(args[0].(string)))) }, new(func(string, string) int)),
		function("audience", func(args ...any) any { return wideAudiences[args[0].(string)].Contains([]byte(args[1].(string))) },
			new(func(string, string) bool)),
		function("between", func(args ...any) any {
			return !plainTime(args[0]).Before(plainTime(args[1])) && plainTime(args[0]).Before(plainTime(args[2]))
		}, new(func(string, string, string) bool)),
		function("cidr", func(args ...any) any {
			return netip.MustParsePrefix(args[1].(string)).Contains(netip.MustParseAddr(args[0].(string)).Unmap())
		}, new(func(string, string) bool)),
		function("matches_version", func(args ...any) any { return plainConstraint(string(args[0].(exprVersion)), args[1].(string)) },
			new(func(exprVersion, string) bool)),
	}
	for op, holds := range map[string]func(c int) bool{
		"==": func(c int) bool { return c == 0 }, "!=": func(c int) bool { return c != 0 },
		"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	} {
		name := fmt.Sprintf("version%x", op)
		options = append(options, expr.Operator(op, name), function(name, func(args ...any) any {
			c, ok := plainVersion(fmt.Sprint(args[0]), fmt.Sprint(args[1]))
			return ok && holds(c)
		}, new(func(exprVersion, string) bool), new(func(string, exprVersion) bool), new(func(exprVersion, exprVersion) bool)))
	}
	return options
}

// exprEnv gives facts, all of them present, the form of expr's environment.
func (f facts) exprEnv() map[string]any {
	env := map[string]any{"now": factsNow.Format(time.RFC3339)}
	for _, at := range factFields {
		v := f[at.name]
		switch at.typ {
		case Version:
			env[at.name] = exprVersion(v)
		case Int:
			env[at.name], _ = strconv.Atoi(v)
		case Float:
			env[at.name], _ = strconv.ParseFloat(v, 64)
		case Bool:
			env[at.name], _ = strconv.ParseBool(v)
		case List:
			env[at.name] = f.get(at.name)
		default:
			env[at.name] = v
		}
	}
	return env
}

func TestConditionsEqualExpr(t *testing.T) {
	s := wideSchema(t)
	options := exprOptions()
	var a Attributes
	rapid.Check(t, func(t *rapid.T) {
		text := drawCondition(true).Draw(t, "condition")
		program, err := expr.Compile(text, options...)
		if err != nil {
			t.Fatalf("expr refuses %s: %v", text, err)
		}
		rs, errs := CompileRules(s, []Rule{{Name: "r", When: text}})
		if errs != nil {
			t.Fatalf("%s: %v", text, errs)
		}
		for range 5 {
			f := drawFacts(true).Draw(t, "facts")
			out, err := expr.Run(program, f.exprEnv())
			if err != nil {
				t.Fatalf("expr fails on %s: %v", text, err)
			}
			f.load(&a, s)
			if got := rs.Decide(&a, rs.NewState()) == 0; got != out.(bool) {
				t.Fatalf("%s with %v: %v, expr says %v", text, f, got, out)
			}
		}
	})
}

// FuzzConditions compiles any text. Whatever compiles has to be decided as the interpreter decides it, within its steps.
func FuzzConditions(f *testing.F) {
	for _, seed := range []string{
		"tag == 'gray' or gray_version == 'v2'",
		"os == 'ios' and version >= '17.0'",
		"not (os in ['ios', 'android']) && !has(sdk)",
		"'1' < version <= '2.0-beta' || os != country",
		"version not in ['1', '1.0', '2', '3', '4', '5', '6', '7'] and true",
		"has(os) ? true : false",
		"let x = os; x == 'a'",
		"os matches '^i' | upper()",
		"((((os == \"\\u0069os\"))))",
		"os[1:2] == `a`",
		"if age > 2 { beta } else { not beta }",
		"hash(userid)[:2] == 'a5' and bucket(userid, 'rule:r') < 500_000",
		"matches_version(version, '^17.2 || >=18 !=18.3 || ~1.x')",
		"cidr(device, '10.0.0.0/8', '2001:db8::/32') or device in ['::1']",
		"between(now, '2026-12-01', '2026-12-24T18:00') and now < '2027-01-01T00:00:00+01:00'",
		"audience('odd', userid) and not audience('vips', os) or audience('loading', hash(version))",
		"audience('vip', userid) or audience(userid, 'vips') or geo.country == 'DE'",
		"age * 2 + 1 > 17.5 / score - 2 ** 3 % 4",
		"age in 18..25 or 'a' in groups and len(groups) > 1",
		"(os == 'a' ? lower(os) : trim(tag)) contains upper(country)",
		"version >= (beta ? '17' : '18')",
		"(beta == staff) != (os == 'a')",
		"{a: 1}.a", "b'x'", "1..2", "-+-1", "os ?? 'x'", "all([1], # > 0)", "os = 'ios'", "os == '", "/* x", "", "\xff",
	} {
		f.Add(seed, "ios", "de", "1.0", "17")
	}
	s := wideSchema(f)
	f.Fuzz(func(t *testing.T, text, os, country, version, age string) {
		if len(text) > 4096 || len(version) > MaxVersionBytes || len(age) > maxNumberBytes || len(os)+len(country) > MaxUnitBytes {
			return
		}
		rs, errs := CompileRules(s, []Rule{{Name: "r", When: text}, {Name: "not", When: "not (" + text + "\n)"}})
		for _, e := range errs {
			if e.What == "" || e.Fix == "" || e.Part != "when" || e.Column < 0 || e.Column > len(text)+10 {
				t.Fatalf("%q: poor error %+v", text, e)
			}
		}
		if errs != nil || strings.Contains(text, "_version") && strings.ContainsAny(text, ",*xX") {
			return // plainConstraint does not know all of constraints
		}
		facts := facts{"os": os, "country": country, "version": version, "age": age, "score": "2.5", "beta": "true", "groups": "a, b"}
		var a Attributes
		facts.load(&a, s)
		want := map[kleene]int{isTrue: 0, isFalse: 1, unknown: -1}[facts.decide(t, text)]
		if got := rs.Decide(&a, rs.NewState()); got != want {
			t.Fatalf("%q with %q: Decide = %d, want %d\n%s", text, facts, got, want, rs.Disassemble())
		}
	})
}

// TestDrawnConditionsHaveTheWholeLanguage looks for every operator and function among the conditions that the tests here and
// those of the index draw.
func TestDrawnConditionsHaveTheWholeLanguage(t *testing.T) {
	check := func(forExpr bool) {
		t.Helper()
		var all strings.Builder
		draw := drawCondition(forExpr)
		for seed := range 2000 {
			all.WriteString(draw.Example(seed) + "\n")
		}
		want := []string{" == ", " != ", " < ", " <= ", " > ", " >= ", " in [", " not in [", " in groups", "..", " and ", " or ", "not (", " && ", " || ", "!(",
			" ? ", "(if ", " else ", " matches ", " not matches ", " contains ", " not contains ", " startsWith ", " endsWith ", "[:2]", "[1:]", "[-2:]",
			" + ", " - ", " * ", " / ", " % ", " ** ", " ^ ", "(-", "(+", " | ", "`ios`", "\"ios\"", "'\\u", "0x11", "1_7", "/* or */", "not beta and ", " ? 1 : 2.5"}
		for _, name := range functionNames {
			want = append(want, name+"(")
		}
		for _, w := range want {
			if !strings.Contains(all.String(), w) {
				t.Errorf("no drawn condition (for expr: %v) has %q", forExpr, w)
			}
		}
	}
	check(false)
	check(true)
}

func TestIntegersOverflowToNothing(t *testing.T) {
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -2, -1, 0, 1, 2, math.MaxInt64 - 1, math.MaxInt64, 1 << 32, -(1 << 31), 3037000500}
	for _, x := range edges {
		for _, y := range edges {
			for op, name := range map[valueOp]string{valAdd: "+", valSub: "-", valMul: "*", valMod: "%"} {
				got, ok := calculateInt(op, x, y)
				want := plainArithmetic(name, x, y)
				if ok != (want != nil) || ok && got != want {
					t.Errorf("%d %s %d = %d, %v, want %v", x, name, y, got, ok, want)
				}
			}
		}
	}
}
