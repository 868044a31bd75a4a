// Package telemetry carries what happened to where people read it. Nothing in it blocks the data plane: what
// cannot be written in time is dropped and counted.
package telemetry

import (
	"sync"
	"sync/atomic"
	"time"
)

// AccessLog writes records. Whoever has one writes it as a line into a pen of its own, at once, and hands a batch of lines to a
// goroutine that writes them to the file. Its methods may be called concurrently.
type AccessLog struct {
	wants    Wants
	encoder  encoder
	target   target
	pens     []pen
	queue    chan *batch
	free     chan *batch
	waiting  atomic.Int64 // bytes of the batches in queue, and of the one that is being written
	armed    atomic.Bool  // the writer is going to look at the pens; see (*AccessLog).run
	dropped  *atomic.Uint64
	begun    chan struct{} // a pen has something, and the writer is not armed
	wake     chan struct{} // the target has something new to see to
	stop     chan struct{} // closed by Close; the queue never is, so that a late Put does no harm
	done     chan struct{}
	patience time.Duration // see accessLogPatience
	close    sync.Once
}

// AccessOptions say where an access log goes and what it tells.
type AccessOptions struct {
	To      string         // "stdout", "stderr", "journald", or the path of a file, which is appended to and made with mode 0640
	Format  string         // a Format constant; "" is FormatJSON
	Fields  []string       // of [AccessFields], in the order of the lines; nil is [DefaultAccessFields]. FormatCombined has no use for it
	Pens    int            // how many write at the same time, each with a pen of its own; 0: one
	Dropped *atomic.Uint64 // what counts the records that are lost; nil: one of the log's own
}

// The formats of the access log.
const (
	FormatJSON     = "json"     // a JSON object a line; in the journal, a field of the entry for each
	FormatCombined = "combined" // NCSA's combined log format, as nginx writes it
)

// OpenAccessLog opens the log. The error is that of opening the file, or of reaching journald. Of fields that are not known it
// panics: they have been checked before.
func OpenAccessLog(o AccessOptions) (*AccessLog, error) {
	target, err := openTarget(o.To)
	if err != nil {
		return nil, err
	}
	l := newAccessLog(o, target)
	go l.run()
	return l, nil
}

func newAccessLog(o AccessOptions, to target) *AccessLog {
	pens := max(o.Pens, 1)
	_, journal := to.(*journalTarget)
	l := &AccessLog{
		target:   to,
		encoder:  newEncoder(o, journal),
		pens:     make([]pen, pens),
		queue:    make(chan *batch, accessLogQueue),
		free:     make(chan *batch, pens+accessLogSpare),
		dropped:  o.Dropped,
		begun:    make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		patience: accessLogPatience,
	}
	if l.dropped == nil {
		l.dropped = new(atomic.Uint64)
	}
	l.wants = l.encoder.wants()
	return l
}

// target is where the bytes go. write and close are the writer's alone; the others may be called concurrently with them.
type target interface {
	// each reports whether every record is written by itself.
	each() bool
	// write tries to write all of b, and gives how many records of it, which are as many as records, are lost.
	write(b []byte, records int) (lost int)
	// reopen opens the target anew. What is written after it has returned goes there. After close it changes nothing.
	reopen() error
	// abort makes a write that hangs give up, if it can, and those after it fail.
	abort()
	close()
}

// Wants are the parts of requests that the log writes and that are worth keeping for it alone.
func (l *AccessLog) Wants() Wants { return l.wants }

// Dropped is how many records were lost: the writer was behind, or what it writes to took nothing. With
// [AccessOptions].Dropped it is what that says.
func (l *AccessLog) Dropped() uint64 { return l.dropped.Load() }

// Reopen opens the file anew by its path, so that a file that was renamed can be put away; other targets stay as they are. What
// is put after it has returned goes into the new file, what was put before it into either of them. After an error the log
// writes on as before.
func (l *AccessLog) Reopen() error {
	if err := l.target.reopen(); err != nil {
		return err
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// Close writes what was put and closes the file. If what it is written to takes nothing for two seconds, it is left to itself, and what
// waits may be lost.
func (l *AccessLog) Close() {
	l.close.Do(func() { close(l.stop) })
	patience := time.NewTimer(l.patience)
	defer patience.Stop()
	select {
	case <-l.done:
	case <-patience.C:
		l.target.abort()
	}
}

// run writes until Close, and then what there is. Full batches come by the queue. What is less it fetches from the pens, a moment
// after the first line: to be woken for every line would cost the loops, which wake it, more than all else that is told of a
// request. A pen that begins a batch while nobody is going to look at it says so, and that arms the writer: it looks again and again
// as long as it finds something.
func (l *AccessLog) run() {
	defer close(l.done)
	defer l.target.close()
	moment := time.NewTimer(accessLogMoment)
	defer moment.Stop()
	for {
		select {
		case b := <-l.queue:
			l.write(b)
		case <-l.begun:
			moment.Reset(accessLogMoment)
		case <-moment.C:
			l.armed.Store(false) // before the pens are looked at: one that begins after that says so
			if l.fetch() {
				l.armed.Store(true)
				moment.Reset(accessLogMoment)
			}
		case <-l.wake:
			l.target.write(nil, 0)
		case <-l.stop:
			l.finish()
			return
		}
	}
}

// fetch writes what the pens have gathered. false: they had nothing.
func (l *AccessLog) fetch() (found bool) {
	for i := range l.pens {
		p := &l.pens[i]
		p.mu.Lock()
		if p.batch != nil {
			found = true
			l.handOver(p) // by the queue, behind what the pen has put there before; if that is full, next time
		}
		p.mu.Unlock()
		l.drain()
	}
	return found
}

// finish closes the pens and writes all there is.
func (l *AccessLog) finish() {
	for i := range l.pens {
		p := &l.pens[i]
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
	}
	for l.fetch() { // again if there was no room in the queue
	}
	l.drain()
}

// drain writes what is in the queue.
func (l *AccessLog) drain() {
	for {
		select {
		case b := <-l.queue:
			l.write(b)
		default:
			return
		}
	}
}

// write writes a batch, and makes it an empty one.
func (l *AccessLog) write(b *batch) {
	lost := 0
	if l.target.each() {
		from := 0
		for _, end := range b.ends {
			lost += l.target.write(b.text[from:end], 1)
			from = end
		}
	} else {
		lost = l.target.write(b.text, b.lines)
	}
	l.dropped.Add(uint64(lost))
	l.waiting.Add(-int64(len(b.text)))
	b.empty()
	select {
	case l.free <- b:
	default:
	}
}
