package audience

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// packer turns spools into tables, one after another, with the same memory.
type packer struct {
	classes *classIndex
	hash    func(rec []byte) uint64
	fillers []filler // by the number of the class
	hashes  []uint64 // by place, of all tables of a shard; 0: the place is free
	records []uint32 // by place: where in the spool its record is
	taken   []uint8  // by bucket: how many of its places are taken, the first ones
	random  uint64   // which record gives way

	strays map[string]struct{} // records that no table had room for
}

// filler finds the places of one class's records.
type filler struct {
	hashes  []uint64
	records []uint32
	taken   []uint8
	buckets uint32
	strays  bool // some found no place
}

// place finds a place for each record of a spool. It calls keep with those that are there for the first time. What it found is for
// write.
func (p *packer) place(s *spool, keep func(rec []byte, hash uint64)) {
	p.clear(s)
	s.each(func(at uint32, rec []byte) {
		hash := p.hash(rec)
		if p.insert(s, &p.fillers[p.classes.numberOf(rec)], hash, at, rec) {
			keep(rec, hash)
		}
	})
}

// clear makes a filler for each class, with room for its records.
func (p *packer) clear(s *spool) {
	p.fillers = p.fillers[:0]
	buckets := 0
	for _, n := range s.counts {
		buckets += bucketsFor(int(n))
	}
	p.hashes = slices.Grow(p.hashes[:0], buckets*bucketPlaces)[:buckets*bucketPlaces]
	p.records = slices.Grow(p.records[:0], buckets*bucketPlaces)[:buckets*bucketPlaces]
	p.taken = slices.Grow(p.taken[:0], buckets)[:buckets]
	clear(p.hashes)
	clear(p.taken)
	at := 0
	for _, n := range s.counts {
		end := at + bucketsFor(int(n))
		p.fillers = append(p.fillers, filler{
			hashes:  p.hashes[at*bucketPlaces : end*bucketPlaces],
			records: p.records[at*bucketPlaces : end*bucketPlaces],
			taken:   p.taken[at:end],
			buckets: uint32(end - at),
		})
		at = end
	}
}

// insert gives a record a place; false if it has one already. What finds none becomes a stray, be it that record or one that made room
// for it.
func (p *packer) insert(s *spool, f *filler, hash uint64, at uint32, rec []byte) bool {
	hash = max(hash, 1) // 0 is that of a free place; both pick the same buckets
	first, second := pick(hash, f.buckets)
	if f.holds(s, first, hash, rec) || f.holds(s, second, hash, rec) {
		return false
	}
	if f.strays {
		if _, is := p.strays[string(rec)]; is {
			return false
		}
	}
	bucket := first
	for range maxMoves {
		if n := f.taken[bucket]; n < bucketPlaces {
			place := bucket*bucketPlaces + uint32(n)
			f.hashes[place], f.records[place] = hash, at
			f.taken[bucket]++
			return true
		}
		p.random += golden
		place := bucket*bucketPlaces + uint32(mix(p.random)%bucketPlaces)
		hash, f.hashes[place] = f.hashes[place], hash
		at, f.records[place] = f.records[place], at
		if first, second = pick(hash, f.buckets); bucket == first {
			bucket = second
		} else {
			bucket = first
		}
	}
	if f.strays = true; p.strays == nil {
		p.strays = map[string]struct{}{}
	}
	stray := s.from(at)
	p.strays[string(stray[:recordLen(stray)])] = struct{}{}
	return true
}

// holds tells whether a record is in a bucket.
func (f *filler) holds(s *spool, bucket uint32, hash uint64, rec []byte) bool {
	for i, h := range (*[bucketPlaces]uint64)(f.hashes[bucket*bucketPlaces:]) {
		if h == hash && bytes.HasPrefix(s.from(f.records[int(bucket)*bucketPlaces+i]), rec) {
			return true
		}
	}
	return false
}

// write makes the tables of the records that found a place, in data, which has room for them from a cache line on. It gives the line
// after them.
func (p *packer) write(s *spool, tables []table, data []byte, line int) (next int) {
	for number, f := range p.fillers {
		if f.buckets == 0 {
			continue
		}
		tables[number] = table{at: uint32(line), buckets: f.buckets}
		width, head := p.classes.widths[number], p.classes.heads[number]
		to := data[line*cacheLine:][:len(f.hashes)*width]
		line += sizeOf(len(to)) / cacheLine
		some := f.records[slices.IndexFunc(f.hashes, func(hash uint64) bool { return hash != 0 })]
		for place, at := range f.records {
			if f.hashes[place] == 0 {
				at = some
			}
			move(to[place*width:][:width], s.from(at)[head:][:width])
		}
	}
	return line
}

// move copies what is as long. Short ones, of which most records are, it copies itself.
func move(to, from []byte) {
	n := len(to)
	if n < 8 || n > 16 {
		copy(to, from)
		return
	}
	head, tail := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[n-8:])
	binary.LittleEndian.PutUint64(to, head)
	binary.LittleEndian.PutUint64(to[n-8:], tail)
}
