package testkit

import (
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long anything may take that a test waits for. Only a failing test waits so long.
const Patience = 10 * time.Second

// guarded are the names of the tests that have a leak check.
var guarded sync.Map

// Leaks checks, when the test is over and all other clean-up is done, that there are no more goroutines and descriptors
// than at the time of the call. The helpers of this package call it first thing; a test calls it itself only if it opens
// something before. In a subtest of a checked test it does nothing, for what the parent holds may come and go meanwhile. Tests
// with this check must not run in parallel.
func Leaks(t testing.TB) {
	t.Helper()
	if _, is := t.(*testing.F); is {
		return // what the fuzzing engine itself opens and starts meanwhile would be counted
	}
	name := t.Name()
	for i := range name + "/" {
		if _, is := guarded.Load(name[:i]); is && (i == len(name) || name[i] == '/') {
			return
		}
	}
	guarded.Store(name, true)
	warm()
	goroutines, fds := settled()
	t.Cleanup(func() {
		guarded.Delete(name)
		end := time.Now().Add(Patience / 2)
		for runtime.NumGoroutine() > goroutines || OpenFDs() > fds {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				stacks = stacks[:runtime.Stack(stacks, true)]
				t.Errorf("left behind: goroutines got %d want at most %d, descriptors got %d want at most %d (%s)\n%s",
					runtime.NumGoroutine(), goroutines, OpenFDs(), fds, strings.Join(listFDs(), " "), stacks)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

// settled gives the counts once what a test before has left to end has ended: when they have not fallen for a while.
func settled() (goroutines, fds int) {
	goroutines, fds = runtime.NumGoroutine(), OpenFDs()
	for range 3 {
		time.Sleep(time.Millisecond)
		if g, f := runtime.NumGoroutine(), OpenFDs(); g < goroutines || f < fds {
			goroutines, fds = min(g, goroutines), min(f, fds)
		}
	}
	return goroutines, fds
}

// warm opens what the process keeps for good once it has used the network: the runtime's own epoll descriptors.
var warm = sync.OnceFunc(func() {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			_ = c.Close()
		}
		_ = ln.Close()
	}
})

// OpenFDs is how many descriptors the process has open.
func OpenFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries) - 1 // that of the directory itself
}

func listFDs() []string {
	entries, _ := os.ReadDir("/proc/self/fd")
	var list []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			list = append(list, e.Name()+"="+to)
		}
	}
	return list
}

// Until waits until cond holds, and fails the test if it never does.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", Patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Receive takes the next value of a channel, and fails the test if none comes. A closed channel gives the zero value.
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(Patience):
		t.Fatalf("waited %v in vain: %s", Patience, what)
		panic("unreachable")
	}
}
