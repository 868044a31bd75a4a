package load

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// client is one connection on which one request at a time is made. Unlike net/http's it never retries and never
// reconnects: whatever happens to the connection is seen.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	host   string
}

func connect(ctx context.Context, address string) (*client, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return newClient(conn, address), nil
}

func newClient(conn net.Conn, host string) *client {
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 1<<10), host: host}
}

// answer is what came back for a request, read to its end.
type answer struct {
	status int
	body   string
	ends   bool // it announces that the connection ends
}

// get asks for /. An error means that there was no whole answer, and that the connection is of no more use.
func (c *client) get(tag string, last bool, within time.Duration) (answer, error) {
	head := "GET / HTTP/1.1\r\nHost: " + c.host + "\r\n"
	if tag != "" {
		head += "X-Gray-Tag: " + tag + "\r\n"
	}
	if last {
		head += "Connection: close\r\n"
	}
	return c.do(head+"\r\n", within)
}

// do sends a request as it is written and reads its answer. An error means that there was no whole answer.
func (c *client) do(request string, within time.Duration) (answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, body: string(text), ends: resp.Close}, err
}

func (c *client) close() { _ = c.conn.Close() }
