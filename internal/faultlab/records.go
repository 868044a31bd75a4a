package faultlab

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Records are requests of a load.
type Records []Record

// Where gives those for which keep is true.
func (rs Records) Where(keep func(*Record) bool) Records {
	var kept Records
	for i := range rs {
		if keep(&rs[i]) {
			kept = append(kept, rs[i])
		}
	}
	return kept
}

// Failed are those that were not answered as they should be.
func (rs Records) Failed() Records {
	return rs.Where(func(r *Record) bool { return r.Outcome != OK })
}

// Well are the others.
func (rs Records) Well() Records {
	return rs.Where(func(r *Record) bool { return r.Outcome == OK })
}

// Since are those that were sent at a time or later.
func (rs Records) Since(at time.Time) Records {
	return rs.Where(func(r *Record) bool { return !r.Sent.Before(at) })
}

// Until are those that were sent before a time.
func (rs Records) Until(at time.Time) Records {
	return rs.Where(func(r *Record) bool { return r.Sent.Before(at) })
}

// Percentile is the time that share (0 to 1) of them took at most, by the nearest rank; 0 if there are none.
func (rs Records) Percentile(share float64) time.Duration {
	if len(rs) == 0 {
		return 0
	}
	took := make([]time.Duration, len(rs))
	for i := range rs {
		took[i] = rs[i].Took
	}
	slices.Sort(took)
	return took[min(int(share*float64(len(took))), len(took)-1)]
}

// Slowest tells of the n that took longest.
func (rs Records) Slowest(n int) string {
	sorted := slices.SortedFunc(slices.Values(rs), func(a, b Record) int { return cmp.Compare(b.Took, a.Took) })
	told := make([]string, 0, n)
	for i := range sorted[:min(n, len(sorted))] {
		told = append(told, sorted[i].tell())
	}
	return strings.Join(told, ", ")
}

// String tells how they ended, and how the first that failed did.
func (rs Records) String() string {
	kinds := map[string]int{}
	var first []string
	for i := range rs {
		r := &rs[i]
		kinds[r.kind()]++
		if r.Outcome != OK && len(first) < 5 {
			first = append(first, r.tell())
		}
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%s: %d", k, kinds[k]))
	}
	text := strings.Join(parts, ", ")
	if len(first) > 0 {
		text += "; first failures:\n\t" + strings.Join(first, "\n\t")
	}
	return text
}

func (r *Record) tell() string {
	return fmt.Sprintf("%s %s %s after %v by %q", r.Sent.Format("15:04:05.000"), r.Method, r.kind(), r.Took.Round(time.Microsecond), r.Backend)
}

// kind is the outcome with status and code, in one word or a few.
func (r *Record) kind() string {
	if r.Outcome != BadStatus {
		return string(r.Outcome)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, r.Code))
}
