package audience

import (
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bits-and-blooms/bloom/v3"
)

// inUse is the memory that is in use after a collection, on the heap and outside.
func inUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) + int(mappedBytes.Load())
}

// becomes collects until so much is mapped. Cleanups run in a goroutine of their own some time after a collection.
func becomes(t *testing.T, mapped int64) {
	t.Helper()
	for range 1000 {
		if mappedBytes.Load() == mapped {
			return
		}
		runtime.GC()
	}
	t.Fatalf("%d bytes outside the heap, want %d", mappedBytes.Load(), mapped)
}

// Memory outside the heap goes back when a set is not referred to any more, the memory of the spools when the set is built, and that of
// a builder which was given up, with the builder.
func TestMemoryGoesBack(t *testing.T) {
	becomes(t, 0)
	const n = 500_000
	s := fill(t, kinds[1], n, false)
	if got := mappedBytes.Load(); got != int64(len(s.room.bytes)) || got < 17*n {
		t.Errorf("%d bytes are mapped, of which the set has %d; want at least %d, and no more than the set has", got, len(s.room.bytes), 17*n)
	}
	if !s.Contains(kinds[1].append(nil, 1)) {
		t.Error("a member is lost")
	}
	s = nil
	becomes(t, 0)
	b := NewBuilder(n, false)
	for i := range uint64(n) {
		if err := b.Add(kinds[1].append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if mappedBytes.Load() < 17*n {
		t.Errorf("the spools take %d bytes outside the heap, want at least %d", mappedBytes.Load(), 17*n)
	}
	b = nil
	becomes(t, 0)
}

// A set that is replaced while it is asked stays readable until the last look-up is over.
func TestReplacedWhileAsked(t *testing.T) {
	const n, sets = 300_000, 4
	a := &Audience{}
	a.set.Store(fill(t, kinds[1], n, false))
	stop := make(chan struct{})
	var askers sync.WaitGroup
	var lost atomic.Int64
	for asker := range 2 {
		askers.Go(func() {
			var buf [64]byte
			for i := uint64(asker); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if !a.Contains(kinds[1].append(buf[:0], 2*(i*7919%n)+1)) {
					lost.Add(1)
				}
			}
		})
	}
	for range sets {
		a.set.Store(fill(t, kinds[1], n, false))
		runtime.GC()
	}
	close(stop)
	askers.Wait()
	if lost.Load() > 0 {
		t.Errorf("%d members were not found", lost.Load())
	}
}

// The memory of a set is what its documentation says, and what the set itself says of it is true.
func TestMemoryPerMember(t *testing.T) {
	const n = 1_000_000
	row := func(k kind, approximate bool, most float64) {
		t.Run(k.name, func(t *testing.T) {
			becomes(t, 0) // sets of other tests go back some time after a collection
			before := inUse()
			s := fill(t, k, n, approximate)
			grown := inUse() - before
			if per := float64(s.Bytes()) / n; per > most {
				t.Errorf("approximate %v: %.2f bytes a member, want at most %.2f", approximate, per, most)
			}
			if grown < s.Bytes()*95/100 || grown > s.Bytes()*105/100 {
				t.Errorf("approximate %v: memory grew by %d bytes, the set says %d", approximate, grown, s.Bytes())
			}
			runtime.KeepAlive(s)
		})
	}
	row(kinds[0], false, 5.9)
	row(kinds[1], false, 18.5)
	row(kinds[2], false, 16)
	row(kinds[2], true, 4.3)
}

// locate gives the bits of a hash, a part of at.
func (f *filter) locate(hash uint64, at *[2 * approximateProbes]uint64) []uint64 {
	if !f.double {
		f.spread(hash, hash, at[:frontProbes])
		return at[:frontProbes]
	}
	f.spread(hash, hash, at[:approximateProbes])
	f.spread(mix(^hash), ^hash, at[approximateProbes:])
	return at[:]
}

// spread takes the block at place, a part of 2^64, and draws positions in it from a seed.
func (f *filter) spread(place, seed uint64, at []uint64) {
	block, _ := bits.Mul64(place, f.blocks)
	word := mix(seed + golden)
	for i := range at {
		at[i] = block*blockBits + word%blockBits
		word >>= positionBits
	}
}

// The filters let as many others through as they should, and have and answer the same as those of a library.
func TestFalsePositives(t *testing.T) {
	const n = 200_000
	row := func(double bool, asked int, most float64) {
		room := newRegion(filterBytes(n, double), true)
		defer runtime.KeepAlive(room)
		f := newFilter(n, double, room)
		probes := uint(frontProbes)
		if double {
			probes = 2 * approximateProbes
		}
		plain := bloom.New(uint(len(f.words))*64, probes)
		for i := range uint64(n) {
			f.add(mix(2 * i))
			var at [2 * approximateProbes]uint64
			for _, bit := range f.locate(mix(2*i), &at) {
				plain.BitSet().Set(uint(bit))
			}
		}
		if !slices.Equal(f.words, plain.BitSet().Words()) {
			t.Errorf("double %v: the filter has other bits than the library's", double)
		}
		through := 0
		for i := range uint64(asked) {
			hash := mix(2*i + 1)
			if f.has(hash) {
				through++
			}
			if i > n {
				continue
			}
			var at [2 * approximateProbes]uint64
			for _, h := range []uint64{hash, mix(2 * i)} {
				if got, want := f.has(h), plain.TestLocations(f.locate(h, &at)); got != want {
					t.Fatalf("hash %x: got %v, the library says %v", h, got, want)
				}
			}
		}
		if share := float64(through) / float64(asked); share > most || !double && share < most/2 {
			t.Errorf("double %v: %d of %d others pass, a share of %v, want at most %v", double, through, asked, share, most)
		}
	}
	row(false, 1_000_000, 0.01)
	row(true, 10_000_000, 1e-6)
}
