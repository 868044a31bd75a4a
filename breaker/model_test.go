package breaker

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var drawSettings = rapid.Custom(func(t *rapid.T) Settings {
	return Settings{
		Window:      time.Duration(rapid.SampledFrom([]int{1, 2, 10}).Draw(t, "window")) * time.Second,
		Calls:       rapid.SampledFrom([]int{0, 0, 10, 50, 400}).Draw(t, "calls"),
		MinRequests: rapid.IntRange(1, 20).Draw(t, "min requests"),
		Failures:    rapid.SampledFrom([]uint32{0, 1, 333_333, 500_000, 500_000, 1_000_000}).Draw(t, "failures"),
		Consecutive: rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "consecutive"),
		Slow:        rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "slow"),
		SlowShare:   rapid.SampledFrom([]uint32{0, 500_000, 800_000}).Draw(t, "slow share"),
		Open:        rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(t, "open"),
		MaxOpen:     rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second}).Draw(t, "max open"),
		Trials:      rapid.IntRange(1, 4).Draw(t, "trials"),
	}
})

// The breaker against the plain one, event by event: both kinds of windows, loops whose clocks differ by less than half a
// window, waits of hours, permits told late, twice or never, reloads.
func TestBreakerAgainstPlain(t *testing.T) {
	seen := map[Reason]int{}
	rapid.Check(t, func(t *rapid.T) {
		type held struct {
			permit Permit
			plain  plainPermit
		}
		s := drawSettings.Draw(t, "settings")
		shards := rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "shards")
		b, p := New(&s, shards), &plain{s: s, shards: shards, generation: 1, room: s.Trials * lateTrials}
		base := rapid.Int64Range(0, 1000*second).Draw(t, "start")
		var permits []held
		var told []held // already
		clock := func(t *rapid.T) int64 {
			if rapid.Bool().Draw(t, "exact") {
				return base
			}
			return max(0, base-rapid.Int64Range(0, int64(p.s.Window)/Buckets*4).Draw(t, "behind"))
		}
		same := func(t *rapid.T, what string, got Change, changed bool, want *Change) {
			t.Helper()
			if want == nil {
				want = &Change{}
			}
			if got != *want || changed != (*want != Change{}) {
				t.Fatalf("%s: change %v (%v), want %v", what, got, changed, *want)
			}
			if !changed {
				return
			}
			seen[got.Reason]++
			if got.To == Open {
				p.openUntil = b.Status(got.At).OpenUntil
				nominal := int64(p.nominal())
				if long := p.openUntil - got.At; long > nominal || long < nominal-nominal/5 {
					t.Fatalf("%s: open for %d ns, want at most a fifth below %d (%d in a row)", what, long, nominal, p.streak)
				}
			}
		}
		record := func(t *rapid.T, h held, o Outcome, took time.Duration) {
			shard, now := rapid.IntRange(0, shards-1).Draw(t, "shard"), clock(t)
			c, changed := b.Record(shard, h.permit, o, int64(took), now)
			same(t, "Record", c, changed, p.record(shard, h.plain, o, int64(took), now))
		}
		outcome := rapid.SampledFrom([]Outcome{Success, Success, Failure, Failure, Ignored})
		duration := rapid.SampledFrom([]time.Duration{0, time.Second, time.Second + 1})
		allow := func(t *rapid.T) (held, bool) {
			now := clock(t)
			if got, want := b.Ready(now), p.ready(now); got != want {
				t.Fatalf("Ready(%d): got %v, want %v", now, got, want)
			}
			permit, ok := b.Allow(now)
			plain, change, want := p.allow(now)
			if ok != want || permit.Trial() != (plain.trial != 0) {
				t.Fatalf("Allow(%d): got %v %v, want %v %v", now, ok, permit, want, plain)
			}
			c, changed := permit.Change(now)
			same(t, "Allow", c, changed, change)
			return held{permit, plain}, ok
		}
		calls := func(t *rapid.T) {
			wanted, took := outcome.Draw(t, "outcome"), duration.Draw(t, "took")
			for range rapid.IntRange(1, 30).Draw(t, "calls") {
				h, ok := allow(t)
				if !ok {
					return
				}
				told = append(told, h)
				record(t, h, wanted, took)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"":       func(t *rapid.T) { compare(t, b, p, clock(t)) },
			"calls":  calls,
			"calls2": calls,
			"mixed calls": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "calls") {
					if h, ok := allow(t); ok {
						record(t, h, outcome.Draw(t, "outcome"), duration.Draw(t, "took"))
					}
				}
			},
			"wait a little": func(t *rapid.T) { base += rapid.Int64Range(0, second).Draw(t, "nanos") },
			"wait":          func(t *rapid.T) { base += rapid.Int64Range(0, 40*second).Draw(t, "nanos") },
			"jump":          func(t *rapid.T) { base += rapid.Int64Range(0, 1e15).Draw(t, "nanos") },
			"some buckets": func(t *rapid.T) {
				base += rapid.Int64Range(1, Buckets+1).Draw(t, "buckets") * int64(p.s.Window) / Buckets
			},
			"until a trial expires": func(t *rapid.T) {
				if len(p.trials) != 0 {
					base = max(base, rapid.SampledFrom(p.trials).Draw(t, "trial").expires+rapid.Int64Range(-1, 0).Draw(t, "nanos"))
				}
			},
			"until it may": func(*rapid.T) {
				if p.state == Open {
					base = max(base, p.openUntil)
				}
			},
			"allow": func(t *rapid.T) {
				if h, ok := allow(t); ok {
					permits = append(permits, h)
				}
			},
			"answer": func(t *rapid.T) {
				if len(permits) == 0 {
					t.Skip("none is out")
				}
				i := rapid.IntRange(0, len(permits)-1).Draw(t, "permit")
				h := permits[i]
				permits = append(permits[:i], permits[i+1:]...)
				told = append(told, h)
				record(t, h, outcome.Draw(t, "outcome"), duration.Draw(t, "took"))
			},
			"lose": func(*rapid.T) { permits = nil },
			"answer again": func(t *rapid.T) {
				if len(told) == 0 {
					t.Skip("none was told")
				}
				record(t, rapid.SampledFrom(told).Draw(t, "permit"), outcome.Draw(t, "outcome"), 0)
			},
			"without a permit": func(t *rapid.T) { record(t, held{}, outcome.Draw(t, "outcome"), duration.Draw(t, "took")) },
			"probed": func(t *rapid.T) {
				now := clock(t)
				c, changed := b.Probed(now)
				same(t, "Probed", c, changed, p.probed(now))
			},
			"reload": func(t *rapid.T) {
				s := drawSettings.Draw(t, "settings")
				s.MaxOpen = max(s.MaxOpen, s.Open)
				b.Configure(&s)
				p.configure(s)
			},
		})
	})
	for _, r := range []Reason{Failures, Consecutive, Slow, TrialFailed, TrialsPassed, Probe, Waited} {
		if seen[r] == 0 {
			t.Errorf("no change was for the reason %s: %v", r, seen)
		}
	}
}

