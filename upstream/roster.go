package upstream

import (
	"slices"

	"graygate/breaker"
)

// roster is who of a pool can be asked at a time. Immutable: a tick makes another one when something has changed, and the
// loops read it by one atomic pointer.
type roster struct {
	endpoints []*Endpoint // all that are there, draining ones included
	tiers     []tier      // in the order in which they are asked
	upTo      []uint64    // for each tier: the random numbers of 32 bits below this choose it
	everyone  *tier       // all but those that drain, whatever their state: the last resort
	trials    []member    // the half-open ones
	overdue   bool        // trials have waited for long
	panic     bool        // too few can be asked: the last resort asks everyone
	breaker   *breaker.Breaker
	balance   Balance
	inFlight  int64 // requests in flight to one endpoint; 0: no bound
}

// member is an endpoint in a tier.
type member struct {
	e       *Endpoint
	breaker *breaker.Breaker // nil: off
	due     float64          // its weight as configured
	weight  float64          // the same, less what its slow start takes away
	warmth  float64          // weight / due
	share   float64          // of the tier's weights
	busy    float64          // what one request in flight counts: less for greater weights, 1 on average
	able    bool             // only in tier.all: it is in tier.able, too
	well    bool             // its state is one to be asked in
	trial   bool             // it is half-open
}

// tier is a group of endpoints that requests are balanced over: those of one priority, and where zones are preferred, of
// the gateway's own zone or of the others.
type tier struct {
	able   []member // who can be asked
	alias  alias    // of able
	stride stride   // of able
	all    []member // consistent: all of the tier, in the order of their addresses
	table  *maglev  // of all; nil for other balancers
}

// candidate is an endpoint as the rosters' builder gets it.
type candidate struct {
	member
	state State
}

// builder makes rosters of one pool, and keeps tables that can be used again.
type builder struct {
	tables map[uint64]*maglev
}

// build makes a roster. The candidates are all that are there, in the order of their addresses.
func (b *builder) build(candidates []candidate, c *PoolConfig, zone string, pool *breaker.Breaker) *roster {
	r := &roster{breaker: pool, balance: c.Balance, inFlight: int64(c.Limits.InFlight)}
	used := map[uint64]*maglev{}
	groups := map[int]*priority{}
	var everyone []candidate
	for _, x := range candidates {
		r.endpoints = append(r.endpoints, x.e)
		if x.state == Draining {
			continue
		}
		everyone = append(everyone, x)
		if x.state == BreakerHalfOpen {
			r.trials = append(r.trials, x.member)
		}
		g := groups[x.e.config.Priority]
		if g == nil {
			g = &priority{number: x.e.config.Priority}
			groups[g.number] = g
		}
		own := c.Balance.Zone && zone != "" && x.e.config.Zone == zone
		g.add(x, own)
	}
	order := make([]*priority, 0, len(groups))
	for _, g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b *priority) int { return a.number - b.number })
	left, shares := 1.0, []float64{}
	enough := false
	for _, g := range order {
		enough = enough || g.reaches(c.Panic)
		share := min(left, g.health()*overprovision)
		left -= share
		for _, part := range g.parts(share) {
			r.tiers = append(r.tiers, b.tier(part.candidates, c.Balance.Kind, used))
			shares = append(shares, part.share)
		}
	}
	r.panic = len(everyone) > 0 && !enough
	if len(everyone) > 0 {
		// What can be asked is in the tiers; as a last resort, all of them can.
		for i := range everyone {
			everyone[i].state = Healthy
		}
		t := b.tier(everyone, c.Balance.Kind, used)
		r.everyone = &t
	}
	r.upTo = thresholds(shares)
	b.tables = used
	return r
}

// thresholds turns shares, which may add up to less than 1, into limits of 32-bit random numbers.
func thresholds(shares []float64) []uint64 {
	total := 0.0
	for _, s := range shares {
		total += s
	}
	upTo := make([]uint64, len(shares))
	sum, last := 0.0, -1
	for i, s := range shares {
		sum += s
		if total > 0 {
			upTo[i] = uint64(sum / total * (1 << 32))
		}
		if s > 0 {
			last = i
		}
	}
	for i := last; i >= 0 && i < len(upTo); i++ {
		upTo[i] = 1 << 32 // rounding must not lose a number, nor give one to who can not be asked
	}
	return upTo
}

// priority is all endpoints of one priority, in the gateway's own zone and in others.
type priority struct {
	number     int
	own, other part
}

// part is a tier to be.
type part struct {
	candidates []candidate
	able, due  float64 // sums of weights: of those that can be asked, of all
	ables      int
	share      float64 // of the pool's requests
}

func (g *priority) add(x candidate, own bool) {
	p := &g.other
	if own {
		p = &g.own
	}
	p.candidates = append(p.candidates, x)
	p.due += x.due
	if x.state.able() {
		p.able += x.due
		p.ables++
	}
}

// health is the share of the weights of the priority that can be asked.
func (g *priority) health() float64 { return (g.own.able + g.other.able) / (g.own.due + g.other.due) }

// reaches reports whether a share of the endpoints can be asked, in ppm; for 0 always.
func (g *priority) reaches(ppm uint32) bool {
	all := len(g.own.candidates) + len(g.other.candidates)
	return uint64(g.own.ables+g.other.ables)*1e6 >= uint64(all)*uint64(ppm)
}

// parts divides the priority's share: to the own zone what it bears, the rest to the others, which are one group, so
// that each of them gets by its weight.
func (g *priority) parts(share float64) []part {
	if len(g.own.candidates) == 0 {
		g.other.share = share
		return []part{g.other}
	}
	if len(g.other.candidates) == 0 {
		g.own.share = share
		return []part{g.own}
	}
	bears := min(1, g.own.able/g.own.due*overprovision)
	if g.other.able == 0 {
		bears = 1
	}
	g.own.share, g.other.share = share*bears, share*(1-bears)
	return []part{g.own, g.other}
}

// tier prepares the balancing over some endpoints.
func (b *builder) tier(candidates []candidate, kind BalanceKind, used map[uint64]*maglev) tier {
	t := tier{}
	total := 0.0
	for i := range candidates {
		candidates[i].able = candidates[i].state.able()
		if candidates[i].able {
			t.able = append(t.able, candidates[i].member)
			total += candidates[i].weight
		}
	}
	weights := make([]float64, len(t.able))
	for i := range t.able {
		m := &t.able[i]
		weights[i] = m.weight
		m.share = m.weight / total
		m.busy = 1 / (m.share * float64(len(t.able)))
	}
	switch kind {
	case RoundRobin:
		t.stride = newStride(weights)
	case Consistent:
		for _, x := range candidates {
			x.share = x.weight / total // only read of those that are able
			t.all = append(t.all, x.member)
		}
		if len(t.all) == 0 {
			break
		}
		key := maglevKey(t.all)
		if t.table = used[key]; t.table == nil {
			if t.table = b.tables[key]; t.table == nil {
				t.table = newMaglev(t.all)
			}
			used[key] = t.table
		}
	default:
		t.alias = newAlias(weights)
	}
	return t
}
