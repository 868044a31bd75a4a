package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// factValues are the values that attributes have in tests, by type; oddValues what may stand there instead.
var (
	factValues = map[Type][]string{
		String: {
			"ios", "iOS", "android", "web", "de", "x", "io", " os ", "Ünlü", "android-", "android-tv", "android-tw", "android-tvs", "İß", "\u00a0os\u2003", "a\xffI", "it's",
		},
		Version: {"1", "1.0", "1.1", "2.0-beta", "2", "10", "1.0-beta.2+build", "0.3.4", "70000.1", "70000.2", "1.0.0.0.1", "1.0.0.0", "1.0-beta.10", "65535", "01.01"},
		Int:     {"0", "1", "17", "18", "-3", "65", "+17", "-0", "9007199254740993", "9223372036854775807"},
		Float:   {"0", "1", "0.5", "-2.25", "17.5", "1e3", "-0", ".5", "9007199254740993", "5e-324"},
		Bool:    {"true", "false", "1", "0", "TRUE"},
		IP:      {"10.1.2.3", "10.1.2.4", "192.0.2.1", "2001:db8::1", "::1", "::ffff:10.1.2.3", "::10.1.2.3", "0.0.0.0", "255.255.255.255", "2001:DB8:0::1", "fe80::1%eth0"},
		List:    {"a", "a,b", " ios , x", "b", ",,a,de", "ios,ios,", "a b,\tx"},
	}
	oddValues = []string{"v1", "latest", "", "maybe", " 17", "1.", "0x10", "NaN", "-", "1_0", "10.01.2.3", "[::1]", "yes", " , "}

	drawText    = rapid.SampledFrom(factValues[String][:15]) // those that have no quote in them and are UTF-8
	drawVersion = rapid.SampledFrom(factValues[Version])
	drawAddress = rapid.SampledFrom(factValues[IP])
)

// drawer draws texts of the language. With forExpr it keeps to what expr's VM answers alike: its `in` cannot be
// overloaded, its numbers overflow, and it has no types for versions, addresses and time.
type drawer struct {
	t       *rapid.T
	forExpr bool
}

// drawCondition draws the text of a condition that compiles for wideSchema.
func drawCondition(forExpr bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return drawer{t, forExpr}.condition(4) })
}

func (d drawer) of(texts ...string) string { return rapid.SampledFrom(texts).Draw(d.t, "of") }
func (d drawer) bool() bool                { return rapid.Bool().Draw(d.t, "bool") }
func (d drawer) n(most int) int            { return rapid.IntRange(0, most-1).Draw(d.t, "n") }
func (d drawer) equal() string             { return d.of(" == ", " != ") }
func (d drawer) order() string             { return d.of(" == ", " != ", " < ", " <= ", " > ", " >= ") }
func (d drawer) in() string                { return d.of(" in ", " not in ") }

// quoted draws a literal text, in one of the ways to write it.
func (d drawer) quoted(g *rapid.Generator[string]) string {
	text := g.Draw(d.t, "text")
	switch d.n(8) {
	case 0:
		return `"` + text + `"`
	case 1:
		return "`" + text + "`"
	case 2:
		first, n := utf8.DecodeRuneInString(text)
		return fmt.Sprintf(`'\u%04x%s'`, first, text[n:])
	}
	return "'" + text + "'"
}

