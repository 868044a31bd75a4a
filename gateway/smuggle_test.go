package gateway_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"graygate/internal/testkit"
)

// TestSmuggling sends malformed and borderline requests through a running gateway, whole, byte by byte, and split at several places,
// and looks at what a recording origin behind it has seen: no request that was not meant, no ambiguous byte, no answer for anyone but
// the one who asked.
func TestSmuggling(t *testing.T) {
	o := newOrigin(t)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(o.Backend), nil, "limits: {head_size: 8KiB, header_count: 64, body_size: 64KiB}\n"))
	ping := &pinger{Client: testkit.Dial(t, p.Addr)}
	attacks := smugglingCorpus()
	if len(attacks) < 150 {
		t.Errorf("the corpus: got %d cases, want at least 150", len(attacks))
	}
	for n, a := range attacks {
		for variant, parts := range splits(a.raw, fmt.Sprintf("c%d", n)) {
			a.run(t, p, o, ping, variant, parts)
		}
	}
	o.wantClean(t)
	if got := p.Counters().Panics; got != 0 {
		t.Errorf("panics: got %d, want 0", got)
	}
}

// attack is one connection's bytes and what must come of them. Every {id} in it becomes a word of its own in each run.
type attack struct {
	raw     string
	answers []string // statuses; after one of 400 and above the connection is closed
	origin  []string // "METHOD target" or "METHOD target body" of the requests that must arrive, in order
	body    bool     // refused for its body: the head may have been at the upstream already
	ends    bool     // the connection is closed after the last answer though that is no refusal
	waits   bool     // what is left is the beginning of another request: no probe fits behind it
}

// run sends the parts on a connection of their own, each when the gateway has seen the one before.
func (a *attack) run(t *testing.T, p *testkit.Proxy, o *origin, ping *pinger, variant string, parts []string) {
	t.Helper()
	what := fmt.Sprintf("%s %.300q", variant, strings.Join(parts, ""))
	c := testkit.Dial(t, p.Addr)
	defer c.Close()
	for i, part := range parts {
		if i > 0 && len(parts) < 4 {
			ping.once(t)
		}
		if c.TrySend(part) != nil {
			break // it was refused already
		}
	}
	refused := false
	for i, want := range a.answers {
		method := "GET"
		if i < len(a.origin) {
			method, _, _ = strings.Cut(a.origin[i], " ")
		}
		r, err := c.TryRead(method)
		for err == nil && r.StatusCode < 200 {
			r, err = c.TryRead(method)
		}
		if err != nil {
			t.Errorf("%s\nanswer %d: got %v, want %s", what, i, err, want)
			return
		}
		if got := fmt.Sprint(r.StatusCode); got != want {
			t.Errorf("%s\nanswer %d: got %s %q, want %s", what, i, got, r.Text, want)
			return
		}
		if refused = want >= "400"; refused {
			if r.Header.Get("X-Graygate-Error") == "" || !r.Close {
				t.Errorf("%s\nanswer %d: got X-Graygate-Error %q, close %v, want one, and a close", what, i, r.Header.Get("X-Graygate-Error"), r.Close)
			}
			continue
		}
		if got, want := r.Header.Get("X-Echo"), echoOf(a.want(i, variant)); got != want {
			t.Errorf("%s\nanswer %d: got the one to %q, want the one to %q", what, i, got, want)
		}
	}
	switch {
	case refused || a.ends:
		c.WantClosed()
	case !a.waits:
		ping.n++
		path := fmt.Sprintf("/ping/%d", ping.n)
		if r := c.Do(testkit.Get(path)); r.Header.Get("X-Echo") != "GET "+path {
			t.Errorf("%s\nthe probe behind it: got the answer to %q, want that to %q", what, r.Header.Get("X-Echo"), "GET "+path)
		}
	}
	ping.once(t)
	want := make([]string, len(a.origin))
	for i := range want {
		want[i] = a.want(i, variant)
	}
	if got := o.take(); !slices.Equal(got, want) {
		t.Errorf("%s\nthe origin: got %q, want %q", what, got, want)
	}
	if heads := o.headsOf(variant); (len(parts) == 1 && len(parts[0]) < 64<<10 || !a.body) && heads != len(want) {
		t.Errorf("%s\nheads at the origin: got %d, want %d", what, heads, len(want))
	}
}

