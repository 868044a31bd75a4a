package audience

import (
	"runtime"
	"testing"
)

// heap is what is in use after a collection.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The memory of a set is what its documentation says, and what the set itself says of it is true.
func TestMemoryPerMember(t *testing.T) {
	const n = 1_000_000
	row := func(k kind, approximate bool, most float64) {
		t.Run(k.name, func(t *testing.T) {
			before := heap()
			s := fill(t, k, n, approximate)
			grown := heap() - before
			if per := float64(s.Bytes()) / n; per > most {
				t.Errorf("approximate %v: %.2f bytes a member, want at most %.2f", approximate, per, most)
			}
			if grown < s.Bytes()*95/100 || grown > s.Bytes()*105/100 {
				t.Errorf("approximate %v: the heap grew by %d bytes, the set says %d", approximate, grown, s.Bytes())
			}
			runtime.KeepAlive(s)
		})
	}
	row(kinds[0], false, 5.9)
	row(kinds[1], false, 18.5)
	row(kinds[2], false, 16)
	row(kinds[2], true, 4.3)
}

// The filters let as many others through as they should, and answer as the library does.
func TestFalsePositives(t *testing.T) {
	const n = 200_000
	row := func(double bool, asked int, most float64) {
		f := newFilter(n, double)
		for i := range uint64(n) {
			f.add(mix(2 * i))
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
				if got, want := f.has(h), f.bits.TestLocations(f.locate(h, &at)); got != want {
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
