package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What is forwarded is read by net/http, a parser that shares no line with this one. It must find exactly one message, the same one.

// message is a whole message, copied out of its buffers.
type message struct {
	request  Request
	response Response
	body     string
	trailers []Field
	used     int
}

// decodeMessage decodes in as one message, nil if it is not a whole one.
func decodeMessage(in []byte, asResponse bool, method Method) *message {
	var s Scanner
	var m message
	n, err := s.Scan(in, Limits{})
	if n == 0 || err != nil {
		return nil
	}
	framing, length := NoBody, int64(0)
	if asResponse {
		err = ParseResponse(in[:n], method, &m.response, Limits{})
		framing, length = m.response.Framing, m.response.Length
	} else {
		err = ParseRequest(in[:n], &m.request, Limits{})
		framing, length = m.request.Framing, m.request.Length
	}
	if err != nil {
		return nil
	}
	m.used = n
	var b Body
	b.Reset(framing, length)
	for !b.Done() {
		data, used, err := b.Next(in[m.used:])
		m.body += string(data)
		m.used += used
		if err != nil || used == 0 && b.EOF() != nil {
			return nil
		}
	}
	m.trailers = slices.Clone(b.Trailers())
	return &m
}

// forwardRequest writes a request as a gateway would: origin-form, its own framing, no field that ends here.
func forwardRequest(m *message) []byte {
	r := &m.request
	w := fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", r.MethodText, r.Target)
	w = AppendField(w, "Host", r.Host)
	if r.Upgrade != nil {
		w = AppendField(w, "Connection", []byte("upgrade"))
		w = AppendField(w, "Upgrade", r.Upgrade)
	}
	return forwardRest(w, r.Fields, r.Framing, r.Length, m)
}

func forwardResponse(m *message) []byte {
	r := &m.response
	w := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", r.Status, r.Reason)
	return forwardRest(w, r.Fields, r.Framing, r.Length, m)
}

func forwardRest(w []byte, fields []Field, framing Framing, length int64, m *message) []byte {
	for _, f := range fields {
		if !f.Hop && f.ID != Host && f.ID != ContentLength {
			w = AppendFieldBytes(w, f.Name, f.Value)
		}
	}
	switch framing {
	case ByLength:
		w = AppendField(w, "Content-Length", strconv.AppendInt(nil, length, 10))
	case Chunked:
		w = AppendField(w, "Transfer-Encoding", []byte("chunked"))
	}
	w = append(w, "\r\n"...)
	if framing != Chunked {
		return append(w, m.body...)
	}
	half := len(m.body) / 2
	w = AppendChunk(AppendChunk(w, []byte(m.body[:half])), []byte(m.body[half:]))
	return AppendLastChunk(w, m.trailers)
}

// headerOf gives the forwarded fields as net/http keeps them.
func headerOf(fields []Field, trailers bool) http.Header {
	h := http.Header{}
	for _, f := range fields {
		if trailers || !f.Hop && f.ID != Host && f.ID != ContentLength {
			key := textproto.CanonicalMIMEHeaderKey(string(f.Name))
			h[key] = append(h[key], string(f.Value))
		}
	}
	return h
}

