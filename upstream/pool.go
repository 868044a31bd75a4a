// Package upstream knows the pools: which endpoints there are, how they stand, and which of them is asked next.
// It opens no connection to them; the gateway does. Endpoints are found by its package discovery.
package upstream

import (
	"time"
)

// Pool is a named upstream of one snapshot. Immutable; its endpoints and their state outlive it (see [Registry]): all
// pools of one name ask by the newest list of endpoints. Its methods may be called concurrently.
type Pool struct {
	Name           string
	Index          int // small and dense among the pools of a registry; stable for a name
	ConnectTimeout time.Duration
	Limits         Limits
	Retry          Retry
	TLS            *TLS   // nil: plain
	Key            string // the attribute that the balancer hashes; "" for none: then Ask.Keyed is of no use
	state          *poolState
}

// Refusal says why [Pool.Begin] gives no endpoint.
type Refusal uint8

// The refusals.
const (
	OK         Refusal = iota
	NoEndpoint         // there are none, none is well, or all were tried
	Open               // the pool's breaker is open, or those of all endpoints that are left
	Full               // each endpoint that is left has as many requests in flight as it may
)

// String gives the refusal's stable word.
func (r Refusal) String() string {
	return [...]string{"ok", "no_endpoint", "open", "full", "?"}[min(r, 4)]
}

// Ask is what one attempt asks for.
type Ask struct {
	Loop       int         // the event loop, from 0
	Now        int64       // nanoseconds, on the clock of [Registry.Tick]
	Hash       uint64      // of the key, for consistent
	Keyed      bool        // whether the request has the key; without, consistent chooses by Random
	Tried      []*Endpoint // who is not asked again; borrowed for the call
	LastResort bool        // an endpoint that is not well is better than none
	Frail      bool        // the request cannot be sent twice: it is no trial of a half-open endpoint if another one will come soon
	Random     uint64      // a number that hardly another attempt has; it is mixed before use
}

// Available reports whether an endpoint would be given to a request that is no last resort: the pool's breaker lets calls
// through, and somebody can be asked. Limits are not looked at. It has no side effect.
func (p *Pool) Available(now int64) bool {
	r := p.state.roster.Load()
	if r.breaker != nil && !r.breaker.Ready(now) {
		return false
	}
	looked := 0
	for i := range r.tiers {
		for j := range r.tiers[i].able {
			if looked++; looked > scanBound {
				return false
			}
			if b := r.tiers[i].able[j].breaker; b == nil || b.Ready(now) {
				return true
			}
		}
	}
	for i := range r.trials[:min(len(r.trials), scanBound)] {
		if r.trials[i].breaker.Ready(now) {
			return true
		}
	}
	return false
}

// Endpoints are those that are there now, in the order of their addresses, those that drain included. Borrowed: it is not
// to be changed.
func (p *Pool) Endpoints() []*Endpoint { return p.state.roster.Load().endpoints }

// Sent counts a request (not an attempt) that was sent to the pool: what retries are a share of.
func (p *Pool) Sent(loop int) { p.state.shard(loop).requests.Add(1) }

// Wait takes a place among the requests that wait for an endpoint with room; false: as many wait as may. A true answer is
// taken back by [Pool.Proceed].
func (p *Pool) Wait() bool {
	if p.Limits.Queue == 0 {
		return false
	}
	if p.state.waiting.Add(1) > int64(p.Limits.Queue) {
		p.state.waiting.Add(-1)
		return false
	}
	return true
}

// Proceed gives back a place that Wait gave.
func (p *Pool) Proceed() { p.state.waiting.Add(-1) }

// TakeRetry takes one retry, or one hedged attempt, from the pool's budget. False: it is used up.
func (p *Pool) TakeRetry(loop int, now int64) bool {
	if !p.state.budget.take() {
		p.state.shard(loop).starved.Add(1)
		return false
	}
	return true
}

// P95 estimates the 95th percentile of the latency of successful calls in the last seconds, as of the last tick. 0: too
// few calls.
func (p *Pool) P95() time.Duration { return p.state.latency.p95() }

// Begin chooses the endpoint for one attempt, takes the permits of its breaker and of the pool's, and counts it in
// flight. If the answer is OK, t must be told the end by [Ticket.End] or [Ticket.EndRetried]; else t is left as it was.
// Allocates nothing.
func (p *Pool) Begin(t *Ticket, a *Ask) Refusal {
	s := p.state
	r := s.roster.Load()
	if r.breaker != nil && !r.breaker.Ready(a.Now) {
		return Open
	}
	c := choice{p: p, a: a, r: r, s: s.shard(a.Loop), loop: s.loop(a.Loop), random: a.Random}
	if !c.choose() {
		switch {
		case c.full:
			return Full
		case c.open:
			return Open
		}
		return NoEndpoint
	}
	taken := Ticket{Endpoint: c.taken.e, pool: s, loop: int32(c.loop), live: true, counted: r.inFlight > 0,
		explored: c.taken == c.explored, alone: c.resort || len(r.endpoints) == 1, breaker: c.taken.breaker, permit: c.permit, overall: r.breaker}
	if c.taken.breaker != nil {
		change, is := c.permit.Change(a.Now)
		s.tellEndpoint(taken.Endpoint, change, is)
	}
	if r.breaker != nil {
		permit, ok := r.breaker.Allow(a.Now)
		if !ok {
			taken.giveBack(a.Now)
			return Open
		}
		taken.overallPermit = permit
		s.tellPool(permit.Change(a.Now))
	}
	taken.Endpoint.shards[c.loop].begin(a.Now)
	c.s.inFlight.Add(1)
	if c.resort {
		c.s.resorts.Add(1)
	}
	*t = taken
	return OK
}
