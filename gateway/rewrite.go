package gateway

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/telemetry/w3c"
)

// Heads are written anew, field by field, from what the parser understood (nothing is passed through).

const (
	tagGray   = "X-Gray-Tag: gray\r\n"
	tagStable = "X-Gray-Tag: stable\r\n"
)

// origin is what the gateway says about where a request came from.
type origin struct {
	peer    string   // the peer's address as text
	trusted bool     // the peer is one of trusted_proxies: what it says in forwarding fields is kept
	id      [32]byte // X-Request-Id, unless one is believed
	trace   [16]byte // the same, for a trace that begins here
	span    [8]byte
	context *w3c.Headers // what the request says of its trace; borrowed from the loop
}

// believe takes over what a trusted proxy says: the first value that is not empty.
func (o *origin) believe(kept *[]byte, said []byte) {
	if o.trusted && *kept == nil && len(said) > 0 {
		*kept = said
	}
}

// appendRequestHead writes the head that goes upstream to ex.out.
func (ex *exchange) appendRequestHead(r *http1.Request, o *origin, decision *config.Decision) {
	b := append(ex.out[:0], r.MethodText...)
	b = append(b, ' ')
	b = append(b, r.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	if r.Host != nil {
		b = append(b, r.Host...)
	} else {
		b = append(b, ex.pool.Name...) // HTTP/1.0 without Host; 1.1 must have one
	}
	b = append(b, "\r\n"...)
	ex.tagAt = len(b)
	if ex.gray && !ex.fallback {
		b = append(b, tagGray...)
	} else {
		b = append(b, tagStable...)
	}
	if ex.rule != "" {
		b = http1.AppendField(b, "X-Gray-Rule", unsafeBytes(ex.rule))
	}
	if len(decision.Assignments) > 0 {
		b = append(b, "X-Experiment: "...)
		b = appendAssignments(b, decision)
		b = append(b, "\r\n"...)
		b = decision.AppendFields(b)
	}
	owned := &ex.snap.Owned
	var requestID, proto, host []byte
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Hop || owned.Has(f.Name) {
			continue
		}
		switch f.ID {
		case http1.Host, http1.ContentLength, http1.TransferEncoding, http1.XGrayTag, http1.XGrayRule, http1.XExperiment,
			http1.XExperimentOverride, http1.Upgrade, http1.Connection:
			continue
		case http1.Expect:
			if !r.ExpectContinue {
				continue
			}
		case http1.XForwardedFor:
			continue // see below
		case http1.XRequestID:
			if len(f.Value) <= requestIDMax {
				o.believe(&requestID, f.Value)
			}
			continue
		case http1.Traceparent, http1.Tracestate, http1.Baggage:
			continue // see follow
		case http1.XForwardedProto:
			o.believe(&proto, f.Value)
			continue
		case http1.XForwardedHost:
			o.believe(&host, f.Value)
			continue
		case http1.Forwarded, http1.XRealIP, http1.XForwardedPort:
			if !o.trusted {
				continue
			}
		}
		b = http1.AppendFieldBytes(b, f.Name, f.Value)
	}
	b = append(b, "X-Forwarded-For: "...)
	if o.trusted { // one line, of all that came, in order: many servers read only the first
		for i := range r.Fields {
			if f := &r.Fields[i]; f.ID == http1.XForwardedFor && len(f.Value) > 0 {
				b = append(b, f.Value...)
				b = append(b, ", "...)
			}
		}
	}
	b = append(b, o.peer...)
	if proto == nil {
		b = append(b, "\r\nX-Forwarded-Proto: http\r\n"...)
	} else {
		b = append(b, "\r\n"...)
		b = http1.AppendField(b, "X-Forwarded-Proto", proto)
	}
	if host == nil {
		host = r.Host
	}
	if host != nil {
		b = http1.AppendField(b, "X-Forwarded-Host", host)
	}
	if requestID == nil {
		requestID = o.id[:]
	}
	b = http1.AppendField(b, "X-Request-Id", requestID)
	if n := &ex.notes; len(n.text) > 0 { // described: they are wanted
		n.add(ofRequestID, requestID)
		from := len(n.text)
		n.text = appendAssignments(n.text, decision)
		n.mark(ofExperiments, from)
	}
	b = ex.appendContext(b, o.context)
	switch ex.bodyFrame {
	case http1.ByLength:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, ex.bodyLength, 10)
		b = append(b, "\r\n"...)
	case http1.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if ex.upgrade {
		b = append(b, "Connection: upgrade\r\n"...)
		b = http1.AppendField(b, "Upgrade", r.Upgrade)
	}
	ex.out = append(b, "\r\n"...)
}

// appendAssignments writes the assignments as X-Experiment has them: search_v2=B, color=red.
func appendAssignments(b []byte, decision *config.Decision) []byte {
	for i, assignment := range decision.Assignments {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, decision.Tree.Effect(assignment).Text...)
	}
	return b
}

