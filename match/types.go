package match

// Type says how an attribute's values are read and compared. A text that is none of its type counts as missing.
type Type uint8

// The types of attributes.
const (
	String  Type = iota // byte for byte
	Version             // as versions: 17 = 17.0, 17.10 > 17.9
	Int                 // decimal digits with an optional sign, 64 bits: 42, -7
	Float               // a decimal number, with an exponent if need be: 3.5, -1e9
	Bool                // true or 1, false or 0, in any case
	IP                  // an IPv4 or IPv6 address; ::ffff:192.0.2.1 is 192.0.2.1, a zone does not count
	List                // texts between commas; blanks round them, and empty ones, do not count

	instant // a point in time: the type of `now`, which nothing else can have
)

var typeNames = [...]string{"string", "version", "int", "float", "bool", "ip", "list", "time"}

// Types gives the types that an attribute can be declared with.
func Types() []Type { return []Type{String, Version, Int, Float, Bool, IP, List} }

// String gives the type as written in the config.
func (t Type) String() string { return typeNames[t] }

// article gives the type for a sentence: "a string", "an int".
func (t Type) article() string {
	if t == Int || t == IP {
		return "an " + t.String()
	}
	return "a " + t.String()
}

// ordered tells whether < and its like have a meaning for the type.
func (t Type) ordered() bool { return t == Version || t == Int || t == Float || t == instant }

// SourceKind is a part of the request that a value is read from.
type SourceKind uint8

// The kinds of sources.
const (
	FromHeader  SourceKind = iota // field names compare without case
	FromCookie                    // exact name
	FromQuery                     // exact name, after percent-decoding
	FromSegment                   // a segment of the path by its number from 1, percent-decoded: of /a/b, 2 is b
	FromIP                        // the client's address as text; without a name
	FromConst                     // always there: the name is the value
	FromGeo                       // where the client's address is: country, province, city, isp or asn, see [Place]
	FromAgent                     // what the User-Agent says: os, os_version, browser, browser_version or device, see [Agent]
)

var sourceNames = [...]string{"header", "cookie", "query", "path segment", "ip", "const", "geo", "ua"}

// SourceKinds gives all kinds.
func SourceKinds() []SourceKind {
	return []SourceKind{FromHeader, FromCookie, FromQuery, FromSegment, FromIP, FromConst, FromGeo, FromAgent}
}

// String gives the kind as written in the config.
func (k SourceKind) String() string { return sourceNames[k] }

// Separator gives what stands between kind and name in the config: `header X-OS`, but `geo.country`; "" for a kind that
// has no name.
func (k SourceKind) Separator() string {
	switch k {
	case FromIP:
		return ""
	case FromGeo, FromAgent:
		return "."
	}
	return " "
}

// Source is one place that an attribute's value may come from.
type Source struct {
	Kind SourceKind
	Name string // "" for FromIP
}

// String gives the source as written in the config.
func (s Source) String() string {
	if s.Name == "" {
		return s.Kind.String()
	}
	return s.Kind.String() + s.Kind.Separator() + s.Name
}

// Attribute is a declared attribute: the first of its sources that is present and not empty gives the text. Where a
// header, cookie or parameter is repeated, its first occurrence counts. The text then goes through Capture and Lower, and
// is read as Type says; where that leaves nothing, Default takes its place.
type Attribute struct {
	Name    string
	Type    Type
	From    []Source
	Capture string // a regular expression (RE2); the value is what its one group holds, or all of its first match; "" is off
	Lower   bool   // upper-case letters become lower-case ones
	Default string // "" is none

	// Signed is the key that values of cookie sources are signed with, see [SignCookie]; nil is off. The value is then what
	// was signed, and a cookie without its signature, or with another one, counts as missing. Other sources are not signed.
	Signed []byte
}
