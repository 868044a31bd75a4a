package match

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestArrange looks at every place: its own for each entry, in a run that has the columns which the entry asks about, in the
// block of its rule; and not many more words than there have to be.
func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rules []uint32
		var asked []columnSet
		kinds := rapid.SliceOfN(rapid.Uint32Range(0, 1<<maxColumns-1), 1, 300).Draw(t, "kinds")
		rule, step := uint32(0), rapid.SampledFrom([]uint32{0, 1, 3, blockRules / 4, 3 * blockRules}).Draw(t, "rules that have no entry")
		for range rapid.IntRange(0, 2000).Draw(t, "rules") {
			for range rapid.IntRange(1, 3).Draw(t, "alternatives") {
				rules = append(rules, rule)
				asked = append(asked, columnSet(kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]))
			}
			rule += 1 + step
		}
		l := arrange(rules, asked)
		entryAt := map[int]int{}
		for e, place := range l.places {
			if other, taken := entryAt[place]; taken {
				t.Fatalf("entries %d and %d have place %d", other, e, place)
			}
			entryAt[place] = e
		}
		words, found := 0, 0
		for i, b := range l.blocks {
			if i > 0 && b.first <= l.blocks[i-1].first {
				t.Fatalf("block %d begins with rule %d, the one before with %d", i, b.first, l.blocks[i-1].first)
			}
			for _, r := range b.runs {
				if r.from != words || r.to <= r.from {
					t.Fatalf("a run from word %d to %d begins behind word %d", r.from, r.to, words)
				}
				words = r.to
				for place := 64 * r.from; place < 64*r.to; place++ {
					e, ok := entryAt[place]
					if !ok {
						continue
					}
					found++
					if rules[e] < b.first || rules[e]-b.first >= uint32(64*b.words) || b.words > blockRules/64 {
						t.Fatalf("rule %d is in the block of %d words from %d", rules[e], b.words, b.first)
					}
					for c := range uint8(maxColumns) {
						if asked[e]&(1<<c) != 0 && !slices.Contains(r.columns, c) {
							t.Fatalf("entry %d asks about column %d, which its run has not: %v", e, c, r.columns)
						}
					}
				}
			}
		}
		if words != l.words || found != len(rules) {
			t.Fatalf("the runs have %d words and %d entries, want %d and %d", words, found, l.words, len(rules))
		}
		if most := (len(rules)+63)/64 + len(rules)/minRunEntries + len(l.blocks); l.words > most {
			t.Fatalf("%d entries take %d words, want %d at most", len(rules), l.words, most)
		}
	})
}
