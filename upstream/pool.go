// Package upstream knows the pools: which endpoints there are, which of them may be asked, and in what order.
// It opens no connection; the gateway does.
package upstream

import (
	"sync/atomic"
	"time"

	"graygate/breaker"
)

// PoolConfig is what one pool is made from.
type PoolConfig struct {
	Name           string
	Endpoints      []string      // host:port, in the order of the config, without repeats
	ConnectTimeout time.Duration // for one connection attempt
	Retry          bool          // whether a failed attempt may be followed by one on another endpoint
	Breaker        bool          // whether endpoints that refuse connections are left alone for a while
}

// Pool is a named upstream of one snapshot. Immutable; its endpoints outlive it (see [Registry]).
type Pool struct {
	Name           string
	Index          int // small and dense among the pools of a registry; stable for a name
	Endpoints      []*Endpoint
	ConnectTimeout time.Duration
	Retry          bool
	breaker        bool
}

// Endpoint is one address of one pool. Its state lives on over reloads that keep it.
type Endpoint struct {
	ID      int // small and dense among the endpoints of a registry; never reused
	Pool    string
	Address string // host:port

	// Breaker counts connection attempts only.
	Breaker breaker.Breaker
	removed atomic.Bool
}

// Removed reports whether the newest config has no longer this endpoint: what is in flight there finishes,
// and its connections are not kept.
func (e *Endpoint) Removed() bool { return e.removed.Load() }

// Pick gives the endpoint for the next attempt: the first from the place start (taken round) that was not
// tried and whose breaker allows it. If force is set and no breaker allows one, the first that was not tried
// is given all the same: for the pool of last resort a doubtful endpoint is better than none. nil if there is none.
// now is in nanoseconds, of the same origin in all calls. Safe for concurrent use; allocates nothing.
func (p *Pool) Pick(start uint32, tried []*Endpoint, now int64, force bool) *Endpoint {
	n := uint32(len(p.Endpoints))
	if n == 0 {
		return nil
	}
	at := start % n
	var doubtful *Endpoint
	for range n {
		e := p.Endpoints[at]
		if at++; at == n {
			at = 0
		}
		if contains(tried, e) {
			continue
		}
		if !p.breaker || e.Breaker.Allow(now) {
			return e
		}
		if doubtful == nil {
			doubtful = e
		}
	}
	if force {
		return doubtful
	}
	return nil
}

func contains(tried []*Endpoint, e *Endpoint) bool {
	for _, t := range tried {
		if t == e {
			return true
		}
	}
	return false
}
