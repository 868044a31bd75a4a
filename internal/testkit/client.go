package testkit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Client is a raw connection to a gateway. Every read and write has [Patience] as its deadline.
type Client struct {
	*net.TCPConn
	R *bufio.Reader
	t testing.TB
}

// Response is a whole answer, its body read to the end.
type Response struct {
	*http.Response
	Text string // the body
}

// Dial connects to address. The connection is closed when the test is over.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		t.Fatalf("dial %s: %v", address, err)
	}
	c := &Client{TCPConn: conn.(*net.TCPConn), R: bufio.NewReader(conn), t: t}
	t.Cleanup(func() { _ = conn.Close() })
	return c
}

// Send writes the text as it is, and fails the test if that fails.
func (c *Client) Send(text string) {
	c.t.Helper()
	if err := c.TrySend(text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// TrySend writes the text as it is.
func (c *Client) TrySend(text string) error {
	_ = c.SetWriteDeadline(time.Now().Add(Patience))
	_, err := io.WriteString(c.TCPConn, text)
	return err
}

// SendBytewise writes the text a byte at a time, each in a segment of its own.
func (c *Client) SendBytewise(text string) {
	c.t.Helper()
	for i := range len(text) {
		c.Send(text[i : i+1])
	}
}

// Read reads one whole answer to a request of that method, interim ones (1xx) too, and fails the test if it cannot.
func (c *Client) Read(method string) *Response {
	c.t.Helper()
	r, err := c.TryRead(method)
	if err != nil {
		c.t.Fatalf("read the answer to %s: %v", method, err)
	}
	return r
}

// TryRead is Read that gives the error. If the head was whole, the response is there even with an error, with as
// much of its body as came.
func (c *Client) TryRead(method string) (*Response, error) {
	r, err := c.Head(method)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	r.Text = string(body)
	return r, err
}

// Head reads the head of an answer only; the body is to be read from its Body.
func (c *Client) Head(method string) (*Response, error) {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	r, err := http.ReadResponse(c.R, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	return &Response{Response: r}, nil
}

// Do sends the text and reads one answer; the method is the text's first word.
func (c *Client) Do(text string) *Response {
	c.t.Helper()
	c.Send(text)
	method, _, _ := strings.Cut(text, " ")
	return c.Read(method)
}

// ReadAll reads until the other side ends the connection. The error is nil for an end in order, else that of a reset.
func (c *Client) ReadAll() (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	all, err := io.ReadAll(c.R)
	return string(all), err
}

// WantClosed fails the test unless the other side ends the connection without sending more.
func (c *Client) WantClosed() {
	c.t.Helper()
	rest, err := c.ReadAll()
	if rest != "" {
		c.t.Errorf("before the end of the connection: got %q, want nothing", rest)
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Errorf("the connection: got open after %v, want closed", Patience)
	}
}

// Do sends one request on a connection of its own and reads its answer.
func Do(t testing.TB, address, text string) *Response {
	t.Helper()
	c := Dial(t, address)
	defer c.Close()
	return c.Do(text)
}

// Get is the text of a plain request for path; fields are whole field lines without CRLF.
func Get(path string, fields ...string) string { return Request11("GET", path, "", fields...) }

// Post is the text of a plain request with a body and its Content-Length.
func Post(path, body string, fields ...string) string {
	return Request11("POST", path, body, append(fields, fmt.Sprintf("Content-Length: %d", len(body)))...)
}

// Request11 is the text of an HTTP/1.1 request to the host example.test; nothing is added for the body.
func Request11(method, path, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.test\r\n", method, path)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// WantStatus fails the test unless the answer has the status and, in X-Graygate-Error, the code ("": none).
func (r *Response) WantStatus(t testing.TB, status int, code string) {
	t.Helper()
	if got := r.Header.Get("X-Graygate-Error"); r.StatusCode != status || got != code {
		t.Fatalf("answer: got %d %q (%q), want %d %q", r.StatusCode, got, r.Text, status, code)
	}
}
