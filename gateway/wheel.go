package gateway

import "time"

// timer is one deadline of one connection; it lives inside the connection.
type timer struct {
	prev, next *timer // in a slot's ring; nil while not in the wheel
	slotTick   int64  // the turn's step of the slot it lies in
	deadline   int64  // nanoseconds on the loop's clock; 0 is none
	fine       bool   // it lies in the fine clock, or lay there last
	owner      expirer
}

// expirer is told that its deadline has passed; it may set the next one.
type expirer interface{ expire(l *loop) }

// wheel is the timer wheel of one loop (Varghese and Lauck's hashed wheel, scheme 6). Moving a deadline further
// away, or taking it back, is one store: the timer stays in its slot and finds its new place when that slot comes
// round. That makes the idle time-out of a busy connection free.
type wheel struct {
	slots [wheelSlots]timer // ring heads
	due   timer             // ring head of the slot being emptied
	step  int64             // nanoseconds between two slots
	done  int64             // the last step that was looked at
}

func (w *wheel) init(step time.Duration) {
	w.step = int64(step)
	for i := range w.slots {
		s := &w.slots[i]
		s.prev, s.next = s, s
	}
}

// set gives t the deadline, in nanoseconds of the loop's clock; 0 takes it back.
func (w *wheel) set(t *timer, deadline int64) {
	t.deadline = deadline
	if deadline == 0 {
		return
	}
	at := w.tickOf(deadline)
	if t.next != nil {
		if at >= t.slotTick {
			return
		}
		t.unlink()
	}
	w.link(t, at)
}

// tickOf is the first step at which the deadline has passed, and never one that was already looked at.
func (w *wheel) tickOf(deadline int64) int64 {
	return max((deadline+w.step-1)/w.step, w.done+1)
}

func (w *wheel) link(t *timer, at int64) {
	s := &w.slots[at%wheelSlots]
	t.slotTick = at
	t.prev, t.next = s.prev, s
	s.prev.next = t
	s.prev = t
}

func (t *timer) unlink() {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.prev, t.next = nil, nil
}

// advance tells every owner whose deadline has passed at the time now.
func (w *wheel) advance(l *loop, now int64) {
	last := now / w.step
	if last-w.done > wheelSlots {
		w.done = last - wheelSlots // the loop stood still for longer than a turn: one turn sees every slot
	}
	for w.done < last {
		w.done++
		w.turn(l, &w.slots[w.done%wheelSlots], now)
	}
}

// next is when the wheel has to be looked at again, 0 if there is nothing in it. It looks at every slot.
func (w *wheel) next() int64 {
	for i := w.done + 1; i <= w.done+wheelSlots; i++ {
		if s := &w.slots[i%wheelSlots]; s.next != s {
			return i * w.step
		}
	}
	return 0
}

// turn empties one slot into a ring of its own first: what an owner sets while it is told can land in this very
// slot, and must not be met again now.
func (w *wheel) turn(l *loop, slot *timer, now int64) {
	if slot.next == slot {
		return
	}
	due := &w.due
	due.next, due.prev = slot.next, slot.prev
	due.next.prev, due.prev.next = due, due
	slot.next, slot.prev = slot, slot
	for due.next != due {
		t := due.next
		t.unlink()
		switch {
		case t.deadline == 0:
		case t.deadline > now:
			w.link(t, w.tickOf(t.deadline))
		default:
			t.deadline = 0
			l.expire(t.owner)
		}
	}
}

// expire tells an owner that its deadline has passed. A panic costs its connection, and none of the deadlines behind it.
func (l *loop) expire(owner expirer) {
	if p, is := owner.(peer); is {
		defer l.guard(p)
	}
	owner.expire(l)
}
