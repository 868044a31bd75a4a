package match

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// valueOf asks twice, for the condition and for its negation: true and false are the one that matches, unknown neither.
func valueOf(t *testing.T, s *Schema, when string, r request) kleene {
	t.Helper()
	rs := mustRules(t, s, Rule{Name: "is", When: when}, Rule{Name: "is not", When: "not (" + when + ")"})
	var a Attributes
	r.load(&a, s)
	switch rs.Decide(&a, rs.NewState()) {
	case 0:
		return isTrue
	case 1:
		return isFalse
	}
	return unknown
}

func TestKleeneTruthTables(t *testing.T) {
	s := shopSchema(t)
	values := []kleene{isTrue, unknown, isFalse}
	field := map[kleene]string{isTrue: "yes", isFalse: "no", unknown: ""}
	check := func(when string, want [9]kleene) {
		t.Helper()
		for i, w := range want {
			l, r := values[i/3], values[i%3]
			req := request{fields: []string{"X-OS: " + field[l], "X-Country: " + field[r]}}
			if got := valueOf(t, s, when, req); got != w {
				t.Errorf("%s with os == 'yes' %v and country == 'yes' %v is %v, want %v", when, l, r, got, w)
			}
		}
	}
	const T, U, F = isTrue, unknown, isFalse
	// rows: left T, U, F; columns: right T, U, F
	and := [9]kleene{T, U, F, U, U, F, F, F, F}
	or := [9]kleene{T, T, T, T, U, U, T, U, F}
	nand := [9]kleene{F, U, T, U, U, T, T, T, T}
	nor := [9]kleene{F, F, F, F, U, U, F, U, T}
	check("os == 'yes' and country == 'yes'", and)
	check("os == 'yes' && country == 'yes'", and)
	check("os == 'yes' or country == 'yes'", or)
	check("os == 'yes' || country == 'yes'", or)
	check("not (os == 'yes' and country == 'yes')", nand)
	check("!(os == 'yes') or not (country == 'yes')", nand)
	check("os != 'yes' or country != 'yes'", nand)
	check("os not in ['yes'] or not (country in ['yes'])", nand)
	check("not (os == 'yes' or country == 'yes')", nor)
	check("os != 'yes' and country != 'yes'", nor)
	check("not (not (not (os == 'yes' or country == 'yes')))", nor)
	// not, the constants, and has
	left := [9]kleene{T, T, T, U, U, U, F, F, F}
	check("os == 'yes'", left)
	check("not (os != 'yes')", left)
	check("os == 'yes' and true", left)
	check("os == 'yes' or false", left)
	check("os == 'yes' and (false or not false)", left)
	check("os == 'yes' or true", [9]kleene{T, T, T, T, T, T, T, T, T})
	check("os == 'yes' and false", [9]kleene{F, F, F, F, F, F, F, F, F})
	check("has(os)", [9]kleene{T, T, T, F, F, F, T, T, T})
	check("not has(os) and has(country)", [9]kleene{F, F, F, T, F, T, F, F, F})
	// two attributes
	check("os == country", [9]kleene{T, U, F, U, U, U, F, U, T})
	check("os != country", [9]kleene{F, U, T, U, U, U, T, U, F})
	check("os in []", [9]kleene{F, F, F, U, U, U, F, F, F})
}

func TestConditionsOnVersions(t *testing.T) {
	s := shopSchema(t)
	check := func(version, when string, want kleene) {
		t.Helper()
		if got := valueOf(t, s, when, request{fields: []string{"X-App-Version: " + version}}); got != want {
			t.Errorf("%s with version %q is %v, want %v", when, version, got, want)
		}
	}
	check("17.0", "version == '17'", isTrue)
	check("17", "version == '17.0.0'", isTrue)
	check("17.10", "version > '17.9'", isTrue)
	check("17.10", "version <= '17.9'", isFalse)
	check("17.10", "'17.9' < version", isTrue)
	check("17.10", "'17.9' >= version", isFalse)
	check("17.5", "'17' <= version < '18'", isTrue)
	check("18.0", "'17' <= version < '18'", isFalse)
	check("18.0-beta", "'17' <= version < '18'", isTrue)
	check("17.0+b7", "version == '17'", isTrue)
	check("17.0", "version in ['3', '17', '10', '5']", isTrue)
	check("17.1", "version in ['3', '17', '10', '5']", isFalse)
	check("17.1", "version not in ['3', '17', '10', '5']", isTrue)
	check("17.1", "version in []", isFalse)
	// what is no version is missing
	check("v17.0", "version == '17'", unknown)
	check("v17.0", "version != '17'", unknown)
	check("v17.0", "version not in ['17']", unknown)
	check("v17.0", "has(version)", isFalse)
	check("latest", "version < '17' or version >= '17'", unknown)
	check("", "version < '17'", unknown)
	check("17", "version < sdk", unknown)
}

