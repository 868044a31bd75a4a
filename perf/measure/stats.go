// Package measure is the arithmetic of the benchmarks: medians and ratios over rounds, and the
// readers of what wrk and the kernel print. It is pure: no processes, no sockets, no clocks.
package measure

import "slices"

// Spread is how one figure varied over the rounds. All three are 0 if there was no round.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarise gives the spread of xs, which it leaves as it was.
func Summarise(xs []float64) Spread {
	if len(xs) == 0 {
		return Spread{}
	}
	return Spread{Median: Median(xs), Min: slices.Min(xs), Max: slices.Max(xs)}
}

// Median is the middle of xs, the mean of the two middle ones if their number is even, 0 for none.
// xs is left as it was.
func Median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Clone(xs)
	slices.Sort(sorted)
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// Ratios divides ours by the peer's figure of the same round. Only rounds that both have count, and
// those in which the peer's figure is 0 are left out: they say nothing.
//
// A ratio is taken round by round, and its median afterwards, because what disturbs a machine lasts
// longer than a round: it hits both sides of a pair, and cancels.
func Ratios(ours, peer []float64) []float64 {
	out := make([]float64, 0, min(len(ours), len(peer)))
	for i := range min(len(ours), len(peer)) {
		if peer[i] != 0 {
			out = append(out, ours[i]/peer[i])
		}
	}
	return out
}

// Per divides a total by how many shared it; 0 if nobody did.
func Per(total float64, n int64) float64 {
	if n <= 0 {
		return 0
	}
	return total / float64(n)
}
