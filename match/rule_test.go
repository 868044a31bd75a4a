package match

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDecideTakesTheFirstRuleThatMatches(t *testing.T) {
	s := shopSchema(t)
	rs := mustRules(t, s,
		Rule{Name: "tagged", When: "tag == 'gray' or gray_version == 'v2'"},
		Rule{Name: "ios-beta", When: "os == 'ios' and version >= '17.0'"},
		Rule{Name: "none", HasPercent: true, PPM: 0, By: "userid"},
		Rule{Name: "german-half", When: "country == 'de'", HasPercent: true, PPM: PPM / 2, By: "userid"},
		Rule{Name: "web", When: "os == 'web'", HasPercent: true, PPM: PPM, By: "userid"},
	)
	st := rs.NewState()
	var a Attributes
	check := func(want int, r request) {
		t.Helper()
		for range 2 { // a decision leaves nothing behind
			r.load(&a, s)
			if got := rs.Decide(&a, st); got != want {
				t.Errorf("Decide(%+v) = %d, want %d", r, got, want)
			}
		}
	}
	check(-1, request{})
	check(0, request{fields: []string{"X-Gray-Tag: gray"}})
	check(-1, request{fields: []string{"X-Gray-Tag: Gray"}})
	check(0, request{fields: []string{"Cookie: a=b; gray_version=v2"}})
	check(0, request{fields: []string{"X-OS: ios", "X-App-Version: 18", "X-Gray-Tag: gray"}})
	check(1, request{fields: []string{"x-os: ios", "X-APP-VERSION: 17"}})
	check(-1, request{fields: []string{"X-OS: ios", "X-App-Version: 16.9"}})
	check(-1, request{fields: []string{"X-OS: ios", "X-App-Version: v17"}})
	check(4, request{fields: []string{"X-OS: web", "X-User-Id: 1"}})
	check(-1, request{fields: []string{"X-OS: web"}}) // no unit

	in, out := "", "" // a user in and one out of the half
	for i := 0; in == "" || out == ""; i++ {
		if u := fmt.Sprint("u", i); Bucket("rule:german-half", []byte(u)) < PPM/2 {
			in = u
		} else {
			out = u
		}
	}
	check(3, request{fields: []string{"X-Country: de", "X-User-Id: " + in}})
	check(-1, request{fields: []string{"X-Country: de", "X-User-Id: " + out}})
	check(-1, request{fields: []string{"X-Country: fr", "X-User-Id: " + in}})
	check(3, request{query: "uid=" + in, fields: []string{"X-Country: de"}})
	check(4, request{query: "uid=" + out, fields: []string{"X-Country: de", "X-OS: web"}})
}

func TestNoRules(t *testing.T) {
	s := shopSchema(t)
	rs := mustRules(t, s)
	var a Attributes
	request{}.load(&a, s)
	if got := rs.Decide(&a, rs.NewState()); got != -1 {
		t.Errorf("Decide of no rules = %d, want -1", got)
	}
}

func TestSharesBySequence(t *testing.T) {
	s := shopSchema(t)
	// run gives which of n requests are in.
	run := func(ppm uint32, n int) []int {
		rs := mustRules(t, s, Rule{Name: "r", HasPercent: true, PPM: ppm, By: "request"})
		st := rs.NewState()
		var a Attributes
		request{}.load(&a, s)
		in := make([]int, n)
		for i := range in {
			if rs.Decide(&a, st) == 0 {
				in[i] = 1
			}
		}
		return in
	}
	sum := func(in []int) (total int) {
		for _, x := range in {
			total += x
		}
		return total
	}
	check := func(ppm uint32, n, window int) {
		t.Helper()
		in := run(ppm, n)
		want := float64(window) * float64(ppm) / PPM
		count := sum(in[:window])
		for i := window; ; i++ {
			if math.Abs(float64(count)-want) >= 1 {
				t.Errorf("%d ppm: %d of requests %d to %d, want %v rounded up or down", ppm, count, i-window, i-1, want)
				return
			}
			if i == n {
				return
			}
			count += in[i] - in[i-window]
		}
	}
	check(50_000, 20_000, 1000) // any 1000 in a row at 5 %: 50
	check(50_000, 20_000, 20)
	check(50_000, 20_000, 7)
	check(333_333, 20_000, 1000)
	check(1, 3_000_000, 1_000_000)
	check(999_999, 20_000, 1000)
	if n := sum(run(0, 100_000)); n != 0 {
		t.Errorf("0 %%: %d of 100000, want 0", n)
	}
	if n := sum(run(PPM, 100_000)); n != 100_000 {
		t.Errorf("100 %%: %d of 100000, want all", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		ppm := rapid.Uint32Range(0, PPM).Draw(t, "ppm")
		n := rapid.IntRange(0, 3000).Draw(t, "n")
		if got, want := float64(sum(run(ppm, n))), float64(n)*float64(ppm)/PPM; math.Abs(got-want) > 0.5 {
			t.Fatalf("%d ppm: %v of the first %d, want %v rounded to the nearest", ppm, got, n, want)
		}
	})
}

// TestSequenceCountsWhatComesToIt shows that only requests for which the condition is true, and which no earlier rule took,
// are counted.
func TestSequenceCountsWhatComesToIt(t *testing.T) {
	s := shopSchema(t)
	rs := mustRules(t, s,
		Rule{Name: "a", HasPercent: true, PPM: PPM / 2, By: "request"},
		Rule{Name: "b", When: "os == 'ios'", HasPercent: true, PPM: PPM / 2, By: "request"},
	)
	st, other := rs.NewState(), rs.NewState()
	var a Attributes
	count := map[string]int{}
	for i := range 1200 {
		os := []string{"ios", "web", "web"}[i%3]
		request{fields: []string{"X-OS: " + os}}.load(&a, s)
		count[fmt.Sprint(os, " ", rs.Decide(&a, st))]++
		rs.Decide(&a, other) // another loop changes nothing here
	}
	want := map[string]int{"ios 0": 200, "web 0": 400, "ios 1": 100, "ios -1": 100, "web -1": 400}
	for k, w := range want {
		if count[k] != w {
			t.Errorf("outcomes = %v, want %v", count, want)
			break
		}
	}
}

