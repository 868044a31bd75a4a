package telemetry

import (
	"strconv"
	"unicode/utf8"
)

// How texts that clients choose become part of a line, so that they can neither end it, nor look like another, nor move the
// cursor of whoever reads it on a terminal.

// jsonPlain are the bytes that stand for themselves in a JSON text.
var jsonPlain = func() (plain [utf8.RuneSelf]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

const lowerDigits, upperDigits = "0123456789abcdef", "0123456789ABCDEF"

// appendJSONText writes the inside of a JSON text (RFC 8259 7). What is no UTF-8 becomes U+FFFD. Escaped, beyond what has to be, are DEL, the
// C1 controls, which terminals obey, and U+2028 and U+2029, which some programs take for the end of a line.
func appendJSONText(b []byte, s string) []byte {
	done := 0
	for i := plainPrefix(s); i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if jsonPlain[c] {
				i++
				continue
			}
			b = append(b, s[done:i]...)
			b = appendJSONEscape(b, c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r < 0xa0 || r == 0x2028 || r == 0x2029 {
			b = append(b, s[done:i]...)
			b = append(b, '\\', 'u', lowerDigits[r>>12], lowerDigits[r>>8&15], lowerDigits[r>>4&15], lowerDigits[r&15])
			done = i + size
		}
		i += size
	}
	return append(b, s[done:]...)
}

// plainPrefix is how many bytes at the beginning stand for themselves for certain, in a JSON text as in nginx's. It looks at eight at once.
func plainPrefix(s string) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		x := uint64(s[n]) | uint64(s[n+1])<<8 | uint64(s[n+2])<<16 | uint64(s[n+3])<<24 |
			uint64(s[n+4])<<32 | uint64(s[n+5])<<40 | uint64(s[n+6])<<48 | uint64(s[n+7])<<56
		quote, backslash := x^'"'*ones, x^'\\'*ones
		// A top bit is set where the byte is not ASCII, below a space, a quote, a backslash, or DEL; above such a byte maybe for nothing.
		if (x|(x-' '*ones)|(quote-ones)|(backslash-ones)|(x+ones))&tops != 0 {
			return n
		}
	}
	return n
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', lowerDigits[c>>4], lowerDigits[c&15])
}

// appendEscaped writes a text as nginx does in its logs: quotes, backslashes, controls, and all that is not ASCII as \xNN.
func appendEscaped(b []byte, s string) []byte {
	done := 0
	for i := plainPrefix(s); i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || !jsonPlain[c] {
			b = append(b, s[done:i]...)
			b = append(b, '\\', 'x', upperDigits[c>>4], upperDigits[c&15])
			done = i + 1
		}
	}
	return append(b, s[done:]...)
}

// combinedTime is NCSA's form of a time.
const combinedTime = "02/Jan/2006:15:04:05 -0700"

// appendCombined writes a record in NCSA's combined log format, for the programs that read no other. The user is always -.
func appendCombined(b []byte, r *Record) []byte {
	b = appendOrHyphen(b, r.Client)
	b = append(b, " - - ["...)
	b = r.Time.AppendFormat(b, combinedTime)
	b = append(b, `] "`...)
	if len(r.Method) > 0 {
		b = appendEscaped(b, r.Method)
		b = append(b, ' ')
		b = appendEscaped(b, r.Target)
		b = append(b, ' ')
		b = append(b, r.Protocol...)
	} else {
		b = append(b, '-')
	}
	b = append(b, `" `...)
	if r.Status < 100 {
		b = append(b, "000"...) // nothing was answered: programs want three digits
	} else {
		b = strconv.AppendInt(b, int64(r.Status), 10)
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, max(r.BytesOut-r.HeadOut, 0), 10)
	b = append(b, ` "`...)
	b = appendOrHyphen(b, r.Referer)
	b = append(b, `" "`...)
	b = appendOrHyphen(b, r.UserAgent)
	return append(b, '"')
}

func appendOrHyphen(b []byte, s string) []byte {
	if len(s) == 0 {
		return append(b, '-')
	}
	return appendEscaped(b, s)
}
