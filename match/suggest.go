package match

import (
	"maps"
	"slices"
	"strings"
)

// suggestAttribute says how to mend an unknown attribute: the nearest name, or all there are. extra are words that may
// stand in the same place.
func suggestAttribute(s *Schema, name string, extra ...string) string {
	names := append(s.Names(), extra...)
	if near := nearest(name, names); near != "" {
		return "did you mean `" + near + "`?"
	}
	return "declare it under `attributes:`, or use one of " + strings.Join(names, ", ")
}

// suggestAudience says how to mend an unknown audience likewise.
func suggestAudience(s *Schema, name string) string {
	names := slices.Sorted(maps.Keys(s.lookups.Audiences))
	if near := nearest(name, names); near != "" {
		return "did you mean '" + near + "'?"
	}
	if len(names) == 0 {
		return "declare it under `audiences:`"
	}
	return "declare it under `audiences:`, or use one of " + strings.Join(names, ", ")
}

// nearest gives the name that differs from name by the fewest edits, two at most and fewer than its length; "" if none
// does. Case alone is no edit. Of names equally near the first wins.
func nearest(name string, names []string) string {
	best, bestDist := "", 3
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), strings.ToLower(n)); d < bestDist && d < len(n) {
			best, bestDist = n, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
func editDistance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3 // no less; the exact number is of no use
	}
	var prev2 []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, row
	}
	return prev[len(b)]
}
