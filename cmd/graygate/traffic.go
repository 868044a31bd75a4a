package main

import (
	"time"

	"graygate/admin"
	"graygate/gateway"
	"graygate/telemetry/meter"
)

// traffic gives the admin server what the gateway counts.
type traffic struct{ gateway *gateway.Gateway }

// Routes gives what was counted since each key is in the config; false: nothing is counted.
func (t traffic) Routes() ([]admin.RouteTraffic, bool) {
	if !t.gateway.Snapshot().Plan.Metrics {
		return nil, false
	}
	totals := t.gateway.Meter().Totals()
	all := make([]admin.RouteTraffic, 0, len(totals))
	for i := range totals {
		x := &totals[i]
		r := admin.RouteTraffic{Service: x.Service, Gray: x.Gray, Latency: admin.Latency{
			Count: x.Request.Count, Seconds: x.Request.Seconds, Buckets: x.Request.Buckets[:],
		}}
		for _, s := range x.Served {
			r.Served = append(r.Served, admin.Served{Pool: s.Pool, Requests: s.Requests, ClientErrors: s.ClientErrors, ServerErrors: s.ServerErrors})
		}
		all = append(all, r)
	}
	return all, true
}

// Experiments gives the assignments.
func (t traffic) Experiments() []admin.ExperimentTraffic {
	standings := t.gateway.Meter().Experiments()
	all := make([]admin.ExperimentTraffic, 0, len(standings))
	for _, s := range standings {
		x := admin.ExperimentTraffic{
			Tenant: s.Tenant, Name: s.Experiment, Assigned: make(map[string]uint64, len(s.Variants)),
			Mismatch: s.Assignment.Mismatch || s.Outcome.Mismatch,
		}
		for _, v := range s.Variants {
			x.Assigned[v.Name] = v.Assigned
		}
		all = append(all, x)
	}
	return all
}

// Bounds are the upper bounds of the buckets of durations.
func (t traffic) Bounds() []time.Duration { return meter.Bounds() }
