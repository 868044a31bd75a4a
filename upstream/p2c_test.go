package upstream

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"graygate/breaker"
)

// weighted gives a rig of endpoints with these weights.
func weighted(t *testing.T, weights ...int) *rig {
	c := settings(addresses(len(weights))...)
	for i, w := range weights {
		c.Endpoints[i].Weight = w
	}
	return newRig(t, c, 1, "")
}

// Where costs are alike the shares are those of the weights, within points: with one request at a time, with few and with
// many, be the latencies even or exponential, so that of two alike one is often twice as slow as the other by chance. A
// binomial distribution of 40,000 calls has a standard deviation of a quarter of a point; few calls at a time cannot be
// divided exactly, and exponential latencies leave peaks that stay for seconds.
func TestP2CFollowsWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	latencies := map[string]func(string) int64{
		"even":        func(string) int64 { return ms },
		"exponential": func(string) int64 { return int64(float64(ms) * random.ExpFloat64()) },
	}
	row := func(latency string, clients int, slack float64, weights ...int) {
		t.Run(fmt.Sprintf("%s %d at a time %v", latency, clients, weights), func(t *testing.T) {
			const calls = 40_000
			r := weighted(t, weights...)
			got := closedLoop(r, clients, calls, latencies[latency])
			total := 0
			for _, w := range weights {
				total += w
			}
			for i, w := range weights {
				due := float64(w) / float64(total)
				share := float64(got[addresses(len(weights))[i]]) / float64(calls+clients)
				if share < due-slack || share > due+slack {
					t.Errorf("%s of weight %d: got %.1f %% of the calls, want %.1f %% to %.1f %%", addresses(len(weights))[i], w, 100*share, 100*(due-slack), 100*(due+slack))
				}
			}
		})
	}
	for _, weights := range [][]int{{3, 1}, {1, 1, 8}} {
		row("even", 1, .01, weights...)
		row("even", 2, .055, weights...)
		row("even", 4, .01, weights...)
		row("even", 8, .035, weights...)
		row("even", 64, .015, weights...)
		row("exponential", 1, .04, weights...)
		row("exponential", 4, .035, weights...)
		row("exponential", 64, .025, weights...)
	}
	row("even", 1, .01, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5)
	row("even", 64, .01, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5)
	row("even", 1, .01, 1, 1)
	row("even", 64, .01, 1, 1)
}

// What weights say is overruled by who is slow: the most of the calls that the slow one may get, and of the mean latency
// in multiples of that of the others, as they were before weights were kept to.
func TestP2CShiftsLoadWhateverTheWeights(t *testing.T) {
	row := func(slow, times, clients int, most, mean float64, weights ...int) {
		t.Run(fmt.Sprintf("%v of which number %d is %d times as slow, %d at a time", weights, slow, times, clients), func(t *testing.T) {
			const calls = 30_000
			sum := int64(0)
			got := closedLoop(weighted(t, weights...), clients, calls, func(address string) int64 {
				took := ms
				if address == addresses(len(weights))[slow] {
					took *= int64(times)
				}
				sum += took
				return took
			})
			if share := float64(got[addresses(len(weights))[slow]]) / calls; share > most {
				t.Errorf("the slow one: got %.2f of the calls, want %.2f at most", share, most)
			}
			if got := float64(sum) / float64((calls+clients)*int(ms)); got > mean {
				t.Errorf("latency: got %.2f times that of the fast ones in the mean, want %.2f at most", got, mean)
			}
		})
	}
	for _, clients := range []int{1, 64} {
		row(0, 10, clients, .07, 1.6, 3, 1)
		row(1, 10, clients, .02, 1.15, 3, 1)
		row(0, 3, clients, .36, 1.75, 3, 1)
		row(2, 10, clients, .09, 1.8, 1, 1, 8)
		row(2, 50, clients, .01, 1.4, 1, 1, 8)
		row(1, 10, clients, .03, 1.25, 1, 1, 1)
	}
}

// stream asks at a steady rate, one call of a millisecond each, but for those that say otherwise. It gives when the endpoint
// that is watched was asked.
func (r *rig) stream(d, every time.Duration, watched string, change func(*Ask), took func() int64) (asked []int64) {
	type call struct {
		ticket     *Ticket
		ends, took int64
	}
	var flying []call
	for end, ticked := r.now+int64(d), r.now; r.now < end; r.now += int64(every) {
		left := flying[:0]
		for _, x := range flying {
			if x.ends > r.now {
				left = append(left, x)
				continue
			}
			x.ticket.End(breaker.Success, x.took, r.now)
		}
		flying = left
		if r.now-ticked >= tick {
			ticked = r.now
			r.registry.Tick(r.now)
		}
		a := r.ask()
		change(a)
		ticket, address := r.begin(a)
		x := call{ticket, r.now + ms, ms}
		if address == watched {
			asked = append(asked, r.now)
			x.took = took()
			x.ends = r.now + x.took
		}
		flying = append(flying, x)
	}
	for _, x := range flying {
		x.ticket.End(breaker.Ignored, 0, r.now)
	}
	return asked
}

