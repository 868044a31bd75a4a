package admin

import (
	"sync/atomic"
	"time"
)

// pace bounds how often something is begun: by making it wait, not by refusing it, so that a flood is slowed down to what the data
// plane does not notice, and everybody else hardly waits. It is a bucket of turns, kept as the moment when the next
// turn would be due if all were taken evenly (the generic cell rate algorithm). Safe for concurrent use.
type pace struct {
	gap   time.Duration // between two turns in the long run
	burst int           // how many may be taken at once
	most  time.Duration // the longest wait; then it is the waiting ones' number that bounds how often
	due   atomic.Int64
}

// turn takes a turn at the time now, and gives how long to wait before it is used.
func (p *pace) turn(now time.Duration) time.Duration {
	for {
		due := p.due.Load()
		free := p.gap * time.Duration(p.burst)
		next := min(max(due, int64(now))+int64(p.gap), int64(now+free+p.most))
		if p.due.CompareAndSwap(due, next) {
			return max(0, time.Duration(next-int64(now))-free)
		}
	}
}
