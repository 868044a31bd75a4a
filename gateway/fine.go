package gateway

import (
	"math"
	"time"

	"github.com/panjf2000/gnet/v2"

	"graygate/internal/priority"
)

// fineClock is a loop's second timer wheel, in steps of a millisecond, for what would come too late by the ticks of the first:
// per-try time-outs, hedged attempts, the queues' time-outs. Nothing turns it while nothing waits in it: a timer of
// the runtime hops onto the loop when the next deadline has passed. It belongs to its loop.
type fineClock struct {
	wheel
	armed int64 // for when the runtime's timer is set; 0: it is not
	timer *time.Timer
}

func (f *fineClock) start(l *loop) {
	f.init(fineTick)
	f.timer = time.AfterFunc(math.MaxInt64, func() { _, _ = l.doorPeer.Write(knock) })
}

var knock = []byte{0}

// door is the peer at the loop's end of its own pipe: a byte that comes there turns the fine clock. To hop onto the loop by
// gnet's queue, as the ticks do, would be three allocations a time, and this clock may strike a thousand times a second.
type door struct{}

// opened is the first thing that happens on a loop.
func (door) opened(*loop, gnet.Conn) { priority.WakeAtOnce() }

func (door) traffic(l *loop, _ []byte) { l.turnFine() }
func (door) closed(*loop, error)       {}
func (door) panicked(*loop)            {}

func (f *fineClock) stop() {
	if f.timer != nil {
		f.timer.Stop()
	}
}

// later gives t a deadline so far from now, by the clock that suits it: what waits for long can do so with the others, and
// need not wake the loop each time that its slot comes round.
func (l *loop) later(t *timer, now int64, wait time.Duration) {
	if wait < fineWait {
		l.soon(t, now, wait)
		return
	}
	if t.fine {
		t.unlink()
		t.fine = false
	}
	l.wheel.set(t, now+int64(wait))
}

// soon gives t a deadline so far from now by the fine clock.
func (l *loop) soon(t *timer, now int64, wait time.Duration) {
	if !t.fine {
		t.unlink()
		t.fine = true
	}
	l.fine.set(t, now+int64(wait))
	l.arm(t.deadline)
}

// arm sees to it that the fine clock is turned at that moment, if not before.
func (l *loop) arm(at int64) {
	if f := &l.fine; f.armed == 0 || at < f.armed {
		f.armed = at
		f.timer.Reset(time.Duration(max(at-l.g.clock(), int64(fineTick))))
	}
}

// turnFine tells those whose deadline has passed. Called on the loop.
func (l *loop) turnFine() {
	now := l.g.clock()
	l.fine.armed = 0
	l.fine.advance(l, now)
	if at := l.fine.next(); at > 0 {
		l.arm(at)
	}
}
