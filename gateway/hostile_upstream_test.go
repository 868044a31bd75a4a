package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"graygate/internal/testkit"
)

// TestHostileUpstream has a backend answer with what is no answer, whole, byte by byte and in two pieces, to clients of both versions, on the
// loop and in a relay. Whatever it sends: the client never sees a message that looks whole and is not, and the connection is never used again.
func TestHostileUpstream(t *testing.T) {
	o := newLiar(t)
	p := testkit.Gateway(t, o.config("limits: {head_size: 8KiB, header_count: 64}\ntimeouts: {response_head: 5s, body: 5s}\n"))
	o.ping = &pinger{Client: testkit.Dial(t, p.Addr)}
	lies := hostileAnswers()
	if len(lies) < 150 {
		t.Errorf("the corpus: got %d cases, want at least 150", len(lies))
	}
	for n, l := range lies {
		for variant, parts := range splits(l.raw, fmt.Sprintf("l%d", n)) {
			if strings.HasSuffix(variant, "-line") || strings.HasSuffix(variant, "-empty") || strings.HasSuffix(variant, "-middle") {
				continue // places where requests are fragile
			}
			for _, ask := range l.asks() {
				if whole := len(parts) == 1; ask == "relay" && (len(parts) == 2 || whole && len(l.raw) < 1000) || ask == "GET 1.0" && whole {
					continue // enough is enough: a MiB each, or the same again
				}
				l.run(t, p, o, ask, variant, parts)
			}
		}
	}
	if got := p.Counters().Panics; got != 0 {
		t.Errorf("panics: got %d, want 0", got)
	}
}

// lie is one answer of a backend.
type lie struct {
	raw    string
	end    string // what the backend does then: "", "close" or "reset"
	method string
	want   string // "502 code" for one that is refused (or cut off, if its beginning looked well), else "status body"
	or     string // what it may be taken for if its end comes late: an answer with something behind it
}

// asks are the ways in which it is asked for. A body of more than a MiB takes the exchange into a relay.
func (l *lie) asks() []string {
	if l.method != "GET" {
		return []string{l.method}
	}
	return []string{"GET", "GET 1.0", "relay"}
}

func (l *lie) run(t *testing.T, p *testkit.Proxy, o *liar, ask, variant string, parts []string) {
	t.Helper()
	what := fmt.Sprintf("%s %s %.300q %s", variant, ask, strings.Join(parts, ""), l.end)
	ended := o.next(parts, l.end)
	c := testkit.Dial(t, p.Addr)
	defer c.Close()
	method := l.method
	switch ask {
	case "GET 1.0":
		c.Send("GET /lie-" + variant + " HTTP/1.0\r\nHost: example.test\r\n\r\n")
	case "relay":
		method = "POST"
		c.Send(testkit.Post("/lie-"+variant, megabytes))
	default:
		c.Send(testkit.Request11(method, "/lie-"+variant, ""))
	}
	got := outcome(c, method)
	switch {
	case strings.HasPrefix(l.want, "502"):
		late := len(parts) > 1 || len(parts[0]) >= 64<<10
		overtaken := l.end == "reset" && got == "502 upstream_closed" // a reset destroys what was sent and not read yet
		if got != l.want && !overtaken && (got != "cut" || !late && l.end == "") && (got != l.or || !late) {
			t.Errorf("%s\nclient: got %.200s, want %s", what, got, l.want)
		}
	case got != l.want:
		t.Errorf("%s\nclient: got %.200s, want %s", what, got, l.want)
	}
	if strings.HasPrefix(l.want, "502") || l.end != "" {
		if err := testkit.Receive(t, "the end of the backend's connection", ended); isTimeout(err) {
			t.Errorf("%s\nthe backend's connection: got open, want closed", what)
		}
	}
	o.pingOnce(t)
}

// megabytes is a body that is sure to go through a relay.
var megabytes = strings.Repeat("0123456789abcdef", 1<<16+1)

