package http1

import "math"

// Framing says how the end of a body is found (RFC 9112 section 6.3).
type Framing uint8

// The ways of framing a body.
const (
	NoBody     Framing = iota // nothing follows the head
	ByLength                  // a number of bytes, which may be 0
	Chunked                   // chunks and a trailer section
	UntilClose                // all until the peer closes; responses only
)

// String gives the word for logs.
func (f Framing) String() string {
	switch f {
	case NoBody:
		return "none"
	case ByLength:
		return "length"
	case Chunked:
		return "chunked"
	case UntilClose:
		return "until_close"
	}
	return "invalid"
}

// framing gives what the fields say about the body: Chunked with length -1, ByLength with its length, or NoBody with -1 if
// they say nothing. Everything that two recipients could read differently is an error.
func (f *fieldSet) framing(minor uint8) (Framing, int64, *Error) {
	coded := f.seen.has(TransferEncoding)
	if !f.seen.has(ContentLength) && !coded {
		return NoBody, -1, nil
	}
	if coded {
		switch {
		case minor == 0:
			return NoBody, -1, CodingInHTTP10
		case f.seen.has(ContentLength):
			return NoBody, -1, LengthWithCoding
		case f.repeated.has(TransferEncoding):
			return NoBody, -1, BadTransferEncoding
		}
		return Chunked, -1, checkCodings(f.get(TransferEncoding))
	}
	if f.repeated.has(ContentLength) {
		return NoBody, -1, DuplicateContentLength
	}
	length, err := parseLength(f.get(ContentLength))
	return ByLength, length, err
}

// parseLength reads a Content-Length: 1 to 19 digits, at most 2^63-1 (RFC 9110 section 8.6).
func parseLength(value []byte) (int64, *Error) {
	if len(value) == 0 || len(value) > maxLengthDigits {
		return -1, BadContentLength
	}
	var n uint64 // 19 digits are below 10^19, which is below 2^64
	for _, c := range value {
		if c < '0' || c > '9' {
			return -1, BadContentLength
		}
		n = n*10 + uint64(c-'0')
	}
	if n > math.MaxInt64 {
		return -1, BadContentLength
	}
	return int64(n), nil
}

// checkCodings accepts exactly chunked. A list of tokens that ends in its only chunked is well-formed but CodingUnsupported;
// anything else leaves the end of the body open, or to the reader: BadTransferEncoding (RFC 9112 section 6.1, 6.3).
func checkCodings(value []byte) *Error {
	if EqualFold(value, "chunked") {
		return nil
	}
	for rest := value; ; {
		var coding []byte
		coding, rest = cutElement(rest)
		if EqualFold(coding, "chunked") {
			// A comma at the end leaves rest empty but not nil.
			if rest != nil {
				return BadTransferEncoding
			}
			return CodingUnsupported
		}
		if !allToken(coding) || len(rest) == 0 {
			return BadTransferEncoding
		}
	}
}
