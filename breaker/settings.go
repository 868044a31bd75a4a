package breaker

import (
	"math"
	"math/bits"
	"time"
)

// Settings are what a [Breaker] goes by. Immutable once in use; shares are in parts per million. Values out of their
// bounds count as the nearest within.
type Settings struct {
	Window      time.Duration // how far back outcomes count; at least a second
	Calls       int           // 0: the window is by time alone; else only about that many of the last outcomes count, at least 10
	MinRequests int           // fewer outcomes than this in the window never open it by a share; more than half of Calls counts as half of Calls
	Failures    uint32        // the share of failures that opens it, ppm; 0: never by a share
	Consecutive int           // as many failures in a row open it; 0: never
	Slow        time.Duration // an outcome that took longer is slow; 0: none is
	SlowShare   uint32        // the share of slow outcomes that opens it, ppm; of no effect without Slow
	Open        time.Duration // how long it stays open the first time; it doubles with every failed trial
	MaxOpen     time.Duration // and never grows beyond this; as long spent closed forgets one doubling
	Trials      int           // calls let through while half-open, at once and until it closes; 1 to [MaxTrials]
}

// OutlierSettings say when an endpoint is ejected for being worse than is right, or than its neighbours are. Immutable
// once in use; shares are in parts per million. After Envoy's outlier detection.
type OutlierSettings struct {
	Consecutive int           // as many failures in a row eject; 0: never
	SuccessRate bool          // whether those far below the mean of the pool are ejected
	Deviations  float64       // how many standard deviations below the mean are too far
	MinHosts    int           // the mean is taken of at least as many endpoints with MinRequests
	MinRequests int           // in one Interval
	Interval    time.Duration // between two looks at the success rates; a quiet one forgets one ejection
	Ejection    time.Duration // the first time; the n-th time n times as long
	MaxEjection time.Duration
	MaxEjected  uint32 // the share of the pool's endpoints that may be ejected at once, ppm; one always may if there are two
}

// terms are Settings made ready for the way of a request. Immutable.
type terms struct {
	Settings
	bucket     uint64 // nanoseconds of one bucket of the window
	reciprocal uint64 // of bucket, scaled by 2^64: a multiplication is a third of a division
	slow       int64  // an outcome that took longer is slow; the largest number if none is
	segment    uint32 // outcomes in one bucket when Calls are counted; 0: they are not
	batch      uint32 // a shard tells of its outcomes when there are as many; a power of two
	need       uint64 // outcomes below which no share opens
}

func newTerms(s *Settings, shards int) *terms {
	t := &terms{Settings: *s, slow: math.MaxInt64}
	t.Trials = min(max(t.Trials, 1), MaxTrials)
	t.Open = max(t.Open, time.Millisecond)
	t.MaxOpen = max(t.MaxOpen, t.Open)
	t.bucket = uint64(max(int64(s.Window), minWindowNanos)) / Buckets
	t.reciprocal = math.MaxUint64 / t.bucket
	if s.Slow > 0 && s.SlowShare > 0 {
		t.slow = int64(s.Slow)
	}
	t.need = uint64(max(s.MinRequests, 1))
	if s.Calls > 0 {
		t.segment = uint32(min(max(s.Calls/Buckets, 1), math.MaxInt32))
		// What no shard has told of yet is below a quarter of a bucket.
		t.batch = 1
		if n := t.segment / 4 / uint32(shards); n > 1 {
			t.batch = 1 << (bits.Len32(n) - 1)
		}
		t.need = min(t.need, max(uint64(t.segment)*Buckets/2, 1))
	}
	return t
}

// epoch numbers the bucket of the window that the time now falls into: now/bucket.
func (t *terms) epoch(now int64) uint32 {
	q, _ := bits.Mul64(uint64(now), t.reciprocal)
	if (q+1)*t.bucket <= uint64(now) { // the reciprocal is rounded down: at most one too low
		q++
	}
	return uint32(q)
}

// least is the smallest number that is the share ppm of total or more.
func least(ppm uint32, total uint64) uint64 {
	return (uint64(ppm)*total + 999_999) / 1_000_000
}

// openNanos is how long a breaker stays open that opens for the n-th time in a row, n >= 1. The jitter comes from a
// hash of the opening's generation and time, so that the same events give the same times.
func (t *terms) openNanos(n int, generation uint32, now int64) int64 {
	long := int64(t.MaxOpen)
	if doublings := n - 1; doublings < maxDoublings && int64(t.Open) <= long>>doublings {
		long = int64(t.Open) << doublings
	}
	off := mix(uint64(now)^uint64(generation)<<32) % JitterPPM
	// In parts of a million of long, without overflow for open times of years.
	return long - long/1_000_000*int64(off)
}

// mix is the finalizer of SplitMix64: every bit of x sways every bit of the result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
