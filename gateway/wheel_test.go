package gateway

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// plainTimer is a timer as anybody would write it: a deadline, and the tick before which the wheel need not look at it.
type plainTimer struct {
	timer
	w    *plainWheel
	name int

	deadline int64 // the same as the timer's, kept apart; 0 is none
	from     int64 // the first tick that comes after it was set
	rearm    int64 // when it expires, it sets itself anew so much later; 0: it does not
	unlinks  *plainTimer
	fired    int
}

// plainWheel is the model of a wheel: all timers in a list.
type plainWheel struct {
	wheel
	t      *rapid.T
	timers []*plainTimer
	now    int64 // of the advance under way, or the last one
}

func (w *plainWheel) set(t *plainTimer, deadline int64) {
	w.wheel.set(&t.timer, deadline)
	t.deadline, t.from = deadline, w.done+1
}

func (w *plainWheel) unlink(t *plainTimer) {
	t.timer.unlink()
	t.deadline = 0
}

// expire is called by the wheel.
func (t *plainTimer) expire(*loop) {
	if t.deadline == 0 || t.deadline > t.w.now {
		t.w.t.Fatalf("timer %d expired at %d; its deadline is %d", t.name, t.w.now, t.deadline)
	}
	t.deadline = 0
	t.fired++
	if t.rearm > 0 {
		t.w.set(t, t.w.now+t.rearm)
	}
	if t.unlinks != nil {
		t.w.unlink(t.unlinks)
	}
}

func (w *plainWheel) advance(now int64) {
	w.now = now
	w.wheel.advance(nil, now)
	last := now / int64(tick)
	for _, t := range w.timers {
		if due := max((t.deadline+int64(tick)-1)/int64(tick), t.from); t.deadline != 0 && due <= last {
			w.t.Fatalf("at %d (tick %d), timer %d with the deadline %d: got it still waiting, want it expired at tick %d", now, last, t.name, t.deadline, due)
		}
	}
}

// check looks at the rings themselves: every timer that waits is in exactly one slot, the one of its tick.
func (w *plainWheel) check() {
	linked := map[*timer]bool{}
	for i := range w.slots {
		head := &w.slots[i]
		for t := head.next; t != head; t = t.next {
			if linked[t] || t.next.prev != t || t.prev.next != t {
				w.t.Fatalf("slot %d: a ring is broken", i)
			}
			if t.slotTick%wheelSlots != int64(i) || t.slotTick <= w.done {
				w.t.Fatalf("slot %d at tick %d: got a timer of tick %d", i, w.done, t.slotTick)
			}
			linked[t] = true
		}
	}
	for _, t := range w.timers {
		if t.deadline != 0 && !linked[&t.timer] {
			w.t.Fatalf("timer %d with the deadline %d: got it in no slot", t.name, t.deadline)
		}
		if linked[&t.timer] != (t.timer.next != nil) {
			w.t.Fatalf("timer %d: got linked %v, in a slot %v", t.name, t.timer.next != nil, linked[&t.timer])
		}
		if linked[&t.timer] && t.deadline != t.timer.deadline {
			w.t.Fatalf("timer %d: got the deadline %d, want %d", t.name, t.timer.deadline, t.deadline)
		}
	}
}

