package match

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// columnSet is a set of columns of an index, a bit each.
type columnSet uint32

// block is the entries of up to blockRules rules that follow one another. It is narrowed as a whole before the first of its
// rules is evaluated, so an early match saves the blocks behind.
type block struct {
	first uint32 // its first rule; all are below first + blockRules
	words int    // that its rules take, a bit each
	runs  []run  // in the order of their own words
}

// run is entries of a block that stand together, in whole words: no column but these has a say about them.
type run struct {
	from, to int // words
	columns  []uint8
}

// layout says where entries stand.
type layout struct {
	blocks []block
	places []int // by entry
	words  int   // that all take
}

// arrange finds a place for every entry; rules are theirs, in order, asked the columns that they ask about. Entries of a
// block that ask about the same columns make a run. Those of which there are too few for the words of a run to be filled
// share one, and so the columns of all of them.
func arrange(rules []uint32, asked []columnSet) layout {
	l := layout{places: make([]int, len(rules))}
	for from := 0; from < len(rules); {
		first := rules[from] / blockRules * blockRules
		to := from
		kinds := map[columnSet][]int{}
		for ; to < len(rules) && rules[to] < first+blockRules; to++ {
			kinds[asked[to]] = append(kinds[asked[to]], to)
		}
		b := block{first: first, words: int(rules[to-1]-first)/64 + 1}
		var rest columnSet
		var few []int
		for _, kind := range slices.SortedFunc(maps.Keys(kinds), func(a, b columnSet) int { return cmp.Compare(kinds[a][0], kinds[b][0]) }) {
			if of := kinds[kind]; len(of) >= minRunEntries {
				b.runs = append(b.runs, l.run(of, kind))
			} else {
				rest |= kind
				few = append(few, of...)
			}
		}
		if len(few) > 0 {
			b.runs = append(b.runs, l.run(few, rest))
		}
		l.blocks = append(l.blocks, b)
		from = to
	}
	return l
}

// run gives entries the next free words.
func (l *layout) run(entries []int, columns columnSet) run {
	r := run{from: l.words, to: l.words + (len(entries)+63)/64}
	for i, e := range entries {
		l.places[e] = 64*r.from + i
	}
	l.words = r.to
	for ; columns != 0; columns &= columns - 1 {
		r.columns = append(r.columns, uint8(bits.TrailingZeros32(uint32(columns))))
	}
	return r
}
