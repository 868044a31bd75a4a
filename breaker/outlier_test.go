package breaker

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func outlierDefaults() OutlierSettings {
	return OutlierSettings{
		Consecutive: 5, SuccessRate: true, Deviations: 1.9, MinHosts: 5, MinRequests: 100, Interval: 10 * time.Second,
		Ejection: 2 * time.Second, MaxEjection: 60 * time.Second, MaxEjected: 500_000,
	}
}

// pool is endpoints under test: the samples are their counters.
type pool struct {
	o       *Outlier
	samples []Sample
}

func newPool(s *OutlierSettings, hosts int) *pool {
	p := &pool{o: NewOutlier(s)}
	for range hosts {
		p.samples = append(p.samples, Sample{Host: &Host{}})
	}
	return p
}

func (p *pool) call(host int, o Outcome, times int) {
	for range times {
		s := &p.samples[host]
		s.Requests++
		if o == Success {
			s.Successes++
			p.o.Success(s.Host)
		} else {
			p.o.Failure(s.Host)
		}
	}
}

// An endpoint that fails again and again: each ejection is longer, to the longest; time in service makes them shorter.
func TestEjectionGrowsAndDecays(t *testing.T) {
	s := outlierDefaults()
	s.MaxEjection = 7 * time.Second
	p := newPool(&s, 3)
	now := second
	eject := func() int64 {
		t.Helper()
		p.call(1, Failure, s.Consecutive)
		got := p.o.Tick(now, p.samples, nil)
		if len(got) != 1 || !got[0].Ejected || got[0].Index != 1 || got[0].Reason != FailuresInARow {
			t.Fatalf("effects after %d failures in a row: %+v, want it ejected", s.Consecutive, got)
		}
		long := got[0].Until - now
		if got := p.o.Tick(got[0].Until-1, p.samples, nil); len(got) != 0 {
			t.Fatalf("effects before its time: %+v, want none", got)
		}
		now = got[0].Until
		want := []Effect{{Index: 1, Times: got[0].Times, Reason: TimeOver}}
		if got := p.o.Tick(now, p.samples, nil); !reflect.DeepEqual(got, want) {
			t.Fatalf("effects at its time: %+v, want %+v", got, want)
		}
		return long
	}
	for i, want := range []int64{2, 4, 6, 7, 7} {
		if got := eject(); got != want*second {
			t.Errorf("ejection %d: %d ns, want %d s", i+1, got, want)
		}
	}
	for range 5 { // looked at, at times that are no whole intervals
		now += 3 * int64(s.Interval) / 5
		p.o.Tick(now, p.samples, nil)
	}
	if got := eject(); got != 6*second {
		t.Errorf("after five ejections and three intervals in service: %d ns, want that of the third, 6 s", got)
	}
	now += 100 * int64(s.Interval)
	p.o.Tick(now, p.samples, nil)
	if got := eject(); got != 2*second {
		t.Errorf("after a long time in service: %d ns, want that of the first, 2 s", got)
	}
}

func TestSuccessRate(t *testing.T) {
	row := func(name string, successes []int, change func(*OutlierSettings), want ...int) {
		t.Run(name, func(t *testing.T) {
			s := outlierDefaults()
			s.Consecutive = 0
			if change != nil {
				change(&s)
			}
			p := newPool(&s, len(successes))
			p.o.Tick(second, p.samples, nil)
			for i, n := range successes {
				p.call(i, Success, n)
				p.call(i, Failure, 200-n)
			}
			if got := p.o.Tick(second+int64(s.Interval)-1, p.samples, nil); len(got) != 0 {
				t.Errorf("before the interval is over: %+v, want nothing", got)
			}
			var got []int
			for _, e := range p.o.Tick(second+int64(s.Interval), p.samples, nil) {
				if !e.Ejected || e.Reason != LowSuccessRate {
					t.Errorf("effect %+v, want an ejection for its rate", e)
				}
				got = append(got, e.Index)
			}
			if !slices.Equal(got, want) {
				t.Errorf("successes of 200: %v: ejected %v, want %v", successes, got, want)
			}
		})
	}
	row("one far below", []int{200, 199, 120, 200, 198}, nil, 2)
	row("all equally bad", []int{100, 100, 100, 100, 100}, nil)
	row("the first error of any is not far", []int{200, 200, 199, 200, 200}, nil)
	row("just within the gap", []int{200, 200, 188, 200, 200}, nil)
	row("just beyond the gap", []int{200, 200, 187, 200, 200}, nil, 2)
	row("too few endpoints", []int{200, 200, 100, 200}, nil)
	row("too few requests", []int{200, 200, 100, 200, 200}, func(s *OutlierSettings) { s.MinRequests = 201 })
	row("switched off", []int{200, 200, 100, 200, 200}, func(s *OutlierSettings) { s.SuccessRate = false })
	row("the worst first, as far as the cap goes", []int{200, 60, 200, 50, 200, 200, 200, 200, 200, 200},
		func(s *OutlierSettings) { s.Deviations, s.MaxEjected = 1, 100_000 }, 3)
	row("more of them", []int{200, 60, 200, 50, 200, 200, 200, 200, 200, 200},
		func(s *OutlierSettings) { s.Deviations = 1 }, 3, 1)
}

