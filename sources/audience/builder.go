package audience

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Builder collects the members of a set. It belongs to one goroutine.
type Builder struct {
	spools      *[shards]spool
	room        *chunks
	classes     *classIndex
	endings     *endings
	approximate bool
	member      [MaxMemberBytes]byte    // what a record holds, while it is hashed
	hash        func(rec []byte) uint64 // of the member that a record holds
	limit       int                     // of members
	records     int                     // members so far, those that came twice counted twice unless tidied since
}

// LimitError refuses members above a limit.
type LimitError struct{ Limit int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("more than %d members; raise max_members, and mind the memory, or make the audience smaller", e.Limit)
}

// LengthError refuses a member of more than [MaxMemberBytes].
type LengthError struct{ Bytes int }

func (e *LengthError) Error() string {
	return fmt.Sprintf("a member of %d bytes, and units have at most %d; take it out", e.Bytes, MaxMemberBytes)
}

// errTooLarge is met far beyond any sensible limit only: a set has 240 GB then.
var errTooLarge = fmt.Errorf("the members take too much memory; make the audience smaller")

// NewBuilder makes a builder of a set with at most maxMembers members.
func NewBuilder(maxMembers int, approximate bool) *Builder {
	b := &Builder{spools: new([shards]spool), room: new(chunks), classes: new(classIndex), endings: new(endings), approximate: approximate, limit: maxMembers}
	b.hash = b.hashOf
	if approximate {
		b.hash = hashIn
	}
	for i := range b.spools {
		b.spools[i].room = b.room
	}
	return b
}

// Add adds a member. One that is there already changes nothing, nor does an empty one. The argument is not kept. The errors
// are [*LengthError] and [*LimitError]; of the latter the builder may take notice late, at the latest in [Builder.Build].
func (b *Builder) Add(member []byte) error {
	if len(member) == 0 {
		return nil
	}
	if len(member) > MaxMemberBytes {
		return &LengthError{len(member)}
	}
	hash := xxhash.Sum64(member)
	var buf record
	rec := buf[:hashRecord]
	if b.approximate {
		buf[0] = codeHash
		binary.LittleEndian.PutUint64(buf[1:], hash)
	} else {
		b.endings.learn(member)
		rec = b.endings.encode(buf[:], member)
	}
	if !b.spools[hash>>shardShift].append(rec, b.classes.numberOf(rec)) {
		return errTooLarge
	}
	b.records++
	if b.records > b.limit+b.slack() {
		return b.tidy()
	}
	return nil
}

// An approximate set is built from hashes. Each is stored as a number of 8 bytes is.
const (
	codeHash   = codeInt + 7
	hashRecord = 9
)

// slack is how many members may come twice before it is looked into: tidying goes over all of them.
func (b *Builder) slack() int { return max(b.limit/4, 1<<16) }

// tidy drops the records that are there twice.
func (b *Builder) tidy() error {
	b.records = 0
	p := b.packer()
	for i := range b.spools {
		b.tidySpool(p, &b.spools[i])
		b.records += b.spools[i].records
	}
	if b.records > b.limit {
		return &LimitError{b.limit}
	}
	return nil
}

// tidySpool drops the records that are twice in a spool.
func (b *Builder) tidySpool(p *packer, s *spool) {
	kept := spool{room: b.room}
	p.place(s, func(rec []byte, _ uint64) { kept.append(rec, b.classes.numberOf(rec)) })
	s.give()
	*s = kept
}

func (b *Builder) packer() *packer { return &packer{classes: b.classes, hash: b.hash} }

// hashOf is the hash of the member that a record holds.
func (b *Builder) hashOf(rec []byte) uint64 {
	return xxhash.Sum64(b.endings.decode(&b.member, rec))
}

// hashIn is the hash that a record of an approximate set is.
func hashIn(rec []byte) uint64 { return binary.LittleEndian.Uint64(rec[1:]) }

// Build makes the set. The builder must not be used afterwards. The error is a [*LimitError].
func (b *Builder) Build() (*Set, error) {
	if b.approximate || b.manyTwice() {
		if err := b.tidy(); err != nil {
			return nil, err
		}
	}
	defer b.room.close()
	size := filterBytes(b.records, b.approximate)
	if !b.approximate {
		size = sizeOf(size) + b.tableBytes()
	}
	s := &Set{room: newRegion(size, true), bytes: size, members: b.records}
	s.front = newFilter(b.records, b.approximate, s.room)
	if b.approximate {
		for i := range b.spools {
			b.spools[i].each(func(_ uint32, rec []byte) { s.front.add(b.hash(rec)) })
			b.spools[i].give()
		}
		return s, nil
	}
	b.pack(s)
	if s.members > b.limit {
		return nil, &LimitError{b.limit}
	}
	return s, nil
}

// tableBytes is how much memory the tables of all spools take.
func (b *Builder) tableBytes() int {
	size := overread
	for i := range b.spools {
		for number, records := range b.spools[i].counts {
			size += sizeOf(bucketsFor(int(records)) * bucketPlaces * b.classes.widths[number])
		}
	}
	return size
}

// pack makes the tables of a set out of the spools, and fills its filter.
func (b *Builder) pack(s *Set) {
	s.data, s.classes = s.room.take(b.tableBytes()), len(b.classes.widths)
	s.tables = make([]table, shards*s.classes)
	p, line, members := b.packer(), 0, 0
	for i := range b.spools {
		spool := &b.spools[i]
		p.place(spool, func(_ []byte, hash uint64) {
			s.front.add(hash)
			members++
		})
		line = p.write(spool, s.tables[i*s.classes:][:s.classes], s.data, line)
		spool.give()
	}
	numbers := b.classes.numbers // a copy, for that in the index would keep all of it alive
	s.members, s.numbers, s.endings, s.strays = members, &numbers, b.endings, p.strays
	const entry = 8
	s.bytes += entry*len(s.tables) + s.endings.size()
}

// manyTwice tells whether room made for all records would be much too large. It looks at the first spool, which is a
// random sample, and of small sets at all.
func (b *Builder) manyTwice() bool {
	if b.records < 1<<16 {
		return true
	}
	before := b.spools[0].records
	b.tidySpool(b.packer(), &b.spools[0])
	b.records -= before - b.spools[0].records
	return before-b.spools[0].records > before/16
}
