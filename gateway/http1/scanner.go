package http1

// Scanner finds the end of a head in bytes that arrive in pieces. It looks at every byte once, however many pieces there are.
// The zero value is ready. It serves one head; Reset makes it ready for the next.
type Scanner struct {
	pos   int  // all before b[pos] has been judged; at most one byte (a CR that was the last) is looked at again
	line  int  // where the line begins that b[pos] is in; line <= pos
	begun bool // a line that is not empty has ended: the next empty line ends the head
}

// Reset makes s ready for another head.
func (s *Scanner) Reset() { *s = Scanner{} }

// Scan looks for the end of the head at the start of b. From one call to the next b must begin with the same byte and may only have
// grown; it may have been moved. It returns the length of the head with its final empty line, or 0 if that has
// not come yet. Bytes behind the head are not looked at. What it returned once, it returns again until Reset.
//
// Empty lines before the first line are skipped and counted in n (RFC 9112 section 2.2; ParseResponse refuses them). A bare LF (BareLF), a CR
// without LF (BareCR) and a NUL (NULByte) are errors as soon as they have been seen, even if the head is not whole. So is a head
// longer than lim.HeadBytes: URITooLong if no line has ended yet, else TooLong. Which error, does not depend on the pieces.
func (s *Scanner) Scan(b []byte, lim Limits) (n int, err *Error) {
	most := lim.headBytes()
	full := len(b) >= most
	if full {
		b = b[:most]
	}
	i := s.pos
	for {
		i = nextControl(b, i)
		s.pos = i
		if i == len(b) {
			break
		}
		switch b[i] {
		case '\r':
			if i+1 == len(b) {
				return 0, s.more(full)
			}
			if b[i+1] != '\n' {
				return 0, BareCR
			}
			if i == s.line && s.begun {
				return i + 2, nil
			}
			s.begun = s.begun || i > s.line
			i += 2
			s.line = i
		case '\n':
			return 0, BareLF
		case 0:
			return 0, NULByte
		default:
			i++ // other control bytes are an error of the line that they stand in; the parser says which
		}
	}
	return 0, s.more(full)
}

// more is the result when b ended before the head did.
func (s *Scanner) more(full bool) *Error {
	switch {
	case !full:
		return nil
	case s.begun:
		return TooLong
	default:
		return URITooLong
	}
}
