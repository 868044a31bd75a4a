package gateway

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"graygate/config"
	"graygate/limiter"
	"graygate/match"
	"graygate/upstream"
)

// policy is how the data plane treats the requests of one route, beside the rules. It is made for a snapshot; its limits'
// counts live on from the one before, if it was called the same and limited alike.
type policy struct {
	rate     *limiter.RateLimit // nil: none
	rateBy   int                // the attribute that is the key; -1: one for all
	spenders []*limiter.Spender // by loop; each is touched on its loop only

	concurrency *limiter.Concurrency // nil: none
	slotsBy     int
	slots       *limiter.Slots
	adaptive    *limiter.Adaptive // nil: the limit is fixed
}

// newPolicies makes the policies of a snapshot, by route. before is what is in force, nil if nothing is.
func newPolicies(snap *config.Snapshot, before *inForce, loops int) []*policy {
	names := snap.Schema.Names()
	had := map[string]*policy{}
	if before != nil {
		for i, r := range before.Routes {
			had[r.Name] = before.policies[i]
		}
	}
	policies := make([]*policy, len(snap.Routes))
	for i := range snap.Routes {
		r := &snap.Plan.Routes[i]
		p := &policy{rate: r.RateLimit, concurrency: r.Concurrency, rateBy: -1, slotsBy: -1}
		old := had[r.Name]
		if old == nil {
			old = &policy{}
		}
		if p.rate != nil {
			p.rateBy = slices.Index(names, p.rate.By)
			if old.rate != nil && *old.rate == *p.rate {
				p.spenders = old.spenders
			} else {
				p.meter(r.Name, loops)
			}
		}
		if p.concurrency != nil {
			p.slotsBy = slices.Index(names, p.concurrency.By)
			if p.concurrency.Adaptive {
				p.slotsBy = -1
			}
			if c := old.concurrency; c != nil && c.By == p.concurrency.By && c.Adaptive == p.concurrency.Adaptive && c.Max == p.concurrency.Max {
				p.slots, p.adaptive = old.slots, old.adaptive
			} else {
				p.count(loops)
			}
		}
		policies[i] = p
	}
	return policies
}

func (p *policy) meter(name string, loops int) {
	buckets := limiter.NewBuckets(name, p.rate)
	for range loops {
		p.spenders = append(p.spenders, buckets.Spender())
	}
}

func (p *policy) count(loops int) {
	p.slots = limiter.NewSlots(p.concurrency.Limit, p.slotsBy >= 0)
	if p.concurrency.Adaptive {
		p.adaptive = limiter.NewAdaptive(p.slots, p.concurrency.Max, loops)
	}
}

// commit makes the limits of a policy those that hold.
func (p *policy) commit() {
	if p.slots != nil && p.adaptive == nil {
		p.slots.SetLimit(p.concurrency.Limit)
	}
}

// spareOf is the pool that a request of the route falls back to from a pool; nil for none.
func spareOf(r *config.Route, from *upstream.Pool) *upstream.Pool {
	switch {
	case r.Fallback == config.FallbackOff:
		return nil
	case from != r.Stable:
		return r.Stable
	case r.Fallback == config.FallbackBoth:
		return r.Gray
	}
	return nil
}

// keyedBy is the attribute that each pool of a snapshot is balanced by, by the pool's index; -1 for none.
func keyedBy(snap *config.Snapshot) []int {
	names := snap.Schema.Names()
	var by []int
	for _, p := range snap.Pools {
		for p.Index >= len(by) {
			by = append(by, -1)
		}
		if p.Key != "" {
			by[p.Index] = slices.Index(names, p.Key)
		}
	}
	return by
}

// hashed is the key of a request by which a pool is balanced.
type hashed struct {
	hash uint64
	is   bool
}

// hashFor gives the key of a request for a pool. The hash is the same on every gateway, so that all of them choose the same
// endpoint for a key.
func (l *loop) hashFor(p *upstream.Pool, a *match.Attributes) hashed {
	if p.Index >= len(l.keyed) || l.keyed[p.Index] < 0 {
		return hashed{}
	}
	value := a.Value(l.keyed[p.Index])
	if len(value) == 0 {
		return hashed{}
	}
	return hashed{xxhash.Sum64(value), true}
}

// admit asks the limits of a request's route: nil, or why it is not served. The attributes are those of the request.
func (l *loop) admit(ex *exchange, a *match.Attributes) *Fault {
	p := ex.policy
	if p.rate != nil {
		s := p.spenders[l.id]
		ok, wait := s.Take(l.keyOf(p.rateBy, a), max(ex.arrivedAt, 1))
		if !ok {
			ex.limited, ex.retryAfter = s.Buckets().Policy(), seconds(wait)
			l.counters.limited++
			return faultRateLimited
		}
	}
	if p.slots != nil {
		slot, ok := p.slots.Enter(l.keyOf(p.slotsBy, a))
		if !ok {
			if p.adaptive != nil {
				p.adaptive.Refused(l.id)
			}
			l.counters.crowded++
			return faultConcurrency
		}
		ex.slot = slot
	}
	return nil
}

// keyOf gives the limiters' key of a request: a hash that nobody outside can foresee, so that nobody can choose values that
// share a place with others'. Without the attribute, all share one.
func (l *loop) keyOf(attribute int, a *match.Attributes) uint64 {
	if attribute < 0 {
		return 0
	}
	return maphash.Bytes(l.g.seed, a.Value(attribute))
}

// seconds is a wait as Retry-After tells it: whole seconds, at least one.
func seconds(nanos int64) int {
	return int(min((nanos+int64(time.Second)-1)/int64(time.Second), maxRetryAfterSeconds))
}

// release gives back what the exchange held of its route's limits. Safe for concurrent use.
func (ex *exchange) release() {
	p := ex.policy
	if p == nil || p.slots == nil {
		return
	}
	p.slots.Leave(ex.slot)
	ex.slot = limiter.Slot{}
	if p.adaptive != nil && ex.headAt > 0 && ex.status < 500 && ex.status != 101 {
		began := ex.arrivedAt // what waits in a queue is in flight, too
		if whole := ex.wholeAt.Load(); whole <= ex.headAt {
			began = max(began, whole)
		}
		p.adaptive.Observe(ex.loop, ex.headAt-began)
	}
}