func compare(t *rapid.T, b *Breaker, p *plain, now int64) {
	if got, want := b.Status(now), p.status(now); got != want {
		t.Fatalf("status at %d\n got %+v\nwant %+v", now, got, want)
	}
}

// An epoch is a division, which is done by a multiplication.
func TestEpochIsADivision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Settings{Window: time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "window"))}
		terms := newTerms(&s, 1)
		bucket := int64(s.Window) / Buckets
		now := rapid.OneOf(rapid.Int64Range(0, 1<<63-1), rapid.Map(rapid.Int64Range(1, 1e9), func(n int64) int64 {
			return bucket * (n % (1 << 62 / bucket))
		})).Draw(t, "now")
		for _, now := range []int64{max(now-1, 0), now} {
			if got, want := terms.epoch(now), uint32(now/bucket); got != want {
				t.Fatalf("epoch(%d) of buckets of %d ns: got %d, want %d", now, bucket, got, want)
			}
		}
	})
}

// Whatever the clocks do, backwards too, a breaker that nobody asks anything of for long enough lets a call through, and
// one whose calls pass is closed.
func TestBreakerIsNeverStuck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSettings.Draw(t, "settings")
		b := New(&s, 2)
		latest := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now := rapid.OneOf(rapid.Int64Range(0, 100*second), rapid.Int64Range(0, 1e18)).Draw(t, "now")
			latest = max(latest, now)
			p, ok := b.Allow(now)
			if !ok {
				b.Probed(now)
				p, ok = b.Allow(now)
			}
			if ok && rapid.IntRange(0, 3).Draw(t, "lost") > 0 {
				b.Record(rapid.IntRange(0, 1).Draw(t, "shard"), p, rapid.SampledFrom([]Outcome{Success, Failure, Ignored}).Draw(t, "outcome"), 0, now)
			}
			if rapid.IntRange(0, 9).Draw(t, "reload") == 0 {
				s := drawSettings.Draw(t, "settings")
				b.Configure(&s)
			}
		}
		latest += int64(time.Minute) // above every MaxOpen and TrialNanos
		for range 4 {
			p, ok := b.Allow(latest)
			if !ok {
				t.Fatalf("refused long after: %s", b)
			}
			b.Record(0, p, Success, 0, latest)
		}
		if b.State() != Closed {
			t.Fatalf("not closed after as many successes as there are ever trials: %s", b)
		}
	})
}
