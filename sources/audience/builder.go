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
	endings     *endings
	approximate bool
	limit       int // of members
	records     int // members so far, those that came twice counted twice unless tidied since
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

// errTooLarge is met far beyond any sensible limit only: a set has 250 GB then.
var errTooLarge = fmt.Errorf("the members take too much memory; make the audience smaller")

// NewBuilder makes a builder of a set with at most maxMembers members.
func NewBuilder(maxMembers int, approximate bool) *Builder {
	b := &Builder{spools: new([shards]spool), room: new(chunks), endings: new(endings), approximate: approximate, limit: maxMembers}
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
	if !b.spools[hash>>shardShift].append(rec) {
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

// tidySpool packs a spool for the sake of what is kept then.
func (b *Builder) tidySpool(p *packer, s *spool) {
	kept := spool{room: b.room}
	p.pack(s, onHeap, func(rec []byte, _ uint64) { kept.append(rec) })
	s.give()
	*s = kept
}

func (b *Builder) packer() *packer { return &packer{endings: b.endings, hash: b.hash} }

// hash is the hash of the member that a record holds.
func (b *Builder) hash(rec []byte) uint64 {
	if b.approximate {
		return binary.LittleEndian.Uint64(rec[1:])
	}
	var buf [MaxMemberBytes]byte
	return xxhash.Sum64(b.endings.decode(&buf, rec))
}

// Build makes the set. The builder must not be used afterwards. The error is a [*LimitError].
func (b *Builder) Build() (*Set, error) {
	if b.approximate || b.manyTwice() {
		if err := b.tidy(); err != nil {
			return nil, err
		}
	}
	defer b.room.close()
	p, size := b.packer(), sizeOf(filterBytes(b.records, b.approximate))
	if !b.approximate {
		for i := range b.spools {
			size += sizeOf(p.measure(&b.spools[i]))
		}
	}
	s := &Set{room: newRegion(size, true), bytes: size}
	s.front = newFilter(b.records, b.approximate, s.room)
	if b.approximate {
		for i := range b.spools {
			b.spools[i].each(func(rec []byte) { s.front.add(b.hash(rec)) })
			b.spools[i].give()
		}
		s.members = b.records
		return s, nil
	}
	s.shards = new([shards]shard)
	for i := range b.spools {
		s.shards[i] = p.pack(&b.spools[i], s.room.take, func(_ []byte, hash uint64) { s.front.add(hash) })
		s.bytes += s.shards[i].size()
		b.spools[i].give()
	}
	if s.members = b.records - p.twice; s.members > b.limit {
		return nil, &LimitError{b.limit}
	}
	numbers := p.numbers // a copy, for that in p would keep all of p alive
	s.numbers, s.endings, s.strays = &numbers, b.endings, p.strays
	s.bytes += s.endings.size()
	return s, nil
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
