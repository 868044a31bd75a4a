package config

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"golang.org/x/sys/unix"
)

// Aside runs work so that event loops notice little of it, and returns when it is done. Reading and compiling a large config
// takes the better part of a second; done like anything else it would keep the loops from their cores for milliseconds at a
// time. It may be called concurrently.
//
// The work has a thread of its own, that gives way to others: where the cores are idle it takes as long as without, where
// they are not it has a tenth of one. And the garbage collector, whose threads are no loop's friends either, waits until there
// is [MaxHeldGarbage], or until GOMEMLIMIT is near.
func Aside(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, since an unprivileged process may lower the priority of a
		// thread but not raise it again. Go makes new threads from another one meanwhile.
		runtime.LockOSThread()
		giveWay()
		holdCollector()
		defer releaseCollector()
		work()
	}()
	<-done
}

const (
	// asideNice is the niceness of the thread: a ninth of the weight of others. The idle class gave way no better, and
	// on a machine that is overloaded, where a reload may be the cure, it would have no time at all.
	asideNice = 10

	// asideSlice is how long the thread asks to be left alone, in nanoseconds, the longest that there is: Linux lets one
	// that asks for less take the core from it as soon as it wakes up. Before 6.12 it is not heeded.
	asideSlice = 100_000_000
)

// giveWay lowers the calling thread's priority. What forbids it, such as a filter of system calls, leaves it as it is.
func giveWay() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_BATCH, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Nice: asideNice, Runtime: asideSlice}, 0)
}

// held is why the collector waits. The percentage is the process's, so the first of several calls raises it and the last
// puts it back.
var held struct {
	sync.Mutex
	calls  int
	before int // the percentage
}

func holdCollector() {
	held.Lock()
	defer held.Unlock()
	if held.calls++; held.calls > 1 {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	percent := heldPercent(sample[0].Value.Uint64())
	if held.before = debug.SetGCPercent(percent); held.before < 0 || held.before > percent {
		debug.SetGCPercent(held.before)
	}
}

func releaseCollector() {
	held.Lock()
	defer held.Unlock()
	if held.calls--; held.calls == 0 {
		debug.SetGCPercent(held.before)
	}
}

// heldPercent is the percentage at which a heap with so many live bytes is collected after MaxHeldGarbage.
func heldPercent(live uint64) int {
	const least = 4 << 20 // Go takes no heap for smaller
	return int(100 * MaxHeldGarbage / max(live, least))
}
