package upstream

import (
	"math"

	"graygate/breaker"
)

// choice is the search for one endpoint. It lives on the stack of [Pool.Begin].
type choice struct {
	p      *Pool
	a      *Ask
	r      *roster
	s      *poolShard
	loop   int
	random uint64

	force bool // breakers are not asked any more

	taken    *member
	explored *member // it is chosen to find out how it is, whatever it would cost
	permit   breaker.Permit
	resort   bool // it was taken although it is not well
	full     bool // one was left out for its limit
	open     bool // one was left out for its breaker
}

// next gives a further random number.
func (c *choice) next() uint64 {
	c.random = mix(c.random)
	return c.random
}

// choose finds an endpoint and takes it: a half-open one that waits for trials first, then one that is in doubt, then by the
// balancer, tier by tier, at last, as a last resort, anybody.
func (c *choice) choose() bool {
	r := c.r
	if !c.keyed() && c.ripe() && c.trial() {
		return true
	}
	if c.s.doubt.about.Load() != 0 && r.balance.Kind == P2C && c.settle() {
		return true
	}
	panics := r.panic && c.a.LastResort
	if panics {
		if c.from(r.everyone) {
			c.resort = !c.taken.well
			return true
		}
	} else if n := len(r.tiers); n > 0 {
		first := r.tierOf(c.tierNumber())
		if c.from(&r.tiers[first]) {
			return true
		}
		for i := range r.tiers {
			if i != first && c.from(&r.tiers[i]) {
				return true
			}
		}
	}
	// A request had rather be a trial than refused, even if it is frail or its key does not belong there.
	if len(r.trials) > 0 && c.trial() {
		return true
	}
	if c.a.LastResort && r.everyone != nil {
		c.force = true
		if c.from(r.everyone) {
			c.resort = true
			return true
		}
	}
	c.unwell()
	return false
}

// keyed reports whether the request's key says where it belongs.
func (c *choice) keyed() bool { return c.r.balance.Kind == Consistent && c.a.Keyed }

// ripe reports whether the request can be a trial.
func (c *choice) ripe() bool {
	return len(c.r.trials) > 0 && (!c.a.Frail || c.r.overdue)
}

// home takes the endpoint that the key belongs to, if that is half-open: its trials are requests that are its own.
func (c *choice) home(t *tier) bool {
	if !c.keyed() || !c.ripe() {
		return false
	}
	m := &t.all[t.table.at(c.a.Hash)]
	return m.trial && c.take(m)
}

// unwell notes whether there is a half-open or open one among those who are left, for the refusal.
func (c *choice) unwell() {
	if c.open || c.full {
		return
	}
	if c.r.everyone == nil {
		return
	}
	for i := range c.r.everyone.able {
		if i == scanBound {
			return
		}
		if m := &c.r.everyone.able[i]; m.breaker != nil && m.breaker.State() != breaker.Closed && !c.tried(m.e) {
			c.open = true
			return
		}
	}
}

// tierNumber is what the tier is chosen by: by chance, or for consistent by the key, so that a key stays where it is.
func (c *choice) tierNumber() uint32 {
	if len(c.r.tiers) == 1 {
		return 0
	}
	if c.keyed() {
		return uint32(mix(c.a.Hash))
	}
	return uint32(c.next())
}

func (r *roster) tierOf(number uint32) int {
	for i, to := range r.upTo {
		if uint64(number) < to {
			return i
		}
	}
	return 0
}

// trial offers the request to the half-open endpoints, beginning with a random one.
func (c *choice) trial() bool {
	n := len(c.r.trials)
	at := int(c.next() % uint64(n))
	for range min(n, scanBound) {
		if c.take(&c.r.trials[at]) {
			return true
		}
		if at++; at == n {
			at = 0
		}
	}
	return false
}

// from takes an endpoint of a tier: the balancer's choice, or if that cannot be asked the next one that can.
func (c *choice) from(t *tier) bool {
	if t.table != nil && c.home(t) {
		return true
	}
	n := len(t.able)
	if n == 0 {
		return false
	}
	var m *member
	switch {
	case n == 1:
		m = &t.able[0]
	case t.table != nil:
		if m = c.consistent(t); m != nil && c.take(m) {
			return true
		}
		return c.scan(t.able, int((c.a.Hash>>1)%uint64(n)))
	case c.r.balance.Kind == P2C:
		m = c.p2c(t)
	case c.r.balance.Kind == RoundRobin:
		m = c.roundRobin(t)
	case c.r.balance.Kind == LeastRequest:
		m = c.least(t)
	default:
		m = c.randomly(t)
	}
	if m != nil && c.take(m) {
		return true
	}
	return n > 1 && c.scan(t.able, int(c.next()%uint64(n)))
}

