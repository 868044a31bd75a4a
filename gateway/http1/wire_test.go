package http1

import (
	"fmt"
	"strings"
	"testing"
)

// outcome is all that can be known of one message after it was fed in pieces: its head, its content, its error, what it used.
type outcome struct {
	head     string // as dumpRequest or dumpResponse has it; "" if there is none
	body     string
	trailers string
	err      *Error
	used     int  // bytes of the message, or those before the wrong one of a body
	done     bool // the message is whole
}

// String is what tables compare with: one line a part, and an error last.
func (o outcome) String() string {
	var lines []string
	if o.head != "" && (o.err == nil || o.body != "") {
		lines = append(lines, o.head)
	}
	if o.body != "" {
		lines = append(lines, fmt.Sprintf("body %q", o.body))
	}
	if o.trailers != "" {
		lines = append(lines, "trailers"+o.trailers)
	}
	switch {
	case o.err != nil:
		lines = append(lines, fmt.Sprintf("%d %s", o.err.Status, o.err.Code))
	case !o.done:
		lines = append(lines, "incomplete")
	}
	return strings.Join(lines, "\n")
}

// codec reads one message the way a connection would: pieces are added to a buffer that moves, the head is parsed once it is whole.
type codec struct {
	parse func(head []byte) (dump string, f Framing, length int64, err *Error)
	lim   Limits

	buf     []byte
	scanner Scanner
	body    Body
	inBody  bool
	out     outcome
}

func requestCodec(lim Limits) *codec {
	var r Request
	return &codec{lim: lim, parse: func(head []byte) (string, Framing, int64, *Error) {
		if err := ParseRequest(head, &r, lim); err != nil {
			return "", 0, 0, err
		}
		return dumpRequest(&r), r.Framing, r.Length, nil
	}}
}

func responseCodec(method Method, lim Limits) *codec {
	var r Response
	return &codec{lim: lim, parse: func(head []byte) (string, Framing, int64, *Error) {
		if err := ParseResponse(head, method, &r, lim); err != nil {
			return "", 0, 0, err
		}
		return dumpResponse(&r), r.Framing, r.Length, nil
	}}
}

// feed takes one piece. The buffer is a new one each time and the old one is spoilt, so that no view can live on in it.
func (c *codec) feed(piece []byte) {
	if c.out.done || c.out.err != nil {
		return
	}
	moved := append(append(make([]byte, 0, len(c.buf)+len(piece)), c.buf...), piece...)
	for i := range c.buf {
		c.buf[i] = 0xdb
	}
	c.buf = moved
	if !c.inBody && !c.feedHead() {
		return
	}
	c.feedBody()
}

func (c *codec) feedHead() bool {
	n, err := c.scanner.Scan(c.buf, c.lim)
	if err != nil {
		c.out.err = err
		return false
	}
	if n == 0 {
		return false
	}
	if again, err := c.scanner.Scan(c.buf, c.lim); again != n || err != nil {
		panic(fmt.Sprintf("Scan of a whole head gave %d, then %d, %v", n, again, err))
	}
	dump, framing, length, err := c.parse(c.buf[:n:n])
	if err != nil {
		c.out.err = err
		return false
	}
	c.out.head, c.out.used, c.inBody = dump, n, true
	c.buf = c.buf[n:]
	c.body.Reset(framing, length)
	return true
}

func (c *codec) feedBody() {
	for !c.body.Done() {
		data, n, err := c.body.Next(c.buf)
		c.out.body += string(data)
		c.out.used += n
		c.buf = c.buf[n:]
		if err != nil {
			c.out.err = err
			return
		}
		if n == 0 {
			return
		}
	}
	c.out.done = true
	for _, f := range c.body.Trailers() {
		c.out.trailers += dumpField(f)
	}
}

// eof ends the stream and gives the outcome.
func (c *codec) eof() outcome {
	if c.inBody && c.out.err == nil && !c.out.done {
		if err := c.body.EOF(); err == nil {
			c.out.done = true
		}
	}
	return c.out
}

