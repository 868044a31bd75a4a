package config

// guesser finds the name that was probably meant. It has a budget, so that a file full of
// unknown names against a long list of known ones costs no more than a few of them.
type guesser struct{ left int }

// nearest returns the known name closest to name within edit distance 2 (insertions,
// deletions, substitutions and swaps of neighbours, upper and lower case alike), the first
// of equals; "" if none is that close or the budget is spent. A name of up to two characters
// has none: everything short is near it; up to four, one edit must do.
func (g *guesser) nearest(name string, known []string) string {
	within := 2
	switch {
	case len(name) <= 2:
		return ""
	case len(name) <= 4:
		within = 1
	case len(name) > MaxName:
		return ""
	}
	best, at := "", within+1
	for _, k := range known {
		if d := len(k) - len(name); d > 2 || d < -2 {
			continue
		}
		if g.left--; g.left < 0 {
			break
		}
		if d := distance(name, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the optimal-string-alignment distance of a and b over ASCII, ignoring case.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if lower(a[i-1]) == lower(b[j-1]) {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && lower(a[i-1]) == lower(b[j-2]) && lower(a[i-2]) == lower(b[j-1]) {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
