package gateway

import "sync/atomic"

// counters are what one loop has counted since it began. They are plain: only the loop writes them, and only a tick
// copies them to where others read.
type counters struct {
	requests  uint64
	answered  uint64          // by an upstream, whatever the status
	local     uint64          // by the gateway itself
	cut       uint64          // answers broken off
	gray      uint64          // assigned to gray
	fallbacks uint64          // answered by the pool that is fallen back to
	resent    uint64          // once more to the same endpoint, after a kept connection had ended
	retries   [reasons]uint64 // at another endpoint of the same pool
	hedges    uint64
	hedgesWon uint64
	queued    uint64
	shed      uint64 // refused as the machine is saturated
	limited   uint64 // refused by a rate limit
	crowded   uint64 // refused by a limit of requests in flight
	dials     uint64
	dialFails uint64
	relays    uint64
	panics    uint64
	received  uint64 // bytes from clients
	sent      uint64 // bytes to clients

	issued           uint64 // units given to requests that came without
	overrides        uint64 // X-Experiment-Override, taken
	overridesRefused uint64 // with a wrong signature, or expired
}

// countersCount is how many there are.
const countersCount = 27

// publishedCounters is the copy that every goroutine may read. It stands on cache lines of its own.
type publishedCounters struct {
	_      [64]byte
	values [countersCount]atomic.Uint64
	_      [64]byte
}

func (c *counters) list() [countersCount]uint64 {
	return [...]uint64{
		c.requests, c.answered, c.local, c.cut, c.gray, c.fallbacks,
		c.resent, c.retries[noConnection], c.retries[noRoom], c.retries[closedEarly], c.retries[tookTooLong], c.retries[badStatus],
		c.hedges, c.hedgesWon, c.queued, c.shed, c.limited, c.crowded,
		c.dials, c.dialFails, c.relays, c.panics, c.issued, c.overrides, c.overridesRefused, c.received, c.sent,
	}
}

func (l *loop) publish() {
	for i, v := range l.counters.list() {
		l.published.values[i].Store(v)
	}
}

// Counters are the sums over all loops and relays, at most one tick old.
type Counters struct {
	Requests  uint64  `json:"requests"`
	Answered  uint64  `json:"answered"`
	Local     uint64  `json:"local_answers"`
	Cut       uint64  `json:"cut"`
	Gray      uint64  `json:"gray"`
	Fallbacks uint64  `json:"fallbacks"`
	Retries   Retries `json:"retries"`
	Hedges    uint64  `json:"hedges"`
	HedgesWon uint64  `json:"hedges_won"`
	Queued    uint64  `json:"queued"`
	Shed      uint64  `json:"shed"`
	Limited   uint64  `json:"rate_limited"`
	Crowded   uint64  `json:"concurrency_limited"`
	Dials     uint64  `json:"dials"`
	DialFails uint64  `json:"dial_failures"`
	Relays    uint64  `json:"relays"`
	Panics    uint64  `json:"panics"`
	SentAway  uint64  `json:"sent_away"` // connections that ended with their answer as the machine was strained
	Received  uint64  `json:"received_bytes"`
	Sent      uint64  `json:"sent_bytes"`

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
	return Counters{
		Requests: sum[0], Answered: sum[1], Local: sum[2], Cut: sum[3], Gray: sum[4], Fallbacks: sum[5],
		Retries: Retries{Resent: sum[6], Connect: sum[7], Full: sum[8], Reset: sum[9], Timeout: sum[10], Status: sum[11]},
		Hedges:  sum[12], HedgesWon: sum[13], Queued: sum[14], Shed: sum[15], Limited: sum[16], Crowded: sum[17],
		Dials: sum[18], DialFails: sum[19], Relays: sum[20], Panics: sum[21] + g.relayPanics.Load(),
		SentAway: g.sentAway.Load(),
		Issued:   sum[22], Overrides: sum[23], OverridesRefused: sum[24],
		Received: sum[25] + g.relayed.received.Load(), Sent: sum[26] + g.relayed.sent.Load(),
	}
}

// Retries are further attempts, by their reason.
type Retries struct {
	Resent  uint64 `json:"resent"`  // to the same endpoint, after a kept connection had ended
	Connect uint64 `json:"connect"` // the rest to another one: no connection could be made
	Full    uint64 `json:"full"`    // the endpoint had all the connections it may have
	Reset   uint64 `json:"reset"`   // the connection ended before the answer began
	Timeout uint64 `json:"timeout"` // the per-try time-out passed
	Status  uint64 `json:"status"`  // the answer's status was one to be retried
}

// Sum is how many there were, whatever the reason.
func (r Retries) Sum() uint64 { return r.Resent + r.Connect + r.Full + r.Reset + r.Timeout + r.Status }
