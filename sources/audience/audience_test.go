package audience

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"graygate/internal/priority"
)

// patience is how long anything may take that a test waits for. Only a failing test waits so long.
const patience = 20 * time.Second

// wait waits until an audience stands as wished, and gives its status then.
func wait(t *testing.T, a *Audience, what string, wished func(Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last Status
	if err := a.Wait(ctx, func(s Status) bool { last = s; return wished(s) }); err != nil {
		t.Fatalf("waited in vain: %s; status %+v", what, last)
	}
	return last
}

func loadedWith(members int) func(Status) bool {
	return func(s Status) bool { return s.Loaded && s.Members == members && s.LastError == "" }
}

func failing(s Status) bool { return s.LastError != "" }

// logBuffer collects a log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newLoader makes a loader that is closed at the end; whatever of it is left then fails the test.
func newLoader(t *testing.T) (*Loader, *logBuffer) {
	t.Helper()
	before := runtime.NumGoroutine()
	log := &logBuffer{}
	l := NewLoader(slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() {
		l.Close()
		for end := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("left behind: %d goroutines, before %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
	return l, log
}

// start opens an audience and starts it.
func start(t *testing.T, l *Loader, c Config) *Audience {
	t.Helper()
	a, err := l.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if s, is := a.source.(*redisSource); is {
		s.retry = often
	}
	a.Start(nil)
	t.Cleanup(a.Close)
	return a
}

// expect compares what an audience says of members with what it should: a name that begins with "!" is none.
func expect(t *testing.T, a *Audience, members ...string) {
	t.Helper()
	for _, m := range members {
		m, not := strings.CutPrefix(m, "!")
		if got := a.Contains([]byte(m)); got == not {
			t.Errorf("%q: got %v want %v", m, got, !not)
		}
	}
}

func TestOpenFails(t *testing.T) {
	l, _ := newLoader(t)
	dir := t.TempDir()
	row := func(c Config, want string) {
		t.Helper()
		c.Name = "beta"
		if _, err := l.Open(c); err == nil || err.Error() != want {
			t.Errorf("%+v\n got %v\nwant %s", c, err, want)
		}
	}
	file := filepath.Join(dir, "beta.txt")
	row(Config{}, `audience "beta": its members come from a file or from Redis; set one of both`)
	row(Config{File: file, RedisURL: "redis://h", RedisKey: "k"}, `audience "beta": its members come from a file or from Redis; set one of both`)
	row(Config{File: file}, `audience "beta": `+file+`: there is no such file; mend its name, or put it there`)
	row(Config{File: dir}, `audience "beta": `+dir+`: it is a folder or a device; name a file with a member a line`)
	row(Config{File: os.DevNull}, `audience "beta": `+os.DevNull+`: it is a folder or a device; name a file with a member a line`)
	row(Config{RedisURL: "redis://h:6379/0"}, `audience "beta": no key is set for redis://h:6379/0; name the set that the members are in`)
	const unreadable = `audience "beta": its Redis URL cannot be read; write redis://HOST:PORT/DB or redis://USER:PASSWORD@HOST:PORT/DB, with %40 for @, %3A for :, %2F for / in the password`
	row(Config{RedisURL: "redis://u:secret%@h", RedisKey: "k"}, unreadable)
	row(Config{RedisURL: "redis://u:sec/ret@h", RedisKey: "k"}, unreadable)
	row(Config{RedisURL: "http://u:secret@h/", RedisKey: "k"}, `audience "beta": http://h/ is no Redis URL; begin it with redis://, or with rediss:// for TLS`)
	row(Config{RedisURL: "redis://u:secret@h/x", RedisKey: "k"}, `audience "beta": redis://h/x is no Redis URL; write it as redis://HOST:PORT/DB, DB being a number`)
	row(Config{RedisURL: "redis://u:secret@h/1?read_timeout=1h", RedisKey: "k"}, `audience "beta": redis://h/1 has options after it, and none are known; take out what begins with ?`)
}

// swapper is a source that has other members at each load: "always", and the number of the load.
type swapper struct {
	loads int
	ready chan struct{} // closed after the last load
}

func (s *swapper) String() string { return "swapper" }
func (s *swapper) close()         {}
func (s *swapper) load(_ context.Context, b *Builder) error {
	s.loads++
	if s.loads%10 == 9 {
		return fmt.Errorf("load %d fails", s.loads)
	}
	return ReadLines(strings.NewReader("always\n"+strconv.Itoa(s.loads)), b.Add)
}

func (s *swapper) wait(ctx context.Context, _ error) bool {
	if s.loads < 1000 {
		return true
	}
	close(s.ready)
	<-ctx.Done()
	return false
}

// Look-ups go on while sets are swapped: who is in every set is found always.
func TestLookUpsWhileSetsAreSwapped(t *testing.T) {
	l, _ := newLoader(t)
	source := &swapper{ready: make(chan struct{})}
	a := &Audience{config: Config{Name: "beta"}.Filled(), log: l.log, changed: make(chan struct{}), source: source, slots: l.files}
	expect(t, a, "!always")
	a.Start(nil)
	defer a.Close()
	wait(t, a, "the first load", func(s Status) bool { return s.Loaded })
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			always, never := []byte("always"), []byte("never")
			for {
				if !a.Contains(always) || a.Contains(never) || a.Status().Members != 2 {
					t.Errorf("always: %v, never: %v, status %+v", a.Contains(always), a.Contains(never), a.Status())
					return
				}
				select {
				case <-source.ready:
					return
				default:
				}
			}
		})
	}
	group.Wait()
	expect(t, a, "always", "1000", "!999")
}

// An audience that is defined anew starts with what one with the same source has.
func TestStartWithMembersOfBefore(t *testing.T) {
	l, _ := newLoader(t)
	file := filepath.Join(t.TempDir(), "beta.txt")
	write(t, file, "a\n")
	before := start(t, l, Config{Name: "beta", File: file})
	since := wait(t, before, "a load", loadedWith(1)).Since
	row := func(c Config, want Status) {
		t.Helper()
		for range loadsAtOnce { // no load can begin
			l.files <- struct{}{}
		}
		defer func() {
			for range loadsAtOnce {
				<-l.files
			}
		}()
		a, err := l.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		a.Start(before)
		defer a.Close()
		if got := a.Status(); got != want || a.Contains([]byte("a")) != want.Loaded {
			t.Errorf("%+v\n got %+v, a is in: %v\nwant %+v", c, got, a.Contains([]byte("a")), want)
		}
	}
	bytes := before.Status().Bytes
	row(Config{Name: "beta", File: file, MaxMembers: 7}, Status{Name: "beta", Loaded: true, Members: 1, Bytes: bytes, Since: since})
	row(Config{Name: "beta", File: file, Approximate: true}, Status{Name: "beta", Approximate: true})
	other := filepath.Join(t.TempDir(), "beta.txt")
	write(t, other, "a\n")
	row(Config{Name: "beta", File: other}, Status{Name: "beta"})
}

func TestCloseBeforeStart(t *testing.T) {
	l, _ := newLoader(t)
	file := filepath.Join(t.TempDir(), "beta.txt")
	write(t, file, "a\n")
	a, err := l.Open(Config{Name: "beta", File: file})
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	a.Start(nil)
	a.Close()
	if got, want := a.Status(), (Status{Name: "beta"}); got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// niceSource notes the niceness of the thread that loads.
type niceSource struct{ nice chan int }

func (s niceSource) load(context.Context, *Builder) error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		s.nice <- int(attr.Nice)
	}
	return err
}
func (niceSource) wait(ctx context.Context, _ error) bool { <-ctx.Done(); return false }
func (niceSource) String() string                         { return "nowhere" }
func (niceSource) close()                                 {}

// Loads give way to event loops.
func TestLoadGivesWay(t *testing.T) {
	l, _ := newLoader(t)
	a, err := l.Open(Config{Name: "vips", RedisURL: "redis://127.0.0.1:1", RedisKey: "vips"})
	if err != nil {
		t.Fatal(err)
	}
	s := niceSource{make(chan int, 1)}
	a.source = s
	a.Start(nil)
	defer a.Close()
	wait(t, a, "a load", loadedWith(0))
	if got := <-s.nice; got < priority.Nice {
		t.Errorf("niceness %d, want %d", got, priority.Nice)
	}
}
