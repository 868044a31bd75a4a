package gateway_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"graygate/internal/faultlab"
	"graygate/internal/testkit"
	"graygate/probes"
)

// An endpoint whose certificate is not to be trusted gets no request, and the log says why and what to do.
func TestTLSTrust(t *testing.T) {
	testkit.Leaks(t)
	trusted, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	row := func(name string, cert tls.Certificate, settings, wantError, wantFix string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			b := testkit.ServeSecure(t, &testkit.Secure{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, testkit.OK("ok"))
			p := testkit.Gateway(t, trusting(trusted, settings, testkit.Config(testkit.Pool(b), nil, "")))
			got := testkit.Do(t, p.Addr, testkit.Get("/"))
			if wantError == "" {
				got.WantStatus(t, 200, "")
				return
			}
			got.WantStatus(t, 503, "no_endpoint")
			if seen := len(b.Seen()); seen != 0 {
				t.Errorf("requests that it saw: got %d, want 0", seen)
			}
			if said := p.Said.String(); !strings.Contains(said, wantError) || !strings.Contains(said, wantFix) || !strings.Contains(said, "pool=stable endpoint="+b.Addr) {
				t.Errorf("log: got\n%s\nwant it to name the pool, the endpoint, %q and %q", said, wantError, wantFix)
			}
			testkit.Until(t, "the failure to be counted", func() bool { return p.Counters().DialFails > 0 })
			testkit.Until(t, "its connections to be taken off", func() bool { return connections(p) == 0 })
		})
	}
	row("good", trusted.Certificate("127.0.0.1"), "", "", "")
	row("another name", trusted.Certificate("shop.test"), "", "doesn't contain any IP SANs", "server_name")
	row("another name, configured", trusted.Certificate("shop.test"), ", server_name: shop.test", "", "")
	row("not the name configured", trusted.Certificate("127.0.0.1"), ", server_name: shop.test", "not valid for any names, but wanted to match shop.test", "server_name")
	row("another authority", other.Certificate("127.0.0.1"), "", "unknown authority", "ca_file")
	row("expired", trusted.Expired("127.0.0.1"), "", "expired", "renew")
}

// Whoever says so trusts anybody.
func TestTLSNotVerified(t *testing.T) {
	testkit.Leaks(t)
	cert := testkit.NewAuthority(t).Expired("shop.test")
	b := testkit.ServeSecure(t, &testkit.Secure{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, testkit.OK("ok"))
	p := testkit.Gateway(t, unverified(testkit.Config(testkit.Pool(b), nil, "")))
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
}

func unverified(config string) string { return stableWith("tls: {verify: off}", config) }

// The name goes out as SNI, where it is one.
func TestTLSServerName(t *testing.T) {
	testkit.Leaks(t)
	a := testkit.NewAuthority(t)
	var asked atomic.Pointer[string]
	config := secureConfig(a, tls.VersionTLS13)
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		asked.Store(&h.ServerName)
		return nil, nil
	}
	b := testkit.ServeSecure(t, &testkit.Secure{Config: config}, testkit.OK("ok"))
	p := testkit.Gateway(t, trusting(a, ", server_name: shop.test", testkit.Config(testkit.Pool(b), nil, "")))
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
	if got := *asked.Load(); got != "shop.test" {
		t.Errorf("name: got %q, want shop.test", got)
	}
}

// A client certificate is shown when asked for. Without one, TLS 1.2 fails in the handshake, and 1.3 when the answer is read.
func TestTLSClientCertificate(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		testkit.Leaks(t)
		a := testkit.NewAuthority(t)
		config := secureConfig(a, version)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool
		b := testkit.ServeSecure(t, &testkit.Secure{Config: config}, testkit.OK("ok"))
		cert, key := a.Files("gateway", a.Certificate("gateway.test"))
		p := testkit.Gateway(t, trusting(a, fmt.Sprintf(", cert_file: %q, key_file: %q", cert, key), testkit.Config(testkit.Pool(b), nil, "")))
		c := testkit.Dial(t, p.Addr)
		for range 3 {
			c.Do(testkit.Get("/")).WantStatus(t, 200, "")
		}
		if got := b.Conns()[0].TLS.ConnectionState().PeerCertificates[0].DNSNames[0]; got != "gateway.test" {
			t.Errorf("certificate shown: got %q, want gateway.test", got)
		}

		p = testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "")))
		for _, request := range []string{testkit.Get("/"), testkit.Post("/", string(pattern(2<<20)))} {
			got := testkit.Do(t, p.Addr, request)
			if code := got.Header.Get("X-Graygate-Error"); code != "no_endpoint" && code != "upstream_tls" && code != "upstream_closed" {
				t.Errorf("without: got %d %q, want it refused", got.StatusCode, code)
			}
		}
		if said := p.Said.String(); !strings.Contains(said, "client certificate") {
			t.Errorf("log: got\n%s\nwant what to do", said)
		}
		testkit.Until(t, "its connections to be taken off", func() bool { return connections(p) == 0 })
	})
}

