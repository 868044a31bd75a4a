package gateway_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"graygate/internal/testkit"
)

// otherListen is a second listener, told from the first by its address.
const otherListen = "127.0.0.2:0"

func withListeners(config string, addresses ...string) string {
	var list []string
	for _, a := range addresses {
		list = append(list, "{address: "+a+"}")
	}
	return strings.Replace(config, "[{address: "+testkit.Listen+"}]", "["+strings.Join(list, ", ")+"]", 1)
}

// Reloads in quick succession, endpoints coming and going, under load of all kinds: nobody notices.
func TestReloadUnderLoad(t *testing.T) {
	const reloads = 50
	serve := func(name string) *testkit.Backend {
		return testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // the client's doing at the end of the test
			}
			c.Send(testkit.Answer("200 OK", strings.Repeat("x", len(body)), "X-Backend: "+name))
		})
	}
	a, b, gray := serve("a"), serve("b"), serve("gray")
	log := testkit.NewAccessLog(t)
	configs := []string{
		testkit.Config(testkit.Pool(a), testkit.Pool(gray), "loops: 2\n"+log.YAML()),
		testkit.Config(testkit.Pool(b), testkit.Pool(gray), "loops: 2\nlimits: {header_count: 50}\n"),
		testkit.Config(testkit.Pool(a, b), nil, "loops: 2\n"+log.YAML()),
	}
	p := testkit.Gateway(t, configs[0])
	var stop atomic.Bool
	var done atomic.Int64
	var load sync.WaitGroup
	client := func(name string, fresh bool, request func(i int) (text string, want int)) {
		load.Go(func() {
			var c *testkit.Client
			for i := 0; !stop.Load(); i++ {
				if c == nil {
					c = testkit.Dial(t, p.Addr)
				}
				text, want := request(i)
				err := c.TrySend(text)
				var got *testkit.Response
				if err == nil {
					got, err = c.TryRead("GET")
				}
				if err != nil || got.StatusCode != 200 || len(got.Text) != want || got.Close {
					if !stop.Load() {
						t.Errorf("%s, request %d: got %+v, %v, want 200 with %d bytes", name, i, got, err, want)
					}
					return
				}
				done.Add(1)
				if fresh {
					_ = c.Close()
					c = nil
				}
			}
			if c != nil {
				_ = c.Close()
			}
		})
	}
	short := func(i int) (string, int) { return testkit.Get(fmt.Sprintf("/%d", i)), 0 }
	client("kept", false, short)
	client("kept, gray", false, func(i int) (string, int) { return testkit.Get("/", "X-Gray-Tag: gray"), 0 })
	client("fresh", true, short)
	client("POST", false, func(i int) (string, int) { n := i * 997 % 30_000; return testkit.Post("/", strings.Repeat("x", n)), n })
	client("long", false, func(i int) (string, int) { return testkit.Post("/", strings.Repeat("x", 1_500_000)), 1_500_000 })
	for n := range reloads {
		before := done.Load()
		p.MustReload(configs[(n+1)%len(configs)])
		testkit.Until(t, "some requests", func() bool { return done.Load() >= before+20 || t.Failed() })
	}
	stop.Store(true)
	load.Wait()
	if got := p.Snapshot().Generation; got != reloads+1 {
		t.Errorf("generation: got %d, want %d", got, reloads+1)
	}
	if got := p.Counters(); got.Cut != 0 || got.Local != 0 {
		t.Errorf("counters: got %+v, want nothing cut and no answers of the gateway's own", got)
	}
}

// A request under way ends on the config that it began with; its endpoint, removed meanwhile, is left when it is over, and the idle
// connections to it at once.
func TestReloadKeepsRequestsUnderWay(t *testing.T) {
	gate, ended := make(chan struct{}), make(chan int, 2)
	old := testkit.NewBackend(t, func(c *testkit.Conn) {
		for {
			r, err := c.ReadRequest()
			if err != nil {
				ended <- c.N
				return
			}
			if r.URL.Path == "/slow" {
				testkit.Receive(t, "the reload", gate)
			}
			testkit.Echo("old")(c, r)
		}
	})
	next := testkit.Serve(t, testkit.Echo("new"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(old), nil, ""))
	waiting, idle := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	waiting.Send(testkit.Get("/slow"))
	testkit.Until(t, "the slow request to be upstream", func() bool { return len(old.Seen()) == 1 })
	if got := idle.Do(testkit.Get("/")).Header.Get("X-Backend"); got != "old" {
		t.Fatalf("before: got %s, want old", got)
	}
	p.MustReload(testkit.Config(testkit.Pool(next), nil, ""))
	if got := testkit.Receive(t, "the idle connection to be closed", ended); got != 1 {
		t.Errorf("closed first: got connection %d, want 1, the idle one", got)
	}
	if got := idle.Do(testkit.Get("/")).Header.Get("X-Backend"); got != "new" {
		t.Errorf("after, on a connection from before: got %s, want new", got)
	}
	close(gate)
	if got := waiting.Read("GET").Header.Get("X-Backend"); got != "old" {
		t.Errorf("the request under way: got %s, want old", got)
	}
	if got := testkit.Receive(t, "the last connection to be closed", ended); got != 0 {
		t.Errorf("closed last: got connection %d, want 0, the one that was in use", got)
	}
	if got := waiting.Do(testkit.Get("/")).Header.Get("X-Backend"); got != "new" {
		t.Errorf("after it, on the same connection: got %s, want new", got)
	}
}

