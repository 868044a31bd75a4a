package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"graygate/config"
	"graygate/internal/testkit"
)

// colorYAML is an experiment that gives everybody a color, in three places, told to the client.
func colorYAML(b lab, color string) string {
	return b.config("loops: 2\nassignments: {cookie: lab}\n",
		fmt.Sprintf("  color: {layer: one, slots: [0-9999], state: active, variants: {%[1]s: {weight: 1, headers: {X-Color: %[1]s, X-%[1]s: \"yes\"}}}}\n", color))
}

// Experiments change under load: every request is of one config, whole, whichever it is.
func TestReloadOfExperimentsUnderLoad(t *testing.T) {
	const reloads = 60
	colors := []string{"red", "green", "blue"}
	b := newLab(t)
	p := testkit.Gateway(t, colorYAML(b, colors[0]))
	var stop atomic.Bool
	var done [3]atomic.Int64
	var load sync.WaitGroup
	for n := range 4 {
		load.Go(func() {
			c := testkit.Dial(t, p.Addr)
			for i := 0; !stop.Load(); i++ {
				// Whatever the config, what a client forges of the fields that it sets does not come through.
				request := testkit.Get("/", fmt.Sprintf("X-User-Id: u%d-%d", n, i), "X-Color: forged")
				err := c.TrySend(request)
				var got *testkit.Response
				if err == nil {
					got, err = c.TryRead("GET")
				}
				if err != nil {
					t.Errorf("client %d, request %d: %v", n, i, err)
					return
				}
				whole := false
				for at, color := range colors {
					if strings.Contains(got.Text, "\r\nX-Experiment: color="+color+"\r\nX-Color: "+color+"\r\nX-"+color+": yes\r\n") &&
						strings.Count(got.Text, "X-Color") == 1 && got.Header.Get("Set-Cookie") == "lab=color="+color+"; Path=/; SameSite=Lax" {
						whole = true
						done[at].Add(1)
					}
				}
				if !whole {
					t.Errorf("client %d, request %d: the upstream got %q, the client %q, want one color", n, i, got.Text, got.Header)
					return
				}
			}
		})
	}
	for n := range reloads {
		at := (n + 1) % len(colors)
		p.MustReload(colorYAML(b, colors[at]))
		before := done[at].Load()
		testkit.Until(t, "requests of the new config", func() bool { return done[at].Load() >= before+5 || t.Failed() })
	}
	stop.Store(true)
	load.Wait()
}

// A request under way keeps the config that it began with, to the head of its answer.
func TestReloadKeepsExperimentsUnderWay(t *testing.T) {
	gate := make(chan struct{})
	b := newLab(t)
	b.stable = testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/slow" {
			testkit.Receive(t, "the reload", gate)
		}
		testkit.Echo("stable")(c, r)
	})
	p := testkit.Gateway(t, colorYAML(b, "red"))
	slow, quick := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)
	slow.Send(testkit.Get("/slow", "X-User-Id: u1"))
	testkit.Until(t, "the slow request to be upstream", func() bool { return len(b.stable.Seen()) == 1 })
	p.MustReload(strings.Replace(colorYAML(b, "blue"), "assignments: {cookie: lab}", "", 1))
	if got := quick.Do(testkit.Get("/", "X-User-Id: u1")); !strings.Contains(got.Text, "color=blue") || len(got.Header["Set-Cookie"]) > 0 {
		t.Errorf("after: got %q %q, want color=blue and no cookie", got.Text, got.Header)
	}
	close(gate)
	if got := slow.Read("GET"); !strings.Contains(got.Text, "color=red") || got.Header.Get("Set-Cookie") != "lab=color=red; Path=/; SameSite=Lax" {
		t.Errorf("the request under way: got %q %q, want color=red, told", got.Text, got.Header)
	}
}

