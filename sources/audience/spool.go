package audience

// spool collects records, one after another.
type spool struct {
	// chunks hold the records, none of which is cut in two. So a spool grows without being copied, and what is packed can
	// be given back.
	chunks  [][]byte
	records int
	room    *chunks // where chunks of full size are from; nil: the heap
}

const (
	chunkBytes = 1 << 16

	// maxChunks bounds a spool, so that a shard's places are counted in 32 bits. A set of honest members has 250 GB then.
	maxChunks = 1<<16 - 1<<10
)

// append stores a record after the others, and tells whether there is room.
func (s *spool) append(rec []byte) bool {
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
		return s.append(rec)
	case len(s.chunks) >= maxChunks:
		return false
	default:
		s.chunks = append(s.chunks, s.room.get())
		last++
	}
	s.chunks[last] = append(s.chunks[last], rec...)
	s.records++
	return true
}

// each calls f with every record. A record must not be kept or changed.
func (s *spool) each(f func(rec []byte)) {
	for _, chunk := range s.chunks {
		for len(chunk) > 0 {
			n := recordLen(chunk)
			f(chunk[:n])
			chunk = chunk[n:]
		}
	}
}

// give gives up all records.
func (s *spool) give() {
	for _, chunk := range s.chunks {
		s.room.put(chunk)
	}
	s.chunks, s.records = nil, 0
}
