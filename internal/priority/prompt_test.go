package priority

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A prompt thread has a short slice, where the kernel knows slices, and is in all else what it was.
func TestWakeAtOnce(t *testing.T) {
	attr := func() *unix.SchedAttr {
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Error(err)
			return &unix.SchedAttr{}
		}
		return attr
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for the sake of before
		before := attr()
		WakeAtOnce()
		after := attr()
		if before.Runtime != 0 && after.Runtime != PromptSlice {
			t.Errorf("slice: got %d ns, want %d", after.Runtime, PromptSlice)
		}
		after.Runtime = before.Runtime
		if *after != *before {
			t.Errorf("got %+v, want but for the slice %+v", after, before)
		}
	}()
	<-done
}
