package rig

// Healing is how much of what keeps requests from failing a graygate's config turns on. Nothing of it ever has to act under
// the benchmarks' loads: it only watches.
type Healing uint8

const (
	// HealingUnknown leaves the config without a word of it: the defaults, or a graygate that knows nothing of it.
	HealingUnknown Healing = iota
	// HealingOff turns it off.
	HealingOff
	// HealingOn turns on all there is.
	HealingOn
)

// OfPool is what it says in an upstream of the config, behind the endpoints.
func (h Healing) OfPool() string {
	switch h {
	case HealingOff:
		return ", panic: off, breaker: off, outlier: off, retry: off, probe: off"
	case HealingOn:
		return ", balance: p2c, slow_start: 10s, panic: 50%, " +
			"connections: {max: 1000, in_flight: 1000, queue: 100, requests: 1000000, age: 1h, warm: 1}, " +
			"breaker: {slow: 2s}, outlier: on, retry: {per_try_timeout: 2s, hedge_after: 1s}, probe: {http: /}"
	}
	return ""
}

// OfRoute is what it says in a route of the config.
func (h Healing) OfRoute() string {
	switch h {
	case HealingOff:
		return "    fallback: off\n"
	case HealingOn:
		return "    fallback: on\n    rate_limit: {rate: 1000000/s}\n    concurrency: {limit: 10000}\n"
	}
	return ""
}
