package breaker

import (
	"sync/atomic"
	"testing"
)

// loops numbers the goroutines of parallel benchmarks.
var loops atomic.Int64

func BenchmarkRecord(b *testing.B) {
	bench := func(name string, o Outcome, failures uint32) {
		b.Run("case="+name, func(b *testing.B) {
			s := defaults()
			s.Failures, s.Consecutive = failures, 0
			br := New(&s, 2)
			now := 1000 * second
			b.ReportAllocs()
			for b.Loop() {
				now += 10_000 // a hundred thousand calls a second
				p, _ := br.Allow(now)
				br.Record(1, p, o, 1_000_000, now)
			}
			if br.State() != Closed {
				b.Fatalf("it opened: %s", br)
			}
		})
	}
	bench("success", Success, 500_000)
	bench("failure", Failure, 1_000_001) // never reached: what a failure costs while the breaker bears it
	b.Run("case=success_parallel", func(b *testing.B) {
		s := defaults()
		br := New(&s, 2)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			shard := int(loops.Add(1))
			now := 1000 * second
			for pb.Next() {
				now += 10_000
				p, _ := br.Allow(now)
				br.Record(shard, p, Success, 1_000_000, now)
			}
		})
	})
}

func BenchmarkAllow(b *testing.B) {
	bench := func(name string, failures int, want bool) {
		b.Run("case="+name, func(b *testing.B) {
			s := defaults()
			br := New(&s, 2)
			for range failures {
				br.Record(0, Permit{}, Failure, 0, second)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := br.Allow(second); ok != want {
					b.Fatalf("got %v, want %v: %s", ok, want, br)
				}
			}
		})
	}
	bench("closed", 0, true)
	bench("open", 5, false)
}
