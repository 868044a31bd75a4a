package match

import (
	"slices"
	"strings"
)

// Schema is the set of attributes that rules may ask for. Seven are always there: tag (header X-Gray-Tag), gray_version
// (cookie gray_version), method, host, path, ip and now. It is immutable and safe for concurrent use.
type Schema struct {
	attrs  []attribute // by attribute number; the built-in ones first
	byName map[string]int
	names  []string

	lookups Lookups

	// Attributes that read the same header, cookie or parameter share one source, so that a field is looked up once.
	sources []source
	headers nameTable
	cookies nameTable
	queries nameTable

	userAgent int    // the source that is the User-Agent field, -1 if nothing is read from it
	fieldLens uint64 // lenBit of every field name that is of interest, "cookie" included
	searchLen int    // instructions of the longest capture
}

// source is a place that values are read from, as the schema keeps it.
type source struct {
	kind   SourceKind
	number int    // FromSegment: of the segment; FromGeo and FromAgent: in placeFields and agentFields
	text   []byte // FromConst: the value; FromCookie: the name and "=", which a signature is over
}

// SchemaError is one mistake in the attributes given to [NewSchema].
type SchemaError struct {
	Attribute int    // index into the attributes
	Source    int    // index into From, -1 if the mistake is not in one source
	Part      string // "name", "type", "from", "capture", "lower", "default" or "signed"
	What, Fix string
}

// Error gives what is wrong and how to mend it on one line.
func (e SchemaError) Error() string { return e.What + "; " + e.Fix }

// SchemaErrors are all mistakes of one call, in the order of the attributes.
type SchemaErrors []SchemaError

// Error gives one mistake a line.
func (es SchemaErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Numbers of the built-in attributes.
const (
	attrTag = iota
	attrGrayVersion
	attrMethod
	attrHost
	attrPath
	attrIP
	attrNow
)

// builtinNames are in the order of the numbers.
var builtinNames = []string{"tag", "gray_version", "method", "host", "path", "ip", "now"}

// Builtins gives the names of the attributes that every schema has.
func Builtins() []string { return slices.Clone(builtinNames) }

// attribute is an attribute as the schema keeps it. from is empty for those that come from the request line or the
// connection, not from a field.
type attribute struct {
	name    string
	typ     Type
	from    []uint16 // sources, in order
	signed  []byte   // the key of its cookies; nil if they are not signed
	capture *capture // nil if none
	lower   bool
	def     slot // its text is nil if there is no default
}

// NewSchema makes a schema of the built-in attributes and attrs. Conditions compiled for it may name the audiences of
// lookups; what lookups holds is kept, attrs is not. The error, if any, is a [SchemaErrors] that holds every mistake.
func NewSchema(attrs []Attribute, lookups Lookups) (*Schema, error) {
	s := &Schema{byName: make(map[string]int), lookups: lookups, userAgent: -1}
	s.headers.fold = true
	known := make(map[Source]uint16)
	for _, name := range builtinNames {
		s.declare(Attribute{Name: name}, known)
	}
	s.attrs[attrIP].typ, s.attrs[attrNow].typ = IP, instant
	s.attrs[attrTag].from = []uint16{s.source(Source{FromHeader, "X-Gray-Tag"}, known)}
	s.attrs[attrGrayVersion].from = []uint16{s.source(Source{FromCookie, "gray_version"}, known)}

	var errs SchemaErrors
	for i, a := range attrs {
		found := s.checkAttribute(i, a)
		errs = append(errs, found...)
		if len(found) == 0 {
			s.declare(a, known)
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	s.fieldLens = s.headers.lens | lenBit(len(cookieName))
	return s, nil
}

// Names gives the names of all attributes, the built-in ones first, then as declared. The caller owns the slice.
func (s *Schema) Names() []string { return slices.Clone(s.names) }

// TypeOf gives the type of an attribute by its place in [Schema.Names].
func (s *Schema) TypeOf(attr int) Type { return s.attrs[attr].typ }

// declare adds a checked attribute.
func (s *Schema) declare(a Attribute, known map[Source]uint16) {
	at := attribute{name: a.Name, typ: a.Type, lower: a.Lower, signed: slices.Clone(a.Signed)}
	for _, src := range a.From {
		at.from = append(at.from, s.source(src, known))
	}
	if a.Capture != "" {
		at.capture, _, _ = newCapture(a.Capture)
		s.searchLen = max(s.searchLen, len(at.capture.prog.Inst))
	}
	if a.Default != "" {
		at.def, _ = a.defaultSlot()
	}
	s.byName[a.Name] = len(s.attrs)
	s.names = append(s.names, a.Name)
	s.attrs = append(s.attrs, at)
}

// defaultSlot gives the default as a value. False: it is none of the attribute's type.
func (a *Attribute) defaultSlot() (v slot, ok bool) {
	v.text = []byte(a.Default)
	if a.Lower {
		v.text = appendLower(nil, v.text)
	}
	return v, v.parse(a.Type)
}

// source gives the number of a source, a new one for a source not seen before.
func (s *Schema) source(src Source, known map[Source]uint16) uint16 {
	if src.Kind == FromHeader {
		src.Name = strings.ToLower(src.Name)
	}
	if n, ok := known[src]; ok {
		return n
	}
	n := uint16(len(s.sources))
	known[src] = n
	at := source{kind: src.Kind}
	switch src.Kind {
	case FromHeader:
		s.headers.add(src.Name, n)
	case FromCookie:
		s.cookies.add(src.Name, n)
		at.text = []byte(src.Name + "=")
	case FromQuery:
		s.queries.add(src.Name, n)
	case FromSegment:
		at.number, _ = segmentNumber(src.Name)
	case FromConst:
		at.text = []byte(src.Name)
	case FromGeo:
		at.number = fieldNumber(placeFields, src.Name)
	case FromAgent:
		at.number = fieldNumber(agentFields, src.Name)
	}
	s.sources = append(s.sources, at)
	if src.Kind == FromAgent && s.userAgent < 0 {
		s.userAgent = int(s.source(Source{FromHeader, "User-Agent"}, known))
	}
	return n
}

// reserved are the words that cannot name an attribute: the condition language reads them otherwise, or `by:` does.
var reserved = map[string]bool{
	"true": true, "false": true, "nil": true, "not": true, "and": true, "or": true, "in": true, "matches": true,
	"contains": true, "startsWith": true, "endsWith": true, "let": true, "if": true, "else": true,
	"has": true, "hash": true, byRequest: true,
}

// validName tells whether a name can stand in a condition.
func validName(name string) bool {
	if name == "" || len(name) > 64 || isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '_' {
			return false
		}
	}
	return true
}

// isToken tells whether s is a token of RFC 9110 section 5.6.2: what names a field, and a cookie (RFC 6265 section 4.1.1).
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
