package w3c

import "bytes"

// Baggage is the content of the header field baggage: names and values that an application sends along a trace. It is gathered from
// the field's lines in their order, with [Baggage.Add]. The zero value is empty and ready. It holds views into the lines,
// so it is borrowed as long as they are. Not for concurrent use.
type Baggage struct {
	members [maxBaggageMembers][]byte
	count   int
	size    int  // of what Append writes
	full    bool // a member was left out: those that follow are too, so that what is passed on is a beginning
	invalid bool
}

// Reset empties it.
func (g *Baggage) Reset() { g.count, g.size, g.full, g.invalid = 0, 0, false, false }

// Add reads one line of the field (W3C Baggage 3.3). Empty members are none. A member that does not keep to the grammar makes the
// whole invalid, whatever comes later: then there is none. Members beyond 64, or beyond 8192 bytes, are left out; the
// specification says that they may be (Limits).
func (g *Baggage) Add(line []byte) {
	for len(line) > 0 && !g.invalid {
		var text []byte
		text, line = cutMember(line)
		if len(text) == 0 {
			continue
		}
		if !baggageMember(text) {
			g.invalid = true
			return
		}
		size := g.size + len(text)
		if g.count > 0 {
			size++ // the comma
		}
		if g.full = g.full || g.count == maxBaggageMembers || size > maxBaggageBytes; g.full {
			continue
		}
		g.members[g.count], g.size = text, size
		g.count++
	}
}

// Len is how many members there are; 0 if the field was invalid.
func (g *Baggage) Len() int {
	if g.invalid {
		return 0
	}
	return g.count
}

// Append writes the field's value on one line, at most 8192 bytes. Nothing is written if there are no members.
func (g *Baggage) Append(dst []byte) []byte {
	for i, text := range g.members[:g.Len()] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, text...)
	}
	return dst
}

// baggageMember checks key OWS "=" OWS value *( OWS ";" OWS property ), property = key OWS "=" OWS value / key. What a
// percent sign begins is the reader's affair: the grammar has it as any other character.
func baggageMember(text []byte) bool {
	first := true
	for {
		pair, rest, more := bytes.Cut(text, semicolon)
		key, value, valued := bytes.Cut(pair, equals)
		if !token(trim(key)) || first && !valued || !baggageValue(trim(value)) {
			return false
		}
		if !more {
			return true
		}
		text, first = rest, false
	}
}

var semicolon, equals = []byte{';'}, []byte{'='}

// token checks a token (RFC 9110 5.6.2).
func token(b []byte) bool {
	for _, c := range b {
		if !lowerOrDigit(c) && (c < 'A' || c > 'Z') && bytes.IndexByte(tokenMarks, c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

var tokenMarks = []byte("!#$%&'*+-.^_`|~")

// baggageValue checks *baggage-octet: printable ASCII but space, quotation mark, comma, semicolon and backslash.
func baggageValue(b []byte) bool {
	for _, c := range b {
		if c <= 0x20 || c > 0x7e || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return true
}