func TestWheelIsAListOfTimers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &plainWheel{t: rt}
		w.init(tick)
		for i := range rapid.IntRange(1, 12).Draw(rt, "timers") {
			p := &plainTimer{w: w, name: i}
			p.owner = p
			w.timers = append(w.timers, p)
		}
		any := rapid.IntRange(0, len(w.timers)-1)
		// From before now to more than a turn away; often on or next to the edge of a tick.
		ahead := rapid.Custom(func(rt *rapid.T) int64 {
			ticks := rapid.SampledFrom([]int64{-2, 0, 1, 2, 3, 100, wheelSlots - 1, wheelSlots, wheelSlots + 1, 3 * wheelSlots}).Draw(rt, "ticks")
			return max(1, w.now+ticks*int64(tick)+rapid.SampledFrom([]int64{-int64(tick) / 2, -1, 0, 1}).Draw(rt, "off"))
		})
		steps := rapid.SampledFrom([]int64{0, 1, int64(tick) - 1, int64(tick), int64(tick) + 1, 7 * int64(tick), (wheelSlots - 1) * int64(tick), wheelSlots * int64(tick), (wheelSlots + 1) * int64(tick), 5 * wheelSlots * int64(tick)})
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { w.check() },
			"set": func(rt *rapid.T) {
				w.set(w.timers[any.Draw(rt, "which")], ahead.Draw(rt, "deadline"))
			},
			"take back": func(rt *rapid.T) {
				p := w.timers[any.Draw(rt, "which")]
				w.wheel.set(&p.timer, 0)
				p.deadline = 0
			},
			"unlink": func(rt *rapid.T) { w.unlink(w.timers[any.Draw(rt, "which")]) },
			"script": func(rt *rapid.T) {
				p := w.timers[any.Draw(rt, "which")]
				p.rearm = rapid.SampledFrom([]int64{0, 1, int64(tick), wheelSlots * int64(tick)}).Draw(rt, "rearm")
				p.unlinks = nil
				if rapid.Bool().Draw(rt, "unlinks another") {
					if p.unlinks = w.timers[any.Draw(rt, "other")]; p.unlinks == p {
						p.unlinks = nil
					}
				}
			},
			"advance": func(rt *rapid.T) { w.advance(w.now + steps.Draw(rt, "by")) },
		})
	})
}

// A deadline is never met early, and at most two ticks late, when the wheel is looked at every tick.
func TestWheelIsOnTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &plainWheel{t: rt}
		w.init(tick)
		p := &plainTimer{w: w}
		p.owner = p
		w.advance(rapid.Int64Range(0, 2000*int64(tick)).Draw(rt, "begin"))
		deadline := w.now + rapid.Int64Range(1, 1200*int64(tick)).Draw(rt, "deadline")
		for from := rapid.IntRange(0, 3).Draw(rt, "moves"); from > 0; from-- { // a deadline that is moved about first
			w.set(p, w.now+rapid.Int64Range(1, 1200*int64(tick)).Draw(rt, "before"))
		}
		w.set(p, deadline)
		for p.fired == 0 {
			w.advance(w.now + int64(tick) + rapid.Int64Range(-int64(tick)/10, int64(tick)/10).Draw(rt, "jitter"))
			if w.now > deadline+3*int64(tick) {
				rt.Fatalf("the deadline %d: got it still waiting at %d", deadline, w.now)
			}
		}
		if late := w.now - deadline; late < 0 || late > 2*int64(tick)+int64(tick)/5 {
			rt.Fatalf("the deadline %d: expired at %d, %d ticks late", deadline, w.now, late/int64(tick))
		}
	})
}

// Moving a deadline away, as every request does, allocates nothing and touches no ring.
func TestWheelSetAllocatesNothing(t *testing.T) {
	w := &plainWheel{}
	w.init(tick)
	p := &plainTimer{w: w}
	p.owner = p
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += int64(tick) / 3
		w.wheel.set(&p.timer, now+75*10*int64(tick))
		w.wheel.advance(nil, now)
		w.wheel.set(&p.timer, 0)
	}); n != 0 {
		t.Errorf("set, advance, take back: got %v allocations, want 0", n)
	}
}

func BenchmarkWheel(b *testing.B) {
	for _, timers := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("case=move/timers=%d", timers), func(b *testing.B) {
			w := &plainWheel{}
			w.init(tick)
			all := make([]plainTimer, timers)
			for i := range all {
				all[i].owner = &all[i]
				w.wheel.set(&all[i].timer, int64(i)*int64(tick)+1)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				w.wheel.set(&all[i%timers].timer, 1e12+int64(i))
				i++
			}
		})
	}
}
