package meter_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"graygate/telemetry/meter"
)

// busy gives a registry of two loops in which every rule of every route has answered requests of all kinds that are usual.
func busy(tb testing.TB, routes, rules int) *meter.Registry {
	r := meter.New(2)
	tb.Cleanup(r.Close)
	g := r.Resolve()
	for i := range routes {
		for j := range rules {
			key := meter.Key{Service: fmt.Sprintf("service-%04d", i), Rule: fmt.Sprintf("rule-%d", j), Gray: j > 0}
			s := g.Series(key, []string{"shop-stable", "shop-gray"})
			for n := range 200 {
				took := time.Duration(1+n*n*n) * 3 * time.Microsecond
				s.Observe(n%2, n%7%2, 200+100*(n%4)*(n%3/2), took, took-time.Microsecond)
			}
		}
	}
	g.Commit()
	return r
}

type sizes struct{ bytes, writes, largest int }

func (s *sizes) Write(p []byte) (int, error) {
	s.bytes += len(p)
	s.writes++
	s.largest = max(s.largest, len(p))
	return len(p), nil
}

func BenchmarkScrape(b *testing.B) {
	for _, routes := range []int{10, 1000} {
		b.Run(fmt.Sprintf("routes=%d/rules=5", routes), func(b *testing.B) {
			r := busy(b, routes, 5)
			var one sizes
			r.Write(&one)
			b.ReportAllocs()
			for b.Loop() {
				r.Write(io.Discard)
			}
			b.ReportMetric(float64(one.bytes)/1e6, "MB")
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	row := func(name string, pool int, upstream time.Duration) {
		b.Run(name, func(b *testing.B) {
			r := meter.New(1)
			defer r.Close()
			s := r.Resolve().Series(meter.Key{Service: "shop", Rule: "beta", Gray: true}, []string{"stable", "gray"})
			statuses := [...]int{200, 200, 200, 404, 200, 503, 200, 418}
			took := [64]time.Duration{}
			for i := range took {
				took[i] = time.Duration(i*i*i*i) * time.Microsecond
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Observe(0, pool, statuses[i%8], took[i%64], upstream)
			}
		})
	}
	row("case=proxied", 1, time.Millisecond)
	row("case=local", -1, -1)
}

func BenchmarkCount(b *testing.B) {
	r := meter.New(1)
	defer r.Close()
	a := r.Resolve().Assigned(meter.Experiment{Name: "color", Salt: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 1}})
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		a.Count(0, int(i%2), i)
		if i%(1<<16) == 0 {
			r.Drain()
		}
	}
}
