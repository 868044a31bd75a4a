package admin

import (
	"testing"
	"time"
)

// The burst waits for nothing, those behind it are spread evenly, and after a while of rest there is a burst again.
func TestPace(t *testing.T) {
	p := pace{gap: 10 * time.Millisecond, burst: 5, most: 40 * time.Millisecond}
	take := func(now time.Duration, want ...time.Duration) {
		t.Helper()
		for i, w := range want {
			if got := p.turn(now); got != w {
				t.Errorf("at %v, turn %d: got a wait of %v, want %v", now, i, got, w)
			}
		}
	}
	const ms = time.Millisecond
	take(time.Second, 0, 0, 0, 0, 0, 10*ms, 20*ms, 30*ms)
	take(time.Second+15*ms, 25*ms)
	take(time.Second+100*ms, 0, 0, 0, 0, 0)
	take(time.Hour, 0, 0, 0, 0, 0, 10*ms, 20*ms, 30*ms, 40*ms, 40*ms, 40*ms)
	take(time.Hour+40*ms, 10*ms) // those who came in vain do not make the others wait longer
}
