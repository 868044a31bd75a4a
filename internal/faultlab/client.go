package faultlab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// idField is the header field of a request's number.
const idField = "X-Lab-Id"

// client makes one request at a time on a connection that it keeps. It never repeats one: what happens to the
// connection is what the user would have seen.
type client struct {
	address  string
	patience time.Duration
	conn     net.Conn
	r        *bufio.Reader
}

// do makes the request and fills in how it ended.
func (c *client) do(x *Record) {
	x.Sent = time.Now()
	x.Outcome = c.exchange(x)
	x.Took = time.Since(x.Sent)
	if x.Outcome != OK && x.Outcome != BadStatus && x.Outcome != Wrong {
		c.close()
	}
}

func (c *client) exchange(x *Record) Outcome {
	deadline := x.Sent.Add(c.patience)
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, c.patience)
		if err != nil {
			return Refused
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(deadline)
	if _, err := io.WriteString(c.conn, x.text()); err != nil {
		return outcomeOf(err)
	}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return outcomeOf(err)
	}
	defer answer.Body.Close()
	x.Status, x.Code, x.Backend = answer.StatusCode, answer.Header.Get("X-Graygate-Error"), answer.Header.Get("X-Backend")
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return TimedOut
	case err != nil:
		return Truncated
	}
	if answer.Close {
		c.close()
	}
	switch {
	case x.Backend != "" && string(body) != Body:
		return Wrong
	case x.Status != http.StatusOK:
		return BadStatus
	case x.Backend == "":
		return Wrong
	}
	return OK
}

// text is the request as it is written.
func (x *Record) text() string {
	text := fmt.Sprintf("%s /lab HTTP/1.1\r\nHost: lab.example.com\r\n%s: %s\r\n", x.Method, idField, x.ID)
	if x.Gray {
		text += "X-Gray-Tag: gray\r\n"
	}
	if x.Method == http.MethodPost {
		text += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(x.ID), x.ID)
		return text
	}
	return text + "\r\n"
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.r = nil, nil
	}
}

// outcomeOf is how a request ended that got no answer.
func outcomeOf(err error) Outcome {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return TimedOut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	}
	return Closed
}
