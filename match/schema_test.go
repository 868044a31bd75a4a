package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSchemaNames(t *testing.T) {
	s := shopSchema(t)
	want := []string{"tag", "gray_version", "method", "host", "path", "ip", "now", "userid", "os", "country", "version", "sdk"}
	if got := s.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q, want %q", got, want)
	}
	s.Names()[0] = "x" // the caller's own copy
	if got := s.Names()[0]; got != "tag" {
		t.Errorf("Names()[0] = %q after the caller wrote to it, want tag", got)
	}
}

func TestSchemaErrors(t *testing.T) {
	header := func(names ...string) (from []Source) {
		for _, n := range names {
			from = append(from, Source{FromHeader, n})
		}
		return from
	}
	check := func(want string, attrs ...Attribute) {
		t.Helper()
		_, err := NewSchema(attrs, Lookups{})
		var es SchemaErrors
		if !errors.As(err, &es) || err.Error() != want {
			t.Errorf("NewSchema(%+v)\n got %v\nwant %s", attrs, err, want)
		}
	}
	check(`attribute "tag" is built in and cannot be declared again; give it another name`, Attribute{Name: "tag", From: header("X")})
	check(`attribute "os" is declared twice; give it another name, or list both sources under one`,
		Attribute{Name: "os", From: header("X")}, Attribute{Name: "os", From: header("Y")})
	check(`attribute name "user-id" cannot be used in a condition; use a letter or _ followed by letters, digits and _, 64 at most`,
		Attribute{Name: "user-id", From: header("X")})
	check(`attribute name "" cannot be used in a condition; use a letter or _ followed by letters, digits and _, 64 at most`,
		Attribute{From: header("X")})
	check(`attribute name "1st" cannot be used in a condition; use a letter or _ followed by letters, digits and _, 64 at most`,
		Attribute{Name: "1st", From: header("X")})
	check(`attribute name "contains" is a word of the condition language; give it another name`, Attribute{Name: "contains", From: header("X")})
	check(`attribute name "request" is a word of the condition language; give it another name`, Attribute{Name: "request", From: header("X")})
	check(`attribute "os" has no source; name at least one header, cookie or query parameter`, Attribute{Name: "os"})
	check(`attribute "os" has 17 sources, more than 16; name fewer`, Attribute{Name: "os", From: header(strings.Split(strings.Repeat("X ", 16)+"X", " ")...)})
	check("attribute \"os\" has a cookie source without a name; write the name after the kind, as in `header X-User-Id`",
		Attribute{Name: "os", From: []Source{{FromCookie, ""}}})
	check("\"X OS\" cannot be the name of a header; use letters, digits and !#$%&'*+-.^_`|~ only", Attribute{Name: "os", From: header("X OS")})
	check("\"größe\" cannot be the name of a cookie; use letters, digits and !#$%&'*+-.^_`|~ only",
		Attribute{Name: "os", From: []Source{{FromCookie, "größe"}}})
	check(`attribute "os" has an unknown type; use one of string, version, int, float, bool, ip, list`, Attribute{Name: "os", Type: 9, From: header("X")})
	check(`attribute "os" has a source of unknown kind; use header, cookie, query, path segment, ip, const, geo or ua`, Attribute{Name: "os", From: []Source{{9, "X"}}})

	segment := func(n string) []Source { return []Source{{FromSegment, n}} }
	check("\"0\" is not the number of a path segment; use 1 to 64, as in `path segment 2`", Attribute{Name: "os", From: segment("0")})
	check("\"65\" is not the number of a path segment; use 1 to 64, as in `path segment 2`", Attribute{Name: "os", From: segment("65")})
	check("\"02\" is not the number of a path segment; use 1 to 64, as in `path segment 2`", Attribute{Name: "os", From: segment("02")})
	check(`attribute "os" has an ip source with a name; write ip`, Attribute{Name: "os", From: []Source{{FromIP, "x"}}})
	check("attribute \"os\" has a const source without a value; write the value after it, as in `const web`", Attribute{Name: "os", From: []Source{{FromConst, ""}}})
	check("no source behind `const web` is ever read; put it last", Attribute{Name: "os", From: []Source{{FromConst, "web"}, {FromHeader, "X"}}})
	check(`"web" is not an int; write a value of that type`, Attribute{Name: "os", Type: Int, From: []Source{{FromConst, "web"}}})
	check(`attribute "os" has a const source, so its default is never used; remove one of them`,
		Attribute{Name: "os", From: []Source{{FromConst, "web"}}, Default: "x"})
	check(`default "v1" is not a version; write a value of that type`, Attribute{Name: "os", Type: Version, From: header("X"), Default: "v1"})
	check(`default "maybe" is not a bool; write a value of that type`, Attribute{Name: "os", Type: Bool, From: header("X"), Default: "maybe"})
	check(`attribute "os" is an ip, which has no letters; remove `+"`lower`", Attribute{Name: "os", Type: IP, Lower: true, From: header("X")})
	check("the pattern is wrong: missing closing ): `(`; mend the pattern; its syntax is RE2's", Attribute{Name: "os", Capture: "(", From: header("X")})
	check("the pattern has 2 groups, and one gives the value; write (?: ) for the others", Attribute{Name: "os", Capture: "(a)(b)", From: header("X")})
	check("the pattern has 1504 steps, more than 1024; use smaller repeat counts", Attribute{Name: "os", Capture: "(a{500}b{500}c{500})", From: header("X")})
	check("a pattern of 1025 bytes, more than 1024; shorten it", Attribute{Name: "os", Capture: strings.Repeat("a", 1025), From: header("X")})

	check(`there is no geo.contry; did you mean geo.country?`, Attribute{Name: "os", From: []Source{{FromGeo, "contry"}}})
	check(`there is no geo.; use geo.country, geo.province, geo.city, geo.isp, geo.asn`, Attribute{Name: "os", From: []Source{{FromGeo, ""}}})
	check(`there is no ua.engine; use ua.os, ua.os_version, ua.browser, ua.browser_version, ua.device`,
		Attribute{Name: "os", From: []Source{{FromAgent, "engine"}}})
	check(`the key that attribute "os" is signed with is empty; write a key of 32 random bytes`,
		Attribute{Name: "os", From: []Source{{FromCookie, "os"}}, Signed: []byte{}})
	check("attribute \"os\" is signed and not read from a cookie; add a cookie to `from`, or do not sign",
		Attribute{Name: "os", From: header("X"), Signed: []byte("key")})

	// all at once, with their places
	_, err := NewSchema([]Attribute{{Name: "ok", From: header("X")}, {Name: "path"}, {Name: "os", From: header("X", "Y Z")}}, Lookups{})
	var got []string
	var es SchemaErrors
	if errors.As(err, &es) {
		for _, e := range es {
			got = append(got, fmt.Sprint(e.Attribute, " ", e.Source))
		}
	}
	if want := []string{"1 -1", "1 -1", "2 1"}; !slices.Equal(got, want) {
		t.Errorf("places of the mistakes = %q, want %q", got, want)
	}
}

func TestSchemaIsBounded(t *testing.T) {
	attrs := func(n int) (out []Attribute) {
		for i := range n {
			out = append(out, Attribute{Name: fmt.Sprint("a", i), From: []Source{{FromHeader, fmt.Sprint("X-", i)}, {FromCookie, fmt.Sprint("c", i)}}})
		}
		return out
	}
	const most = MaxAttributes - 7
	s := mustSchema(t, attrs(most)...)
	var a Attributes
	request{fields: []string{"X-0: zero", fmt.Sprintf("x-%d: last", most-1), "Cookie: c7=seven"}}.load(&a, s)
	for attr, want := range map[int]string{7: "zero", 7 + most - 1: "last", 14: "seven", 15: ""} {
		if got := string(a.Value(attr)); got != want {
			t.Errorf("attribute %s = %q, want %q", s.Names()[attr], got, want)
		}
	}
	if _, err := NewSchema(attrs(most+1), Lookups{}); err == nil || err.Error() != "more than 256 attributes; remove attributes that no rule uses" {
		t.Errorf("one more attribute: %v", err)
	}
}
