package http1

// Field is one field line. Name and Value are views into the head (or, for trailers, into the Body): borrowed until its bytes are discarded.
type Field struct {
	Name  []byte // as sent; a token (RFC 9110 section 5.1)
	Value []byte // without the white space round it; may be empty; no control byte but HTAB; bytes from 0x80 are kept
	ID    ID     // Other for a name that is not known
	// Hop: the field ends here and must not be forwarded. It is hop-by-hop by itself (RFC 9110 section 7.6.1), Connection
	// names it, or its name is what CGI would take for that of a known field (X_Forwarded_For).
	Hop bool
}

// hopByHop are the fields that end here whether or not Connection names them. Proxy is no field of HTTP at all, but CGI
// programs would take it for their proxy ("httpoxy"). Host and Content-Length are not among them, but are written anew.
var hopByHop = setOf(Connection, TransferEncoding, Upgrade, KeepAlive, ProxyConnection, TE, HTTP2Settings,
	ProxyAuthorization, ProxyAuthenticate, ProxyAuthenticationInfo, Proxy)

// fieldSet is what parse found: the fields in order, which known names occurred, and which of them more than once.
type fieldSet struct {
	fields   []Field
	seen     idSet
	repeated idSet
}

// get gives the value of the first field with a known name, nil if there is none.
func (f *fieldSet) get(id ID) []byte {
	if !f.seen.has(id) {
		return nil
	}
	return firstValue(f.fields, id)
}

func firstValue(fields []Field, id ID) []byte {
	for i := range fields {
		if fields[i].ID == id {
			return fields[i].Value
		}
	}
	return nil
}

// parse reads the field lines of b from index i on, up to the empty line that must be the end of b (RFC 9112 section 5). It appends
// to f.fields, at most most of them; TooManyFields if there are more. The
// loop is the hottest of the package, and flat for that reason.
func (f *fieldSet) parse(b []byte, i, most int) *Error {
	fields := f.fields
	var seen, repeated idSet
	for {
		if i+2 > len(b) {
			return BadHead
		}
		start := i
		if i = nextColon(b, i); i == len(b) || i == start || b[start] == '\r' {
			if b[start] != '\r' || b[start+1] != '\n' {
				return nameError(b, start)
			}
			if start+2 != len(b) {
				return BadHead
			}
			break
		}
		name := b[start:i]
		id := lookUpID(name)
		disguised := false
		if id == Other {
			// A known name has been compared in full; any other may hold anything.
			switch checkName(name) {
			case nameWrong:
				return nameError(b, start)
			case nameOdd:
				disguised = isDisguised(name)
			}
		}
		i++
		for i < len(b) && isOWS(b[i]) {
			i++
		}
		start = i
		i = nextControl(b, i)
		if i+1 >= len(b) || b[i] != '\r' || b[i+1] != '\n' {
			return valueError(b, i)
		}
		value := b[start:i]
		for len(value) > 0 && isOWS(value[len(value)-1]) {
			value = value[:len(value)-1]
		}
		i += 2

		if len(fields) == most {
			return TooManyFields
		}
		bit := idSet(1) << id
		repeated |= seen & bit
		seen |= bit
		// Field by field into its place: an appended literal is built elsewhere first, and costs three times as much.
		n := len(fields)
		if n == cap(fields) {
			fields = append(fields, Field{})
		} else {
			fields = fields[:n+1]
		}
		field := &fields[n]
		field.Name = name
		field.Value = value
		field.ID = id
		field.Hop = hopByHop&bit != 0 || disguised
	}
	f.fields, f.seen, f.repeated = fields, seen, repeated
	return nil
}

// What checkName finds in a field name.
const (
	namePlain = iota // letters, digits and '-'
	nameOdd          // a token with other bytes
	nameWrong        // no token
)

func checkName(name []byte) int {
	i := 0
	for i < len(name) && classes[name[i]]&isPlain != 0 {
		i++
	}
	switch {
	case i == len(name):
		return namePlain
	case allToken(name[i:]):
		return nameOdd
	default:
		return nameWrong
	}
}

// nameError says what is wrong with the line at b[start:], which does not begin with a token and a colon.
func nameError(b []byte, start int) *Error {
	i := start
	for i < len(b) && classes[b[i]]&isToken != 0 {
		i++
	}
	switch {
	case i == len(b):
		return BadHead
	case isOWS(b[i]) && i == start:
		return ObsFold
	case isOWS(b[i]):
		for i < len(b) && isOWS(b[i]) {
			i++
		}
		if i < len(b) && b[i] == ':' {
			return SpaceBeforeColon
		}
		return BadFieldName
	default:
		return controlError(b, i, BadFieldName)
	}
}

