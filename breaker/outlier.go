package breaker

import (
	"math"
	"sync/atomic"
)

// Outlier finds the endpoints of one pool that are worse than is right, or than their neighbours are, and says which to
// eject and when they return. Two kinds, after Envoy: as many failures in a row as Consecutive says, and a success rate
// far below the mean of the pool, by five in a hundred at least. An ejected endpoint returns by itself: after Ejection the first time, n times as long
// the n-th time; each Interval it spends in service forgets one ejection.
//
// Tick belongs to one goroutine at a time; the rest may be called concurrently. Calls write nothing but the word of their
// own endpoint, and that after failures only.
type Outlier struct {
	settings atomic.Pointer[OutlierSettings] // nil: off
	capped   atomic.Uint64                   // endpoints that were not ejected because too many were
	looked   bool                            // at the success rates, at lastLook, since it is on
	lastLook int64
}

// Host is what an [Outlier] knows of one endpoint. It lives with the endpoint; the zero value is a new one. A host
// belongs to one pool.
type Host struct {
	// word is the number of failures since the last success, with tripped when they have once been enough.
	word  atomic.Uint32
	until atomic.Int64 // ejected until; 0: in service. Written by Tick only
	times atomic.Int32 // how often ejected, as far as not forgotten. Written by Tick only

	// Of Tick alone.
	since               int64 // ejections are forgotten from then on
	seen                bool  // whether requests and successes are of an earlier look
	requests, successes uint64
	rate                float64 // of the last interval; negative: too few requests
}

const tripped = 1 << 31

// Sample is an endpoint as [Outlier.Tick] is to see it: its host, and all that it was asked and answered well so far.
// Numbers that went down are taken as counted from anew.
type Sample struct {
	Host                *Host
	Requests, Successes uint64
}

// Effect is what is to be done with one endpoint.
type Effect struct {
	Index   int  // in the samples
	Ejected bool // or returned
	Until   int64
	Times   int // the ejection is the how many-th
	Reason  OutlierReason
}

// OutlierReason is the stable word that says why an endpoint was ejected or returned.
type OutlierReason string

// The reasons.
const (
	FailuresInARow OutlierReason = "consecutive"
	LowSuccessRate OutlierReason = "success_rate"
	TimeOver       OutlierReason = "time_over" // returned: it was out long enough
	TooManyOut     OutlierReason = "cap"       // returned: the pool became smaller, or what may be ejected did
	SwitchedOff    OutlierReason = "off"       // returned: there is no detector any more
)

// NewOutlier gives the detector of a pool; nil settings are off.
func NewOutlier(s *OutlierSettings) *Outlier {
	o := &Outlier{}
	o.settings.Store(s)
	return o
}

// Configure gives it other settings, at a reload; nil is off: the next Tick returns all that are ejected.
func (o *Outlier) Configure(s *OutlierSettings) { o.settings.Store(s) }

// Capped is how often an endpoint was not ejected because as many were already as may be.
func (o *Outlier) Capped() uint64 { return o.capped.Load() }

// Success counts a call that went well. It reads one word, and writes it only after failures.
func (o *Outlier) Success(h *Host) {
	if h.word.Load()&^tripped != 0 {
		h.word.And(tripped)
	}
}

// Failure counts a call that failed.
func (o *Outlier) Failure(h *Host) {
	n := h.word.Add(1) &^ tripped
	if s := o.settings.Load(); s != nil && s.Consecutive > 0 && uint64(n) >= uint64(s.Consecutive) {
		h.word.Or(tripped) // a success before the next Tick does not undo it
	}
}

// Ejected reports whether the endpoint is ejected.
func (h *Host) Ejected() bool { return h.until.Load() != 0 }

// Until is the time until which the endpoint is ejected, and how often it was so far; 0 while it is in service.
func (h *Host) Until() (until int64, times int) { return h.until.Load(), int(h.times.Load()) }

