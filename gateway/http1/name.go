package http1

import "encoding/binary"

// ID is a field name that the gateway knows. Other is every other name.
type ID uint8

// The known names, in lower case in idNames. There may be at most 64: sets of them are kept in the bits of a uint64.
const (
	Other ID = iota
	// Routing, framing and the connection (RFC 9110 section 7, RFC 9112 section 6).
	Host
	Connection
	ContentLength
	TransferEncoding
	Expect
	Upgrade
	KeepAlive
	ProxyConnection
	TE
	Trailer
	HTTP2Settings
	MaxForwards
	Via
	// What the gateway reads or sets.
	Cookie
	SetCookie
	XGrayTag
	XGrayRule
	XExperiment
	XExperimentOverride
	XGraygateError
	XRequestID
	Traceparent
	Tracestate
	Baggage
	XForwardedFor
	XForwardedProto
	XForwardedHost
	XForwardedPort
	Forwarded
	XRealIP
	Date
	Location
	RetryAfter
	// What tells a navigation from the loading of a page's parts (Fetch Metadata, RFC 9110 section 12.5.1).
	SecFetchMode
	Accept
	// What is noted of a request, for people.
	UserAgent
	Referer
	// Authentication, and the name that CGI turns into HTTP_PROXY.
	Authorization
	WWWAuthenticate
	AuthenticationInfo
	ProxyAuthorization
	ProxyAuthenticate
	ProxyAuthenticationInfo
	Proxy
	// WebSocket (RFC 6455).
	SecWebSocketKey
	SecWebSocketAccept
	SecWebSocketVersion
	SecWebSocketProtocol
	SecWebSocketExtensions
	// Conditions, controls and content: not to be taken from trailers (RFC 9110 section 6.5.1).
	Age
	CacheControl
	ContentEncoding
	ContentRange
	ContentType
	Expires
	IfMatch
	IfModifiedSince
	IfNoneMatch
	IfRange
	IfUnmodifiedSince
	Pragma
	Range
	Vary

	idCount
)

var idNames = [idCount]string{
	Host: "host", Connection: "connection", ContentLength: "content-length", TransferEncoding: "transfer-encoding",
	Expect: "expect", Upgrade: "upgrade", KeepAlive: "keep-alive", ProxyConnection: "proxy-connection", TE: "te", Trailer: "trailer",
	HTTP2Settings: "http2-settings", MaxForwards: "max-forwards", Via: "via",
	Cookie: "cookie", SetCookie: "set-cookie", XGrayTag: "x-gray-tag", XGrayRule: "x-gray-rule",
	XExperiment: "x-experiment", XExperimentOverride: "x-experiment-override", XGraygateError: "x-graygate-error", XRequestID: "x-request-id", Traceparent: "traceparent", Tracestate: "tracestate", Baggage: "baggage",
	XForwardedFor: "x-forwarded-for", XForwardedProto: "x-forwarded-proto", XForwardedHost: "x-forwarded-host",
	XForwardedPort: "x-forwarded-port", Forwarded: "forwarded", XRealIP: "x-real-ip",
	Date: "date", Location: "location", RetryAfter: "retry-after",
	SecFetchMode: "sec-fetch-mode", Accept: "accept", UserAgent: "user-agent", Referer: "referer",
	Authorization: "authorization", WWWAuthenticate: "www-authenticate", AuthenticationInfo: "authentication-info",
	ProxyAuthorization: "proxy-authorization", ProxyAuthenticate: "proxy-authenticate",
	ProxyAuthenticationInfo: "proxy-authentication-info", Proxy: "proxy",
	SecWebSocketKey: "sec-websocket-key", SecWebSocketAccept: "sec-websocket-accept", SecWebSocketVersion: "sec-websocket-version",
	SecWebSocketProtocol: "sec-websocket-protocol", SecWebSocketExtensions: "sec-websocket-extensions",
	Age: "age", CacheControl: "cache-control", ContentEncoding: "content-encoding", ContentRange: "content-range",
	ContentType: "content-type", Expires: "expires", IfMatch: "if-match", IfModifiedSince: "if-modified-since",
	IfNoneMatch: "if-none-match", IfRange: "if-range", IfUnmodifiedSince: "if-unmodified-since", Pragma: "pragma", Range: "range",
	Vary: "vary",
}

// String gives the name in lower case, "" for Other.
func (id ID) String() string {
	if id < idCount {
		return idNames[id]
	}
	return ""
}

// idSet is a set of IDs, a bit each.
type idSet uint64

func setOf(ids ...ID) (s idSet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

func (s idSet) has(id ID) bool { return s>>id&1 != 0 }

// idMultiplier makes idHash free of collisions, found by trying random odd numbers. newIDTable panics if a new name breaks that: then
// try again, or, if two names agree in all that is hashed, hash something else of them.
const idMultiplier = 0xb71fc4d9

// idHash gives a slot of idTable for a name of at least one byte. The first and last byte, the one at three quarters and the
// length tell all known names apart. OR 0x20 folds letters and leaves digits and '-' alone.
func idHash(name []byte) uint8 {
	n := len(name)
	key := uint32(name[0]|0x20) | uint32(name[n*3>>2]|0x20)<<8 | uint32(name[n-1]|0x20)<<16 | uint32(n)<<24
	return uint8(key * idMultiplier >> 24)
}

// longestName is the most bytes that a known name may have.
const longestName = 32

type idSlot struct {
	name [longestName]byte // zeros behind it
	size uint8
	id   ID
}

var idTable = newIDTable()

func newIDTable() (t [256]idSlot) {
	for id := Other + 1; id < idCount; id++ {
		name := idNames[id]
		slot := &t[idHash([]byte(name))]
		if slot.id != Other || len(name) > longestName {
			panic("BUG: known field names collide or are too long: " + name)
		}
		slot.id, slot.size = id, uint8(copy(slot.name[:], name))
	}
	return t
}

// lookUpID gives the ID of a field name of at least one byte, which may be any bytes.
func lookUpID(name []byte) ID {
	slot := &idTable[idHash(name)]
	if int(slot.size) != len(name) || !equalKnown(name, &slot.name) {
		return Other
	}
	return slot.id
}

// equalKnown reports whether b, which is as long as known, is known, letters A to Z counting as a to z. known is made of lower-case
// letters, digits and '-', of which only letters have bit 0x40. So b may differ in bit 0x20 where known has 0x40, and nowhere else: that is
// exact for any b, and takes eight bytes at once. The last word overlaps those before.
func equalKnown(b []byte, known *[longestName]byte) bool {
	if len(b) < 8 {
		for i, c := range b {
			if k := known[i]; (c^k)&^(k>>1&0x20) != 0 {
				return false
			}
		}
		return true
	}
	last := len(b) - 8
	for i := 0; i < last; i += 8 {
		if k := binary.LittleEndian.Uint64(known[i:]); (binary.LittleEndian.Uint64(b[i:])^k)&^(k>>1&cases) != 0 {
			return false
		}
	}
	k := binary.LittleEndian.Uint64(known[last:])
	return (binary.LittleEndian.Uint64(b[last:])^k)&^(k>>1&cases) == 0
}
