package upstream

import (
	"sync"
	"time"

	"graygate/breaker"
	"graygate/telemetry"
)

// Options are what a registry is made from.
type Options struct {
	Loops int // event loops that will ask; at least 1
}

// Registry gives out pools, and keeps the state of pools and endpoints between one config and the next, and between one
// answer of a source and the next: an endpoint with the same pool name and address is the same object, with its memory.
// One registry lives as long as the gateway. Safe for concurrent use. No method but those of [Pool] and [Ticket] is for
// event loops: the others take a lock.
type Registry struct {
	loops int

	mu           sync.Mutex
	pools        map[string]*poolState // of the newest config
	index        map[string]int        // by the name of a pool; kept when the pool goes
	nextEndpoint int
	freeIDs      []int       // below nextEndpoint
	departed     []departure // who were removed, and still have their ID
	now          int64       // of the last tick

	eventsMu sync.Mutex
	events   []telemetry.Event // since the last tick
	lost     int               // beyond maxEvents
}

// departure is an endpoint that was removed.
type departure struct {
	e    *Endpoint
	from int64 // since when it has neither requests nor connections; 0: it has
}

// NewRegistry gives an empty registry.
func NewRegistry(o Options) *Registry {
	return &Registry{loops: max(o.Loops, 1), pools: map[string]*poolState{}, index: map[string]int{}}
}

// Pools makes the pools of a new config, by name, and marks the endpoints that it no longer has as removed. Pools given
// out before, of a name that is still there, ask by the new list from now on; those of a name that is gone keep the last.
// zone is where this gateway stands; "" is nowhere.
func (r *Registry) Pools(configs []PoolConfig, zone string) map[string]*Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	live := make(map[string]*poolState, len(configs))
	pools := make(map[string]*Pool, len(configs))
	for i := range configs {
		c := &configs[i]
		s := r.pools[c.Name]
		if s == nil {
			s = r.newPool(c.Name)
		}
		live[c.Name] = s
		s.configure(*c, zone)
		pools[c.Name] = &Pool{
			Name: c.Name, Index: s.index, ConnectTimeout: c.ConnectTimeout, Limits: c.Limits, Retry: c.Retry, TLS: c.TLS,
			Key: c.Balance.Key, state: s,
		}
	}
	for name, s := range r.pools {
		if live[name] == nil {
			s.retire()
		}
	}
	r.pools = live
	return pools
}

// Update tells what a source of a pool has found, all of it; it replaces what the source had found before. An answer for
// a pool or a source that the newest config does not have is dropped.
func (r *Registry) Update(pool string, source SourceConfig, found []EndpointConfig) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.pools[pool]; s != nil {
		s.update(source, found)
	}
}

// Report tells what the probes say of an endpoint: healthy after rise successes, not healthy after fall failures; reason
// says it in words. One that turns healthy is asked again at once: its breaker and its pool's turn half-open if they are
// open, and an ejection ends.
func (r *Registry) Report(pool, address string, healthy bool, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.pools[pool]
	if s == nil {
		return
	}
	e := s.endpoints[address]
	if e == nil {
		return
	}
	before := e.verdict
	e.verdict, e.why = ill, reason
	if healthy {
		e.verdict = well
	}
	if e.verdict == before {
		return
	}
	s.stale = true
	if !healthy {
		return
	}
	e.pardoned = true
	now := r.now
	if e.breaker != nil {
		change, is := e.breaker.Probed(now)
		s.tellEndpoint(e, change, is)
	}
	if s.breaker != nil {
		s.tellPool(s.breaker.Probed(now))
	}
}

// takeID gives an ID that no endpoint has.
func (r *Registry) takeID() int {
	if last := len(r.freeIDs) - 1; last >= 0 {
		id := r.freeIDs[last]
		r.freeIDs = r.freeIDs[:last]
		return id
	}
	r.nextEndpoint++
	return r.nextEndpoint - 1
}

// reclaim takes the IDs of endpoints that are gone for good.
func (r *Registry) reclaim() {
	kept := r.departed[:0]
	for _, d := range r.departed {
		switch {
		case d.e.InFlight() > 0 || d.e.connections.Load() > 0:
			d.from = 0
		case d.from == 0:
			d.from = max(r.now, 1)
		case r.now-d.from >= idRest:
			r.freeIDs = append(r.freeIDs, d.e.ID)
			continue
		}
		kept = append(kept, d)
	}
	clear(r.departed[len(kept):])
	r.departed = kept
}

// Endpoints are the endpoints of a pool that are there, those of its sources included, in the order of their addresses:
// what probes are to ask.
func (r *Registry) Endpoints(pool string) []EndpointConfig {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.pools[pool]
	if s == nil {
		return nil
	}
	all := make([]EndpointConfig, len(s.order))
	for i, e := range s.order {
		all[i] = e.config
	}
	return all
}

// note keeps an event for the next tick. From any goroutine.
func (r *Registry) note(e telemetry.Event) {
	e.Time = time.Now()
	r.eventsMu.Lock()
	defer r.eventsMu.Unlock()
	if len(r.events) >= maxEvents {
		r.lost++
		return
	}
	r.events = append(r.events, e)
}

// takeEvents gives what was noted since it was called last.
func (r *Registry) takeEvents() []telemetry.Event {
	r.eventsMu.Lock()
	defer r.eventsMu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// Lost is how many events were dropped because too many came between two ticks.
func (r *Registry) Lost() int {
	r.eventsMu.Lock()
	defer r.eventsMu.Unlock()
	return r.lost
}

func (r *Registry) newPool(name string) *poolState {
	index, known := r.index[name]
	if !known {
		index = len(r.index)
		r.index[name] = index
	}
	s := &poolState{
		registry: r, name: name, index: index,
		shards:    make([]poolShard, r.loops),
		endpoints: map[string]*Endpoint{},
		found:     map[sourceKey][]EndpointConfig{},
		outlier:   breaker.NewOutlier(nil),
	}
	for i := range s.shards {
		// Loops that go round in step would ask the same endpoint at once.
		s.shards[i].turn.Store(mix(uint64(i)) >> 40)
	}
	s.budget.allowed.Store(budgetStart)
	return s
}
