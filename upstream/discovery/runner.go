// Package discovery finds the endpoints of pools while the gateway runs: by the DNS, and in files. It never blocks an
// event loop, and keeps what it has found while a source cannot be asked.
package discovery

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"graygate/internal/watch"
	"graygate/upstream"
)

// Update is told what a source of a pool has found, all of it, when it is other than before. Calls for one source come one
// after the other; those of several may come at once. The list is the callee's.
type Update func(pool string, source upstream.SourceConfig, found []upstream.EndpointConfig)

// Parse reads the text of a file of endpoints, whose name is for messages. What an endpoint does not say it has from like. It
// may be called concurrently.
type Parse func(name string, text []byte, like upstream.EndpointConfig) ([]upstream.EndpointConfig, error)

// Runner asks the sources of all pools, each in a goroutine of its own. Its methods may be called concurrently.
type Runner struct {
	log    *slog.Logger
	parse  Parse
	update Update
	files  *watch.Watcher

	mu      sync.Mutex
	running map[sourceKey]*running
	closed  bool
}

// sourceKey identifies a source of a pool over reloads.
type sourceKey struct {
	pool         string
	kind         upstream.SourceKind
	name, server string
}

// running is a source that is being asked.
type running struct {
	config upstream.SourceConfig
	stop   context.CancelFunc
	asked  chan struct{} // closed when it was asked for the first time, and what it said was told
	done   chan struct{} // closed when its goroutine has ended

	mu     sync.Mutex
	status SourceStatus
}

// SourceStatus is how a source stands.
type SourceStatus struct {
	Pool      string    `json:"pool"`
	Source    string    `json:"source"` // dns, srv or file, and its name
	Endpoints int       `json:"endpoints"`
	Answered  time.Time `json:"answered"`        // the last good answer; zero: none yet
	Error     string    `json:"error,omitempty"` // why the last one was none
}

// source is one place that can be asked.
type source interface {
	// ask gives the endpoints there, and after how long to ask again; or an error, errNegative if there certainly are none.
	// With an error, 0 leaves that to the runner.
	ask(ctx context.Context) (found []upstream.EndpointConfig, again time.Duration, err error)
	// nudges gives a channel that says when to ask earlier; nil: there is none.
	nudges() <-chan struct{}
	close()
}

// New gives a runner without sources, which reads files by parse. A nil logger is silent.
func New(log *slog.Logger, parse Parse, update Update) *Runner {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runner{log: log, parse: parse, update: update, files: watch.New(log), running: map[sourceKey]*running{}}
}

// Set says which sources there are from now on: those of the pools. One that was there before, with the same settings, goes
// on; those that are gone have ended, and tell nothing any more, when Set returns. To be called after
// [upstream.Registry.Pools] with the same pools.
func (r *Runner) Set(pools []upstream.PoolConfig) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	wanted := map[sourceKey]upstream.SourceConfig{}
	for i := range pools {
		for _, c := range pools[i].Sources {
			wanted[sourceKey{pools[i].Name, c.Kind, c.Name, c.Server}] = c
		}
	}
	var ended []*running
	for key, x := range r.running {
		if c, still := wanted[key]; !still || !reflect.DeepEqual(c, x.config) {
			x.stop()
			ended = append(ended, x)
			delete(r.running, key)
		}
	}
	for _, x := range ended {
		<-x.done
	}
	for key, c := range wanted {
		if r.running[key] == nil {
			r.running[key] = r.start(key.pool, c)
		}
	}
}

// Close ends all sources and waits for them.
func (r *Runner) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, x := range r.running {
		x.stop()
	}
	for _, x := range r.running {
		<-x.done
	}
	r.running = nil
	r.files.Close()
}

// Wait returns when each source was asked at least once, and what it said has been told, whether it was of use or not; or
// when ctx ends, with its error.
func (r *Runner) Wait(ctx context.Context) error {
	r.mu.Lock()
	all := slices.Collect(maps.Values(r.running))
	r.mu.Unlock()
	for _, x := range all {
		select {
		case <-x.asked:
		case <-x.done: // it was stopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Status tells how all sources stand, by pool and name.
func (r *Runner) Status() []SourceStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]SourceStatus, 0, len(r.running))
	for x := range maps.Values(r.running) {
		x.mu.Lock()
		all = append(all, x.status)
		x.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b SourceStatus) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Source, b.Source))
	})
	return all
}

func (r *Runner) start(pool string, c upstream.SourceConfig) *running {
	ctx, stop := context.WithCancel(context.Background())
	x := &running{config: c, stop: stop, asked: make(chan struct{}), done: make(chan struct{})}
	x.status = SourceStatus{Pool: pool, Source: describe(c)}
	var s source
	if c.Kind == upstream.File {
		s = newFileSource(c, r.files, r.parse)
	} else {
		s = newDNSSource(c)
	}
	go func() {
		defer close(x.done)
		defer s.close()
		r.run(ctx, pool, x, s)
	}()
	return x
}

func describe(c upstream.SourceConfig) string {
	kind := map[upstream.SourceKind]string{upstream.DNS: "dns", upstream.SRV: "srv", upstream.File: "file"}[c.Kind]
	return kind + " " + c.Name
}

// run asks a source until it is stopped.
func (r *Runner) run(ctx context.Context, pool string, x *running, s source) {
	log := r.log.With("pool", pool, "source", describe(x.config))
	var last []upstream.EndpointConfig
	told := false // at least once: an empty first answer is told, too
	failures, negative := 0, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.nudges():
		}
		found, again, err := s.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == errNegative {
			if negative++; negative >= negativeTimes {
				err = nil // and found is empty
			}
		} else if err == nil {
			negative = 0
		}
		x.tell(len(found), err)
		if err != nil {
			x.wasAsked()
			if failures++; failures == 1 {
				log.Warn("endpoints cannot be looked up: those found last stay", "endpoints", len(last), "error", err)
			}
			if again == 0 {
				again = wait(x.config, failures)
			}
			timer.Reset(again)
			continue
		}
		if failures > 0 && negative == 0 {
			log.Info("endpoints can be looked up again", "endpoints", len(found))
		}
		failures = 0
		timer.Reset(again)
		slices.SortFunc(found, func(a, b upstream.EndpointConfig) int { return cmp.Compare(a.Address, b.Address) })
		if told && slices.EqualFunc(found, last, func(a, b upstream.EndpointConfig) bool { return reflect.DeepEqual(a, b) }) {
			continue
		}
		told, last = true, found
		log.Info("endpoints found", "endpoints", len(found))
		r.update(pool, x.config, slices.Clone(found))
		x.wasAsked()
	}
}

// wasAsked notes that it was asked. Only its own goroutine calls it.
func (x *running) wasAsked() {
	select {
	case <-x.asked:
	default:
		close(x.asked)
	}
}

// tell keeps how it went for the status.
func (x *running) tell(endpoints int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err != nil {
		x.status.Error = err.Error()
		return
	}
	x.status.Endpoints, x.status.Answered, x.status.Error = endpoints, time.Now(), ""
}

// wait is how long after so many failures in a row a source is asked again.
func wait(c upstream.SourceConfig, failures int) time.Duration {
	_, most := ttlBounds(c)
	return min(retryFirst<<min(failures-1, 10), retryMost, most)
}
