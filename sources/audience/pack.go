package audience

import "bytes"

// packer turns spools into shards, one after another, with the same memory.
type packer struct {
	endings *endings
	hash    func(rec []byte) uint64
	numbers [classes]uint16 // by class: its number, from 1 on; 0: not met yet
	met     uint16
	fillers []filler // by the number of the class
	hashes  []uint64 // by place, of all tables of a shard; 0: the place is free
	random  uint64   // which record gives way

	strays map[string]struct{} // members that no table had room for
	twice  int                 // records that were there already
}

// filler fills the table of one class.
type filler struct {
	places  []byte // the table's part of the shard's data
	hashes  []uint64
	records int
	width   int
	buckets uint32
}

// onHeap gives memory to pack into, of the heap.
func onHeap(size int) []byte { return make([]byte, size) }

// pack makes a shard of the records of a spool, in memory that it asks take for, once, as much as measure says. It calls
// keep with each record that is there for the first time.
func (p *packer) pack(s *spool, take func(size int) []byte, keep func(rec []byte, hash uint64)) shard {
	p.count(s)
	out := p.allocate(take)
	s.each(func(rec []byte) {
		class, payload := classOf(rec)
		hash := p.hash(rec)
		var moving [MaxMemberBytes]byte
		left := moving[:copy(moving[:], payload)]
		switch p.insert(&p.fillers[p.number(class)], hash, left) {
		case twice:
			p.twice++
			return
		case homeless:
			p.stray(rec, left)
		}
		keep(rec, hash)
	})
	for i := range p.fillers {
		p.fillers[i].fillUp()
	}
	return out
}

// measure is how much memory pack will ask for.
func (p *packer) measure(s *spool) int {
	p.count(s)
	size := 0
	for _, f := range p.fillers {
		size = sizeOf(size) + bucketsFor(f.records)*bucketPlaces*f.width
	}
	return size + overread
}

// count makes a filler for each class, and counts its records.
func (p *packer) count(s *spool) {
	p.fillers = p.fillers[:0]
	s.each(func(rec []byte) {
		class, payload := classOf(rec)
		for n := p.number(class); n >= len(p.fillers); {
			p.fillers = append(p.fillers, filler{})
		}
		f := &p.fillers[p.number(class)]
		f.records++
		f.width = len(payload)
	})
}

// number numbers classes in the order in which they are met.
func (p *packer) number(class int) int {
	if p.numbers[class] == 0 {
		p.met++
		p.numbers[class] = p.met
	}
	return int(p.numbers[class]) - 1
}

// allocate makes a shard with room for what the fillers count, and hands the room out to them.
func (p *packer) allocate(take func(size int) []byte) shard {
	out := shard{tables: make([]table, len(p.fillers))}
	size, places := 0, 0
	for i, f := range p.fillers {
		size = sizeOf(size)
		out.tables[i] = table{at: uint32(size), buckets: uint32(bucketsFor(f.records))}
		places += int(out.tables[i].buckets) * bucketPlaces
		size += int(out.tables[i].buckets) * bucketPlaces * f.width
	}
	out.data = take(size + overread)
	if cap(p.hashes) < places {
		p.hashes = make([]uint64, places+places/16)
	}
	clear(p.hashes[:places])
	place := 0
	for i := range p.fillers {
		f, t := &p.fillers[i], out.tables[i]
		n := int(t.buckets) * bucketPlaces
		f.buckets = t.buckets
		f.places = out.data[t.at:][:n*f.width]
		f.hashes = p.hashes[place : place+n]
		place += n
	}
	return out
}

// stray keeps a member that found no place: that with the payload, in the class of rec.
func (p *packer) stray(rec, payload []byte) {
	whole := append(bytes.Clone(rec[:len(rec)-len(payload)]), payload...)
	var buf [MaxMemberBytes]byte
	if p.strays == nil {
		p.strays = map[string]struct{}{}
	}
	p.strays[string(p.endings.decode(&buf, whole))] = struct{}{}
}

// outcome is what became of a record.
type outcome int

const (
	inserted outcome = iota
	twice            // it was there
	homeless         // it, or one that made room for it, found no place
)

// insert gives a payload a place. If one is left over, that is in payload afterwards.
func (p *packer) insert(f *filler, hash uint64, payload []byte) outcome {
	hash = max(hash, 1) // 0 is that of a free place; both pick the same buckets
	first, second := pick(hash, f.buckets)
	if f.holds(first, hash, payload) || f.holds(second, hash, payload) {
		return twice
	}
	if f.put(first, hash, payload) || f.put(second, hash, payload) {
		return inserted
	}
	bucket := second
	var moved [MaxMemberBytes]byte
	for range maxMoves {
		p.random += golden
		place := int(bucket)*bucketPlaces + int(mix(p.random)%bucketPlaces)
		copy(moved[:], f.at(place))
		copy(f.at(place), payload)
		copy(payload, moved[:])
		hash, f.hashes[place] = f.hashes[place], hash
		if first, second = pick(hash, f.buckets); bucket == first {
			bucket = second
		} else {
			bucket = first
		}
		if f.put(bucket, hash, payload) {
			return inserted
		}
	}
	return homeless
}

func (f *filler) at(place int) []byte { return f.places[place*f.width:][:f.width] }

// bucket gives the hashes of a bucket's places.
func (f *filler) bucket(bucket uint32) *[bucketPlaces]uint64 {
	return (*[bucketPlaces]uint64)(f.hashes[int(bucket)*bucketPlaces:])
}

// holds tells whether a payload is in a bucket.
func (f *filler) holds(bucket uint32, hash uint64, payload []byte) bool {
	for i, h := range f.bucket(bucket) {
		if h == hash && bytes.Equal(f.at(int(bucket)*bucketPlaces+i), payload) {
			return true
		}
	}
	return false
}

// put stores a payload in a bucket, if that has room.
func (f *filler) put(bucket uint32, hash uint64, payload []byte) bool {
	hashes := f.bucket(bucket)
	for i := range hashes {
		if hashes[i] == 0 {
			hashes[i] = hash
			copy(f.at(int(bucket)*bucketPlaces+i), payload)
			return true
		}
	}
	return false
}

// fillUp copies a record into all places that are left.
func (f *filler) fillUp() {
	some := 0
	for some < len(f.hashes) && f.hashes[some] == 0 {
		some++
	}
	for place, hash := range f.hashes {
		if hash == 0 {
			copy(f.at(place), f.at(some))
		}
	}
}
