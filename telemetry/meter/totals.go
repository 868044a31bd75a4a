package meter

// Totals are what one key's requests came to, over all loops, since the key is in the config.
type Totals struct {
	Key
	Served   []Served // by who answered, in order of their names, without those that answered nothing
	Request  Durations
	Upstream Durations
}

// Served is what one pool answered.
type Served struct {
	Pool         string // "" is the gateway itself
	Requests     uint64
	ClientErrors uint64 // 4xx
	ServerErrors uint64 // 5xx
	Other        uint64 // codes that are not in IANA's registry, and requests to which nothing was answered
}

// Totals adds up all that was counted, in order of the keys; for those who show it otherwise than as a page. Safe for
// concurrent use.
func (r *Registry) Totals() []Totals {
	g := r.current.Load()
	all := make([]Totals, 0, len(g.timesInOrder))
	served := g.codesInOrder // in order of the same keys
	for _, t := range g.timesInOrder {
		totals := Totals{
			Key:      t.key,
			Request:  t.durations(func(c *timesCell) *histogram { return &c.request }),
			Upstream: t.durations(func(c *timesCell) *histogram { return &c.upstream }),
		}
		for ; len(served) > 0 && served[0].key.Key == t.key; served = served[1:] {
			if s := served[0].served(); s.Requests > 0 {
				totals.Served = append(totals.Served, s)
			}
		}
		all = append(all, totals)
	}
	return all
}

// Each gives how many requests of each key each pool has answered, "" being the gateway itself, in order of the keys. It is for collectors:
// cheaper than [Registry.Totals], which adds up durations too.
func (r *Registry) Each(visit func(key Key, pool string, requests uint64)) {
	g := r.current.Load()
	for i, c := range g.codesInOrder {
		g.pause(i)
		var requests uint64
		if counts, counted := c.sum(); counted {
			for _, n := range counts {
				requests += n
			}
		}
		visit(c.key.Key, c.key.pool, requests)
	}
}

func (c *codes) served() Served {
	s := Served{Pool: c.key.pool}
	counts, _ := c.sum()
	for slot, n := range counts {
		s.Requests += n
		switch {
		case slot == otherCode:
			s.Other += n
		case statusCodes[slot] >= 500:
			s.ServerErrors += n
		case statusCodes[slot] >= 400:
			s.ClientErrors += n
		}
	}
	return s
}

// Experiments tells how all experiments stand, in order of tenant and name. Safe for concurrent use.
func (r *Registry) Experiments() []Standing {
	r.Drain()
	g := r.current.Load()
	all := make([]Standing, len(g.experimentsInOrder))
	for i, e := range g.experimentsInOrder {
		all[i] = e.standing()
	}
	return all
}
