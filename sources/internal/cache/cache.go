// Package cache keeps what slow look-ups gave, bounded, for event loops: a thin layer over ristretto that adds three
// promises. A hit never gives the value of another key, a hit does not allocate, and a cache may be dropped while look-ups
// still use it.
package cache

import (
	"runtime"

	"github.com/dgraph-io/ristretto/v2"
)

// hitsAtATime is how many hits ristretto hands to its policy at once, in a new slice: one allocation in so many hits, where
// its usual 64 would be one in 64. A slice is 32 KiB, one for each processor.
const hitsAtATime = 4096

// countersPerEntry is how many frequency counters there are for an entry of a full cache, as ristretto advises: 3 bytes each.
const countersPerEntry = 10

// Cache keeps values of type *V by a hash of their key. It may be used by any number of goroutines at once and needs no
// closing: once nobody holds it, its goroutines end.
//
// Two keys of one hash share a place, the later one has it. So V has to hold its key, and who asks has to compare it.
type Cache[V any] struct {
	values *ristretto.Cache[uint64, *V]
}

// New makes a cache of at most cost, in the unit of [Cache.Set], which is about that of `entries` entries.
func New[V any](cost, entries int64) *Cache[V] {
	values, err := ristretto.NewCache(&ristretto.Config[uint64, *V]{
		NumCounters: countersPerEntry * entries,
		MaxCost:     cost,
		BufferItems: hitsAtATime,
		KeyToHash:   func(hash uint64) (uint64, uint64) { return hash, 0 },
		// What a place of its own costs is counted by us, in our unit.
		IgnoreInternalCost: true,
	})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	c := &Cache[V]{values: values}
	// ristretto must not be closed while it is asked: it would write to a closed channel. The collector knows when nobody
	// can ask any more.
	runtime.AddCleanup(c, func(values *ristretto.Cache[uint64, *V]) { values.Close() }, values)
	return c
}

// Get gives the value that was last set under the hash, nil if there is none or no more. It must not be changed.
func (c *Cache[V]) Get(hash uint64) *V {
	v, _ := c.values.Get(hash)
	runtime.KeepAlive(c)
	return v
}

// Set keeps a value, at once or soon after; it drops others that are asked for less, or the value itself. It does not block.
func (c *Cache[V]) Set(hash uint64, v *V, cost int64) {
	c.values.Set(hash, v, cost)
	runtime.KeepAlive(c)
}

// Wait returns when all that was set before can be got. It is for tests.
func (c *Cache[V]) Wait() { c.values.Wait() }
