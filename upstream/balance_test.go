package upstream

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"graygate/breaker"
)

// All bands here are at least four standard deviations of a binomial distribution wide, for the fixed seed.
func TestSharesByWeight(t *testing.T) {
	row := func(kind BalanceKind, weights []int, slack int) {
		t.Run(fmt.Sprintf("%s %v", kind, weights), func(t *testing.T) {
			c := settings(addresses(len(weights))...)
			c.Balance.Kind = kind
			total := 0
			for i, w := range weights {
				c.Endpoints[i].Weight = w
				total += w
			}
			r := newRig(t, c, 1, "")
			const n = 60_000
			got := r.shares(n, nil)
			for i, w := range weights {
				want := n * w / total
				between(t, c.Endpoints[i].Address, got[c.Endpoints[i].Address], want-slack, want+slack)
			}
		})
	}
	row(RoundRobin, []int{1, 1, 1}, 1)
	row(RoundRobin, []int{5, 1, 1}, 3)
	row(RoundRobin, []int{1000, 1}, 3)
	row(Random, []int{1, 1, 1}, 480)
	row(Random, []int{3, 2, 1}, 500)
	row(LeastRequest, []int{1, 1, 1}, 480)
	row(LeastRequest, []int{3, 2, 1}, 500)
	row(P2C, []int{1, 1, 1}, 600)
	row(P2C, []int{1, 1}, 600)
	row(P2C, []int{3, 2, 1}, 600)
	row(Consistent, []int{1, 1, 1}, 600) // without a key: by chance
}

// Smooth: in no stretch of the order is anybody far from its share.
func TestRoundRobinIsSmooth(t *testing.T) {
	c := settings("a:1", "b:1", "c:1", "d:1")
	c.Balance.Kind = RoundRobin
	weights := []int{4, 2, 1, 1}
	for i := range weights {
		c.Endpoints[i].Weight = weights[i]
	}
	r := newRig(t, c, 1, "")
	order := ""
	for range 8000 {
		ticket, address := r.begin(r.ask())
		order += address[:1]
		ticket.End(breaker.Success, ms, r.now)
	}
	for i, w := range weights {
		name := string(rune('a' + i))
		for from := 0; from+80 <= len(order); from += 7 {
			between(t, fmt.Sprintf("%s in 80 from %d", name, from), strings.Count(order[from:from+80], name), 10*w-3, 10*w+3)
		}
	}
}

// The rounds in which light ones have their turn differ: they do not come in a row.
func TestRoundRobinSpreadsTheLight(t *testing.T) {
	c := settings(addresses(11)...)
	c.Balance.Kind = RoundRobin
	c.Endpoints[0].Weight = 10
	r := newRig(t, c, 1, "")
	var order []bool
	for range 2000 {
		ticket, address := r.begin(r.ask())
		ticket.End(breaker.Success, ms, r.now)
		order = append(order, address == "e0000:1")
	}
	for from := range len(order) - 10 {
		n := 0
		for _, heavy := range order[from : from+10] {
			if heavy {
				n++
			}
		}
		between(t, fmt.Sprintf("the heavy one, in 10 from %d", from), n, 3, 7)
	}
}

// closedLoop keeps a number of calls in flight, with latencies by endpoint, and counts who got them: a queue of events.
func closedLoop(r *rig, clients, calls int, latency func(address string) int64) map[string]int {
	type call struct {
		ticket *Ticket
		ends   int64
		took   int64
	}
	got := map[string]int{}
	var flying []call
	launch := func() {
		ticket, address := r.begin(r.ask())
		got[address]++
		took := latency(address)
		flying = append(flying, call{ticket, r.now + took, took})
	}
	for range clients {
		launch()
	}
	for range calls {
		first := 0
		for i := range flying {
			if flying[i].ends < flying[first].ends {
				first = i
			}
		}
		x := flying[first]
		flying = append(flying[:first], flying[first+1:]...)
		r.now = max(r.now, x.ends)
		x.ticket.End(breaker.Success, x.took, r.now)
		launch()
	}
	for _, x := range flying {
		x.ticket.End(breaker.Success, x.took, r.now)
	}
	return got
}

