package audience

// spool collects records, one after another.
type spool struct {
	// chunks hold the records, none of which is cut in two. So a spool grows without being copied, and what is packed can
	// be given back.
	chunks  [][]byte
	counts  []uint32 // of records, by the number of their class
	records int
	room    *chunks // where chunks of full size are from; nil: the heap
}

const (
	chunkShift = 15
	chunkBytes = 1 << chunkShift

	// maxChunks bounds a spool, so that 32 bits tell where in it a record is, and at which cache line of a set a table begins. A set of
	// honest members has 240 GB then.
	maxChunks = 1<<15 - 1<<12
)

// append stores a record, of the class with that number, after the others, and tells whether there is room.
func (s *spool) append(rec []byte, number int) bool {
	last := len(s.chunks) - 1
	switch {
	case last < 0:
		s.chunks = append(s.chunks, make([]byte, 0, 2*maxRecord))
		last = 0
	case len(s.chunks[last])+len(rec) <= cap(s.chunks[last]):
	case cap(s.chunks[last]) < chunkBytes:
		size := 2 * cap(s.chunks[last])
		if size >= chunkBytes {
			s.chunks[last] = append(s.room.get(), s.chunks[last]...)
		} else {
			s.chunks[last] = append(make([]byte, 0, size), s.chunks[last]...)
		}
		return s.append(rec, number)
	case len(s.chunks) >= maxChunks:
		return false
	default:
		s.chunks = append(s.chunks, s.room.get())
		last++
	}
	s.chunks[last] = append(s.chunks[last], rec...)
	for number >= len(s.counts) {
		s.counts = append(s.counts, 0)
	}
	s.counts[number]++
	s.records++
	return true
}

// each calls f with every record, and where in the spool it is. A record must not be kept or changed.
func (s *spool) each(f func(at uint32, rec []byte)) {
	for i, chunk := range s.chunks {
		for at := 0; at < len(chunk); {
			n := recordLen(chunk[at:])
			f(uint32(i<<chunkShift+at), chunk[at:][:n])
			at += n
		}
	}
}

// from gives what is in the spool from a place in it on, up to the end of the chunk.
func (s *spool) from(at uint32) []byte {
	return s.chunks[at>>chunkShift][at%chunkBytes:]
}

// give gives up all records.
func (s *spool) give() {
	for _, chunk := range s.chunks {
		s.room.put(chunk)
	}
	s.chunks, s.counts, s.records = nil, nil, 0
}
