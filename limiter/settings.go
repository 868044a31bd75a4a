// Package limiter bounds how often and how many requests of a client are served at once. It is pure: no clock, no socket.
package limiter

// RateLimit is a token bucket for each value of an attribute.
type RateLimit struct {
	PerSecond float64 // tokens a second for each key, over all loops
	Burst     int     // tokens that a bucket holds, at least 1
	By        string  // the attribute that is the key; "" is one bucket for all; a missing value shares one bucket
}

// Concurrency bounds requests in flight.
type Concurrency struct {
	Limit int    // for each key; 0 with Adaptive
	By    string // the attribute that is the key; "" is one for all
	// Adaptive finds the limit by the gradient of latency instead: of the route, whatever By says.
	Adaptive bool
	Max      int // of the adaptive limit
}
