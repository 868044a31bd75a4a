package gateway

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// relays is the set of those that run, so that a gateway which must end can break them off.
type relays struct {
	mu   sync.Mutex
	set  map[*relay]struct{}
	over bool // all are to be cut, those that come too
}

func (s *relays) add(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = map[*relay]struct{}{}
	}
	s.set[r] = struct{}{}
	if s.over {
		r.cut()
	}
}

func (s *relays) remove(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, r)
}

func (s *relays) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.set)
}

func (s *relays) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for r := range s.set {
		r.cut()
	}
}

// relayed are the bytes that relays have read from clients, and written to them.
type relayed struct{ received, sent atomic.Uint64 }

func (g *Gateway) relayPanicked(reason any) {
	g.relayPanics.Add(1)
	g.log.Error("BUG: panic in a relay", "reason", reason, "stack", string(debug.Stack()))
}