func TestP2CLeavesTheSlowAlone(t *testing.T) {
	r := newRig(t, settings(addresses(3)...), 1, "")
	got := closedLoop(r, 12, 100_000, func(address string) int64 {
		if address == "e0001:1" {
			return 20 * ms
		}
		return ms
	})
	// By its speed it is due 1/41 of the calls; peak EWMA gives it less, but does not forget it.
	between(t, "the one that takes 20 times as long", got["e0001:1"], 4, 100_000/41)
	between(t, "a fast one", got["e0000:1"], 43_000, 57_000)
}

// One that hangs gets a handful beside a load of sixty, and is not asked again while nothing comes back.
func TestP2CLeavesTheHangingAlone(t *testing.T) {
	r := newRig(t, settings(addresses(3)...), 1, "")
	closedLoop(r, 60, 3000, func(string) int64 { return 5 * ms }) // all are known
	var flying, hanging []*Ticket
	for range 20_000 {
		ticket, address := r.begin(r.ask())
		if r.now += ms / 12; address == "e0001:1" {
			hanging = append(hanging, ticket)
			continue
		}
		if flying = append(flying, ticket); len(flying) > 60 {
			flying[0].End(breaker.Success, 5*ms, r.now)
			flying = flying[1:]
		}
	}
	between(t, "calls that hang of 20,000 in 1.7 seconds", len(hanging), 1, 40)
	for _, x := range append(flying, hanging...) {
		x.End(breaker.Ignored, 0, r.now)
	}
}

// One that fails at once must not look like the fastest.
func TestP2CIsNoTrapForFastFailures(t *testing.T) {
	c := settings(addresses(3)...)
	c.Breaker = nil
	r := newRig(t, c, 1, "")
	closedLoop(r, 12, 1000, func(string) int64 { return 5 * ms })
	failed := 0
	for range 3000 {
		ticket, address := r.begin(r.ask())
		if address == "e0002:1" {
			failed++
			ticket.End(breaker.Failure, ms/10, r.now)
			continue
		}
		r.now += ms
		ticket.End(breaker.Success, 5*ms, r.now)
	}
	between(t, "calls that failed of 3,000 in two seconds", failed, 1, 60)
}

// Who was slow and is fast again has its share back soon, in a pool with few requests, too.
func TestP2CForgives(t *testing.T) {
	for _, gap := range []int64{ms, 100 * ms, 1000 * ms} {
		r := newRig(t, settings(addresses(3)...), 1, "")
		slow := true
		call := func() string {
			ticket, address := r.begin(r.ask())
			took := ms
			if slow && address == "e0001:1" {
				took = 500 * ms
			}
			r.now += max(gap, took)
			ticket.End(breaker.Success, took, r.now)
			return address
		}
		for range 200 {
			call()
		}
		slow = false
		for end := r.now + 40*int64(time.Second); r.now < end; {
			call()
		}
		got := 0
		for range 3000 {
			if call() == "e0001:1" {
				got++
			}
		}
		between(t, fmt.Sprintf("one call in %v: share of 3,000 of the one that was slow", time.Duration(gap)), got, 700, 1300)
	}
}

// A stream that lasts is no call that hangs: told of its answer at once, untold after a while.
func TestStreamsDoNotStarveAnEndpoint(t *testing.T) {
	row := func(told bool, calls int) {
		r := newRig(t, settings(addresses(2)...), 1, "")
		millisecond := func(string) int64 { return ms }
		closedLoop(r, 12, 1000, millisecond)
		a := r.ask()
		a.Tried = r.pool.Endpoints()[1:]
		stream, _ := r.begin(a)
		if told {
			stream.Answered(ms, r.now)
		}
		r.now += 2 * int64(time.Second) // quiet: nothing comes back from either
		closedLoop(r, 12, calls, millisecond)
		got := closedLoop(r, 12, 10_000, millisecond)["e0000:1"]
		between(t, fmt.Sprintf("a stream at one of two, told %v, after %d calls: its share of 10,000", told, calls), got, 3500, 5500)
		stream.End(breaker.Success, ms, r.now)
	}
	row(true, 0)
	row(false, 12*20_000) // twenty seconds
}

func TestFade(t *testing.T) {
	for nanos := int64(1); nanos < 64*ewmaNanos; nanos += nanos/13 + 1 {
		want := math.Exp(-float64(nanos) / float64(ewmaNanos))
		if got := fade(nanos); got < 0.999*want || got > 1.07*want {
			if want > 1e-18 {
				t.Fatalf("after %v: got %v, want %v to 7 %% more", time.Duration(nanos), got, want)
			}
		}
	}
	if got := fmt.Sprint(fade(-5), fade(0), fade(math.MaxInt64)); got != "1 1 0" {
		t.Errorf("extremes: got %s, want 1 1 0", got)
	}
}

