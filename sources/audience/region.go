package audience

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// region is a piece of memory outside Go's heap, handed out from its beginning to its end. Who uses what was taken of it
// keeps the region alive meanwhile: when nobody refers to it any more, the memory goes back to the system.
//
// There are three reasons to go round the heap, all of them for large sets. Large pages: a look-up goes to random places, and
// with pages of 4 KiB each of them costs a walk through the page tables besides the memory itself. The collector: it lets a heap
// grow to twice what is in use, so that a set of 200 MB would have cost 400. And spools: what was packed goes back to the system at
// once, without a collection.
//
// Taking belongs to one goroutine.
type region struct {
	bytes   []byte
	used    int
	cleanup runtime.Cleanup
	mapped  bool
}

// mappedBytes is the size of all regions outside the heap, for tests.
var mappedBytes atomic.Int64

// newRegion makes a region of zeros. If it is small, or if the system gives no memory of the kind, it is of the heap.
// large asks for large pages, as far as the system has them and an administrator has not forbidden them.
func newRegion(size int, large bool) *region {
	if size < minMapped {
		return &region{bytes: make([]byte, size)}
	}
	mapped, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return &region{bytes: make([]byte, size)}
	}
	if large {
		_ = unix.Madvise(mapped, unix.MADV_HUGEPAGE) // without it a look-up takes longer, and that is all
	}
	mappedBytes.Add(int64(size))
	r := &region{bytes: mapped, mapped: true}
	r.cleanup = runtime.AddCleanup(r, unmap, mapped)
	return r
}

func unmap(mapped []byte) {
	mappedBytes.Add(-int64(len(mapped)))
	if err := unix.Munmap(mapped); err != nil {
		panic("BUG: memory of an audience cannot be given back: " + err.Error())
	}
}

// take gives the next bytes, which begin on a cache line of their own. There must be as many left: see sizeOf.
func (r *region) take(size int) []byte {
	taken := r.bytes[r.used:][:size:size]
	r.used = min(r.used+sizeOf(size), len(r.bytes))
	return taken
}

// takeWords gives the next words.
func (r *region) takeWords(n int) []uint64 {
	taken := r.take(8 * n)
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(taken))), n)
}

// sizeOf is how much of a region taking so many bytes uses up.
func sizeOf(size int) int { return (size + cacheLine - 1) / cacheLine * cacheLine }

// free gives the memory back now. Nothing that was taken may be used afterwards.
func (r *region) free() {
	if r.mapped {
		r.cleanup.Stop()
		unmap(r.bytes)
	}
	*r = region{}
}

// chunks is where the spools of one builder have their memory from. It belongs to one goroutine, and to a builder that
// outlives the spools.
type chunks struct {
	regions []*region
	free    [][]byte
}

// get gives an empty chunk. Without a receiver it is of the heap.
func (c *chunks) get() []byte {
	if c == nil {
		return make([]byte, 0, chunkBytes)
	}
	if n := len(c.free); n > 0 {
		chunk := c.free[n-1]
		c.free = c.free[:n-1]
		return chunk
	}
	last := len(c.regions) - 1
	if last < 0 || len(c.regions[last].bytes)-c.regions[last].used < chunkBytes {
		c.regions = append(c.regions, newRegion(slabBytes, false))
		last++
	}
	return c.regions[last].take(chunkBytes)[:0]
}

// put takes a chunk back. Its memory goes to the system, its place is kept for the next chunk.
func (c *chunks) put(chunk []byte) {
	if c == nil || cap(chunk) != chunkBytes {
		return // of the heap
	}
	chunk = chunk[:chunkBytes]
	_ = unix.Madvise(chunk, unix.MADV_DONTNEED)
	c.free = append(c.free, chunk[:0])
}

// close gives all back.
func (c *chunks) close() {
	for _, r := range c.regions {
		r.free()
	}
	*c = chunks{}
}
