package http1

// Request is a parsed request head. All its bytes are borrowed from the head, but Target, Path and Query may be Request's own
// if the target had to be rewritten. It is made to be used again: ParseRequest keeps the capacity of Fields.
// A copy shares Fields with its original.
type Request struct {
	Method     Method
	MethodText []byte // the method as sent
	// Target is the request target to be sent upstream: origin-form ("/p?q") or "*". The absolute form is reduced to it,
	// an empty path becoming "/", or "*" for OPTIONS without query (RFC 9112 section 3.2.4).
	Target []byte
	Path   []byte // Target without "?" and what follows; percent escapes as sent, all well-formed
	Query  []byte // what follows "?"; nil if there is no "?"
	// Host is the authority, with its port if one was sent: the target's in absolute form, else the Host field. It is valid, and
	// nil only for HTTP/1.0 without Host.
	Host    []byte
	Minor   uint8   // 0 or 1; HTTP/1.2 to 1.9 count as 1
	Fields  []Field // all of them in order, those too that the writer makes anew (Host, Content-Length, ...)
	Framing Framing // NoBody, ByLength or Chunked
	Length  int64   // bytes of the body; 0 for NoBody, -1 for Chunked
	// Close: this connection ends after the answer, by Connection: close, or for HTTP/1.0 without keep-alive, or because what
	// Connection says could not be understood.
	Close          bool
	ExpectContinue bool // HTTP/1.1 with Expect: 100-continue
	// Upgrade is the value of Upgrade if Connection lists upgrade, the version is 1.1, there is no body, and no protocol in it is
	// HTTP (h2c); else nil.
	Upgrade []byte

	own []byte // holds a Target that is no part of the head
}

// Get gives the value of the first field of that name, nil if there is none.
func (r *Request) Get(id ID) []byte { return firstValue(r.Fields, id) }

// ParseRequest parses a request head, exactly the bytes that Scanner.Scan measured, into r, of which all but the capacity
// of Fields is overwritten. It checks every byte itself; a head that Scan did not measure is no danger.
// After an error r holds what was understood before it, which is fit for a log line and for nothing else.
func ParseRequest(head []byte, r *Request, lim Limits) *Error {
	*r = Request{Fields: r.Fields[:0], Close: true, own: r.own[:0]}
	i, err := r.requestLine(head)
	if err != nil {
		return err
	}
	f := fieldSet{fields: r.Fields}
	if err := f.parse(head, i, lim.fields()); err != nil {
		return err
	}
	r.Fields = f.fields
	if err := r.host(&f); err != nil {
		return err
	}
	if r.Framing, r.Length, err = f.framing(r.Minor); err != nil {
		return err
	}
	if r.Framing == NoBody {
		r.Length = 0
	}
	o, err := f.connection()
	if err != nil {
		return err
	}
	if o.upgrade && r.Minor > 0 && r.Length == 0 {
		r.Upgrade = f.upgrade()
	}
	if f.seen.has(Expect) {
		if err := r.expect(); err != nil {
			return err
		}
	}
	r.Close = !o.persistent(r.Minor)
	return nil
}

// requestLine parses the first line that is not empty and gives the index behind it (RFC 9112 section 3).
func (r *Request) requestLine(b []byte) (int, *Error) {
	i := 0
	for i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
		i += 2
	}
	start := i
	for i < len(b) && classes[b[i]]&isToken != 0 {
		i++
	}
	if i == start || i == len(b) || b[i] != ' ' {
		return i, lineError(b, i, BadRequestLine)
	}
	r.MethodText = b[start:i]
	r.Method = lookUpMethod(r.MethodText)
	if r.Method == CONNECT {
		return i, ConnectUnsupported
	}
	i++
	start = i
	origin := i < len(b) && b[i] == '/'
	path := i
	if origin {
		path = pathEnd(b, i)
		i = path
	}
	for i < len(b) && classes[b[i]]&isTarget != 0 {
		i++
	}
	if i == start || i == len(b) || b[i] == '\r' {
		return i, lineError(b, i, BadRequestLine)
	}
	if b[i] != ' ' {
		return i, lineError(b, i, BadTarget)
	}
	target := b[start:i]
	minor, end, err := parseVersion(b, i+1)
	if err != nil {
		return i, err
	}
	r.Minor = minor
	if end+2 > len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return end, lineError(b, end, BadRequestLine)
	}
	if origin {
		return end + 2, r.origin(target, path-start)
	}
	return end + 2, r.target(target)
}

// lineError names the byte at which a line went wrong if it has an error of its own; else it gives otherwise.
func lineError(b []byte, i int, otherwise *Error) *Error {
	if i >= len(b) {
		return BadHead
	}
	return controlError(b, i, otherwise)
}

// parseVersion parses HTTP/1.x at b[i:] and gives x, 1 standing for 1 to 9, and the index behind it (RFC 9112 section 2.3).
// Another single digit for the major version: VersionUnsupported.
func parseVersion(b []byte, i int) (minor uint8, end int, err *Error) {
	const size = len("HTTP/1.x")
	if len(b)-i < size {
		return 0, i, BadRequestLine
	}
	v := b[i : i+size]
	switch {
	case string(v[:5]) != "HTTP/" || v[5]-'0' > 9 || v[6] != '.' || v[7]-'0' > 9:
		return 0, i, BadRequestLine
	case v[5] != '1':
		return 0, i, VersionUnsupported
	case v[7] == '0':
		return 0, i + size, nil
	}
	return 1, i + size, nil
}

// host settles the authority (RFC 9112 section 3.2, 3.2.2): the Host field must be right even where the target overrides it.
func (r *Request) host(f *fieldSet) *Error {
	if !f.seen.has(Host) {
		if r.Minor > 0 {
			return MissingHost
		}
		return nil
	}
	if f.repeated.has(Host) {
		return DuplicateHost
	}
	host := f.get(Host)
	if !validAuthority(host) {
		return BadHost
	}
	if r.Host == nil {
		r.Host = host
	}
	return nil
}

// expect reads all Expect fields (RFC 9110 section 10.1.1). HTTP/1.0 has no expectations: they are ignored and end here, for
// the gateway speaks HTTP/1.1 upstream, where they would mean something.
func (r *Request) expect() *Error {
	for i := range r.Fields {
		if r.Fields[i].ID != Expect {
			continue
		}
		if r.Minor == 0 {
			r.Fields[i].Hop = true
			continue
		}
		if !EqualFold(r.Fields[i].Value, "100-continue") {
			return ExpectationFailed
		}
		r.ExpectContinue = true
	}
	return nil
}
