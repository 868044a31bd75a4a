package breaker

import "fmt"

// State is what a breaker does with calls.
type State uint8

// The three states; see [Breaker].
const (
	Closed State = iota
	Open
	HalfOpen
)

// String is the state's stable word.
func (s State) String() string {
	return [...]string{"closed", "open", "half_open", "?"}[min(s, 3)]
}

// MarshalText gives the stable word, for JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason is the stable word that says why a breaker changed its state.
type Reason string

// The reasons. "" is that of a breaker that has never changed.
const (
	Failures     Reason = "failures"      // opened: too large a share of the window's outcomes were failures
	Consecutive  Reason = "consecutive"   // opened: too many failures in a row
	Slow         Reason = "slow"          // opened: too large a share of the window's outcomes were slow
	TrialFailed  Reason = "trial_failed"  // opened again: a trial failed or was slow
	TrialsPassed Reason = "trials_passed" // closed: as many trials passed as are asked for
	Probe        Reason = "probe"         // half-open before its time: an active check found the peer well
	Waited       Reason = "waited"        // half-open: the open time was over and a call came
	ByHand       Reason = "reset"         // closed: somebody said so
)

// Outcome is how a call ended, as the breaker sees it.
type Outcome uint8

// The outcomes.
const (
	Success Outcome = iota
	Failure
	Ignored // the client's doing, or never sent: says nothing about the peer
)

// String is the outcome's stable word.
func (o Outcome) String() string {
	return [...]string{"success", "failure", "ignored", "?"}[min(o, 3)]
}

// Permit is the right to make one call, given by [Breaker.Allow] and handed back to [Breaker.Record] with the outcome.
// It holds for the state that it was given in: an outcome told after the breaker has moved on counts for nothing.
// The zero Permit is that of a call made without asking (a last resort): its outcome counts while the breaker is closed.
type Permit struct {
	generation uint32 // of the state it was given in; 0: nobody gave it
	trial      uint32 // which trial it is; 0: none
	first      bool   // whether giving it made the breaker half-open
}

// Trial reports whether the call is a trial of a breaker that is not closed.
func (p Permit) Trial() bool { return p.trial != 0 }

// Change is the change of state that giving the permit made, if it made one: from open to half-open. now is the time
// that [Breaker.Allow] was asked at.
func (p Permit) Change(now int64) (Change, bool) {
	if !p.first {
		return Change{}, false
	}
	return Change{At: now, From: Open, To: HalfOpen, Reason: Waited}, true
}

// Change is one change of a breaker's state.
type Change struct {
	At       int64 // nanoseconds
	From, To State
	Reason   Reason
}

// String is the change in one line.
func (c Change) String() string {
	return fmt.Sprintf("%s -> %s at %d ns (%s)", c.From, c.To, c.At, c.Reason)
}

// Status is a breaker as it stands. Times are in nanoseconds of the caller's clock.
type Status struct {
	State     State
	Reason    Reason // of the last change; "" before the first
	Since     int64  // when the last change was
	OpenUntil int64  // while open: no call is let through before; else 0. May be past: half-open is what the next call makes it
	Opens     uint64 // how often it has opened

	Requests  uint64 // outcomes in the window
	Failures  uint64 // of them
	Slow      uint64 // of them
	InARow    int    // failures since the last success
	TrialsOut int    // while half-open: trials that have not answered and are within their time
	Passed    int    // while half-open: trials that passed
}

// String is the status in one line.
func (s Status) String() string {
	switch s.State {
	case Open:
		return fmt.Sprintf("open until %d ns (%s), opened %d times", s.OpenUntil, s.Reason, s.Opens)
	case HalfOpen:
		return fmt.Sprintf("half_open (%s), %d trials out, %d passed, opened %d times", s.Reason, s.TrialsOut, s.Passed, s.Opens)
	default:
		return fmt.Sprintf("closed, %d of %d failed, %d slow, %d failures in a row, opened %d times", s.Failures, s.Requests, s.Slow, s.InARow, s.Opens)
	}
}
