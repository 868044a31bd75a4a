package audience

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A table holds the records of one class, which are of the same length, without their codes. It is a hash table with
// buckets of four places, and each record has a place in one of two buckets that its hash names (cuckoo hashing). So it
// can be nearly full, and a look-up reads two pieces of memory, at once, and compares eight places without a branch
// that depends on what is in them: a processor goes on while it waits for the memory.
//
// Places that are left over hold a second copy of a record: every place is a member.
type table struct {
	at      uint32 // where the table begins in the set's data, in cache lines
	buckets uint32 // 0: the class has no records
}

const (
	bucketPlaces = 4

	// tableLoad is how full a table is at most. Above 0.97 records would find no place.
	tableLoad = 0.95

	// maxMoves is how many records are moved to make room for one. At tableLoad a few dozen do; it goes beyond that only by
	// accident in tables of a few records, or if members were made so that their hashes collide.
	maxMoves = 500

	// cacheLine is what tables are aligned to: a bucket of UUIDs is one line then.
	cacheLine = 64

	// overread is how many bytes after the last place a look-up may read.
	overread = 8
)

// The class of a record: its code, and for a long record one more for each length.
const classes = codeLong + MaxMemberBytes - minLong + 1

func classOf(rec []byte) (class int, payload []byte) {
	if rec[0] == codeLong {
		return codeLong + int(rec[1]), rec[2:]
	}
	return int(rec[0]), rec[1:]
}

// classIndex numbers the classes that are met, from 0 on.
type classIndex struct {
	numbers [classes]uint16 // by class: its number and 1; 0: not met yet
	heads   []int           // by number: the bytes of a record before its payload
	widths  []int           // by number: the bytes of the payload
}

// numberOf gives the number of a record's class.
func (x *classIndex) numberOf(rec []byte) int {
	class, payload := classOf(rec)
	if x.numbers[class] == 0 {
		x.heads = append(x.heads, len(rec)-len(payload))
		x.widths = append(x.widths, len(payload))
		x.numbers[class] = uint16(len(x.widths))
	}
	return int(x.numbers[class]) - 1
}

// bucketsFor is how many buckets a table of so many records has.
func bucketsFor(records int) int {
	return int(math.Ceil(float64(records) / tableLoad / bucketPlaces))
}

// pick gives the two buckets of a hash. The first bits of the hash chose the shard.
func pick(hash uint64, buckets uint32) (first, second uint32) {
	return uint32(hash & math.MaxUint32 * uint64(buckets) >> 32), uint32(hash >> (32 - shardBits) & math.MaxUint32 * uint64(buckets) >> 32)
}

// has looks a payload up that is as long as the table's.
func (t table) has(data []byte, hash uint64, payload []byte) bool {
	if t.buckets == 0 {
		return false
	}
	width := len(payload)
	first, second := pick(hash, t.buckets)
	data = data[int(t.at)*cacheLine:]
	a := data[int(first)*bucketPlaces*width:][:bucketPlaces*width+overread]
	b := data[int(second)*bucketPlaces*width:][:bucketPlaces*width+overread]
	if width < 8 {
		var padded [8]byte
		copy(padded[:], payload)
		wanted := binary.LittleEndian.Uint64(padded[:])
		unused := uint(64 - 8*width)
		least := uint64(math.MaxUint64)
		for i := range bucketPlaces {
			least = min(least, (binary.LittleEndian.Uint64(a[i*width:])^wanted)<<unused, (binary.LittleEndian.Uint64(b[i*width:])^wanted)<<unused)
		}
		return least == 0
	}
	// The first and the last 8 bytes of each place, which are all of them in most classes.
	tail := width - 8
	head, end := binary.LittleEndian.Uint64(payload), binary.LittleEndian.Uint64(payload[tail:])
	least := uint64(math.MaxUint64)
	for i := range bucketPlaces {
		p, q := a[i*width:][:width], b[i*width:][:width]
		least = min(least,
			binary.LittleEndian.Uint64(p)^head|binary.LittleEndian.Uint64(p[tail:])^end,
			binary.LittleEndian.Uint64(q)^head|binary.LittleEndian.Uint64(q[tail:])^end)
	}
	if least != 0 || width <= 16 {
		return least == 0
	}
	for i := range bucketPlaces {
		if bytes.Equal(a[i*width:][:width], payload) || bytes.Equal(b[i*width:][:width], payload) {
			return true
		}
	}
	return false
}
