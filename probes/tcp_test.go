package probes_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"graygate/probes"
)

func TestTCP(t *testing.T) {
	row := func(name string, c probes.TCP, timeout time.Duration, f func(net.Conn), want string) {
		t.Run(name, func(t *testing.T) {
			if got := asks(t, speaks(t, f), &probes.Check{TCP: &c, Timeout: timeout}); got != want {
				t.Errorf("send %.100q, expect %q\n got %q\nwant %q", c.Send, c.Expect, got, want)
			}
		})
	}
	greets := func(text ...string) func(net.Conn) {
		return func(conn net.Conn) {
			for _, piece := range text {
				_, _ = io.WriteString(conn, piece)
			}
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	echoes := func(conn net.Conn) { _, _ = io.Copy(struct{ io.Writer }{conn}, conn) } // not spliced: Go keeps the pipes
	floods := func(conn net.Conn) {
		for _, err := io.WriteString(conn, "x"); err == nil; _, err = io.WriteString(conn, strings.Repeat("x", 64<<10)) {
		}
	}
	const short = 50 * time.Millisecond
	row("a connection is enough", probes.TCP{}, 0, greets(), "")
	row("a greeting", probes.TCP{Expect: []byte("+OK")}, 0, greets("+OK ready\r\n"), "")
	row("in the middle, by pieces", probes.TCP{Expect: []byte("SMTP")}, 0, greets("220 mail ", "ES", "M", "TP\r\n"), "")
	row("an answer", probes.TCP{Send: []byte("PING\r\n"), Expect: []byte("PING\r\n")}, 0, echoes, "")
	row("another answer", probes.TCP{Send: []byte("PING\r\n"), Expect: []byte("PONG")}, short, echoes, "timeout after 50ms")
	row("closed", probes.TCP{Expect: []byte("+OK")}, 0, func(conn net.Conn) { _, _ = io.WriteString(conn, "-ERR"); hangsUp(conn) }, "answer is not what is expected")
	row("silence", probes.TCP{Expect: []byte("+OK")}, short, greets(), "timeout after 50ms")
	row("no end", probes.TCP{Expect: []byte("+OK")}, 0, floods, "answer is not what is expected")
	row("at the end of what is read", probes.TCP{Expect: []byte("ab")}, 0, greets(strings.Repeat("x", probes.MaxAnswerBytes-2)+"ab"), "")
	row("just beyond", probes.TCP{Expect: []byte("ab")}, 0, greets(strings.Repeat("x", probes.MaxAnswerBytes-1)+"ab"), "answer is not what is expected")
	if got, want := asks(t, refuses(t), &probes.Check{TCP: &probes.TCP{}}), "connection refused"; got != want {
		t.Errorf("nobody listens: got %q, want %q", got, want)
	}
}

func TestTCPThatIsNotRead(t *testing.T) {
	over := make(chan struct{})
	address := speaks(t, func(net.Conn) { <-over })
	c := &probes.Check{TCP: &probes.TCP{Send: make([]byte, 16<<20)}, Timeout: 50 * time.Millisecond}
	if got, want := asks(t, address, c), "timeout after 50ms"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	close(over)
}

func TestTCPByTLS(t *testing.T) {
	a := newAuthority(t)
	address := speaksOn(t, tls.NewListener(listen(t), a.server(t, nil)), func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
	c := &probes.Check{TCP: &probes.TCP{Send: []byte("a"), Expect: []byte("a")}, TLS: &tls.Config{RootCAs: a.pool}}
	if got := asks(t, address, c); got != "" {
		t.Errorf("got %q", got)
	}
	c.TLS = &tls.Config{RootCAs: newAuthority(t).pool}
	if got, want := asks(t, address, c), "TLS: certificate is signed by an unknown authority"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
