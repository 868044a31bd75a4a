package ui_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"graygate/admin"
	"graygate/admin/ui"
	"graygate/internal/testkit"
)

// live starts an admin server with the console, before a gateway if config is not "".
func live(t *testing.T, config string, traffic admin.Traffic) (consoleURL string, proxy *testkit.Proxy) {
	t.Helper()
	if config != "" {
		proxy = testkit.Gateway(t, config)
	}
	socket, err := net.Listen("tcp", testkit.Listen)
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(slog.New(slog.DiscardHandler), "test", "graygate.yaml")
	t.Cleanup(func() { s.Close() })
	if err := s.SetUI(ui.Files()); err != nil {
		t.Fatal(err)
	}
	if traffic != nil {
		s.SetTraffic(traffic)
	}
	address := socket.Addr().String()
	if err := s.Listen(admin.Settings{Address: address}, socket); err != nil {
		t.Fatal(err)
	}
	if proxy != nil {
		s.Serves(proxy.Gateway)
	}
	return "http://" + address, proxy
}

// TestServed holds what the admin server sends with each file.
func TestServed(t *testing.T) {
	address, _ := live(t, "", nil)
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
	counted := &counted{}
	address, proxy := live(t, experiments(testkit.Config(testkit.Pool(stable), testkit.Pool(gray), "")), counted)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { counted.load(ctx, t, "http://"+proxy.Addr) })
	t.Cleanup(load.Wait)
	t.Cleanup(stop)
	b.run(t, "test/gateway.mjs", "CONSOLE="+address, "GATEWAY=http://"+proxy.Addr)
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

// counted is what the load has sent and was answered; it stands in for the meter.
type counted struct {
	mu    sync.Mutex
	sides [2]countedSide // stable, gray
}

type countedSide struct {
	pools   map[string]*admin.Served
	latency admin.Latency
}

// load sends requests, one after the other and at most some hundred a second, every fourth to gray, until ctx is over.
func (c *counted) load(ctx context.Context, t *testing.T, url string) {
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
		side := 0
		if n%4 == 0 {
			side = 1
			r.Header.Set("X-Gray-Tag", "gray")
		}
		began := time.Now()
		answer, err := client.Do(r)
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return
		}
		pool := map[string]string{"stable": "stable", "gray": "gray", "broken": "gray"}[string(body)]
		c.count(side, pool, answer.StatusCode, time.Since(began))
	}
}

func (c *counted) count(side int, pool string, status int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sides[side]
	if s.pools == nil {
		s.pools, s.latency.Buckets = map[string]*admin.Served{}, make([]uint64, len(bounds)+1)
	}
	if s.pools[pool] == nil {
		s.pools[pool] = &admin.Served{Pool: pool}
	}
	s.pools[pool].Requests++
	if status >= 500 {
		s.pools[pool].ServerErrors++
	}
	at := 0
	for at < len(bounds) && took.Seconds()*1000 > bounds[at] {
		at++
	}
	s.latency.Buckets[at]++
	s.latency.Count++
	s.latency.Seconds += took.Seconds()
}

// Routes gives what was counted.
func (c *counted) Routes() ([]admin.RouteTraffic, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []admin.RouteTraffic
	for i := range c.sides {
		s := &c.sides[i]
		r := admin.RouteTraffic{Service: "all", Gray: i == 1, Latency: s.latency}
		r.Latency.Buckets = append([]uint64(nil), s.latency.Buckets...)
		for _, p := range s.pools {
			r.Served = append(r.Served, *p)
		}
		if r.Latency.Buckets != nil {
			all = append(all, r)
		}
	}
	return all, true
}

// Experiments gives none.
func (c *counted) Experiments() []admin.ExperimentTraffic { return nil }

// Bounds are those of the simulation.
func (c *counted) Bounds() []time.Duration {
	all := make([]time.Duration, len(bounds))
	for i, ms := range bounds {
		all[i] = time.Duration(ms * float64(time.Millisecond))
	}
	return all
}
