package match

import "bytes"

// readQuery takes what the schema wants from the query, once per request. Pairs are parted by "&"; a name without "=" is
// present and empty. Names and values are decoded as application/x-www-form-urlencoded (WHATWG URL standard, section 5.1):
// "+" is a space, and a percent sign that two hexadecimal digits do not follow stands for itself.
func (a *Attributes) readQuery() {
	if a.queryRead {
		return
	}
	a.queryRead = true
	if a.schema.queries.empty() {
		return
	}
	for query := a.query; len(query) > 0; {
		pair := query
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		name, value := pair, []byte(nil)
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			name, value = pair[:i], pair[i+1:]
		}
		mark := len(a.scratch)
		source := a.schema.queries.find(a.decode(name, true))
		a.scratch = a.scratch[:mark] // a decoded name is needed no longer
		if source >= 0 && a.sources[source] == nil {
			a.offer(source, a.decode(value, true))
		}
	}
}

// decode gives b itself where it holds nothing encoded, else its decoded form in scratch. form: a plus is a space.
func (a *Attributes) decode(b []byte, form bool) []byte {
	i := 0
	for i < len(b) && b[i] != '%' && (b[i] != '+' || !form) {
		i++
	}
	if i == len(b) {
		return b
	}
	start := len(a.scratch)
	a.scratch = append(a.scratch, b[:i]...)
	for ; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '%' && i+2 < len(b):
			if hi, lo := unhex(b[i+1]), unhex(b[i+2]); hi < 16 && lo < 16 {
				c = hi<<4 | lo
				i += 2
			}
		}
		a.scratch = append(a.scratch, c)
	}
	return a.scratch[start:]
}

// unhex gives the value of a hexadecimal digit, 255 for anything else.
func unhex(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
