package config

// overload checks when requests are shed.
func (c *checker) overload() {
	f := c.f.Overload
	o := f.Value
	if !f.Set || o.Off || o.CPU.Bad || o.Memory.Bad || o.RunQueue.Bad {
		return
	}
	if o.CPU.Value == 0 && o.Memory.Value == 0 && o.RunQueue.Value == 0 {
		c.fail(f.At, problem{What: "overload without a bound", Fix: "add cpu: 95%, memory: 90% or run_queue: 4, or write overload: off"})
	}
}

// limits checks what a route's requests are bounded by, and where they go when a pool cannot serve.
func (c *checker) limits(r FileRoute) {
	if f := r.Fallback; f.Value == FallbackBoth && !r.Gray.written() {
		c.fail(f.At, problem{What: "fallback: both without gray", Why: "from stable there is nowhere to go", Fix: "add gray: POOL, or write on"})
	}
	if l := r.RateLimit; l.Set && !l.Value.Off {
		if !l.Value.Rate.written() {
			c.fail(l.At, problem{What: "rate_limit without rate", Fix: "add rate: 100/s"})
		}
		c.unit(l.Value.By, "a rate limit")
	}
	l := r.Concurrency
	if !l.Set || l.Value.Off {
		return
	}
	switch x := l.Value; {
	case !x.Limit.written():
		c.fail(l.At, problem{What: "concurrency without limit", Fix: "add limit: 100, or limit: auto"})
	case !x.Limit.Set:
	case x.Limit.Value > 0 && x.Max.written():
		c.fail(x.Max.At, problem{What: "max with a limit that is a number", Why: "it bounds limit: auto", Fix: "delete max, or write limit: auto"})
	case x.Limit.Value == 0 && x.By.written():
		c.fail(x.By.At, problem{What: "by with limit: auto", Why: "what is found is the limit of the route as a whole", Fix: "delete by, or give limit a number"})
		return
	}
	c.unit(l.Value.By, "a limit")
}
