package match

import (
	"bytes"
	"net/netip"
	"time"
)

// Attributes holds what one request answers to the questions of a [Schema]. An event loop has one and uses it again for
// every request:
//
//	a.Reset(schema)
//	a.SetRequest(method, host, path, query, ip)
//	a.SetTime(now)
//	for each field, in order: a.AddHeader(name, value)
//	rules.Decide(a, state)
//
// All bytes given to it are borrowed until the next Reset. Cookies, the query, the host, the address and the User-Agent are
// looked at only when a rule asks for them. The zero value is ready for Reset. It is not safe for concurrent use.
type Attributes struct {
	schema *Schema

	slots   []slot   // by attribute, then the values that a rule set computes
	sources [][]byte // by source; nil until the first occurrence is seen

	gen      uint32 // of this request: an even number from 2 on, see slot.stamp
	computed uint32 // the generation in which a rule set computed values last

	method, host, path, query []byte
	ip                        netip.Addr
	now                       int64 // nanoseconds since 1970 UTC, if hasNow
	hasNow                    bool

	cookies     [maxPendingCookieFields][]byte // Cookie fields not read yet
	cookieCount int
	queryRead   bool

	// scratch holds what is not in the request as it stands: decoded parameters, a lower-case host, the printed address.
	// Views into it stay right when it grows, because the old array keeps its bytes until Reset.
	scratch []byte

	place     *Place // of the address, nil if none is known, once located
	located   bool
	agent     *Agent // of the User-Agent, nil if it says nothing, once agentRead
	agentRead bool

	search searcher // for captures
	signer signer   // for signed cookies
}

// seenEmpty marks a source that occurred first without a value: later occurrences do not count.
var seenEmpty = []byte{}

// Reset forgets the request and takes the schema for the next one. It allocates only for a schema larger than any before.
func (a *Attributes) Reset(s *Schema) {
	if a.schema != s {
		a.schema = s
		a.slots = resize(a.slots, max(len(a.slots), len(s.attrs)))
		a.sources = resize(a.sources, len(s.sources))
		a.search.reserve(s.searchLen)
		a.signer.reset(len(s.attrs))
	}
	if a.gen += 2; a.gen < 2 { // after two thousand million requests
		a.gen = 2
		clear(a.slots[:cap(a.slots)])
	}
	clear(a.sources)
	a.method, a.host, a.path, a.query, a.ip, a.hasNow = nil, nil, nil, nil, netip.Addr{}, false
	a.cookieCount, a.queryRead = 0, false
	a.place, a.located, a.agent, a.agentRead = nil, false, nil, false
	a.scratch = a.scratch[:0]
}

// SetRequest gives what is not in a field. host may carry a port and may be nil; path is without the query, query without
// its question mark; ip is the client's address, the zero Addr if there is none.
func (a *Attributes) SetRequest(method, host, path, query []byte, ip netip.Addr) {
	a.method, a.host, a.path, a.query, a.ip = method, host, path, query, ip
}

// SetTime gives the time of the request, for `now`. Without it `now` is missing.
func (a *Attributes) SetTime(now time.Time) { a.now, a.hasNow = now.UnixNano(), true }

// AddHeader gives one field. It is to be called for every field in order, before the first rule is decided; fields that
// no attribute reads cost a few nanoseconds.
func (a *Attributes) AddHeader(name, value []byte) {
	if a.schema.fieldLens&lenBit(len(name)) != 0 {
		a.addField(name, value)
	}
}

func (a *Attributes) addField(name, value []byte) {
	if equalFold(name, cookieName) {
		if a.cookieCount == len(a.cookies) {
			a.readCookies()
		}
		a.cookies[a.cookieCount] = value
		a.cookieCount++
	}
	if source := a.schema.headers.find(name); source >= 0 {
		a.offer(source, value)
	}
}

const cookieName = "cookie"

// Value gives the value of an attribute as text, by its place in [Schema.Names], nil if it is missing. The bytes are
// borrowed until the next Reset.
func (a *Attributes) Value(attr int) []byte {
	if !a.read(attr) {
		return nil
	}
	return a.slots[attr].text
}

// read tells whether the attribute is present; its slot then holds the value.
func (a *Attributes) read(attr int) bool {
	if st := a.slots[attr].stamp; st >= a.gen {
		return st != a.gen
	}
	return a.resolve(attr)
}

