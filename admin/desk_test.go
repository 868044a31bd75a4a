package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graygate/admin"
	"graygate/internal/testkit"
)

// TestMain has a server answer once, so that what fasthttp keeps for good is there before anything is counted.
func TestMain(m *testing.M) {
	if address := os.Getenv(attackAddress); address != "" {
		attack(address)
		return
	}
	s := admin.New(slog.New(slog.DiscardHandler), "", "")
	socket, err := net.Listen("tcp", testkit.Listen)
	if err == nil {
		err = s.Listen(admin.Settings{Address: socket.Addr().String()}, socket)
	}
	if err == nil {
		_, err = http.Get("http://" + socket.Addr().String() + "/healthz")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.DefaultClient.CloseIdleConnections()
	s.Close()
	os.Exit(m.Run())
}

// token is one that tests use.
const token = "open-sesame-0123456789"

// desk is an admin server in front of a gateway, and a client of it.
type desk struct {
	*admin.Server
	t       testing.TB
	address string
	log     *testkit.Said
	proxy   *testkit.Proxy
}

// newDesk starts a gateway with the config, and an admin server on the loopback with the token. prepare may be nil.
func newDesk(t testing.TB, yaml string, prepare func(*admin.Server)) *desk {
	t.Helper()
	p := testkit.Gateway(t, yaml)
	d := bareDesk(t, admin.Settings{TokenFile: tokenFile(t, token)}, prepare)
	d.proxy = p
	d.Serves(p.Gateway)
	return d
}

// bareDesk starts an admin server without a gateway, on a free port of the loopback.
func bareDesk(t testing.TB, settings admin.Settings, prepare func(*admin.Server)) *desk {
	t.Helper()
	testkit.Leaks(t)
	socket, err := net.Listen("tcp", testkit.Listen)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, address: socket.Addr().String(), log: &testkit.Said{}}
	d.Server = admin.New(slog.New(slog.NewTextHandler(d.log, nil)), "test", "test.yaml")
	t.Cleanup(func() {
		d.Close()
		if said := d.log.String(); strings.Contains(said, token) {
			t.Errorf("the token is in the log:\n%s", said)
		} else if strings.Contains(said, "BUG") {
			t.Errorf("the server logged a bug of its own:\n%s", said)
		}
	})
	if prepare != nil {
		prepare(d.Server)
	}
	settings.Address = d.address
	if err := d.Listen(settings, socket); err != nil {
		t.Fatal(err)
	}
	return d
}

// tokenFile writes a token.
func tokenFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// text is a request to localhost.
func text(method, path, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path)
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if body != "" || method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// bearer is the field that carries a token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// isJSON is the field that says so.
const isJSON = "Content-Type: application/json"

// get asks for a path on a connection of its own.
func (d *desk) get(path string, fields ...string) *testkit.Response {
	d.t.Helper()
	return testkit.Do(d.t, d.address, text("GET", path, "", fields...))
}

// post sends a change or a question, with the token.
func (d *desk) post(path, body string) *testkit.Response {
	d.t.Helper()
	fields := []string{bearer(token)}
	if body != "" {
		fields = append(fields, isJSON)
	}
	return testkit.Do(d.t, d.address, text("POST", path, body, fields...))
}

// into asks for a path and reads its JSON.
func (d *desk) into(path string, v any) {
	d.t.Helper()
	r := d.get(path)
	if err := json.Unmarshal([]byte(r.Text), v); err != nil || r.StatusCode != 200 {
		d.t.Fatalf("%s: got %d %.200q, %v", path, r.StatusCode, r.Text, err)
	}
}

// failed checks that an answer is a problem with this status and word.
func failed(t testing.TB, name string, r *testkit.Response, status int, word string) {
	t.Helper()
	var p struct{ Error, Message, Fix string }
	err := json.Unmarshal([]byte(r.Text), &p)
	if r.StatusCode != status || p.Error != word || err != nil || p.Message == "" {
		t.Errorf("%s: got %d %.300q (%v), want %d %s", name, r.StatusCode, r.Text, err, status, word)
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: got %v, want it neither kept nor guessed at", name, r.Header)
	}
}

// discard reads and forgets.
func discard(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
