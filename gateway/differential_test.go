package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/gateway/http1"
	"graygate/internal/testkit"
)

// TestDifferential sends well-formed requests of every odd shape, in pieces: what arrives behind the gateway, net/http reads as exactly one
// request, and as the same one that it would have read from the client.
func TestDifferential(t *testing.T) {
	m := newMirror(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		text := drawRequest(t, n)
		want := m.expect(t, text)
		if len(want) != 1 {
			t.Fatalf("%q\nnet/http reads %d requests of it, want 1", text, len(want))
		}
		c := m.dial(t)
		defer c.Close()
		sendPieces(t, c, text)
		method, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), " ")
		r, err := c.TryRead(method)
		for err == nil && r.StatusCode < 200 {
			r, err = c.TryRead(method)
		}
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%q\nanswer: got %v, %v, want 200", text, r, err)
		}
		if got := m.got(r.Header.Get("X-N")); got != want[0] {
			t.Fatalf("%q\ngot:\n%s\nwant:\n%s", text, got, want[0])
		}
	})
	m.wantNothingElse(t)
}

// TestDifferentialMutated sends requests with a few bytes changed, put in or left out: what the gateway lets through all the same, is what
// net/http would have read from the client, and nothing else.
func TestDifferentialMutated(t *testing.T) {
	m := newMirror(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		text := mutate(t, drawRequest(t, n)+drawRequest(t, n+1_000_000))
		want := m.expect(t, text)
		c := m.dial(t)
		defer c.Close()
		sendPieces(t, c, text)
		if len(want) > 0 { // whole for net/http: then it is whole, or refused, for the gateway too
			if _, err := c.TryRead("GET"); isTimeout(err) {
				t.Fatalf("%q\ngot no answer, want one to the first request", text)
			}
		}
		if err := m.ping.try(); err != nil { // now the loop has seen it
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("%q", text)
		}
	})
	m.wantNothingElse(t)
}

