package upstream

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"graygate/breaker"
)

// Endpoint is one address of one pool. Its state lives on over reloads and answers of sources that keep it, under the same name; one that
// comes back after it was removed is a new one. Its methods may be called concurrently.
type Endpoint struct {
	ID      int // small and dense among the endpoints of a registry; one that is gone for good leaves it to another, see idRest
	Pool    string
	Address string // host:port
	Host    string // what its certificate has to be for: a name, or an IP address

	removed  atomic.Bool
	version  atomic.Pointer[string]   // its label of that name; nil: none
	standing atomic.Pointer[standing] // as of the last tick; never nil
	shards   []endpointShard          // by loop
	host     breaker.Host             // what the outlier detection knows of it

	// Written by all loops, so only used where a limit over all of them is set (inFlight), or seldom (connections). On
	// lines of their own, as what is above is read with every request.
	_              [128]byte
	inFlight       atomic.Int64
	connections    atomic.Int64
	maxConnections atomic.Int64 // 0: no bound
	_              [128]byte

	// What follows is guarded by the registry's lock.
	config   EndpointConfig
	breaker  *breaker.Breaker      // nil: off
	verdict  verdict               // of the probes
	why      string                // what they say
	ejection breaker.OutlierReason // of the last ejection
	pardoned bool                  // probes found it well while it was ejected: it is not, until the next ejection
	drained  bool                  // by hand: it gets nothing until it is taken back, over reloads too
	warmFrom int64                 // when its slow start began; 0: none
	halfFrom int64                 // since when it is seen half-open; 0: it is not
	asked    uint64                // calls that have ended so far, as of the last count
	passed   uint64                // those of them that went well
}

// verdict is what probes say of an endpoint.
type verdict uint8

const (
	noVerdict verdict = iota
	well
	ill
)

// endpointShard is what one loop knows of an endpoint. Written by that loop, and by what finishes its requests elsewhere;
// it fills two cache lines, as processors fetch them in pairs.
type endpointShard struct {
	inFlight  atomic.Int64
	answering atomic.Int64  // of those, how many are known to have their answer's head
	since     atomic.Int64  // when a call was answered last, or began when there was none
	heard     atomic.Int64  // when cost was written
	asked     atomic.Int64  // when a call began last, or up to askedGrain before; 0: none has
	cost      atomic.Uint64 // peak EWMA of the latency in nanoseconds, a float64; 0: nothing has been heard
	successes atomic.Uint64
	failing   atomic.Uint32 // failures since the last success
	failures  atomic.Uint64
	_         [128 - 9*8]byte
}

// standing is how an endpoint stands.
type standing struct {
	state  State
	reason string
	until  int64 // when that ends by itself; 0: not known
}

// Removed reports whether neither the newest config nor any source has this endpoint any more: what is in flight there
// finishes, and its connections are not kept.
func (e *Endpoint) Removed() bool { return e.removed.Load() }

// Version is the endpoint's label of that name, as spans tell it; empty if it has none.
func (e *Endpoint) Version() string {
	if v := e.version.Load(); v != nil {
		return *v
	}
	return ""
}

// State tells how the endpoint stands as of the last tick, and why in one text: a stable word first, then what else is
// known. now is on the clock of [Registry.Tick].
func (e *Endpoint) State(now int64) (State, string) {
	s := e.standing.Load()
	reason := s.reason
	if left := time.Duration(s.until - now); s.until != 0 && left > 0 {
		reason = fmt.Sprintf("%s, for another %v", reason, left.Round(100*time.Millisecond))
	}
	return s.state, reason
}

// OpenConn counts a connection that is about to be opened. False: the endpoint has as many as it may; then nothing is
// counted.
func (e *Endpoint) OpenConn() bool {
	n := e.connections.Add(1)
	if most := e.maxConnections.Load(); most > 0 && n > most {
		e.connections.Add(-1)
		return false
	}
	return true
}

// CloseConn takes back what a true answer of [Endpoint.OpenConn] has counted. Once for each.
func (e *Endpoint) CloseConn() { e.connections.Add(-1) }

