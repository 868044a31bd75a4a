package telemetry

import "time"

// Event is one change of state that people and machines want to hear of: a line of the log, a count of the metrics, an
// entry of the admin API's stream. A value; whoever gets it owns it.
type Event struct {
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"` // one of the Kind constants
	Pool     string    `json:"pool,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"` // its address; empty where the event is about the pool or the gateway
	From     string    `json:"from,omitempty"`     // the state before, a stable word of the kind
	To       string    `json:"to"`
	Reason   string    `json:"reason,omitempty"` // a stable word, or a short text that begins with one
}

// The kinds of events.
const (
	KindEndpoint        = "endpoint"         // From and To are states of an endpoint, all reasons joined
	KindPoolBreaker     = "pool_breaker"     // From and To are states of the pool's breaker
	KindEndpointBreaker = "endpoint_breaker" // From and To are states of the endpoint's breaker
	KindPanic           = "panic"            // From and To are off and on: too few endpoints of a pool can be asked
	KindDiscovery       = "discovery"        // an endpoint was added or removed, or a source cannot be asked
	KindOverload        = "overload"         // From and To are off, strained and on: how near the machine is to its bounds, or over
)
