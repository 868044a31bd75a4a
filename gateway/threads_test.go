package gateway_test

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"graygate/internal/priority"
	"graygate/internal/testkit"
)

// Each event loop has a thread that runs as soon as it wakes up.
func TestLoopsWakeAtOnce(t *testing.T) {
	if attr, err := unix.SchedGetAttr(0, 0); err != nil || attr.Runtime == 0 {
		t.Skip("this kernel knows no slices; it takes Linux 6.12")
	}
	before := promptThreads(t)
	testkit.Gateway(t, testkit.Config(testkit.Pool(testkit.NewBackend(t, func(*testkit.Conn) {})), nil, "loops: 3\n"))
	after := promptThreads(t)
	for id := range before { // those of other tests' loops
		delete(after, id)
	}
	if len(after) != 3 {
		t.Errorf("threads with short slices: got %d more, want 3", len(after))
	}
}

// promptThreads gives this process's threads that have the slices of a loop's.
func promptThreads(t *testing.T) map[int]bool {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	prompt := map[int]bool{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if attr, err := unix.SchedGetAttr(id, 0); err == nil && attr.Runtime == priority.PromptSlice { // it may have ended meanwhile
			prompt[id] = true
		}
	}
	return prompt
}