func plainAsk(*Ask) {}

// slowOnce is a rig of three of which e0001:1 has just been slow once, by half a second.
func slowOnce(t *testing.T, c PoolConfig) *rig {
	r := newRig(t, c, 2, "")
	r.stream(time.Second, 10*time.Millisecond, "", plainAsk, nil)
	a := r.ask()
	a.Tried = []*Endpoint{r.pool.Endpoints()[0], r.pool.Endpoints()[2]}
	ticket, got := r.begin(a)
	if got != "e0001:1" {
		t.Fatalf("got %s, want e0001:1", got)
	}
	r.now += 500 * ms
	ticket.End(breaker.Success, 500*ms, r.now)
	r.registry.Tick(r.now)
	return r
}

func millisecond() int64 { return ms }

// Who was slow once is asked again after a second, and soon has its share back.
func TestP2CExploresWhoWasSlowOnce(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond} {
		r := slowOnce(t, settings(addresses(3)...))
		began := r.now
		asked := r.stream(16*time.Second, every, "e0001:1", plainAsk, millisecond)
		if len(asked) == 0 {
			t.Fatalf("a request every %v: was not asked in sixteen seconds", every)
		}
		// It is drawn first by one request in three, and one in four of those is for knowing: twelve requests in the mean.
		if first := time.Duration(asked[0] - began); first > time.Second+40*every {
			t.Errorf("a request every %v: first asked after %v, want %v at most", every, first, time.Second+40*every)
		}
		late := 0
		for _, at := range asked {
			if at > began+int64(14*time.Second) {
				late++
			}
		}
		between(t, fmt.Sprintf("a request every %v: in the last two of sixteen seconds", every), late, int(2*time.Second/every)/5, int(2*time.Second/every)/2)
	}
}

// Who stays slow is asked about once a second, and where requests are few, by no more of them than it can bear.
func TestP2CExploresWithinBounds(t *testing.T) {
	slow := func() int64 { return 500 * ms }
	row := func(every time.Duration, least, most int) {
		asked := slowOnce(t, settings(addresses(3)...)).stream(20*time.Second, every, "e0001:1", plainAsk, slow)
		between(t, fmt.Sprintf("a request every %v: times in twenty seconds", every), len(asked), least, most)
		for i := 1; i < len(asked); i++ {
			if gap := asked[i] - asked[i-1]; gap < exploreNanos-askedGrain {
				t.Errorf("a request every %v: asked again after %v", every, time.Duration(gap))
			}
		}
	}
	row(time.Millisecond, 15, 21)
	row(10*time.Millisecond, 12, 20)
	row(250*time.Millisecond, 1, 80/3/exploreOne) // a quarter of what is due to it
}

// Where a loop asks hardly anybody within a second, nobody is left unasked for being slow, so costs alone decide.
func TestP2CExploresNotWhereAllAreSeldomAsked(t *testing.T) {
	r := newRig(t, settings(addresses(20)...), 1, "")
	slow := func(address string) bool { return address >= "e0010:1" }
	count := func(calls int) (n int) {
		for range calls {
			ticket, address := r.begin(r.ask())
			r.now += 200 * ms
			if slow(address) {
				n++
				ticket.End(breaker.Success, 100*ms, r.now)
				continue
			}
			ticket.End(breaker.Success, ms, r.now)
		}
		return n
	}
	count(500)
	between(t, "five requests a second: of 5,000 at the slow half of twenty", count(5000), 0, 1300)
}

// No exploring by a request that cannot be sent again, nor where nothing is sent again at all.
func TestP2CExploresWithNothingFrail(t *testing.T) {
	once := settings(addresses(3)...)
	once.Retry.Attempts = 1
	row := func(name string, c PoolConfig, change func(*Ask)) {
		if asked := slowOnce(t, c).stream(5*time.Second, 10*time.Millisecond, "e0001:1", change, millisecond); len(asked) > 0 {
			t.Errorf("%s: got asked %d times in five seconds, want 0", name, len(asked))
		}
	}
	row("frail", settings(addresses(3)...), func(a *Ask) { a.Frail = true })
	row("a pool that tries once", once, plainAsk)
	r := slowOnce(t, settings(addresses(3)...))
	for r.pool.TakeRetry(0, r.now) {
	}
	if asked := r.stream(2*time.Second, 10*time.Millisecond, "e0001:1", plainAsk, millisecond); len(asked) > 0 {
		t.Errorf("no budget left: got asked %d times, want 0", len(asked))
	}
}

