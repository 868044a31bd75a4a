package upstream

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"graygate/breaker"
	"graygate/telemetry"
)

// poolState is what all pools of one name share. Loops read the roster and write their shard; the rest is under the
// registry's lock.
type poolState struct {
	registry *Registry
	name     string
	index    int
	roster   atomic.Pointer[roster]
	shards   []poolShard // by loop
	outlier  *breaker.Outlier
	budget   budget
	latency  percentile
	waiting  atomic.Int64 // requests for which no endpoint has room; touched only when all are full

	config    PoolConfig
	zone      string
	breaker   *breaker.Breaker               // nil: off
	endpoints map[string]*Endpoint           // by address
	order     []*Endpoint                    // the same, in the order of their addresses
	leaving   []*Endpoint                    // removed, with requests in flight
	found     map[sourceKey][]EndpointConfig // what sources have found
	builder   builder
	stale     bool // the roster is to be made anew
	ticked    bool // it has been looked at once
	samples   []breaker.Sample
	effects   []breaker.Effect
	countDue  int64 // when calls are added up next
	warmDue   int64 // when the weights of slow starts are looked at next
}

// poolShard is what one loop counts of a pool. Written by that loop, and by what finishes its requests elsewhere.
type poolShard struct {
	requests atomic.Uint64 // sent to the pool, retries left aside
	starved  atomic.Uint64 // retries that the budget refused
	resorts  atomic.Uint64 // attempts at an endpoint that was not well, as a last resort
	turn     atomic.Uint64 // of round_robin
	inFlight atomic.Int64
	doubt    doubt
	latency  histogram
	_        [128 - (7*8+4*latencyBuckets)%128]byte
}

// sourceKey identifies a source over reloads, whatever its place in the config.
type sourceKey struct {
	kind         SourceKind
	name, server string
}

func (c *SourceConfig) key() sourceKey { return sourceKey{c.Kind, c.Name, c.Server} }

// loop gives the index of a loop's shard; one that there is not shares another's.
func (s *poolState) loop(i int) int {
	if uint(i) < uint(len(s.shards)) {
		return i
	}
	return int(uint(i) % uint(len(s.shards)))
}

func (s *poolState) shard(i int) *poolShard { return &s.shards[s.loop(i)] }

// configure takes over a new config, and keeps what it knows.
func (s *poolState) configure(c PoolConfig, zone string) {
	s.config, s.zone = c, zone
	switch {
	case c.Breaker == nil:
		s.breaker = nil
	case s.breaker == nil:
		s.breaker = breaker.New(overall(c.Breaker), s.registry.loops)
	default:
		s.breaker.Configure(overall(c.Breaker))
	}
	s.outlier.Configure(c.Outlier)
	s.budget.share = c.Retry.Budget
	kept := map[sourceKey]bool{}
	for i := range c.Sources {
		kept[c.Sources[i].key()] = true
	}
	maps.DeleteFunc(s.found, func(k sourceKey, _ []EndpointConfig) bool { return !kept[k] })
	s.merge("")
}

// overall makes of the settings of a pool's breakers those of the pool's own: failures in a row do not open it. Where many
// requests run at once, those that a dead endpoint refuses all end before the first that another answers, and come in
// a row; whether the pool is of use only shares tell. The endpoint's own breaker sees to the rest.
func overall(c *breaker.Settings) *breaker.Settings {
	own := *c
	own.Consecutive = 0
	return &own
}

// update takes over what a source has found.
func (s *poolState) update(source SourceConfig, found []EndpointConfig) {
	key := source.key()
	if !slices.ContainsFunc(s.config.Sources, func(c SourceConfig) bool { return c.key() == key }) {
		return
	}
	s.found[key] = slices.Clone(found)
	s.merge(source.Name)
}

