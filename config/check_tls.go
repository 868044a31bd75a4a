package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// tls checks how endpoints or checks connect: that files are there, are what they should be, and belong together. All of it
// is done again when a snapshot is built, since files change.
func (c *checker) tls(t FileTLS) {
	if !t.On.Set || !t.On.Value {
		return
	}
	if t.CAFile.written() && t.Verify.Set && !t.Verify.Value {
		c.fail(t.CAFile.At, problem{What: "ca_file with verify: off", Why: "nothing is verified, so nobody is asked whom to trust", Fix: "write verify: on, or delete ca_file"})
	}
	c.certificates(t.CAFile, "ca_file")
	switch {
	case t.CertFile.written() && !t.KeyFile.written():
		c.fail(t.CertFile.At, problem{What: "cert_file without key_file", Fix: "add key_file: PATH"})
	case t.KeyFile.written() && !t.CertFile.written():
		c.fail(t.KeyFile.At, problem{What: "key_file without cert_file", Fix: "add cert_file: PATH"})
	}
	if !c.certificates(t.CertFile, "cert_file") || !t.KeyFile.Set {
		return
	}
	files := [2]string{c.absolute(t.CertFile.Value), c.absolute(t.KeyFile.Value)}
	if c.pairs[files] {
		return
	}
	cert, _ := c.contents(t.CertFile, "cert_file", maxPEMBytes)
	key, ok := c.contents(t.KeyFile, "key_file", maxPEMBytes)
	if !ok {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		what := strings.TrimPrefix(err.Error(), "tls: ")
		c.fail(t.KeyFile.At, problem{What: "key_file " + quoted(t.KeyFile.Value) + " is not the key of cert_file: " + what, Fix: "name the key that the certificate was made for, in the PEM format, without a password"})
		return
	}
	c.pairs[files] = true
}

// certificates makes sure that a file has certificates in it. Each file that has is read once, however many pools name it.
func (c *checker) certificates(f Field[string], of string) bool {
	if !f.Set {
		return false
	}
	path := c.absolute(f.Value)
	if c.certified[path] {
		return true
	}
	text, ok := c.contents(f, of, maxPEMBytes)
	if ok && !x509.NewCertPool().AppendCertsFromPEM(text) {
		c.fail(f.At, problem{What: of + " " + quoted(f.Value) + " has no certificate in it", Fix: "name a file of the PEM format"})
		return false
	}
	c.certified[path] = ok
	return ok
}