// InFlight is the number of requests in flight, over all loops.
func (e *Endpoint) InFlight() int64 {
	var n int64
	for i := range e.shards {
		n += e.shards[i].inFlight.Load()
	}
	return n
}

// calls is the number of calls that have ended, and of those of them that went well, over all loops; what the client or
// the gateway broke off is not counted.
func (e *Endpoint) calls() (all, well uint64) {
	for i := range e.shards {
		passed := e.shards[i].successes.Load()
		well += passed
		all += passed + e.shards[i].failures.Load()
	}
	return all, well
}

// begin counts a call in flight.
func (s *endpointShard) begin(now int64) {
	if s.inFlight.Add(1) == 1 {
		s.since.Store(now)
	}
	if now-s.asked.Load() > askedGrain {
		s.asked.Store(now)
	}
}

// answered notes that a call in flight has its answer's head, and after how long; explored, that it was made to know that.
func (s *endpointShard) answered(latency, now int64, explored bool) {
	s.answering.Add(1)
	s.since.Store(now)
	s.remember(float64(max(latency, 1)), now, explored)
}

// end counts a call out, and remembers its latency if that was not done by answered.
func (s *endpointShard) end(o breaker.Outcome, answered, explored bool, latency, now int64) {
	s.inFlight.Add(-1)
	if answered {
		s.answering.Add(-1)
	} else {
		s.since.Store(now)
	}
	switch o {
	case breaker.Success:
		if !answered {
			s.remember(float64(max(latency, 1)), now, explored)
		}
		s.successes.Add(1)
		if s.failing.Load() != 0 {
			s.failing.Store(0)
		}
	case breaker.Failure:
		cost := math.Float64frombits(s.cost.Load())
		least := min(max(cost, float64(failureLeast))*failureFactor, float64(failureNanos))
		s.remember(max(float64(latency), least), now, false)
		s.failures.Add(1)
		s.failing.Add(1)
	}
}

// remember keeps a latency: a higher one than before at once, a lower one by and by (peak EWMA, as Finagle's), or soon if it
// was explored. Two at once on one shard may overwrite each other's, which does no harm.
func (s *endpointShard) remember(nanos float64, now int64, explored bool) {
	last := s.heard.Load()
	s.heard.Store(now)
	if cost := math.Float64frombits(s.cost.Load()); nanos < cost {
		keep := fade(now - last)
		if explored {
			keep = min(keep, exploreKeep)
		}
		nanos = cost*keep + nanos*(1-keep)
	}
	s.cost.Store(math.Float64bits(nanos))
}

// expected is the latency that the next call is expected to have, in nanoseconds. If no call waits for its answer, the
// remembered one fades, so that who was slow is tried again. If some do, the time in which nothing has come back counts, so
// that who hangs is seen at once; that fades, too, as what is silent for long is a stream rather than a call that hangs.
func (s *endpointShard) expected(now int64) (nanos float64, inFlight int64) {
	cost := math.Float64frombits(s.cost.Load())
	inFlight = s.inFlight.Load()
	if inFlight <= 0 || inFlight <= s.answering.Load() {
		return cost * fade(now-s.heard.Load()), max(inFlight, 0)
	}
	waited := now - s.since.Load()
	silence := float64(min(waited, hangNanos))
	if cost == 0 {
		silence = float64(hangNanos) // who is new is waited for before it gets more
	}
	return max(cost, silence*fade(waited-hangNanos)), inFlight
}

// fade is the share that is left of what was known so long ago: exp(-nanos/ewmaNanos) within 6 %, by a power of two with
// straight lines between, which is cheaper.
func fade(nanos int64) float64 {
	if nanos <= 0 {
		return 1
	}
	halvings := float64(nanos) / (float64(ewmaNanos) * math.Ln2)
	if halvings > 64 {
		return 0
	}
	whole := math.Floor(halvings)
	return (1 - (halvings-whole)/2) * math.Float64frombits(uint64(1023-int64(whole))<<52)
}
