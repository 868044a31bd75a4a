package config

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"graygate/internal/priority"
)

// Aside runs work so that event loops notice little of it, and returns when it is done. Reading and compiling a large config
// takes the better part of a second; done like anything else it would keep the loops from their cores for milliseconds at a
// time. It may be called concurrently.
//
// The work has a thread that gives way to others, see [priority.GiveWay]. And the garbage collector, whose threads are no loop's
// friends either, waits until there is [MaxHeldGarbage], or until GOMEMLIMIT is near.
func Aside(work func()) {
	// Both stop the world for a moment, and a thread that gives way may have to wait for its core just then. So it is not its work.
	holdCollector()
	defer releaseCollector()
	priority.GiveWay(work)
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
