package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for tests. It lives as long as its test.
type Authority struct {
	Pool *x509.CertPool // who trusts it
	File string         // its certificate, PEM

	t      testing.TB
	key    *ecdsa.PrivateKey
	signer *x509.Certificate
	dir    string
	serial int64
}

// NewAuthority makes an authority that nobody trusts but who is told to.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{Pool: x509.NewCertPool(), t: t, dir: t.TempDir(), serial: 1}
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, like, like, &a.key.PublicKey, a.key)
	if err == nil {
		a.signer, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatalf("authority: %v", err)
	}
	a.Pool.AddCert(a.signer)
	a.File = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatalf("key: %v", err)
	}
	return key
}

func (a *Authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatalf("write: %v", err)
	}
	return path
}

// Certificate signs a certificate for names or IP addresses, good for servers and clients.
func (a *Authority) Certificate(names ...string) tls.Certificate {
	return a.certificate(time.Unix(1<<33, 0), names)
}

// Expired signs one whose time has passed.
func (a *Authority) Expired(names ...string) tls.Certificate {
	return a.certificate(time.Unix(1<<30, 0), names)
}

func (a *Authority) certificate(until time.Time, names []string) tls.Certificate {
	a.t.Helper()
	a.serial++
	like := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Unix(0, 0), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			like.IPAddresses = append(like.IPAddresses, ip)
		} else {
			like.DNSNames = append(like.DNSNames, n)
		}
	}
	key := a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, like, a.signer, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatalf("certificate: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Files writes a certificate and its key, PEM, and gives their paths.
func (a *Authority) Files(name string, c tls.Certificate) (certificate, key string) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatalf("key: %v", err)
	}
	return a.write(name+".pem", "CERTIFICATE", c.Certificate[0]), a.write(name+".key", "PRIVATE KEY", der)
}
