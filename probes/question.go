package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// question is a check made ready for one endpoint. Immutable.
type question struct {
	check   *Check
	address string      // that is dialled
	host    string      // that an HTTP request or a gRPC call names
	tls     *tls.Config // nil: plain
	name    string      // Target.Host
}

func newQuestion(t Target) *question {
	c := t.Check
	q := &question{check: c, address: t.Address, host: t.Address, name: t.Host}
	host, _, err := net.SplitHostPort(t.Address)
	if err == nil && c.Port != 0 {
		q.address = net.JoinHostPort(host, strconv.Itoa(c.Port))
		q.host = q.address
	}
	if c.HTTP != nil && c.HTTP.Host != "" {
		q.host = c.HTTP.Host
	}
	if c.TLS != nil {
		q.tls = c.TLS
		named := c.TLS.ServerName != "" // else it has to be, verified or not: servers choose their certificate by it
		if !named || c.GRPC != nil {
			q.tls = c.TLS.Clone()
			if !named {
				q.tls.ServerName = cmp.Or(t.Host, host)
			}
			if c.GRPC != nil {
				q.tls.NextProtos = []string{"h2"}
			}
		}
	}
	return q
}

// ask makes one check; nil if it passed. It returns soon after the context is done. See [reason] for the errors.
func ask(ctx context.Context, q *question) error {
	w, err := dial(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	switch {
	case q.check.HTTP != nil:
		err = askHTTP(w, q)
	case q.check.GRPC != nil:
		err = askGRPC(ctx, w, q)
	case q.check.TCP != nil:
		err = askTCP(w, q.check.TCP)
	default:
		panic("BUG: a check without a kind")
	}
	var answered *answeredError
	switch cause := w.failure.Load(); {
	case err == nil, errors.As(err, &answered):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case cause != nil:
		return *cause
	}
	return err
}

// wire is the connection of one check. It fails once the check's context is done, and when more than maxReadBytes have
// been read. Close may be called more than once; it closes the socket without a parting word of TLS, which would wait for
// an endpoint that does not read.
type wire struct {
	net.Conn // what is spoken on: the socket, or TLS over it
	socket   *socket
	unbind   func() bool
	failure  atomic.Pointer[error] // what failed first: the libraries that read and write do not all keep it
}

// socket is the connection below TLS.
type socket struct {
	net.Conn
	left int // bytes that may still be read
}

func dial(ctx context.Context, q *question) (*wire, error) {
	var d net.Dialer
	d.KeepAlive = -1 // two system calls less, for a connection that lives as long as its check
	raw, err := d.DialContext(ctx, "tcp", q.address)
	if err != nil {
		return nil, failed(err)
	}
	s := &socket{Conn: raw, left: maxReadBytes}
	w := &wire{Conn: s, socket: s}
	w.unbind = context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	if q.tls == nil {
		return w, nil
	}
	secure := tls.Client(s, q.tls)
	if err := secure.Handshake(); err != nil {
		_ = w.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &handshakeError{err}
	}
	w.Conn = secure
	return w, nil
}

// Read keeps what fails.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.keep(err)
	return n, err
}

// Write keeps what fails. An endpoint that refuses a client by TLS closes the connection behind its alert, so that
// writing may fail before the alert is read; it is the better reason.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if err != nil && w.Conn != net.Conn(w.socket) {
		_, _ = w.Read(make([]byte, 1)) // does not wait: the socket is dead, or its deadline has passed
	}
	w.keep(err)
	return n, err
}

func (w *wire) keep(err error) {
	if err != nil && err != io.EOF && !errors.Is(err, net.ErrClosed) { // closed is what we did ourselves
		w.failure.CompareAndSwap(nil, &err)
	}
}

// Close closes the socket.
func (w *wire) Close() error {
	w.unbind()
	return w.socket.Close()
}

// SetDeadline does nothing, as do its likes: the check's context is the only deadline.
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func (s *socket) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errTooMuch
	}
	n, err := s.Conn.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}
