package upstream

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"graygate/breaker"
)

// TestNobodyIsAskedWhoMustNotBe plays requests, failures, probes, reloads and time in any order, and holds that a tried one
// is never given, one that is not well only as a last resort, one that drains never, no limit is passed, and that when all
// is over nothing is in flight.
func TestNobodyIsAskedWhoMustNotBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := settings()
		n := rapid.IntRange(0, 6).Draw(t, "endpoints")
		for i := range n {
			c.Endpoints = append(c.Endpoints, EndpointConfig{
				Address: string(rune('a'+i)) + ":1", Weight: rapid.SampledFrom([]int{0, 1, 1, 1, 5, 1000}).Draw(t, "weight"),
				Priority: rapid.IntRange(0, 1).Draw(t, "priority"), Zone: rapid.SampledFrom([]string{"", "here"}).Draw(t, "zone"),
			})
		}
		c.Balance = Balance{Kind: BalanceKind(rapid.IntRange(0, 4).Draw(t, "balance")), Load: 1_250_000, Zone: rapid.Bool().Draw(t, "zones")}
		c.Probed, c.Panic = true, 500_000
		c.Limits.InFlight = rapid.IntRange(0, 3).Draw(t, "limit")
		c.SlowStart = time.Second
		c.Outlier = &breaker.OutlierSettings{Consecutive: 3, Interval: time.Second, Ejection: time.Second, MaxEjection: time.Minute, MaxEjected: 500_000}
		registry := NewRegistry(Options{Loops: 2})
		pool := registry.Pools([]PoolConfig{c}, "here")["p"]
		now := int64(time.Second)
		var flying []*Ticket
		var seen []*Endpoint
		finish := func(i int, o breaker.Outcome) {
			x := flying[i]
			flying = slices.Delete(flying, i, i+1)
			if rapid.Bool().Draw(t, "retried") {
				x.EndRetried(o, ms, now)
			} else {
				x.End(o, ms, now)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				for _, e := range pool.Endpoints() {
					if !slices.Contains(seen, e) {
						seen = append(seen, e)
					}
				}
			},
			"ask": func(t *rapid.T) {
				a := Ask{Loop: rapid.IntRange(0, 1).Draw(t, "loop"), Now: now, Hash: rapid.Uint64().Draw(t, "hash"), Random: rapid.Uint64().Draw(t, "random"),
					Keyed: rapid.Bool().Draw(t, "keyed"), LastResort: rapid.Bool().Draw(t, "last"), Frail: rapid.Bool().Draw(t, "frail")}
				for _, e := range pool.Endpoints() {
					if rapid.IntRange(0, 3).Draw(t, "tried") == 0 {
						a.Tried = append(a.Tried, e)
					}
				}
				available := pool.Available(now)
				var ticket Ticket
				refusal := pool.Begin(&ticket, &a)
				if refusal != OK {
					if ticket != (Ticket{}) {
						t.Fatalf("refused (%v), and a ticket was given", refusal)
					}
					if available && len(a.Tried) == 0 && c.Limits.InFlight == 0 {
						t.Fatalf("refused (%v), though available and no limit", refusal)
					}
					return
				}
				e := ticket.Endpoint
				if slices.Contains(a.Tried, e) {
					t.Fatalf("%s was tried, and given again", e.Address)
				}
				state, reason := e.State(now)
				if state == Draining || state > BreakerHalfOpen && !a.LastResort {
					t.Fatalf("%s is %v (%s), and was given, last resort %v", e.Address, state, reason, a.LastResort)
				}
				if c.Limits.InFlight > 0 && e.InFlight() > int64(c.Limits.InFlight) {
					t.Fatalf("%s has %d in flight, the limit is %d", e.Address, e.InFlight(), c.Limits.InFlight)
				}
				flying = append(flying, &ticket)
			},
			"end": func(t *rapid.T) {
				if len(flying) > 0 {
					finish(rapid.IntRange(0, len(flying)-1).Draw(t, "which"), breaker.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")))
				}
			},
			"answer": func(t *rapid.T) {
				if len(flying) > 0 {
					flying[rapid.IntRange(0, len(flying)-1).Draw(t, "which")].Answered(ms, now)
				}
			},
			"probe": func(t *rapid.T) {
				registry.Report("p", string(rune('a'+rapid.IntRange(0, 6).Draw(t, "which")))+":1", rapid.Bool().Draw(t, "healthy"), "x")
			},
			"time": func(t *rapid.T) {
				now += int64(rapid.SampledFrom([]time.Duration{time.Millisecond, 100 * time.Millisecond, 2 * time.Second}).Draw(t, "time"))
				registry.Tick(now)
			},
			"reload": func(t *rapid.T) {
				next := c
				next.Endpoints = nil
				for _, x := range c.Endpoints {
					if rapid.IntRange(0, 4).Draw(t, "kept") > 0 {
						next.Endpoints = append(next.Endpoints, x)
					}
				}
				pool = registry.Pools([]PoolConfig{next}, "here")["p"]
			},
		})
		for len(flying) > 0 {
			finish(0, breaker.Ignored)
		}
		for _, e := range seen {
			if e.shards[0].answering.Load() != 0 || e.shards[1].answering.Load() != 0 {
				t.Fatalf("%s: all have ended, and some are being answered", e.Address)
			}
			if e.InFlight() != 0 || e.inFlight.Load() != 0 {
				t.Fatalf("%s: all have ended, and %d (%d) are in flight", e.Address, e.InFlight(), e.inFlight.Load())
			}
		}
		for _, s := range registry.Status(now) {
			if s.InFlight != 0 {
				t.Fatalf("pool: all have ended, and %d are in flight", s.InFlight)
			}
		}
	})
}

