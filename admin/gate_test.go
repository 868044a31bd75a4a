package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

const secret = "open-sesame-0123456789"

// wire is a connection between two addresses that nothing goes over.
type wire struct {
	net.Conn
	local, remote net.Addr
}

func (w wire) LocalAddr() net.Addr  { return w.local }
func (w wire) RemoteAddr() net.Addr { return w.remote }

// gated is a server with these settings that is asked without a network.
func gated(t *testing.T, s Settings) *Server {
	t.Helper()
	server := New(slog.New(slog.DiscardHandler), "test", "test.yaml")
	t.Cleanup(server.Close)
	server.SetMetrics(func(io.Writer) {})
	g, err := s.gate(server.log)
	if err != nil {
		t.Fatal(err)
	}
	server.gate.Store(g)
	return server
}

// ask gives the status and the stable word of the answer to a request that came to the address local.
func ask(s *Server, local net.Addr, method, path string, fields ...string) string {
	var ctx fasthttp.RequestCtx
	var r fasthttp.Request
	r.Header.SetMethod(method)
	r.SetRequestURI(path)
	r.Header.SetHost("localhost")
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			r.Header.SetHost(fields[i+1])
			continue
		}
		r.Header.Set(fields[i], fields[i+1])
	}
	ctx.Init2(wire{local: local, remote: &net.TCPAddr{IP: net.IPv4(10, 9, 8, 7), Port: 5}}, quiet{}, true)
	r.CopyTo(&ctx.Request)
	s.handle(&ctx)
	var p problem
	_ = json.Unmarshal(ctx.Response.Body(), &p)
	if status := ctx.Response.StatusCode(); status == 401 && len(ctx.Response.Header.Peek("WWW-Authenticate")) == 0 {
		return "401 without WWW-Authenticate"
	}
	return strings.TrimSpace(fmt.Sprint(ctx.Response.StatusCode(), " ", p.Code))
}

var (
	loopback  = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9901}
	loopback6 = &net.TCPAddr{IP: net.IPv6loopback, Port: 9901}
	outside   = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9901}
	file      = &net.UnixAddr{Name: "admin.sock", Net: "unix"}
)

// Who gets what: by the place that they ask from, with and without a token in the settings and in the request.
func TestWhoMay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	bare, guarded := gated(t, Settings{}), gated(t, Settings{TokenFile: path})
	right, wrong := "Bearer "+secret, "Bearer "+secret+"x"
	row := func(request string, local net.Addr, wantBare, wantNone, wantWrong, wantRight string) {
		t.Helper()
		method, path, _ := strings.Cut(request, " ")
		host := []string{"Host", "192.0.2.1:9901"}
		if local != outside {
			host = nil
		}
		for _, x := range []struct {
			server       *Server
			token, want  string
			descriptions string
		}{
			{bare, "", wantBare, "no token configured"}, {bare, right, wantBare, "no token configured, one sent"},
			{guarded, "", wantNone, "none sent"}, {guarded, wrong, wantWrong, "a wrong one sent"}, {guarded, right, wantRight, "the right one sent"},
		} {
			fields := host
			if x.token != "" {
				fields = append([]string{"Authorization", x.token}, host...)
			}
			if got := ask(x.server, local, method, path, fields...); got != x.want {
				t.Errorf("%s at %s, %s: got %s, want %s", request, local, x.descriptions, got, x.want)
			}
		}
	}
	const starting = "503 starting" // let in: there is no gateway behind it
	const denied, none = "401 unauthorized", "403 no_token"
	for _, local := range []net.Addr{loopback, loopback6, file} {
		row("GET /healthz", local, "200", "200", "200", "200")
		row("GET /status", local, "200", "200", "200", "200")
		row("GET /config", local, starting, starting, starting, starting)
		row("GET /ui/data", local, starting, starting, starting, starting)
		row("POST /explain", local, starting, starting, starting, starting)
		row("GET /debug/pprof/", local, "200", denied, denied, "200")
		row("POST /breakers/p/reset", local, none, denied, denied, starting)
		row("POST /reload", local, none, denied, denied, "404 no_reload")
	}
	const far = "403 not_local"
	row("GET /healthz", outside, "200", "200", "200", "200")
	row("GET /readyz", outside, "503", "503", "503", "503")
	row("GET /status", outside, "200", denied, denied, "200")
	row("GET /metrics", outside, "200", denied, denied, "200")
	row("GET /config", outside, far, denied, denied, starting)
	row("POST /explain", outside, far, denied, denied, starting)
	row("GET /debug/pprof/heap", outside, far, denied, denied, "200")
	row("POST /reload", outside, none, denied, denied, "404 no_reload")
	row("GET /nothing", outside, "404 not_found", "404 not_found", "404 not_found", "404 not_found")
}