// outcome reads an answer, past interim ones: "cut" if it does not end as it should, else its status and X-Graygate-Error or its body.
func outcome(c *testkit.Client, method string) string {
	r, err := c.TryRead(method)
	for err == nil && r.StatusCode < 200 {
		r, err = c.TryRead(method)
	}
	switch {
	case isTimeout(err):
		return "no end"
	case err != nil:
		return "cut"
	case r.Header.Get("X-Graygate-Error") != "":
		return fmt.Sprint(r.StatusCode, " ", r.Header.Get("X-Graygate-Error"))
	}
	return fmt.Sprint(r.StatusCode, " ", r.Text)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// liar is a backend that answers as it was told before.
type liar struct {
	*testkit.Backend
	honest *origin // answers pings, in a pool of its own
	ping   *pinger

	mu    sync.Mutex
	parts []string
	end   string
	ended chan error
}

func newLiar(t testing.TB) *liar {
	o := &liar{honest: newOrigin(t)}
	o.Backend = testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			c.Reset()
			return
		}
		o.mu.Lock()
		parts, end, ended := o.parts, o.end, o.ended
		o.mu.Unlock()
		for i, part := range parts {
			if i > 0 && len(parts) < 4 {
				o.pingOnce(t)
			}
			c.Send(part)
		}
		switch end {
		case "close":
			_ = c.CloseWrite()
		case "reset":
			o.pingOnce(t) // what was sent has been read
			c.Reset()
			ended <- nil
			return
		case "reuse":
			close(ended)
			return
		}
		ended <- c.WaitEnd()
		_ = c.Close()
	})
	return o
}

// config is one that sends what is below /ping to the honest backend, and all else to the liar.
func (o *liar) config(more string) string {
	return fmt.Sprintf("listeners: [{address: %s}]\nloops: 1\naccess_log: off\n%supstreams:\n  honest: {endpoints: [%s]}\n  liar: {breaker: off, outlier: off, endpoints: [%s]}\n"+
		"routes:\n  - {name: ping, path: /ping, stable: honest}\n  - {name: all, stable: liar}\n", testkit.Listen, more, o.honest.Addr, o.Addr)
}

// next sets the next answer. What comes through the channel is how the gateway ended the connection.
func (o *liar) next(parts []string, end string) <-chan error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts, o.end, o.ended = parts, end, make(chan error, 1)
	return o.ended
}

func (o *liar) pingOnce(t testing.TB) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.ping.try(); err != nil {
		t.Error(err)
	}
}

