package probes

import (
	"fmt"
	"time"
)

// Result is what one check found, and what its endpoint is by then.
type Result struct {
	Healthy bool   // the endpoint, by rise and fall
	Changed bool   // it was not so before this check, or had never been checked
	Passed  bool   // this check by itself
	Reason  string // why not: the last failure, in one line that is the same for the same failure; "" if healthy and passed
	Took    time.Duration
}

// health is what is known of an endpoint from its checks. The zero value knows nothing.
type health struct {
	known   bool // checked at least once
	healthy bool
	streak  int    // checks in a row that contradict healthy
	failure string // reason of the last failed check; "" after a passed one of a healthy endpoint
}

// step takes in a check: failure is why it failed, "" if it passed. The first one of all decides by itself, because an
// endpoint of which nothing is known has to become one or the other soon; later ones need rise or fall in a row.
func (h *health) step(failure string, rise, fall int) Result {
	passed := failure == ""
	r := Result{Passed: passed}
	if !passed {
		h.failure = failure
	}
	switch {
	case !h.known:
		h.known, h.healthy, h.streak, r.Changed = true, passed, 0, true
	case passed == h.healthy:
		h.streak = 0
	default:
		h.streak++
		if passed && h.streak >= rise || !passed && h.streak >= fall {
			h.healthy, h.streak, r.Changed = passed, 0, true
		}
	}
	if passed && h.healthy {
		h.failure = ""
	}
	r.Healthy, r.Reason = h.healthy, h.reason(rise)
	return r
}

// reason says why the endpoint is not healthy, or why the last check of a healthy one failed.
func (h *health) reason(rise int) string {
	if h.known && !h.healthy && h.streak > 0 {
		return fmt.Sprintf("%s; since then passed %d of %d", h.failure, h.streak, rise)
	}
	return h.failure
}

// doubtful says whether the next check should not wait for long.
func (h *health) doubtful() bool { return !h.healthy || h.streak > 0 }

func (h *health) state() State {
	switch {
	case !h.known:
		return Unprobed
	case h.healthy:
		return Healthy
	}
	return Unhealthy
}

// State is what is known of an endpoint.
type State string

// The states.
const (
	Unprobed  State = "unprobed"
	Healthy   State = "healthy"
	Unhealthy State = "unhealthy"
)
