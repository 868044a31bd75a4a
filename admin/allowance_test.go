package admin

import (
	"testing"
	"time"
)

// Whoever asks as fast as they can gets, in the long run, the part of the time that is allowed, and at the start the burst.
func TestAllowance(t *testing.T) {
	var a allowance
	const cost = 10 * time.Millisecond
	now, spent := time.Duration(0), time.Duration(0)
	const long = 1000 * time.Second
	for now < long {
		if !a.has(now) {
			now += time.Millisecond
			continue
		}
		a.pay(now, cost)
		spent += cost
		now += cost
	}
	if least, most := long/allowancePart, long/allowancePart+allowanceBurst+2*cost; spent < least || spent > most {
		t.Errorf("in %v: got %v spent, want %v to %v", long, spent, least, most)
	}
	// One that took very long is paid for, and then all is well again.
	a.pay(now, time.Minute)
	if a.has(now + time.Minute) {
		t.Error("after an answer of a minute, a minute later: got something left")
	}
	if !a.has(now + 10*time.Minute) {
		t.Error("ten minutes later: got nothing left")
	}
	a.pay(now, -time.Second)
}
