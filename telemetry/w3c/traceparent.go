package w3c

// Flags of a [Traceparent].
const (
	Sampled byte = 1 << iota // the caller may have recorded trace data
	Random                   // at least the last 7 bytes of the trace's id are random (level 2)
)

// Traceparent is the content of the header field traceparent: which trace a request belongs to, which span is its parent, and
// whether that was recorded. A value; the zero value is not valid.
type Traceparent struct {
	TraceID [16]byte
	SpanID  [8]byte // of the sender
	Flags   byte    // bits that are not known are kept here, and not written
}

// ParseTraceparent reads a field's value, without white space around it (Trace Context 3.2). Version 00 is read to the letter. Of a
// higher one the first four parts are read, which have to be as in 00, and the end or a hyphen has to follow (3.2.4). Version
// ff, ids of zeros only and upper-case digits are invalid. false: as if there had been no field.
func ParseTraceparent(b []byte) (t Traceparent, ok bool) {
	if len(b) < traceparentBytes || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return Traceparent{}, false
	}
	var version, flags [1]byte
	if !unhex(version[:], b[0:2]) || !unhex(t.TraceID[:], b[3:35]) || !unhex(t.SpanID[:], b[36:52]) || !unhex(flags[:], b[53:55]) {
		return Traceparent{}, false
	}
	if version[0] == 0xff || t.TraceID == [16]byte{} || t.SpanID == [8]byte{} {
		return Traceparent{}, false
	}
	if len(b) > traceparentBytes && (version[0] == 0 || b[traceparentBytes] != '-') {
		return Traceparent{}, false
	}
	t.Flags = flags[0]
	return t, true
}

// Append writes the field's value in version 00, with the flags that are known: others have to be 0 there (3.2.2.5).
func (t Traceparent) Append(dst []byte) []byte {
	dst = append(dst, "00-"...)
	dst = appendHex(dst, t.TraceID[:])
	dst = append(dst, '-')
	dst = appendHex(dst, t.SpanID[:])
	dst = append(dst, '-')
	return appendHex(dst, []byte{t.Flags & (Sampled | Random)})
}

// Sampled reports whether the sender says that it may have recorded the trace.
func (t Traceparent) Sampled() bool { return t.Flags&Sampled != 0 }

// unhex decodes lower-case hexadecimal digits; len(src) is twice len(dst).
func unhex(dst, src []byte) bool {
	for i := range dst {
		high, low := nibbles[src[2*i]], nibbles[src[2*i+1]]
		if high|low > 0xf {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func appendHex(dst, src []byte) []byte {
	const digits = "0123456789abcdef"
	for _, b := range src {
		dst = append(dst, digits[b>>4], digits[b&0xf])
	}
	return dst
}

// nibbles gives the value of a lower-case hexadecimal digit, 0xff for all else.
var nibbles = func() (table [256]byte) {
	for i := range table {
		switch c := byte(i); {
		case c >= '0' && c <= '9':
			table[i] = c - '0'
		case c >= 'a' && c <= 'f':
			table[i] = c - 'a' + 10
		default:
			table[i] = 0xff
		}
	}
	return table
}()
