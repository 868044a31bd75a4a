package config

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"graygate/match"
	"graygate/upstream"
)

const upstreamsText = `
attributes: {userid: {from: [header X-User-Id]}, shard: {from: [cookie shard]}}
upstreams:
  plain: {endpoints: [127.0.0.1:1], probe: {http: /healthz}}
  hashed: {endpoints: [127.0.0.1:1], balance: {by: consistent, key: shard}, probe: {tcp: connect, tls: off}, tls: on}
  secret:
    endpoints: [127.0.0.1:1]
    tls: {server_name: a.example, ca_file: ca.pem, cert_file: client.pem, key_file: client.key}
    probe: {grpc: ""}
  open: {endpoints: [127.0.0.1:1], tls: {verify: off}, probe: {http: /, tls: {verify: off, server_name: b.example}}}
routes:
  - {name: a, path: /a, stable: plain, gray: open, fallback: both, rate_limit: {rate: 5/s, by: shard}, concurrency: {limit: 5, by: ip}}
  - {name: b, path: /b, stable: plain, fallback: off, rate_limit: {rate: 5/s}, concurrency: {limit: auto}}
  - {name: c, path: /c, stable: plain}
`

// TestBuildUpstreams: attributes become indices, files of TLS are opened, and the plan stays as it was.
func TestBuildUpstreams(t *testing.T) {
	t.Chdir("testdata/files")
	p, err := Parse("graygate.yaml", []byte(complete(upstreamsText)))
	if err != nil {
		t.Fatal(err)
	}
	before := p.YAML()
	reg := upstream.NewRegistry(upstream.Options{Loops: 1})
	// The registry has seen other pools before: an index is not a place in the file.
	reg.Pools([]upstream.PoolConfig{{Name: "gone"}, {Name: "hashed"}}, "")
	s, err := Build(p, match.Lookups{}, reg, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := s.Schema.Names()
	attribute := func(i int) string {
		if i < 0 {
			return ""
		}
		return names[i]
	}
	for name, want := range map[string]string{"plain": "", "hashed": "shard", "secret": "", "open": ""} {
		if got := attribute(s.HashKeys[s.Pools[name].Index]); got != want {
			t.Errorf("pool %s: hashes %q, want %q", name, got, want)
		}
	}
	route := func(i int, fallback Fallback, rateBy, concurrencyBy string, limited bool) {
		t.Helper()
		r := s.Routes[i]
		if r.Fallback != fallback || attribute(r.RateBy) != rateBy || attribute(r.ConcurrencyBy) != concurrencyBy ||
			(r.RateLimit != nil) != limited || (r.Concurrency != nil) != limited {
			t.Errorf("route %+v", r)
		}
	}
	route(0, FallbackBoth, "shard", "ip", true)
	route(1, FallbackOff, "", "", true)
	route(2, FallbackGray, "", "", false)

	secret := s.Pools["secret"].TLS.Config
	if secret.InsecureSkipVerify || secret.ServerName != "a.example" || secret.RootCAs == nil || len(secret.Certificates) != 1 {
		t.Errorf("secret: %+v", secret)
	}
	row := func(pool string, c *tls.Config, verify bool, name, protocol string) {
		t.Helper()
		got := strings.Join(c.NextProtos, " ")
		if c.InsecureSkipVerify == verify || c.ServerName != name || got != protocol {
			t.Errorf("%s: verify %v, name %q, protocols %q", pool, !c.InsecureSkipVerify, c.ServerName, got)
		}
	}
	row("hashed", s.Pools["hashed"].TLS.Config, true, "", "http/1.1")
	row("open", s.Pools["open"].TLS.Config, false, "", "http/1.1")
	row("open, probe", s.Checks["open"].TLS, false, "b.example", "http/1.1")
	row("secret, probe", s.Checks["secret"].TLS, true, "a.example", "h2")
	if s.Pools["plain"].TLS != nil || s.Checks["plain"].TLS != nil || s.Checks["hashed"].TLS != nil || len(s.Checks) != 4 {
		t.Errorf("checks %+v", s.Checks)
	}
	if p.Upstreams[2].Pool.TLS.Config != nil || p.Upstreams[2].Probe.TLS != nil || string(p.YAML()) != string(before) {
		t.Error("the plan was changed")
	}
	want := []string{
		"upstream open: tls: verify is off: anybody who answers at an endpoint's address is believed",
		"upstream open: probe: tls: verify is off: anybody who answers at an endpoint's address is believed",
	}
	if got := p.Warnings(); !reflect.DeepEqual(got, want) {
		t.Errorf("warnings %q", got)
	}
}

// TestBuildWithoutCertificates: a file that goes after it was checked fails the build, says which, and leaves the registry alone.
func TestBuildWithoutCertificates(t *testing.T) {
	folder := t.TempDir()
	for name, text := range testFiles(t) {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, reg, s := firstBuild(t, filepath.Join(folder, "graygate.yaml"), complete(upstreamsText), 1)
	fewer := *p
	fewer.Upstreams = p.Upstreams[1:]
	row := func(name string, text []byte, want string) {
		t.Helper()
		path := filepath.Join(folder, name)
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Build(&fewer, match.Lookups{}, reg, 2)
		if want = strings.ReplaceAll(want, "FOLDER/", folder+"/"); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if s.Pools["plain"].Endpoints()[0].Removed() {
			t.Errorf("%s: a build that failed removed an endpoint", name)
		}
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	row("ca.pem", nil, "upstream secret: tls: FOLDER/ca.pem: no such file or directory")
	row("ca.pem", []byte("x"), "upstream secret: tls: FOLDER/ca.pem: there is no certificate in it")
	row("client.key", nil, "upstream secret: tls: FOLDER/client.key: no such file or directory")
	row("client.key", testFiles(t)["other.key"], "upstream secret: tls: FOLDER/client.pem and FOLDER/client.key: tls: private key does not match public key")
	row("client.pem", make([]byte, maxPEMBytes+1), "upstream secret: tls: FOLDER/client.pem: it is too large")
}

// TestParseEndpoints reads files of endpoints, good ones and bad ones.
func TestParseEndpoints(t *testing.T) {
	like := upstream.EndpointConfig{Weight: 3, Zone: "z", Priority: 1, Labels: map[string]string{"a": "b"}}
	row := func(text string, want ...upstream.EndpointConfig) {
		t.Helper()
		got, err := ParseEndpoints("e.yaml", []byte(text), like)
		if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v\nwant %+v", text, got, err, want)
		}
	}
	own := upstream.EndpointConfig{Address: "[::1]:2", Weight: 2, Zone: "y", Labels: map[string]string{"c": "d"}}
	common := like
	common.Address = "127.0.0.1:1"
	row("[]\n")
	row("- 127.0.0.1:1\r\n- {address: '[::1]:2', weight: 2, zone: y, priority: 0, labels: {c: d}}\n", common, own)
	row("\ufeff- address: 127.0.0.1:1\n", common)
	if len(like.Labels) != 1 {
		t.Errorf("labels of all: %v", like.Labels)
	}
	bad := func(text, want string) {
		t.Helper()
		got, err := ParseEndpoints("e.yaml", []byte(text), like)
		if err == nil || got != nil {
			t.Errorf("%q: accepted: %+v", text, got)
			return
		}
		if head, _, _ := strings.Cut(err.Error(), "\n"); head != want {
			t.Errorf("%q: got %s\nwant %s", text, head, want)
		}
	}
	bad("", "e.yaml:1:1: there is no list of endpoints here; write [] for none")
	bad("# none\n", "e.yaml:1:1: there is no list of endpoints here; write [] for none")
	bad("null\n", "e.yaml:1:1: there is no list of endpoints here; write [] for none")
	bad("endpoints: [127.0.0.1:1]\n", "e.yaml:1:1: a file of endpoints must be a list, not keys and values")
	bad("- 127.0.0.1:1\n- 127.0.0.1:1\n", `e.yaml:2:3: endpoint "127.0.0.1:1" is here twice; delete one, or change it`)
	bad("- {file: e.yaml}\n", "e.yaml:1:10: file in a file of endpoints; write it under endpoints in the config")
	bad("- {address: 127.0.0.1:1, server: 127.0.0.1:53}\n", "e.yaml:1:34: server with address; delete server")
	bad("- {address: 127.0.0.1:1, weight: 1001}\n", "e.yaml:1:34: weight is 1001; give 0 to 1000")
	bad("- 127.0.0.1:1\n- 127.0.0.1\n", `e.yaml:2:3: "127.0.0.1" has no port; write 127.0.0.1:8080, with the port meant`)
	bad("- {address: 127.0.0.1:1\n", "e.yaml:1:3: a bracket that is never closed; close it")
	bad(strings.Repeat("#", MaxEndpointsFile+1), "e.yaml:1:1: the file is larger than 1MiB; is this the right file?")
}
