package admin

import "time"

// Traffic is what counts requests and assignments. Safe for concurrent use; what it gives is the caller's.
type Traffic interface {
	// Routes gives what was counted since each key is in the config, in any order; false: nothing is counted.
	Routes() ([]RouteTraffic, bool)
	// Experiments gives the assignments, in any order.
	Experiments() []ExperimentTraffic
	// Bounds are the upper bounds of the buckets of durations, inclusive, in order.
	Bounds() []time.Duration
}

// RouteTraffic is what one key of requests came to: those of one route that one rule assigned.
type RouteTraffic struct {
	Service string // the route's name; "": none was found
	Gray    bool   // assigned to gray, whoever answered
	Served  []Served
	Latency Latency
}

// Served is what one pool answered.
type Served struct {
	Pool         string // "" is the gateway itself
	Requests     uint64
	ClientErrors uint64 // 4xx
	ServerErrors uint64 // 5xx
}

// Latency is how long requests took.
type Latency struct {
	Count   uint64   `json:"count"`
	Seconds float64  `json:"sum_s"`
	Buckets []uint64 `json:"buckets"` // not cumulative, by the bounds; the last is what is longer than all of them
}

// add adds another one, whose buckets are the same or none.
func (l *Latency) add(o *Latency) {
	l.Count += o.Count
	l.Seconds += o.Seconds
	for i, n := range o.Buckets {
		l.Buckets[i] += n
	}
}

// ExperimentTraffic is what was assigned by one experiment.
type ExperimentTraffic struct {
	Tenant, Name string
	Assigned     map[string]uint64 // requests, by variant
	Mismatch     bool              // the split leaves the weights
}

func byExperiment(all []ExperimentTraffic) map[[2]string]*ExperimentTraffic {
	by := make(map[[2]string]*ExperimentTraffic, len(all))
	for i := range all {
		by[[2]string{all[i].Tenant, all[i].Name}] = &all[i]
	}
	return by
}

// noTraffic counts nothing.
type noTraffic struct{}

// Routes gives none.
func (noTraffic) Routes() ([]RouteTraffic, bool) { return nil, false }

// Experiments gives none.
func (noTraffic) Experiments() []ExperimentTraffic { return nil }

// Bounds gives those of the metrics that there would be.
func (noTraffic) Bounds() []time.Duration {
	const us, ms = time.Microsecond, time.Millisecond
	return []time.Duration{100 * us, 250 * us, 500 * us, ms, 2 * ms, 5 * ms, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second}
}