// want is what the origin must see as its i-th request.
func (a *attack) want(i int, variant string) string {
	return strings.ReplaceAll(a.origin[i], "{id}", variant)
}

// echoOf is the origin's echo of a request: without its body.
func echoOf(want string) string {
	method, rest, _ := strings.Cut(want, " ")
	target, _, _ := strings.Cut(rest, " ")
	return method + " " + target
}

// splits gives the text in one piece, in single bytes, and in two pieces cut at places where parsers have to hold their breath.
func splits(raw, id string) map[string][]string {
	all := map[string][]string{}
	add := func(name string, cut func(text string) []string) {
		variant := id + "-" + name
		all[variant] = cut(strings.ReplaceAll(raw, "{id}", variant))
	}
	at := func(place func(text string) int) func(string) []string {
		return func(text string) []string {
			if n := place(text); n > 0 && n < len(text) {
				return []string{text[:n], text[n:]}
			}
			return []string{text[:1], text[1:]}
		}
	}
	add("whole", func(text string) []string { return []string{text} })
	if len(raw) < 2 {
		return all
	}
	if len(raw) < 1000 {
		add("bytes", func(text string) []string { return strings.Split(text, "") })
	}
	add("middle", at(func(text string) int { return len(text) / 2 }))
	add("last", at(func(text string) int { return len(text) - 1 }))
	add("line", at(func(text string) int { return strings.Index(text, "\r\n") + 1 })) // between CR and LF
	add("head", at(func(text string) int { return strings.Index(text, "\r\n\r\n") + 4 }))
	add("empty", at(func(text string) int { return strings.Index(text, "\r\n\r\n") + 3 }))
	return all
}

// TestHopByHop has either side name fields in Connection, in every way that this can be written, and use those that are hop-by-hop by
// themselves: none goes on, in heads or trailers, and what frames or routes a message cannot be taken away by naming it.
func TestHopByHop(t *testing.T) {
	const secret, public = "secret-value", "public-value"
	lines := func(list ...string) string { return strings.Join(list, "\r\n") + "\r\n" }
	named := []string{
		lines("Connection: X-Mine", "X-Mine: "+secret), lines("X-Mine: "+secret, "Connection: X-Mine"), lines("Connection: x-mINE", "X-MINE: "+secret), lines("connection:\tX-Mine\t", "X-Mine:"+secret),
		lines("Connection: keep-alive, X-Mine", "X-Mine: "+secret, "X-Mine: "+secret), lines("Connection: ,,X-Mine ,\t, X-Other,", "X-Other: "+secret, "X-Mine: "+secret),
		lines("Connection: X-Other", "Connection: X-Mine", "X-Mine: "+secret, "x-other: "+secret), lines("Connection: Cookie, Set-Cookie, Authorization, ETag", "Cookie: "+secret, "Authorization: "+secret, "ETag: "+secret, "Set-Cookie: "+secret),
		lines("Connection: Content-Length, Transfer-Encoding, Host, X-Mine", "X-Mine: "+secret), lines("Connection: "+strings.Repeat("x,", 14)+"X-Mine", "X-Mine: "+secret),
		lines("Keep-Alive: " + secret), lines("Proxy-Connection: " + secret), lines("TE: " + secret), lines("Upgrade: " + secret), lines("Proxy-Authorization: " + secret), lines("Proxy-Authenticate: " + secret),
		lines("Proxy: " + secret), lines("HTTP2-Settings: " + secret), lines("Connection: \"" + secret + "\", close"),
	}
	bodies := []struct{ fields, body string }{
		{"Content-Length: 3\r\n", "abc"},
		{"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nX-Mine: " + secret + "\r\nX-Other: " + secret + "\r\nCookie: " + secret + "\r\nKeep-Alive: " + secret + "\r\n\r\n"},
	}
	answers := make(chan string, 1)
	p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.Send(<-answers)
	}, "")
	for _, fields := range named {
		for _, body := range bodies {
			if body.fields[0] == 'T' && !strings.Contains(fields, "X-Mine") {
				continue // its trailers are named nowhere
			}
			head := fields + body.fields
			if body.fields[0] == 'T' {
				head = "Connection: X-Other, Cookie\r\n" + head
			}
			answers <- "HTTP/1.1 200 OK\r\nX-Public: " + public + "\r\n" + head + "\r\n" + body.body
			before := len(b.Received())
			c := send(t, p, "POST / HTTP/1.1\r\nHost: example.test\r\nX-Public: "+public+"\r\n"+head+"\r\n"+body.body)
			r := c.Read("POST")
			var down strings.Builder
			_ = r.Header.Write(&down)
			_ = r.Trailer.Write(&down)
			if r.StatusCode != 200 {
				t.Fatalf("%q: got %d %q", head, r.StatusCode, r.Text)
			}
			if r.Text != "abc" || strings.Contains(down.String(), secret) || !strings.Contains(down.String(), public) {
				t.Errorf("%q: the client got %d %q %q, want all but what is named", head, r.StatusCode, down.String(), r.Text)
			}
			if up := b.Received()[before:]; strings.Contains(up, secret) || !strings.Contains(up, public) || !strings.Contains(up, "abc") || !strings.Contains(up, "Host: example.test") {
				t.Errorf("%q: the upstream got %q, want all but what is named", head, up)
			}
			_ = c.Close()
		}
	}
}

