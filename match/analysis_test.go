package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestUnsatisfiable(t *testing.T) {
	s := wideSchema(t)
	check := func(when string, want bool) {
		t.Helper()
		if got := Unsatisfiable(s, when); got != want {
			t.Errorf("Unsatisfiable(%s) = %v, want %v", when, got, want)
		}
	}
	check("os == 'ios'", false)
	check("", false)
	check("false", true)
	check("os ==", false)
	check("oz == 'ios' and false", false)
	// texts
	check("os == 'ios' and os == 'android'", true)
	check("os == 'ios' and os != 'ios'", true)
	check("os == 'ios' and os not in ['ios', 'web']", true)
	check("os in ['ios', 'web'] and os in ['web', 'tv']", false)
	check("os in ['ios', 'web'] and os in ['x', 'tv']", true)
	check("os in []", true)
	check("os == 'ios' and not has(os)", true)
	check("os != 'ios' and not has(os)", true)
	check("not has(os) and has(os)", true)
	check("os startsWith 'and' and os == 'ios'", true)
	check("os startsWith 'and' and os startsWith 'ios'", true)
	check("os startsWith 'and' and os startsWith 'android'", false)
	check("os startsWith 'android' and os not startsWith 'and'", true)
	check("os endsWith 'oid' and os endsWith 'ios'", true)
	check("os endsWith 'oid' and not (os endsWith 'id')", true)
	check("os startsWith 'android' and os not contains 'roi'", true)
	check("os matches '^i' and os == 'android'", true)
	check("os matches '^i' and os == 'ios'", false)
	check("os matches '^i' and not (os matches '^i')", true)
	check("os == 'iOS' and lower(os) == 'android'", true)
	check("os == 'iOS' and lower(os) == 'ios'", false)
	check("os == 'iOS' and lower(os)[:1] == 'a'", true)
	check("lower(os) == 'iOS'", true)
	check("upper(os) == 'iOS'", true)
	check("trim(os) == ' ios'", true)
	check("os[:2] == 'ios'", true)
	check("hash(userid)[:2] == 'zz'", true)
	check("hash(userid)[:2] == 'a5' and hash(userid)[:2] == 'a6'", true)
	check("os[:1] == 'i' and os startsWith 'android'", true)
	check("os[:1] == 'i' and os startsWith 'ios'", false)
	check("os[:2] == 'io' and os[:1] == 'a'", true)
	check("os[:1] in ['a', 'b'] and os[:2] in ['ca', 'da']", true)
	check("hash(userid)[:1] == 'a' and hash(userid)[:2] == 'b1'", true)
	check("hash(userid)[:1] == 'a' and hash(userid)[:2] == 'a1'", false)
	check("hash(userid)[:2] == 'a'", true)
	check("os matches '^ios$' and os matches '^android$'", true)
	check("os matches '^(ios|ipados)$' and os == 'web'", true)
	check("os matches '^(ios|ipados)$' and os startsWith 'ipad'", false)
	check("os matches '^i[op].*x' and os startsWith 'android'", true)
	check("os not matches '^i' and os startsWith 'ios'", true)
	check("os not matches '^i+o' and os startsWith 'ios'", false)
	check("os not matches '^i' and os not matches '^a'", false)
	check("lower(os) == 'ios' and not has(os)", true)
	check("lower(os) == 'ios' and lower(os) == 'web'", true)
	check("os == country and os != country", true)
	check("os == country and country != os", true)
	check("os == country and not has(country)", true)
	// divisions by zero have no result
	check("age / 0 > 1", true)
	check("age % 0 == 1 or -(age / 0.0) < year", true)
	check("score / -0.0 > 1", true)
	check("not (1 < age / 0)", true)
	check("age / 0 > 1 or os == 'ios'", false)
	check("age / 2 > 1", false)
	check("age / (age - 18) > 0", false)
	// versions
	check("version < '17' and version >= '17'", true)
	check("version <= '17' and version >= '17.0'", false)
	check("version <= '17' and version >= '17.0' and version != '17.0.0'", true)
	check("version == '17.0' and version != '17'", true)
	check("version == '18' and '17' <= version < '18'", true)
	check("version in ['1', '2'] and version > '2'", true)
	check("matches_version(version, '^17.2') and version >= '18'", true)
	check("matches_version(version, '^17.2 || >=20') and version > '18' and version < '19'", true)
	check("version > sdk and sdk > version", true)
	check("version > sdk and sdk < version", false)
	check("version >= sdk and sdk >= version and sdk != version", true)
	// numbers and truth values
	check("age < 18 and age >= 18", true)
	check("age < 18 and age > 16 and age != 17", true)
	check("age in 1..5 and age in [6, 7]", true)
	check("age in 1..5 and age not in [1, 2, 3, 4]", false)
	check("age in 1..5 and age not in [1, 2, 3, 4, 5]", true)
	check("age * 2 > 10 and age * 2 < 5", true)
	check("age * 2 > 10 and not has(age)", true)
	check("len(os) < 0 or len(os) == 0 or len(groups) == 0", true)
	check("len(trim(os)) == 0", false)
	check("age % 10 > 9 or age % -10 < -9", true)
	check("age % 10 == 9 or age % year > 9", false)
	check("beta and not beta", true)
	check("beta == true and beta == false", true)
	check("score > 0.5 and score < 0.5", true)
	check("bucket(userid, 's') < 5000 and bucket(userid, 's') >= 5000", true)
	check("bucket(userid, 's') < 5000 and bucket(userid, 't') >= 5000", false)
	check("bucket(userid, 's') >= 1000000", true)
	check(fmt.Sprintf("userid == 'u' and bucket(userid, 's') != %d", Bucket("s", []byte("u"))), true)
	// addresses, lists and time
	check("cidr(device, '10.0.0.0/8') and cidr(device, '192.168.0.0/16')", true)
	check("cidr(device, '10.0.0.0/8') and not cidr(device, '10.1.0.0/16')", false)
	check("cidr(device, '10.1.0.0/16') and not cidr(device, '10.0.0.0/8')", true)
	check("device == '10.0.0.1' and device != '10.0.0.1'", true)
	check("'a' in groups and 'a' not in groups", true)
	check("'a' in groups and 'b' in groups", false)
	check("'a,b' in groups", true)
	check("between(now, '2026-12-01', '2026-12-24') and now >= '2027-01-01'", true)
	// or, ? :, == between conditions
	check("(os == 'ios' or os == 'web') and (os == 'tv' or os == 'pc')", true)
	check("(os == 'ios' or country == 'de') and os == 'web' and country == 'fr'", true)
	check("(os == 'ios' ? age > 5 : age > 7) and age < 3", true)
	check("(os == 'ios' ? age > 5 : age > 7) and age == 6", false)
	check("(os == 'ios' ? age > 5 : age > 7) and age == 6 and os == 'web'", true)
	check("(os == 'ios') == (os == 'web') and os == 'ios'", true)
}