func TestRuleErrors(t *testing.T) {
	s := shopSchema(t)
	check := func(want string, rules ...Rule) {
		t.Helper()
		rs, errs := CompileRules(s, rules)
		var lines []string
		for _, e := range errs {
			lines = append(lines, e.Error())
		}
		if got := strings.Join(lines, "\n"); got != want || (rs == nil) != (errs != nil) {
			t.Errorf("CompileRules(%+v) = %v, errors\n got %s\nwant %s", rules, rs, got, want)
		}
	}
	check("rule 0: name: the rule has no name; give it one: the name is its salt, its label in metrics and its header value",
		Rule{When: "has(os)"})
	check(`rule 2: name: rules 0 and 2 are both named "a"; rename one of them`,
		Rule{Name: "a", When: "has(os)"}, Rule{Name: "b", When: "has(os)"}, Rule{Name: "a", When: "has(tag)"})
	check("rule 0: when: the rule has neither a condition nor a share; add `when:`, or `percent:` with `by:`", Rule{Name: "a"})
	check("rule 0: when: the rule has neither a condition nor a share; add `when:`, or `percent:` with `by:`", Rule{Name: "a", When: " \n"})
	check("rule 0: by: `percent` does not say of what; add `by:` with an attribute such as a user id, or `by: request`",
		Rule{Name: "a", HasPercent: true, PPM: 1})
	check("rule 0: by: unknown attribute `user_id`; did you mean `userid`?", Rule{Name: "a", HasPercent: true, PPM: 1, By: "user_id"})
	check("rule 0: by: unknown attribute `requests`; did you mean `request`?", Rule{Name: "a", HasPercent: true, PPM: 1, By: "requests"})
	check("rule 0: by: a share by `now` is different at every moment; use an attribute such as a user id, or `by: request`",
		Rule{Name: "a", HasPercent: true, PPM: 1, By: "now"})
	check("rule 0: by: `by` without `percent`; add `percent:`, or remove `by:`", Rule{Name: "a", When: "has(os)", By: "userid"})
	check("rule 0: salt: `salt` without `percent`; add `percent:`, or remove `salt:`", Rule{Name: "a", When: "has(os)", Salt: "b"})
	check("rule 0: salt: `salt` with `by: request`, which hashes nothing; remove `salt:`",
		Rule{Name: "a", HasPercent: true, PPM: 1, By: "request", Salt: "b"})
	check("rule 0: percent: a share above 100 %; use 0 to 100", Rule{Name: "a", HasPercent: true, PPM: PPM + 1, By: "userid"})
	check("rule 0: salt: a zero byte in a salt; remove it: it parts salt and unit in the hash",
		Rule{Name: "a", HasPercent: true, PPM: 1, By: "userid", Salt: "b\x00c"})
	check("rule 0: name: a name of 129 bytes, more than 128; shorten it", Rule{Name: strings.Repeat("n", 129), When: "has(os)"})
	check("rule 0: salt: a salt of 129 bytes, more than 128; shorten it",
		Rule{Name: "a", HasPercent: true, PPM: 1, By: "userid", Salt: strings.Repeat("n", 129)})
	// all at once, in order
	check("rule 0: when: column 1: unknown attribute `oss`; did you mean `os`?\n"+
		"rule 2: name: the rule has no name; give it one: the name is its salt, its label in metrics and its header value\n"+
		"rule 2: when: column 11: `version` is a version, and 17 is a number; write it in quotes: '17'\n"+
		"rule 2: percent: a share above 100 %; use 0 to 100\n"+
		"rule 2: by: unknown attribute `nobody`; declare it under `attributes:`, or use one of tag, gray_version, method, host, path, ip, now, userid, os, country, version, sdk, request",
		Rule{Name: "a", When: "oss == 'ios'"}, Rule{Name: "b", When: "has(os)"},
		Rule{When: "version > 17", HasPercent: true, PPM: 2 * PPM, By: "nobody"})
}

func TestDecideRefusesWhatDoesNotBelongToIt(t *testing.T) {
	s, other := shopSchema(t), shopSchema(t)
	rule := Rule{Name: "a", When: "has(os)"}
	rs, rs2 := mustRules(t, s, rule), mustRules(t, s, rule)
	check := func(want string, schema *Schema, st *State) {
		t.Helper()
		defer func() {
			if got := fmt.Sprint(recover()); got != want {
				t.Errorf("panic %q, want %q", got, want)
			}
		}()
		var a Attributes
		a.Reset(schema)
		rs.Decide(&a, st)
	}
	check("BUG: match: attributes of another schema than the rules'", other, rs.NewState())
	check("BUG: match: state of another rule set", s, rs2.NewState())
	check("<nil>", s, rs.NewState())
}

func TestDisassemble(t *testing.T) {
	rs := mustRules(t, shopSchema(t),
		Rule{Name: "tagged", When: "tag == 'gray'"},
		Rule{Name: "half", When: "os == 'ios' or not has(os)", HasPercent: true, PPM: PPM / 2, By: "userid", Salt: "ramp"},
		Rule{Name: "even", HasPercent: true, PPM: 50_000, By: "request"},
	)
	golden(t, "rules.txt", "Bytecode of three rules: where one does not match, the next one begins.\n\n"+rs.Disassemble())
}
