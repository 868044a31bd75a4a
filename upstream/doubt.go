package upstream

import "sync/atomic"

// doubt is about one endpoint of a pool that has failed a call which was then answered elsewhere. p2c would leave it alone
// from its first failure on, by its cost, so that at a few hundred requests a second its breaker would take many seconds
// to see the failures in a row that open it; meanwhile requests that cannot be sent again still get there now and then. So
// one request after the other that can be sent again is sent to it, by a loop every [doubtNanos] at most, until it answers or is out of
// service. They cost nobody but the budget of retries a thing, and need some of that left.
//
// Each loop has its own. Written by that loop, and by what finishes its requests elsewhere.
type doubt struct {
	about atomic.Int64 // the endpoint's ID and 1; 0: there is none
	from  atomic.Int64 // when the next request may be sent there
}

// raise begins a doubt, or keeps it.
func (d *doubt) raise(e *Endpoint, now int64) {
	if !d.is(e) {
		d.from.Store(now + doubtNanos)
		d.about.Store(int64(e.ID) + 1)
	}
}

// lay ends a doubt about an endpoint that has answered.
func (d *doubt) lay(e *Endpoint) {
	if d.is(e) {
		d.about.Store(0)
	}
}

// is reports whether the doubt is about an endpoint.
func (d *doubt) is(e *Endpoint) bool { return d.about.Load() == int64(e.ID)+1 }

// settle takes the endpoint that is in doubt, if the request is one to settle it by.
func (c *choice) settle() bool {
	d := &c.s.doubt
	if c.a.Now < d.from.Load() || !c.expendable() {
		return false
	}
	for i := range c.r.tiers {
		for j := range c.r.tiers[i].able {
			m := &c.r.tiers[i].able[j]
			if !d.is(m.e) {
				continue
			}
			if m.e.shards[c.loop].failing.Load() >= doubtMost {
				d.about.Store(0)
				return false
			}
			d.from.Store(c.a.Now + doubtNanos)
			return c.take(m)
		}
	}
	d.about.Store(0) // it is out of service, or gone
	return false
}
