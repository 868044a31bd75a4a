package breaker

import (
	"testing"
	"time"
)

// Reset closes from every state; outcomes from before it count for nothing, and the next opening is as short as the first.
func TestReset(t *testing.T) {
	s := &Settings{Window: 10 * time.Second, MinRequests: 1, Failures: 500_000, Consecutive: 3, Open: time.Second, MaxOpen: time.Minute, Trials: 2}
	b := New(s, 1)
	now := int64(time.Second)
	fail := func(n int) {
		for range n {
			if p, ok := b.Allow(now); ok {
				b.Record(0, p, Failure, 1, now)
			}
		}
	}
	reset := func(name string, want Change, is bool) {
		t.Helper()
		if got, changed := b.Reset(now); changed != is || is && got != want {
			t.Errorf("%s: got %v, %v; want %v, %v", name, got, changed, want, is)
		}
		if st := b.Status(now); st.State != Closed || st.Requests != 0 || st.Failures != 0 || st.InARow != 0 {
			t.Errorf("%s: got %v, want closed and nothing counted", name, st)
		}
	}
	reset("closed", Change{}, false)
	late, _ := b.Allow(now)
	for range 5 {
		fail(3)
		now = b.Status(now).OpenUntil
	}
	long := b.Status(now).OpenUntil
	reset("open", Change{At: now, From: Open, To: Closed, Reason: ByHand}, true)
	b.Record(0, late, Failure, 1, now)
	if got := b.Status(now).Requests; got != 0 {
		t.Errorf("an outcome from before: got %d counted, want none", got)
	}
	fail(3)
	if st := b.Status(now); st.State != Open || st.OpenUntil-now > int64(s.Open) {
		t.Errorf("opened after a reset: got %v (now %d, before %d), want at most %v", st, now, long, s.Open)
	}
	now = b.Status(now).OpenUntil
	if _, ok := b.Allow(now); !ok {
		t.Fatal("no trial")
	}
	reset("half-open", Change{At: now, From: HalfOpen, To: Closed, Reason: ByHand}, true)
	if p, ok := b.Allow(now); !ok || p.Trial() {
		t.Error("after a reset calls are let through as such, not as trials")
	}
}
