package match

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"pgregory.net/rapid"
)

// bothWays compiles rules with and without an index.
func bothWays(t fataler, s *Schema, rules []Rule) (indexed, plain *RuleSet) {
	c := &ruleCompiler{schema: s, names: make(map[string]int)}
	var checked []checkedRule
	for i, r := range rules {
		checked = append(checked, c.rule(i, r))
	}
	if len(c.errs) > 0 {
		t.Fatalf("%+v: %v", rules, c.errs)
	}
	return &RuleSet{schema: s, prog: generate(s, checked, true)}, &RuleSet{schema: s, prog: generate(s, checked, false)}
}

// drawRule draws a rule: a condition, a share, or both; some have their salt in common.
func drawRule(t *rapid.T, i int) Rule {
	r := Rule{Name: fmt.Sprint("r", i)}
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if kind < 8 {
		r.When = drawer{t, false}.condition(2)
	}
	if kind > 5 {
		r.HasPercent, r.By = true, rapid.SampledFrom([]string{"userid", "os", byRequest}).Draw(t, "by")
		r.PPM = rapid.SampledFrom([]uint32{0, 1000, 100_000, 500_000, 900_000, PPM}).Draw(t, "ppm")
		if r.By != byRequest {
			r.Salt = rapid.SampledFrom([]string{"", "", "ramp", "a"}).Draw(t, "salt")
		}
	}
	return r
}

// pairs is how many random pairs of a rule set and a request each of the three tests below decides at least: `make fuzz`
// asks for a million.
var pairs = flag.Int("pairs", 1000, "pairs of a rule set and a request that are decided both ways, at least")

// checkPairs checks a property, which decides that many requests for each of its rule sets, until there are enough pairs.
func checkPairs(t *testing.T, property func(t *rapid.T, requests int)) {
	requests := min(max(*pairs/100, 1), 500)
	done := 0
	for done < *pairs {
		rapid.Check(t, func(t *rapid.T) {
			property(t, requests)
			done += requests
		})
	}
	t.Logf("%d pairs of a rule set and a request are decided alike", done)
}

// TestIndexEqualsOrder decides many requests in a row by the index and by the rules in order: the same rule each time,
// also where rules count the requests that come to them.
func TestIndexEqualsOrder(t *testing.T) { checkPairs(t, indexEqualsOrder(wideSchema(t))) }

// FuzzIndexEqualsOrder is the same with more requests for each rule set.
func FuzzIndexEqualsOrder(f *testing.F) {
	check := indexEqualsOrder(wideSchema(f))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { check(t, 500) }))
}

func indexEqualsOrder(s *Schema) func(t *rapid.T, requests int) {
	var a Attributes
	return func(t *rapid.T, requests int) {
		var rules []Rule
		for i := range rapid.IntRange(1, 90).Draw(t, "rules") {
			rules = append(rules, drawRule(t, i))
		}
		indexed, plain := bothWays(t, s, rules)
		st1, st2 := indexed.NewState(), plain.NewState()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range requests {
			f := randomFacts(random, false)
			f.load(&a, s)
			got := indexed.Decide(&a, st1)
			f.load(&a, s)
			if want := plain.Decide(&a, st2); got != want {
				t.Fatalf("%s\nwith %v: Decide = %d by the index, %d in order", describe(rules, got, want), f, got, want)
			}
		}
	}
}

// TestFirstMatchEqualsExpr decides by the index what expr's VM decides, program by program.
func TestFirstMatchEqualsExpr(t *testing.T) { checkPairs(t, firstMatchEqualsExpr(wideSchema(t))) }

// FuzzFirstMatchEqualsExpr is the same with more requests for each rule set.
func FuzzFirstMatchEqualsExpr(f *testing.F) {
	check := firstMatchEqualsExpr(wideSchema(f))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { check(t, 500) }))
}

func firstMatchEqualsExpr(s *Schema) func(t *rapid.T, requests int) {
	options := exprOptions()
	var a Attributes
	return func(t *rapid.T, requests int) {
		var rules []Rule
		var programs []*vm.Program
		for i := range rapid.IntRange(minIndexedRules, 30).Draw(t, "rules") {
			text := drawer{t, true}.condition(rapid.IntRange(0, 2).Draw(t, "depth"))
			program, err := expr.Compile(text, options...)
			if err != nil {
				t.Fatalf("expr refuses %s: %v", text, err)
			}
			rules, programs = append(rules, Rule{Name: fmt.Sprint("r", i), When: text}), append(programs, program)
		}
		rs, errs := CompileRules(s, rules)
		if errs != nil {
			t.Fatalf("%+v: %v", rules, errs)
		}
		st := rs.NewState()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range requests {
			f := randomFacts(random, true)
			env := f.exprEnv()
			want := slices.IndexFunc(programs, func(p *vm.Program) bool {
				out, err := expr.Run(p, env)
				if err != nil {
					t.Fatalf("expr fails: %v", err)
				}
				return out == true
			})
			f.load(&a, s)
			if got := rs.Decide(&a, st); got != want {
				t.Fatalf("%s\nwith %v: Decide = %d, expr says %d", describe(rules, got, want), f, got, want)
			}
		}
	}
}

