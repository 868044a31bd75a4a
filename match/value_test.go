package match

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// typed gives the one declared attribute of a request as text and as number.
func typed(a *Attributes, attr int) string {
	if !a.read(attr) {
		return "missing"
	}
	v := &a.slots[attr]
	switch a.schema.attrs[attr].typ {
	case Int, instant:
		return fmt.Sprintf("%s %d", v.text, intOf(v.num))
	case Float:
		return fmt.Sprintf("%s %v", v.text, floatOf(v.num))
	case Bool:
		return fmt.Sprintf("%s %v", v.text, v.num == 1)
	case IP:
		return fmt.Sprintf("%s %x:%x", v.text, v.high, v.num)
	case Version:
		return fmt.Sprintf("%s %v", v.text, v.version())
	}
	return string(v.text)
}

func TestTypedValues(t *testing.T) {
	var a Attributes
	check := func(typ Type, text, want string) {
		t.Helper()
		s := mustSchema(t, Attribute{Name: "x", Type: typ, From: []Source{{FromHeader, "X"}}})
		for range 2 {
			request{fields: []string{"X:" + text}}.load(&a, s)
			if got := typed(&a, len(builtinNames)); got != want {
				t.Errorf("%s %q is %s, want %s", typ, text, got, want)
			}
		}
	}
	check(Int, "42", "42 42")
	check(Int, "-7", "-7 -7")
	check(Int, "+7", "+7 7")
	check(Int, "007", "007 7")
	check(Int, "9223372036854775807", "9223372036854775807 9223372036854775807")
	check(Int, "-9223372036854775808", "-9223372036854775808 -9223372036854775808")
	for _, none := range []string{"", "9223372036854775808", "1.0", "1e3", "0x10", "1_000", "a", "-", "--1", strings.Repeat("0", 33)} {
		check(Int, none, "missing")
	}
	check(Float, "3.5", "3.5 3.5")
	check(Float, "-1e3", "-1e3 -1000")
	check(Float, "-0", "-0 0")
	check(Float, ".5", ".5 0.5")
	for _, none := range []string{"inf", "NaN", "0x1p4", "1_0", "1e999", ".", "e", "1,5"} {
		check(Float, none, "missing")
	}
	check(Bool, "true", "true true")
	check(Bool, "FALSE", "FALSE false")
	check(Bool, "1", "1 true")
	check(Bool, "0", "0 false")
	check(Bool, "yes", "missing")
	check(IP, "192.0.2.1", "192.0.2.1 0:ffffc0000201")
	check(IP, "::ffff:192.0.2.1", "::ffff:192.0.2.1 0:ffffc0000201")
	check(IP, "2001:DB8::1", "2001:DB8::1 20010db800000000:1")
	check(IP, "fe80::1%eth0", "fe80::1%eth0 fe80000000000000:1")
	check(IP, "192.0.2", "missing")
	check(IP, "192.0.2.1:80", "missing")
	check(List, "a, b ,c", "a, b ,c")
	check(List, " , ,", "missing")
	check(Version, "17.0-rc.1+b", "17.0-rc.1+b 17.0-rc.1")
}

