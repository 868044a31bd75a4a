package w3c

import "bytes"

// Tracestate is the content of the header field tracestate: what tracing systems tell each other beside the ids, the latest
// first. It is gathered from the field's lines in their order, with [Tracestate.Add]. The zero value is empty and ready. It
// holds views into the lines, so it is borrowed as long as they are. Not for concurrent use.
type Tracestate struct {
	members [maxStateMembers]stateMember
	count   int // of members
	came    int // members that came, those with a key that was there already included
	invalid bool
}

type stateMember struct {
	text []byte // key=value
	key  int    // text[:key]
}

// Reset empties it.
func (s *Tracestate) Reset() { s.count, s.came, s.invalid = 0, 0, false }

// Add reads one line of the field (Trace Context 3.3). Empty members are none. A member that does not keep to the grammar, or the
// 33rd, makes the whole invalid, whatever comes later: then there is none. Of members with the same key the first, which is the
// latest, is kept.
func (s *Tracestate) Add(line []byte) {
	for len(line) > 0 && !s.invalid {
		var text []byte
		text, line = cutMember(line)
		if len(text) == 0 {
			continue
		}
		s.came++
		key := bytes.IndexByte(text, '=')
		if s.came > maxStateMembers || key < 0 || !stateKey(text[:key]) || !stateValue(text[key+1:]) {
			s.invalid = true
			return
		}
		if !s.has(text[:key]) {
			s.members[s.count] = stateMember{text, key}
			s.count++
		}
	}
}

// Len is how many members there are; 0 if the field was invalid.
func (s *Tracestate) Len() int {
	if s.invalid {
		return 0
	}
	return s.count
}

// Append writes the field's value on one line, at most 512 bytes of it: if there is more, members over 128 bytes go
// first, then others, from the end (Trace Context, tracestate Limits). Nothing is written if there are no members.
func (s *Tracestate) Append(dst []byte) []byte {
	n := s.Len()
	total := n - 1 // the commas
	for i := range n {
		total += len(s.members[i].text)
	}
	var left uint32 // bit i: member i is left out
	for _, over := range [...]int{longStateMember, 0} {
		for i := n - 1; i >= 0 && total > maxStateBytes; i-- {
			if size := len(s.members[i].text); size > over && left&(1<<i) == 0 {
				left |= 1 << i
				total -= size + 1
			}
		}
	}
	first := true
	for i := range n {
		if left&(1<<i) != 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, first = append(dst, s.members[i].text...), false
	}
	return dst
}

func (s *Tracestate) has(key []byte) bool {
	for i := range s.count {
		if m := &s.members[i]; bytes.Equal(m.text[:m.key], key) {
			return true
		}
	}
	return false
}

// cutMember gives the text before the first comma, without the white space around it, and what comes after.
func cutMember(line []byte) (text, rest []byte) {
	if comma := bytes.IndexByte(line, ','); comma >= 0 {
		return trim(line[:comma]), line[comma+1:]
	}
	return trim(line), nil
}

// trim takes optional white space off both ends (RFC 9110 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// stateKey checks a key: key = ( lcalpha / DIGIT ) 0*255 ( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" ). Level 1 allowed
// one @ at most and a digit in front of it only; every key of level 1 is one of these.
func stateKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxStateText || !lowerOrDigit(key[0]) {
		return false
	}
	for _, c := range key {
		if !lowerOrDigit(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@' {
			return false
		}
	}
	return true
}

// stateValue checks a value: 1 to 256 printable characters but "," and "="; white space at its end is cut off before.
func stateValue(value []byte) bool {
	if len(value) == 0 || len(value) > maxStateText {
		return false
	}
	for _, c := range value {
		if c < 0x20 || c > 0x7e || c == ',' || c == '=' {
			return false
		}
	}
	return true
}

func lowerOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