func describe(rules []Rule, which ...int) string {
	var b strings.Builder
	for _, i := range which {
		if i >= 0 {
			fmt.Fprintf(&b, "rule %d: %+v\n", i, rules[i])
		}
	}
	return b.String()
}

// TestFirstMatchEqualsInterpreter decides by the index what the interpreter decides rule by rule.
func TestFirstMatchEqualsInterpreter(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	checkPairs(t, func(t *rapid.T, requests int) {
		var rules []Rule
		var trees []ast.Node
		for i := range rapid.IntRange(minIndexedRules, 60).Draw(t, "rules") {
			text := drawer{t, false}.condition(1)
			tree, err := parser.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			rules, trees = append(rules, Rule{Name: fmt.Sprint("r", i), When: text}), append(trees, tree.Node)
		}
		rs, errs := CompileRules(s, rules)
		if errs != nil || rs.prog.index == nil {
			t.Fatalf("%+v: %v", rules, errs)
		}
		st := rs.NewState()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range requests {
			f := randomFacts(random, false)
			want := slices.IndexFunc(trees, func(tree ast.Node) bool { return kleeneOf(f.eval(tree)) == isTrue })
			f.load(&a, s)
			if got := rs.Decide(&a, st); got != want {
				t.Fatalf("%s\nwith %v: Decide = %d, want %d", describe(rules, got, want), f, got, want)
			}
		}
	})
}

// TestIndexOfManyRules has more entries than a block, and more ranges than cells.
func TestIndexOfManyRules(t *testing.T) {
	s := wideSchema(t)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	var rules []Rule
	for i := range 6000 {
		n := random.IntN(3000)
		rules = append(rules, Rule{Name: fmt.Sprint("r", i), When: strings.NewReplacer("N", fmt.Sprint(n), "M", fmt.Sprint(n+random.IntN(4))).Replace(pick(
			"os == 'iN' and version >= '1.N'", "age in N..M", "score > N.5 and score < M.7", "version == '1.N' or os == 'iM'",
			"cidr(device, '10.0.0.0/8') and age == N", "os startsWith 'iN' and country == 'cM'", "'gN' in groups and 'gM' in groups",
			"not has(os) and age == N", "(country == 'cN' or not has(country)) and age == M", "age == N or not has(age) and os == 'iM'", "version < '1.N' and version >= '1.M'", "os in ['iN', 'iM'] and os != 'iM'", "country not in ['cN'] and age > M and age < M"))})
	}
	indexed, plain := bothWays(t, s, rules)
	st1, st2 := indexed.NewState(), plain.NewState()
	var a Attributes
	matches := 0
	for range 3000 {
		n := random.IntN(3300)
		f := facts{"age": fmt.Sprint(n), "score": fmt.Sprint(n), "version": fmt.Sprint("1.", n), "os": fmt.Sprint("i", n), "country": fmt.Sprint("c", n),
			"groups": fmt.Sprintf("x, g%d, g%d", n, n+1), "device": pick("10.1.2.3", "::1")}
		for range random.IntN(7) {
			delete(f, factFields[random.IntN(len(factFields))].name)
		}
		f.load(&a, s)
		got := indexed.Decide(&a, st1)
		f.load(&a, s)
		want := plain.Decide(&a, st2)
		if got != want {
			t.Fatalf("%s\nwith %v: Decide = %d by the index, %d in order", describe(rules, got, want), f, got, want)
		}
		if got >= 0 {
			matches++
		}
	}
	if matches < 500 || matches > 2990 {
		t.Errorf("%d of 3000 requests match: the test has lost its meaning", matches)
	}
	for _, c := range indexed.prog.index.columns {
		if words := len(c.bounds) * len(indexed.prog.index.full); words > maxIndexWords {
			t.Errorf("the vectors of register %d have %d words, more than %d", c.reg, words, maxIndexWords)
		}
	}
}