// retag corrects X-Gray-Tag in the head that is already written: the request was assigned to one pool and is served by
// another, and the upstream is to know what it is.
func (ex *exchange) retag() {
	if !ex.whole {
		return
	}
	old, now := tagGray, tagStable
	if ex.pool != ex.route.Stable {
		old, now = tagStable, tagGray
	}
	if !bytes.HasPrefix(ex.out[ex.tagAt:], []byte(old)) {
		return
	}
	ex.out = slices.Replace(ex.out, ex.tagAt, ex.tagAt+len(old), unsafeBytes(now)...)
}

// appendAnswerHead writes the head of the final answer.
func (ex *exchange) appendAnswerHead(b []byte, resp *http1.Response) []byte {
	b = appendStatus(b, resp)
	personal := len(ex.cookies) > 0
	b = appendEndToEnd(b, resp, personal)
	if personal {
		b = ex.appendCookies(b, resp)
	}
	switch ex.answerFrame {
	case http1.ByLength:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, resp.Length, 10)
		b = append(b, "\r\n"...)
	case http1.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case http1.NoBody:
		if resp.Length >= 0 && resp.Status != 204 { // HEAD and 304 announce what a GET would have had
			b = append(b, "Content-Length: "...)
			b = strconv.AppendInt(b, resp.Length, 10)
			b = append(b, "\r\n"...)
		}
	}
	switch {
	case ex.closeDown:
		b = append(b, "Connection: close\r\n"...)
	case ex.minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendInterimHead writes a 1xx head.
func appendInterimHead(b []byte, resp *http1.Response) []byte {
	return append(appendEndToEnd(appendStatus(b, resp), resp, false), "\r\n"...)
}

// appendSwitchHead writes a 101: here the hop-by-hop fields are the message.
func appendSwitchHead(b []byte, resp *http1.Response) []byte {
	b = appendEndToEnd(appendStatus(b, resp), resp, false)
	b = append(b, "Connection: upgrade\r\n"...)
	b = http1.AppendField(b, "Upgrade", resp.Upgrade)
	return append(b, "\r\n"...)
}

func appendStatus(b []byte, resp *http1.Response) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(resp.Status), 10)
	b = append(b, ' ')
	b = append(b, resp.Reason...)
	return append(b, "\r\n"...)
}

// appendEndToEnd writes the fields that are meant for the client: all but the hop-by-hop ones and the framing, and, of an
// answer that is personal, those for caches (see appendCookies).
func appendEndToEnd(b []byte, resp *http1.Response, personal bool) []byte {
	for i := range resp.Fields {
		f := &resp.Fields[i]
		if f.Hop || personal && (f.ID == http1.CacheControl || forSharedField(f)) {
			continue
		}
		switch f.ID {
		case http1.ContentLength, http1.TransferEncoding, http1.Connection, http1.Upgrade, http1.XGraygateError:
			continue
		}
		b = http1.AppendFieldBytes(b, f.Name, f.Value)
	}
	return b
}

// omitNamed leaves out of a body's trailers what the head's Connection fields name.
func omitNamed(body *http1.Body, fields []http1.Field) {
	for i := range fields {
		if fields[i].ID == http1.Connection {
			body.Omit(fields[i].Value)
		}
	}
}

// clientAddress is the address that a request is attributed to: the peer's, or, if that is a trusted proxy, the last
// one in X-Forwarded-For that is not (RFC 7239 7.4 has the reasoning). An entry that is no address ends the search.
func clientAddress(peer netip.Addr, r *http1.Request, snap *config.Snapshot) netip.Addr {
	address := peer
	for i := len(r.Fields) - 1; i >= 0; i-- {
		if r.Fields[i].ID != http1.XForwardedFor {
			continue
		}
		list := r.Fields[i].Value
		for len(list) > 0 {
			if !trusts(snap, address) {
				return address
			}
			entry := list
			if comma := bytes.LastIndexByte(list, ','); comma >= 0 {
				entry, list = list[comma+1:], list[:comma]
			} else {
				list = nil
			}
			if entry = bytes.TrimSpace(entry); len(entry) == 0 {
				continue // RFC 9110 5.6.1.2: an empty element is none
			}
			next, err := netip.ParseAddr(unsafeString(entry))
			if err != nil {
				return address
			}
			address = next.Unmap()
		}
	}
	return address
}

// trusts reports whether what address says about others is believed.
func trusts(snap *config.Snapshot, address netip.Addr) bool {
	for _, p := range snap.Plan.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

const hexDigits = "0123456789abcdef"

// identify draws the ids of a request: 128 random bits, which are its X-Request-Id and the id of a trace that begins here, so that
// one leads to the other, and 64 for the span. From a ChaCha8 stream of the loop's own.
func (l *loop) identify(o *origin) {
	high, low := l.random.Uint64()|1, l.random.Uint64() // ids of zeros alone are invalid (W3C Trace Context 3.2.2)
	hex64(o.id[:16], high)
	hex64(o.id[16:], low)
	binary.BigEndian.PutUint64(o.trace[:8], high)
	binary.BigEndian.PutUint64(o.trace[8:], low)
	binary.BigEndian.PutUint64(o.span[:], l.random.Uint64()|1)
}

func hex64(dst []byte, v uint64) {
	for i := range 16 {
		dst[i] = hexDigits[v>>60]
		v <<= 4
	}
}