// Tick looks at all endpoints of the pool at the time now, which is to be every 100 ms or so, and appends to effects
// what is to be done. At no time are more ejected than the settings' share of the samples.
func (o *Outlier) Tick(now int64, samples []Sample, effects []Effect) []Effect {
	s := o.settings.Load()
	if s == nil {
		o.looked = false
		for i := range samples {
			if h := samples[i].Host; h.Ejected() {
				effects = append(effects, h.becomeIn(i, now, SwitchedOff))
			}
		}
		return effects
	}
	out := 0
	for i := range samples {
		h := samples[i].Host
		switch until := h.until.Load(); {
		case until == 0:
			h.decay(s, now)
		case now >= until:
			effects = append(effects, h.becomeIn(i, now, TimeOver))
		default:
			out++
		}
	}
	allowed := s.allowed(len(samples))
	for ; out > allowed; out-- {
		i := soonest(samples)
		effects = append(effects, samples[i].Host.becomeIn(i, now, TooManyOut))
	}
	for i := range samples {
		h := samples[i].Host
		if h.word.Load()&tripped == 0 || h.Ejected() {
			continue
		}
		h.word.Store(0) // if too many are out: it has to fail as often again
		if out >= allowed {
			o.capped.Add(1)
			continue
		}
		out++
		effects = append(effects, h.becomeOut(i, s, now, FailuresInARow))
	}
	if o.looked && now-o.lastLook < int64(s.Interval) {
		return effects
	}
	first := !o.looked
	o.looked, o.lastLook = true, now
	low := look(s, samples)
	if first || !s.SuccessRate {
		return effects
	}
	for {
		i := worst(samples, low)
		if i < 0 {
			return effects
		}
		h := samples[i].Host
		h.rate = -1
		if out >= allowed {
			o.capped.Add(1)
			continue
		}
		out++
		effects = append(effects, h.becomeOut(i, s, now, LowSuccessRate))
	}
}

// allowed is how many of n endpoints may be ejected at once.
func (s *OutlierSettings) allowed(n int) int {
	k := int(uint64(n) * uint64(min(s.MaxEjected, 1_000_000)) / 1_000_000)
	if n >= 2 {
		k = max(k, 1)
	}
	return k
}

// look takes the success rates since the last look, and gives the one below which an endpoint is an outlier; 0 if there
// are too few to tell.
func look(s *OutlierSettings, samples []Sample) float64 {
	n, sum := 0, 0.0
	for i := range samples {
		if samples[i].Host.measure(s, &samples[i]) {
			n++
			sum += samples[i].Host.rate
		}
	}
	if n < max(s.MinHosts, 1) {
		return 0
	}
	mean, squares := sum/float64(n), 0.0
	for i := range samples {
		if r := samples[i].Host.rate; r >= 0 {
			squares += (r - mean) * (r - mean)
		}
	}
	return mean - max(s.Deviations*math.Sqrt(squares/float64(n)), outlierGap)
}

// measure takes the success rate since the last look, and reports whether there is one.
func (h *Host) measure(s *OutlierSettings, now *Sample) bool {
	requests, successes := now.Requests-h.requests, now.Successes-h.successes
	if now.Requests < h.requests || now.Successes < h.successes {
		requests, successes = now.Requests, now.Successes
	}
	known := h.seen && !h.Ejected() && requests > 0 && requests >= uint64(max(s.MinRequests, 0))
	h.seen, h.requests, h.successes = true, now.Requests, now.Successes
	h.rate = -1
	if known {
		h.rate = min(float64(successes)/float64(requests), 1)
	}
	return known
}

// worst is the endpoint of the lowest success rate below low; -1 if there is none.
func worst(samples []Sample, low float64) int {
	at := -1
	for i := range samples {
		if r := samples[i].Host.rate; r >= 0 && r < low {
			at, low = i, r
		}
	}
	return at
}

// soonest is the ejected endpoint that would return first; there is one.
func soonest(samples []Sample) int {
	at, first := -1, int64(math.MaxInt64)
	for i := range samples {
		if until := samples[i].Host.until.Load(); until != 0 && (at < 0 || until < first) {
			at, first = i, until
		}
	}
	return at
}

// decay forgets one ejection for each interval in service.
func (h *Host) decay(s *OutlierSettings, now int64) {
	interval := max(int64(s.Interval), 1)
	if n := h.times.Load(); n == 0 {
		h.since = now
	} else if forget := min((now-h.since)/interval, int64(n)); forget > 0 {
		h.times.Store(n - int32(forget))
		h.since += forget * interval
	}
}

// becomeOut is the door out of service.
func (h *Host) becomeOut(index int, s *OutlierSettings, now int64, reason OutlierReason) Effect {
	times := min(h.times.Load()+1, maxTimes)
	h.times.Store(times)
	long := max(int64(s.Ejection), 1)
	if limit := max(int64(s.MaxEjection), long); long > limit/int64(times) {
		long = limit
	} else {
		long *= int64(times)
	}
	h.until.Store(now + long)
	h.word.Store(0)
	return Effect{Index: index, Ejected: true, Until: now + long, Times: int(times), Reason: reason}
}

// becomeIn is the door back into service, with no memory of failures but of the ejection.
func (h *Host) becomeIn(index int, now int64, reason OutlierReason) Effect {
	h.until.Store(0)
	h.word.Store(0)
	h.since = now
	h.seen = false
	return Effect{Index: index, Times: int(h.times.Load()), Reason: reason}
}