// TestIndexSparesRules counts what is evaluated: of a thousand rules a few.
func TestIndexSparesRules(t *testing.T) {
	s := shopSchema(t)
	rs := mustRules(t, s, shopRules(1000)...)
	st := rs.NewState()
	var a Attributes
	newBrowser().load(&a, s)
	a.enter(&rs.prog)
	candidates := 0
	x := rs.prog.index
	words := slices.Clone(x.full)
	for i := range x.columns {
		v := x.columns[i].lookUp(&a, &rs.prog, st)
		v.and(words, 0)
	}
	for i := range x.rules {
		if words[i/64]&(1<<(i%64)) != 0 {
			candidates++
		}
	}
	if candidates > 20 {
		t.Errorf("%d of %d entries are left for the browser's request, want 20 at most", candidates, len(x.rules))
	}
}

// countedAudience counts how often it is asked.
type countedAudience struct {
	members
	asked int
}

func (c *countedAudience) Contains(member []byte) bool {
	c.asked++
	return c.members.Contains(member)
}

// TestAudienceIsAColumn has many rules that ask for one audience: one look-up a request, whatever the answer, and a column
// that leaves out the rules of the other answer.
func TestAudienceIsAColumn(t *testing.T) {
	beta := &countedAudience{members: members{"u-1": true}}
	s := lookupSchema(t, Lookups{Audiences: map[string]Audience{"beta": beta}},
		Attribute{Name: "userid", From: []Source{{FromHeader, "X-User-Id"}}}, Attribute{Name: "os", From: []Source{{FromHeader, "X-OS"}}})
	var rules []Rule
	for i := range 40 {
		in, out := fmt.Sprintf("audience('beta', userid) and path matches '^/%d$'", i), fmt.Sprintf("not audience('beta', userid) and path matches '^/%d$'", i)
		rules = append(rules, Rule{Name: fmt.Sprint("in", i), When: in}, Rule{Name: fmt.Sprint("out", i), When: out})
	}
	rs := mustRules(t, s, rules...)
	x := rs.prog.index
	place := slices.IndexFunc(x.columns, func(c column) bool {
		return int(c.reg) >= rs.prog.attributes && rs.prog.formulas[int(c.reg)-rs.prog.attributes].op == valAudience
	})
	if place < 0 {
		t.Fatalf("no column is an audience's\n%s", rs.Disassemble())
	}
	var a Attributes
	check := func(userid string, want kleene, decided int) {
		t.Helper()
		load := func() { request{path: "/39", fields: []string{"X-User-Id: " + userid}}.load(&a, s) }
		st := rs.NewState()
		load()
		a.enter(&rs.prog)
		words := slices.Clone(x.full)
		v := x.columns[place].lookUp(&a, &rs.prog, st)
		v.and(words, 0)
		for i, rule := range x.rules {
			if x.full[i/64]&(1<<(i%64)) == 0 {
				continue // no entry stands here
			}
			left := words[i/64]&(1<<(i%64)) != 0
			if wantLeft := want == isTrue && rule%2 == 0 || want == isFalse && rule%2 == 1; left != wantLeft {
				t.Errorf("userid %q: rule %s is left: %v, want %v", userid, rules[rule].Name, left, wantLeft)
			}
		}
		load()
		beta.asked = 0
		if got := rs.Decide(&a, st); got != decided {
			t.Errorf("userid %q: Decide = %d, want %d", userid, got, decided)
		}
		if asked := beta.asked; asked > 1 || (asked == 0) != (want == unknown) {
			t.Errorf("userid %q: the audience was asked %d times", userid, asked)
		}
	}
	check("u-1", isTrue, 78)
	check("u-2", isFalse, 79)
	check("", unknown, -1)
	check(strings.Repeat("u", MaxUnitBytes+1), unknown, -1)
}

func TestKeysKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "x"), rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "y")
		if string(x) < string(y) && textKey(x) > textKey(y) {
			t.Fatalf("%q and %q have keys %x and %x", x, y, textKey(x), textKey(y))
		}
		if r := prefixRange(string(x)); strings.HasPrefix(string(y), string(x)) && (textKey(y) < r.least || textKey(y) > r.most) {
			t.Fatalf("%q begins with %q, key %x, not in %x", y, x, textKey(y), r)
		}
		small := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 2), rapid.Uint64Range(0xfffe_ffff_ffff, 0x1_0000_0000_0001))
		a, b := address{small.Draw(t, "high"), small.Draw(t, "low")}, address{small.Draw(t, "high"), small.Draw(t, "low")}
		if a.less(b) && addressKey(a.high, a.low) > addressKey(b.high, b.low) {
			t.Fatalf("%x and %x have keys %x and %x", a, b, addressKey(a.high, a.low), addressKey(b.high, b.low))
		}
	})
}
