package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graygate/gateway"
	"graygate/internal/testkit"
	"graygate/probes"
	"graygate/telemetry"
)

// machine is a folder from which a gateway reads how full its memory is.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(m.root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stat", "loadavg"} {
		if err := os.WriteFile(filepath.Join(m.root, "proc", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.use(10)
	return m
}

// use sets how many of a hundred parts are in use. A new file in the place of the old one would not be seen, and a reader may
// see half of a text: all texts have one length.
func (m machine) use(parts int) {
	f, err := os.OpenFile(filepath.Join(m.root, "proc", "meminfo"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "MemTotal: 100000 kB\nMemAvailable: %6d kB\n", 1000*(100-parts))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// watched is a gateway that watches such a machine, strained at 77.6 % and saturated at 80 %, and its events.
func watched(t *testing.T, handle func(*testkit.Conn, *testkit.Request)) (*testkit.Proxy, *testkit.Backend, machine, *gateway.Subscription) {
	b := testkit.Serve(t, handle)
	p, m, events := watchedBefore(t, b)
	return p, b, m, events
}

func watchedBefore(t *testing.T, b *testkit.Backend) (*testkit.Proxy, machine, *gateway.Subscription) {
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	events := p.Subscribe(100)
	t.Cleanup(events.Close)
	m := newMachine(t)
	p.WatchMachine(m.root, probes.Overload{Memory: 800_000})
	return p, m, events
}

// wantStage waits for a stage of overload, which has to be the next that is told.
func wantStage(t *testing.T, events *gateway.Subscription, from, to string) {
	t.Helper()
	waitEvent(t, events.C, "overload "+to, func(e telemetry.Event) bool {
		if e.Kind == telemetry.KindOverload && (e.From != from || e.To != to) {
			t.Errorf("overload: got %s to %s, want %s to %s", e.From, e.To, from, to)
		}
		return e.Kind == telemetry.KindOverload
	})
}

// settle asks until the gateway's clock has gone on by more than keepAliveLeast, so that a connection is no new one any more.
func settle(t *testing.T, p *testkit.Proxy) {
	from := p.Ticks()
	testkit.Until(t, "a second to pass", func() bool { return p.Ticks() > from+11 })
}

// Overload has two stages: connections end with their answers, so that clients go elsewhere, and nobody is refused; then
// requests are refused. The same way back.
func TestOverloadBeginsWithKeepAlive(t *testing.T) {
	p, b, m, events := watched(t, testkit.Echo("stable"))
	kept, old, posted, spoken := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	for _, c := range []*testkit.Client{kept, old, posted, spoken} {
		if got := c.Do(testkit.Get("/")); got.StatusCode != 200 || got.Close {
			t.Fatalf("in calm: got %d close=%v, want 200 and no close", got.StatusCode, got.Close)
		}
	}
	settle(t, p)
	if got := kept.Do(testkit.Get("/")); got.StatusCode != 200 || got.Close {
		t.Errorf("in calm, after a second: got %d close=%v, want 200 and no close", got.StatusCode, got.Close)
	}
	m.use(79)
	wantStage(t, events, "off", "strained")
	if stage, by := p.Overload(); stage != "strained" || by != "memory" {
		t.Errorf("the stage: got %q by %q, want strained by memory", stage, by)
	}
	wantLast := func(name string, got *testkit.Response, status int) {
		t.Helper()
		if got.StatusCode != status || !got.Close {
			t.Errorf("%s: got %d close=%v, want %d and Connection: close", name, got.StatusCode, got.Close, status)
		}
	}
	// What came with it, or comes after, is not answered, and reaches nobody.
	before := len(b.Seen())
	kept.Send(testkit.Get("/first") + testkit.Get("/second") + testkit.Get("/third"))
	wantLast("strained, pipelined", kept.Read("GET"), 200)
	kept.WantClosed()
	if seen := b.Seen(); len(seen) != before+1 || seen[before].URL.Path != "/first" {
		t.Errorf("pipelined: got %d requests to the backend, want the first alone", len(seen)-before)
	}
	body := strings.Repeat("x", 300_000)
	if got := posted.Do(testkit.Post("/", body)); got.Header.Get("X-Body-Sum") != testkit.Sum([]byte(body)) || !got.Close {
		t.Errorf("strained, a long request: got %d close=%v and another body than was sent, want all and close", got.StatusCode, got.Close)
	}
	posted.WantClosed()
	old.Send("GET /missing HTTP/1.0\r\nHost: nobody.invalid\r\nConnection: keep-alive\r\n\r\n")
	wantLast("strained, HTTP/1.0 with keep-alive", old.Read("GET"), 200)
	old.WantClosed()
	// Who comes back stays for a second.
	back := testkit.Dial(t, p.Addr)
	if got := back.Do(testkit.Get("/")); got.StatusCode != 200 || got.Close {
		t.Errorf("strained, on a new connection: got %d close=%v, want 200 and no close", got.StatusCode, got.Close)
	}
	testkit.Until(t, "it to be sent away", func() bool { return back.Do(testkit.Get("/")).Close })
	if c := p.Counters(); c.SentAway != 4 || c.Shed != 0 {
		t.Errorf("strained: got %d sent away and %d shed, want 4 and 0", c.SentAway, c.Shed)
	}
	m.use(82) // little is refused, so that it is soon over
	wantStage(t, events, "strained", "on")
	testkit.Until(t, "requests to be refused", func() bool { return p.Counters().Shed > 0 || testkit.Do(t, p.Addr, testkit.Get("/")).StatusCode == 503 })
	m.use(76) // below where it began, but not by as much again
	wantStage(t, events, "on", "strained")
	wantLast("strained again", spoken.Do(testkit.Get("/")), 200)
	m.use(10)
	wantStage(t, events, "strained", "off")
	again := testkit.Dial(t, p.Addr)
	again.Do(testkit.Get("/"))
	settle(t, p)
	if got := again.Do(testkit.Get("/")); got.StatusCode != 200 || got.Close {
		t.Errorf("in calm again: got %d close=%v, want 200 and no close", got.StatusCode, got.Close)
	}
}

// What the gateway answers itself ends connections, too.
func TestStrainEndsWithOwnAnswers(t *testing.T) {
	p, m, events := watchedBefore(t, testkit.Refused(t))
	c := testkit.Dial(t, p.Addr)
	if got := c.Do(testkit.Get("/")); got.StatusCode != 503 || got.Close {
		t.Fatalf("in calm: got %d close=%v, want 503 and no close", got.StatusCode, got.Close)
	}
	settle(t, p)
	m.use(79)
	wantStage(t, events, "off", "strained")
	if got := c.Do(testkit.Get("/")); got.StatusCode != 503 || !got.Close {
		t.Errorf("strained: got %d close=%v, want 503 and Connection: close", got.StatusCode, got.Close)
	}
	c.WantClosed()
}

// An answer that has begun, a tunnel and a relay go on to their end, whatever comes meanwhile.
func TestStrainCutsNothing(t *testing.T) {
	gate := make(chan struct{})
	long := strings.Repeat("x", 3_000_000)
	p, b, m, events := watched(t, func(c *testkit.Conn, r *testkit.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n")
			testkit.Receive(t, "the strain", gate)
			c.Send("hello")
			c.Cut()
		case r.URL.Path == "/long":
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + long[:1000])
			testkit.Receive(t, "the strain", gate)
			c.Send(long[1000:])
		default:
			testkit.Echo("stable")(c, r)
		}
	})
	tunnel, relayed := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	tunnel.Do(testkit.Get("/"))
	relayed.Do(testkit.Get("/"))
	settle(t, p)
	tunnel.Send(testkit.Get("/", "Connection: upgrade", "Upgrade: chat"))
	if head, err := tunnel.Head("GET"); err != nil || head.StatusCode != 101 {
		t.Fatalf("upgrade: got %+v, %v, want 101", head, err)
	}
	relayed.Send(testkit.Get("/long"))
	testkit.Until(t, "both to be in relays", func() bool { return p.Counters().Relays == 2 && len(b.Seen()) == 4 })
	m.use(79)
	wantStage(t, events, "off", "strained")
	close(gate)
	if got := relayed.Read("GET"); got.StatusCode != 200 || got.Close || got.Text != long {
		t.Errorf("an answer that had begun: got %d close=%v and %d bytes, want all and no close", got.StatusCode, got.Close, len(got.Text))
	}
	relayed.Do(testkit.Get("/")).WantStatus(t, 200, "")
	if rest, err := tunnel.ReadAll(); err != nil || rest != "hello" {
		t.Errorf("tunnel: got %q, %v, want hello", rest, err)
	}
}
