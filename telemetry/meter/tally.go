package meter

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Tally counts one thing of the config, by one snapshot. Its counts outlive the snapshot if the next generation names the thing too.
// Its methods may be called concurrently.
type Tally struct {
	labels string // without braces
	cells  []atomic.Pointer[countCell]
}

// countCell is one loop's part, on lines of its own.
type countCell struct {
	n atomic.Uint64
	_ [line - 8]byte
}

func newTally(labels string, loops int) Tally {
	return Tally{labels: labels, cells: make([]atomic.Pointer[countCell], loops)}
}

// Add counts one on a loop. It does not block, allocates nothing once the loop has counted here before, and writes nothing that another
// loop writes.
func (t *Tally) Add(loop int) {
	c := t.cells[loop].Load()
	if c == nil {
		c = firstOf(&t.cells[loop])
	}
	c.n.Add(1)
}

// sum adds up what the loops counted.
func (t *Tally) sum() (sum uint64) {
	for i := range t.cells {
		if c := t.cells[i].Load(); c != nil {
			sum += c.n.Load()
		}
	}
	return sum
}

// tallyKey names a tally: its family and the values of the labels, one or two.
type tallyKey struct {
	family *Family
	values [2]string
}

func (k tallyKey) compare(other tallyKey) int {
	return cmp.Or(k.family.index-other.family.index, strings.Compare(k.values[0], other.values[0]), strings.Compare(k.values[1], other.values[1]))
}

// UnitMissing gives where the requests are counted that a rule of a route passed over for want of a unit. Those beyond [MaxSeries]
// are counted under [FoldedService].
func (g *Generation) UnitMissing(service, rule string) *Tally {
	return g.tally(&UnitMissing, service, rule)
}

// LayerUnitMissing gives where the requests are counted that a layer of experiments passed over for want of a unit.
func (g *Generation) LayerUnitMissing(layer string) *Tally { return g.tally(&LayerUnitMissing, layer) }

func (g *Generation) tally(f *Family, values ...string) *Tally {
	key := tallyKey{family: f}
	copy(key.values[:], values)
	if g.tallies[key] == nil && len(g.tallies) >= MaxSeries {
		g.folded++
		key.values = [2]string{FoldedService}
	}
	t := g.tallies[key]
	if t == nil {
		if committed := g.r.current.Load(); committed != nil {
			t = committed.tallies[key]
		}
		if t == nil {
			made := newTally(labels(f.Labels, key.values[:len(values)]), g.r.loops)
			t = &made
		}
		g.tallies[key] = t
	}
	return t
}

// writeTallies writes the tallies of a family, those that have counted nothing too: that nobody came without a unit is worth knowing,
// and an alarm sees the first one only if there was a 0 before.
func (g *Generation) writeTallies(t *text, f *Family) {
	from, _ := slices.BinarySearchFunc(g.talliesInOrder, tallyKey{family: f}, func(e namedTally, k tallyKey) int { return e.key.compare(k) })
	for i, e := range g.talliesInOrder[from:] {
		if e.key.family != f || t.err != nil {
			return
		}
		if i == 0 {
			t.head(f)
		}
		g.pause(i)
		b := append(t.sample(f, "{", e.labels), "} "...)
		t.buf = append(strconv.AppendUint(b, e.sum(), 10), '\n')
		t.flushFull()
	}
}

// namedTally is a tally in the order of the page.
type namedTally struct {
	key tallyKey
	*Tally
}