func TestLeastRequestFillsUp(t *testing.T) {
	c := settings(addresses(4)...)
	c.Balance.Kind = LeastRequest
	c.Endpoints[3].Weight = 3
	r := newRig(t, c, 1, "")
	var all []*Ticket
	for range 600 {
		ticket, _ := r.begin(r.ask())
		all = append(all, ticket)
	}
	for i, e := range r.pool.Endpoints() {
		want := 100
		if i == 3 {
			want = 300
		}
		between(t, e.Address, int(e.InFlight()), want-1, want+1)
	}
	for _, x := range all {
		x.End(breaker.Success, ms, r.now)
	}
}

// Without bound each key has its endpoint; with one nobody has more than its share allows, and keys go elsewhere only then.
func TestConsistentBoundsTheLoad(t *testing.T) {
	c := settings(addresses(5)...)
	c.Balance = Balance{Kind: Consistent, Key: "userid", Load: 1_250_000}
	r := newRig(t, c, 1, "")
	ask := r.ask()
	ask.Keyed, ask.Hash = true, 42
	_, home := r.begin(ask)
	most := int64(0)
	for range 99 {
		r.begin(ask) // one key that everybody wants
	}
	for _, e := range r.pool.Endpoints() {
		most = max(most, e.InFlight())
	}
	between(t, "in flight at the fullest, of 100 for one key at 5 endpoints with 125 %", int(most), 25, 25)
	c.Balance.Load = 0
	r.reload(c)
	for range 100 {
		if _, address := r.begin(ask); address != home {
			t.Fatalf("unbounded: got %s, want %s", address, home)
		}
	}
}

func TestConsistentComesHome(t *testing.T) {
	c := settings(addresses(5)...)
	c.Balance = Balance{Kind: Consistent, Key: "userid"}
	c.Probed = true
	r := newRig(t, c, 1, "")
	homes := func() map[uint64]string {
		m := map[uint64]string{}
		for key := range uint64(5000) {
			a := r.ask()
			a.Keyed, a.Hash = true, mix(key)
			ticket, address := r.begin(a)
			ticket.End(breaker.Success, ms, r.now)
			m[key] = address
		}
		return m
	}
	before := homes()
	r.registry.Report("p", "e0002:1", false, "refused")
	r.tick()
	away := homes()
	spread := map[string]int{}
	for key, home := range before {
		if home != "e0002:1" && away[key] != home {
			t.Fatalf("key %d of %s, which is well: went to %s", key, home, away[key])
		}
		if home == "e0002:1" {
			spread[away[key]]++
		}
	}
	for _, e := range r.pool.Endpoints() {
		if e.Address != "e0002:1" {
			between(t, "keys of the one that is away, of about 1,000, at "+e.Address, spread[e.Address], 180, 320)
		}
	}
	r.registry.Report("p", "e0002:1", true, "200")
	r.tick()
	for key, home := range homes() {
		if before[key] != home {
			t.Fatalf("key %d: got %s after all are back, want %s", key, home, before[key])
		}
	}
}

// The trials of a half-open endpoint are requests whose keys belong there: others would find nothing of theirs.
func TestConsistentTrialsAreItsOwn(t *testing.T) {
	c := settings(addresses(5)...)
	c.Balance = Balance{Kind: Consistent, Key: "userid"}
	r := newRig(t, c, 1, "")
	ask := func(key uint64) *Ask {
		a := r.ask()
		a.Keyed, a.Hash = true, mix(key)
		return a
	}
	home := map[uint64]string{}
	for key := range uint64(1000) {
		ticket, address := r.begin(ask(key))
		home[key] = address
		ticket.End(breaker.Success, ms, r.now)
	}
	r.fail("e0002:1", 5)
	r.pass(2 * time.Second)
	r.registry.Report("p", "e0003:1", false, "refused")
	r.tick()
	trials := 0
	for key := range uint64(1000) {
		ticket, address := r.begin(ask(key))
		if address == "e0002:1" {
			trials++
			if home[key] != address {
				t.Errorf("key %d of %s: got the half-open %s", key, home[key], address)
			}
		}
		if address == "e0003:1" {
			t.Errorf("key %d: got %s, which is not healthy", key, address)
		}
		ticket.End(breaker.Ignored, 0, r.now)
	}
	if trials == 0 {
		t.Error("got no trials")
	}
}

