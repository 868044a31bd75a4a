package testkit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Backend is a server on loopback that does what its handler tells it, and remembers what it was sent.
type Backend struct {
	Addr string // host:port

	t        testing.TB
	fd       int // of Refused and Hanging, which have no listener
	listener *net.TCPListener
	secure   *Secure // nil: plain
	handle   func(*Conn)
	done     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  []*Conn
	seen   []*Request
}

// Conn is one connection to a backend, from the backend's side.
type Conn struct {
	*net.TCPConn
	TLS     *tls.Conn // nil: plain; past the handshake when a handler gets it
	N       int       // from 0, in the order of being accepted
	Backend *Backend
	R       *bufio.Reader // reads through the recording

	mu       sync.Mutex
	received bytes.Buffer
	total    int64
	ended    bool
}

// Request is one request as a backend saw it.
type Request struct {
	*http.Request
	Conn int    // which connection it came on
	N    int    // from 0, among the requests of that connection
	Head string // verbatim, with the final empty line
}

// NewBackend starts a backend whose handler has each connection to itself, in a goroutine; when it returns, the connection is closed.
func NewBackend(t testing.TB, handle func(*Conn)) *Backend {
	t.Helper()
	return newBackend(t, Listen, nil, handle)
}

// NewBackendAt is NewBackend on an address of the caller's choice.
func NewBackendAt(t testing.TB, address string, handle func(*Conn)) *Backend {
	t.Helper()
	return newBackend(t, address, nil, handle)
}

func newBackend(t testing.TB, address string, secure *Secure, handle func(*Conn)) *Backend {
	t.Helper()
	Leaks(t)
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("backend: %v", err)
	}
	b := &Backend{Addr: ln.Addr().String(), t: t, listener: ln.(*net.TCPListener), secure: secure, handle: handle}
	b.done.Go(b.accept)
	t.Cleanup(b.Close)
	return b
}

// Serve starts a backend that reads requests, one after another, and has the handler answer each. What the handler leaves unread
// of a body is read and thrown away, unless it ended the connection. Bytes that are no request end the connection.
func Serve(t testing.TB, handle func(c *Conn, r *Request)) *Backend {
	t.Helper()
	return NewBackend(t, serving(handle))
}

// serving reads requests, one after another, and has each answered.
func serving(handle func(c *Conn, r *Request)) func(*Conn) {
	return func(c *Conn) {
		for n := 0; ; n++ {
			r, err := c.ReadRequest()
			if err != nil {
				return
			}
			r.N = n
			handle(c, r)
			if c.hasEnded() {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
	}
}

// Script starts a backend that answers the n-th request of its life, whatever the connection, with the n-th of the steps, and all
// further ones with the last.
func Script(t testing.TB, steps ...func(c *Conn, r *Request)) *Backend {
	t.Helper()
	var mu sync.Mutex
	next := 0
	return Serve(t, func(c *Conn, r *Request) {
		mu.Lock()
		step := steps[min(next, len(steps)-1)]
		next++
		mu.Unlock()
		step(c, r)
	})
}

// Refused gives a backend to which every connection is refused: its port is taken, so that nobody else gets it, but nobody listens.
func Refused(t testing.TB) *Backend {
	t.Helper()
	Leaks(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("bind: %v", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatalf("getsockname: %v", err)
	}
	return &Backend{Addr: fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), t: t, fd: fd}
}

// Hanging gives a backend to which a connection is neither made nor refused: its queue is full, and nobody takes anything out of it.
func Hanging(t testing.TB) *Backend {
	t.Helper()
	b := Refused(t)
	fd := b.fd
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatalf("listen: %v", err)
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", b.Addr, 100*time.Millisecond)
		if err != nil {
			return b
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("a queue of length 0 took 16 connections")
	return nil
}

// OK answers 200 with the body, after the whole request has been read.
func OK(body string) func(*Conn, *Request) {
	return func(c *Conn, r *Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.Send(Answer("200 OK", body))
	}
}

// Answer is the text of an answer with Content-Length. fields are whole field lines without CRLF.
func Answer(status, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\nContent-Length: %d\r\n", status, len(body))
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// Echo answers 200 with the request's head, verbatim, as the body; X-Backend has the name, X-Body-Length and X-Body-Sum
// what of a body came ([Sum]), and X-Conn which connection it came on. Not for HEAD.
func Echo(name string) func(*Conn, *Request) {
	return func(c *Conn, r *Request) {
		hash := sha256.New()
		n, err := io.Copy(hash, r.Body)
		if err != nil {
			c.Reset()
			return
		}
		sum := hex.EncodeToString(hash.Sum(nil))
		var trailer bytes.Buffer
		_ = r.Trailer.Write(&trailer)
		c.Send(Answer("200 OK", r.Head+trailer.String(), "X-Backend: "+name, fmt.Sprintf("X-Body-Length: %d", n), "X-Body-Sum: "+sum, fmt.Sprintf("X-Conn: %d", c.N)))
	}
}

// Sum is the checksum that Echo gives of a body.
func Sum(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (b *Backend) accept() {
	for {
		tcp, err := b.listener.AcceptTCP()
		if err != nil {
			return
		}
		c := &Conn{TCPConn: tcp, Backend: b}
		if b.secure != nil {
			c.TLS = b.secure.server(tcp)
		}
		c.R = bufio.NewReaderSize(recorder{c}, 1<<16) // room for the longest head
		b.mu.Lock()
		c.N = len(b.conns)
		b.conns = append(b.conns, c)
		if b.closed {
			c.end()
		}
		b.mu.Unlock()
		b.done.Go(func() {
			defer c.end()
			if c.TLS != nil && c.TLS.Handshake() != nil {
				return
			}
			b.handle(c)
		})
	}
}

// Close ends the backend and all its connections, and waits for its handlers. It may be called more than once.
func (b *Backend) Close() {
	if b.listener == nil {
		return
	}
	b.mu.Lock()
	b.closed = true
	conns := append([]*Conn(nil), b.conns...)
	b.mu.Unlock()
	_ = b.listener.Close()
	for _, c := range conns {
		_ = c.Close()
	}
	done := make(chan struct{})
	go func() {
		b.done.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * Patience):
		b.t.Errorf("backend %s: a handler did not return within %v after its connection was closed", b.Addr, 2*Patience)
	}
}

// Conns are all connections so far, those that have ended too.
func (b *Backend) Conns() []*Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Conn(nil), b.conns...)
}

// Seen are the requests so far whose heads were read by ReadRequest, in that order.
func (b *Backend) Seen() []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Request(nil), b.seen...)
}

