package telemetry

import "sync"

// pen gathers the lines of one who writes. It stands alone in its cache lines.
type pen struct {
	mu      sync.Mutex // guards all; whoever has the pen takes it for a line, the writer for a moment now and then
	batch   *batch     // nil: nothing since the last one was handed over
	scratch scratch
	closed  bool
	_       [128]byte
}

// batch is some lines on their way to the target. Its room is used again.
type batch struct {
	text  []byte
	lines int
	ends  []int // where they end, for a target that takes each by itself
}

// batchRoom is for a full batch and the line that has filled it, which mostly is shorter than this.
const batchRoom = accessLogBuffer + 4<<10

func newBatch() *batch { return &batch{text: make([]byte, 0, batchRoom)} }

// empty takes everything out of the batch but the room that it has, unless that was for an exception.
func (b *batch) empty() {
	b.text, b.lines, b.ends = b.text[:0], 0, b.ends[:0]
	if cap(b.text) > 4*accessLogBuffer {
		b.text = make([]byte, 0, batchRoom)
	}
}

// full reports whether the batch is to be handed over.
func (b *batch) full() bool { return len(b.text) >= accessLogBuffer }

// Put writes the record as a line, with the pen of that index. Of the record no more is kept than that says. If the writer is behind by more than is
// allowed to wait, the record is dropped and counted; Put never waits for it. Two may use one pen at the same time, but wait for one
// another. false: the log was closed before, and has taken nothing.
func (l *AccessLog) Put(at int, r *Record) bool {
	p := &l.pens[at]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	switch {
	case p.batch != nil && p.batch.full() && !l.handOver(p):
		l.dropped.Add(1)
		return true
	case p.batch == nil:
		p.batch = l.takeBatch()
		if l.armed.CompareAndSwap(false, true) {
			select {
			case l.begun <- struct{}{}:
			default:
			}
		}
	}
	b := p.batch
	b.text = l.encoder.append(b.text, r, &p.scratch)
	b.lines++
	if l.encoder.each {
		b.ends = append(b.ends, len(b.text))
	}
	if b.full() {
		l.handOver(p)
	}
	return true
}

func (l *AccessLog) takeBatch() *batch {
	select {
	case b := <-l.free:
		return b
	default:
		return newBatch()
	}
}

// handOver gives a pen's batch to the writer. The caller has the pen. false: too much is waiting already.
func (l *AccessLog) handOver(p *pen) bool {
	size := int64(len(p.batch.text))
	if waiting := l.waiting.Add(size); waiting <= accessLogBytes || waiting == size { // one alone may be as large as it is
		select {
		case l.queue <- p.batch:
			p.batch = nil
			return true
		default:
		}
	}
	l.waiting.Add(-size)
	return false
}
