// Package breaker decides when a peer that keeps failing is left alone for a while.
//
// It is pure: no socket, no clock of its own; time is passed in as nanoseconds of any monotonic origin.
package breaker

import (
	"fmt"
	"sync/atomic"
)

// Breaker watches one endpoint by its consecutive failures. Closed, it lets everything through; after
// [Threshold] failures in a row it opens for a back-off that doubles with every failed trial, from
// [FirstOpenNanos] to [LongestOpenNanos]; when the back-off is over it is half-open: one caller is let
// through as the trial, and its outcome closes the breaker or opens it again.
//
// The zero value is closed and ready. All methods may be called concurrently; on the path of a healthy
// peer they read two words and write none.
type Breaker struct {
	failures atomic.Uint32 // in a row; 0 while healthy
	// openUntil is 0 while closed; otherwise the time before which nobody may pass. A trial moves it ahead
	// by trialNanos, so that a trial whose outcome is never told is followed by another, not by none.
	openUntil atomic.Int64
}

// Allow reports whether a call may be made at the time now (nanoseconds). A true answer from a breaker that
// is not closed is the trial: its outcome must be told by Success or Failure; if it is not, another trial is
// given after [TrialNanos].
func (b *Breaker) Allow(now int64) bool {
	until := b.openUntil.Load()
	if until == 0 {
		return true
	}
	if now < until {
		return false
	}
	return b.openUntil.CompareAndSwap(until, now+TrialNanos)
}

// Success closes the breaker and forgets all failures.
func (b *Breaker) Success() {
	if b.failures.Load() == 0 {
		return
	}
	b.failures.Store(0)
	b.openUntil.Store(0)
}

// Failure counts one failed call at the time now, and opens the breaker when there were enough of them in a row.
func (b *Breaker) Failure(now int64) {
	n := b.failures.Add(1)
	if n < Threshold {
		return
	}
	b.openUntil.Store(now + openFor(n))
}

// State tells the breaker's state at the time now.
func (b *Breaker) State(now int64) State {
	until := b.openUntil.Load()
	switch {
	case until == 0:
		return Closed
	case now < until:
		return Open
	default:
		return HalfOpen
	}
}

// String is the state in one line, without a clock: open and half-open look alike here.
func (b *Breaker) String() string {
	if until := b.openUntil.Load(); until != 0 {
		return fmt.Sprintf("open until %d ns, %d failures in a row", until, b.failures.Load())
	}
	return fmt.Sprintf("closed, %d failures in a row", b.failures.Load())
}

// openFor is the back-off after n failures in a row, n >= Threshold.
func openFor(n uint32) int64 {
	doublings := n - Threshold
	if doublings > 30 {
		return LongestOpenNanos
	}
	return min(FirstOpenNanos<<doublings, LongestOpenNanos)
}

// State is what a breaker does with calls.
type State uint8

// The three states; see [Breaker].
const (
	Closed State = iota
	Open
	HalfOpen
)

func (s State) String() string {
	return [...]string{"closed", "open", "half-open"}[s]
}
