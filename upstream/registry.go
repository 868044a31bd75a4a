package upstream

import "sync"

// Registry gives out pools, and keeps the endpoints between one config and the next: an endpoint with the same
// pool name and address is the same object, with its breaker's memory. One registry lives as long as the gateway.
// Safe for concurrent use.
type Registry struct {
	mu           sync.Mutex
	live         map[endpointKey]*Endpoint
	poolIndex    map[string]int
	nextEndpoint int
}

type endpointKey struct{ pool, address string }

// NewRegistry gives an empty registry.
func NewRegistry() *Registry {
	return &Registry{live: map[endpointKey]*Endpoint{}, poolIndex: map[string]int{}}
}

// Pools makes the pools of a new config, by name, and marks the endpoints that it no longer has as removed.
// An endpoint that comes back after it was removed is a new one.
func (r *Registry) Pools(configs []PoolConfig) map[string]*Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	live := make(map[endpointKey]*Endpoint, len(r.live))
	pools := make(map[string]*Pool, len(configs))
	for _, c := range configs {
		pools[c.Name] = r.pool(c, live)
	}
	for key, e := range r.live {
		if live[key] == nil {
			e.removed.Store(true)
		}
	}
	r.live = live
	return pools
}

func (r *Registry) pool(c PoolConfig, live map[endpointKey]*Endpoint) *Pool {
	index, known := r.poolIndex[c.Name]
	if !known {
		index = len(r.poolIndex)
		r.poolIndex[c.Name] = index
	}
	p := &Pool{Name: c.Name, Index: index, ConnectTimeout: c.ConnectTimeout, Retry: c.Retry, breaker: c.Breaker}
	for _, address := range c.Endpoints {
		key := endpointKey{c.Name, address}
		e := live[key]
		if e == nil {
			if e = r.live[key]; e == nil {
				e = &Endpoint{ID: r.nextEndpoint, Pool: c.Name, Address: address}
				r.nextEndpoint++
			}
			live[key] = e
		}
		p.Endpoints = append(p.Endpoints, e)
	}
	return p
}