func TestConditionsOnBuiltins(t *testing.T) {
	s := shopSchema(t)
	req := request{method: "GET", host: "Shop.Example.com:8080", path: "/cart", ip: "::ffff:192.0.2.1",
		fields: []string{"X-Gray-Tag: gray", "Cookie: gray_version=v2"}}
	check := func(when string, want kleene) {
		t.Helper()
		if got := valueOf(t, s, when, req); got != want {
			t.Errorf("%s is %v, want %v", when, got, want)
		}
	}
	check("method == 'GET'", isTrue)
	check("method == 'get'", isFalse)
	check("host == 'shop.example.com'", isTrue)
	check("path == '/cart'", isTrue)
	check("ip == '192.0.2.1'", isTrue)
	check("ip == '::ffff:192.0.2.1'", isTrue)
	check("ip in ['192.0.2.2', '2001:DB8::0:1']", isFalse)
	check("tag == 'gray' and gray_version == 'v2'", isTrue)
	req.ip = "2001:db8::1"
	check("ip in ['192.0.2.2', '2001:DB8::0:1']", isTrue)
	req = request{}
	check("method == 'GET' or host == 'a' or path == '/' or ip == '192.0.2.1' or tag == 'a' or gray_version == 'a'", unknown)
	check("has(method) or has(host) or has(path) or has(ip) or has(tag) or has(gray_version)", isFalse)
}

