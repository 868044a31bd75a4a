// Package meter counts what the gateway does, and writes it as a Prometheus page.
//
// Series are resolved when a snapshot is made ([Registry.Resolve]), so that a request looks nothing up: it has a pointer.
// Every loop counts in cells of its own, which share no cache line with those of another loop; a scrape adds them up. What
// may become a series is bounded by the config: no client, by whatever host, tag, method or status, can make one.
package meter

import (
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// Registry holds all series of a process. Its methods may be called concurrently; generations are made one at a time.
type Registry struct {
	loops int
	set   *metrics.Set // has the registry as one of its writers, so that there is one page
	rings []ring       // sampled units, by loop

	current atomic.Pointer[Generation] // the one that is committed; never nil

	mu         sync.Mutex
	collectors []func(*Page)

	draining sync.Mutex // whoever reads the rings; guards the tests of the experiments too
	stop     chan struct{}
	stopped  chan struct{}
	once     sync.Once
}

// Generation is the series of one snapshot. It is filled by one goroutine, then committed, then only read.
type Generation struct {
	r           *Registry
	series      map[Key]*times
	pools       map[poolKey]*codes
	experiments map[experimentKey]*experiment
	tallies     map[tallyKey]*Tally
	folded      int

	// In the order of the page; made by Order.
	ordered            bool
	timesInOrder       []*times
	codesInOrder       []*codes
	experimentsInOrder []*experiment
	talliesInOrder     []namedTally
}

// New gives a registry for so many loops, at least 1, and starts the goroutine that tests the experiments. Close ends it.
func New(loops int) *Registry {
	r := &Registry{
		loops:   loops,
		set:     metrics.NewSet(),
		rings:   make([]ring, loops),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	r.current.Store(r.Resolve())
	r.set.RegisterMetricsWriter(r.writeOwn)
	go r.drainOften()
	return r
}

// Close ends the goroutine. What is counted can be read and written on after it.
func (r *Registry) Close() {
	r.once.Do(func() { close(r.stop) })
	<-r.stopped
}

// Set is where others may register what they measure with the library's own types; it is written with the rest.
func (r *Registry) Set() *metrics.Set { return r.set }

// Collect registers what gives values at each scrape. It is called without any lock of the registry's, by several scrapes
// at once if there are; it must not block.
func (r *Registry) Collect(collector func(*Page)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collectors = append(slices.Clone(r.collectors), collector)
}

// Resolve begins the series of a new snapshot. What it names and what the committed generation has already keeps its counts.
// If the snapshot comes to nothing, forget the generation: it has changed nothing that others see.
func (r *Registry) Resolve() *Generation {
	return &Generation{
		r: r, series: map[Key]*times{}, pools: map[poolKey]*codes{}, experiments: map[experimentKey]*experiment{}, tallies: map[tallyKey]*Tally{},
	}
}

// Order puts the series in the order of the page, which takes milliseconds if there are many thousands; nothing is to be resolved after
// it. Commit does it if nobody has: whoever resolves where it disturbs nobody does it there.
func (g *Generation) Order() {
	if g.ordered {
		return
	}
	g.ordered = true
	g.timesInOrder = slices.SortedFunc(maps.Values(g.series), func(a, b *times) int { return a.key.compare(b.key) })
	g.codesInOrder = slices.SortedFunc(maps.Values(g.pools), func(a, b *codes) int {
		if c := a.key.Key.compare(b.key.Key); c != 0 {
			return c
		}
		return strings.Compare(a.key.pool, b.key.pool)
	})
	g.experimentsInOrder = slices.SortedFunc(maps.Values(g.experiments), func(a, b *experiment) int { return a.key.compare(b.key) })
	for key, t := range g.tallies {
		g.talliesInOrder = append(g.talliesInOrder, namedTally{key, t})
	}
	slices.SortFunc(g.talliesInOrder, func(a, b namedTally) int { return a.key.compare(b.key) })
}

// Commit makes the generation the one that is written. Series that it does not name are gone from the page; requests that
// are still under way with them count into what is no longer read. Call it right before the snapshot is stored.
func (g *Generation) Commit() {
	g.Order()
	bytes := seenBytes(len(g.experimentsInOrder))
	g.r.draining.Lock()
	defer g.r.draining.Unlock()
	for _, e := range g.experimentsInOrder {
		e.assigned.size(bytes)
		e.answered.size(bytes)
	}
	g.r.current.Store(g)
}

// Folded is how many keys are counted under [FoldedService] for want of room.
func (g *Generation) Folded() int { return g.folded }

// Write writes the page but for what [WriteProcess] does: what was counted, what the collectors give, what is in [Registry.Set]. It
// stops early when w fails. No lock is held while w is written to, so a slow reader disturbs nobody.
func (r *Registry) Write(w io.Writer) {
	t := takeText(w)
	defer t.give()
	r.set.WritePrometheus(t)
	t.flush()
}

// WriteProcess writes what there is to tell of the process and of the Go runtime. It stops the world for some microseconds, so it
// is no work for a thread that gives way: all others would wait until it has its turn.
func WriteProcess(w io.Writer) {
	t := takeText(w)
	defer t.give()
	// Not the open descriptors: the library lists them one by one, and there may be 100,000 of them.
	metrics.WriteProcessMetrics(t)
	t.flush()
}

// writeOwn is the registry's part of the page.
func (r *Registry) writeOwn(w io.Writer) {
	t, is := w.(*text)
	if !is {
		t = takeText(w)
		defer t.give()
	}
	r.Drain()
	g := r.current.Load()
	page := takePage()
	defer page.give()
	r.mu.Lock()
	collectors := r.collectors
	r.mu.Unlock()
	for _, c := range collectors {
		c(page)
	}
	g.writeRequests(t)
	g.writeTimes(t, &RequestDuration, func(c *timesCell) *histogram { return &c.request })
	g.writeTimes(t, &UpstreamDuration, func(c *timesCell) *histogram { return &c.upstream })
	g.writeTallies(t, &UnitMissing)
	g.writeExperiments(t)
	g.writeTallies(t, &LayerUnitMissing)
	if len(g.experiments) > 0 {
		page.Counter(&SamplesDropped, r.dropped())
	}
	page.write(t)
	t.flush()
}
