package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"

	"graygate/upstream"
)

// tlsTroubles knows why TLS with an endpoint fails, for the log, each reason once in a while, and for its state: the breaker
// only knows that it does. Safe for concurrent use.
type tlsTroubles struct {
	mu   sync.Mutex
	last map[peerName]tlsTrouble
}

// peerName is what an endpoint is known by outside.
type peerName struct{ pool, address string }

type tlsTrouble struct {
	text string
	at   int64 // when it was logged
	past bool  // a handshake has succeeded since
}

// tell logs a failure, unless that was done already.
func (t *tlsTroubles) tell(g *Gateway, e *upstream.Endpoint, err error) {
	text, now := err.Error(), g.clock()
	if g.life.Err() != nil || !t.isNews(peerName{e.Pool, e.Address}, text, now) {
		return
	}
	args := []any{"pool", e.Pool, "endpoint", e.Address, "error", text}
	if fix := tlsAdvice(err); fix != "" {
		args = append(args, "fix", fix)
	}
	g.log.Warn("no TLS with an endpoint", args...)
}

func (t *tlsTroubles) isNews(name peerName, text string, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, is := t.last[name]
	if is && was.text == text && now-was.at < int64(tlsTroubleAgain) {
		was.past = false
		t.last[name] = was
		return false
	}
	if t.last == nil || !is && len(t.last) >= maxTLSTroubles {
		t.last = map[peerName]tlsTrouble{}
	}
	t.last[name] = tlsTrouble{text: text, at: now}
	return true
}

// forget notes that a handshake with an endpoint has succeeded.
func (t *tlsTroubles) forget(e *upstream.Endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := peerName{e.Pool, e.Address}
	if was, is := t.last[name]; is {
		was.past = true
		t.last[name] = was
	}
}

// explain adds to the states of endpoints why TLS with them fails.
func (t *tlsTroubles) explain(pools []upstream.PoolStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range pools {
		for j := range pools[i].Endpoints {
			e := &pools[i].Endpoints[j]
			if was, is := t.last[peerName{pools[i].Name, e.Address}]; is && !was.past {
				e.Reason += "; the last connection failed: " + was.text
			}
		}
	}
}

// tlsAdvice is what to do about TLS that has failed; "" if nothing in the config helps.
func tlsAdvice(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	const handshakeFailure, badCertificate, unknownCA, certificateRequired = 40, 42, 48, 116 // RFC 8446 6
	switch {
	case errors.As(err, &unknown):
		return "name who signs its certificate in tls.ca_file of the pool"
	case errors.As(err, &name):
		return "name the host that its certificate is for in tls.server_name of the pool"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew its certificate, or set this machine's clock"
	case errors.As(err, &record):
		return "it does not speak TLS on this port: leave tls of the pool out, or name another port"
	case isAlert(err, badCertificate), isAlert(err, unknownCA), isAlert(err, certificateRequired):
		return "give a client certificate that it accepts in tls.cert_file and tls.key_file of the pool"
	case isAlert(err, handshakeFailure):
		return "it accepts nothing of what it was offered (TLS 1.2 and 1.3), or wants a client certificate: tls.cert_file and tls.key_file of the pool"
	case errors.Is(err, context.DeadlineExceeded):
		return "it has taken the connection and not answered the handshake within timeouts.connect"
	}
	return ""
}

// isAlert reports whether the endpoint has sent that alert. crypto/tls has a type for alerts that it keeps to itself, with the
// texts of the one that it shows.
func isAlert(err error, number tls.AlertError) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error" && remote.Err.Error() == number.Error()
}
