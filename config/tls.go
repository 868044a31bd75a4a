package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"graygate/upstream"
)

// opener reads the files of TLS, each once however many pools name it.
type opener struct {
	authorities map[string]*x509.CertPool
	pairs       map[[2]string]tls.Certificate
}

func newOpener() *opener {
	return &opener{authorities: map[string]*x509.CertPool{}, pairs: map[[2]string]tls.Certificate{}}
}

// open gives what connections are made by, without the server's name where it is that of the address. Its errors name the file.
func (o *opener) open(t *upstream.TLS, protocols ...string) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: !t.Verify, NextProtos: protocols}
	var err error
	if t.CAFile != "" {
		if c.RootCAs, err = o.trusted(t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.CertFile != "" {
		pair, err := o.pair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (o *opener) trusted(path string) (*x509.CertPool, error) {
	if pool := o.authorities[path]; pool != nil {
		return pool, nil
	}
	text, err := readSmall(path, maxPEMBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, reason(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in it", path)
	}
	o.authorities[path] = pool
	return pool, nil
}

func (o *opener) pair(certFile, keyFile string) (tls.Certificate, error) {
	files := [2]string{certFile, keyFile}
	if pair, ok := o.pairs[files]; ok {
		return pair, nil
	}
	var texts [2][]byte
	for i, path := range files {
		var err error
		if texts[i], err = readSmall(path, maxPEMBytes); err != nil {
			return tls.Certificate{}, fmt.Errorf("%s: %s", path, reason(err))
		}
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	o.pairs[files] = pair
	return pair, nil
}

// upstream gives the pool and the check of an upstream with their TLS opened. The plan's are left as they are.
func (o *opener) upstream(u *Upstream) (upstream.PoolConfig, *tls.Config, error) {
	pool := u.Pool
	if pool.TLS != nil {
		opened := *pool.TLS
		var err error
		if opened.Config, err = o.open(&opened, "http/1.1"); err != nil {
			return pool, nil, fmt.Errorf("upstream %s: tls: %w", pool.Name, err)
		}
		pool.TLS = &opened
	}
	if u.ProbeTLS == nil {
		return pool, nil, nil
	}
	var protocols []string
	switch {
	case u.Probe.HTTP != nil:
		protocols = []string{"http/1.1"}
	case u.Probe.GRPC != nil:
		protocols = []string{"h2"}
	}
	check, err := o.open(u.ProbeTLS, protocols...)
	if err != nil {
		return pool, nil, fmt.Errorf("upstream %s: probe: tls: %w", pool.Name, err)
	}
	return pool, check, nil
}
