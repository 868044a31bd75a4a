package priority

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// GiveWay runs work on a thread of its own that gives way to others, and returns when it is done: where the cores are idle it takes as
// long as without, where they are not it has a tenth of one. Goroutines that the work starts have no part in that. If the
// work panics so does GiveWay, with an error that has the work's stack. It may be called concurrently.
func GiveWay(work func()) {
	done := make(chan error)
	go func() {
		defer func() {
			var err error
			if bug := recover(); bug != nil {
				err = fmt.Errorf("%v\n%s", bug, debug.Stack())
			}
			done <- err
		}()
		// Never unlocked: the thread ends with the goroutine, since an unprivileged process may lower the priority of a
		// thread but not raise it again. Go makes new threads from another one meanwhile.
		runtime.LockOSThread()
		giveWay()
		work()
	}()
	if bug := <-done; bug != nil {
		panic(bug)
	}
}

const (
	// Nice is the niceness of the thread: a ninth of the weight of others. The idle class gave way no better, and
	// on a machine that is overloaded, where a reload may be the cure, it would have no time at all.
	Nice = 10

	// patience is how long the thread asks to be left alone, in nanoseconds, the longest that there is: see WakeAtOnce.
	patience = 100_000_000
)

// giveWay lowers the calling thread's priority. What forbids it, such as a filter of system calls, leaves it as it is.
func giveWay() {
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_BATCH, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Nice: Nice, Runtime: patience}, 0)
}
