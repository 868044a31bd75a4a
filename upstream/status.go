package upstream

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"graygate/breaker"
)

// PoolStatus is how a pool stands, for people and for the admin API.
type PoolStatus struct {
	Name      string           `json:"name"`
	Balance   string           `json:"balance"`
	Panic     bool             `json:"panic"`             // too few can be asked: as a last resort all are
	Breaker   *BreakerStatus   `json:"breaker,omitempty"` // of the pool; nil: off
	InFlight  int64            `json:"in_flight"`
	Requests  uint64           `json:"requests"`        // sent since ever, retries left aside
	Retries   int64            `json:"retries"`         // taken from the budget since ever
	Starved   uint64           `json:"retries_refused"` // because the budget was used up
	Resorts   uint64           `json:"last_resorts"`    // attempts at endpoints that were not well
	P95       float64          `json:"p95_ms"`          // 0: too few calls
	Endpoints []EndpointStatus `json:"endpoints"`
}

// EndpointStatus is how an endpoint stands.
type EndpointStatus struct {
	Address     string            `json:"address"`
	State       State             `json:"state"`
	Reason      string            `json:"reason"`
	Weight      int               `json:"weight"`  // as configured
	Drained     bool              `json:"drained"` // by hand
	Zone        string            `json:"zone,omitempty"`
	Priority    int               `json:"priority"`
	Labels      map[string]string `json:"labels,omitempty"`
	InFlight    int64             `json:"in_flight"`
	Connections int64             `json:"connections"`
	Latency     float64           `json:"latency_ms"` // remembered, the mean over the loops; 0: nothing has been heard
	Successes   uint64            `json:"successes"`  // since ever
	Failures    uint64            `json:"failures"`
	Ejections   int               `json:"ejections"`         // by the outlier detection, as far as not forgotten
	Breaker     *BreakerStatus    `json:"breaker,omitempty"` // nil: off
}

// BreakerStatus is how a breaker stands.
type BreakerStatus struct {
	State    breaker.State  `json:"state"`
	Reason   breaker.Reason `json:"reason,omitempty"` // of the last change
	OpenFor  float64        `json:"open_for_ms"`      // from now; 0 if it is not open
	Opens    uint64         `json:"opens"`
	Requests uint64         `json:"requests"` // in the window
	Failures uint64         `json:"failures"`
	Slow     uint64         `json:"slow"`
}

// Status gives all pools of the newest config, by name, with their endpoints by address; those that were removed and have
// requests in flight come last. now is on the clock of [Registry.Tick]. What it gives is the caller's.
func (r *Registry) Status(now int64) []PoolStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]PoolStatus, 0, len(r.pools))
	for _, name := range slices.Sorted(maps.Keys(r.pools)) {
		all = append(all, r.pools[name].status(now))
	}
	return all
}

func (s *poolState) status(now int64) PoolStatus {
	p := PoolStatus{
		Name: s.name, Balance: s.config.Balance.Kind.String(), Panic: s.roster.Load().panic, Breaker: breakerStatus(s.breaker, now),
		Retries: s.budget.taken.Load(), P95: milliseconds(int64(s.latency.p95())),
	}
	for i := range s.shards {
		p.InFlight += s.shards[i].inFlight.Load()
		p.Requests += s.shards[i].requests.Load()
		p.Starved += s.shards[i].starved.Load()
		p.Resorts += s.shards[i].resorts.Load()
	}
	for _, e := range slices.Concat(s.order, s.leaving) {
		p.Endpoints = append(p.Endpoints, e.status(now))
	}
	return p
}

func (e *Endpoint) status(now int64) EndpointStatus {
	x := EndpointStatus{
		Address: e.Address, Weight: e.config.Weight, Drained: e.drained, Zone: e.config.Zone, Priority: e.config.Priority, Labels: maps.Clone(e.config.Labels),
		InFlight: e.InFlight(), Connections: e.connections.Load(), Breaker: breakerStatus(e.breaker, now),
	}
	x.State, x.Reason = e.State(now)
	_, x.Ejections = e.host.Until()
	known, sum := 0, 0.0
	all, well := e.calls()
	x.Successes, x.Failures = well, all-well
	for i := range e.shards {
		if cost := math.Float64frombits(e.shards[i].cost.Load()); cost > 0 {
			known++
			sum += cost
		}
	}
	if known > 0 {
		x.Latency = milliseconds(int64(sum / float64(known)))
	}
	return x
}

func breakerStatus(b *breaker.Breaker, now int64) *BreakerStatus {
	if b == nil {
		return nil
	}
	s := b.Status(now)
	x := &BreakerStatus{State: s.State, Reason: s.Reason, Opens: s.Opens, Requests: s.Requests, Failures: s.Failures, Slow: s.Slow}
	if left := s.OpenUntil - now; s.State == breaker.Open && left > 0 {
		x.OpenFor = milliseconds(left)
	}
	return x
}

func milliseconds(nanos int64) float64 {
	return math.Round(float64(nanos)/float64(time.Microsecond)) / 1000
}

func describePanic(able, all int) string {
	return fmt.Sprintf("%d of %d endpoints can be asked", able, all)
}

// String gives the word of the config.
func (k BalanceKind) String() string {
	return [...]string{"p2c", "round_robin", "least_request", "random", "consistent", "?"}[min(k, 5)]
}