// merge makes the endpoints those that the config and the sources name, and the roster anew. Of one that is named
// twice, the first has the word: the config, then sources in the config's order. by is the source that caused it, for
// events; "" for a reload.
func (s *poolState) merge(by string) {
	named := make(map[string]EndpointConfig, len(s.endpoints))
	name := func(list []EndpointConfig) {
		for _, c := range list {
			if _, twice := named[c.Address]; !twice && len(named) < MaxEndpoints {
				c.Weight = min(max(c.Weight, 0), MaxWeight)
				named[c.Address] = c
			}
		}
	}
	name(s.config.Endpoints)
	for i := range s.config.Sources {
		name(s.found[s.config.Sources[i].key()])
	}
	var added, removed []string
	for address, e := range s.endpoints {
		// Under another name it is another server, even in the place of the one before: with that one's certificate its
		// connections would not have been made.
		if c, still := named[address]; !still || c.Host != e.config.Host {
			removed = append(removed, address)
			delete(s.endpoints, address)
			s.dismiss(e)
		}
	}
	late := s.ticked && len(s.order) > 0
	s.order = s.order[:0:0] // what was given out is not changed
	for _, address := range slices.Sorted(maps.Keys(named)) {
		c := named[address]
		e := s.endpoints[address]
		if e == nil {
			added = append(added, address)
			e = s.newEndpoint(c, late)
			s.endpoints[address] = e
		}
		e.config = c
		e.version.Store(nil)
		if v, has := c.Labels["version"]; has {
			e.version.Store(&v)
		}
		e.maxConnections.Store(int64(s.config.Limits.Connections))
		switch {
		case s.config.Breaker == nil:
			e.breaker = nil
		case e.breaker == nil:
			e.breaker = breaker.New(s.config.Breaker, s.registry.loops)
		default:
			e.breaker.Configure(s.config.Breaker)
		}
		if !s.config.Probed {
			e.verdict, e.why = noVerdict, ""
		}
		s.order = append(s.order, e)
	}
	if by != "" {
		slices.Sort(removed)
		s.tellFound(by, "added", added)
		s.tellFound(by, "removed", removed)
	}
	s.assess(s.registry.now)
	s.rebuild()
}

// newEndpoint makes one; late says that it comes to others that serve already.
func (s *poolState) newEndpoint(c EndpointConfig, late bool) *Endpoint {
	e := &Endpoint{ID: s.registry.takeID(), Pool: s.name, Address: c.Address, Host: c.Host, shards: make([]endpointShard, s.registry.loops)}
	if e.Host == "" {
		e.Host = c.Address
		if host, _, err := net.SplitHostPort(c.Address); err == nil {
			e.Host = host
		}
	}
	if late {
		e.warmFrom = max(s.registry.now, 1)
	}
	return e
}

// dismiss marks an endpoint as removed.
func (s *poolState) dismiss(e *Endpoint) {
	e.removed.Store(true)
	e.standing.Store(&standing{state: Draining, reason: "removed"})
	s.leaving = append(s.leaving, e)
	s.registry.departed = append(s.registry.departed, departure{e: e})
}

// retire marks all endpoints as removed, and leaves the roster for those who have still to ask.
func (s *poolState) retire() {
	for _, e := range s.order {
		s.dismiss(e)
	}
}

func (s *poolState) tellFound(by, what string, addresses []string) {
	event := telemetry.Event{Kind: telemetry.KindDiscovery, Pool: s.name, To: what, Reason: "source " + by}
	if n := len(addresses); n > maxFoundEvents {
		event.Reason = fmt.Sprintf("source %s, %d endpoints: %s, ...", by, n, strings.Join(addresses[:3], ", "))
		s.registry.note(event)
		return
	}
	for _, event.Endpoint = range addresses {
		s.registry.note(event)
	}
}

// tellPool notes a change of the pool's breaker.
func (s *poolState) tellPool(c breaker.Change, is bool) {
	if is {
		s.registry.note(telemetry.Event{Kind: telemetry.KindPoolBreaker, Pool: s.name, From: c.From.String(), To: c.To.String(), Reason: string(c.Reason)})
	}
}

// tellEndpoint notes a change of an endpoint's breaker.
func (s *poolState) tellEndpoint(e *Endpoint, c breaker.Change, is bool) {
	if is {
		s.registry.note(telemetry.Event{Kind: telemetry.KindEndpointBreaker, Pool: s.name, Endpoint: e.Address,
			From: c.From.String(), To: c.To.String(), Reason: string(c.Reason)})
	}
}
