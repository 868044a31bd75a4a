package match

import "bytes"

// readCookies takes what the schema wants from the pending Cookie fields.
func (a *Attributes) readCookies() {
	if !a.schema.cookies.empty() {
		for _, field := range a.cookies[:a.cookieCount] {
			a.readCookieField(field)
		}
	}
	a.cookieCount = 0
}

// readCookieField reads `a=b; c="d"` as a server should, leniently (RFC 6265 section 5.4 says what clients send, 4.1.1 what
// they were given): pairs end at semicolons, blanks round names and values do not count, one pair of double quotes is
// taken off, and a pair without "=" or without a name is passed over. Values are not decoded: cookies have no encoding.
func (a *Attributes) readCookieField(field []byte) {
	for len(field) > 0 {
		pair := field
		if i := bytes.IndexByte(field, ';'); i >= 0 {
			pair, field = field[:i], field[i+1:]
		} else {
			field = nil
		}
		eq := bytes.IndexByte(pair, '=')
		if eq < 0 {
			continue
		}
		source := a.schema.cookies.find(trimBlanks(pair[:eq]))
		if source < 0 {
			continue
		}
		v := trimBlanks(pair[eq+1:])
		if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
			v = v[1 : n-1]
		}
		a.offer(source, v)
	}
}

// trimBlanks cuts spaces and tabs from both ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
