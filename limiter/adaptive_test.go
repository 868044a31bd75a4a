package limiter

import (
	"testing"
)

// server is a model of a service: so many workers, each busy with a request for so long; what is more waits in a queue.
type server struct {
	workers int
	takes   int64 // nanoseconds of work
}

// latency of a request that finds as many in flight as there are, itself included.
func (s server) latency(inFlight int) int64 {
	return max(s.takes, int64(inFlight)*s.takes/int64(s.workers))
}

// run offers load (requests a second) for a while in steps of 1 ms, through the limit, and gives answers a second and the
// mean latency of the last quarter, in units of what the work takes.
func run(a *Adaptive, s server, perSecond float64, from, seconds int64) (rate, latency float64) {
	type flight struct {
		slot  Slot
		until int64
		began int64
	}
	var queue []flight
	var credit float64
	var answers, sum int64
	for ms := range seconds * 1000 {
		now := from + ms*1e6
		kept := queue[:0]
		for _, f := range queue {
			if f.until > now {
				kept = append(kept, f)
				continue
			}
			a.slots.Leave(f.slot)
			a.Observe(int(f.until)%len(a.shards), f.until-f.began)
			if ms > seconds*750 {
				answers++
				sum += f.until - f.began
			}
		}
		queue = kept
		for credit += perSecond / 1000; credit >= 1; credit-- {
			slot, ok := a.slots.Enter(0)
			if !ok {
				a.Refused(0)
				continue
			}
			queue = append(queue, flight{slot, now + s.latency(len(queue)+1), now})
		}
		if ms%100 == 0 {
			a.Tick(now)
		}
	}
	for _, f := range queue {
		a.slots.Leave(f.slot)
	}
	return float64(answers) / (float64(seconds) / 4), float64(sum) / float64(max(answers, 1)) / float64(s.takes)
}

// At three times what the service can do, what is let through is answered in at most twice the time, and there is nearly as
// much of it as can be.
func TestAdaptiveHoldsOverload(t *testing.T) {
	row := func(name string, s server) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			capacity := float64(s.workers) * 1e9 / float64(s.takes)
			a := NewAdaptive(NewSlots(1, false), 1000, 2)
			rate, latency := run(a, s, capacity*3, second, 120)
			if rate < 0.8*capacity || latency > 2 {
				t.Errorf("got %.0f/s of %.0f/s and %.2f times the latency, want at least 80%% and at most 2", rate, capacity, latency)
			}
		})
	}
	row("10 workers, 10 ms", server{10, 10e6})
	row("50 workers, 20 ms", server{50, 20e6})
	row("4 workers, 2 ms", server{4, 2e6})
	row("100 workers, 100 ms", server{100, 100e6})
}

// A service that is not at its limit loses nothing, whether it is quick or slow.
func TestAdaptiveLeavesHealthyAlone(t *testing.T) {
	s := server{50, 20e6}
	a := NewAdaptive(NewSlots(1, false), 1000, 1)
	run(a, s, 500, second, 30)
	if rate, latency := run(a, s, 500, 31*second, 30); rate < 495 || latency > 1.01 {
		t.Errorf("at a fifth of what it can do: got %.0f/s and %.2f times the latency, want 500/s and 1", rate, latency)
	}
	if rate, _ := run(a, server{50, 60e6}, 500, 61*second, 60); rate < 450 {
		t.Errorf("with work three times as long: got %.0f/s, want 450/s at least", rate)
	}
}

// After an overload the limit finds back, and after a change of the service it finds the new one.
func TestAdaptiveFollows(t *testing.T) {
	a := NewAdaptive(NewSlots(1, false), 1000, 1)
	run(a, server{20, 10e6}, 6000, second, 60)
	rate, latency := run(a, server{20, 40e6}, 1500, 61*second, 90)
	if rate < 0.8*500 || latency > 2 {
		t.Errorf("with work four times as long, at three times of 500/s: got %.0f/s and %.2f times the latency", rate, latency)
	}
	rate, latency = run(a, server{20, 10e6}, 6000, 151*second, 90)
	if rate < 0.8*2000 || latency > 2 {
		t.Errorf("back to before, at three times of 2000/s: got %.0f/s and %.2f times the latency", rate, latency)
	}
}

// The limit stays within its bounds whatever is observed, and needs enough of it.
func TestAdaptiveBounds(t *testing.T) {
	slots := NewSlots(1, false)
	a := NewAdaptive(slots, 50, 1)
	now := second
	for i := range int64(2000) {
		now += windowNanos
		for range minSamples {
			a.Observe(0, 1000+i*i*1000)
		}
		a.Refused(0)
		a.Tick(now)
		if got := slots.Limit(); got < minLimit || got > 50 {
			t.Fatalf("limit: got %d, want %d to 50", got, minLimit)
		}
	}
	before := slots.Limit()
	for range minSamples - 1 {
		a.Observe(0, 1)
	}
	a.Tick(now + windowNanos)
	if got := slots.Limit(); got != before {
		t.Errorf("by fewer samples than %d: got the limit %d, want still %d", minSamples, got, before)
	}
}
