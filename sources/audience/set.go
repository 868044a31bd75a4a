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
	data    []byte  // of the tables, one after another; nil: there is nothing behind the filter
	tables  []table // those of the first shard by the number of the class, those of the second one, and so on
	classes int     // how many have a number
	numbers *[classes]uint16
	endings *endings
	strays  map[string]struct{} // records that no table has room for; hardly ever any
	members int
	bytes   int
}

const (
	// shards is how many parts a set has: the members of one have hashes that begin with the same bits. While a set is built one
	// part at a time is put in order. With ten million members all that is needed for that lies in a core's own cache.
	shards     = 1 << shardBits
	shardBits  = 8
	shardShift = 64 - shardBits
)

// Contains tells whether a member is in the set. An exact set is never wrong; an approximate one takes at most one in a
// million of those that are not for a member. It does not allocate, and does not keep the argument.
func (s *Set) Contains(member []byte) bool {
	if len(member) == 0 || len(member) > MaxMemberBytes {
		return false
	}
	hash := xxhash.Sum64(member)
	is := s.front.has(hash) && (s.data == nil || s.find(hash, member))
	runtime.KeepAlive(s) // or its memory would be given back while it is read
	return is
}

// find looks a member up that the filter lets through.
func (s *Set) find(hash uint64, member []byte) bool {
	if len(member) <= maxText {
		var buf shortRecord // clearing the long one takes longer than packing
		return s.holds(hash, s.endings.encode(buf[:], member))
	}
	var buf record
	return s.holds(hash, s.endings.encode(buf[:], member))
}

// holds tells whether a record, with its member's hash, is in a table or a stray.
func (s *Set) holds(hash uint64, rec []byte) bool {
	class, payload := classOf(rec)
	if n := int(s.numbers[class]) - 1; n >= 0 && s.tables[int(hash>>shardShift)*s.classes+n].has(s.data, hash, payload) {
		return true
	}
	if len(s.strays) == 0 {
		return false
	}
	_, is := s.strays[string(rec)]
	return is
}

// Len is the number of members, each counted once.
func (s *Set) Len() int { return s.members }

// Bytes is the memory that the set takes.
func (s *Set) Bytes() int { return s.bytes }

// Approximate tells whether the set is but a filter.
func (s *Set) Approximate() bool { return s.data == nil }