// A key that is gone when the config is taken: the old one stays in force, with its key.
func TestReloadWithoutKey(t *testing.T) {
	dir := t.TempDir()
	b := newLab(t)
	with := func(name, color string) *config.Plan {
		t.Helper()
		key := filepath.Join(dir, name)
		if err := os.WriteFile(key, []byte(strings.Repeat(name, 32)), 0o600); err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(colorYAML(b, color), "cookie: lab", "override_key_file: "+key, 1)
		plan, err := config.Parse("test.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	p := testkit.Gateway(t, colorYAML(b, "red"))
	c := testkit.Dial(t, p.Addr)
	row := func(name string, spoil func(key string) error, wantError string) {
		t.Helper()
		plan := with("gone", "green")
		if err := spoil(filepath.Join(dir, "gone")); err != nil {
			t.Fatal(err)
		}
		if err := p.Reload(plan); err == nil || !strings.Contains(err.Error(), wantError) {
			t.Errorf("%s: got %v, want an error with %q", name, err, wantError)
		}
		if got := c.Do(testkit.Get("/", "X-User-Id: u1")); !strings.Contains(got.Text, "color=red") || p.Snapshot().Generation != 1 {
			t.Errorf("%s: got %q of generation %d, want color=red of the first", name, got.Text, p.Snapshot().Generation)
		}
	}
	row("removed", os.Remove, "override_key_file: open "+filepath.Join(dir, "gone")+": no such file")
	row("emptied", func(key string) error { return os.WriteFile(key, []byte(" \n"), 0o600) }, "is empty")
	row("something else", func(key string) error { return os.Truncate(key, 1<<20) }, "more than 4096 bytes")
	if err := p.Reload(with("kept", "blue")); err != nil {
		t.Fatal(err)
	}
	if got := c.Do(testkit.Get("/", "X-User-Id: u1")); !strings.Contains(got.Text, "color=blue") {
		t.Errorf("a good one after all: got %q, want color=blue", got.Text)
	}
}

// An audience whose file is gone when the config is taken: the old one stays in force, with all that it looks things up in.
func TestReloadWithoutAudience(t *testing.T) {
	dir := t.TempDir()
	write := func(name, members string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(members), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b := newLab(t)
	parse := func(path, variant string) *config.Plan {
		t.Helper()
		plan, err := config.Parse("test.yaml", []byte(b.config("audiences: {beta: {file: "+path+"}}\n",
			"  club: {layer: one, slots: [0-9999], state: active, when: \"audience('beta', userid)\", variants: {"+variant+": 1}}\n")))
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	p := testkit.Gateway(t, colorYAML(b, "red"))
	c := testkit.Dial(t, p.Addr)
	club := func(user string) string {
		return (answered{}).of(t, c.Do(testkit.Get("/", "X-User-Id: "+user))).experiments
	}
	if err := p.Reload(parse(write("beta.txt", "alice\nbob\n"), "one")); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the audience to be loaded", func() bool { return len(p.Loading()) == 0 })
	row := func(name, user, want string) {
		t.Helper()
		if got := club(user); got != want {
			t.Errorf("%s, %s: got %q, want %q", name, user, got, want)
		}
	}
	row("loaded", "alice", "club=one")
	row("loaded", "carol", "")
	gone := parse(write("gone.txt", "carol\n"), "two")
	if err := os.Remove(filepath.Join(dir, "gone.txt")); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(gone); err == nil || !strings.Contains(err.Error(), "gone.txt") {
		t.Errorf("an audience whose file is gone: got error %v, want one that names it", err)
	}
	row("after a config that was not taken", "alice", "club=one")
	row("after a config that was not taken", "carol", "")
	write("beta.txt", "carol\n")
	testkit.Until(t, "the file to be read again", func() bool { return club("carol") == "club=one" })
	row("the file has changed", "alice", "")
	if err := p.Reload(parse(write("next.txt", "dave\n"), "two")); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "the next audience to be loaded", func() bool { return len(p.Loading()) == 0 })
	row("another file", "dave", "club=two")
	row("another file", "carol", "")
}