// scan takes the first that can be taken, round from a place.
func (c *choice) scan(members []member, at int) bool {
	for range min(len(members), scanBound) {
		if c.take(&members[at]) {
			return true
		}
		if at++; at == len(members) {
			at = 0
		}
	}
	return false
}

// expendable reports whether the request can be sent to an endpoint that may fail it: then another one is asked.
func (c *choice) expendable() bool {
	return !c.a.Frail && len(c.a.Tried) == 0 && c.p.Retry.Attempts > 1 && c.p.state.budget.left()
}

// usable reports whether it would be taken as far as one can see without a side effect.
func (c *choice) usable(m *member) bool {
	if c.r.inFlight > 0 && m.e.inFlight.Load() >= c.r.inFlight {
		c.full = c.full || !c.tried(m.e)
		return false
	}
	if m.breaker != nil && !c.force && !m.breaker.Ready(c.a.Now) {
		c.open = c.open || !c.tried(m.e)
		return false
	}
	return !c.tried(m.e)
}

func (c *choice) tried(e *Endpoint) bool {
	for _, t := range c.a.Tried {
		if t == e {
			return true
		}
	}
	return false
}

// take takes it: the place among its requests in flight, and its breaker's permit.
func (c *choice) take(m *member) bool {
	if c.tried(m.e) {
		return false
	}
	if c.r.inFlight > 0 && m.e.inFlight.Add(1) > c.r.inFlight {
		m.e.inFlight.Add(-1)
		c.full = true
		return false
	}
	if m.breaker != nil && !c.force {
		permit, ok := m.breaker.Allow(c.a.Now)
		if !ok {
			if c.r.inFlight > 0 {
				m.e.inFlight.Add(-1)
			}
			c.open = true
			return false
		}
		c.permit = permit
	}
	c.taken = m
	return true
}

func (c *choice) roundRobin(t *tier) *member {
	// One of as many turns as there are endpoints is somebody's; some more are for those who cannot be asked.
	for range len(t.able) + scanBound {
		if i, its := t.stride.at(c.s.turn.Add(1)); its && c.usable(&t.able[i]) {
			return &t.able[i]
		}
	}
	return nil
}

// least chooses the one with the fewest requests in flight for its weight. Where several have, by weight.
func (c *choice) least(t *tier) *member {
	at := t.alias.draw(c.next())
	var best *member
	fewest := math.Inf(1)
	for range min(len(t.able), leastScan) {
		m := &t.able[at]
		if busy := float64(m.e.shards[c.loop].inFlight.Load()) * m.busy; busy < fewest && c.usable(m) {
			best, fewest = m, busy
		}
		if at++; at == len(t.able) {
			at = 0
		}
	}
	return best
}

func (c *choice) randomly(t *tier) *member {
	for range 3 {
		if m := &t.able[t.alias.draw(c.next())]; c.usable(m) {
			return m
		}
	}
	return nil
}

// consistent chooses by the key: the endpoint of its slot, or where that cannot be asked or has its share of the load
// already, those of further slots in an order that is the key's own. So the keys of an endpoint that is away spread over all
// others, and come back to it.
func (c *choice) consistent(t *tier) *member {
	hash := c.a.Hash
	if !c.a.Keyed {
		hash = c.next()
	}
	var second *member
	for range maglevProbes {
		m := &t.all[t.table.at(hash)]
		if m.able && c.usable(m) {
			if c.light(m) {
				return m
			}
			if second == nil {
				second = m
			}
		}
		hash = mix(hash)
	}
	return second
}

// light reports whether one more request keeps an endpoint within its bound: so many times its share of the requests in
// flight, rounded up. Each loop keeps to it for its own requests, and so do all together, but for the rounding.
func (c *choice) light(m *member) bool {
	if c.r.balance.Load == 0 {
		return true
	}
	most := math.Ceil(float64(c.r.balance.Load) / 1e6 * float64(c.s.inFlight.Load()+1) * m.share)
	return float64(m.e.shards[c.loop].inFlight.Load()+1) <= most
}