// What fails in the handshake is a failure to connect: the breaker counts it, and another endpoint is asked.
func TestTLSFailureIsAFailureToConnect(t *testing.T) {
	testkit.Leaks(t)
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	bad := testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(other, tls.VersionTLS13)}, testkit.OK("bad"))
	plain := testkit.NewBackend(t, func(c *testkit.Conn) { c.Send(testkit.Answer("400 Bad Request", "")) })
	good := testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(a, tls.VersionTLS13)}, testkit.Echo("good"))
	config := fmt.Sprintf("balance: round_robin, outlier: off, breaker: {consecutive: 3, open: 30s}, tls: {ca_file: %q}", a.File)
	p := testkit.Gateway(t, stableWith(config, testkit.Config(testkit.Pool(bad, plain, good), nil, "timeouts: {connect: 2s}\n")))
	for n := range 30 {
		if got := testkit.Do(t, p.Addr, testkit.Post("/", "body")); got.Header.Get("X-Backend") != "good" {
			t.Fatalf("request %d: got %d %q, want another endpoint to answer", n, got.StatusCode, got.Text)
		}
	}
	testkit.Until(t, "the breakers of those two to open", func() bool {
		open := 0
		for _, e := range p.Upstreams()[0].Endpoints {
			switch {
			case e.Address == good.Addr && e.Reason != "ok":
				t.Fatalf("the good one: got %v, %q, want ok", e.State, e.Reason)
			case e.Address == good.Addr, fmt.Sprint(e.State) != "open":
			case e.Address == bad.Addr && strings.Contains(e.Reason, "unknown authority"), e.Address == plain.Addr && strings.Contains(e.Reason, "does not look like a TLS handshake"):
				open++
			}
		}
		return open == 2
	})
}

// An endpoint that takes the connection and does not answer the handshake costs no more than the connect time-out.
func TestTLSHandshakeTimeout(t *testing.T) {
	b := testkit.NewBackend(t, func(c *testkit.Conn) { _ = c.WaitEnd() })
	a := testkit.NewAuthority(t)
	p := testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "timeouts: {connect: 100ms}\n")))
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 503, "no_endpoint")
	if said := p.Said.String(); !strings.Contains(said, "timeouts.connect") {
		t.Errorf("log: got\n%s\nwant what to do", said)
	}
}

// A new connection resumes the session of one before, to the same endpoint.
func TestTLSResumption(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p, b := secured(version, nil)(t, func(c *testkit.Conn, r *testkit.Request) {
			c.Send(testkit.Answer("200 OK", "bye", "Connection: close"))
			_ = c.Close()
		}, "")
		for range 4 {
			testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
		}
		for n, c := range b.Conns() {
			if got, want := c.TLS.ConnectionState().DidResume, n > 0; got != want {
				t.Errorf("connection %d: resumed: got %v, want %v", n, got, want)
			}
		}
	})
}

// A reload that changes nothing of TLS keeps the connections; one that does drops them, and turns TLS on and off.
func TestTLSReload(t *testing.T) {
	testkit.Leaks(t)
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	b := testkit.ServeSecure(t, &testkit.Secure{Config: secureConfig(a, tls.VersionTLS13)}, testkit.OK("ok"))
	config := func(a *testkit.Authority, settings string) string {
		return trusting(a, settings, testkit.Config(testkit.Pool(b), nil, ""))
	}
	p := testkit.Gateway(t, config(a, ""))
	c := testkit.Dial(t, p.Addr)
	row := func(name, yaml string, status int, conns int) {
		t.Helper()
		p.MustReload(yaml)
		if got := c.Do(testkit.Get("/")); got.StatusCode != status {
			t.Errorf("%s: got %d %q, want %d", name, got.StatusCode, got.Text, status)
		}
		if got := len(b.Conns()); got != conns {
			t.Errorf("%s: connections: got %d, want %d", name, got, conns)
		}
	}
	row("first", config(a, ""), 200, 1)
	row("the same", config(a, ""), 200, 1)
	row("another name", config(a, ", server_name: shop.test"), 200, 2)
	row("the same again", config(a, ", server_name: shop.test"), 200, 2)
	row("another authority", config(other, ", server_name: shop.test"), 503, 3)
	row("not verified", unverified(testkit.Config(testkit.Pool(b), nil, "")), 200, 4)
	p.MustReload(testkit.Config(testkit.Pool(b), nil, ""))
	if got := c.Do(testkit.Get("/")); got.StatusCode == 200 {
		t.Error("without TLS: got 200, want it not to go over a connection with TLS")
	}
	row("as first", config(a, ""), 200, len(b.Conns())+1)
}

// Endpoints that the DNS names have certificates for that name, not for the addresses that it leads to.
func TestTLSNameFromTheDNS(t *testing.T) {
	testkit.Leaks(t)
	names, err := faultlab.NewNames(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(names.Close)
	names.Set("127.0.0.1")
	a := testkit.NewAuthority(t)
	b := testkit.ServeSecure(t, &testkit.Secure{Config: &tls.Config{Certificates: []tls.Certificate{a.Certificate("shop.test")}}}, testkit.OK("ok"))
	_, port, _ := net.SplitHostPort(b.Addr)
	row := func(name string, status int) {
		config := strings.Replace(trusting(a, "}, probe: {http: /, interval: 100ms, unhealthy_interval: 100ms", testkit.Config(testkit.Pool(b), nil, "")),
			"endpoints: ["+testkit.Endpoints(b), fmt.Sprintf("endpoints: [{dns: %q, server: %q}", name+":"+port, names.Addr), 1)
		p := testkit.Gateway(t, config)
		if got := testkit.Do(t, p.Addr, testkit.Get("/")); got.StatusCode != status {
			t.Errorf("%s: got status %d, %s, want %d\n%s", name, got.StatusCode, got.Header.Get("X-Graygate-Error"), status, p.Said.String())
		}
		testkit.Until(t, "a check of "+name, func() bool {
			s := p.Probes()
			return len(s) == 1 && s[0].Checks > 0
		})
		if got := p.Probes()[0].State; (got == probes.Healthy) != (status == 200) {
			t.Errorf("%s: checked %s (%s), though a request gets %d", name, got, p.Probes()[0].Reason, status)
		}
	}
	row("shop.test", 200)
	row("Shop.Test.", 200)
	row("other.test", 503)
}