func TestConditionsOfEveryType(t *testing.T) {
	s := wideSchema(t)
	var a Attributes
	base := facts{
		"os": "iOS", "tag": " gray ", "userid": "u-1", "version": "17.2.1", "age": "18", "year": "2026", "score": "2.5", "beta": "true",
		"device": "10.1.2.3", "groups": "beta, staff", "country": "de",
	}
	check := func(when string, want kleene) {
		t.Helper()
		rs := mustRules(t, s, Rule{Name: "is", When: when}, Rule{Name: "is not", When: "not (" + when + ")"})
		base.load(&a, s)
		got := map[int]kleene{0: isTrue, 1: isFalse, -1: unknown}[rs.Decide(&a, rs.NewState())]
		if got != want {
			t.Errorf("%s is %v, want %v\n%s", when, got, want, rs.Disassemble())
		}
	}
	check("age == 18 and age >= 18 and age < 18.5 and age in 18..18 and age in [17, 18]", isTrue)
	check("age in 19..30", isFalse)
	check("score == 2.5 and score > 2 and score in [2.5, 3]", isTrue)
	check("year - age * 2 == 1990", isTrue)
	check("age / 4 == 4.5", isTrue)
	check("age % 5 == 3 and -age == -18 and 2 ** 3 < age", isTrue)
	check("age / (age - 18) > 0", unknown) // division by zero
	check("age % (age - 18) == 0", unknown)
	check("age + 9223372036854775807 > 0", unknown) // overflow
	check("beta and beta == true and beta != false", isTrue)
	check("beta == (os == 'iOS')", isTrue)
	check("staff", unknown)
	check("beta == staff", unknown)
	check("staff == true or beta", isTrue)
	check("lower(os) == 'ios' and upper(os) == 'IOS' and trim(tag) == 'gray'", isTrue)
	check("os | lower() == 'ios'", isTrue)
	check("len(os) == 3 and len(groups) == 2", isTrue)
	check("os[:1] == 'i' and os[1:] == 'OS' and os[-1:] == 'S' and os[5:] == ''", isTrue)
	check("os startsWith 'i' and os endsWith 'S' and tag contains 'ra' and os matches '(?i)^ios$'", isTrue)
	check("os not startsWith 'i' or os not matches 'i'", isFalse)
	check("'beta' in groups and 'gray' not in groups and country not in groups", isTrue)
	check("cidr(device, '10.0.0.0/8') and not cidr(device, '192.168.0.0/16', '2001:db8::/32')", isTrue)
	check("cidr(device, '::/0')", isFalse) // no IPv4 address is in an IPv6 network
	check("cidr(device, '::ffff:10.0.0.0/104') and device == '::ffff:10.1.2.3'", isTrue)
	check("device in ['10.1.2.2', '10.1.2.3']", isTrue)
	check("cidr(ip, '0.0.0.0/0')", unknown)
	check("matches_version(version, '^17.2 || >=18') and matches_version(version, '~17.2.0')", isTrue)
	check("matches_version(version, '17.x') and matches_version(version, '17.2.*') and matches_version(version, '>= 17, < 17.3')", isTrue)
	check("matches_version(version, '^16 || ~17.1')", isFalse)
	check("version >= (beta ? '17' : '18')", isTrue)
	check("(staff ? 1 : 2) > 0", unknown)
	check("(has(staff) ? 'a' : lower(os)) == 'ios'", isTrue)
	check("between(now, '2026-12-01', '2026-12-24') and now < '2026-12-10T13:00:00Z'", isTrue)
	check("between(now, '2026-12-10T12:00', '2026-12-10T12:01')", isTrue)  // the beginning is in
	check("between(now, '2026-12-10T11:59', '2026-12-10T12:00')", isFalse) // the end is not
	check("hash(userid)[:2] == '"+fmt.Sprintf("%016x", xxhash.Sum64String("u-1"))[:2]+"'", isTrue)
	check(fmt.Sprintf("bucket(userid, 'rule:ramp') == %d", Bucket("rule:ramp", []byte("u-1"))), isTrue)
	check("audience('odd', userid) and not audience('vips', userid)", isTrue)
	check("audience('odd', tag) or audience('vips', userid) or audience('loading', userid)", isFalse)
	check("audience('odd', device) and audience('odd', lower(os)) and not audience('odd', os)", isTrue)
	check("audience('odd', sdk)", unknown)
	check("audience('odd', os[5:])", unknown) // nothing is no unit
	check("audience('odd', userid) == beta and (staff ? audience('odd', os) : beta) != true", unknown)
	check("audience('odd', userid) == beta", isTrue)
	check("bucket(sdk, 'a') >= 0 or hash(sdk) != ''", unknown)
}

// TestCommonExpressionsAreComputedOnce looks at the program: what rules have in common has one register.
func TestCommonExpressionsAreComputedOnce(t *testing.T) {
	var rules []Rule
	for i := range 20 {
		rules = append(rules, Rule{
			Name: fmt.Sprint("r", i), HasPercent: true, PPM: uint32(i), By: "userid", Salt: "ramp",
			When: fmt.Sprintf("lower(os) == 'os%d' and (country == 'de' or tag contains 'x') and os matches '^[a-z]*$'", i),
		})
	}
	rs := mustRules(t, wideSchema(t), rules...)
	if n := len(rs.prog.formulas); n != 4 {
		t.Errorf("%d formulas, want 4: lower, or, matches and bucket\n%s", n, rs.Disassemble())
	}
	if got := rs.MaxSteps(); got > 20*5+10 {
		t.Errorf("at most %d steps for 20 rules of 4 tests", got)
	}
}

// TestProgramsOfOneRequest decides by two rule sets in turn: neither may see what the other has computed.
func TestProgramsOfOneRequest(t *testing.T) {
	s := wideSchema(t)
	one := mustRules(t, s, Rule{Name: "a", When: "upper(os) == 'IOS'"})
	two := mustRules(t, s, Rule{Name: "a", When: "lower(country) == 'de' and len(os) == 3"})
	var a Attributes
	facts{"os": "ios", "country": "DE"}.load(&a, s)
	for range 2 {
		if x, y := one.Decide(&a, one.NewState()), two.Decide(&a, two.NewState()); x != 0 || y != 0 {
			t.Fatalf("Decide = %d and %d, want 0 and 0\n%s%s", x, y, one.Disassemble(), two.Disassemble())
		}
	}
}

