package testkit

import (
	"crypto/tls"
	"net"
	"testing"
)

// Secure is the TLS of a backend.
type Secure struct {
	Config *tls.Config
	Wire   func(net.Conn) net.Conn // what stands between TLS and the socket; nil: nothing
}

func (s *Secure) server(tcp net.Conn) *tls.Conn {
	if s.Wire != nil {
		tcp = s.Wire(tcp)
	}
	return tls.Server(tcp, s.Config)
}

// NewSecureBackend is [NewBackend] with TLS. A connection whose handshake fails is closed, and its handler not called.
func NewSecureBackend(t testing.TB, secure *Secure, handle func(*Conn)) *Backend {
	t.Helper()
	return newBackend(t, Listen, secure, handle)
}

// ServeSecure is [Serve] with TLS.
func ServeSecure(t testing.TB, secure *Secure, handle func(c *Conn, r *Request)) *Backend {
	t.Helper()
	return newBackend(t, Listen, secure, serving(handle))
}

// ByteByByte is a wire on which each byte written is a segment of its own.
func ByteByByte(c net.Conn) net.Conn { return byteByByte{c} }

type byteByByte struct{ net.Conn }

func (b byteByByte) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := b.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
