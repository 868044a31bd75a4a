package gateway

import "sync/atomic"

// counters are what one loop has counted since it began. They are plain: only the loop writes them, and only a tick
// copies them to where others read.
type counters struct {
	requests  uint64
	answered  uint64 // by an upstream, whatever the status
	local     uint64 // by the gateway itself
	cut       uint64 // answers broken off
	gray      uint64 // assigned to gray
	fallbacks uint64
	retries   uint64
	dials     uint64
	dialFails uint64
	relays    uint64
	panics    uint64

	issued           uint64 // units given to requests that came without
	overrides        uint64 // X-Experiment-Override, taken
	overridesRefused uint64 // with a wrong signature, or expired
}

// countersCount is how many there are.
const countersCount = 14

// publishedCounters is the copy that every goroutine may read. It stands on cache lines of its own.
type publishedCounters struct {
	_      [64]byte
	values [countersCount]atomic.Uint64
	_      [64]byte
}

func (c *counters) list() [countersCount]uint64 {
	return [...]uint64{c.requests, c.answered, c.local, c.cut, c.gray, c.fallbacks, c.retries, c.dials, c.dialFails, c.relays, c.panics,
		c.issued, c.overrides, c.overridesRefused}
}

func (l *loop) publish() {
	for i, v := range l.counters.list() {
		l.published.values[i].Store(v)
	}
}

// Counters are the sums over all loops and relays, at most one tick old.
type Counters struct {
	Requests  uint64 `json:"requests"`
	Answered  uint64 `json:"answered"`
	Local     uint64 `json:"local_answers"`
	Cut       uint64 `json:"cut"`
	Gray      uint64 `json:"gray"`
	Fallbacks uint64 `json:"fallbacks"`
	Retries   uint64 `json:"retries"`
	Dials     uint64 `json:"dials"`
	DialFails uint64 `json:"dial_failures"`
	Relays    uint64 `json:"relays"`
	Panics    uint64 `json:"panics"`

	Issued           uint64 `json:"units_issued"`
	Overrides        uint64 `json:"overrides"`
	OverridesRefused uint64 `json:"overrides_refused"`
}

// Counters adds up what the loops have published. Safe for concurrent use.
func (g *Gateway) Counters() Counters {
	var sum [countersCount]uint64
	for _, l := range g.loops {
		for i := range sum {
			sum[i] += l.published.values[i].Load()
		}
	}
	return Counters{sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7], sum[8], sum[9], sum[10] + g.relayPanics.Load(),
		sum[11], sum[12], sum[13]}
}
