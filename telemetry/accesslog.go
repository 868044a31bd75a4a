// Package telemetry carries what happened to where people read it. Nothing in it blocks the data plane: what
// cannot be written in time is dropped and counted.
package telemetry

import (
	"sync"
	"sync/atomic"
	"time"
)

// AccessLog writes records, in a goroutine of its own. Its methods may be called concurrently.
type AccessLog struct {
	wants    Wants
	encoding encoding
	target   target
	queue    chan *Record
	free     chan *Record
	waiting  atomic.Int64 // bytes of the texts of the records in queue
	dropped  *atomic.Uint64
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
	l := &AccessLog{
		target:   to,
		queue:    make(chan *Record, accessLogQueue),
		free:     make(chan *Record, accessLogQueue),
		dropped:  o.Dropped,
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		patience: accessLogPatience,
	}
	if l.dropped == nil {
		l.dropped = new(atomic.Uint64)
	}
	fields := o.Fields
	if fields == nil {
		fields = DefaultAccessFields()
	}
	_, journal := to.(*journalTarget)
	switch {
	case o.Format == FormatCombined:
		l.encoding, l.wants = combinedLines{}, Wants{UserAgent: true, Referer: true}
		if journal {
			l.encoding = newJournalEntries(nil)
		}
	case journal:
		l.encoding, l.wants = newJournalEntries(fields), wantsOf(fields)
	default:
		l.encoding, l.wants = newJSONLines(fields), wantsOf(fields)
	}
	return l
}

// encoding turns records into bytes. It is the writer's alone.
type encoding interface {
	// append writes the record behind b.
	append(b []byte, r *Record) []byte
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

// Take gives an empty record.
func (l *AccessLog) Take() *Record {
	select {
	case r := <-l.free:
		r.empty()
		return r
	default:
		return &Record{}
	}
}

// Put hands the record to the writer. If the writer is behind by more than its queue holds, the record is dropped
// and counted; Put never blocks.
// After Close what is put is lost.
func (l *AccessLog) Put(r *Record) {
	size := r.size()
	if l.waiting.Add(size) <= accessLogBytes {
		select {
		case l.queue <- r:
			return
		default:
		}
	}
	l.waiting.Add(-size)
	l.dropped.Add(1)
	l.release(r)
}

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

// Close writes what is queued and closes the file. If what it is written to takes nothing for two seconds, it is left to itself, and what
// is queued may be lost.
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

func (l *AccessLog) release(r *Record) {
	if r.room() > accessLogKept {
		return
	}
	select {
	case l.free <- r:
	default:
	}
}

// run writes until Close, and then what is queued. It waits for the first record, and then looks every moment for what has come: to be
// woken and to write for every record would cost the loops, which wake it, more than all else that is told of a request. What is
// gathered is written then, so that a reader never waits for the next request.
func (l *AccessLog) run() {
	defer close(l.done)
	defer l.target.close()
	b, records := make([]byte, 0, accessLogBuffer), 0
	moment := time.NewTimer(accessLogMoment)
	defer moment.Stop()
	busy := false // records have come just now: more will
	for {
		if busy && len(l.queue) == 0 {
			l.pause(moment)
		}
		busy = false
		r, more := l.next()
		if !more {
			return
		}
		if r == nil { // woken
			l.target.write(nil, 0)
			continue
		}
		b = l.encoding.append(b, r)
		records++
		l.waiting.Add(-r.size())
		l.release(r)
		if !l.target.each() && len(b) < accessLogBuffer {
			if records == 1 && len(l.queue) == 0 {
				l.pause(moment)
			}
			if len(l.queue) > 0 {
				continue
			}
			busy = true
		}
		l.dropped.Add(uint64(l.target.write(b, records)))
		if cap(b) > 4*accessLogBuffer {
			b = make([]byte, 0, accessLogBuffer)
		}
		b, records = b[:0], 0
	}
}

// pause waits a moment, and not for the queue: who waits for that has to be woken.
func (l *AccessLog) pause(moment *time.Timer) {
	moment.Reset(accessLogMoment)
	select {
	case <-moment.C:
	case <-l.stop:
	}
}

// next waits for a record, or to be woken: then nil. false: the log is closed and the queue is empty.
func (l *AccessLog) next() (*Record, bool) {
	select { // what there is mostly is there already, and to ask one channel is much cheaper than to ask three
	case r := <-l.queue:
		return r, true
	default:
	}
	select {
	case r := <-l.queue:
		return r, true
	case <-l.wake:
		return nil, true
	case <-l.stop:
		select {
		case r := <-l.queue:
			return r, true
		default:
			return nil, false
		}
	}
}
