package telemetry

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What waits has a bound, in bytes as in batches. The lines beyond it are dropped, and not those before them; a line alone may be as long
// as it is.
func TestAccessLogBoundsBytes(t *testing.T) {
	row := func(name string, each, pens, batches, lines int) {
		t.Run(name, func(t *testing.T) {
			l := newAccessLog(AccessOptions{Fields: onlyTarget, Pens: pens}, newFileTarget("", os.Stdout)) // without a writer
			r := &Record{Target: strings.Repeat("x", each)}
			for range 2 * lines {
				for at := range pens {
					l.Put(at, r)
				}
			}
			kept := 0
			for i := range l.pens {
				if b := l.pens[i].batch; b != nil {
					kept += b.lines
				}
			}
			if got := len(l.queue); got != batches {
				t.Errorf("got %d batches queued, want %d", got, batches)
			}
			for range len(l.queue) {
				b := <-l.queue
				kept += b.lines
				l.waiting.Add(-int64(len(b.text)))
			}
			if want := int64(2*lines*pens - kept); int64(l.Dropped()) != want || want == 0 || l.waiting.Load() != 0 {
				t.Errorf("got %d dropped, and %d bytes that wait in an empty queue; want %d and none", l.Dropped(), l.waiting.Load(), want)
			}
		})
	}
	const megabyte = 1 << 20
	row("of a megabyte", megabyte, 1, accessLogBytes/megabyte-1, accessLogBytes/megabyte)
	row("of a kilobyte", 1<<10, 2, accessLogQueue-1, accessLogBytes>>10)
	row("beyond all bounds", accessLogBytes, 1, 1, 2)
}

// The lines of a pen stand in the order in which they were put, whoever hands their batches over.
func TestAccessLogKeepsTheOrder(t *testing.T) {
	const pens, lines = 3, 3000
	l, path := open(t, AccessOptions{Fields: onlyTarget, Pens: pens})
	var all sync.WaitGroup
	for at := range pens {
		all.Go(func() {
			for i := range lines {
				if !l.Put(at, &Record{Target: fmt.Sprintf("%d %d %0*d", at, i, 200, 0)}) {
					t.Errorf("line %d of pen %d was not taken", i, at)
				}
				if i%100 == 0 {
					l.pens[at].mu.Lock()
					if l.pens[at].batch != nil {
						l.handOver(&l.pens[at]) // as the writer does, in the midst of it
					}
					l.pens[at].mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	l.Close()
	var next [pens]int
	for got := range strings.Lines(text(t, path)) {
		var at, i int
		if _, err := fmt.Sscanf(got, `{"target":"%d %d `, &at, &i); err != nil {
			t.Fatalf("%v: %q", err, got)
		}
		if i != next[at] {
			t.Fatalf("pen %d: got line %d, want %d", at, i, next[at])
		}
		next[at]++
	}
	if want := [pens]int{lines, lines, lines}; next != want || l.Dropped() != 0 {
		t.Errorf("lines by pen: got %v and %d dropped, want %v", next, l.Dropped(), want)
	}
	if l.Put(0, &Record{}) {
		t.Error("a log that is closed has taken a line")
	}
}

// A line reaches the file soon, whether others follow or not; and again after the log had nothing to do.
func TestAccessLogWritesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &told{}
		l := newAccessLog(AccessOptions{Fields: onlyTarget, Pens: 2}, to)
		go l.run()
		defer func() {
			l.Close()
			<-l.done
		}()
		for turn := range 3 {
			time.Sleep(time.Hour) // of the bubble's clock, which nobody waits for
			at := time.Now()
			l.Put(turn%2, &Record{Target: "a"})
			l.Put(0, &Record{Target: "b"})
			time.Sleep(accessLogMoment + time.Millisecond)
			synctest.Wait()
			if to.lines != 2*(turn+1) {
				t.Errorf("turn %d, after %v: got %d lines, want %d", turn, time.Since(at), to.lines, 2*(turn+1))
			}
		}
		writes := to.writes
		time.Sleep(time.Hour)
		synctest.Wait()
		if to.writes != writes {
			t.Errorf("a log with nothing to do: got %d writes, want none", to.writes-writes)
		}
	})
}

// told is a target that counts.
type told struct{ lines, writes int }

func (f *told) each() bool { return false }
func (f *told) write(_ []byte, records int) int {
	f.lines += records
	f.writes++
	return 0
}
func (f *told) reopen() error { return nil }
func (f *told) abort()        {}
func (f *told) close()        {}

// Batches are used again, but for those that an exception has made large.
func TestAccessLogReusesBatches(t *testing.T) {
	l := newAccessLog(AccessOptions{Fields: onlyTarget}, &told{})
	row := func(target int, want bool) {
		l.Put(0, &Record{Target: strings.Repeat("x", target)})
		l.fetch()
		b := l.takeBatch()
		if len(b.text) != 0 || b.lines != 0 || len(b.ends) != 0 {
			t.Errorf("%d bytes: got a batch that is not empty: %d lines", target, b.lines)
		}
		if got := cap(b.text) > 4*accessLogBuffer; got {
			t.Errorf("%d bytes: got a batch of %d, want one of the usual size", target, cap(b.text))
		}
		l.free <- b
		if got := testing.AllocsPerRun(10, func() { l.free <- l.takeBatch() }) == 0; got != want {
			t.Errorf("%d bytes: used again: got %v, want %v", target, got, want)
		}
	}
	row(10, true)
	row(8*accessLogBuffer, true)
}

// Neither to put a line nor to write it allocates anything.
func TestAccessLogAllocates(t *testing.T) {
	row := func(name string, o AccessOptions, to target) {
		t.Run(name, func(t *testing.T) {
			l := newAccessLog(o, to)
			r := filled(&Record{})
			once := func() {
				l.Put(0, r)
				r.Time = r.Time.Add(time.Second)
			}
			for range 3 * accessLogBuffer / 100 { // several batches
				once()
			}
			l.fetch()
			if got := testing.AllocsPerRun(1000, func() { once(); l.fetch() }); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
	row("json", AccessOptions{Fields: AccessFields()}, &told{})
	row("combined", AccessOptions{Format: FormatCombined}, &told{})
	journal := &journalTarget{}
	journal.aborted.Store(true)
	row("journal", AccessOptions{Fields: AccessFields()}, journal)
	row("journal, combined", AccessOptions{Format: FormatCombined}, journal)
}
