package gateway

import (
	"graygate/config"
	"graygate/probes"
)

// What the tests outside the package reach inside it for.

// onLoops runs f on every loop, and waits.
func (g *Gateway) onLoops(f func(l *loop)) {
	for _, l := range g.loops {
		done := make(chan struct{})
		l.do(func() {
			defer close(done)
			f(l)
		})
		<-done
	}
}

// BreakRules makes every request panic, until MendRules: the loops have lost what they decide by.
func (g *Gateway) BreakRules() { g.setDeciders(func() *config.Decider { return &config.Decider{} }) }

// MendRules takes back what BreakRules did.
func (g *Gateway) MendRules() { g.setDeciders(g.Snapshot().NewDecider) }

func (g *Gateway) setDeciders(make func() *config.Decider) {
	g.onLoops(func(l *loop) {
		l.decider = make()
		g.force.Load().deciders[l.id] = l.decider
	})
}

// BreakAnswers makes the upstream's next bytes panic on the loop, for every request that is under way there now.
func (g *Gateway) BreakAnswers() {
	g.onLoops(func(l *loop) {
		for d := range l.conns {
			if d.ex != nil {
				d.ex.snap = nil
			}
		}
	})
}

// BreakReturns makes the relays panic at their end, of all requests that are under way on the loops now.
func (g *Gateway) BreakReturns() {
	g.onLoops(func(l *loop) {
		for d := range l.conns {
			if d.ex != nil && d.ex.u != nil {
				d.ex.u.endpoint, d.ex.u.counted = nil, false
			}
		}
	})
}

// WatchMachine has the machine below root watched in place of this one. Only in a gateway whose config watches none.
func (g *Gateway) WatchMachine(root string, o probes.Overload) {
	g.sampler.Store(probes.NewSamplerOf(root, o, g.log))
}

// Held is how many requests the limits of all routes count in flight.
func (g *Gateway) Held() (n int) {
	for _, p := range g.force.Load().policies {
		if p.slots != nil {
			n += p.slots.InFlight()
		}
	}
	return n
}

// Ticks is how often the first loop has looked at its clock.
func (g *Gateway) Ticks() int64 { return g.loops[0].lastTick.Load() / int64(tick) }

// Ready is how many connections to endpoints wait for a request on all loops.
func (g *Gateway) Ready() (n int) {
	g.onLoops(func(l *loop) {
		for i := range l.idle {
			n += len(l.idle[i].conns)
		}
	})
	return n
}
