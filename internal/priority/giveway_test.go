package priority

import (
	"strings"
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

// Work has a thread that gives way, and that is not used for anything else afterwards.
func TestGiveWay(t *testing.T) {
	during, before := 0, niceness(t)
	GiveWay(func() { during = niceness(t) })
	if want := max(before, Nice); during != want {
		t.Errorf("during the work: niceness %d, want %d", during, want)
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
}

// A bug of the work is its caller's, and where it was is told.
func TestGiveWayPanics(t *testing.T) {
	defer func() {
		if err, is := recover().(error); !is || !strings.HasPrefix(err.Error(), "a bug\n") || !strings.Contains(err.Error(), "work(") {
			t.Errorf("got %v, want an error with the work's stack", err)
		}
	}()
	GiveWay(work)
}

func work() { panic("a bug") }
