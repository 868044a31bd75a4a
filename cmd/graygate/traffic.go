package main

import (
	"graygate/admin"
	"graygate/gateway"
)

// traffic gives the admin server what the gateway counts.
type traffic struct {
	admin.Traffic
	gateway *gateway.Gateway
}

func newTraffic(g *gateway.Gateway) traffic { return traffic{admin.Metered(g.Meter()), g} }

// Routes gives what was counted since each key is in the config; false: nothing is counted.
func (t traffic) Routes() ([]admin.RouteTraffic, bool) {
	if !t.gateway.Snapshot().Plan.Metrics {
		return nil, false
	}
	return t.Traffic.Routes()
}
