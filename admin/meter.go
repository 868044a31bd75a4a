package admin

import (
	"time"

	"graygate/telemetry/meter"
)

// Metered gives what a registry of metrics counts as [Traffic].
func Metered(r *meter.Registry) Traffic { return metered{r} }

type metered struct{ r *meter.Registry }

// Bounds gives those of the metrics' histograms.
func (metered) Bounds() []time.Duration { return meter.Bounds() }

// Routes gives the totals of the registry; what it has folded for want of room belongs to no route.
func (m metered) Routes() ([]RouteTraffic, bool) {
	totals := m.r.Totals()
	all := make([]RouteTraffic, len(totals))
	for i := range totals {
		t := &totals[i]
		x := RouteTraffic{Service: t.Service, Gray: t.Gray, Latency: Latency{t.Request.Count, t.Request.Seconds, t.Request.Buckets[:]}}
		for _, s := range t.Served {
			x.Served = append(x.Served, Served{s.Pool, s.Requests, s.ClientErrors, s.ServerErrors})
		}
		all[i] = x
	}
	return all, true
}

// Experiments gives the assignments of the registry. A mismatch is one of the units that were assigned, or of those
// answered.
func (m metered) Experiments() []ExperimentTraffic {
	standings := m.r.Experiments()
	all := make([]ExperimentTraffic, len(standings))
	for i := range standings {
		s := &standings[i]
		x := ExperimentTraffic{Tenant: s.Tenant, Name: s.Experiment, Assigned: map[string]uint64{}, Mismatch: s.Assignment.Mismatch || s.Outcome.Mismatch}
		for _, v := range s.Variants {
			x.Assigned[v.Name] += v.Assigned
		}
		all[i] = x
	}
	return all
}
