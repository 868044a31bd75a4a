package gateway_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// TestAsymmetry sends 10 KiB of what is cheap to send and might be dear to take, into every state of a connection, and counts what that
// costs in memory: what is held while the connections stand, and what is allocated on the way. Client and backend are in the same count.
func TestAsymmetry(t *testing.T) {
	const (
		size      = 10 << 10
		most      = 1 << 20   // what 10 KiB of input may cost
		mostHeld  = 256 << 10 // of that, for as long as it lasts; 64 KiB are the backend's reader
		many, few = 40, 3
	)
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	chunked := testkit.Request11("POST", "/", "", "Transfer-Encoding: chunked")
	const answer = "HTTP/1.1 200 OK\r\n"
	silent := func(c *testkit.Conn, _ *testkit.Request) { _ = c.WaitEnd() }
	for _, row := range []struct {
		name          string
		before, input string
		bytewise      bool
		up            bool // the input is the backend's, and before is what the client asks
		serve         func(*testkit.Conn, *testkit.Request)
	}{
		{name: "field", before: "GET / HTTP/1.1\r\nX: ", input: fill("x")},
		{name: "field, byte by byte", before: "GET / HTTP/1.1\r\nX: ", input: fill("x"), bytewise: true},
		{name: "target", before: "GET /", input: fill("x")},
		{name: "empty lines", input: fill("\r\n")},
		{name: "fields", before: "GET / HTTP/1.1\r\nHost: example.test\r\n", input: strings.Repeat("X: "+strings.Repeat("y", 75)+"\r\n", 127) + "\r\n"},
		{name: "too many fields", before: "GET / HTTP/1.1\r\nHost: example.test\r\n", input: fill("X:\r\n") + "\r\n"},
		{name: "Connection", before: "GET / HTTP/1.1\r\nHost: example.test\r\n", input: "Connection: " + strings.Repeat("x,", 16) + "\r\n" + strings.Repeat("X"+strings.Repeat("y", 75)+":\r\n", 120) + "\r\n"},
		{name: "Connection of commas", before: "GET / HTTP/1.1\r\nHost: example.test\r\nConnection: ", input: fill(",") + "\r\n\r\n"},
		{name: "Upgrade of commas", before: "GET / HTTP/1.1\r\nHost: example.test\r\nConnection: upgrade\r\nUpgrade: ", input: fill("x,") + "\r\n\r\n"},
		{name: "Cookie", before: "GET / HTTP/1.1\r\nHost: example.test\r\nCookie: ", input: fill("a=b; ") + "\r\n\r\n"},
		{name: "Cookies", before: "GET / HTTP/1.1\r\nHost: example.test\r\n", input: strings.Repeat("Cookie: "+strings.Repeat("a=b; ", 15)+"\r\n", 120) + "\r\n"},
		{name: "query", before: "GET /?", input: fill("a=b&") + " HTTP/1.1\r\nHost: example.test\r\n\r\n"},
		{name: "escaped query", before: "GET /?", input: fill("%75%69%64=%41&") + " HTTP/1.1\r\nHost: example.test\r\n\r\n"},
		{name: "path", before: "GET ", input: fill("/a") + " HTTP/1.1\r\nHost: example.test\r\n\r\n"},
		{name: "Host", before: "GET / HTTP/1.1\r\nHost: ", input: fill("a.") + "\r\n\r\n"},
		{name: "version", before: "GET / HTTP/1.1\r\nHost: example.test\r\nX-App-Version: ", input: fill("1.") + "\r\n\r\n"},
		{name: "X-Forwarded-For", before: "GET / HTTP/1.1\r\nHost: example.test\r\nX-Forwarded-For: ", input: fill("127.0.0.1,") + "127.0.0.1\r\n\r\n"},
		{name: "Transfer-Encoding", before: "POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: ", input: fill("x,") + "chunked\r\n\r\n"},
		{name: "garbage", input: "\x00" + fill("x")},
		{name: "behind a refusal", before: "\x00", input: fill("x")},
		{name: "pipelined", before: testkit.Get("/"), input: fill(testkit.Get("/"))},
		{name: "pipelined without route", before: "GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n", input: fill("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n")},
		{name: "pipelined behind a relay", before: testkit.Post("/", megabytes), input: fill(testkit.Get("/"))},
		{name: "body", before: testkit.Request11("POST", "/", "", "Content-Length: 10240"), input: fill("x")},
		{name: "body, byte by byte", before: testkit.Request11("POST", "/", "", "Content-Length: 10240"), input: fill("x"), bytewise: true},
		{name: "long body", before: testkit.Request11("POST", "/", "", "Content-Length: 9223372036854775807"), input: fill("x")},
		{name: "long body, byte by byte", before: testkit.Request11("POST", "/", "", "Content-Length: 9223372036854775807"), input: fill("x"), bytewise: true},
		{name: "chunks", before: chunked, input: fill("1\r\nx\r\n")},
		{name: "chunks, byte by byte", before: chunked, input: fill("1\r\nx\r\n"), bytewise: true},
		{name: "chunk extension", before: chunked + "1;", input: fill("x")},
		{name: "chunk extensions", before: chunked, input: fill("1;x\r\nx\r\n")},
		{name: "vast chunk", before: chunked + "7fffffffffffffff\r\n", input: fill("x")},
		{name: "trailers", before: chunked + "0\r\n", input: strings.Repeat("X: "+strings.Repeat("y", 243)+"\r\n", 31)},
		{name: "trailers, byte by byte", before: chunked + "0\r\n", input: strings.Repeat("X: "+strings.Repeat("y", 243)+"\r\n", 31), bytewise: true},
		{name: "too many trailers", before: chunked + "0\r\n", input: fill("X:\r\n")},
		{name: "tunnel", before: testkit.Get("/tunnel", "Connection: upgrade", "Upgrade: x"), input: fill("x"), serve: func(c *testkit.Conn, _ *testkit.Request) {
			c.Send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			_ = c.WaitEnd()
		}},
		{name: "before the answer to an upgrade", before: testkit.Get("/tunnel", "Connection: upgrade", "Upgrade: x"), input: fill("x")},

		{name: "answer: head", up: true, before: testkit.Get("/"), input: answer + "X: " + fill("x")},
		{name: "answer: head, byte by byte", up: true, before: testkit.Get("/"), input: answer + "X: " + fill("x"), bytewise: true},
		{name: "answer: head in a relay, byte by byte", up: true, before: testkit.Post("/", megabytes), input: answer + "X: " + fill("x"), bytewise: true},
		{name: "answer: fields", up: true, before: testkit.Get("/"), input: answer + strings.Repeat("X: "+strings.Repeat("y", 75)+"\r\n", 127) + "\r\n"},
		{name: "answer: interim", up: true, before: testkit.Get("/"), input: strings.Repeat("HTTP/1.1 103 x\r\nX: "+strings.Repeat("y", 600)+"\r\n\r\n", 16)},
		{name: "answer: too many interim", up: true, before: testkit.Get("/"), input: fill("HTTP/1.1 100 x\r\n\r\n")},
		{name: "answer: chunks", up: true, before: testkit.Get("/"), input: answer + "Transfer-Encoding: chunked\r\n\r\n" + fill("1\r\nx\r\n")},
		{name: "answer: chunks, byte by byte", up: true, before: testkit.Get("/"), input: answer + "Transfer-Encoding: chunked\r\n\r\n" + fill("1\r\nx\r\n"), bytewise: true},
		{name: "answer: chunk extension", up: true, before: testkit.Get("/"), input: answer + "Transfer-Encoding: chunked\r\n\r\n1;" + fill("x")},
		{name: "answer: trailers", up: true, before: testkit.Get("/"), input: answer + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 243)+"\r\n", 31)},
		{name: "answer: until the end, byte by byte", up: true, before: testkit.Get("/"), input: answer + "\r\n" + fill("x"), bytewise: true},
		{name: "answer: excess", up: true, before: testkit.Get("/"), input: answer + "Content-Length: 0\r\n\r\n" + fill("x")},
	} {
		t.Run(row.name, func(t *testing.T) {
			begin, sent := make(chan bool), make(chan bool)
			serve := row.serve
			switch {
			case row.up:
				serve = func(c *testkit.Conn, r *testkit.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					<-begin
					sendAs(c, row.input, row.bytewise)
					sent <- true
					_ = c.WaitEnd()
				}
			case serve == nil:
				serve = silent
			}
			b := testkit.Serve(t, serve)
			honest := newOrigin(t)
			p := testkit.Gateway(t, asymmetryConfig(honest.Backend, b))
			ping := &pinger{Client: testkit.Dial(t, p.Addr)}
			n := many
			if row.bytewise || len(row.before) > 1<<20 {
				n = few
			}
			var clients []*testkit.Client
			for range n + 1 {
				c := testkit.Dial(t, p.Addr)
				c.Send(row.before)
				clients = append(clients, c)
			}
			shoot := func(c *testkit.Client) {
				if !row.up {
					sendAs(c, row.input, row.bytewise)
				}
			}
			if row.up {
				testkit.Until(t, "the requests to arrive", func() bool { return len(b.Seen()) == n+1 })
				begin <- true
				<-sent
			}
			shoot(clients[0]) // the first one warms up
			ping.once(t)
			var before, after, held runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for _, c := range clients[1:] {
				if row.up {
					begin <- true
					<-sent
				}
				shoot(c)
			}
			ping.once(t)
			runtime.ReadMemStats(&after)
			runtime.GC()
			runtime.ReadMemStats(&held)
			if got := int64(after.TotalAlloc-before.TotalAlloc) / int64(n); got > most && !testkit.Race {
				t.Errorf("allocated for %d bytes: got %d, want at most %d", len(row.input), got, most)
			}
			if got := (int64(held.HeapAlloc) - int64(before.HeapAlloc)) / int64(n); got > mostHeld {
				t.Errorf("held for %d bytes: got %d, want at most %d", len(row.input), got, mostHeld)
			}
			if testing.Verbose() {
				t.Logf("%d bytes: %d allocated, %d held", len(row.input), int64(after.TotalAlloc-before.TotalAlloc)/int64(n), (int64(held.HeapAlloc)-int64(before.HeapAlloc))/int64(n))
			}
			for _, c := range clients {
				_ = c.Close()
			}
			ping.once(t)
			if got := p.Counters().Panics; got != 0 {
				t.Errorf("panics: got %d, want 0", got)
			}
		})
	}
}

