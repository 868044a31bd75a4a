package w3c

// Headers gathers the three fields of one request, in the order in which they come: a scratch object, to be used again after
// [Headers.Reset]. The zero value is ready. It holds views into the fields' values, so it is borrowed as long as they are. Not
// for concurrent use.
type Headers struct {
	Baggage Baggage

	parent  Traceparent
	state   Tracestate
	parents int // traceparent fields that came
	valid   bool
}

// Reset empties it.
func (h *Headers) Reset() {
	h.Baggage.Reset()
	h.state.Reset()
	h.parent, h.parents, h.valid = Traceparent{}, 0, false
}

// AddTraceparent takes a traceparent field.
func (h *Headers) AddTraceparent(value []byte) {
	h.parents++
	h.parent, h.valid = ParseTraceparent(value)
}

// AddTracestate takes a line of the tracestate.
func (h *Headers) AddTracestate(line []byte) { h.state.Add(line) }

// Parent gives the traceparent; false if there is none, if it is invalid, or if there are several, of which none can be
// believed: then a trace begins here.
func (h *Headers) Parent() (Traceparent, bool) {
	if h.parents != 1 || !h.valid {
		return Traceparent{}, false
	}
	return h.parent, true
}

// AppendTracestate writes the tracestate as [Tracestate.Append] does; nothing without a valid traceparent, to which it belongs
// (Trace Context, Processing Model).
func (h *Headers) AppendTracestate(dst []byte) []byte {
	if _, ok := h.Parent(); !ok {
		return dst
	}
	return h.state.Append(dst)
}
