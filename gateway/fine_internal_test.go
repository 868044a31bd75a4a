package gateway

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// noted notes when it is told.
type noted struct {
	timer
	at []int64
}

func (n *noted) expire(l *loop) { n.at = append(n.at, l.now) }

// An exchange's timers keep their places in the wheels from request to request. What one request has set is no deadline of
// the next, which may be sooner or later, and by the other wheel: each is met once, not early, and at most two steps late.
func TestKeptTimers(t *testing.T) {
	l := &loop{g: &Gateway{began: time.Now()}}
	l.wheel.init(tick)
	l.fine.start(l)
	defer l.fine.stop()
	draw := rand.New(rand.NewPCG(1, 2))
	waits := []time.Duration{3 * time.Millisecond, 40 * time.Millisecond, 700 * time.Millisecond, fineWait, 3 * time.Second, 70 * time.Second}
	n := &noted{}
	n.owner = n
	var due, late int64 // of the deadline at hand, 0 for none
	for range 5000 {
		switch draw.IntN(4) {
		case 0:
			n.deadline, due = 0, 0 // as reset does
		case 1:
			wait := waits[draw.IntN(len(waits))]
			n.deadline = 0
			l.later(&n.timer, l.now, wait)
			due, late = l.now+int64(wait), int64(2*fineTick)
			if wait >= fineWait {
				late = int64(2 * tick)
			}
		default:
			for range draw.IntN(400) { // by the finer step, so that it is seen when it was told
				l.now += int64(fineTick)
				l.fine.advance(l, l.now)
				if l.now%int64(tick) == 0 {
					l.wheel.advance(l, l.now)
				}
			}
		}
		switch {
		case len(n.at) == 0 && (due == 0 || l.now <= due+late):
		case len(n.at) == 1 && due > 0 && n.at[0] >= due && n.at[0] <= due+late:
			n.at, due = nil, 0
		default:
			t.Fatalf("at %v: told at %v, due %v", time.Duration(l.now), n.at, time.Duration(due))
		}
	}
	n.unlink()
	for _, w := range []*wheel{&l.wheel, &l.fine.wheel} {
		if slices.ContainsFunc(w.slots[:], func(s timer) bool { return s.next != s.prev }) || w.next() != 0 {
			t.Error("unlinked, and still in a wheel")
		}
	}
}

// An exchange that is used again knows nothing of the request before.
func TestReset(t *testing.T) {
	ex := &exchange{g: &Gateway{}, out: []byte("x"), notes: notes{text: make([]byte, keptBuffer+1)}, cookies: []byte("y")}
	ex.notes.mark(ofAgent, 0)
	ex.noteFailed(noRoom, 1)
	ex.judged = append(ex.judged, judged{unit: 1})
	ex.passing = passing{rule: "r", gray: true, sent: 1, attempts: 2, hedged: true, status: 200, bytesOut: 3}
	ex.arrived.Store(true)
	ex.wholeAt.Store(1)
	ex.patience.deadline, ex.hurry.deadline = 1, 2
	ex.reset()
	if ex.rule != "" || ex.gray || ex.sent != 0 || ex.attempts != 0 || ex.hedged || ex.status != 0 || ex.bytesOut != 0 || ex.arrived.Load() || ex.wholeAt.Load() != 0 {
		t.Error("something is left of the request")
	}
	if ex.patience.deadline != 0 || ex.hurry.deadline != 0 {
		t.Error("a deadline is left")
	}
	if len(ex.out) != 0 || cap(ex.out) == 0 || ex.notes.text != nil || len(ex.notes.of(ofAgent)) != 0 || len(ex.failed)+len(ex.judged) != 0 || len(ex.cookies) != 0 || cap(ex.cookies) == 0 {
		t.Error("buffers: the usual ones are kept, empty, and an exceptional one is not")
	}
}