// plainOutlier is the detector's description in the plainest form.
type plainOutlier struct {
	s      *OutlierSettings
	hosts  []*plainHost
	look   int64 // the last one, if looked
	looked bool
}

type plainHost struct {
	inARow              int
	enough              bool // was there since the last tick
	until               int64
	times               int
	inService           int64 // since when, less what was used to forget
	requests, successes int   // since the last look
	known               bool  // whether it was in service for all that time
}

func (p *plainOutlier) call(h *plainHost, o Outcome) {
	h.requests++
	if o == Success {
		h.successes++
		h.inARow = 0
		return
	}
	h.inARow++
	if p.s != nil && p.s.Consecutive > 0 && h.inARow >= p.s.Consecutive {
		h.enough = true
	}
}

func (p *plainOutlier) out() (out []int) {
	for i, h := range p.hosts {
		if h.until != 0 {
			out = append(out, i)
		}
	}
	return out
}

func (p *plainOutlier) tick(now int64) (effects []Effect) {
	back := func(i int, reason OutlierReason) {
		h := p.hosts[i]
		h.until, h.inARow, h.enough, h.inService, h.known = 0, 0, false, now, false
		effects = append(effects, Effect{Index: i, Times: h.times, Reason: reason})
	}
	if p.s == nil {
		for _, i := range p.out() {
			back(i, SwitchedOff)
		}
		p.looked = false
		return effects
	}
	for i, h := range p.hosts {
		if h.until != 0 && now >= h.until {
			back(i, TimeOver)
		} else if h.until == 0 {
			for h.times > 0 && now-h.inService >= int64(p.s.Interval) {
				h.times--
				h.inService += int64(p.s.Interval)
			}
			if h.times == 0 {
				h.inService = now
			}
		}
	}
	allowed := int(float64(len(p.hosts)) * float64(p.s.MaxEjected) / 1e6)
	if len(p.hosts) > 1 && allowed == 0 {
		allowed = 1
	}
	for len(p.out()) > allowed {
		back(slices.MinFunc(p.out(), func(a, b int) int { return cmp.Compare(p.hosts[a].until, p.hosts[b].until) }), TooManyOut)
	}
	eject := func(i int, reason OutlierReason) {
		h := p.hosts[i]
		h.inARow, h.enough = 0, false
		if len(p.out()) >= allowed {
			return
		}
		h.times++
		h.until = now + min(int64(p.s.Ejection)*int64(h.times), int64(p.s.MaxEjection))
		effects = append(effects, Effect{Index: i, Ejected: true, Until: h.until, Times: h.times, Reason: reason})
	}
	for i, h := range p.hosts {
		if h.enough && h.until == 0 {
			eject(i, FailuresInARow)
		}
	}
	if p.looked && now < p.look+int64(p.s.Interval) {
		return effects
	}
	type rated struct {
		host int
		rate float64
	}
	var rates []rated
	sum := 0.0
	for i, h := range p.hosts {
		if h.known && h.until == 0 && h.requests >= p.s.MinRequests && p.looked {
			rates = append(rates, rated{i, float64(h.successes) / float64(h.requests)})
			sum += rates[len(rates)-1].rate
		}
		h.requests, h.successes, h.known = 0, 0, true
	}
	p.look, p.looked = now, true
	if !p.s.SuccessRate || len(rates) < p.s.MinHosts {
		return effects
	}
	mean, variance := sum/float64(len(rates)), 0.0
	for _, r := range rates {
		variance += (r.rate - mean) * (r.rate - mean)
	}
	low := mean - max(0.05, p.s.Deviations*math.Sqrt(variance/float64(len(rates))))
	slices.SortStableFunc(rates, func(a, b rated) int { return cmp.Compare(a.rate, b.rate) })
	for _, r := range rates {
		if r.rate < low {
			if len(p.out()) < allowed {
				eject(r.host, LowSuccessRate)
			}
		}
	}
	return effects
}