// A fast one that warms up gets no more than its small weight: it must not make up for it by being idle.
func TestSlowStartOfAFastOne(t *testing.T) {
	c := settings("a:1", "b:1")
	c.SlowStart, c.Probed = 10*time.Second, true
	r := newRig(t, c, 1, "")
	latency := func(address string) int64 {
		if address == "b:1" {
			return ms / 2
		}
		return ms
	}
	share := func() int {
		now := r.now
		defer func() { r.now = now }()
		return r.shares(1000, latency)["b:1"]
	}
	share()
	r.registry.Report("p", "b:1", false, "refused")
	r.tick()
	r.registry.Report("p", "b:1", true, "200")
	r.tick()
	between(t, "at the beginning, a tenth of the weight", share(), 50, 140)
	r.pass(10 * time.Second)
	between(t, "after it", share(), 700, 1000)
}

// A key keeps its tier, and its endpoint in it, while shares stay.
func TestConsistentKeepsTiers(t *testing.T) {
	c := settings(addresses(20)...)
	c.Balance, c.Probed = Balance{Kind: Consistent, Key: "userid"}, true
	for i := range 10 {
		c.Endpoints[10+i].Priority = 1
	}
	r := newRig(t, c, 1, "")
	for i := range 5 {
		r.registry.Report("p", addresses(10)[i], false, "x")
	}
	r.tick()
	second := 0
	for key := range uint64(2000) {
		homes := map[string]bool{}
		for range 3 {
			a := r.ask()
			a.Keyed, a.Hash = true, mix(key)
			ticket, address := r.begin(a)
			ticket.End(breaker.Success, ms, r.now)
			homes[address] = true
			if address >= addresses(11)[10] {
				second++
			}
		}
		if len(homes) != 1 {
			t.Fatalf("key %d: got %v", key, homes)
		}
	}
	between(t, "of 6,000 at the second priority", second, 1600, 2000)
}

func TestSlowStart(t *testing.T) {
	for _, kind := range []BalanceKind{P2C, RoundRobin, LeastRequest, Random} {
		t.Run(kind.String(), func(t *testing.T) {
			c := settings(addresses(4)...)
			c.Balance.Kind = kind
			c.Probed, c.SlowStart = true, 10*time.Second
			r := newRig(t, c, 1, "")
			for _, a := range addresses(4) {
				r.registry.Report("p", a, true, "200")
			}
			r.shares(1000, nil)
			r.registry.Report("p", "e0001:1", false, "refused")
			r.tick()
			if got := r.shares(1000, nil)["e0001:1"]; got != 0 {
				t.Errorf("not healthy: got %d requests, want 0", got)
			}
			r.registry.Report("p", "e0001:1", true, "200")
			r.tick()
			start := r.now
			at := func(d time.Duration, least, most int) {
				t.Helper()
				for r.now < start+int64(d) {
					r.tick()
				}
				now := r.now
				between(t, fmt.Sprintf("share of 10,000 after %v (%s)", d, r.state("e0001:1")), r.shares(10_000, func(string) int64 { return 1 })["e0001:1"], least, most)
				r.now = now
			}
			// At the beginning a tenth of the weight: 0.1 of 3.1; at half time 0.5 of 3.5; then 1 of 4.
			at(0, 230, 420)
			at(5*time.Second, 1200, 1650)
			at(10*time.Second, 2250, 2750)
			if got := r.state("e0001:1"); got != "healthy: ok" {
				t.Errorf("after its slow start: got %s", got)
			}
		})
	}
}

// A turn that hits upon the heaviest only, which cannot be asked, ends in time and finds somebody.
func TestRoundRobinPastTheHeaviest(t *testing.T) {
	c := settings(addresses(2000)...)
	c.Balance.Kind = RoundRobin
	c.Endpoints[7].Weight = 1000
	r := newRig(t, c, 1, "")
	a := r.ask()
	a.Tried = r.pool.Endpoints()[7:8]
	before := r.pool.state.shards[0].turn.Load()
	for range 100 {
		ticket, got := r.begin(a)
		if ticket == nil {
			t.Fatalf("1,999 are left: got %s", got)
		}
		ticket.End(breaker.Success, ms, r.now)
	}
	between(t, "turns taken by 100 requests", int(r.pool.state.shards[0].turn.Load()-before), 100, 100*(2000+scanBound))
}
