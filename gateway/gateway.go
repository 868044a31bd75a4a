// Package gateway is the data plane: it takes requests in, decides by the rules where each goes, carries it there and
// its answer back, on event loops that own everything they touch.
//
// The way of a request, phase by phase, is that of the functions:
//
//	(*loop).OnTraffic → (*downstream).advance → begin → beginExchange (http1.ParseRequest, decide, appendRequestHead)
//	→ pump → dispatch → flush … (*upstreamConn).traffic → (*exchange).answer → complete → end
//
// and (*loop).leave → (*relay).run for what would make a loop wait.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/probes"
	"graygate/sources"
	"graygate/telemetry/meter"
	"graygate/upstream"
	"graygate/upstream/discovery"
)

// Options are what a gateway needs besides its config.
type Options struct {
	Log       *slog.Logger
	Version   string             // of the program, for metrics and spans
	Inherited []*net.TCPListener // sockets from systemd or from the process before; those the config does not name are closed
}

// Gateway is a running gateway. Its methods may be called concurrently.
type Gateway struct {
	log      *slog.Logger
	version  string
	began    time.Time
	registry *upstream.Registry
	sources  *sources.Registry
	loops    []*loop
	force    atomic.Pointer[inForce]
	access   atomic.Pointer[accessSink]
	tracing  atomic.Pointer[tracing] // nil: no spans are sent
	meter    *meter.Registry
	relays   relays

	seed        maphash.Seed // of the limiters' keys
	prober      *probes.Prober
	finder      *discovery.Runner
	sampler     atomic.Pointer[probes.Sampler] // nil until a config asks for one
	changed     atomic.Bool                    // who is to be probed may have changed
	findings    atomic.Uint64                  // answers of sources of endpoints
	wanted      atomic.Pointer[want]
	tlsTroubles tlsTroubles
	subscribers subscribers
	spans       spans
	events      eventCounts
	reloads     reloads
	relayed     relayed

	reloading  sync.Mutex // one reload at a time; taken before mu, which is not held while a config is compiled
	mu         sync.Mutex // guards the next three
	listeners  map[string]*listener
	inherited  []*net.TCPListener
	generation uint64

	life     context.Context // over when Stop begins
	end      context.CancelFunc
	dialling sync.WaitGroup

	accessDropped   atomic.Uint64 // lines of the access log
	draining        atomic.Bool
	stopping        atomic.Bool
	closedListeners atomic.Int64
	refusing        atomic.Int64
	relayPanics     atomic.Uint64
	sentAway        atomic.Uint64 // connections that ended with an answer as the machine was strained; each loop writes it, seldom
	stopTicks       chan struct{}
	ticks           sync.WaitGroup
	stopOnce        sync.Once
}

// New builds a gateway from a plan and starts it: when it returns without an error, the listeners accept. The error
// names the listener or the file that could not be opened; nothing is left running then.
func New(plan *config.Plan, o Options) (*Gateway, error) {
	g := &Gateway{
		log:       o.Log,
		version:   o.Version,
		began:     time.Now(),
		sources:   sources.New(o.Log),
		seed:      maphash.MakeSeed(),
		prober:    probes.New(o.Log),
		listeners: map[string]*listener{},
		inherited: o.Inherited,
		stopTicks: make(chan struct{}),
	}
	g.life, g.end = context.WithCancel(context.Background())
	loops := plan.Loops
	if loops == 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	g.meter = meter.New(loops)
	g.meter.Collect(g.collect)
	g.reloads.begin(g.began)
	g.registry = upstream.NewRegistry(upstream.Options{Loops: loops})
	g.finder = discovery.New(o.Log, parseEndpoints, g.found)
	err := g.startLoops(loops)
	if err == nil {
		err = g.Reload(plan)
	}
	if err != nil {
		g.stopUpkeep()
		g.stopLoops()
		g.sources.Close()
		g.meter.Close()
		return nil, err
	}
	g.ticks.Go(g.upkeep)
	g.mu.Lock()
	for _, socket := range g.inherited {
		if socket != nil {
			g.log.Warn("an inherited socket is not in the config", "address", socket.Addr().String())
			_ = socket.Close()
		}
	}
	g.inherited = nil
	g.mu.Unlock()
	return g, nil
}