// TestBadConditions reads the conditions from the golden file itself: after a line "when: ..." stands what is said of it.
func TestBadConditions(t *testing.T) {
	rewriteCases(t, "errors.txt", func(out *strings.Builder, s *Schema, when string) {
		_, errs := CompileRules(s, []Rule{{Name: "r", When: when}})
		if errs == nil {
			t.Errorf("%s compiles", when)
		}
		for _, e := range errs {
			fmt.Fprintf(out, "      %*s\n      %s; %s\n", e.Column, "^", e.What, e.Fix)
		}
	})
}

// TestPrograms keeps the bytecode of some conditions, so that a change of the generator shows.
func TestPrograms(t *testing.T) {
	rewriteCases(t, "programs.txt", func(out *strings.Builder, s *Schema, when string) {
		out.WriteString(mustRules(t, s, Rule{Name: "r", When: when}).Disassemble())
	})
}

// rewriteCases keeps the lines before the first case and every "when:" line of a golden file, and has the rest printed.
func rewriteCases(t *testing.T, name string, print func(out *strings.Builder, s *Schema, when string)) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := wideSchema(t)
	cases := 0
	for line := range strings.Lines(string(text)) {
		when, ok := strings.CutPrefix(line, "when: ")
		if ok {
			cases++
			out.WriteString("\n" + line)
			print(&out, s, strings.TrimSuffix(when, "\n"))
		} else if cases == 0 && line != "\n" {
			out.WriteString(line)
		}
	}
	if cases == 0 {
		t.Fatalf("testdata/%s has no case", name)
	}
	golden(t, name, out.String())
}

func TestErrorColumnCountsCharacters(t *testing.T) {
	s := shopSchema(t)
	check := func(when string, column int) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: when}})
		if len(errs) != 1 || errs[0].Column != column {
			t.Errorf("%q: %v, want one error in column %d", when, errs, column)
		}
	}
	check("os == 'größe' and oz == 'x'", 19)
	check("os == 'a'\n  and oz == 'x'", 17)
	check("os == 'a' and", 14)
	check("os = 'a'", 4)
}

func TestConditionLimits(t *testing.T) {
	s := shopSchema(t)
	check := func(when, want string) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: when}})
		got := ""
		if len(errs) > 0 {
			got = errs[0].Error()
		}
		if got != want {
			t.Errorf("%.30s… (%d bytes)\n got %s\nwant %s", when, len(when), got, want)
		}
	}
	check(strings.Repeat("(", 30000)+"has(os)"+strings.Repeat(")", 30000), "")
	check("os in ['a'"+strings.Repeat(", 'a'", 9000)+"]", "")
	check("has(os)"+strings.Repeat(" ", MaxConditionBytes-7), "")
	check("has(os)"+strings.Repeat(" ", MaxConditionBytes), "rule 0: when: column 1: a condition of 65543 bytes, more than 65536; split it over several rules; for a long list there are audiences")
	check(strings.Repeat("a.", 20000), "rule 0: when: column 10002: the condition has more than 10,000 parts; split it over several rules")
	check("os == 'a'"+strings.Repeat(" or os == 'a' and has(tag)", 1200), "") // in no more memory than its text asks for
	check("has(os)"+strings.Repeat(" == has(os)", 20), "rule 0: when: column 1: the condition takes more than 20000 steps; split it over several rules")
	check("has(os)"+strings.Repeat(" ? has(os) : has(tag)", 3), "")
	_, errs := CompileRules(s, []Rule{{Name: "r", When: "a" + strings.Repeat(" or a", 1000)}})
	if len(errs) != maxConditionErrors {
		t.Errorf("1001 mistakes: %d are told, want %d", len(errs), maxConditionErrors)
	}
}