// It is one request that explores, however many come at that moment, and of each loop.
func TestP2CExploringIsNoStampede(t *testing.T) {
	r := slowOnce(t, settings(addresses(3)...))
	for loop := range 2 { // each has known it to be slow
		for _, e := range r.pool.Endpoints() {
			e.shards[loop].asked.Store(r.now)
		}
		r.pool.Endpoints()[1].shards[loop].remember(float64(500*ms), r.now, false)
	}
	asked := func(loop, n int) (got int) {
		for range n {
			a := r.ask()
			a.Loop = loop
			if ticket, address := r.begin(a); address == "e0001:1" {
				got++
				defer ticket.End(breaker.Success, ms, r.now)
			} else {
				ticket.End(breaker.Success, ms, r.now)
			}
		}
		return got
	}
	if n := asked(0, 1000) + asked(1, 1000); n != 0 {
		t.Errorf("at once: got asked %d times, want 0", n)
	}
	r.now += exploreNanos - askedGrain
	asked(0, 20)
	asked(1, 20) // the others are known as of now
	r.now += 2 * askedGrain
	for loop := range 2 {
		if n := asked(loop, 1000); n != 1 {
			t.Errorf("loop %d, a thousand requests at one moment after a second: got asked %d times, want 1", loop, n)
		}
	}
}

// Nobody is explored who must not be asked, and nobody who has not answered yet.
func TestP2CExploresNobodyWhoIsOut(t *testing.T) {
	row := func(name string, c PoolConfig, out func(*rig)) {
		r := slowOnce(t, c)
		out(r)
		if asked := r.stream(5*time.Second, 10*time.Millisecond, "e0001:1", plainAsk, millisecond); len(asked) > 0 {
			t.Errorf("%s: got asked %d times in five seconds, want 0", name, len(asked))
		}
	}
	plain := settings(addresses(3)...)
	row("draining", plain, func(r *rig) {
		if _, err := r.registry.SetDrained("p", "e0001:1", true); err != nil {
			t.Fatal(err)
		}
	})
	shut := plain
	shut.Breaker = breakerSettings()
	shut.Breaker.Open = time.Minute
	row("breaker open", shut, func(r *rig) { r.fail("e0001:1", 5) })
	ticketAt := func(r *rig) *Ticket {
		a := r.ask()
		a.Tried = []*Endpoint{r.pool.Endpoints()[0], r.pool.Endpoints()[2]}
		ticket, _ := r.begin(a)
		return ticket
	}
	full := plain
	full.Limits.InFlight = 2
	row("full", full, func(r *rig) {
		for range 2 {
			ticketAt(r).Answered(500*ms, r.now)
		}
	})
	row("an answer is waited for", plain, func(r *rig) { ticketAt(r) })
	ill := plain
	ill.Probed = true
	row("not healthy", ill, func(r *rig) { r.registry.Report("p", "e0001:1", false, "refused") })
	few := ill
	few.Panic = 1_000_000
	r := slowOnce(t, few)
	r.registry.Report("p", "e0001:1", false, "refused")
	if asked := r.stream(5*time.Second, 10*time.Millisecond, "e0001:1", func(a *Ask) { a.LastResort = true }, millisecond); len(asked) > 0 {
		t.Errorf("not healthy, and everybody may be asked: got asked %d times in five seconds, want 0", len(asked))
	}
}

// One that was slow once and hangs by now is found out: the request that explores fails, and doubt does the rest.
func TestP2CFindsWhoHangsAfterAllIsForgiven(t *testing.T) {
	r := slowOnce(t, settings(addresses(3)...))
	began := r.now
	const patience = 200 * ms // per_try_timeout
	type call struct {
		ticket *Ticket
		ends   int64
	}
	var hanging []call
	for r.now-began < int64(5*time.Second) {
		for len(hanging) > 0 && hanging[0].ends <= r.now {
			hanging[0].ticket.EndRetried(breaker.Failure, patience, r.now)
			hanging = hanging[1:]
		}
		if r.pool.state.endpoints["e0001:1"].breaker.State() == breaker.Open {
			break
		}
		ticket, address := r.begin(r.ask())
		if address == "e0001:1" {
			hanging = append(hanging, call{ticket, r.now + patience})
		} else {
			ticket.End(breaker.Success, ms, r.now)
		}
		if r.now += 10 * ms; r.now%tick == 0 {
			r.registry.Tick(r.now)
		}
	}
	if took := time.Duration(r.now - began); took > 2500*time.Millisecond {
		t.Errorf("100 requests a second: its breaker opened after %v, want 2.5 seconds at most", took)
	}
}