// Received is what came in on all connections, one after the other.
func (b *Backend) Received() string {
	var all strings.Builder
	for _, c := range b.Conns() {
		all.WriteString(c.Received())
	}
	return all.String()
}

// ReadRequest reads the head of the next request. Its body is read through the request's Body, before the next call.
func (c *Conn) ReadRequest() (*Request, error) {
	head, err := c.peekHead()
	if err != nil {
		return nil, err
	}
	req, err := http.ReadRequest(c.R)
	if err != nil {
		c.Backend.t.Errorf("backend %s was sent what is no request: %v\n%q", c.Backend.Addr, err, head)
		return nil, err
	}
	r := &Request{Request: req, Conn: c.N, Head: head}
	c.Backend.mu.Lock()
	c.Backend.seen = append(c.Backend.seen, r)
	c.Backend.mu.Unlock()
	return r, nil
}

func (c *Conn) peekHead() (string, error) {
	for n := 1; ; {
		if _, err := c.R.Peek(n); err != nil {
			return "", err
		}
		n = c.R.Buffered()
		text, _ := c.R.Peek(n)
		if end := bytes.Index(text, []byte("\r\n\r\n")); end >= 0 {
			return string(text[:end+4]), nil
		}
		n++
	}
}

// Send writes the text as it is. An error is not the handler's business: the other side may be gone, and that is often the test.
func (c *Conn) Send(text string) { _, _ = c.Write([]byte(text)) }

// Write writes, under TLS if there is any.
func (c *Conn) Write(p []byte) (int, error) {
	if c.TLS != nil {
		return c.TLS.Write(p)
	}
	return c.TCPConn.Write(p)
}

// Cut ends the connection's TCP stream in order, and with TLS, without its close_notify.
func (c *Conn) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		_ = c.TCPConn.Close()
	}
}

// Close ends the connection in order. What was sent still arrives, if nothing that came in is unread.
func (c *Conn) Close() error {
	c.end()
	return nil
}

// Reset ends the connection with a RST: what was sent and not yet read by the other side is lost.
func (c *Conn) Reset() {
	_ = c.SetLinger(0)
	c.Cut()
}

func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		if c.TLS != nil && c.TLS.ConnectionState().HandshakeComplete {
			_ = c.TLS.CloseWrite()
		}
		_ = c.TCPConn.Close()
	}
}

func (c *Conn) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// WaitEnd reads, and throws away, until the other side ends the connection, and gives how: io.EOF, or what broke it.
// It waits no longer than [Patience].
func (c *Conn) WaitEnd() error {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	if _, err := io.Copy(io.Discard, c.R); err != nil {
		return err
	}
	return io.EOF
}

// Received is what came in on this connection, the first MiB of it, read by the handler or still in its reader.
func (c *Conn) Received() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received.String()
}

// Total is how many bytes came in on this connection.
func (c *Conn) Total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// recorded bounds how much of what comes in on one connection is kept.
const recorded = 1 << 20

// recorder reads from a connection and keeps what it read.
type recorder struct{ c *Conn }

func (r recorder) Read(p []byte) (int, error) {
	var (
		n   int
		err error
	)
	if r.c.TLS != nil {
		n, err = r.c.TLS.Read(p)
	} else {
		n, err = r.c.TCPConn.Read(p)
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.total += int64(n)
	if room := recorded - r.c.received.Len(); room > 0 {
		r.c.received.Write(p[:min(n, room)])
	}
	return n, err
}
