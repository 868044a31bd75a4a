package http1

// trailer collects and parses the trailer section of a chunked body (RFC 9112 section 7.1.2). Its capacity is used again.
type trailer struct {
	text []byte // the section so far, at most maxTrailerBytes
	scan Scanner
	set  fieldSet
	// What omit was given: the known names, the others with a comma behind each, and how many those are. If they are more than
	// maxConnectionNames, no trailer is kept: none must get through because there were too many to remember.
	omittedIDs   idSet
	omitted      []byte
	omittedCount int
}

func (t *trailer) reset() {
	t.text = t.text[:0]
	t.scan = Scanner{begun: true} // the first empty line ends the section
	t.set.fields = t.set.fields[:0]
	t.omittedIDs, t.omitted, t.omittedCount = 0, t.omitted[:0], 0
}

// trailerForbidden are the fields that are not taken from trailers. A recipient that merged them into the head would change its
// mind about something that it has already acted on; one of them smuggled past the gateway's own values would be believed.
var trailerForbidden = hopByHop | neverHop | setOf(Expect, Trailer, MaxForwards, Via,
	Cookie, SetCookie, XGrayTag, XGrayRule, XExperiment, XExperimentOverride, XGraygateError, XRequestID, Traceparent, Tracestate, Baggage,
	XForwardedFor, XForwardedProto, XForwardedHost, XForwardedPort, Forwarded, XRealIP, Date, Location, RetryAfter,
	SecFetchMode, Accept, UserAgent, Referer, Authorization, WWWAuthenticate, AuthenticationInfo,
	SecWebSocketKey, SecWebSocketAccept, SecWebSocketVersion, SecWebSocketProtocol, SecWebSocketExtensions,
	Age, CacheControl, ContentEncoding, ContentRange, ContentType, Expires,
	IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, Pragma, Range, Vary)

// take takes the section's bytes from the start of in and gives how many of them belong to it. done: the section is whole and parsed.
func (t *trailer) take(in []byte) (used int, done bool, err *Error) {
	had := len(t.text)
	in = in[:min(len(in), maxTrailerBytes-had)]
	t.text = append(t.text, in...)
	end, err := t.scan.Scan(t.text, Limits{HeadBytes: maxTrailerBytes})
	switch {
	case err == TooLong:
		return len(in), false, TrailersTooLong
	case err != nil:
		wrong := t.scan.pos
		if err == BareCR {
			wrong++ // pos is at the CR, which may have been used in an earlier call; it is the byte behind it that is wrong
		}
		return wrong - had, false, err
	case end == 0:
		return len(in), false, nil
	}
	t.text = t.text[:end]
	if err := t.parse(); err != nil {
		return end - had, false, err
	}
	return end - had, true, nil
}

// parse parses the whole section and drops the fields that must not be forwarded.
func (t *trailer) parse() *Error {
	err := t.set.parse(t.text, 0, maxTrailerFields)
	if err == TooManyFields {
		return TooManyTrailers
	}
	if err != nil {
		return err
	}
	kept := t.set.fields[:0]
	for _, f := range t.set.fields {
		if !f.Hop && !trailerForbidden.has(f.ID) && !t.isOmitted(&f) {
			kept = append(kept, f)
		}
	}
	t.set.fields = kept
	return nil
}

func (t *trailer) omit(list []byte) {
	for len(list) > 0 {
		var name []byte
		name, list = cutElement(list)
		if !allToken(name) {
			continue
		}
		if id := lookUpID(name); id != Other {
			t.omittedIDs |= 1 << id
			continue
		}
		var o options
		if o.take(name) {
			continue
		}
		if t.omittedCount++; t.omittedCount <= maxConnectionNames {
			t.omitted = append(append(t.omitted, name...), ',')
		}
	}
}

func (t *trailer) isOmitted(f *Field) bool {
	if t.omittedCount > maxConnectionNames || t.omittedIDs.has(f.ID) {
		return true
	}
	for list := t.omitted; len(list) > 0; {
		var name []byte
		name, list = cutElement(list)
		if sameFold(name, f.Name) {
			return true
		}
	}
	return false
}
