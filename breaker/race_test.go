package breaker

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// Many loops ask and tell at once. Half-open never has more than Trials out and passed together; the changes told are a
// chain; and none is told twice.
func TestTrialsAreBoundedUnderRaces(t *testing.T) {
	const loops, calls = 8, 20_000
	s := defaults()
	s.Open, s.MaxOpen = 100*time.Microsecond, 100*time.Microsecond // all calls open it for less than TrialNanos
	b := New(&s, loops)
	var (
		clock  atomic.Int64 // moved by the first loop only, while open, and little: so no trial expires
		done   atomic.Bool  // the first loop is
		given  sync.Map     // trials given of a generation and not ignored: uint32 to *atomic.Int32
		mu     sync.Mutex
		from   [3]int // changes by state
		to     [3]int
		wg     sync.WaitGroup
		excess atomic.Int32
	)
	clock.Store(second)
	note := func(c Change, ok bool) {
		if ok {
			mu.Lock()
			from[c.From]++
			to[c.To]++
			mu.Unlock()
		}
	}
	for loop := range loops {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(loop), 1))
			for i := 0; !done.Load(); i++ {
				if loop == 0 && i == calls {
					done.Store(true)
				}
				now := clock.Load()
				p, ok := b.Allow(now)
				if !ok {
					if s := b.Status(now); loop == 0 && s.State == Open {
						if random.IntN(4) == 0 {
							note(b.Probed(now))
						} else {
							clock.Store(max(now, s.OpenUntil))
						}
					}
					runtime.Gosched()
					continue
				}
				note(p.Change(now))
				counter := new(atomic.Int32)
				if p.Trial() {
					c, _ := given.LoadOrStore(p.generation, counter)
					counter = c.(*atomic.Int32)
					if counter.Add(1) > int32(s.Trials) {
						excess.Add(1)
					}
				}
				o := Success
				switch n := random.IntN(20); {
				case n < 6: // failures in plenty, so that it opens and opens again
					o = Failure
				case n < 8:
					o = Ignored
					counter.Add(-1)
				}
				if i%64 == 0 {
					b.Configure(&s)
				}
				note(b.Record(loop, p, o, 0, now))
				if i%16 == 0 { // again: no harm
					note(b.Record(loop, p, Ignored, 0, now))
				}
			}
		})
	}
	wg.Wait()
	if excess.Load() != 0 {
		t.Errorf("%d times more than %d trials in one half-open state", excess.Load(), s.Trials)
	}
	st := b.Status(clock.Load())
	if uint64(to[Open]) != st.Opens || st.Opens < 10 {
		t.Errorf("told of %d openings, the breaker counts %d, want as many and at least 10", to[Open], st.Opens)
	}
	if from[Open] != to[HalfOpen] || to[Closed] == 0 {
		t.Errorf("changes from %v to %v: after open comes half-open, and some closed", from, to)
	}
	for state := range from {
		inside, start := 0, 0
		if st.State == State(state) {
			inside = 1
		}
		if State(state) == Closed {
			start = 1
		}
		if start+to[state]-from[state] != inside {
			t.Errorf("%s: entered %d times, left %d times, now in %s", State(state), to[state], from[state], st.State)
		}
	}
}

// However calls are spread over the loops: where one of two fails, it opens with the first failure among at least
// MinRequests outcomes.
func TestOpensWhateverTheShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := defaults()
		s.Consecutive = 0
		shards := rapid.IntRange(1, 64).Draw(t, "shards")
		b := New(&s, shards)
		now := rapid.Int64Range(0, 1e15).Draw(t, "now")
		calls := 0
		call := func(o Outcome) bool {
			p, ok := b.Allow(now)
			if ok {
				calls++
				b.Record(rapid.IntRange(0, shards-1).Draw(t, "shard"), p, o, 0, now)
				now += rapid.Int64Range(0, int64(s.Window)/100).Draw(t, "nanos")
			}
			return ok
		}
		for calls <= 200 {
			first := rapid.SampledFrom([]Outcome{Success, Failure}).Draw(t, "first")
			if !call(first) || !call(Failure-first) {
				break
			}
		}
		if calls < s.MinRequests || calls > s.MinRequests+2 {
			t.Fatalf("open after %d calls, want %d to %d: %s", calls, s.MinRequests, s.MinRequests+2, b)
		}
	})
}

