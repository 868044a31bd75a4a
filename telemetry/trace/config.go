package trace

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"
)

// Config says where spans go and which. It is read by [New] only.
type Config struct {
	// Endpoint is the collector: http://HOST:PORT or https://HOST:PORT for OTLP over HTTP, to the path /v1/traces unless it has
	// another; grpc://HOST:PORT or grpcs://HOST:PORT for OTLP over gRPC. The s is for TLS.
	Endpoint string
	// Headers go with every export, as for a token. They are not logged.
	Headers map[string]string
	// CAFile is a PEM file of the authorities that the collector's certificate is checked by; empty: the system's.
	CAFile string
	// Timeout is how long one export may take, its retries included; 0: 5 s.
	Timeout time.Duration

	ServiceName    string // resource attribute service.name
	ServiceVersion string // resource attribute service.version: the gateway's own; empty: left out

	// Sample is the share, 0 to 1, of the traces that begin here, or come from who is not believed, that are recorded from the
	// beginning; upstreams are told so.
	Sample float64
	// Gray is the share, 0 to 1, of the gray requests that are recorded whatever was decided at the beginning.
	Gray float64
	// Errors says that every request that failed is recorded, whatever was decided at the beginning.
	Errors bool

	delay, pause time.Duration // for tests, which do not wait as long as batchDelay and pauseAfterFailure
}

// Check gives what is wrong with the config, each with the way to mend it; nil if nothing is. It opens nothing.
func (c *Config) Check() error {
	_, err := parseEndpoint(c.Endpoint)
	var all []error
	if err != nil {
		all = append(all, err)
	}
	share := func(name string, v float64) {
		if !(v >= 0 && v <= 1) {
			all = append(all, fmt.Errorf("%s is %v: a share is 0 to 1", name, v))
		}
	}
	share("sample", c.Sample)
	share("gray", c.Gray)
	if c.Timeout < 0 {
		all = append(all, fmt.Errorf("timeout is %v: an export needs some time; leave it out for %v", c.Timeout, defaultTimeout))
	}
	if c.ServiceName == "" {
		all = append(all, errors.New("service_name is empty: the collector sorts spans by it; write a name, such as graygate"))
	}
	return errors.Join(all...)
}

// fill puts in what was left out.
func (c *Config) fill() {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.delay = cmp.Or(c.delay, batchDelay)
	c.pause = cmp.Or(c.pause, pauseAfterFailure)
}

// endpoint is a collector's address, taken apart.
type endpoint struct {
	grpc, tls bool
	host      string // HOST:PORT
	path      string // of HTTP
}

func parseEndpoint(text string) (endpoint, error) {
	const fix = "write http://HOST:PORT, https://HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT"
	u, err := url.Parse(text)
	if err != nil {
		// The error repeats the text, which may hold a password.
		return endpoint{}, errors.New("endpoint is no URL: " + fix)
	}
	if u.User != nil {
		return endpoint{}, errors.New("endpoint has a user's name or password in it: send what the collector asks for as a header")
	}
	e := endpoint{host: u.Host, path: u.EscapedPath()}
	switch u.Scheme {
	case "http":
	case "https":
		e.tls = true
	case "grpc":
		e.grpc = true
	case "grpcs":
		e.grpc, e.tls = true, true
	default:
		return endpoint{}, fmt.Errorf("endpoint %q: the scheme is none of OTLP's: %s", text, fix)
	}
	if port, err := strconv.Atoi(u.Port()); u.Hostname() == "" || err != nil || port < 1 || port > 65535 {
		return endpoint{}, fmt.Errorf("endpoint %q: host or port is missing: %s; collectors listen at 4318 for HTTP and at 4317 for gRPC", text, fix)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return endpoint{}, fmt.Errorf("endpoint %q: there is something behind the path: %s", text, fix)
	}
	if e.path == "/" {
		e.path = ""
	}
	if e.grpc && e.path != "" {
		return endpoint{}, fmt.Errorf("endpoint %q: gRPC has no path: leave it out", text)
	}
	if e.path == "" {
		e.path = "/v1/traces"
	}
	return e, nil
}

// tlsConfig reads the authorities' file.
func (c *Config) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s: no certificate in it: it has to be PEM, beginning with -----BEGIN CERTIFICATE-----", c.CAFile)
	}
	return config, nil
}
