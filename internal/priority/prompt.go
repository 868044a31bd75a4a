package priority

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PromptSlice is how long a thread that wakes up at once asks to be left alone, in nanoseconds. Linux gives others 0.7 to 2.8 ms, the
// more the more cores there are. Down to 0.1 ms is possible, but two loops on one core would take turns that often.
const PromptSlice = 500_000

// WakeAtOnce gives the calling goroutine a thread of its own, for good, that runs as soon as it wakes up, even if another one has its
// core. It has no larger share of the cores for that: it asks for shorter slices than others do, and who asks for less is let in
// between (Linux 6.12 and later: EEVDF's latency-nice by slices; before, the slice is not heeded). Where it may not be asked for, or
// where an administrator has given the threads a real-time class, it is left as it is.
func WakeAtOnce() {
	runtime.LockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL && attr.Policy != unix.SCHED_BATCH {
		return
	}
	attr.Runtime = PromptSlice
	_ = unix.SchedSetAttr(0, attr, 0)
}
