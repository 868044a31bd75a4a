package upstream

import (
	"errors"
	"fmt"
)

// What people do to pools and endpoints by hand, past what probes and breakers find.

// ErrUnknown is the error when there is no such pool or endpoint; ErrNoBreaker when it has no breaker.
var (
	ErrUnknown   = errors.New("unknown")
	ErrNoBreaker = errors.New("breaker is off")
)

// SetDrained takes an endpoint out, as if its weight were 0, or takes it back; changed is false if it stands so already.
// It is in force when the call returns: no request begins there any more but those that were choosing at that moment,
// and what is in flight finishes. It holds over reloads and answers of sources, for as long as they keep the endpoint,
// until it is taken back or the process ends. Errors are ErrUnknown, with text.
func (r *Registry) SetDrained(pool, address string, drained bool) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, e, err := r.find(pool, address)
	if err != nil {
		return false, err
	}
	if e.drained == drained {
		return false, nil
	}
	e.drained = drained
	s.assess(r.now)
	s.rebuild()
	return true, nil
}

// ResetBreaker closes the breaker of an endpoint, or for the address "" the pool's own; changed is false if it was closed.
// Both forget what they have counted. Errors are ErrUnknown and ErrNoBreaker, with text.
func (r *Registry) ResetBreaker(pool, address string) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if address == "" {
		s := r.pools[pool]
		switch {
		case s == nil:
			return false, fmt.Errorf("pool %q is %w", pool, ErrUnknown)
		case s.breaker == nil:
			return false, fmt.Errorf("pool %q: %w", pool, ErrNoBreaker)
		}
		change, changed := s.breaker.Reset(r.now)
		s.tellPool(change, changed)
		return changed, nil
	}
	s, e, err := r.find(pool, address)
	if err != nil {
		return false, err
	}
	if e.breaker == nil {
		return false, fmt.Errorf("pool %q: %w", pool, ErrNoBreaker)
	}
	change, changed := e.breaker.Reset(r.now)
	s.tellEndpoint(e, change, changed)
	s.assess(r.now)
	s.rebuild()
	return changed, nil
}

// find gives an endpoint that is there.
func (r *Registry) find(pool, address string) (*poolState, *Endpoint, error) {
	s := r.pools[pool]
	if s == nil {
		return nil, nil, fmt.Errorf("pool %q is %w", pool, ErrUnknown)
	}
	e := s.endpoints[address]
	if e == nil {
		return nil, nil, fmt.Errorf("endpoint %q of pool %q is %w", address, pool, ErrUnknown)
	}
	return s, e, nil
}