// valueError says what is wrong with a value in which a control byte that does not end it stands at i.
func valueError(b []byte, i int) *Error {
	if i >= len(b) || i+1 == len(b) && b[i] == '\r' {
		return BadHead
	}
	return controlError(b, i, BadFieldValue)
}

// controlError names the byte b[i] if it has an error of its own, which Scanner would have found; else it gives otherwise.
func controlError(b []byte, i int, otherwise *Error) *Error {
	switch b[i] {
	case 0:
		return NULByte
	case '\n':
		return BareLF
	case '\r':
		if i+1 < len(b) && b[i+1] != '\n' {
			return BareCR
		}
	}
	return otherwise
}

// isDisguised reports whether name would be a known one if all its bytes but letters and digits were '-'. CGI, WSGI and their like
// make HTTP_X_FORWARDED_FOR of X-Forwarded-For and X_Forwarded_For alike; such a twin must not pass by the checks of the true one.
func isDisguised(name []byte) bool {
	if len(name) > longestName {
		return false
	}
	var plain [longestName]byte
	for i, c := range name {
		if classes[c]&isPlain == 0 {
			c = '-'
		}
		plain[i] = c
	}
	return lookUpID(plain[:len(name)]) != Other
}

// options is what the Connection fields ask of this connection (RFC 9110 section 7.6.1, RFC 9112 section 9.3).
type options struct {
	close     bool
	keepAlive bool
	upgrade   bool
	odd       bool // an element was no token: what the sender wants of the connection is not known
}

// persistent reports whether the connection may carry another message after this one.
func (o options) persistent(minor uint8) bool {
	return !o.close && !o.odd && (minor > 0 || o.keepAlive)
}

// neverHop are the names that Connection cannot make hop-by-hop: that would change the framing or the route of the message.
var neverHop = setOf(Host, ContentLength, TransferEncoding)

// connection reads all Connection fields and marks the fields that they name as Hop. More than maxConnectionNames
// unknown names: TooManyNames.
func (f *fieldSet) connection() (o options, err *Error) {
	if !f.seen.has(Connection) {
		return o, nil
	}
	var named idSet
	unknown := 0
	for i := range f.fields {
		if f.fields[i].ID != Connection {
			continue
		}
		list := f.fields[i].Value
		if o.take(list) { // one option and no comma: the usual case
			continue
		}
		for len(list) > 0 {
			var element []byte
			element, list = cutElement(list)
			if o.take(element) {
				continue
			}
			if !allToken(element) {
				o.odd = true
				continue
			}
			if id := lookUpID(element); id != Other {
				named |= 1 << id
				continue
			}
			if unknown++; unknown > maxConnectionNames {
				return o, TooManyNames
			}
			f.hopByName(element)
		}
	}
	if named &^= neverHop; named != 0 {
		for i := range f.fields {
			if named.has(f.fields[i].ID) {
				f.fields[i].Hop = true
			}
		}
	}
	return o, nil
}

// take notes an element of Connection that is an option, and reports whether it was one, or empty. If not, it names a field.
func (o *options) take(element []byte) bool {
	switch len(element) {
	case 0:
		return true
	case len("close"):
		if EqualFold(element, "close") {
			o.close = true
			return true
		}
	case len("upgrade"):
		if EqualFold(element, "upgrade") {
			o.upgrade = true
			return true
		}
	case len("keep-alive"):
		if EqualFold(element, "keep-alive") {
			o.keepAlive = true
			return true
		}
	}
	return false
}

// hopByName marks all fields of one name that is not known.
func (f *fieldSet) hopByName(name []byte) {
	for i := range f.fields {
		if field := &f.fields[i]; field.ID == Other && !field.Hop && sameFold(field.Name, name) {
			field.Hop = true
		}
	}
}

// upgrade gives the value of the only Upgrade field, nil if there is none, or if it is not a list of token["/"token], or if it asks for
// HTTP itself (h2c, HTTP/2.0): a second HTTP spoken through a tunnel would pass by every check of this one.
func (f *fieldSet) upgrade() []byte {
	if f.repeated.has(Upgrade) {
		return nil
	}
	value := f.get(Upgrade)
	for list := value; len(list) > 0; {
		var protocol []byte
		protocol, list = cutElement(list)
		name, version := protocol, []byte(nil)
		for i, c := range protocol {
			if c == '/' {
				name, version = protocol[:i], protocol[i+1:]
				if !allToken(version) {
					return nil
				}
				break
			}
		}
		if !allToken(name) || EqualFold(name, "h2c") || EqualFold(name, "h2") || EqualFold(name, "http") {
			return nil
		}
	}
	if len(value) == 0 {
		return nil
	}
	return value
}
