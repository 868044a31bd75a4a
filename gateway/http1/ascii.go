package http1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, one bit each in classes.
const (
	isToken   uint8 = 1 << iota // tchar, RFC 9110 section 5.6.2
	isPlain                     // letters, digits and '-': all that well-behaved field names are made of
	isTarget                    // what a request target may have: visible ASCII without '#'
	isPath                      // isTarget without '?' and '%', which need a closer look
	isRegName                   // what a host name may have, RFC 3986 section 3.2.2, without '%'
)

// classes gives the classes of a byte. A table costs one load a byte and no branch.
var classes = func() (t [256]uint8) {
	for c := 0x21; c <= 0x7e; c++ {
		if c != '#' {
			t[c] |= isTarget
			if c != '?' && c != '%' {
				t[c] |= isPath
			}
		}
	}
	alnum := isToken | isPlain | isRegName
	for c := '0'; c <= '9'; c++ {
		t[c] |= alnum
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= alnum
		t[c-'a'+'A'] |= alnum
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= isToken
	}
	t['-'] |= isPlain
	for _, c := range []byte("-._~!$&'()*+,;=") {
		t[c] |= isRegName
	}
	return t
}()

// notHex marks a byte that is no hexadecimal digit in hexValue.
const notHex = 0xff

// hexValue gives the value of a hexadecimal digit, or notHex.
var hexValue = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = uint8(c - '0')
		case 'a' <= c && c <= 'f':
			t[c] = uint8(c - 'a' + 10)
		case 'A' <= c && c <= 'F':
			t[c] = uint8(c - 'A' + 10)
		default:
			t[c] = notHex
		}
	}
	return t
}()

// EqualFold reports whether b is lower, letters A to Z in b counting as a to z. lower must have no upper-case letter.
// Only ASCII is folded: no byte above 0x7f equals another.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		if toLower(b[i]) != lower[i] {
			return false
		}
	}
	return true
}

// sameFold reports whether two byte strings are the same, ASCII letters of any case.
func sameFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if toLower(a[i]) != toLower(b[i]) {
			return false
		}
	}
	return true
}

// HasToken reports whether the comma-separated list has the element lower, white space round elements and case ignored.
// Quoted strings are not understood: it serves lists of tokens (RFC 9110 section 5.6.1).
func HasToken(list []byte, lower string) bool {
	for len(list) > 0 {
		var element []byte
		element, list = cutElement(list)
		if EqualFold(element, lower) {
			return true
		}
	}
	return false
}

// cutElement cuts the first element, without the white space round it, off a comma-separated list.
func cutElement(list []byte) (element, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trimOWS(list[:i]), list[i+1:]
		}
	}
	return trimOWS(list), nil
}

// trimOWS cuts spaces and tabs off both ends.
func trimOWS(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isOWS(c byte) bool { return c == ' ' || c == '\t' }

// allToken reports whether b is a token: not empty, and nothing but tchar.
func allToken(b []byte) bool {
	for _, c := range b {
		if classes[c]&isToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

// hexEscape reports whether two hexadecimal digits follow b[i].
func hexEscape(b []byte, i int) bool {
	return i+2 < len(b) && hexValue[b[i+1]] != notHex && hexValue[b[i+2]] != notHex
}

func toLower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// Eight bytes at a time. The byte at the lowest address is the lowest of the word, so that the number of trailing zeros of a mask, divided by
// eight, is the place of the first byte that is marked. A mark is the top bit of a byte.
const (
	ones  = 0x0101010101010101
	marks = 0x80 * ones
	cases = 0x20 * ones
)

// markControls marks the bytes of w below 0x20 and those that are 0x7f. A byte below 0x20 borrows when 0x20 is taken away, 0x7f becomes
// 0x80 when 1 is added: either sets a top bit that was not set before. A borrow or carry into the next byte may mark one too
// much, never one too few: who follows a mark must look at the byte.
func markControls(w uint64) uint64 {
	return ((w - 0x20*ones) | (w + ones)) &^ w & marks
}

// markColons marks the colons of w, and maybe a byte behind a true one: the first mark is always true.
func markColons(w uint64) uint64 {
	w ^= ':' * ones
	return (w - ones) &^ w & marks
}

// firstMark gives the place of the first marked byte, 0 to 7.
func firstMark(m uint64) int { return bits.TrailingZeros64(m) >> 3 }

// nextControl gives the index of the first control byte of b at i or behind it, tabs not counting: 0x00 to 0x1f without
// 0x09, and 0x7f. It gives len(b) if there is none.
func nextControl(b []byte, i int) int {
	for i >= 0 && i <= len(b)-8 { // the first half holds always and spares a bounds check
		m := markControls(binary.LittleEndian.Uint64(b[i:]))
		if m == 0 {
			i += 8
			continue
		}
		if i += firstMark(m); isControl(b[i]) {
			return i
		}
		i++
	}
	for i < len(b) && !isControl(b[i]) {
		i++
	}
	return i
}

// nextColon gives the index of the first colon of b at i or behind it, len(b) if there is none. Field names are short: bytes.IndexByte
// costs more to call than it saves.
func nextColon(b []byte, i int) int {
	for i >= 0 && i <= len(b)-8 {
		if m := markColons(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + firstMark(m)
		}
		i += 8
	}
	for i < len(b) && b[i] != ':' {
		i++
	}
	return i
}

// isControl reports whether c may stand in no field value (RFC 9110 section 5.5).
func isControl(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f }
