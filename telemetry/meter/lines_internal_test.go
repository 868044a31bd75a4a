package meter

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainHistogram is what [text.histogram] has to write, made line by line.
func plainHistogram(f *Family, labels string, d *Durations) string {
	var b strings.Builder
	sum := uint64(0)
	for i, n := range d.Buckets {
		sum += n
		bound := "+Inf"
		if i < len(bounds) {
			bound = fmt.Sprint(float64(bounds[i]) / 1e9)
		}
		fmt.Fprintf(&b, "%s_bucket{%s,le=%q} %d\n", f.Name, labels, bound, sum)
	}
	fmt.Fprintf(&b, "%s_sum{%s} %v\n%s_count{%s} %d\n", f.Name, labels, d.Seconds, f.Name, labels, sum)
	return b.String()
}

// TestHistogramLines compares it with that, whatever stands in the buffer before and wherever the buffer has to grow.
func TestHistogramLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Durations
		for i := range d.Buckets {
			d.Buckets[i] = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 200), rapid.Uint64Range(0, 1<<60)).Draw(t, "count")
		}
		d.Seconds = float64(rapid.IntRange(0, 1e6).Draw(t, "ms")) / 1e3
		labels := Key{Service: rapid.StringN(0, 40, 100).Draw(t, "service"), Rule: "beta"}.labels()
		before := strings.Repeat("x", rapid.IntRange(0, 100).Draw(t, "before"))
		out := &text{w: io.Discard, buf: append(make([]byte, 0, rapid.IntRange(100, 4000).Draw(t, "room")), before...)}
		for range 2 {
			out.histogram(&RequestDuration, labels, &d)
		}
		once := plainHistogram(&RequestDuration, labels, &d)
		if got, want := string(out.buf), before+once+once; got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}