// Reload puts a new plan into force. Requests under way end on the snapshot that they began with; what the new one
// no longer has is drained; what it has anew is opened first. If that fails, everything stays as it was.
func (g *Gateway) Reload(plan *config.Plan) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	next, opened, err := g.openListeners(plan)
	if err != nil {
		return err
	}
	sink, err := g.openAccess(plan.AccessLog)
	if err != nil {
		closeSockets(opened)
		return fmt.Errorf("access_log: %w", err)
	}
	tracing, err := g.openTracing(plan)
	if err != nil {
		closeSockets(opened)
		sink.close()
		return err
	}
	force, change, err := g.build(plan)
	if err == nil {
		g.find(plan)
	}
	if err == nil && !g.putInForce(force, change, next, opened) {
		change.Discard()
		err = errDraining
	}
	if err != nil {
		closeSockets(opened)
		sink.close()
		g.discardTracing(tracing)
		return err
	}
	g.swapTracing(tracing)
	g.access.Swap(sink).close()
	return nil
}

var errDraining = errors.New("the gateway is draining")

// putInForce swaps in what a reload has made, listeners included; false: the gateway has begun to drain meanwhile.
func (g *Gateway) putInForce(force *inForce, change *sources.Change, next map[string]*listener, opened []*listener) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return false
	}
	g.generation++
	change.Commit() // first, so that an audience that is defined anew has the members that it had
	for _, p := range force.policies {
		p.commit()
	}
	force.generation.Commit()
	g.force.Store(force)
	g.watchLoad(force.Plan.Overload)
	g.changed.Store(true)
	for _, c := range force.Plan.Listeners {
		limit := int64(c.MaxConnections)
		if limit == 0 {
			limit = autoConnections(len(force.Plan.Listeners))
		}
		next[c.Address].max.Store(limit)
	}
	for _, ln := range opened {
		ln.start()
	}
	old := g.listeners
	g.listeners = next
	for address, ln := range old {
		if next[address] == nil {
			ln.stop()
		}
	}
	return true
}

// build compiles a plan, and opens what its requests are looked up in; that change is to be committed when the plan
// comes into force.
func (g *Gateway) build(plan *config.Plan) (*inForce, *sources.Change, error) {
	lookups, change, err := g.sources.Prepare(plan.Sources())
	if err != nil {
		return nil, nil, err
	}
	var force *inForce
	config.Aside(func() {
		var snap *config.Snapshot
		if snap, err = config.Build(plan, lookups, g.registry, g.generation+1); err == nil {
			keepTLS(snap, g.force.Load())
			force = g.newForce(snap)
		}
	})
	if err != nil {
		change.Discard()
		return nil, nil, err
	}
	return force, change, nil
}

// openListeners gives the listeners of a plan: those that run already, and those that were opened for it.
func (g *Gateway) openListeners(plan *config.Plan) (next map[string]*listener, opened []*listener, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return nil, nil, errDraining
	}
	next = map[string]*listener{}
	for _, c := range plan.Listeners {
		ln := g.listeners[c.Address]
		if ln == nil {
			if ln, err = g.listen(c); err != nil {
				closeSockets(opened)
				return nil, nil, err
			}
			opened = append(opened, ln)
		}
		next[c.Address] = ln
	}
	return next, opened, nil
}

func closeSockets(opened []*listener) {
	for _, ln := range opened {
		_ = ln.socket.Close()
	}
}

// Snapshot is the config in force.
func (g *Gateway) Snapshot() *config.Snapshot { return g.force.Load().Snapshot }

// inForce is a snapshot, and with it what each loop decides by. All of it is made before it is put into force, so that a
// loop only changes pointers however large the config is.
type inForce struct {
	*config.Snapshot
	deciders []*config.Decider // by loop; each is touched on its loop only
	policies []*policy         // by route
	meters   *meters
	keyed    []int            // see keyedBy
	warm     []*upstream.Pool // those to which connections are opened ahead

	generation *meter.Generation // of the meters
}

