package http1

import (
	"strings"
	"testing"
)

// requestSeeds are whole requests, good and bad, from which fuzzing and the properties start.
func requestSeeds() []string {
	const h = "Host: h\r\n"
	return []string{
		typicalRequest,
		"GET / HTTP/1.1\r\n" + h + "\r\n",
		"\r\nGET /p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"GET http://x:80?q HTTP/1.1\r\n" + h + "\r\n",
		"GET https://[::1]/%41 HTTP/1.1\r\n" + h + "\r\n",
		"OPTIONS * HTTP/1.1\r\n" + h + "Max-Forwards: 0\r\n\r\n",
		"OPTIONS http://x HTTP/1.1\r\n" + h + "\r\n",
		"HEAD //a//b;c=d?e HTTP/1.2\r\n" + h + "Pragma: no-cache\r\n\r\n",
		post + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
		post + "Content-Length: 0\r\nConnection: close, x-a\r\nX-A: 1\r\nX_Forwarded_For: 1\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\nTE: trailers\r\n\r\n5;a=b\r\nhello\r\n006\r\n world\r\n0\r\nX-T: 1\r\nHost: x\r\n\r\n",
		"GET /ws HTTP/1.1\r\n" + h + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"GET / HTTP/1.1\r\n" + h + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		"PURGE /x HTTP/1.1\r\n" + h + "Empty:\r\nTab:\ta\tb\t\r\nHigh: \xc3\xa9\r\n\r\n",
		post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		post + "Transfer-Encoding : chunked\r\n\r\n",
		post + "X: a\r\n b\r\n\r\n",
		post + "X: a\nb: c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a:0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /\r\n\r\n",
	}
}

func responseSeeds() []string {
	return []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nServer: s\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok",
		"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n",
		"HTTP/1.0 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nuntil close",
		"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: \"x\"\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 503 \r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
		"HTTP/1.1 200 OK\nX: a\n\n",
	}
}

// checkSplits fails the test unless the outcome is the same whole, in two at cut, and byte by byte, and nothing behind the message was used.
func checkSplits(t testing.TB, newCodec func() *codec, in []byte, cut uint) outcome {
	t.Helper()
	want := feedAll(newCodec(), in)
	if want.used > len(in) {
		t.Fatalf("input %q: used %d of %d bytes", in, want.used, len(in))
	}
	check := func(how string, got outcome) {
		t.Helper()
		if got != want {
			t.Fatalf("input %q %s:\ngot  %v, used %d\nwant %v, used %d", in, how, got, got.used, want, want.used)
		}
	}
	at := int(cut % uint(len(in)+1))
	check("in two", feedAll(newCodec(), in[:at], in[at:]))
	if len(in) <= 1024 { // the codec of the test copies everything each time
		c := newCodec()
		for i := range in {
			c.feed(in[i : i+1])
		}
		check("byte by byte", c.eof())
	}
	if want.done && !strings.Contains(want.head, "until_close") {
		check("without what is behind it", feedAll(newCodec(), in[:want.used]))
	}
	return want
}

func FuzzRequest(f *testing.F) {
	for i, seed := range requestSeeds() {
		f.Add([]byte(seed), uint(i*7))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint) {
		checkSplits(t, func() *codec { return requestCodec(Limits{}) }, in, cut)
		checkAgainstPlain(t, in)
		checkRequestAgainstNetHTTP(t, in)
		var r Request
		_ = ParseRequest(in, &r, Limits{}) // whatever it is: no panic
	})
}

// checkAgainstPlain compares with the plain parser whether the head at the start of in is accepted, and as what.
func checkAgainstPlain(t testing.TB, in []byte) {
	t.Helper()
	var s Scanner
	var r Request
	n, err := s.Scan(in, Limits{})
	if n == 0 || err != nil {
		return
	}
	got := ""
	if err = ParseRequest(in[:n], &r, Limits{}); err == nil {
		got = dumpRequest(&r)
	}
	if want := plainRequest(string(in[:n])); got != want {
		t.Fatalf("head %q:\ngot  %q %v\nwant %q", in[:n], got, err, want)
	}
}

func FuzzResponse(f *testing.F) {
	for i, seed := range responseSeeds() {
		f.Add([]byte(seed), uint(i*7), i%3 == 0)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint, head bool) {
		method := GET
		if head {
			method = HEAD
		}
		checkSplits(t, func() *codec { return responseCodec(method, Limits{}) }, in, cut)
		checkResponseAgainstNetHTTP(t, in, method)
		var r Response
		if err := ParseResponse(in, method, &r, Limits{}); err != nil && err.Status != 502 {
			t.Fatalf("input %q: got status %d, want 502", in, err.Status)
		}
	})
}

func FuzzBody(f *testing.F) {
	for i, seed := range chunkSeeds {
		f.Add([]byte(seed), uint8(Chunked), int64(0), uint(i))
	}
	f.Add([]byte("hello world"), uint8(ByLength), int64(5), uint(3))
	f.Add([]byte("hello"), uint8(ByLength), int64(50), uint(3))
	f.Add([]byte("hello"), uint8(UntilClose), int64(0), uint(3))
	f.Add([]byte("hello"), uint8(NoBody), int64(0), uint(3))
	f.Fuzz(func(t *testing.T, in []byte, framing uint8, length int64, cut uint) {
		newCodec := func() *codec {
			c := &codec{inBody: true}
			c.body.Reset(Framing(framing%4), length)
			return c
		}
		got := checkSplits(t, newCodec, in, cut)
		if Framing(framing%4) == Chunked {
			checkChunksAgainstPlain(t, in, got)
		}
	})
}

var chunkSeeds = []string{
	"0\r\n\r\n",
	"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
	"5;a=\"b\"\r\nhello\r\n0A\r\n0123456789\r\n000;z\r\n\r\n",
	"1\r\na\r\n0\r\nX: 1\r\nTransfer-Encoding: chunked\r\nY:2\r\n\r\n",
	"7fffffffffffffff\r\nabc",
	"8000000000000000\r\nabc",
	"5 \r\nhello",
	"5\nhello\n0\n\n",
	"5;\x00\r\n",
	"5\r\nhelloX",
	"0\r\nX : 1\r\n\r\n",
	"0\r\n\rX",
}