// What is nearly a token lets nobody in.
func TestNearlyTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("  "+secret+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := gated(t, Settings{TokenFile: path})
	row := func(field, want string) {
		t.Helper()
		if got := ask(s, loopback, "POST", "/reload", "Authorization", field); got != want {
			t.Errorf("%q: got %s, want %s", field, got, want)
		}
	}
	const in, denied = "404 no_reload", "401 unauthorized"
	row("Bearer "+secret, in)
	row("bearer  "+secret+" ", in)
	for _, f := range []string{"", "Bearer", "Bearer ", secret, "Basic " + secret, "Bearer " + secret[1:], "Bearer " + secret[:len(secret)-1],
		"Bearer " + strings.ToUpper(secret), "Bearer " + secret + " " + secret, "Bearer\t" + secret, "Bearer " + strings.Repeat("x", 8000)} {
		row(f, denied)
	}
	if got := ask(s, loopback, "POST", "/reload?token="+secret); got != denied {
		t.Errorf("in the query, where logs would show it: got %s, want %s", got, denied)
	}
}

// Pages of others that a browser on this machine shows get nothing, by whatever name they call this server.
func TestOtherPages(t *testing.T) {
	s := gated(t, Settings{Address: "gate.internal:9901", Hosts: []string{"Ops.example.com", "10.1.2.3"}})
	row := func(local net.Addr, want string, fields ...string) {
		t.Helper()
		if got := ask(s, local, "GET", "/status", fields...); got != want {
			t.Errorf("at %s with %q: got %s, want %s", local, fields, got, want)
		}
	}
	const wrongHost, wrongOrigin = "421 wrong_host", "403 wrong_origin"
	for _, host := range []string{"localhost", "LOCALHOST:9901", "localhost.", "graygate.localhost", "127.0.0.1", "127.0.0.2:80", "[::1]:9901", "gate.internal:9901",
		"ops.example.com", "ops.example.com.:80", "10.1.2.3"} {
		row(loopback, "200", "Host", host)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "0.0.0.0", "10.0.0.1", "[::2]", "192.0.2.1"} {
		row(loopback, wrongHost, "Host", host)
	}
	row(outside, "200", "Host", "192.0.2.1:9901")
	row(outside, wrongHost, "Host", "192.0.2.2:9901")
	row(file, "200", "Host", "anything")
	row(loopback, "200", "Host", "localhost:9901", "Origin", "http://localhost:9901")
	row(loopback, wrongOrigin, "Host", "localhost:9901", "Origin", "http://localhost:8080")
	row(loopback, wrongOrigin, "Host", "localhost:9901", "Origin", "http://evil.example")
	row(loopback, wrongOrigin, "Host", "localhost:9901", "Origin", "null")
	if got := ask(s, loopback, "GET", "/healthz", "Host", "probe.example"); got != "200" {
		t.Errorf("a probe by another name: got %s, want 200", got)
	}
}

// A token file that is no use is refused, with a way to mend it and without what is in it.
func TestTokenFiles(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	row := func(name, content string, mode os.FileMode, want string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		said.Reset()
		s := Settings{TokenFile: path}
		g, err := s.gate(log)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), path, "FILE")
		} else if !g.hasToken {
			got = "no token"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if strings.Contains(got+said.String(), "esame") {
			t.Errorf("%s: the token is told: %s %s", name, got, said.String())
		}
		if open := mode&0o007 != 0; open != strings.Contains(said.String(), "fix=\"chmod 600 ") && want == "" {
			t.Errorf("%s: mode %v, got the warning %q", name, mode, said.String())
		}
	}
	row("good", secret, 0o600, "")
	row("group", secret+"\n", 0o640, "")
	row("everybody", secret, 0o644, "")
	row("long", strings.Repeat("x", mostToken), 0o600, "")
	row("short", "sesame-01234567", 0o600, "token_file: FILE holds 15 bytes, and a token has at least 16; make one by: openssl rand -hex 32")
	row("empty", " \n\n", 0o600, "token_file: FILE holds 0 bytes, and a token has at least 16; make one by: openssl rand -hex 32")
	row("two", secret+"\n"+secret, 0o600, "token_file: FILE holds more than one word of plain ASCII, which a token is; make one by: openssl rand -hex 32")
	row("binary", secret+"\x00", 0o600, "token_file: FILE holds more than one word of plain ASCII, which a token is; make one by: openssl rand -hex 32")
	row("too long", strings.Repeat("x", mostToken+1), 0o600, "token_file: FILE holds more than 4096 bytes: it is some other file")
	for name, path := range map[string]string{"missing": filepath.Join(dir, "missing"), "a folder": dir, "a device": os.DevNull} {
		s := Settings{TokenFile: path}
		if _, err := s.gate(log); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