// Loops ask and end, ends come from other goroutines too, while ticks, reports, updates and reloads go on.
func TestRaces(t *testing.T) {
	c := settings(addresses(8)...)
	c.Probed = true
	c.Limits.InFlight = 50
	c.SlowStart = 50 * time.Millisecond
	c.Outlier = &breaker.OutlierSettings{Consecutive: 3, Interval: time.Second, Ejection: time.Second, MaxEjection: time.Minute, MaxEjected: 500_000, SuccessRate: true, MinHosts: 2, MinRequests: 5, Deviations: 1}
	source := SourceConfig{Name: "x:1"}
	c.Sources = []SourceConfig{source}
	registry := NewRegistry(Options{Loops: 2})
	pool := registry.Pools([]PoolConfig{c}, "")["p"]
	first := pool.Endpoints()
	var loops, others sync.WaitGroup
	for loop := range 2 {
		loops.Go(func() {
			random := uint64(loop)
			var ends sync.WaitGroup
			for i := range 4000 {
				random = mix(random)
				random := random // of this call
				now := int64(i) * ms
				ticket := new(Ticket)
				if pool.Begin(ticket, &Ask{Loop: loop, Now: now, Random: random, Hash: random, Keyed: true, LastResort: i%2 == 0}) != OK {
					continue
				}
				pool.Sent(loop)
				end := func() {
					if random%4 == 0 {
						ticket.Answered(int64(random%1000), now)
					}
					ticket.End(breaker.Outcome(random%3), int64(random%1000), now)
				}
				if i%5 == 0 {
					ends.Go(end)
				} else {
					end()
				}
				if i%100 == 0 {
					pool.Available(now)
					pool.TakeRetry(loop, now)
				}
			}
			ends.Wait()
		})
	}
	stop := make(chan struct{})
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			now := int64(i) * tick
			registry.Tick(now)
			registry.Report("p", addresses(8)[i%8], i%3 > 0, "x")
			registry.Update("p", source, []EndpointConfig{{Address: addresses(20)[8+i%12], Weight: i % 4}})
			registry.Status(now)
			if i%10 == 0 {
				next := c
				next.Balance.Kind = BalanceKind(i / 10 % 5)
				registry.Pools([]PoolConfig{next}, "")
			}
			for _, e := range pool.Endpoints() {
				e.State(now)
			}
		}
	})
	loops.Wait()
	close(stop)
	others.Wait()
	for _, e := range slices.Concat(first, pool.Endpoints()) {
		if e.InFlight() != 0 {
			t.Errorf("%s: all have ended, and %d are in flight", e.Address, e.InFlight())
		}
	}
}
