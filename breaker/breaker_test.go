package breaker

import (
	"testing"

	"pgregory.net/rapid"
)

const second = int64(1e9)

func TestBreakerWalk(t *testing.T) {
	var b Breaker
	now := int64(100)
	step := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: got %v, want %v (%s)", what, got, want, b.String())
		}
	}
	for range Threshold - 1 {
		b.Failure(now)
	}
	step("below the threshold", b.Allow(now), true)
	b.Success()
	for range Threshold {
		b.Failure(now)
	}
	step("open", b.Allow(now+FirstOpenNanos-1), false)
	step("trial", b.Allow(now+FirstOpenNanos), true)
	step("second caller during the trial", b.Allow(now+FirstOpenNanos), false)
	step("trial never answered", b.Allow(now+FirstOpenNanos+TrialNanos), true)
	now += FirstOpenNanos + TrialNanos
	b.Failure(now)
	step("failed trial doubles", b.Allow(now+2*FirstOpenNanos-1), false)
	step("second trial", b.Allow(now+2*FirstOpenNanos), true)
	b.Success()
	step("closed again", b.Allow(now), true)
	if got := b.State(now); got != Closed {
		t.Errorf("state after success: got %v, want %v", got, Closed)
	}
}

func TestBackOffIsBounded(t *testing.T) {
	for _, n := range []uint32{Threshold, Threshold + 1, Threshold + 5, Threshold + 31, 1 << 31} {
		if got := openFor(n); got < FirstOpenNanos || got > LongestOpenNanos {
			t.Errorf("openFor(%d): got %d, want within [%d, %d]", n, got, FirstOpenNanos, LongestOpenNanos)
		}
	}
}

// The breaker against a plain model of its description, under random events.
func TestBreakerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Breaker
		failures, until, now := uint32(0), int64(0), int64(1)
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { now += rapid.Int64Range(0, 20*second).Draw(t, "nanos") },
			"allow": func(t *rapid.T) {
				want := until == 0 || now >= until
				if want && until != 0 {
					until = now + TrialNanos
				}
				if got := b.Allow(now); got != want {
					t.Fatalf("Allow(%d): got %v, want %v", now, got, want)
				}
			},
			"success": func(*rapid.T) { b.Success(); failures, until = 0, 0 },
			"failure": func(*rapid.T) {
				b.Failure(now)
				if failures++; failures >= Threshold {
					until = now + min(FirstOpenNanos<<min(failures-Threshold, 30), LongestOpenNanos)
				}
			},
		})
	})
}
