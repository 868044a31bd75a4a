package audience

import (
	"runtime"

	"github.com/cespare/xxhash/v2"
)

// Set is a set of members, byte strings of 1 to [MaxMemberBytes] bytes. It never changes, and may be asked by any number
// of goroutines at once.
type Set struct {
	room    *region // what the next two lie in
	front   filter
	shards  *[shards]shard // nil: there is nothing behind the filter
	numbers *[classes]uint16
	endings *endings
	strays  map[string]struct{} // members that no table has room for; hardly ever any
	members int
	bytes   int
}

// shard holds the members whose hashes begin with the same 6 bits.
type shard struct {
	tables []table // by the number of the class
	data   []byte  // of the tables, one after another
}

const (
	// shards is how many parts a set has. While a set is built one part at a time is put in order, which keeps what is
	// needed besides small and in the processor's cache.
	shards     = 64
	shardShift = 64 - 6
)

// Contains tells whether a member is in the set. An exact set is never wrong; an approximate one takes at most one in a
// million of those that are not for a member. It does not allocate, and does not keep the argument.
func (s *Set) Contains(member []byte) bool {
	if len(member) == 0 || len(member) > MaxMemberBytes {
		return false
	}
	hash := xxhash.Sum64(member)
	is := s.front.has(hash) && (s.shards == nil || s.find(hash, member))
	runtime.KeepAlive(s) // or its memory would be given back while it is read
	return is
}

// find looks a member up that the filter lets through.
func (s *Set) find(hash uint64, member []byte) bool {
	if len(member) <= maxText {
		var buf shortRecord // clearing the long one takes longer than packing
		return s.holds(hash, member, s.endings.encode(buf[:], member))
	}
	var buf record
	return s.holds(hash, member, s.endings.encode(buf[:], member))
}

// holds tells whether a member, with its hash and its record, is in a table or a stray.
func (s *Set) holds(hash uint64, member, rec []byte) bool {
	class, payload := classOf(rec)
	shard := &s.shards[hash>>shardShift]
	if n := int(s.numbers[class]) - 1; n >= 0 && n < len(shard.tables) && shard.tables[n].has(shard.data, hash, payload) {
		return true
	}
	if len(s.strays) == 0 {
		return false
	}
	_, is := s.strays[string(member)]
	return is
}

// Len is the number of members, each counted once.
func (s *Set) Len() int { return s.members }

// Bytes is the memory that the set takes.
func (s *Set) Bytes() int { return s.bytes }

// Approximate tells whether the set is but a filter.
func (s *Set) Approximate() bool { return s.shards == nil }

// size is the memory that a shard takes besides itself and its data.
func (s *shard) size() int {
	const tableBytes = 8
	return tableBytes * cap(s.tables)
}
