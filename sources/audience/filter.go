package audience

import (
	"math/bits"

	"github.com/bits-and-blooms/bloom/v3"
)

// A filter is a Bloom filter whose bits of one member lie together. Its bits are parted into blocks of 512, a cache line,
// and a member sets some bits in one block of a front filter, in two of an approximate one. So a look-up waits for memory
// once, not once per bit. This costs about a twentieth more memory than bits spread over the whole filter.
//
// The rates of false positives follow from the load of a block, which is Poisson distributed with the mean
// 512 × parts / bits per member: 0.96 % for the front filter, 0.00005 % for the approximate one.
type filter struct {
	bloom  *bloom.BloomFilter
	words  []uint64 // those of bloom
	blocks uint64
	double bool // an approximate filter
}

const (
	blockBits    = 512
	positionBits = 9 // of a bit in its block

	frontBits   = 10 // per member
	frontProbes = 6  // bits that a member sets

	approximateBits   = 34
	approximateProbes = 7 // in each of two blocks
)

// newFilter makes an empty filter for a number of members. It takes filterBytes of a region, and keeps that alive no
// longer than the caller does.
func newFilter(members int, double bool, room *region) filter {
	size, probes := filterBytes(members, double), uint(frontProbes)
	if double {
		probes = 2 * approximateProbes
	}
	f := filter{blocks: uint64(size) * 8 / blockBits, double: double, words: room.takeWords(size / 8)}
	f.bloom = bloom.FromWithM(f.words, uint(size)*8, probes)
	return f
}

// filterBytes is the size of a filter for a number of members: whole blocks.
func filterBytes(members int, double bool) int {
	per := frontBits
	if double {
		per = approximateBits
	}
	return max(1, (members*per+blockBits-1)/blockBits) * blockBits / 8
}

// add enters a member by its hash.
func (f *filter) add(hash uint64) {
	if f.double {
		f.set(hash, hash, approximateProbes)
		f.set(mix(^hash), ^hash, approximateProbes)
		return
	}
	f.set(hash, hash, frontProbes)
}

// set sets some bits of the block at place, a part of 2^64, drawn from a seed. The first block of a member is at its hash: so the
// members of a shard, which come one after another when a set is built, have theirs in a small part of the filter, which the processor's
// cache holds. The second one lies anywhere.
func (f *filter) set(place, seed uint64, probes int) {
	block, _ := bits.Mul64(place, f.blocks)
	all, word := f.bloom.BitSet(), mix(seed+golden)
	for range probes {
		all.Set(uint(block*blockBits + word%blockBits))
		word >>= positionBits
	}
}

// has tells whether a member with that hash may be in. It answers as bloom.TestLocations does of the same bits, but divides by nothing and
// has no branch that depends on them: nobody could foresee it, and a processor that guesses wrong has waited for the memory in vain.
func (f *filter) has(hash uint64) bool {
	if f.double {
		return f.all(hash, hash, approximateProbes)&f.all(mix(^hash), ^hash, approximateProbes) != 0
	}
	return f.all(hash, hash, frontProbes) != 0
}

// all is 1 if all bits are set that set sets, else 0.
func (f *filter) all(place, seed uint64, probes int) uint64 {
	block, _ := bits.Mul64(place, f.blocks)
	words := (*[blockBits / 64]uint64)(f.words[block*blockBits/64:])
	word, set := mix(seed+golden), uint64(1)
	for range probes {
		set &= words[word%blockBits/64] >> (word % 64)
		word >>= positionBits
	}
	return set
}

// golden is 2^64 divided by the golden ratio, the step of splitmix64.
const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of splitmix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