func (g *Gateway) newForce(snap *config.Snapshot) *inForce {
	f := &inForce{Snapshot: snap, policies: newPolicies(snap, g.force.Load(), len(g.loops)), keyed: keyedBy(snap)}
	for _, p := range snap.Pools {
		if p.Limits.Warm > 0 {
			f.warm = append(f.warm, p)
		}
	}
	f.generation = g.meter.Resolve()
	f.meters = newMeters(snap, f.generation)
	for range g.loops {
		f.deciders = append(f.deciders, snap.NewDecider())
	}
	return f
}

// Addr is the address that a listener of the config is bound to (its port may have been chosen by the system); nil
// if there is no such listener.
func (g *Gateway) Addr(address string) net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ln := g.listeners[address]; ln != nil {
		return ln.socket.Addr()
	}
	return nil
}

// Listeners gives the sockets of all listeners, to hand them to a process that takes over.
func (g *Gateway) Listeners() []*net.TCPListener {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sockets []*net.TCPListener
	for _, ln := range g.listeners {
		sockets = append(sockets, ln.socket)
	}
	return sockets
}

// Loading names the audiences that have never been loaded: nobody is in them yet. Safe for concurrent use.
func (g *Gateway) Loading() []string { return g.sources.Loading() }

// Audiences is how the audiences in force stand, in the order of the config. Safe for concurrent use.
func (g *Gateway) Audiences() []sources.AudienceStatus { return g.sources.Status() }

// Connections is how many clients are connected, those in relays included.
func (g *Gateway) Connections() int64 {
	sum := int64(g.relays.count())
	for _, l := range g.loops {
		sum += l.connCount.Load()
	}
	return sum
}

// Refused is how many connections were turned away because a listener was full.
func (g *Gateway) Refused() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sum uint64
	for _, ln := range g.listeners {
		sum += ln.refused.Load()
	}
	return sum
}

// LoopLag is how long ago the slowest loop last answered its tick: near 0.1 s when all is well.
func (g *Gateway) LoopLag() time.Duration {
	now, lag := g.clock(), int64(0)
	for _, l := range g.loops {
		lag = max(lag, now-l.lastTick.Load())
	}
	return time.Duration(lag)
}

// Drain stops accepting, lets what is under way end, tells the clients good-bye, and stops the gateway: when nobody
// is connected any more, or when ctx is done, then by cutting what is left.
func (g *Gateway) Drain(ctx context.Context) {
	g.stopListening()
	wait := time.NewTicker(tick / 4)
	defer wait.Stop()
	for g.Connections() > 0 {
		select {
		case <-ctx.Done():
			g.Stop()
			return
		case <-wait.C:
		}
	}
	g.Stop()
}

// Stop ends the gateway at once: whoever is connected is cut off.
func (g *Gateway) Stop() {
	g.stopOnce.Do(func() {
		g.stopping.Store(true)
		g.stopListening()
		g.stopUpkeep()
		g.end()
		g.dialling.Wait() // on the loops still: a connection that is handed to a loop which has ended would wait for ever
		g.relays.cutAll()
		for end := time.Now().Add(stopPatience); g.relays.count() > 0 && time.Now().Before(end); {
			time.Sleep(tick / 20)
		}
		g.stopLoops()
		g.reloading.Lock() // one that has passed its last question whether we drain puts its log and its tracer into force yet
		defer g.reloading.Unlock()
		g.access.Swap(nil).close()
		g.swapTracing(nil)
		g.spans.closers.Wait()
		g.meter.Close()
		g.sources.Close()
	})
}

// stopListening begins the end: no listener accepts any more, and no reload opens another.
func (g *Gateway) stopListening() {
	g.mu.Lock()
	g.draining.Store(true)
	listeners := g.listeners
	g.listeners = map[string]*listener{}
	g.mu.Unlock()
	for _, ln := range listeners {
		ln.stop()
	}
}

// clock is the time on the loops' clock: nanoseconds since the gateway began. Monotonic; safe for concurrent use.
func (g *Gateway) clock() int64 { return int64(time.Since(g.began)) }

// headLimits are the codec's limits in a snapshot.
func (g *Gateway) headLimits(snap *config.Snapshot) http1.Limits {
	return http1.Limits{HeadBytes: snap.Plan.Limits.HeadSize, Fields: snap.Plan.Limits.HeadCount}
}
