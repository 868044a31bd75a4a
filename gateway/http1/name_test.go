package http1

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKnownNames(t *testing.T) {
	if idCount > 64 {
		t.Fatalf("%d names do not fit the 64 bits of idSet", idCount)
	}
	for id := Other + 1; id < idCount; id++ {
		name := id.String()
		if name == "" || name != strings.ToLower(name) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(name) > longestName {
			t.Errorf("ID %d has the name %q, want 1 to %d of a-z, 0-9 and -", id, name, longestName)
		}
		for _, cased := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if got := lookUpID([]byte(cased)); got != id {
				t.Errorf("%q: got ID %d, want %d", cased, got, id)
			}
		}
		for i := range name {
			for _, c := range []byte("!#$%&'*+.^_`|~xZ0-") {
				near := []byte(name)
				near[i] = c
				if got, want := lookUpID(near), plainLookUpID(string(near)); got != want {
					t.Errorf("%q: got ID %d, want %d", near, got, want)
				}
			}
		}
	}
	if Other.String() != "" || idCount.String() != "" {
		t.Errorf("names of no ID: got %q, %q", Other, idCount)
	}
}

func TestLookUpIDAgainstPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := drawToken(t, "name")
		if got, want := lookUpID(name), plainLookUpID(string(name)); got != want {
			t.Fatalf("%q: got ID %d, want %d", name, got, want)
		}
	})
}

// drawToken draws a token: random, or a known name in random case, perhaps with a byte changed.
func drawToken(t *rapid.T, label string) []byte {
	const tchars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if rapid.Bool().Draw(t, label+" random") {
		return rapid.SliceOfN(rapid.SampledFrom([]byte(tchars)), 1, 40).Draw(t, label)
	}
	name := []byte(rapid.SampledFrom(idNames[1:]).Draw(t, label))
	for i := range name {
		if rapid.Bool().Draw(t, "upper") {
			name[i] = bytes.ToUpper(name[i : i+1])[0]
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
		name[rapid.IntRange(0, len(name)-1).Draw(t, "at")] = rapid.SampledFrom([]byte(tchars)).Draw(t, "to")
	}
	return name
}

func TestMethods(t *testing.T) {
	f := func(name string, want Method, idempotent bool) {
		t.Helper()
		m := lookUpMethod([]byte(name))
		if m != want || m.Idempotent() != idempotent {
			t.Errorf("%s: got %v, idempotent %v, want %v, %v", name, m, m.Idempotent(), want, idempotent)
		}
		if m != MethodOther && m.String() != name {
			t.Errorf("%s: got name %s", name, m)
		}
	}
	f("GET", GET, true)
	f("HEAD", HEAD, true)
	f("POST", POST, false)
	f("PUT", PUT, true)
	f("DELETE", DELETE, true)
	f("OPTIONS", OPTIONS, true)
	f("PATCH", PATCH, false)
	f("TRACE", TRACE, true)
	f("CONNECT", CONNECT, false)
	f("get", MethodOther, false)
	f("GETT", MethodOther, false)
	f("QUERY", MethodOther, false)
	if got := Method(200).String(); got != "OTHER" {
		t.Errorf("Method(200): got name %s", got)
	}
	if got := []string{NoBody.String(), ByLength.String(), Chunked.String(), UntilClose.String(), Framing(9).String()}; strings.Join(got, " ") != "none length chunked until_close invalid" {
		t.Errorf("names of framings: got %q", got)
	}
}

// TestErrors: codes are words, each has one meaning, and statuses are those that the gateway answers with.
func TestErrors(t *testing.T) {
	statuses := map[int]bool{400: true, 414: true, 417: true, 431: true, 501: true, 505: true}
	codes := map[string]bool{BadStatusLine.Code: true}
	for _, err := range Errors() {
		if codes[err.Code] {
			t.Errorf("code %s is declared twice", err.Code)
		}
		codes[err.Code] = true
		if !statuses[err.Status] || err.Detail == "" || strings.Trim(err.Code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("declared badly: %+v", err)
		}
		if got := err.Error(); got != err.Code+": "+err.Detail {
			t.Errorf("%s: got text %q", err.Code, got)
		}
	}
	if len(codes) < 30 {
		t.Errorf("only %d codes", len(codes))
	}
}
