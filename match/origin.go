package match

// Origin says where the value of an attribute comes from, or why it has none.
type Origin struct {
	Source  int    // the place in [Attribute.From] of the source that gave Text, -1 if none did or the attribute is built in
	Text    []byte // as the source gave it, before Capture and Lower; borrowed until the next Reset
	Default bool   // the value is the attribute's default
	Fault   Fault
}

// Fault is what keeps a text from being the value of its attribute.
type Fault string

// The faults.
const (
	NoFault      Fault = ""
	BadSignature Fault = "bad_signature" // a cookie that had to be signed is not, or not with the key
	NoCapture    Fault = "no_capture"    // the capture does not match it
	NotOfType    Fault = "not_of_type"   // it is none of the attribute's type
)

// Origin tells where the value of an attribute comes from, by its place in [Schema.Names]. It is for people: a request is
// decided without it.
func (a *Attributes) Origin(attr int) Origin {
	at := &a.schema.attrs[attr]
	out := Origin{Source: -1}
	for i, n := range at.from {
		if text := a.firstSource(attr, at.from[i:i+1]); len(text) > 0 {
			out.Source, out.Text = i, text
			break
		}
		if at.signed != nil && a.schema.sources[n].kind == FromCookie && len(a.sources[n]) > 0 {
			out.Fault = BadSignature
		}
	}
	present := a.read(attr)
	out.Default = present && at.def.text != nil && &a.slots[attr].text[0] == &at.def.text[0]
	switch {
	case out.Source < 0:
	case present && !out.Default:
		out.Fault = NoFault
	case at.capture != nil && len(at.capture.find(&a.search, out.Text)) == 0:
		out.Fault = NoCapture
	default:
		out.Fault = NotOfType
	}
	return out
}
