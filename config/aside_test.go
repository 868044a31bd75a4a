package config

import (
	"runtime/debug"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// niceness gives that of the calling thread.
func niceness(t *testing.T) int {
	t.Helper()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return int(attr.Nice)
}

// collectorPercent gives the collector's, and leaves it as it is.
func collectorPercent() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}

// Work has a thread that gives way and is not used for anything else afterwards, and the collector waits just as long.
func TestAside(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	during, collector, before := 0, 0, niceness(t)
	Aside(func() { during, collector = niceness(t), collectorPercent() })
	if during != max(before, asideNice) || collector <= 77 {
		t.Errorf("during the work: niceness %d, collector at %d %%; want %d, and more than 77", during, collector, max(before, asideNice))
	}
	var threads sync.WaitGroup
	for range 20 {
		threads.Go(func() {
			if got := niceness(t); got != before {
				t.Errorf("another goroutine has niceness %d, want %d", got, before)
			}
		})
	}
	threads.Wait()
	if got := collectorPercent(); got != 77 {
		t.Errorf("afterwards the collector is at %d %%, want 77", got)
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