func hostileAnswers() []lie {
	var all []lie
	method := "GET"
	// late adds a case of an answer with something behind it. or is what it looks like as long as that has not come.
	late := func(raw, or string) {
		all = append(all, lie{raw: raw, method: method, want: "502 upstream_excess", or: or})
	}
	// f adds a case. A last word of the answer in angle brackets is what the backend does behind it.
	f := func(raw, want string) {
		l := lie{raw: raw, method: method, want: want}
		if i := strings.LastIndexByte(raw, '<'); strings.HasSuffix(raw, "e>") || strings.HasSuffix(raw, "t>") {
			l.raw, l.end = raw[:i], raw[i+1:len(raw)-1]
		}
		all = append(all, l)
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

	// The status line.
	for _, line := range []string{
		"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1  200 OK", " HTTP/1.1 200 OK", "http/1.1 200 OK", "HTTP/1.1 099 x", "HTTP/1.1 -20 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 200OK",
		"ICY 200 OK", "HTTP/1.11 200 OK", "HTTP/1 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "200 OK", "GET / HTTP/1.1", "HTTP/1.1 000 x", "HTTP /1.1 200 OK", "xHTTP/1.1 200 OK", "HTTP/1.1 \xb2\xb0\xb0 OK",
	} {
		f(line+"\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_bad_status_line")
	}
	f("HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_version_unsupported")
	f("HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_version_unsupported")
	f("\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_bad_status_line")
	f("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "502 upstream_bare_lf")
	f("HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\nhi", "502 upstream_bare_cr")
	f("HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_nul_byte")
	f("HTTP/1.1 200 O\x07K\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_bad_status_line")
	f("<html>hello</html>\n", "502 upstream_bare_lf")
	f("<html>hello</html><close>", "502 upstream_closed")
	f("<close>", "502 upstream_closed")
	f("<reset>", "502 upstream_closed")
	f("H<close>", "502 upstream_closed")
	f(ok+"<close>", "502 upstream_closed")
	f(ok+"Content-Length: 2\r\n<close>", "502 upstream_closed")
	f(ok+"Content-Length: 2\r\n<reset>", "502 upstream_closed")
	f(strings.Repeat("x", 9<<10), "502 upstream_uri_too_long")
	f(ok+"X: "+strings.Repeat("x", 9<<10)+"\r\n\r\n", "502 upstream_head_too_long")
	f(ok+strings.Repeat("X: y\r\n", 65)+"\r\n", "502 upstream_too_many_fields")

	// Fields.
	for _, row := range [][2]string{
		{"X: a\r\n b\r\n", "obs_fold"}, {" X: a\r\n", "obs_fold"}, {"X : a\r\n", "space_before_colon"}, {"X\t: a\r\n", "space_before_colon"}, {"X: a\x00\r\n", "nul_byte"}, {"\x00X: a\r\n", "nul_byte"},
		{"X: a\rSet-Cookie: b\r\n", "bare_cr"}, {"X: a\nSet-Cookie: b\r\n", "bare_lf"}, {"X: a\r\r\n", "bare_cr"}, {": a\r\n", "bad_field_name"}, {"X\r\n", "bad_field_name"}, {"X y: a\r\n", "bad_field_name"}, {"X: \x01\r\n", "bad_field_value"},
		{"X: \x7f\r\n", "bad_field_value"}, {"X\xff: a\r\n", "bad_field_name"}, {"Content-Length : 2\r\n", "space_before_colon"}, {"\tContent-Length: 2\r\n", "obs_fold"}, {"Content-Length\x0b: 2\r\n", "bad_field_name"},
	} {
		f(ok+row[0]+"Content-Length: 2\r\n\r\nhi", "502 upstream_"+row[1])
		f(ok+"Content-Length: 2\r\n"+row[0]+"\r\nhi", "502 upstream_"+row[1])
	}

	// Framing.
	for _, value := range []string{"", "2, 2", "2,3", "+2", "-2", "0x2", "2 2", "2.0", "99999999999999999999", "9223372036854775808", "18446744073709551618", "2;", "two", "\"2\""} {
		f(ok+"Content-Length: "+value+"\r\n\r\nhi", "502 upstream_bad_content_length")
	}
	f(ok+"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "502 upstream_duplicate_content_length")
	f(ok+"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "502 upstream_duplicate_content_length")
	f(ok+"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_length_with_coding")
	f(ok+"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_length_with_coding")
	for _, value := range []string{"chunked, chunked", "identity", "", "chunked,", "xchunked", "chunked;a=b", "\"chunked\"", "gzip", "chunked, gzip"} {
		f(ok+"Transfer-Encoding: "+value+"\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_bad_transfer_encoding")
	}
	f(ok+"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_coding_unsupported")
	f(ok+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_bad_transfer_encoding")
	f("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "502 upstream_coding_in_http10")

	// Bodies that break off, and bodies that do not end where they said.
	for _, end := range []string{"<close>", "<reset>"} {
		f(ok+"Content-Length: 3\r\n\r\nhi"+end, "502 upstream_truncated")
		f(ok+"Content-Length: 3\r\n\r\n"+end, "502 upstream_truncated")
		f(ok+"Content-Length: 2097152\r\n\r\n"+strings.Repeat("y", 1<<20)+end, "502 upstream_truncated")
		f(chunked+end, "502 upstream_truncated")
		f(chunked+"2\r\nhi"+end, "502 upstream_truncated")
		f(chunked+"2\r\nhi\r\n"+end, "502 upstream_truncated")
		f(chunked+"2\r\nhi\r\n0"+end, "502 upstream_truncated")
		f(chunked+"2\r\nhi\r\n0\r\n"+end, "502 upstream_truncated")
		f(chunked+"2\r\nhi\r\n0\r\nX: y\r\n"+end, "502 upstream_truncated")
		f(chunked+strings.Repeat("1000\r\n"+strings.Repeat("y", 4096)+"\r\n", 300)+end, "502 upstream_truncated")
	}
	f(ok+"\r\nhi<reset>", "502 upstream_truncated") // until the connection ends: a reset is no end
	f(ok+"\r\n"+strings.Repeat("y", 1<<20)+"<reset>", "502 upstream_truncated")
	f("HTTP/1.0 200 OK\r\n\r\nhi<reset>", "502 upstream_truncated")
	late(ok+"Content-Length: 2\r\n\r\nhix", "200 hi")
	late(ok+"Content-Length: 0\r\n\r\nx", "200 ")
	late(chunked+"2\r\nhi\r\n0\r\n\r\nx", "200 hi")
	late(ok+"Content-Length: 2\r\n\r\nhi"+ok+"Content-Length: 5\r\n\r\nsplit", "200 hi")
	late(chunked+"2\r\nhi\r\n0\r\n\r\n"+ok+"Content-Length: 5\r\n\r\nsplit", "200 hi")
	late(ok+"Content-Length: 2097152\r\n\r\n"+strings.Repeat("y", 2<<20)+"x", "200 "+strings.Repeat("y", 2<<20))

	// Chunks.
	for _, text := range []string{
		"2 \r\nhi\r\n0\r\n\r\n", " 2\r\nhi\r\n0\r\n\r\n", "0x2\r\nhi\r\n0\r\n\r\n", "+2\r\nhi\r\n0\r\n\r\n", "-2\r\nhi\r\n0\r\n\r\n", "\r\n2\r\nhi\r\n0\r\n\r\n", "g\r\nhi\r\n0\r\n\r\n", ";\r\nhi\r\n0\r\n\r\n", "8000000000000000\r\nhi",
		"ffffffffffffffff\r\nhi", "10000000000000002\r\nhi\r\n0\r\n\r\n", "2,\r\nhi\r\n0\r\n\r\n",
	} {
		f(chunked+text, "502 upstream_bad_chunk")
	}
	f(chunked+"2\nhi\r\n0\r\n\r\n", "502 upstream_bare_lf")
	f(chunked+"2\rhi\r\n0\r\n\r\n", "502 upstream_bare_cr")
	f(chunked+"2\r\nhi\n0\r\n\r\n", "502 upstream_bad_chunk_end")
	f(chunked+"2\r\nhi!\r\n0\r\n\r\n", "502 upstream_bad_chunk_end")
	f(chunked+"2;\x00\r\nhi\r\n0\r\n\r\n", "502 upstream_bad_chunk_extension")
	f(chunked+"2;"+strings.Repeat("x", 17<<10)+"\r\nhi\r\n0\r\n\r\n", "502 upstream_chunk_extensions_too_long")
	f(chunked+"2\r\nhi\r\n0\r\nX : y\r\n\r\n", "502 upstream_space_before_colon")
	f(chunked+"2\r\nhi\r\n0\r\nX: y\r\n z\r\n\r\n", "502 upstream_obs_fold")
	f(chunked+"2\r\nhi\r\n0\r\nX: a\nb\r\n\r\n", "502 upstream_bare_lf")
	f(chunked+"2\r\nhi\r\n0\r\nX: "+strings.Repeat("y", 9<<10)+"\r\n\r\n", "502 upstream_trailers_too_long")
	f(chunked+"2\r\nhi\r\n0\r\n"+strings.Repeat("X: y\r\n", 33)+"\r\n", "502 upstream_too_many_trailers")

	// Interim answers.
	const interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
	f(strings.Repeat(interim, 17)+ok+"Content-Length: 2\r\n\r\nhi", "502 upstream_interim")
	f(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000), "502 upstream_interim")
	f(interim+"<close>", "502 upstream_closed")
	f(interim+"<reset>", "502 upstream_closed")
	f(interim+"hello\r\n\r\n", "502 upstream_bad_status_line")
	f(interim+ok+"X : y\r\n\r\n", "502 upstream_space_before_colon")
	f("HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nhi"+ok+"Content-Length: 2\r\n\r\nhi", "502 upstream_bad_status_line")
	f("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw", "502 upstream_switched")
	f("HTTP/1.1 101 Switching Protocols\r\n\r\nraw", "502 upstream_switched")
	late("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", "204 ")
	late("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nhi", "304 ")
	late("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "204 ")

	// What is odd and yet an answer.
	f("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi<reuse>", "200 hi")
	f("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi<reuse>", "200 hi")
	f("HTTP/1.1 299 \xe4\tx\r\nContent-Length:2\r\nX:\r\n\r\nhi<reuse>", "299 hi")
	f("HTTP/1.0 200 OK\r\n\r\nhi<close>", "200 hi")
	f(ok+"\r\nhi<close>", "200 hi")
	f(ok+"\r\n<close>", "200 ")
	f(ok+"Connection: close\r\nContent-Length: 2\r\n\r\nhi<close>", "200 hi")
	f(chunked+"2;x\r\nhi\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nSet-Cookie: a\r\n\r\n<reuse>", "200 hi")
	f(strings.Repeat(interim, 16)+ok+"Content-Length: 2\r\n\r\nhi<reuse>", "200 hi")
	f(ok+"Connection: Content-Length\r\nContent-Length: 2\r\n\r\nhi<reuse>", "200 hi")
	f("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n<reuse>", "204 ")
	f(ok+"\r\n"+strings.Repeat("y", 1<<20)+"<close>", "200 "+strings.Repeat("y", 1<<20))
	method = "HEAD"
	late(ok+"Content-Length: 2\r\n\r\nhi", "200 ")
	late(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 ")
	f(ok+"Content-Length: 2\r\nContent-Length: 3\r\n\r\n", "502 upstream_duplicate_content_length")
	f(ok+"Content-Length: 2\r\n\r\n<reuse>", "200 ")
	return all
}
