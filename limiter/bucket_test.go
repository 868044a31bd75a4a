package limiter

import (
	"math"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

const second = int64(1e9)

// plainBucket is a token bucket as it is usually told: tokens that grow.
type plainBucket struct {
	tokens, rate, burst float64
	at                  int64
}

func (b *plainBucket) take(now int64) bool {
	b.tokens = min(b.burst, b.tokens+float64(now-b.at)*b.rate/1e9)
	b.at = now
	if b.tokens < 1-1e-6 {
		return false
	}
	b.tokens--
	return true
}

// One loop spends exactly as a plain bucket does, however often it settles.
func TestOneLoopIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := rapid.Int64Range(1, 1000).Draw(t, "interval in ms")
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		r := &RateLimit{PerSecond: 1000 / float64(interval), Burst: burst, By: "userid"}
		s := NewBuckets("r", r).Spender()
		plain := map[uint64]*plainBucket{}
		now := second
		t.Repeat(map[string]func(*rapid.T){
			"wait":   func(t *rapid.T) { now += rapid.Int64Range(0, 3000).Draw(t, "ms") * 1e6 },
			"settle": func(*rapid.T) { s.Settle() },
			"take": func(t *rapid.T) {
				key := rapid.Uint64Range(1, 3).Draw(t, "key") << 40
				if plain[key] == nil {
					plain[key] = &plainBucket{tokens: float64(burst), rate: r.PerSecond, burst: float64(burst), at: now}
				}
				want := plain[key].take(now)
				got, wait := s.Take(key, now)
				if got != want {
					t.Fatalf("Take(%d, %d): got %v, want %v", key, now, got, want)
				}
				if !got && (wait <= 0 || wait > interval*1e6) {
					t.Fatalf("wait: got %d ns, want above 0 and at most one interval of %d ms", wait, interval)
				}
			},
		})
	})
}

// Four loops that settle every tick grant no more than the rate over a longer time, and no less where all the demand is there.
func TestLoopsShareOneRate(t *testing.T) {
	const rate, burst, loops, seconds = 100, 20, 4, 20
	b := NewBuckets("r", &RateLimit{PerSecond: rate, Burst: burst, By: "userid"})
	var spenders []*Spender
	for range loops {
		spenders = append(spenders, b.Spender())
	}
	granted := 0
	now := second
	for ms := range seconds * 1000 {
		now = second + int64(ms)*1e6
		for i, s := range spenders {
			if ok, _ := s.Take(42<<40, now+int64(i)); ok {
				granted++
			}
			if ms%100 == 99 {
				s.Settle()
			}
		}
	}
	most := rate*seconds + loops*burst + rate/10
	if least := rate*seconds - burst; granted < least || granted > most {
		t.Errorf("granted in %d s at %d/s over %d loops: got %d, want %d to %d", seconds, rate, loops, granted, least, most)
	}
}

// What one loop has spent before its last settlement, another one knows.
func TestOtherLoopKnows(t *testing.T) {
	b := NewBuckets("r", &RateLimit{PerSecond: 1, Burst: 2})
	one, other := b.Spender(), b.Spender()
	row := func(what string, s *Spender, now int64, want bool) {
		t.Helper()
		if got, _ := s.Take(0, now); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	row("first", one, second, true)
	row("second", one, second, true)
	row("third", one, second, false)
	one.Settle()
	row("of the other loop", other, second+1, false)
	row("of the other loop, a second later", other, 2*second, true)
	other.Settle()
	row("back on the first", one, 2*second+1, false)
}

// The tables stay as large as they are, whatever comes, and a bucket that is not full outlives idle ones.
func TestManyKeys(t *testing.T) {
	b := NewBuckets("r", &RateLimit{PerSecond: 0.01, Burst: 1, By: "userid"})
	s := b.Spender()
	const busy = uint64(7) << 32
	s.Take(busy, second)
	s.Settle()
	now := second
	for i := range uint64(200_000) {
		now += 1e5
		s.Take(i*0x9E3779B97F4A7C15|1, now) // its wait for a token is over long before that of busy would be
		if i%1000 == 999 {
			s.Settle()
		}
	}
	if len(b.slots) != sharedSets*ways || len(s.slots) != localSets*ways {
		t.Errorf("places: got %d and %d, want %d and %d", len(b.slots), len(s.slots), sharedSets*ways, localSets*ways)
	}
	if b.Evicted() == 0 {
		t.Error("200,000 keys that were not full in 65,536 places: none was counted as evicted")
	}
}

func TestIdleIsEvictedFirst(t *testing.T) {
	b := NewBuckets("r", &RateLimit{PerSecond: 1, Burst: 10, By: "userid"})
	s := b.Spender()
	key := func(n uint64) uint64 { return n<<50 | 1<<32 | n } // all of one set
	for range 10 {
		s.Take(key(1), second)
	}
	for n := range uint64(50) { // one token each, grown again a second later
		s.Take(key(n+2), second+int64(n)*2*second/50)
		s.Settle()
	}
	if ok, _ := s.Take(key(1), second+1e9/2); ok {
		t.Error("the emptiest bucket was forgotten before those that were nearly full")
	}
}

func TestSettlingLoopsDoNotRace(t *testing.T) {
	b := NewBuckets("r", &RateLimit{PerSecond: 1e6, Burst: 1000, By: "userid"})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s := b.Spender()
			for i := range int64(20_000) {
				s.Take(uint64(i%100)<<32|1, second+i)
				if i%50 == 0 {
					s.Settle()
				}
			}
		})
	}
	all.Wait()
}

func TestTakeAllocatesNothing(t *testing.T) {
	s := NewBuckets("r", &RateLimit{PerSecond: 10, Burst: 1, By: "userid"}).Spender()
	now, key := second, uint64(1)
	if got := testing.AllocsPerRun(20_000, func() {
		now += 1e6
		key += 0x9E3779B97F4A7C15
		s.Take(key, now)
		if key%64 == 0 {
			s.Settle()
		}
	}); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
}

func TestPolicyText(t *testing.T) {
	row := func(perSecond float64, want string) {
		t.Helper()
		if got := NewBuckets("shop", &RateLimit{PerSecond: perSecond, Burst: 1}).Policy(); got != want {
			t.Errorf("%v/s: got %s, want %s", perSecond, got, want)
		}
	}
	row(100, `"shop";q=100;w=1`)
	row(1.5, `"shop";q=90;w=60`)
	row(1.0/60, `"shop";q=1;w=60`)
	row(1.0/3600, `"shop";q=1;w=3600`)
	row(100.0/3600, `"shop";q=100;w=3600`)
	row(math.MaxInt32, `"shop";q=2147483647;w=1`)
}

func BenchmarkTake(b *testing.B) {
	s := NewBuckets("r", &RateLimit{PerSecond: 1e9, Burst: 1e6, By: "userid"}).Spender()
	now := second
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		s.Take(uint64(now&0xff)<<32, now)
		if now&0xffff == 0 {
			s.Settle()
		}
	}
}