// sendAs writes the text at once or byte by byte. The other side may have had enough of it.
func sendAs(w io.Writer, text string, bytewise bool) {
	all, piece := []byte(text), len(text)
	if bytewise {
		piece = 1
	}
	for ; len(all) > 0; all = all[min(piece, len(all)):] {
		if _, err := w.Write(all[:min(piece, len(all))]); err != nil {
			return
		}
	}
}

// asymmetryConfig has rules that look at everything there is to look at.
func asymmetryConfig(honest, b *testkit.Backend) string {
	return fmt.Sprintf(`
listeners: [{address: %s}]
loops: 1
access_log: off
trusted_proxies: [127.0.0.1]
attributes:
  userid: {from: [header X-User-Id, cookie uid, query uid]}
  version: {from: [header X-App-Version], type: version}
upstreams:
  honest: {endpoints: [%s]}
  stable: {endpoints: [%s]}
  gray: {endpoints: [%s]}
routes:
  - {name: ping, host: example.test, path: /ping, stable: honest}
  - name: test
    host: example.test
    stable: stable
    gray: gray
    rules:
      - {name: user, when: "userid == 'u'"}
      - {name: version, when: "version > '1.0' and not (version < '2.0')"}
      - {name: cookie, when: "gray_version in ['v1', 'v2']"}
      - {name: address, when: "ip == '10.0.0.1'"}
      - {name: path, when: "path == '/x' or host == 'x' or method == 'X'"}
      - {name: ramp, percent: 1, by: userid}
`, testkit.Listen, honest.Addr, b.Addr, b.Addr)
}