// feedAll gives the outcome of the pieces one after the other.
func feedAll(c *codec, pieces ...[]byte) outcome {
	for _, p := range pieces {
		c.feed(p)
	}
	return c.eof()
}

// outcomeAnyhow feeds the message whole, byte by byte, and at every split in two, and all that with bytes of another message behind it. It fails
// the test unless the outcome is the same each time, and returns it.
func outcomeAnyhow(t testing.TB, newCodec func() *codec, in string) outcome {
	t.Helper()
	want := feedAll(newCodec(), []byte(in))
	behind := []string{""}
	if want.err != nil || want.done && want.used <= len(in) && !strings.Contains(want.head, "until_close") {
		behind = append(behind, "\r\nGET /smuggled HTTP/1.1\r\n", "\x00", "0\r\n\r\n")
	}
	for _, more := range behind {
		all := []byte(in + more)
		check := func(how string, got outcome) {
			t.Helper()
			if got != want {
				t.Fatalf("input %q with %q behind it, fed %s:\ngot  %v, used %d\nwant %v, used %d", in, more, how, got, got.used, want, want.used)
			}
		}
		check("whole", feedAll(newCodec(), all))
		c := newCodec()
		for i := range all {
			c.feed(all[i : i+1])
		}
		check("byte by byte", c.eof())
		for i := 1; i < len(all); i++ {
			check(fmt.Sprintf("in two at %d", i), feedAll(newCodec(), all[:i], all[i:]))
		}
	}
	return want
}

// dumpRequest gives a parsed head in one line, what is usual left out: "GET /p?q host=h 1.1 none Host=h X=1 Connection=close!"; "!" marks Hop.
func dumpRequest(r *Request) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", r.MethodText, r.Target)
	path, query, found := strings.Cut(string(r.Target), "?")
	if path != string(r.Path) || query != string(r.Query) || found != (r.Query != nil) {
		fmt.Fprintf(&s, " BAD path=%q query=%q", r.Path, r.Query)
	}
	if want := lookUpMethod(r.MethodText); r.Method != want {
		fmt.Fprintf(&s, " BAD method=%v", r.Method)
	}
	if r.Host != nil {
		fmt.Fprintf(&s, " host=%s", r.Host)
	}
	fmt.Fprintf(&s, " 1.%d %s", r.Minor, dumpFraming(r.Framing, r.Length))
	if r.Close {
		s.WriteString(" close")
	}
	if r.ExpectContinue {
		s.WriteString(" expect")
	}
	if r.Upgrade != nil {
		fmt.Fprintf(&s, " upgrade=%s", r.Upgrade)
	}
	for _, f := range r.Fields {
		s.WriteString(dumpField(f))
	}
	return s.String()
}

// dumpResponse is dumpRequest for responses: "200 OK 1.1 length(5) Content-Length=5".
func dumpResponse(r *Response) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d %s 1.%d %s", r.Status, r.Reason, r.Minor, dumpFraming(r.Framing, r.Length))
	if r.Close {
		s.WriteString(" close")
	}
	if r.Upgrade != nil {
		fmt.Fprintf(&s, " upgrade=%s", r.Upgrade)
	}
	for _, f := range r.Fields {
		s.WriteString(dumpField(f))
	}
	return s.String()
}

func dumpFraming(f Framing, length int64) string {
	if f == ByLength || f == NoBody && length > 0 {
		return fmt.Sprintf("%s(%d)", f, length)
	}
	return f.String()
}

func dumpField(f Field) string {
	hop := ""
	if f.Hop {
		hop = "!"
	}
	value := string(f.Value)
	if value == "" || strings.ContainsAny(value, " \t\"") {
		value = fmt.Sprintf("%q", value)
	}
	if want := plainLookUpID(string(f.Name)); f.ID != want {
		hop += fmt.Sprintf(" BAD id=%d", f.ID)
	}
	return fmt.Sprintf(" %s=%s%s", f.Name, value, hop)
}

// plainLookUpID is lookUpID without hashing.
func plainLookUpID(name string) ID {
	for id := Other + 1; id < idCount; id++ {
		if strings.EqualFold(name, idNames[id]) {
			return id
		}
	}
	return Other
}