func TestListenersComeAndGo(t *testing.T) {
	gate := make(chan struct{})
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/slow" {
			testkit.Receive(t, "the reload", gate)
		}
		testkit.Echo("stable")(c, r)
	})
	config := testkit.Config(testkit.Pool(b), nil, "")
	p := testkit.Gateway(t, config)
	kept := testkit.Dial(t, p.Addr)
	kept.Do(testkit.Get("/")).WantStatus(t, 200, "")

	p.MustReload(withListeners(config, testkit.Listen, otherListen))
	other := p.Gateway.Addr(otherListen).String()
	if got := p.Gateway.Addr(testkit.Listen).String(); got != p.Addr {
		t.Errorf("the first listener: got %s, want %s as before", got, p.Addr)
	}
	slow, idle, busy := testkit.Dial(t, other), testkit.Dial(t, other), testkit.Dial(t, other)
	slow.Send(testkit.Get("/slow"))
	idle.Do(testkit.Get("/")).WantStatus(t, 200, "")
	busy.Do(testkit.Get("/")).WantStatus(t, 200, "")
	testkit.Until(t, "the slow request to be upstream", func() bool { return len(b.Seen()) == 4 })

	p.MustReload(config)
	if p.Gateway.Addr(otherListen) != nil || accepts(other) {
		t.Errorf("the removed listener: got it open")
	}
	if got := busy.Do(testkit.Get("/")); got.StatusCode != 200 || !got.Close {
		t.Errorf("a client of the removed listener: got %d close=%v, want 200 and close=true", got.StatusCode, got.Close)
	}
	busy.WantClosed()
	idle.WantClosed()
	close(gate)
	slow.Read("GET").WantStatus(t, 200, "")
	kept.Do(testkit.Get("/")).WantStatus(t, 200, "")
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
}

// Whatever is wrong with a new config, the old one stays in force, whole.
func TestBadReloads(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	old, other := testkit.Serve(t, testkit.Echo("old")), testkit.Serve(t, testkit.Echo("other"))
	config := testkit.Config(testkit.Pool(old), nil, "")
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	row := func(name, bad, wantError string) {
		t.Helper()
		fds := testkit.OpenFDs()
		err := p.TryReload(bad)
		if err == nil || !strings.Contains(err.Error(), wantError) {
			t.Errorf("%s: got error %v, want one with %q", name, err, wantError)
		}
		testkit.Until(t, "what was opened to be closed", func() bool { return testkit.OpenFDs() <= fds })
		if got := p.Snapshot().Generation; got != 1 {
			t.Errorf("%s, generation: got %d, want 1", name, got)
		}
		if p.Gateway.Addr(otherListen) != nil {
			t.Errorf("%s: got the new listener, want none", name)
		}
		for _, c := range []*testkit.Client{c, testkit.Dial(t, p.Addr)} {
			if got := c.Do(testkit.Get("/")).Header.Get("X-Backend"); got != "old" {
				t.Errorf("%s: got %s, want old", name, got)
			}
		}
	}
	good := testkit.Config(testkit.Pool(other), nil, "")
	row("not YAML", "listeners: [", "test.yaml:1:")
	row("an unknown key", good+"colour: blue\n", "colour")
	row("an unknown pool", strings.Replace(good, "stable: stable}", "stable: nobody}", 1), "nobody")
	row("a port that is taken", withListeners(good, otherListen, taken.Addr().String()), "address already in use")
	row("an address of nobody", withListeners(good, otherListen, "192.0.2.1:80"), "192.0.2.1:80")
	row("an access log that cannot be written", withListeners(strings.Replace(good, "access_log: off", "access_log: {to: /nowhere/at/all}", 1), testkit.Listen, otherListen), "access_log")
	if got := len(old.Conns()); got != 1 {
		t.Errorf("upstream connections: got %d, want 1: none was given up for a config that was not taken", got)
	}
	p.MustReload(good)
	if got := c.Do(testkit.Get("/")).Header.Get("X-Backend"); got != "other" {
		t.Errorf("a good config after all: got %s, want other", got)
	}
}

// A gateway that cannot have what its first config names does not start, and leaves nothing open.
func TestStartFails(t *testing.T) {
	testkit.Leaks(t)
	taken, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	row := func(name, config, wantError string) {
		t.Helper()
		if err := startOnly(config); err == nil || !strings.Contains(err.Error(), wantError) {
			t.Errorf("%s: got error %v, want one with %q", name, err, wantError)
		}
	}
	good := testkit.Config(testkit.Pool(testkit.Refused(t)), nil, "")
	row("a port that is taken", withListeners(good, testkit.Listen, taken.Addr().String()), "address already in use")
	row("an access log that cannot be written", strings.Replace(good, "access_log: off", "access_log: {to: /nowhere/at/all}", 1), "access_log")
}
