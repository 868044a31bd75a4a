package audience

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"graygate/internal/priority"
	"graygate/internal/watch"
)

// Config says where an audience has its members from: File is set, or RedisURL and RedisKey are. Equal configs are the
// same audience.
type Config struct {
	Name        string
	File        string        // path of a file, a member a line
	RedisURL    string        // redis://USER:PASSWORD@HOST:PORT/DB, or rediss:// for TLS; the password is never shown
	RedisKey    string        // of a set
	Refresh     time.Duration // between two loads from Redis; 0: DefaultRefresh
	Approximate bool          // a Bloom filter alone: see Set.Contains
	MaxMembers  int           // 0: DefaultMaxMembers
}

// Filled gives the config with its defaults.
func (c Config) Filled() Config {
	if c.MaxMembers == 0 {
		c.MaxMembers = DefaultMaxMembers
	}
	if c.Refresh == 0 {
		c.Refresh = DefaultRefresh
	}
	return c
}

func (c Config) sameSource(d Config) bool {
	return c.File == d.File && c.RedisURL == d.RedisURL && c.RedisKey == d.RedisKey
}

// Status is how an audience stands.
type Status struct {
	Name        string
	Loaded      bool      // there are members to look up in, be it from a load before the last
	Members     int       // each counted once
	Bytes       int       // memory of the set
	Since       time.Time // end of the last load that went well; zero if none did
	LastError   string    // why the last load failed; "" if it went well, or none has ended yet
	Approximate bool      // as the config says
}

// Audience is a [match.Audience] that is loaded, and kept up to date, by a goroutine of its own. A load builds a new set
// beside the one in force, which then takes its place at once; a load that fails leaves the old set where it is. All
// methods may be called concurrently.
type Audience struct {
	config Config
	log    *slog.Logger
	source source
	slots  chan struct{}
	set    atomic.Pointer[Set]

	mu      sync.Mutex
	status  Status
	changed chan struct{} // closed when status changes, and replaced
	stop    context.CancelFunc
	done    chan struct{} // closed when the goroutine has ended; nil before Start
	closed  bool
}

// source is where members come from. It belongs to the audience's goroutine.
type source interface {
	// load adds all members. When ctx ends, so does it.
	load(ctx context.Context, b *Builder) error
	// wait returns when it is time for another load, after one with that error; false when ctx ends.
	wait(ctx context.Context, err error) bool
	// String names the source without its secrets.
	String() string
	// close gives back what the source holds.
	close()
}

// Loader opens audiences and has what they share. Its methods may be called concurrently.
type Loader struct {
	log     *slog.Logger
	watcher *watch.Watcher
	files   chan struct{} // a place for each load that is under way
	redis   chan struct{}
}

// NewLoader makes a loader. A nil logger is silent.
func NewLoader(log *slog.Logger) *Loader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Loader{log: log, watcher: watch.New(log), files: make(chan struct{}, loadsAtOnce), redis: make(chan struct{}, loadsAtOnce)}
}

// Close ends the watching of files. The loader's audiences are to be closed before.
func (l *Loader) Close() { l.watcher.Close() }

// Open makes an audience without members. It checks the config, and that a file can be read, but loads nothing, and has
// nothing to close, before Start is called.
func (l *Loader) Open(c Config) (*Audience, error) {
	c = c.Filled()
	a := &Audience{config: c, log: l.log, changed: make(chan struct{}), status: Status{Name: c.Name, Approximate: c.Approximate}}
	switch {
	case (c.File != "") == (c.RedisURL != ""):
		return nil, fmt.Errorf("audience %q: its members come from a file or from Redis; set one of both", c.Name)
	case c.File != "":
		f, err := openRegular(c.File)
		if err != nil {
			return nil, fmt.Errorf("audience %q: %w", c.Name, err)
		}
		_ = f.Close()
		a.source, a.slots = &fileSource{path: c.File, watcher: l.watcher, poll: pollTime}, l.files
	default:
		s, err := newRedisSource(c)
		if err != nil {
			return nil, fmt.Errorf("audience %q: %w", c.Name, err)
		}
		a.source, a.slots = s, l.redis
	}
	return a, nil
}

