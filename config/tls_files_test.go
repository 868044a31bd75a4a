package config

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testFiles are certificates and keys for tests and examples, by name. Their seeds are in this file: they protect nothing.
func testFiles(t *testing.T) map[string][]byte {
	t.Helper()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "graygate example authority"}, NotBefore: year(2020), NotAfter: year(2120),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	client := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "graygate example client"}, NotBefore: year(2020), NotAfter: year(2120),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	certificate := func(of *x509.Certificate, public ed25519.PublicKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, of, authority, public, key(1))
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	private := func(k ed25519.PrivateKey) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	return map[string][]byte{
		"ca.pem":     certificate(authority, key(1).Public().(ed25519.PublicKey)),
		"client.pem": certificate(client, key(2).Public().(ed25519.PublicKey)),
		"client.key": private(key(2)),
		"other.key":  private(key(3)),
	}
}

// TestCertificates holds the certificates of tests and examples to what makes them; -update makes them anew. Ed25519 signs
// one text in one way.
func TestCertificates(t *testing.T) {
	files := testFiles(t)
	for _, folder := range []string{"testdata/files", "../examples"} {
		for name, want := range files {
			if name == "other.key" && folder == "../examples" {
				continue
			}
			path := filepath.Join(folder, name)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes, %v; want %d bytes", path, len(got), err, len(want))
			}
		}
	}
}
