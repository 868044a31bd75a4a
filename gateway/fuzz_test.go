package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// FuzzGateway sends bytes over a real connection, in pieces of any length, to a gateway with a strict origin behind it: it never panics, the origin
// is sent nothing but requests that net/http can parse and no ambiguous byte, and it answers a probe afterwards.
func FuzzGateway(f *testing.F) {
	for _, a := range smugglingCorpus() {
		if len(a.raw) < 1000 {
			text := strings.ReplaceAll(a.raw, "{id}", "x")
			f.Add([]byte(text), []byte{byte(len(text) / 2)})
		}
	}
	f.Add([]byte(testkit.Get("/tunnel", "Connection: upgrade", "Upgrade: x")+"raw\x00\r\n\n"), []byte{200})
	f.Add([]byte(strings.Repeat(testkit.Get("/"), 5)), []byte{1, 2, 3, 100})
	f.Add([]byte(testkit.Request11("POST", "/", strings.Repeat("5;a=b\r\nabcde\r\n", 9)+"0\r\nX: y\r\n\r\n", "Transfer-Encoding: chunked")+testkit.Get("/")), []byte{7, 130})
	f.Add([]byte(testkit.Request11("POST", "/", "abc", "Content-Length: 1048577")), []byte{})

	o := newStrictOrigin(f)
	p := testkit.Gateway(f, fmt.Sprintf("listeners: [{address: %s}]\nloops: 1\naccess_log: off\nlimits: {head_size: 4KiB, header_count: 32}\ntimeouts: {head: 2s, body: 2s, tunnel: 2s}\n"+
		"upstreams: {stable: {endpoints: [%s]}}\nroutes: [{name: all, stable: stable}]\n", testkit.Listen, o.listener.Addr()))
	ping := &pinger{Client: testkit.Dial(f, p.Addr)}
	f.Fuzz(func(t *testing.T, data, splits []byte) {
		if len(data) > 64<<10 {
			return
		}
		c := testkit.Dial(t, p.Addr)
		defer c.Close()
		rest := data
		for i, n := range splits {
			n := min(int(n), len(rest))
			if n == 0 || c.TrySend(string(rest[:n])) != nil {
				break
			}
			rest = rest[n:]
			if i < 4 {
				ping.once(t) // the loop has seen this piece
			}
		}
		_ = c.TrySend(string(rest))
		ping.once(t)
		_ = c.CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(testkit.Patience))
		if _, err := c.ReadAll(); isTimeout(err) {
			t.Errorf("%q: got the connection open after its end, want it closed", data)
		}
		if got := p.Counters().Panics; got != 0 || strings.Contains(p.Said.String(), "BUG:") {
			t.Errorf("%q: got %d panics: %s", data, got, p.Said)
		}
		if wrong := o.wrong.Swap(nil); wrong != nil {
			t.Errorf("%q: %v", data, *wrong)
		}
	})
}

// strictOrigin echoes what it was asked for, and remembers nothing but the last thing that was wrong.
type strictOrigin struct {
	listener net.Listener
	wrong    atomic.Pointer[error]

	mu    sync.Mutex
	conns map[net.Conn]bool // nil: over
}

func newStrictOrigin(t testing.TB) *strictOrigin {
	t.Helper()
	testkit.Leaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &strictOrigin{listener: ln, conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if o.enter(c) {
				all.Go(func() { o.serve(c) })
			}
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		o.mu.Lock()
		for c := range o.conns {
			_ = c.Close()
		}
		o.conns = nil
		o.mu.Unlock()
		all.Wait()
	})
	return o
}

func (o *strictOrigin) enter(c net.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns == nil {
		_ = c.Close()
		return false
	}
	o.conns[c] = true
	return true
}

func (o *strictOrigin) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		o.mu.Lock()
		delete(o.conns, c)
		o.mu.Unlock()
	}()
	in := bufio.NewReaderSize(c, 16<<10)
	for {
		if err := checkHead(in); err != nil {
			if err != io.EOF {
				o.wrong.Store(&err)
			}
			return
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			err = fmt.Errorf("the origin was sent what is no request: %w", err)
			o.wrong.Store(&err)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // cut off
		}
		if r.URL.Path == "/tunnel" && r.Header.Get("Upgrade") != "" {
			_, _ = io.WriteString(c, "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(c, in)
			return
		}
		_, _ = io.WriteString(c, testkit.Answer("200 OK", "", "X-Echo: "+r.Method+" "+r.RequestURI))
	}
}

// checkHead looks at the next head without taking it: every line ends in CRLF, is not folded, has no control byte, and no space before its
// colon. A head that does not come whole is io.EOF.
func checkHead(in *bufio.Reader) error {
	for n := 1; ; {
		if _, err := in.Peek(n); err != nil {
			return io.EOF
		}
		text, _ := in.Peek(in.Buffered())
		head, _, whole := bytes.Cut(text, []byte("\r\n\r\n"))
		if !whole {
			n = len(text) + 1
			continue
		}
		for i, line := range bytes.Split(head, []byte("\r\n")) {
			name, _, colon := bytes.Cut(line, []byte(":"))
			if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || i > 0 && (!colon || len(name) == 0 || bytes.ContainsAny(name, " \t")) {
				return fmt.Errorf("the origin was sent the line %q", line)
			}
		}
		return nil
	}
}
