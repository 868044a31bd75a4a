package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"graygate/config"
	"graygate/upstream"
)

// tlsSession is TLS on one connection to an endpoint. The standard library's tls.Conn does all of it; what changes is the wire
// below. The goroutine that dials makes the handshake over the socket; then the session belongs to the loop, which reads and
// writes the socket itself; and while the connection is in a relay, to that. It is used by one goroutine at a time, but for
// a relay's two directions, of which one reads and the other writes.
type tlsSession struct {
	conn *tls.Conn
	wire tlsWire
	made *tls.Config // of the pool, when the connection was made: another pointer stands for other settings
	told bool        // close_notify has come: what came before it is whole (RFC 8446 6.1)
	end  error       // why nothing can be read any more: io.EOF, or what is wrong; nil: it can
}

// dialEndpoint connects, and where the pool has TLS, makes the handshake, both within the pool's connect time-out. Keep-alive
// probes are left out: an idle connection has its own deadline, and every connection would pay for them with system calls.
func (g *Gateway) dialEndpoint(e *upstream.Endpoint, p *upstream.Pool) (*net.TCPConn, *tlsSession, error) {
	ctx, cancel := context.WithTimeout(g.life, p.ConnectTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", e.Address)
	if err != nil {
		return nil, nil, err
	}
	tcp := conn.(*net.TCPConn)
	if p.TLS == nil {
		return tcp, nil, nil
	}
	s, err := newTLSSession(ctx, tcp, e, p.TLS.Config)
	if err != nil {
		_ = tcp.Close()
		g.tlsTroubles.tell(g, e, err)
		return nil, nil, err
	}
	g.tlsTroubles.forget(e)
	return tcp, s, nil
}

// newTLSSession makes the handshake over a socket, which stays the caller's.
func newTLSSession(ctx context.Context, tcp *net.TCPConn, e *upstream.Endpoint, settings *tls.Config) (*tlsSession, error) {
	c := settings.Clone()
	if c.ServerName == "" {
		c.ServerName = e.Host
	}
	if c.ClientSessionCache != nil {
		c.ClientSessionCache = endpointSessions{c.ClientSessionCache, e.Address}
	}
	s := &tlsSession{made: settings}
	s.wire.tcp = tcp
	s.conn = tls.Client(&s.wire, c)
	if err := s.conn.HandshakeContext(ctx); err != nil {
		if cause := ctx.Err(); cause != nil { // else it would be said that the connection is closed, which we have done
			err = fmt.Errorf("tls: handshake: %w", cause)
		}
		return nil, err
	}
	s.wire.leaveSocket()
	return s, nil
}

// endpointSessions are the sessions of a pool that belong to one endpoint: another one of the pool may not know them, even if
// its certificate has the same name.
type endpointSessions struct {
	tls.ClientSessionCache
	address string
}

func (s endpointSessions) Get(key string) (*tls.ClientSessionState, bool) {
	return s.ClientSessionCache.Get(s.address + " " + key)
}

func (s endpointSessions) Put(key string, state *tls.ClientSessionState) {
	s.ClientSessionCache.Put(s.address+" "+key, state)
}

// open decrypts what there is: it appends to out. fixed: out has a capacity that is not to be passed, and what has no
// room stays for the next call. The error is io.EOF after close_notify, one that is errWouldBlock or os.ErrDeadlineExceeded
// if nothing has come and no more is there now, the socket's, or what is wrong with the records. With bytes there is no
// error but a final one, which comes again: it stands in s.end.
func (s *tlsSession) open(out []byte, fixed bool) ([]byte, error) {
	w, had := &s.wire, len(out)
	if s.end != nil {
		return out, s.end
	}
	for {
		if !fixed && cap(out)-len(out) < maxTLSPlaintext {
			out = append(make([]byte, 0, max(openBytes, 2*cap(out))), out...)
		}
		room := cap(out) - len(out)
		if room == 0 {
			return out, nil
		}
		n, err := s.conn.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case err == nil && n < room: // a record is used up
			// To ask once more what is known not to be there costs an allocation inside tls.Conn. Records that carry no data are
			// counted and not taken off: then it is asked in vain. The beginning of a record is looked at in any case: it may be wrong.
			if w.records--; w.records <= 0 && len(w.in) == 0 && !w.within() {
				return out, nil
			}
		case err == nil:
		case isTemporary(err):
			w.records = 0
			if len(out) > had {
				err = nil
			}
			return out, err
		default:
			s.end = err
			s.told = errors.Is(err, io.EOF) && !w.ended
			return out, err
		}
	}
}

// isTemporary reports whether tls.Conn goes on after an error of its wire.
func isTemporary(err error) bool {
	if errors.Is(err, errWouldBlock) {
		return true
	}
	var t net.Error // an allocation: seldom
	return errors.As(err, &t) && t.Timeout()
}

// fault is why a session can be read no more: the stream has ended or is broken, which nil stands for, or the endpoint's
// records are wrong, or it has sent an alert.
func (s *tlsSession) fault(err error) *Fault {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || s.wire.broke != nil {
		return nil
	}
	return faultUpstreamTLS
}

// keepTLS completes the TLS settings of a snapshot that is not in force yet. Where they are what the pool had before, files'
// contents included, it goes on with those it had, so that its connections and sessions live on.
func keepTLS(snap *config.Snapshot, before *inForce) {
	for _, p := range snap.Pools {
		if p.TLS == nil {
			continue
		}
		if before != nil {
			if old := before.Pools[p.Name]; old != nil && sameTLS(old.TLS, p.TLS) {
				p.TLS.Config = old.TLS.Config
				continue
			}
		}
		c := p.TLS.Config
		c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
		c.ClientSessionCache = tls.NewLRUClientSessionCache(tlsSessions)
		c.DynamicRecordSizingDisabled = true // small records are for browsers far away; here they are only more of them
	}
}

// sameTLS reports whether connections made by old are as good as those that new would make.
func sameTLS(old, new *upstream.TLS) bool {
	if old == nil || old.Verify != new.Verify || old.ServerName != new.ServerName {
		return false
	}
	a, b := old.Config, new.Config
	if (a.RootCAs == nil) != (b.RootCAs == nil) || a.RootCAs != nil && !a.RootCAs.Equal(b.RootCAs) || len(a.Certificates) != len(b.Certificates) {
		return false
	}
	for i := range a.Certificates {
		x, y := a.Certificates[i].Certificate, b.Certificates[i].Certificate
		if len(x) != len(y) {
			return false
		}
		for j := range x {
			if !bytes.Equal(x[j], y[j]) {
				return false
			}
		}
	}
	return true
}
