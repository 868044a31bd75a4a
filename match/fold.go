package match

import (
	"unicode"
	"unicode/utf8"
)

// appendLower appends b with every letter in lower case, as strings.ToLower would: bytes that are no UTF-8 become U+FFFD.
func appendLower(dst, b []byte) []byte {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return appendRunes(dst, b[i:], unicode.ToLower)
		}
		dst = append(dst, lower(c))
	}
	return dst
}

// appendUpper is the same for upper case.
func appendUpper(dst, b []byte) []byte {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return appendRunes(dst, b[i:], unicode.ToUpper)
		}
		if 'a' <= c && c <= 'z' {
			c &^= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func appendRunes(dst, b []byte, to func(rune) rune) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		dst = utf8.AppendRune(dst, to(r))
		b = b[n:]
	}
	return dst
}

// isLower tells whether appendLower would change nothing; it may say no for text beyond ASCII that it leaves alone.
func isLower(b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
