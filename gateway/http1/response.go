package http1

// Response is a parsed response head, final or interim. All its bytes are borrowed from the head. It is made to be used again:
// ParseResponse keeps the capacity of Fields.
type Response struct {
	Minor   uint8   // 0 or 1; HTTP/1.2 to 1.9 count as 1
	Status  int     // 100 to 999
	Reason  []byte  // may be empty
	Fields  []Field // all of them in order
	Framing Framing
	// Length is the bytes of the body for ByLength. For the answer to HEAD and for 304 it is the announced Content-Length, although no
	// body follows. Else, and where none was announced, it is -1.
	Length int64
	// Close: the connection cannot be used again after this message. By Connection: close, by HTTP/1.0 without keep-alive, for UntilClose,
	// and if a response that has no body (1xx, 204) announces one: it may well send it.
	Close bool
	// Upgrade is the value of Upgrade if Connection lists upgrade and the version is 1.1; else nil. Whether a 101 was asked for, and
	// for which protocol, only the caller knows.
	Upgrade []byte
}

// Get gives the value of the first field of that name, nil if there is none.
func (r *Response) Get(id ID) []byte { return firstValue(r.Fields, id) }

// ParseResponse parses a response head, exactly the bytes that Scanner.Scan measured, into r, of which all but the capacity of
// Fields is overwritten. method is that of the request it answers. Every error has Status 502; after one r holds nothing of use.
func ParseResponse(head []byte, method Method, r *Response, lim Limits) *Error {
	*r = Response{Fields: r.Fields[:0], Close: true}
	i, err := r.statusLine(head)
	if err != nil {
		return err.Upstream()
	}
	f := fieldSet{fields: r.Fields}
	if err := f.parse(head, i, lim.fields()); err != nil {
		return err.Upstream()
	}
	r.Fields = f.fields
	o, err := f.connection()
	if err != nil {
		return err.Upstream()
	}
	if err := r.framing(&f, method); err != nil {
		return err.Upstream()
	}
	r.Close = r.Close || !o.persistent(r.Minor)
	if o.upgrade && r.Minor > 0 {
		r.Upgrade = f.upgrade()
	}
	return nil
}

// statusLine parses the first line and gives the index behind it (RFC 9112 section 4). The space before an empty reason may be missing,
// as many servers leave it out.
func (r *Response) statusLine(b []byte) (int, *Error) {
	minor, i, err := parseVersion(b, 0)
	if err == BadRequestLine {
		return 0, BadStatusLine
	}
	if err != nil {
		return 0, err
	}
	if len(b)-i < len(" 200\r\n") || b[i] != ' ' {
		return 0, BadStatusLine
	}
	status := 0
	for _, c := range b[i+1 : i+4] {
		if c < '0' || c > '9' {
			return 0, BadStatusLine
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 {
		return 0, BadStatusLine
	}
	i += 4
	r.Minor, r.Status = minor, status
	if b[i] == ' ' {
		i++
	} else if b[i] != '\r' {
		return 0, lineError(b, i, BadStatusLine)
	}
	end := nextControl(b, i)
	if end+1 >= len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return 0, lineError(b, end, BadStatusLine)
	}
	r.Reason = b[i:end]
	return end + 2, nil
}

// framing settles Framing, Length and what they mean for Close (RFC 9112 section 6.3).
func (r *Response) framing(f *fieldSet, method Method) *Error {
	r.Close = false
	if r.Status < 200 || r.Status == 204 {
		// Such a response ends with its head whatever its fields say; some servers give 204 a Content-Length of 0.
		r.Framing, r.Length = NoBody, -1
		length, err := parseLength(f.get(ContentLength))
		announced := f.seen.has(ContentLength) && (err != nil || length != 0 || f.repeated.has(ContentLength))
		r.Close = announced || f.seen.has(TransferEncoding)
		return nil
	}
	var err *Error
	r.Framing, r.Length, err = f.framing(r.Minor)
	switch {
	case err != nil:
		return err
	case method == HEAD || r.Status == 304:
		r.Framing = NoBody
	case r.Framing == NoBody:
		r.Framing = UntilClose
		r.Close = true
	}
	return nil
}