func (d drawer) list(item func() string) string {
	var out []string
	for range d.n(9) {
		out = append(out, item())
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// swap puts two sides in either order.
func (d drawer) swap(l, op, r string) string {
	if d.bool() {
		l, r = r, l
	}
	return l + op + r
}

func (d drawer) condition(depth int) string {
	if depth == 0 {
		return d.test()
	}
	switch d.n(10) {
	case 0:
		return d.of("not ", "!") + "(" + d.condition(depth-1) + ")"
	case 1:
		return "(" + d.condition(depth-1) + " ? " + d.condition(depth-1) + " : " + d.condition(depth-1) + ")"
	case 2:
		if d.forExpr { // there the parts have to be known, which they are
			return "(" + d.test() + ")" + d.equal() + "(" + d.condition(depth-1) + ")"
		}
		return "(" + d.condition(depth-1) + ")" + d.equal() + "(" + d.test() + ")"
	case 6: // without a parenthesis that the language does not ask for
		if d.forExpr {
			return "(" + d.bare(3) + ")"
		}
		return "(" + d.bare(3) + " ? " + d.bare(2) + " : " + d.bare(2) + ")"
	case 3, 4, 5:
		out := d.condition(depth-1) + d.of(" and ", " or ", " && ", " || ") + d.condition(depth-1)
		if d.bool() {
			return "(" + out + ")"
		}
		return out
	}
	return d.test()
}

func (d drawer) test() string {
	switch d.n(19) {
	case 0, 1, 2:
		return d.swap(d.of("tag", "os", "country"), d.equal(), d.quoted(drawText))
	case 3:
		return d.swap(d.text(1), d.equal(), d.quoted(drawText))
	case 4:
		return "os" + d.equal() + "country"
	case 5:
		return d.text(1) + d.of(" startsWith ", " endsWith ", " contains ", " not startsWith ", " not endsWith ", " not contains ") + d.of("'i'", "'os'", "'io'", "country", "lower(tag)")
	case 6:
		return d.of("os", "tag", "lower(os)") + d.of(" matches ", " not matches ") + d.of("'^i'", "'(?i)OS$'", "'a|w'", "'^.{3}$'", "'^(ios|web|android-t.)$'", "'^i(o|p)'", "'[a-c]o?$'", "`\\\\bos\\\\b`")
	case 7:
		return d.of("tag", "os", "lower(country)") + d.in() + d.list(func() string { return d.quoted(drawText) })
	case 8:
		return d.swap(d.of("version", "sdk"), d.order(), d.quoted(drawVersion))
	case 9:
		return d.version()
	case 10:
		if d.bool() {
			name := d.of("os", "country")
			return "(" + d.swap("not has("+name+")", d.of(" or ", " and "), name+" == "+d.quoted(drawText)) + ")"
		}
		return "has(" + d.of("tag", "os", "country", "version", "age", "score", "beta", "device", "groups") + ")"
	case 11:
		if d.bool() {
			return d.of("true", "false")
		}
		return d.of("beta", "staff", "not staff", "beta == staff", "beta != true")
	case 12, 13:
		return d.number(2) + d.order() + d.of("0", "1", "17", "0.5", "year * 2 + 1", "score / 4")
	case 14:
		if d.bool() {
			return d.of("age", "year + 1") + d.in() + d.of("1..20", "0..0", "17..65")
		}
		return "age" + d.in() + d.list(func() string { return d.of("0", "1", "17", "65") })
	case 15:
		return d.of("'a'", "'ios'", "os", "lower(tag)") + d.in() + "groups"
	case 16:
		return d.audience()
	case 17:
		return "(if " + d.of("beta", "os == 'ios'") + " { " + d.of("staff", "age > 17") + " } else { " + d.of("tag == 'x'", "not beta") + " })"
	}
	return d.address()
}

// bare draws tests joined by operators of every precedence, with no parenthesis round them.
func (d drawer) bare(tests int) string {
	var out strings.Builder
	for i := range tests {
		if i > 0 {
			out.WriteString(d.of(" and ", " or ", " && ", " || ", " /* or */ and "))
		}
		switch d.n(6) {
		case 0:
			out.WriteString(d.of("not beta", "!staff", "not has(os)", "beta", "true"))
		case 1:
			out.WriteString(d.of("age", "-age", "year - age - 1", "age + year * 2", "-year * 2 + age", "+age - -year") + d.order() + d.of("17", "0x11", "1_7", "17.0", "1.7e1", "-3", "score - 0.5 * 2"))
		case 2:
			out.WriteString(d.of("0", "-3", "0b1") + d.of(" < ", " <= ") + d.of("age", "len(os)", "age + 1") + d.of(" < ", " <= ", " > ", " >= ") + d.of("17", "year", "0o21", "year <= score", "year > score < 65"))
		case 3:
			out.WriteString("age % 7 + 2 ** 2 * 3 - 1" + d.order() + d.of("17", "len(groups) * 4"))
		case 4:
			out.WriteString(d.of("os", "lower(os)", "os[1:3]", "(os | upper())") + d.of(" == ", " != ", " not contains ", " startsWith ", " not endsWith ") + d.quoted(drawText))
		default:
			out.WriteString(d.of("age not in -3..17", "age in 0x0..17", "os not in ['ios', \"x\"]", "'a' not in groups", "(country | len()) > 2", "(beta ? 1 : 2.5) * 2 > age"))
		}
	}
	return out.String()
}

func (d drawer) audience() string {
	name := d.of("'odd'", "'odd'", "'vips'", "'loading'")
	if !d.forExpr && d.n(4) == 0 { // the text of what is none
		return "audience(" + name + ", " + d.of("version", "age", "score", "beta", "device", "groups") + ")"
	}
	unit := d.of("userid", "userid", "os", "lower(country)", "os[5:9]")
	if d.forExpr && unit == "os[5:9]" { // nothing is no unit
		unit = "os[:2]"
	}
	return "audience(" + name + ", " + unit + ")"
}

// text draws an expression that is a text, never a literal.
func (d drawer) text(depth int) string {
	if depth == 0 || d.bool() {
		return d.of("tag", "os", "country")
	}
	x := d.text(depth - 1)
	switch d.n(7) {
	case 0:
		return "lower(" + x + ")"
	case 1:
		return "upper(" + x + ")"
	case 2:
		return "trim(" + x + ")"
	case 3:
		return x + d.of("[:2]", "[1:]", "[1:2]", "[-2:]", "[:-1]", "[5:9]", "[:8]", "[:1]", "[-3:-1]", "[2:1]", "[:]")
	case 4:
		return "(" + x + " | lower())"
	case 5:
		return "hash(" + x + ")[" + d.of("0:1", ":2") + "]"
	}
	return "(" + d.of("beta", "age > 17") + " ? " + x + " : " + d.of("country", "'ios'") + ")"
}

func (d drawer) number(depth int) string {
	if depth == 0 || d.bool() {
		return d.of("age", "year", "score", "len(os)", "len(groups)", "bucket(userid, 'rule:a')")
	}
	x, y := d.number(depth-1), d.of("2", "3.5", "1", "-1")
	if !d.forExpr {
		y = d.of("2", "0", "3.5", "(year)", "(score)", "9223372036854775807")
		if d.n(4) == 0 {
			return "(" + d.of("age", "year") + " % " + d.of("7", "year", "-1", "2") + ")"
		}
	} else if d.n(4) == 0 {
		return "(" + d.of("age", "year") + " % 7)"
	}
	if d.n(5) == 0 {
		return "(" + d.of("-", "-", "+") + x + ")"
	}
	op := d.of("+", "-", "*", "/", "**", "^")
	if (op == "**" || op == "^") && d.forExpr {
		y = "2" // nothing that is no number
	}
	return "(" + x + " " + op + " " + y + ")"
}

func (d drawer) version() string {
	op := d.of("<", "<=")
	switch d.n(4) {
	case 0:
		return d.quoted(drawVersion) + op + d.of("version", "sdk") + op + d.quoted(drawVersion)
	case 1:
		return "sdk" + d.order() + "version"
	case 2:
		if !d.forExpr {
			return d.of("version", "sdk") + d.in() + d.list(func() string { return d.quoted(drawVersion) })
		}
	}
	return "matches_version(" + d.of("version", "sdk") + ", '" + d.of("^1", "~1.0", "^0.3 || >=2", ">=1 <2", "!=1.0", "^0.0.1", "~0.3.1 || 70000.1", "^1.0-beta") + "')"
}

func (d drawer) address() string {
	if d.forExpr {
		return d.of("cidr(device, '10.0.0.0/8')", "between(now, '2026-12-01', '2026-12-24')", "between(now, '2026-12-10T13:00', '2027-01-01')")
	}
	switch d.n(5) {
	case 0:
		return "device" + d.equal() + d.quoted(drawAddress)
	case 1:
		return "device" + d.in() + d.list(func() string { return d.quoted(drawAddress) })
	case 2:
		return d.of("between(now, '2026-12-01', '2026-12-24')", "between(now, '2026-12-10T13:00', '2027-01-01')", "now < '2026-12-10T13:00:00+01:00'", "now >= '2026-12-10'")
	}
	return "cidr(device, " + d.of("'10.0.0.0/8'", "'10.1.2.3', '::/0'", "'2001:db8::/32', '192.0.2.0/31'", "'0.0.0.0/0'") + ")"
}

// drawFacts draws a request. With all every attribute is present and one of its type.
func drawFacts(all bool) *rapid.Generator[facts] {
	return rapid.Custom(func(t *rapid.T) facts {
		return choose(all, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
	})
}

// randomFacts is the same, faster and not made smaller when a test fails.
func randomFacts(random *rand.Rand, all bool) facts { return choose(all, random.IntN) }

// choose makes facts of choices below n.
func choose(all bool, below func(n int) int) facts {
	f := facts{}
	for _, at := range factFields {
		if !all && below(4) == 0 {
			continue
		}
		values := factValues[at.typ]
		switch {
		case !all && below(5) == 0:
			values = oddValues
		case at.name == "userid":
			f[at.name] = fmt.Sprint("u", below(50))
			continue
		case all && at.typ == Int: // without the number that overflows
			values = values[:len(values)-1]
		}
		f[at.name] = values[below(len(values))]
	}
	return f
}