// Start begins to load. If before, which may be nil, has its members from the same source, they serve until the first load
// is over. Start is called once at most.
func (a *Audience) Start(before *Audience) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.done != nil {
		return
	}
	if before != nil && a.config.sameSource(before.config) && a.config.Approximate == before.config.Approximate {
		if s := before.set.Load(); s != nil {
			a.set.Store(s)
			a.become(s, before.Status().Since)
		}
	}
	var ctx context.Context
	ctx, a.stop = context.WithCancel(context.Background())
	a.done = make(chan struct{})
	go a.run(ctx)
}

// Close ends the loading, and returns when it has ended. What is loaded stays, for requests that still ask.
func (a *Audience) Close() {
	a.mu.Lock()
	a.closed = true
	stop, done := a.stop, a.done
	a.mu.Unlock()
	if done != nil {
		stop()
		<-done
	}
}

// Contains tells whether a member is in the set in force; false while there is none. It never waits and does not allocate.
func (a *Audience) Contains(member []byte) bool {
	s := a.set.Load()
	return s != nil && s.Contains(member)
}

// Config is what the audience was opened with, its defaults filled in.
func (a *Audience) Config() Config { return a.config }

// Status is how the audience stands now.
func (a *Audience) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Wait returns when the status is as wished, or with ctx's error when ctx ends before.
func (a *Audience) Wait(ctx context.Context, wished func(Status) bool) error {
	for {
		a.mu.Lock()
		status, changed := a.status, a.changed
		a.mu.Unlock()
		if wished(status) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *Audience) run(ctx context.Context) {
	defer close(a.done)
	defer a.source.close()
	for {
		err := a.load(ctx)
		if ctx.Err() != nil || !a.source.wait(ctx, err) {
			return
		}
	}
}

// load loads once, on a thread that gives way to the event loops, and puts the new set in force.
func (a *Audience) load(ctx context.Context) error {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	start := time.Now()
	var s *Set
	var err error
	priority.GiveWay(func() {
		b := NewBuilder(a.config.MaxMembers, a.config.Approximate)
		if err = a.source.load(ctx, b); err == nil {
			s, err = b.Build()
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.failed(err)
		return err
	}
	a.set.Store(s)
	a.loaded(s, time.Since(start))
	return nil
}

func (a *Audience) loaded(s *Set, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.status
	a.become(s, time.Now())
	level := slog.LevelInfo
	if before.Loaded && before.LastError == "" && before.Members == s.Len() {
		level = slog.LevelDebug // one of many that change nothing
	}
	a.log.Log(context.Background(), level, "audience loaded", "audience", a.config.Name, "from", a.source.String(), "members", s.Len(), "bytes", s.Bytes(), "took", took.String())
	if s.Len() == 0 && before.Members > 0 {
		a.log.Warn("audience is empty now", "audience", a.config.Name, "from", a.source.String(), "members_before", before.Members)
	}
}

// become enters that a set is in force. The lock is held.
func (a *Audience) become(s *Set, since time.Time) {
	a.enter(Status{Name: a.config.Name, Loaded: true, Members: s.Len(), Bytes: s.Bytes(), Since: since, Approximate: a.config.Approximate})
}

// failed enters why a load came to nothing. The same reason again is not logged.
func (a *Audience) failed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := a.status
	next.LastError = err.Error()
	if next.LastError != a.status.LastError {
		what := "audience not loaded: the members that it had stay"
		if !next.Loaded {
			what = "audience not loaded: nobody is in it yet"
		}
		a.log.Warn(what, "audience", a.config.Name, "from", a.source.String(), "error", err)
	}
	a.enter(next)
}

// enter sets the status and wakes those who wait. The lock is held.
func (a *Audience) enter(s Status) {
	a.status = s
	close(a.changed)
	a.changed = make(chan struct{})
}

// openRegular opens a file to read. A pipe or a device, which could block, is refused, as is a folder.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file; mend its name, or put it there", path)
	case err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is a folder or a device; name a file with a member a line", path)
	case err == nil:
		var f *os.File
		if f, err = os.Open(path); err == nil {
			return f, nil
		}
	}
	var where *os.PathError
	if errors.As(err, &where) {
		err = where.Err
	}
	return nil, fmt.Errorf("%s: it cannot be read: %w; name a file that can", path, err)
}