// With the loops at it all at once, and two of three calls failing: one may have been held up by each loop, and it opens
// all the same.
func TestOpensUnderRaces(t *testing.T) {
	const loops = 16
	for range 50 {
		s := defaults()
		s.Consecutive = 0
		b := New(&s, loops)
		var calls, allowed atomic.Int64
		var wg sync.WaitGroup
		for loop := range loops {
			wg.Go(func() {
				for range 100 {
					p, ok := b.Allow(second)
					if !ok {
						return
					}
					allowed.Add(1)
					o := Failure
					if calls.Add(1)%3 == 0 {
						o = Success
					}
					b.Record(loop, p, o, 0, second)
				}
			})
		}
		wg.Wait()
		if n := allowed.Load(); n > 200 || b.State() != Open {
			t.Fatalf("%d calls of which two of three failed, want it open within 200: %s", n, b)
		}
	}
}

// A loop's counter shares no line with another's, nor with what failures write what every call reads.
func TestLinesAreApart(t *testing.T) {
	if size := unsafe.Sizeof(shard{}); size != lineBytes {
		t.Errorf("a shard has %d bytes, want %d", size, lineBytes)
	}
	if at := unsafe.Offsetof(Breaker{}.inARow); at != lineBytes {
		t.Errorf("what failures write begins at %d, want %d", at, lineBytes)
	}
	s := defaults()
	for shards := 1; shards <= MaxShards; shards++ {
		b := New(&s, shards)
		if n := len(b.shards); n < shards || n&(n-1) != 0 || uintptr(unsafe.Pointer(&b.shards[0]))%lineBytes != 0 {
			t.Fatalf("%d shards asked for: got %d at %p", shards, n, &b.shards[0])
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	s := defaults()
	now := second
	row := func(name string, f func(b *Breaker)) {
		t.Run(name, func(t *testing.T) {
			b := New(&s, 4)
			if n := testing.AllocsPerRun(1000, func() { f(b) }); n != 0 {
				t.Errorf("got %v allocations a run, want none", n)
			}
		})
	}
	call := func(b *Breaker, o Outcome) {
		now += second / 100
		if p, ok := b.Allow(now); ok {
			b.Record(1, p, o, 0, now)
		}
	}
	row("success", func(b *Breaker) { call(b, Success) })
	row("failure", func(b *Breaker) { call(b, Success); call(b, Failure) })
	row("a whole round", func(b *Breaker) {
		for b.State() != Open {
			call(b, Failure)
		}
		now = b.Status(now).OpenUntil
		for range 20 { // lost trials
			now += TrialNanos
			b.Allow(now)
		}
		for b.State() != Closed {
			call(b, Success)
		}
	})
}

// Loops count while the detector ticks: the endpoint that fails is ejected, those that do not are not.
func TestOutlierUnderRaces(t *testing.T) {
	s := outlierDefaults()
	o := NewOutlier(&s)
	samples := []Sample{{Host: &Host{}}, {Host: &Host{}}, {Host: &Host{}}}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				o.Success(samples[0].Host)
				o.Failure(samples[1].Host)
				o.Success(samples[2].Host)
				o.Configure(&s)
				runtime.Gosched()
			}
		})
	}
	ejections := 0
	for now := second; ejections < 20; now += second / 10 {
		effects := o.Tick(now, samples, nil)
		for i, e := range effects {
			if e.Index != 1 {
				t.Errorf("effect %+v, want only the one that fails to be ejected", e)
			}
			if e.Ejected {
				ejections++
			}
			if i < len(effects)-1 {
				continue // it has returned, and failed often enough within this tick to be ejected again
			}
			if until, times := samples[1].Host.Until(); until != e.Until || times != e.Times {
				t.Errorf("effect %+v, the endpoint says until %d, %d times", e, until, times)
			}
		}
		runtime.Gosched()
	}
	stop.Store(true)
	wg.Wait()
}