func TestShapedValues(t *testing.T) {
	var a Attributes
	check := func(attr Attribute, r request, want string) {
		t.Helper()
		attr.Name = "x"
		s := mustSchema(t, attr)
		for range 2 {
			r.load(&a, s)
			if got := typed(&a, len(builtinNames)); got != want {
				t.Errorf("%+v of %+v is %s, want %s", attr, r, got, want)
			}
		}
	}
	header := []Source{{FromHeader, "X"}}
	segment := func(n string) []Source { return []Source{{FromSegment, n}} }
	check(Attribute{From: segment("1")}, request{path: "/users/42/cart"}, "users")
	check(Attribute{From: segment("2"), Type: Int}, request{path: "/users/42/cart"}, "42 42")
	check(Attribute{From: segment("3")}, request{path: "/users/42/cart/"}, "cart")
	check(Attribute{From: segment("4")}, request{path: "/users/42/cart/"}, "missing")
	check(Attribute{From: segment("1")}, request{path: "/"}, "missing")
	check(Attribute{From: segment("1")}, request{path: "*"}, "missing")
	check(Attribute{From: segment("2")}, request{path: "/a//c"}, "missing")
	check(Attribute{From: segment("1")}, request{path: "/j%C3%BCrgen+x%2Fy"}, "jürgen+x/y")
	check(Attribute{From: []Source{{FromSegment, "9"}, {FromConst, "none"}}}, request{path: "/a"}, "none")
	check(Attribute{From: []Source{{FromHeader, "X"}, {FromIP, ""}}, Type: IP}, request{ip: "192.0.2.1"}, "192.0.2.1 0:ffffc0000201")
	check(Attribute{From: []Source{{FromIP, ""}, {FromHeader, "X"}}}, request{fields: []string{"X: a"}}, "a")
	// lower, also beyond ASCII
	check(Attribute{From: header, Lower: true}, request{fields: []string{"X: iOS"}}, "ios")
	check(Attribute{From: header, Lower: true}, request{fields: []string{"X: ÜBER ÉTÉ"}}, "über été")
	check(Attribute{From: []Source{{FromConst, "WEB"}}, Lower: true}, request{}, "web")
	check(Attribute{From: header, Lower: true, Default: "NONE"}, request{}, "none")
	// capture
	check(Attribute{From: header, Capture: `^v(\d+\.\d+)`, Type: Version}, request{fields: []string{"X: v17.2-x"}}, "17.2 17.2")
	check(Attribute{From: header, Capture: `\d+`}, request{fields: []string{"X: a17b18"}}, "17")
	check(Attribute{From: header, Capture: `(?i)chrome/(\d+)`, Type: Int}, request{fields: []string{"X: AppleWebKit Chrome/120.0 Safari"}}, "120 120")
	check(Attribute{From: header, Capture: `^v(\d*)`}, request{fields: []string{"X: vx"}}, "missing")
	check(Attribute{From: header, Capture: `a|(b)`}, request{fields: []string{"X: a"}}, "missing")
	check(Attribute{From: header, Capture: `([A-Z]+)`, Lower: true}, request{fields: []string{"X: abCDef"}}, "cd")
	check(Attribute{From: header, Capture: `a`}, request{fields: []string{"X: " + strings.Repeat("b", MaxSearchBytes) + "a"}}, "missing")
	check(Attribute{From: header, Capture: `x`, Default: "d"}, request{fields: []string{"X: a"}}, "d")
	// default, when nothing is there and when it is none of the type
	check(Attribute{From: header, Type: Int, Default: "18"}, request{}, "18 18")
	check(Attribute{From: header, Type: Int, Default: "18"}, request{fields: []string{"X: old"}}, "18 18")
	check(Attribute{From: header, Type: Version, Default: "1.0-rc"}, request{}, "1.0-rc 1.0-rc")
	check(Attribute{From: header, Default: "d"}, request{fields: []string{"X: x"}}, "x")
}

func TestNow(t *testing.T) {
	s := mustSchema(t)
	var a Attributes
	a.Reset(s)
	if got := typed(&a, attrNow); got != "missing" {
		t.Errorf("now without a time is %s, want missing", got)
	}
	a.Reset(s)
	a.SetTime(time.Date(2026, 12, 24, 18, 0, 0, 5, time.FixedZone("", 3600)))
	if got, want := typed(&a, attrNow), "2026-12-24T17:00:00.000000005Z 1798131600000000005"; got != want {
		t.Errorf("now is %s, want %s", got, want)
	}
	if a.Reset(s); a.Value(attrNow) != nil {
		t.Error("now is still there after Reset")
	}
}

// TestGenerationsWrapAround runs over the end of the generation counter, behind which old stamps would look new.
func TestGenerationsWrapAround(t *testing.T) {
	s := shopSchema(t)
	var a Attributes
	request{fields: []string{"X-OS: ios"}}.load(&a, s)
	a.gen = math.MaxUint32 - 5
	for i := range 6 {
		request{fields: []string{"X-OS: " + fmt.Sprint(i)}}.load(&a, s)
		if got, want := valuesOf(&a), "os="+fmt.Sprint(i); got != want {
			t.Errorf("generation %d: %s, want %s", a.gen, got, want)
		}
	}
}

func TestNumbersKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i, j := rapid.Int64().Draw(t, "i"), rapid.Int64().Draw(t, "j")
		if (i < j) != (orderInt(i) < orderInt(j)) || intOf(orderInt(i)) != i {
			t.Fatalf("%d and %d are %x and %x", i, j, orderInt(i), orderInt(j))
		}
		x, y := rapid.Float64().Draw(t, "x"), rapid.Float64().Draw(t, "y")
		if (x < y) != (orderFloat(x) < orderFloat(y)) || floatOf(orderFloat(x)) != x {
			t.Fatalf("%v and %v are %x and %x", x, y, orderFloat(x), orderFloat(y))
		}
	})
}

func TestFoldEqualsStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-zÄßİı]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		if got, want := string(appendLower(nil, []byte(s))), strings.ToLower(s); got != want {
			t.Fatalf("%q becomes %q, want %q", s, got, want)
		}
		if got, want := string(appendUpper(nil, []byte(s))), strings.ToUpper(s); got != want {
			t.Fatalf("%q becomes %q, want %q", s, got, want)
		}
	})
}

var drawPattern = rapid.Custom(func(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{"a", "b", "ab", ".", "[ab]", "[^a]", `\w`, `\b`, `\B`, "a|b", "a|ab", "(?:a|b|)", "(?i:A)", "ü", "$", "^", "(?m:^)", "(?s:.)"})
	repeat := rapid.SampledFrom([]string{"", "", "", "*", "+", "?", "*?", "+?", "??", "{1,2}"})
	part := func(most int) (out string) {
		for range rapid.IntRange(0, most).Draw(t, "pieces") {
			out += "(?:" + piece.Draw(t, "piece") + ")" + repeat.Draw(t, "repeat")
		}
		return out
	}
	if rapid.Bool().Draw(t, "group") {
		return part(2) + "(" + part(2) + ")" + repeat.Draw(t, "repeat") + part(2)
	}
	return part(3)
})

func TestCaptureEqualsRegexp(t *testing.T) {
	var s searcher
	rapid.Check(t, func(t *rapid.T) {
		pattern := drawPattern.Draw(t, "pattern")
		c, what, _ := newCapture(pattern)
		if what != "" {
			t.Fatalf("%s: %s", pattern, what)
		}
		s.reserve(len(c.prog.Inst))
		re := regexp.MustCompile(pattern)
		for range 4 {
			text := rapid.StringMatching(`[abAü \n]{0,8}\xff?`).Draw(t, "text")
			want := "none"
			if m := re.FindSubmatchIndex([]byte(text)); m != nil && m[2*c.group] >= 0 {
				want = fmt.Sprintf("%q", text[m[2*c.group]:m[2*c.group+1]])
			}
			got := "none"
			if found := c.find(&s, []byte(text)); found != nil {
				got = fmt.Sprintf("%q", found)
			}
			if got != want {
				t.Fatalf("%s in %q finds %s, regexp %s", pattern, text, got, want)
			}
		}
	})
}

func TestTypedValuesAllocateNothing(t *testing.T) {
	header := []Source{{FromHeader, "X"}}
	s := mustSchema(t,
		Attribute{Name: "i", Type: Int, From: header, Capture: `(\d+)$`},
		Attribute{Name: "f", Type: Float, From: header, Capture: `[\d.]+`},
		Attribute{Name: "a", Type: IP, From: []Source{{FromIP, ""}}},
		Attribute{Name: "l", Type: List, From: header, Lower: true},
		Attribute{Name: "n", From: []Source{{FromSegment, "2"}}},
		Attribute{Name: "b", Type: Bool, From: []Source{{FromConst, "true"}}},
	)
	r := newBrowser()
	r.path = []byte("/a/%41%42")
	r.fields = append(r.fields, [2][]byte{[]byte("X"), []byte("3.1415926535897932384626433 IOS, Ünlü, 42")})
	var a Attributes
	now := time.Unix(1, 0)
	if n := testing.AllocsPerRun(200, func() {
		r.load(&a, s)
		a.SetTime(now)
		for i := range s.attrs {
			if at := s.names[i]; a.Value(i) == nil && at != "tag" && at != "gray_version" {
				t.Errorf("%s is missing", at)
			}
		}
	}); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}
