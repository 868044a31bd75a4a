package probes_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
	"graygate/probes"
)

// asks makes one real check and gives its reason, "" if it passed. The time-out of those that are to meet one is short; for
// the others it is long, so that timing decides nothing.
func asks(t *testing.T, address string, c *probes.Check) string {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = testkit.Patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), c.Timeout)
	defer cancel()
	began := time.Now()
	failure := probes.CheckOnce(ctx, address, c)
	if took := time.Since(began); took > c.Timeout+testkit.Patience/2 {
		t.Errorf("the check took %v, its time-out is %v", took, c.Timeout)
	}
	return failure
}

// speaks starts an endpoint that handles each connection by f and closes it. What f reads or writes fails when the test is over.
func speaks(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	return speaksOn(t, listen(t), f)
}

func speaksOn(t *testing.T, ln net.Listener, f func(net.Conn)) string {
	t.Helper()
	var mu sync.Mutex
	var open []net.Conn
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			done.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	return ln.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	testkit.Leaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// refuses gives an address where nobody listens.
func refuses(t *testing.T) string {
	ln := listen(t)
	_ = ln.Close()
	return ln.Addr().String()
}

// answers reads a request, then writes.
func answers(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, text)
		}
	}
}

// hangsUp ends its side of a connection and reads until the other side has ended too, so that nothing is reset.
func hangsUp(conn net.Conn) {
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	made := a.sign(t, template, nil)
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// sign makes a certificate; without an authority it signs itself.
func (a *authority) sign(t *testing.T, template, by *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	signer := a.key
	if by == nil {
		by, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// server is a config with a certificate for 127.0.0.1 and app.example.
func (a *authority) server(t *testing.T, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	template := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"app.example"}}
	if change != nil {
		change(template)
	}
	return &tls.Config{Certificates: []tls.Certificate{a.sign(t, template, a.cert)}}
}
