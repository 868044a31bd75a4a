package http1

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestClasses(t *testing.T) {
	for c := range 256 {
		letterOrDigit := c < 0x80 && strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", rune(c))
		in := func(set string) bool { return c < 0x80 && strings.ContainsRune(set, rune(c)) }
		want := map[uint8]bool{
			isToken:   letterOrDigit || in("!#$%&'*+-.^_`|~"),
			isPlain:   letterOrDigit || in("-"),
			isTarget:  c >= 0x21 && c <= 0x7e && c != '#',
			isPath:    c >= 0x21 && c <= 0x7e && !in("#?%"),
			isRegName: letterOrDigit || in("-._~!$&'()*+,;="),
		}
		for class, is := range want {
			if got := classes[c]&class != 0; got != is {
				t.Errorf("byte %q, class %#x: got %v, want %v", byte(c), class, got, is)
			}
		}
		digit := strings.IndexByte("0123456789abcdef", toLower(byte(c)))
		if got := hexValue[c]; int(got) != digit && !(got == notHex && digit < 0) {
			t.Errorf("byte %q: got hex value %d, want %d", byte(c), got, digit)
		}
		if got, want := toLower(byte(c)), bytes.ToLower([]byte{byte(c)})[0]; c < 0x80 && got != want || c >= 0x80 && got != byte(c) {
			t.Errorf("byte %q: got lower case %q, want %q", byte(c), got, want)
		}
	}
}

func TestEqualFold(t *testing.T) {
	f := func(b, lower string, want bool) {
		t.Helper()
		if got := EqualFold([]byte(b), lower); got != want {
			t.Errorf("EqualFold(%q, %q): got %v, want %v", b, lower, got, want)
		}
		if got := sameFold([]byte(lower), []byte(b)); got != want {
			t.Errorf("sameFold(%q, %q): got %v, want %v", lower, b, got, want)
		}
	}
	f("", "", true)
	f("Keep-Alive", "keep-alive", true)
	f("keep-alive", "keep-alive", true)
	f("keep-aliv", "keep-alive", false)
	f("Keep\rAlive", "keep-alive", false) // CR is '-' without the bit of case
	f("chun\u212aed", "chunked", false)
	f("\xc3\x89", "\xc3\xa9", false)
	f("[", "{", false)
	f("@", "`", false)
}

func TestHasToken(t *testing.T) {
	f := func(list, token string, want bool) {
		t.Helper()
		if got := HasToken([]byte(list), token); got != want {
			t.Errorf("HasToken(%q, %q): got %v, want %v", list, token, got, want)
		}
	}
	f("close", "close", true)
	f("Close", "close", true)
	f("keep-alive, close", "close", true)
	f(",\t close ,", "close", true)
	f("a,b,c", "b", true)
	f("", "close", false)
	f(",", "close", false)
	f("closed", "close", false)
	f("not close", "close", false)
	f("clo,se", "close", false)
	f("close;x", "close", false)
}

// TestNextControl compares with the loop that looks at one byte at a time, on bytes at the edges of what is a control byte.
func TestNextControl(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\x08\t\t\n\r\x1f \x7e\x7e\x7f\x80\x80\xff\xffaaaaaaaaaaaaaaaaaaaaaaaa")), 0, 60).Draw(t, "b")
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		want := from
		for want < len(b) && (b[want] >= 0x20 && b[want] != 0x7f || b[want] == '\t') {
			want++
		}
		if got := nextControl(b, from); got != want {
			t.Fatalf("nextControl(%q, %d): got %d, want %d", b, from, got, want)
		}
	})
}

// TestNextControlPairs puts every two bytes side by side at every place of a word, for borrows and carries go from one to the next.
func TestNextControlPairs(t *testing.T) {
	control := func(c int) bool { return c < 0x20 && c != '\t' || c == 0x7f }
	for first := range 256 {
		for second := range 256 {
			for at := range 8 {
				b := []byte("aaaaaaaaaaaaaaaaa")
				b[at], b[at+1] = byte(first), byte(second)
				want := len(b)
				if control(first) {
					want = at
				} else if control(second) {
					want = at + 1
				}
				if got := nextControl(b, 0); got != want {
					t.Fatalf("nextControl(%q): got %d, want %d", b, got, want)
				}
			}
		}
	}
}
