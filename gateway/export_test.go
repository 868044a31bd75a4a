package gateway

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

// BreakRules makes every request panic, until MendRules, that comes to a route with rules: the loops have lost their states.
func (g *Gateway) BreakRules() {
	g.onLoops(func(l *loop) {
		for i := range l.states {
			l.states[i] = nil
		}
	})
}

// MendRules takes back what BreakRules did.
func (g *Gateway) MendRules() { g.onLoops(func(l *loop) { l.enter(g.snap.Load()) }) }

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
				d.ex.u.endpoint = nil
			}
		}
	})
}
