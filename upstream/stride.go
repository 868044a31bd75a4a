package upstream

// stride is the order of round_robin: it goes round the endpoints, and one of weight w is passed over in all but w of
// every maxStride rounds, which are spread evenly and differ between endpoints. So every stretch of the order has the
// shares of the whole (smooth), and a turn needs one counter and no memory of its own: it survives that the endpoints
// change. After gRPC's static stride scheduler. Immutable.
type stride struct {
	n     uint64
	turns []uint16 // of maxStride rounds; nil: all are equal. One has all
}

const (
	maxStride = 1<<16 - 1
	// strideOffset spreads the rounds in which neighbours of one weight are passed over.
	strideOffset = maxStride / 2
)

func newStride(weights []float64) stride {
	s := stride{n: uint64(len(weights))}
	greatest, equal := 0.0, true
	for _, w := range weights {
		greatest = max(greatest, w)
		equal = equal && w == weights[0]
	}
	if equal {
		return s
	}
	s.turns = make([]uint16, len(weights))
	for i, w := range weights {
		s.turns[i] = uint16(max(1, w/greatest*maxStride+0.5))
	}
	return s
}

// at tells whether the turn number count is taken, and by which index. One of any n turns in a row is.
func (s *stride) at(count uint64) (int, bool) {
	i := count % s.n
	if s.turns == nil {
		return int(i), true
	}
	turns := uint64(s.turns[i])
	return int(i), (turns*(count/s.n)+strideOffset*i)%maxStride >= maxStride-turns
}
