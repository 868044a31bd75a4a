package config

import (
	"runtime/debug"
	"sync"
	"testing"
)

// collectorPercent gives the collector's, and leaves it as it is.
func collectorPercent() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}

// The collector waits just as long as the work takes.
func TestAside(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	during := 0
	Aside(func() { during = collectorPercent() })
	if after := collectorPercent(); during <= 77 || after != 77 {
		t.Errorf("the collector is at %d %% during the work, want more than 77, and at %d %% afterwards, want 77", during, after)
	}
}

// Several at once raise the collector's percentage once, and the last puts it back; one that is higher, or off, stays.
func TestAsideHoldsTheCollectorOnce(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, start := range []int{50, 1_000_000, -1} {
		debug.SetGCPercent(start)
		first, second, inner := make(chan struct{}), make(chan struct{}), 0
		var both sync.WaitGroup
		both.Go(func() { Aside(func() { close(first); <-second }) })
		<-first
		Aside(func() { inner = collectorPercent() })
		between := collectorPercent()
		close(second)
		both.Wait()
		if after := collectorPercent(); inner != between || after != start || start == 50 && inner <= 50 || start != 50 && inner != start {
			t.Errorf("from %d %%: with two %d, with one %d, with none %d", start, inner, between, after)
		}
	}
}

func TestHeldPercent(t *testing.T) {
	for _, live := range []uint64{0, 1 << 20, 100 << 20, 1 << 30} {
		percent := uint64(heldPercent(live))
		if grown := percent * max(live, 4<<20) / 100; grown > MaxHeldGarbage || grown < MaxHeldGarbage*9/10 {
			t.Errorf("%d live bytes: %d %%, which are %d bytes, want about %d", live, percent, grown, uint64(MaxHeldGarbage))
		}
	}
}