// pinger asks on a connection of its own, to know that the loop has seen what was sent before.
type pinger struct {
	*testkit.Client
	n int
}

func (p *pinger) once(t testing.TB) {
	t.Helper()
	if err := p.try(); err != nil {
		t.Fatal(err)
	}
}

func (p *pinger) try() error {
	p.n++
	path := fmt.Sprintf("/ping/%d", p.n)
	if err := p.TrySend(testkit.Get(path)); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	r, err := p.TryRead("GET")
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if got := r.Header.Get("X-Echo"); got != "GET "+path {
		return fmt.Errorf("ping: got %d %q, the answer to %q, want that to %q", r.StatusCode, r.Text, got, "GET "+path)
	}
	return nil
}

// origin is a backend that takes down the requests that were whole, and answers each by its own name.
type origin struct {
	*testkit.Backend
	mu    sync.Mutex
	whole []string // "METHOD target" or "METHOD target body"
	heads []string // targets of all that came, whole request or not
}

func newOrigin(t testing.TB) *origin {
	o := &origin{}
	o.Backend = testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		ping := strings.HasPrefix(r.RequestURI, "/ping/")
		if !ping {
			o.mu.Lock()
			o.heads = append(o.heads, r.RequestURI)
			o.mu.Unlock()
		}
		if r.Header.Get("Expect") != "" {
			c.Send("HTTP/1.1 100 Continue\r\n\r\n")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			c.Reset() // cut off: no request
			return
		}
		name := r.Method + " " + r.RequestURI
		if !ping {
			o.mu.Lock()
			o.whole = append(o.whole, strings.TrimSuffix(name+" "+string(body), " "))
			o.mu.Unlock()
		}
		text := name
		if r.Method == "HEAD" {
			text = ""
		}
		c.Send(testkit.Answer("200 OK", text, "X-Echo: "+name))
	})
	return o
}

// take gives the requests since the last call.
func (o *origin) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	whole := o.whole
	o.whole = nil
	return whole
}

// headsOf counts the heads so far whose target has the word.
func (o *origin) headsOf(word string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, target := range o.heads {
		if strings.Contains(target, word) {
			n++
		}
	}
	return n
}

// wantClean fails the test if an ambiguous byte has ever reached the origin: a CR or LF that is not of a CRLF, a control byte, white space
// at the start of a line or before a colon. Bodies must have none of that either; those of the tests here do not.
func (o *origin) wantClean(t *testing.T) {
	t.Helper()
	for _, c := range o.Conns() {
		for line := range strings.SplitSeq(c.Received(), "\r\n") {
			name, _, _ := strings.Cut(line, ":")
			switch {
			case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
				t.Errorf("at the origin: got the line %q, want no control byte", line)
			case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
				t.Errorf("at the origin: got the line %q, want no folding", line)
			case strings.HasSuffix(name, " ") && strings.Contains(line, ":"), strings.HasSuffix(name, "\t"):
				t.Errorf("at the origin: got the line %q, want no space before a colon", line)
			}
		}
	}
}
