package cache

import (
	"runtime"
	"testing"

	"graygate/internal/testkit/race"
)

func TestGetAndSet(t *testing.T) {
	c := New[string](10, 10)
	check := func(hash uint64, want string) {
		t.Helper()
		got := "none"
		if v := c.Get(hash); v != nil {
			got = *v
		}
		if got != want {
			t.Errorf("under %d is %s, want %s", hash, got, want)
		}
	}
	set := func(hash uint64, v string, cost int64) {
		c.Set(hash, &v, cost)
		c.Wait()
	}
	check(0, "none")
	set(0, "a", 1)
	set(1<<63, "b", 9)
	check(0, "a")
	check(1<<63, "b")
	set(0, "c", 1)
	check(0, "c")
	set(7, "too dear", 11)
	check(7, "none")
}

// TestCostIsBounded sets far more than there is room for.
func TestCostIsBounded(t *testing.T) {
	c := New[int](100, 100)
	for i := range 5000 {
		c.Set(uint64(i), &i, 1)
	}
	c.Wait()
	kept := 0
	for i := range 5000 {
		if v := c.Get(uint64(i)); v != nil {
			kept++
			if *v != i {
				t.Fatalf("under %d is %d", i, *v)
			}
		}
	}
	if kept == 0 || kept > 100 {
		t.Errorf("%d values are kept, want 1 to 100", kept)
	}
}

// TestHitsHardlyAllocate counts over many hits what AllocsPerRun rounds off: the slices of hits for ristretto's policy.
func TestHitsHardlyAllocate(t *testing.T) {
	if race.On {
		t.Skip("the race detector makes a sync.Pool forget")
	}
	c := New[int](10, 10)
	c.Set(1, new(int), 1)
	c.Wait()
	const hits = 10 * hitsAtATime
	n := testing.AllocsPerRun(5, func() {
		for range hits {
			if c.Get(1) == nil {
				t.Error("the value is gone")
			}
		}
	})
	if n > 20 { // ten slices, and now and then a buffer that the collector took
		t.Errorf("%d hits allocate %v times, want about %d", hits, n, hits/hitsAtATime)
	}
}

// TestDroppedCacheEnds runs into the test's time limit if the goroutines of a dropped cache stay.
func TestDroppedCacheEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	c := New[int](10, 10)
	c.Set(1, new(int), 1)
	if c.Wait(); runtime.NumGoroutine() <= before {
		t.Fatal("a cache has no goroutines: this test has become blunt")
	}
	runtime.KeepAlive(c)
	for runtime.NumGoroutine() > before {
		runtime.GC()
	}
}
