package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestUnitlessEqualsExplain has random rules decide random requests, by the index and in order: the rules that are told as passed over
// for want of a unit are those of which Explain says so, up to the one that matched.
func TestUnitlessEqualsExplain(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	some := 0
	checkPairs(t, func(t *rapid.T, requests int) {
		var rules []Rule
		for i := range rapid.IntRange(1, 40).Draw(t, "rules") {
			rules = append(rules, drawRule(t, i))
		}
		indexed, plain := bothWays(t, s, rules)
		indexed.rules = rules
		st1, st2 := indexed.NewState(), plain.NewState()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range requests {
			f := randomFacts(random, false)
			switch random.IntN(6) {
			case 0:
				f["userid"] = strings.Repeat("u", MaxUnitBytes)
			case 1:
				f["userid"] = strings.Repeat("u", MaxUnitBytes+1)
			case 2:
				delete(f, "userid")
			}
			f.load(&a, s)
			matched := indexed.Decide(&a, st1)
			var want []uint32
			for i := range rules {
				if i == matched {
					break
				}
				if passedOver(indexed.Explain(i, &a)) {
					want = append(want, uint32(i))
				}
			}
			some += len(want)
			if got := st1.Unitless(); !slices.Equal(got, want) {
				t.Fatalf("with %v, rule %d matching: the index passes over %v, explained are %v\n%s", f, matched, got, want, indexed.Disassemble())
			}
			f.load(&a, s)
			plain.Decide(&a, st2)
			if got := st2.Unitless(); !slices.Equal(got, want) {
				t.Fatalf("with %v, rule %d matching: in order %v are passed over, explained are %v\n%s", f, matched, got, want, plain.Disassemble())
			}
		}
	})
	if some == 0 {
		t.Error("no rule was passed over for want of a unit: the test shows nothing")
	}
}

// passedOver tells whether a trace says that nothing but a missing unit keeps the rule from matching.
func passedOver(r RuleTrace) bool {
	return r.Share != nil && r.Share.By != byRequest && r.Share.Threshold > 0 && (r.Share.Unit == nil || r.Share.TooLong) &&
		(r.Condition == nil || r.Condition.Outcome == True)
}

func TestUnitless(t *testing.T) {
	s := shopSchema(t)
	var rules []Rule
	share := func(name, when, by, salt string, ppm uint32) {
		rules = append(rules, Rule{Name: name, When: when, HasPercent: true, PPM: ppm, By: by, Salt: salt})
	}
	share("all", "", "userid", "", PPM)
	share("ios", "os == 'ios'", "userid", "", 50_000)
	share("not ios", "os != 'ios'", "userid", "", 50_000)
	share("shared", "", "userid", "ramp", 1)
	share("shared, by another", "", "country", "ramp", 1)
	share("shared too", "version >= '17'", "userid", "ramp", PPM)
	share("nobody", "", "userid", "", 0)
	share("in sequence", "", byRequest, "", 1)
	rules = append(rules, Rule{Name: "matches", When: "os == 'ios'"})
	share("behind it", "", "userid", "", PPM)
	indexed, plain := bothWays(t, s, rules)
	for how, rs := range map[string]*RuleSet{"by the index": indexed, "in order": plain} {
		st := rs.NewState()
		var a Attributes
		check := func(what string, want []uint32, headers ...string) {
			t.Helper()
			a.Reset(s)
			for _, h := range append(headers, "X-Country: de") {
				name, value, _ := strings.Cut(h, ": ")
				a.AddHeader([]byte(name), []byte(value))
			}
			rs.Decide(&a, st)
			if got := st.Unitless(); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v are passed over, want %v", how, what, got, want)
			}
		}
		check("no unit", []uint32{0, 1, 3, 5}, "X-OS: ios", "X-App-Version: 17.1")
		check("no unit, a condition unknown", []uint32{0, 3, 5, 9}, "X-App-Version: 17.1")
		check("no unit, another condition true", []uint32{0, 2, 3, 9}, "X-OS: web", "X-App-Version: 16")
		check("the first takes it", nil, "X-OS: ios", "X-User-Id: u-1")
		check("an empty unit", []uint32{0, 1, 3}, "X-OS: ios", "X-User-Id: ")
		check("as long as can be", nil, "X-User-Id: "+strings.Repeat("u", MaxUnitBytes))
		check("too long", []uint32{0, 3, 9}, "X-User-Id: "+strings.Repeat("u", MaxUnitBytes+1))
		check("too long again", []uint32{0, 3, 9}, "X-User-Id: "+strings.Repeat("u", MaxUnitBytes+1))
	}
}

// TestUnitlessIsNotAllocated decides requests without a unit by rules that all want one.
func TestUnitlessIsNotAllocated(t *testing.T) {
	for _, salt := range []string{"", "ramp"} {
		rs, a, _ := unitlessRules(t, 1000, salt)
		st := rs.NewState()
		if n := testing.AllocsPerRun(100, func() {
			if rs.Decide(a, st); len(st.Unitless()) != 1000 {
				t.Fatalf("%d rules are passed over, want 1000", len(st.Unitless()))
			}
		}); n != 0 {
			t.Errorf("salt %q: a request without a unit allocates %v times, want 0", salt, n)
		}
	}
}

// unitlessRules gives n rules that each want a unit, and a request without one and one with it.
func unitlessRules(t testing.TB, n int, salt string) (rs *RuleSet, without, with *Attributes) {
	s := shopSchema(t)
	var rules []Rule
	for i := range n {
		rules = append(rules, Rule{Name: fmt.Sprint("r", i), When: "os == 'ios'", HasPercent: true, PPM: 1, By: "userid", Salt: salt})
	}
	load := func(unit string) *Attributes {
		a := &Attributes{}
		a.Reset(s)
		a.AddHeader([]byte("X-OS"), []byte("ios"))
		a.AddHeader([]byte("X-User-Id"), []byte(unit))
		return a
	}
	return mustRules(t, s, rules...), load(""), load("u-1f7b9c")
}

// BenchmarkDecideUnitless is what a client gains by leaving out its unit, or costs by it: every rule's condition is met.
func BenchmarkDecideUnitless(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		rs, without, with := unitlessRules(b, n, "")
		st := rs.NewState()
		for name, a := range map[string]*Attributes{"without": without, "with": with} {
			b.Run(fmt.Sprintf("rules=%d/unit=%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rs.Decide(a, st)
				}
			})
		}
	}
}