// drawRequest gives the bytes of a request that is valid; n makes it different from all others.
func drawRequest(t *rapid.T, n int) string {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	var b strings.Builder
	b.WriteString(pick("before", "", "", "", "\r\n", "\r\n\r\n"))
	method := pick("method", "GET", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW", "get", "M-SEARCH", "!#$%&'*+-.^_`|~")
	host := pick("host", "example.test", "EXAMPLE.test:8080", "192.0.2.1", "[2001:db8::1]:1", "a_b~c", "x%41y")
	target := fmt.Sprintf("/%d", n) + pick("path", "", "/", "//x", "/../..", "/%2e%2E/%00", "/;a=b", "/a:b@c", "/*'()!$&+,=~", "/\"<>\\^`{|}[]") +
		pick("query", "", "?", "?a=b&c", "??", "?%zz/../", "?a=http://x/?")
	switch pick("form", "origin", "origin", "absolute", "absolute") {
	case "absolute":
		target = pick("scheme", "http://", "HTTP://", "https://") + "other.test:81" + target
	}
	version := pick("version", "1.1", "1.1", "1.1", "1.0")
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", method, target, version)
	fields := []string{"Host:" + pick("ows", "", " ", "\t ") + host + pick("ows", "", " ", "\t")}
	var named []string
	for i := range rapid.IntRange(0, 8).Draw(t, "fields") {
		name := pick("name", "X-A", "x-b", "Cookie", "Accept", "User-Agent", "Content-Type", "X-Custom!#", "Range", "Authorization", "X-A", "Via", "Max-Forwards", "Referer",
			"TE", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy", "X_Forwarded_For", "Content_Length", "X-Named-"+fmt.Sprint(i), "Trailer", "HTTP2-Settings")
		value := rapid.StringMatching(`[ -~\t]{0,20}`).Draw(t, "value")
		if name == "Trailer" {
			value = "X-T"
		}
		fields = append(fields, name+":"+pick("ows", "", " ", "\t", "  ")+value+pick("ows", "", " ", "\t"))
		if strings.HasPrefix(name, "X-Named") || rapid.IntRange(0, 9).Draw(t, "named") == 0 {
			named = append(named, name)
		}
	}
	if len(named) > 0 {
		fields = append(fields, "Connection: "+strings.Join(named, pick("comma", ",", " ,", ", ", ",,")))
	}
	body := rapid.StringMatching(`[a-z\r\n:]{0,40}`).Draw(t, "body")
	framing := pick("framing", "none", "length", "chunked")
	switch {
	case framing == "none" || framing == "chunked" && version == "1.0":
		body = ""
	case framing == "length":
		fields = append(fields, fmt.Sprintf("%s: %d", pick("cl", "Content-Length", "content-length", "CONTENT-LENGTH"), len(body)))
	default:
		fields = append(fields, pick("te", "Transfer-Encoding: chunked", "transfer-encoding:CHUNKED"))
		body = drawChunks(t, body)
	}
	for _, f := range rapid.Permutation(fields).Draw(t, "order") {
		b.WriteString(f + "\r\n")
	}
	return b.String() + "\r\n" + body
}

func drawChunks(t *rapid.T, body string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := rapid.IntRange(1, len(body)).Draw(t, "chunk")
		fmt.Fprintf(&b, "%s%s\r\n%s\r\n", rapid.SampledFrom([]string{fmt.Sprintf("%x", n), fmt.Sprintf("%04X", n)}).Draw(t, "size"),
			rapid.SampledFrom([]string{"", ";a", ";a=b;c=\"d;\""}).Draw(t, "extension"), body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n")
	for range rapid.IntRange(0, 2).Draw(t, "trailers") {
		b.WriteString("X-T: " + rapid.StringMatching(`[!-~]{0,9}`).Draw(t, "trailer") + "\r\n")
	}
	return b.String() + "\r\n"
}

// mutate changes a few bytes, with a liking for those that parsers stumble over, and for the head.
func mutate(t *rapid.T, text string) string {
	for range rapid.IntRange(1, 3).Draw(t, "mutations") {
		if text == "" {
			break
		}
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "near a line's end") {
			if i := strings.IndexAny(text[at:], "\r\n:"); i >= 0 {
				at += i
			}
		}
		with := rapid.SampledFrom([]string{"\r", "\n", "\r\n", " ", "\t", ":", ",", "\x00", "\x0b", "\x7f", "\x80", "\xff", "0", "1", "a", ";", "_", "-", "/", "?", "#", "%", "\"",
			"\r\nContent-Length: 3\r\n", "\r\nTransfer-Encoding: chunked\r\n", "\r\nHost: evil\r\n", "\r\n\r\n", "GET /evil HTTP/1.1\r\n"}).Draw(t, "with")
		switch rapid.SampledFrom([]string{"replace", "insert", "delete"}).Draw(t, "how") {
		case "replace":
			text = text[:at] + with + text[at+1:]
		case "insert":
			text = text[:at] + with + text[at:]
		default:
			text = text[:at] + text[at+1:]
		}
	}
	return text
}

func sendPieces(t *rapid.T, c *testkit.Client, text string) {
	for len(text) > 0 {
		n := len(text)
		if rapid.Bool().Draw(t, "split") {
			n = rapid.IntRange(1, len(text)).Draw(t, "piece")
		}
		if c.TrySend(text[:n]) != nil {
			return
		}
		text = text[n:]
	}
}

// mirror is a gateway before an origin that knows what net/http makes of the clients' bytes.
type mirror struct {
	t    *testing.T
	p    *testkit.Proxy
	ping *pinger

	mu       sync.Mutex
	expected map[string]int    // how often each request, in the form of describe, may arrive
	arrived  map[string]string // by X-N
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{t: t, expected: map[string]int{}, arrived: map[string]string{}}
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.Reset()
			return
		}
		if strings.HasPrefix(r.RequestURI, "/ping/") {
			c.Send(testkit.Answer("200 OK", "", "X-Echo: "+r.Method+" "+r.RequestURI))
			return
		}
		got := describe(r.Request, string(body), nil)
		m.mu.Lock()
		n := fmt.Sprint(len(m.arrived))
		m.arrived[n] = got
		// RFC 3986 allows percent escapes in a host; net/http does not take all of them in an absolute target.
		if m.expected[got]--; m.expected[got] < 0 && !strings.Contains(r.Host, "%") {
			t.Errorf("the origin was sent what net/http does not read in what the clients sent:\n%s", got)
		}
		m.mu.Unlock()
		c.Send(testkit.Answer("200 OK", "", "X-N: "+n))
	})
	m.p = testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	m.ping = &pinger{Client: testkit.Dial(t, m.p.Addr)}
	return m
}

