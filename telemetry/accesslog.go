// Package telemetry carries what happened to where people read it. Nothing in it blocks the data plane: what
// cannot be written in time is dropped and counted.
package telemetry

import (
	"bufio"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Record is one line of the access log. A record is taken with [AccessLog.Take], filled, and given back by
// [AccessLog.Put]; after that the caller keeps nothing of it. The byte slices belong to the
// record: fill them with append on the emptied slice, so that their room is used again.
type Record struct {
	Time      time.Time
	Client    string // the client's address, without port
	Method    []byte
	Host      []byte
	Target    []byte
	RequestID []byte
	Status    int   // as answered; 0 if nothing was
	BytesOut  int64 // head and body, to the client
	Duration  time.Duration
	Route     string
	Rule      string // what chose the pool: a rule, or EXPERIMENT=VARIANT; empty where neither did
	Tag       string // gray or stable, as assigned
	Pool      string // as served
	Upstream  string // address of the last endpoint tried
	Attempts  int    // endpoints tried
	Fallback  bool   // assigned to gray, served by stable
	Error     string // the machine-readable reason, as in X-Graygate-Error; empty if none
	Cut       bool   // the answer was broken off

	Experiments []byte // the assignments, as in X-Experiment
}

// AccessLog writes records as JSON lines, in a goroutine of its own. Its methods may be called concurrently.
type AccessLog struct {
	queue   chan *Record
	free    chan *Record
	out     *os.File
	owned   bool // out is ours to close
	dropped atomic.Uint64
	stop    chan struct{} // closed by Close; the queue never is, so that a late Put does no harm
	done    chan struct{}
	close   sync.Once
}

// OpenAccessLog opens the log. to is "stdout", "stderr", or the path of a file, which is appended to and made with
// mode 0640. The error is that of opening the file.
func OpenAccessLog(to string) (*AccessLog, error) {
	l := &AccessLog{
		queue: make(chan *Record, accessLogQueue),
		free:  make(chan *Record, accessLogQueue),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	switch to {
	case "stdout":
		l.out = os.Stdout
	case "stderr":
		l.out = os.Stderr
	default:
		f, err := os.OpenFile(to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, err
		}
		l.out, l.owned = f, true
	}
	go l.write(l.out)
	return l, nil
}

// Take gives an empty record.
func (l *AccessLog) Take() *Record {
	select {
	case r := <-l.free:
		*r = Record{Method: r.Method[:0], Host: r.Host[:0], Target: r.Target[:0], RequestID: r.RequestID[:0], Experiments: r.Experiments[:0]}
		return r
	default:
		return &Record{}
	}
}

// Put hands the record to the writer. If the writer is behind by more than its queue holds, the record is dropped
// and counted; Put never blocks.
// After Close what is put is lost.
func (l *AccessLog) Put(r *Record) {
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
		l.release(r)
	}
}

// Dropped is how many records were lost because the writer was behind.
func (l *AccessLog) Dropped() uint64 { return l.dropped.Load() }

// Close writes what is queued and closes the file.
func (l *AccessLog) Close() {
	l.close.Do(func() { close(l.stop) })
	<-l.done
}

func (l *AccessLog) release(r *Record) {
	select {
	case l.free <- r:
	default:
	}
}

// write runs until Close, and then writes what is queued. What is buffered is flushed as soon as the queue is empty,
// so that a reader never waits for the next request.
func (l *AccessLog) write(out io.Writer) {
	defer close(l.done)
	buffered := bufio.NewWriterSize(out, accessLogBuffer)
	log := zerolog.New(buffered)
	for l.next(log) {
		if len(l.queue) == 0 && buffered.Flush() != nil {
			// An error of the disk or of a pipe's reader: the line is lost, the traffic is not.
			buffered.Reset(out)
			l.dropped.Add(1)
		}
	}
	_ = buffered.Flush()
	if l.owned {
		_ = l.out.Close()
	}
}

// next waits for a record and writes it; false when the log is closed and the queue is empty.
func (l *AccessLog) next(log zerolog.Logger) bool {
	var r *Record
	select {
	case r = <-l.queue:
	case <-l.stop:
		select {
		case r = <-l.queue:
		default:
			return false
		}
	}
	line(log, r)
	l.release(r)
	return true
}

func line(log zerolog.Logger, r *Record) {
	e := log.Log().
		Time("time", r.Time).
		Str("client", r.Client).
		Bytes("method", r.Method).
		Bytes("host", r.Host).
		Bytes("target", r.Target).
		Int("status", r.Status).
		Int64("bytes_out", r.BytesOut).
		Float64("duration_ms", float64(r.Duration.Microseconds())/1e3)
	if r.Route != "" {
		e.Str("route", r.Route).Str("tag", r.Tag).Str("pool", r.Pool).Int("attempts", r.Attempts)
	}
	if r.Rule != "" {
		e.Str("rule", r.Rule)
	}
	if len(r.Experiments) > 0 {
		e.Bytes("experiments", r.Experiments)
	}
	if r.Upstream != "" {
		e.Str("upstream", r.Upstream)
	}
	if len(r.RequestID) > 0 {
		e.Bytes("request_id", r.RequestID)
	}
	if r.Fallback {
		e.Bool("fallback", true)
	}
	if r.Error != "" {
		e.Str("error", r.Error)
	}
	if r.Cut {
		e.Bool("cut", true)
	}
	e.Send()
}
