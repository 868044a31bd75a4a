package ui_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"graygate/admin"
	"graygate/admin/ui"
	"graygate/internal/testkit"
)

// console is an admin server with the console.
type console struct {
	url    string
	server *admin.Server
	proxy  *testkit.Proxy // nil: there is no gateway
}

// live starts an admin server with the console, before a gateway if config is not "". settings are those of the server, but for its
// address; from makes its socket another one.
func live(t *testing.T, config string, settings admin.Settings, from func(net.Listener) net.Listener) console {
	t.Helper()
	socket, err := net.Listen("tcp", testkit.Listen)
	if err != nil {
		t.Fatal(err)
	}
	c := console{url: "http://" + socket.Addr().String(), server: admin.New(slog.New(slog.DiscardHandler), "test", "graygate.yaml")}
	t.Cleanup(c.server.Close)
	if err := c.server.SetUI(ui.Files()); err != nil {
		t.Fatal(err)
	}
	settings.Address = socket.Addr().String()
	if from != nil {
		socket = from(socket)
	}
	if err := c.server.Listen(settings, socket); err != nil {
		t.Fatal(err)
	}
	if config != "" {
		c.proxy = testkit.Gateway(t, config)
		c.server.SetTraffic(admin.Metered(c.proxy.Meter()))
		c.server.Serves(c.proxy.Gateway)
	}
	return c
}

// TestServed holds what the admin server sends with each file.
func TestServed(t *testing.T) {
	address := live(t, "", admin.Settings{}, nil).url
	client := &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	get := func(at string) (*http.Response, string) {
		t.Helper()
		r, err := client.Get(address + at)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(body)
	}
	if r, _ := get("/ui"); r.StatusCode != 308 || r.Header.Get("Location") != "/ui/" {
		t.Errorf("/ui: got %d to %q, want 308 to /ui/", r.StatusCode, r.Header.Get("Location"))
	}
	files := pageFiles(t)
	files[""] = files["index.html"]
	kinds := map[string]string{"": "text/html; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".json": "application/json", ".txt": "text/plain; charset=utf-8"}
	for name, want := range files {
		r, body := get("/ui/" + name)
		if r.StatusCode != 200 || body != want {
			t.Errorf("/ui/%s: status %d and %d bytes, want 200 and the file's %d", name, r.StatusCode, len(body), len(want))
		}
		if got, want := r.Header.Get("Content-Type"), kinds[path.Ext(name)]; !strings.HasPrefix(got, want) {
			t.Errorf("/ui/%s: Content-Type %q, want %q", name, got, want)
		}
		csp := r.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp+";", part) {
				t.Errorf("/ui/%s: the policy %q has no %s", name, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("/ui/%s: the policy %q lets in what it must not", name, csp)
		}
		if got := r.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("/ui/%s: X-Content-Type-Options %q, want nosniff", name, got)
		}
	}
}

// TestConsoleOfGateway drives the page before a gateway under load, whose gray backend breaks and is mended.
func TestConsoleOfGateway(t *testing.T) {
	b := newBrowser(t)
	var broken atomic.Bool
	stable := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		switch r.URL.Path {
		case "/break":
			broken.Store(true)
		case "/mend":
			broken.Store(false)
		}
		testkit.OK("stable")(c, r)
	})
	gray := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if broken.Load() {
			c.Send(testkit.Answer("500 Internal Server Error", "broken"))
			return
		}
		testkit.OK("gray")(c, r)
	})
	c := live(t, experiments(testkit.Config(testkit.Pool(stable), testkit.Pool(gray), "")), admin.Settings{}, nil)
	keepBusy(t, "http://"+c.proxy.Addr)
	b.run(t, "test/gateway.mjs", "CONSOLE="+c.url, "GATEWAY=http://"+c.proxy.Addr)
}

// TestTokenOfGateway drives the page of a server that wants its token, as one does that is asked from another machine: asked for,
// wrong, right, kept, and another one after a while.
func TestTokenOfGateway(t *testing.T) {
	b := newBrowser(t)
	const token, next = "0123456789abcdef-the-first", "fedcba9876543210-the-next"
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(token)
	started := make(chan console, 1)
	backend := testkit.Serve(t, func(conn *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/rotate" {
			write(next)
			c := <-started
			if err := c.server.Listen(admin.Settings{Address: strings.TrimPrefix(c.url, "http://"), TokenFile: file}, nil); err != nil {
				t.Error(err)
			}
		}
		testkit.OK("stable")(conn, r)
	})
	c := live(t, testkit.Config(testkit.Pool(backend), testkit.Pool(backend), ""), admin.Settings{TokenFile: file}, func(l net.Listener) net.Listener { return elsewhere{l} })
	started <- c
	keepBusy(t, "http://"+c.proxy.Addr)
	b.run(t, "test/token.mjs", "CONSOLE="+c.url, "GATEWAY=http://"+c.proxy.Addr, "TOKEN="+token, "NEXT="+next)
}

// elsewhere is a socket whose clients seem to come over the network: over the loopback nobody needs a token to read.
type elsewhere struct{ net.Listener }

func (l elsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return fromElsewhere{c}, nil
}

type fromElsewhere struct{ net.Conn }

func (c fromElsewhere) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: c.Conn.LocalAddr().(*net.TCPAddr).Port}
}

// experiments adds a thousand of them to a config, a hundred to a layer.
func experiments(config string) string {
	var b strings.Builder
	b.WriteString(config + "attributes: {userid: {from: [header X-User-Id]}}\nlayers:\n")
	for l := range 10 {
		fmt.Fprintf(&b, "  layer-%d: {by: userid}\n", l)
	}
	b.WriteString("experiments:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  exp-%04d: {layer: layer-%d, slots: [%d-%d], state: active, owner: team-%d, variants: {a: 1, b: 1}}\n", i, i/100, i%100*100, i%100*100+99, i%7)
	}
	return b.String()
}

// keepBusy has a gateway answer requests, one after the other and at most some hundred a second, every fourth to gray, until the test is
// over.
func keepBusy(t *testing.T, url string) {
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { sendRequests(ctx, t, url) })
	t.Cleanup(load.Wait)
	t.Cleanup(stop)
}

func sendRequests(ctx context.Context, t *testing.T, url string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		r, err := http.NewRequestWithContext(ctx, "GET", url+"/", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if n%4 == 0 {
			r.Header.Set("X-Gray-Tag", "gray")
		}
		answer, err := client.Do(r)
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil {
			return
		}
	}
}