func (m *mirror) dial(t *rapid.T) *testkit.Client {
	c := testkit.Dial(m.t, m.p.Addr)
	_ = c.SetDeadline(time.Now().Add(testkit.Patience))
	return c
}

// expect reads a client's bytes as net/http would, and lets what it reads arrive at the origin once.
func (m *mirror) expect(t *rapid.T, text string) []string {
	var all []string
	in := bufio.NewReader(strings.NewReader(text))
	for {
		for { // RFC 9112 2.2; net/http does not skip them
			if next, _ := in.Peek(2); string(next) != "\r\n" {
				break
			}
			_, _ = in.Discard(2)
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			break
		}
		named := r.Header.Values("Connection")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			break
		}
		all = append(all, describe(r, string(body), named))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, request := range all {
		m.expected[request]++
	}
	return all
}

func (m *mirror) got(n string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.arrived[n]
}

func (m *mirror) wantNothingElse(t *testing.T) {
	t.Helper()
	if got := m.p.Counters().Panics; got != 0 {
		t.Errorf("panics: got %d, want 0", got)
	}
	if got := len(m.arrived); got < 3 { // of a hundred, of which mutation leaves some twenty whole
		t.Errorf("requests that arrived: got %d, want enough to have tried anything", got)
	}
}

// ends are the fields that do not go end to end, or that the gateway sets.
var ends = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy", "Http2-Settings",
	"Content-Length", "Host", "Expect", "X-Gray-Tag", "X-Gray-Rule", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Request-Id", "Traceparent", "Tracestate", "Baggage", "Forwarded", "X-Real-Ip", "Trailer",
}

// describe gives what a request means, whatever the bytes: method, target, host, the fields that go end to end but for those named, body, trailers.
func describe(r *http.Request, body string, named []string) string {
	host, target := r.Host, r.RequestURI
	if host == "" {
		host = "stable" // HTTP/1.0 without Host: the pool's name
	}
	if r.URL.IsAbs() {
		target = target[strings.Index(target, "://")+3:]
		if at := strings.IndexAny(target, "/?"); at < 0 {
			target = "/"
		} else if target = target[at:]; target[0] == '?' {
			target = "/" + target
		}
	}
	gone := map[string]bool{}
	for _, name := range ends {
		gone[name] = true
	}
	for _, list := range named {
		for name := range strings.SplitSeq(list, ",") {
			gone[http.CanonicalHeaderKey(strings.Trim(name, " \t"))] = true
		}
	}
	var lines []string
	add := func(prefix string, h http.Header) {
		for name, values := range h {
			if gone[name] || twin(name) {
				continue
			}
			for _, value := range values {
				lines = append(lines, prefix+name+": "+value)
			}
		}
	}
	add("", r.Header)
	add("trailer ", r.Trailer)
	slices.Sort(lines)
	return fmt.Sprintf("%s %s host=%s\n%s\n%q", r.Method, target, host, strings.Join(lines, "\n"), body)
}

// twin reports whether a name is what CGI would take for another, known one: those end at the gateway.
func twin(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	if plain == strings.ToLower(name) {
		return false
	}
	for id := http1.Other + 1; id.String() != ""; id++ {
		if id.String() == plain {
			return true
		}
	}
	return false
}
