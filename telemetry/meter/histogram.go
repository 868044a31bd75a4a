package meter

import (
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of the buckets, inclusive, in nanoseconds. Each is at least twice the one before, which
// bucketOf counts on.
var bounds = [...]uint64{
	100e3, 250e3, 500e3, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2.5e9, 5e9, 10e9,
}

// boundTexts are the bounds in seconds, as they stand in a page, and what follows on them there; the last is that of what is longer
// than all.
var boundTexts = func() (texts [buckets]string) {
	for i, b := range bounds {
		texts[i] = strconv.FormatFloat(float64(b)/1e9, 'f', -1, 64) + `"} `
	}
	texts[buckets-1] = `+Inf"} `
	return texts
}()

const (
	buckets        = len(bounds) + 1
	histogramBytes = 8 * (buckets + 1)
)

// histogram is one loop's counts of durations. The buckets are not cumulative; their sum is the count.
type histogram struct {
	buckets [buckets]atomic.Uint64
	nanos   atomic.Uint64 // sum of all durations; enough for 584 years
}

// add counts a duration. One below 0, of a clock that went back, counts as 0.
func (h *histogram) add(d time.Duration) {
	nanos := uint64(max(d, 0))
	h.buckets[bucketOf(nanos)].Add(1)
	h.nanos.Add(nanos)
}

// firstBucket is, by the length in bits of a duration, the bucket of the shortest one of that length.
var firstBucket = func() (first [65]uint8) {
	for length := 1; length < len(first); length++ {
		shortest := uint64(1) << (length - 1)
		for _, b := range bounds {
			if b < shortest {
				first[length]++
			}
		}
	}
	return first
}()

// bucketOf gives the bucket of a duration: the first whose bound it does not pass. As the bounds at least double, durations
// of one length in bits fall on either side of one bound at most, so there is nothing to search.
func bucketOf(nanos uint64) int {
	b := int(firstBucket[bits.Len64(nanos)])
	if b < len(bounds) && nanos > bounds[b] {
		b++
	}
	return b
}

// Durations are the sum over all loops.
type Durations struct {
	Buckets [buckets]uint64 // not cumulative, by [Bounds]; the last is what is longer than all of them
	Count   uint64          // sum of the buckets
	Seconds float64         // sum of the durations
}

// Bounds are the upper bounds of the buckets, inclusive.
func Bounds() []time.Duration {
	all := make([]time.Duration, len(bounds))
	for i, b := range bounds {
		all[i] = time.Duration(b)
	}
	return all
}

// durations adds up what the loops counted.
func (t *times) durations(part func(*timesCell) *histogram) (sum Durations) {
	var nanos uint64
	for i := range t.cells {
		c := t.cells[i].Load()
		if c == nil {
			continue
		}
		h := part(c)
		nanos += h.nanos.Load()
		for b := range h.buckets {
			n := h.buckets[b].Load()
			sum.Buckets[b] += n
			sum.Count += n
		}
	}
	sum.Seconds = float64(nanos) / 1e9
	return sum
}
