package faultlab

import (
	"sync"
	"time"
)

// Watchdog notes when the machine did not let this process run: a goroutine that has nothing to do but wake up, and measures how
// late it does. Gateway, backends and load are in the same process, so what it suffers they suffer, too. Times that are promised
// are measured without such stalls, and what fails in a run with long ones is no verdict. Safe for concurrent use.
type Watchdog struct {
	stop, done chan struct{}

	mu     sync.Mutex
	stalls []stall
}

// stall is a time in which this process did not run.
type stall struct{ from, to time.Time }

// NewWatchdog starts one. It is to be closed.
func NewWatchdog() *Watchdog {
	w := &Watchdog{stop: make(chan struct{}), done: make(chan struct{})}
	go w.watch()
	return w
}

// Close ends it; what it has noted stays.
func (w *Watchdog) Close() {
	close(w.stop)
	<-w.done
}

// Net is the time from one moment to another without the stalls between.
func (w *Watchdog) Net(from, to time.Time) time.Duration {
	sum, _ := w.between(from, to)
	return to.Sub(from) - sum
}

// Worst is the longest stall between two moments, or as much of it as lies between them.
func (w *Watchdog) Worst(from, to time.Time) time.Duration {
	_, worst := w.between(from, to)
	return worst
}

func (w *Watchdog) between(from, to time.Time) (sum, worst time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.stalls) - 1; i >= 0 && w.stalls[i].to.After(from); i-- {
		begin, end := w.stalls[i].from, w.stalls[i].to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		if long := end.Sub(begin); long > 0 {
			sum += long
			worst = max(worst, long)
		}
	}
	return sum, worst
}

func (w *Watchdog) watch() {
	defer close(w.done)
	timer := time.NewTimer(watchStep)
	defer timer.Stop()
	for due := time.Now().Add(watchStep); ; {
		select {
		case <-timer.C:
		case <-w.stop:
			return
		}
		now := time.Now()
		if now.Sub(due) >= noticed {
			w.note(stall{due, now})
		}
		due = now.Add(watchStep)
		timer.Reset(watchStep)
	}
}

func (w *Watchdog) note(s stall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.stalls) < maxStalls {
		w.stalls = append(w.stalls, s)
	}
}
