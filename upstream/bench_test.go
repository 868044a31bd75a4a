package upstream

import (
	"fmt"
	"testing"

	"graygate/breaker"
)

// BenchmarkPick is one attempt, begun and ended, with all endpoints well and ten in flight on the loop.
func BenchmarkPick(b *testing.B) {
	for _, kind := range []BalanceKind{P2C, RoundRobin, LeastRequest, Random, Consistent} {
		for _, n := range []int{3, 100, 5000} {
			b.Run(fmt.Sprintf("balance=%s/endpoints=%d", kind, n), func(b *testing.B) {
				c := settings(addresses(n)...)
				c.Balance = Balance{Kind: kind, Load: 1_250_000}
				c.Outlier = &breaker.OutlierSettings{Consecutive: 5}
				r := newRig(b, c, 2, "")
				a := Ask{Now: r.now, Keyed: true}
				var flying [10]Ticket
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					a.Random = mix(a.Random)
					a.Hash = a.Random
					a.Now += 1000
					t := &flying[i%len(flying)]
					t.End(breaker.Success, ms, a.Now)
					if r.pool.Begin(t, &a) != OK {
						b.Fatal("refused")
					}
					i++
				}
			})
		}
	}
}

// BenchmarkTick is one tick of a pool in which nothing changes, and of one whose roster is made anew.
func BenchmarkTick(b *testing.B) {
	for _, kind := range []BalanceKind{P2C, Consistent} {
		for _, anew := range []bool{false, true} {
			b.Run(fmt.Sprintf("balance=%s/endpoints=5000/anew=%v", kind, anew), func(b *testing.B) {
				c := settings(addresses(5000)...)
				c.Balance.Kind = kind
				c.Outlier = &breaker.OutlierSettings{Consecutive: 5, SuccessRate: true, MinHosts: 5, MinRequests: 100, Deviations: 2, Interval: 10e9}
				r := newRig(b, c, 2, "")
				b.ReportAllocs()
				for b.Loop() {
					r.pool.state.stale = anew
					r.tick()
				}
			})
		}
	}
}