func TestDisjointAndImplies(t *testing.T) {
	s := mustSchema(t,
		Attribute{Name: "os", From: []Source{{FromHeader, "X-OS"}}},
		Attribute{Name: "plan", From: []Source{{FromHeader, "X-Plan"}}, Default: "free"},
		Attribute{Name: "version", Type: Version, From: []Source{{FromHeader, "X-App-Version"}}},
	)
	disjoint := func(a, b string, want bool) {
		t.Helper()
		if x, y := Disjoint(s, a, b), Disjoint(s, b, a); x != want || y != want {
			t.Errorf("Disjoint(%s, %s) = %v, the other way round %v, want %v", a, b, x, y, want)
		}
	}
	disjoint("os == 'ios'", "os == 'android'", true)
	disjoint("os == 'ios'", "os in ['web', 'ios']", false)
	disjoint("os == 'ios'", "version < '17'", false)
	disjoint("version < '17'", "version >= '17'", true)
	disjoint("os == 'ios'", "", false)
	disjoint("os == ", "os == 'x'", false)

	implies := func(a, b string, want bool) {
		t.Helper()
		if got := Implies(s, a, b); got != want {
			t.Errorf("Implies(%s, %s) = %v, want %v", a, b, got, want)
		}
	}
	implies("os == 'ios'", "os in ['ios', 'web']", true)
	implies("os in ['ios', 'web']", "os == 'ios'", false)
	implies("os == 'ios'", "has(os)", true)
	implies("os == 'ios'", "", true)
	implies("", "os == 'ios'", false)
	implies("", "os == 'ios' or os != 'ios'", false) // it may be missing
	implies("has(os)", "os == 'ios' or os != 'ios'", true)
	implies("", "plan == 'pro' or plan != 'pro'", true) // it cannot
	implies("version >= '17.2'", "version >= '17'", true)
	implies("version == '17.2'", "matches_version(version, '^17')", true)
	implies("os matches 'i'", "os matches 'i'", true)
	implies("has(os)", "os matches '' or os not matches ''", false) // too long a text is unknown
	implies("os startsWith 'ios'", "os startsWith 'i'", true)
	implies("os startsWith 'ios'", "os[:2] == 'io'", true)
	implies("os startsWith 'i'", "os[:2] == 'io'", false)
	implies("os[:3] == 'ios'", "os startsWith 'io'", true)
	implies("os[:3] == 'io'", "os startsWith 'ios'", false)
	implies("hash(os)[:2] == 'a5'", "hash(os)[:1] == 'a'", true)
	implies("os matches '^(ios|web)$'", "os in ['web', 'tv', 'ios']", true)
	implies("os startsWith 'ios'", "os matches '^i'", false) // too long a text is unknown
	implies("os == 'ios' and false", "os == 'web'", true)
	implies("os == 'ios'", "os ==", false)
}