// resolve finds the value of an attribute that was not asked for before.
func (a *Attributes) resolve(attr int) bool {
	v := &a.slots[attr]
	*v = slot{stamp: a.gen}
	switch attr {
	case attrMethod:
		v.text = a.method
	case attrPath:
		v.text = a.path
	case attrHost:
		v.text = a.lowerHost()
	case attrIP:
		v.text = a.printIP()
		v.high, v.num = halves(a.ip)
	case attrNow:
		v.num, v.text = orderInt(a.now), a.printNow()
	case attrTag, attrGrayVersion:
		v.text = a.firstSource(attr, a.schema.attrs[attr].from)
	default:
		a.resolveDeclared(attr, v)
		return v.stamp != a.gen
	}
	if a.schema.attrs[attr].typ == String {
		v.num = textKey(v.text)
	}
	if len(v.text) > 0 {
		v.stamp |= 1
	}
	return v.stamp != a.gen
}

// resolveDeclared finds the text of a declared attribute, shapes it and reads it as its type; failing that, the default.
func (a *Attributes) resolveDeclared(attr int, v *slot) {
	at := &a.schema.attrs[attr]
	v.text = a.firstSource(attr, at.from)
	if at.capture != nil && len(v.text) > 0 {
		v.text = at.capture.find(&a.search, v.text)
	}
	if at.lower && !isLower(v.text) {
		start := len(a.scratch)
		a.scratch = appendLower(a.scratch, v.text)
		v.text = a.scratch[start:]
	}
	if len(v.text) == 0 || !v.parse(at.typ) {
		if at.def.text == nil {
			return
		}
		*v = at.def
	}
	v.stamp = a.gen | 1
}

// firstSource gives the first value of an attribute's sources, or of some of them, that is not empty. Cookies, query, path,
// address and User-Agent are read when the first source of their kind is reached, not before.
func (a *Attributes) firstSource(attr int, from []uint16) []byte {
	at := &a.schema.attrs[attr]
	for _, n := range from {
		switch src := &a.schema.sources[n]; src.kind {
		case FromCookie:
			a.readCookies()
			if at.signed != nil {
				if v := a.signer.open(attr, at.signed, src.text, a.sources[n]); len(v) > 0 {
					return v
				}
				continue
			}
		case FromQuery:
			a.readQuery()
		case FromSegment:
			if a.sources[n] == nil {
				a.offer(int(n), a.segment(src.number))
			}
		case FromIP:
			if a.sources[n] == nil {
				a.offer(int(n), a.printIP())
			}
		case FromConst:
			return src.text
		case FromGeo:
			if a.sources[n] == nil {
				a.offer(int(n), a.placeField(src.number))
			}
		case FromAgent:
			if a.sources[n] == nil {
				a.offer(int(n), a.agentField(src.number))
			}
		}
		if v := a.sources[n]; len(v) > 0 {
			return v
		}
	}
	return nil
}

// segment gives the n-th piece of the path between slashes, percent-decoded; n counts from 1.
func (a *Attributes) segment(n int) []byte {
	path := a.path
	if len(path) == 0 || path[0] != '/' {
		return nil // "*", say
	}
	for ; n > 0; n-- {
		i := bytes.IndexByte(path, '/')
		if i < 0 {
			return nil
		}
		path = path[i+1:]
	}
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		path = path[:i]
	}
	return a.decode(path, false)
}

// offer takes a value for a source unless one was there before.
func (a *Attributes) offer(source int, value []byte) {
	if a.sources[source] != nil {
		return
	}
	if len(value) == 0 {
		value = seenEmpty
	}
	a.sources[source] = value
}

// lowerHost gives the host without its port, in lower case (RFC 9110 section 4.2.3). The brackets of an IPv6 address stay.
func (a *Attributes) lowerHost() []byte {
	h := stripPort(a.host)
	for i, c := range h {
		if 'A' <= c && c <= 'Z' {
			start := len(a.scratch)
			a.scratch = append(a.scratch, h...)
			for j := start + i; j < len(a.scratch); j++ {
				a.scratch[j] = lower(a.scratch[j])
			}
			return a.scratch[start:]
		}
	}
	return h
}

// printIP gives the client's address as text, an IPv4 address always in dotted form and without a zone.
func (a *Attributes) printIP() []byte {
	if !a.ip.IsValid() {
		return nil
	}
	start := len(a.scratch)
	a.scratch = a.ip.Unmap().WithZone("").AppendTo(a.scratch)
	return a.scratch[start:]
}

// printNow gives the time as text (RFC 3339), in UTC.
func (a *Attributes) printNow() []byte {
	if !a.hasNow {
		return nil
	}
	start := len(a.scratch)
	a.scratch = time.Unix(0, a.now).UTC().AppendFormat(a.scratch, time.RFC3339Nano)
	return a.scratch[start:]
}

// stripPort cuts ":port" from an authority. In an IPv6 address only a colon after the bracket parts them.
func stripPort(host []byte) []byte {
	i := bytes.LastIndexByte(host, ':')
	if i < 0 || bytes.IndexByte(host[i:], ']') >= 0 {
		return host
	}
	return host[:i]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// resize gives a slice of n elements, s itself where it is large enough.
func resize[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}