// dumpHeader prints a header with its keys sorted, without what net/http takes out, adds (Cache-Control for Pragma) or frames with.
func dumpHeader(h http.Header) string {
	var lines []string
	for key, values := range h {
		switch key {
		case "Content-Length", "Connection", "Upgrade", "Trailer":
			continue
		case "Cache-Control":
			if h["Pragma"] != nil {
				continue
			}
		}
		lines = append(lines, fmt.Sprintf("%s: %q", key, values))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// badTrailerField reports whether Trailer announces what net/http refuses the whole message for.
func badTrailerField(fields []Field, framing Framing) bool {
	if framing != Chunked {
		return false
	}
	for _, f := range fields {
		if f.ID == Trailer && !f.Hop && (HasToken(f.Value, "content-length") || HasToken(f.Value, "transfer-encoding") || HasToken(f.Value, "trailer")) {
			return true
		}
	}
	return false
}

// checkRequestAgainstNetHTTP forwards in, if it is a whole acceptable request, and compares what net/http reads. It reports whether it did.
func checkRequestAgainstNetHTTP(t testing.TB, in []byte) bool {
	t.Helper()
	m := decodeMessage(in, false, MethodOther)
	if m == nil || badTrailerField(m.request.Fields, m.request.Framing) {
		return false
	}
	wire := forwardRequest(m)
	reader := bufio.NewReader(bytes.NewReader(wire))
	req, err := http.ReadRequest(reader)
	if err != nil {
		t.Fatalf("input %q forwarded as %q: net/http says %v", in, wire, err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatalf("input %q forwarded as %q: net/http says of the body: %v", in, wire, err)
	}
	print := func(method, target, host, header, body, trailers string) string {
		return fmt.Sprintf("%s %s\nhost %q\n%s\nbody %q\ntrailers %s", method, target, host, header, body, trailers)
	}
	got := print(req.Method, req.RequestURI, req.Host, dumpHeader(req.Header), string(body), dumpHeader(withValues(req.Trailer)))
	want := print(string(m.request.MethodText), string(m.request.Target), string(m.request.Host),
		dumpHeader(headerOf(m.request.Fields, false)), m.body, dumpHeader(headerOf(m.trailers, true)))
	if got != want {
		t.Fatalf("input %q forwarded as %q:\nnet/http read %s\nwant          %s", in, wire, got, want)
	}
	if _, err := http.ReadRequest(reader); err != io.EOF {
		t.Fatalf("input %q forwarded as %q: behind it net/http found another request, or %v", in, wire, err)
	}
	return true
}

// withValues drops the keys that were announced but did not come.
func withValues(h http.Header) http.Header {
	kept := http.Header{}
	for key, values := range h {
		if values != nil {
			kept[key] = values
		}
	}
	return kept
}

// checkResponseAgainstNetHTTP is the same for responses.
func checkResponseAgainstNetHTTP(t testing.TB, in []byte, method Method) bool {
	t.Helper()
	m := decodeMessage(in, true, method)
	if m == nil || badTrailerField(m.response.Fields, m.response.Framing) {
		return false
	}
	wire := forwardResponse(m)
	reader := bufio.NewReader(bytes.NewReader(wire))
	res, err := http.ReadResponse(reader, &http.Request{Method: method.String()})
	if err != nil {
		t.Fatalf("input %q forwarded as %q: net/http says %v", in, wire, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("input %q forwarded as %q: net/http says of the body: %v", in, wire, err)
	}
	print := func(status int, header, body, trailers string) string {
		return fmt.Sprintf("%d\n%s\nbody %q\ntrailers %s", status, header, body, trailers)
	}
	got := print(res.StatusCode, dumpHeader(res.Header), string(body), dumpHeader(withValues(res.Trailer)))
	want := print(m.response.Status, dumpHeader(headerOf(m.response.Fields, false)), m.body, dumpHeader(headerOf(m.trailers, true)))
	if got != want {
		t.Fatalf("input %q forwarded as %q:\nnet/http read %s\nwant          %s", in, wire, got, want)
	}
	if rest, _ := io.ReadAll(reader); len(rest) != 0 {
		t.Fatalf("input %q forwarded as %q: net/http left %q", in, wire, rest)
	}
	return true
}

func TestAgainstNetHTTP(t *testing.T) {
	checked := 0
	for _, seed := range requestSeeds() {
		if checkRequestAgainstNetHTTP(t, []byte(seed)) {
			checked++
		}
	}
	for _, seed := range responseSeeds() {
		for _, method := range []Method{GET, HEAD} {
			if checkResponseAgainstNetHTTP(t, []byte(seed), method) {
				checked++
			}
		}
	}
	if checked < 25 {
		t.Errorf("only %d messages were whole and accepted", checked)
	}
}
