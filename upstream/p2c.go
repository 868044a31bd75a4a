package upstream

import (
	"math"
	"math/bits"
)

// The balancer p2c: the cheaper of two random endpoints, by a peak EWMA of their latencies and by what they have under way.
//
// Endpoints are drawn in proportion to their weights, and where costs are alike that is what they get. Costs are never quite
// alike, and what there is of chance in them must not add up to something: the second one is never the first, so a heavy
// endpoint stands for election against light ones more often than the other way round, and would lose whenever its latency
// happened to be the higher one. With weights of 3:1, one request at a time and latencies that are exponential
// the light one would get 35 % of the requests. So as long as two latencies are no further apart than alikeWithin, a lighter one
// has to be let pass (see passes), and what the first one has under way counts only beyond what one request makes (see cost).
// Between endpoints of one weight all of that is nothing.

// p2c chooses one of two random ones.
func (c *choice) p2c(t *tier) *member {
	a, b := c.two(t)
	switch aUsable, bUsable := c.usable(a), c.usable(b); {
	case !aUsable && !bUsable:
		return nil
	case !bUsable:
		return a
	case !aUsable:
		return b
	}
	if c.explores(a, b) {
		c.explored = a
		return a
	}
	if c.better(b, a) {
		return b
	}
	return a
}

// two draws two of a tier that has as many: the first by weight, the second by weight among the others, or if that does not
// hit upon one soon, any other.
func (c *choice) two(t *tier) (a, b *member) {
	i := t.alias.draw(c.next())
	for range 3 {
		if j := t.alias.draw(c.next()); j != i {
			return &t.able[i], &t.able[j]
		}
	}
	others, _ := bits.Mul64(c.next(), uint64(len(t.able)-1))
	j := i + 1 + int(others)
	if j >= len(t.able) {
		j -= len(t.able)
	}
	return &t.able[i], &t.able[j]
}

// better reports whether the second one drawn is to be taken over the first.
func (c *choice) better(b, a *member) bool {
	aNanos, aInFlight := a.e.shards[c.loop].expected(c.a.Now)
	bNanos, bInFlight := b.e.shards[c.loop].expected(c.a.Now)
	alike := a.busy != b.busy && aNanos <= alikeWithin*bNanos && bNanos <= alikeWithin*aNanos
	free := 0.0
	if alike {
		free = math.Abs(a.busy - b.busy)
	}
	// A slow start's small weight decides how often it is drawn; the second one must not make up for it by being idle.
	if cost(b, bNanos, bInFlight, 0) >= cost(a, aNanos, aInFlight, free)*betterBy*min(1, b.warmth/a.warmth) {
		return false
	}
	return !alike || b.busy < a.busy || c.passes(b, a)
}

// cost is the latency to be expected, times the requests in flight with this one, relative to the weight. Those that are free
// are not counted, of the one that was drawn first: as many as a request is more to the lighter than to the heavier. Where hardly
// anything is under way a single request would decide otherwise, and the light one of two, idle more often, win each time.
func cost(m *member, nanos float64, inFlight int64, free float64) float64 {
	return nanos * (1 + max(0, float64(inFlight)*m.busy-free))
}

// passes lets through as many of the times in which a lighter one is the better of two alike as there are of the opposite,
// so that what is chance in their costs has no effect on the shares (the detailed balance of Metropolis and Hastings). A heavy
// one of share s is drawn first, and against a certain light one of share r, s*r/(1-s) of the time; the light one first, and against
// it, r*s/(1-r). Of their quotient it is the square, as the heavy one has more answers, so its peak is the higher one.
func (c *choice) passes(light, heavy *member) bool {
	of := (1 - heavy.share) / (1 - light.share)
	return float64(c.next()>>11) < of*of*(1<<53)
}

// explores reports whether the first one drawn is to be asked because this loop has not asked it for long, while it asks
// others: one slow answer, or a failure that nobody has repeated, costs it its share for many seconds, and that it is well
// again, or hangs by now, would be noticed late. It is a request that can be sent elsewhere if need be. Where an
// answer is still waited for, that tells; and one that is not well, and among those who are asked as a last resort, is not wondered about. As it is drawn by weight, an endpoint gets at most one in exploreOne of what is due to it that way.
func (c *choice) explores(a, b *member) bool {
	s := &a.e.shards[c.loop]
	if c.a.Now-s.asked.Load() <= exploreNanos {
		return false
	}
	return c.a.Now-b.e.shards[c.loop].asked.Load() <= exploreNanos && s.inFlight.Load() <= s.answering.Load() && a.well &&
		c.next()%exploreOne == 0 && c.expendable()
}