// The detector against the plain one, while endpoints come and go and settings change; and the cap holds after each tick.
func TestOutlierAgainstPlain(t *testing.T) {
	seen := map[OutlierReason]int{}
	draw := rapid.Custom(func(t *rapid.T) OutlierSettings {
		return OutlierSettings{
			Consecutive: rapid.SampledFrom([]int{0, 1, 5}).Draw(t, "consecutive"),
			SuccessRate: rapid.Bool().Draw(t, "success rate"),
			Deviations:  rapid.SampledFrom([]float64{0, 1, 1.9}).Draw(t, "deviations"),
			MinHosts:    rapid.IntRange(1, 5).Draw(t, "min hosts"),
			MinRequests: rapid.IntRange(1, 20).Draw(t, "min requests"),
			Interval:    rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second}).Draw(t, "interval"),
			Ejection:    rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second}).Draw(t, "ejection"),
			MaxEjection: rapid.SampledFrom([]time.Duration{2 * time.Second, 60 * time.Second}).Draw(t, "max ejection"),
			MaxEjected:  rapid.SampledFrom([]uint32{0, 100_000, 500_000, 1_000_000}).Draw(t, "max ejected"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := draw.Draw(t, "settings")
		n := rapid.IntRange(1, 10).Draw(t, "hosts")
		got, want := newPool(&s, n), &plainOutlier{s: &s}
		for range n {
			want.hosts = append(want.hosts, &plainHost{})
		}
		now := rapid.Int64Range(1, 1e15).Draw(t, "start")
		host := func(t *rapid.T) int { return rapid.IntRange(0, len(want.hosts)-1).Draw(t, "host") }
		call := func(t *rapid.T, i int, o Outcome, times int) {
			got.call(i, o, times)
			for range times {
				want.call(want.hosts[i], o)
			}
		}
		tick := func(t *rapid.T) {
			g, w := got.o.Tick(now, got.samples, nil), want.tick(now)
			if !slices.Equal(g, w) {
				t.Fatalf("tick at %d\n got %+v\nwant %+v", now, g, w)
			}
			out := 0
			for i, e := range g {
				seen[e.Reason]++
				if e.Ejected && e.Until <= now {
					t.Fatalf("effect %d: %+v ends at once, at %d", i, e, now)
				}
			}
			for i := range got.samples {
				if got.samples[i].Host.Ejected() {
					out++
				}
			}
			if want.s != nil && out > max(1, len(got.samples)*int(want.s.MaxEjected)/1_000_000) || want.s == nil && out > 0 {
				t.Fatalf("%d of %d are ejected, the share allowed is %+v", out, len(got.samples), want.s)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"failures":  func(t *rapid.T) { call(t, host(t), Failure, rapid.IntRange(1, 6).Draw(t, "times")) },
			"successes": func(t *rapid.T) { call(t, host(t), Success, rapid.IntRange(1, 6).Draw(t, "times")) },
			"an interval of all": func(t *rapid.T) {
				for i := range want.hosts {
					call(t, i, Success, rapid.IntRange(15, 20).Draw(t, "successes"))
					call(t, i, Failure, rapid.SampledFrom([]int{0, 0, 0, 1, 4, 20}).Draw(t, "failures"))
				}
				now += 10 * second
				tick(t)
			},
			"tick": func(t *rapid.T) {
				now += rapid.Int64Range(0, 2*second).Draw(t, "nanos")
				tick(t)
			},
			"wait": func(t *rapid.T) {
				now += rapid.Int64Range(0, 100*second).Draw(t, "nanos")
				tick(t)
			},
			"one comes": func(t *rapid.T) {
				if len(want.hosts) < 12 {
					got.samples = append(got.samples, Sample{Host: &Host{}})
					want.hosts = append(want.hosts, &plainHost{})
				}
			},
			"one goes": func(t *rapid.T) {
				if i := host(t); len(want.hosts) > 1 {
					got.samples = slices.Delete(got.samples, i, i+1)
					want.hosts = slices.Delete(want.hosts, i, i+1)
				}
			},
			"reload": func(t *rapid.T) {
				s := draw.Draw(t, "settings")
				want.s = &s
				if rapid.IntRange(0, 3).Draw(t, "off") == 0 {
					want.s = nil
				}
				got.o.Configure(want.s)
			},
		})
	})
	for _, r := range []OutlierReason{FailuresInARow, LowSuccessRate, TimeOver, TooManyOut, SwitchedOff} {
		if seen[r] == 0 {
			t.Errorf("nothing was for the reason %s: %v", r, seen)
		}
	}
}

func TestOutlierAllocatesNothing(t *testing.T) {
	s := outlierDefaults()
	p := newPool(&s, 10)
	effects := make([]Effect, 0, 20)
	now := second
	if n := testing.AllocsPerRun(100, func() {
		now += second
		p.call(3, Failure, 5)
		p.call(3, Success, 1)
		effects = p.o.Tick(now, p.samples, effects[:0])
	}); n != 0 {
		t.Errorf("got %v allocations a run, want none", n)
	}
}