// TestAnalysisIsSound looks for requests that disprove what was proven.
func TestAnalysisIsSound(t *testing.T) {
	s := wideSchema(t)
	proofs := 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawCondition(false).Draw(t, "a"), drawCondition(false).Draw(t, "b")
		z := NewAnalyzer(s)
		disjoint, implies, never := z.Disjoint(a, b), z.Implies(a, b), z.Unsatisfiable(a)
		if !disjoint && !implies && !never {
			return
		}
		proofs++
		random := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			f := randomFacts(random, false)
			x, y := f.decide(t, a), f.decide(t, b)
			if disjoint && x == isTrue && y == isTrue || implies && x == isTrue && y != isTrue || never && x == isTrue {
				t.Fatalf("disjoint %v, implies %v, unsatisfiable %v, but with %v these are %v and %v\na: %s\nb: %s", disjoint, implies, never, f, x, y, a, b)
			}
		}
	})
	if proofs == 0 {
		t.Error("nothing was proven: the test shows nothing")
	}
}

// TestAnalysisProvesLogic has what holds for all conditions, so whatever the search does not know of values is no excuse. Running out
// of steps is one, but has to be rare.
func TestAnalysisProvesLogic(t *testing.T) {
	s := wideSchema(t)
	asked, exhausted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawer{t, false}.condition(1), drawer{t, false}.condition(1)
		z := NewAnalyzer(s)
		check := func(what string, ask func() bool) {
			before := z.Spent()
			asked++
			if ask() {
				return
			}
			if z.Spent()-before < maxAnalysisSteps {
				t.Fatalf("%s is not proven for\na: %s\nb: %s", what, a, b)
			}
			exhausted++
		}
		check("a implies a", func() bool { return z.Implies(a, a) })
		check("a implies a or b", func() bool { return z.Implies(a, "("+a+") or ("+b+")") })
		check("a and b implies b", func() bool { return z.Implies("("+a+") and ("+b+")", b) })
		check("a and not a are disjoint", func() bool { return z.Disjoint(a, "not ("+a+")") })
		check("a and not a is never true", func() bool { return z.Unsatisfiable("(" + a + ") and not (" + a + ")") })
	})
	if exhausted > asked/100 {
		t.Errorf("of %d questions %d ran out of steps", asked, exhausted)
	}
}

func TestAnalysisIsBounded(t *testing.T) {
	s := wideSchema(t)
	var all []string
	for i := range 600 {
		all = append(all, fmt.Sprintf("(os != 'a%d' or country != 'b%d')", i, i))
	}
	numbers := func(from int) string {
		out := fmt.Sprint("age in [", from)
		for i := range 4000 {
			out += fmt.Sprint(", ", from+i)
		}
		return out + "]"
	}
	long := "os in ['x'" + strings.Repeat(", 'abcd'", 6000) + "] and " + strings.Repeat("os != 'y' and ", 200) + "os startsWith 'abcde'"
	for _, when := range []string{strings.Join(all, " and ") + " and os matches 'x'", long, "has(os)" + strings.Repeat(" == has(tag)", 9),
		numbers(0) + " and not (" + numbers(5) + ")", numbers(0) + strings.Repeat(" and age != 5", 90)} {
		c, errs := parseCondition(s, when)
		if errs != nil {
			t.Fatalf("%.40s…: %v", when, errs)
		}
		look := search{schema: s, steps: maxAnalysisSteps, tests: map[*cond]normalTest{}}
		look.possible(&goal{cond: c, want: canTrue}, nil)
		if over := -look.steps; over > maxAnalysisSteps/10 {
			t.Errorf("%.40s… took %d steps more than %d", when, over, maxAnalysisSteps)
		}
	}
	z := NewAnalyzer(s)
	if z.Implies(numbers(0), numbers(5)); z.Spent() < 4000/stepItems {
		t.Errorf("two lists of 4,001 numbers cost %d steps, as if they were short", z.Spent())
	}
}

func BenchmarkAnalysis(b *testing.B) {
	s := wideSchema(b)
	z := NewAnalyzer(s)
	b.ReportAllocs()
	for b.Loop() {
		z.Implies("os == 'ios' and version >= '17.2'", "os in ['ios', 'web'] or beta")
	}
}
