package match

import "testing"

func TestOrigin(t *testing.T) {
	from := []Source{{FromHeader, "X-Version"}, {FromCookie, "version"}}
	key := []byte("secret")
	s := mustSchema(t,
		Attribute{Name: "version", Type: Version, From: from},
		Attribute{Name: "major", Type: Int, From: from, Capture: `^v(\d+)`},
		Attribute{Name: "known", Type: Version, From: from, Default: "1.0"},
		Attribute{Name: "visitor", From: []Source{{FromCookie, "id"}, {FromHeader, "X-Id"}}, Signed: key},
	)
	var a Attributes
	check := func(attr int, fields []string, value string, want Origin) {
		t.Helper()
		request{fields: fields}.load(&a, s)
		got, text := a.Origin(attr), string(a.Value(attr))
		if got.Source != want.Source || string(got.Text) != string(want.Text) || got.Default != want.Default || got.Fault != want.Fault || text != value {
			t.Errorf("%s with %q: %q from %+v (%s), want %q from %+v", s.names[attr], fields, text, got, got.Text, value, want)
		}
	}
	version, major, known, visitor := len(builtinNames), len(builtinNames)+1, len(builtinNames)+2, len(builtinNames)+3
	check(version, nil, "", Origin{Source: -1})
	check(version, []string{"X-Version: 1.2"}, "1.2", Origin{Source: 0, Text: []byte("1.2")})
	check(version, []string{"X-Version:", "Cookie: version=2"}, "2", Origin{Source: 1, Text: []byte("2")})
	check(version, []string{"X-Version: v1", "Cookie: version=2"}, "", Origin{Source: 0, Text: []byte("v1"), Fault: NotOfType})
	check(major, []string{"X-Version: v17.2"}, "17", Origin{Source: 0, Text: []byte("v17.2")})
	check(major, []string{"X-Version: 17.2"}, "", Origin{Source: 0, Text: []byte("17.2"), Fault: NoCapture})
	check(known, nil, "1.0", Origin{Source: -1, Default: true})
	check(known, []string{"X-Version: 1.0"}, "1.0", Origin{Source: 0, Text: []byte("1.0")})
	check(known, []string{"X-Version: x"}, "1.0", Origin{Source: 0, Text: []byte("x"), Default: true, Fault: NotOfType})
	check(visitor, []string{"Cookie: id=" + SignCookie(key, "id", "u")}, "u", Origin{Source: 0, Text: []byte("u")})
	check(visitor, []string{"Cookie: id=u"}, "", Origin{Source: -1, Fault: BadSignature})
	check(visitor, []string{"Cookie: id=u", "X-Id: w"}, "w", Origin{Source: 1, Text: []byte("w")})
	check(attrTag, []string{"X-Gray-Tag: gray"}, "gray", Origin{Source: 0, Text: []byte("gray")})
	check(attrTag, nil, "", Origin{Source: -1})
	check(attrMethod, nil, "", Origin{Source: -1})
}
