package probes

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plant is a machine under load: offered is in shares of its capacity; a refused request costs a share of a served one.
type plant struct {
	refusedCost float64
	cores       float64
	random      *rand.Rand
	backlog     float64 // in samples' worth of capacity; clients give up beyond 10
}

// run gives the CPU share as /proc/stat shows it (in jiffies) and what was served, in shares of the capacity.
func (p *plant) run(offered, shed float64) (readings, float64) {
	offered *= 1 + 0.05*p.random.NormFloat64() // arrivals are never even
	admitted, refused := offered*(1-shed), offered*shed*p.refusedCost
	free := max(1-refused, 0)
	work := admitted + p.backlog
	served := min(work, free)
	p.backlog = min(work-served, 1)
	used := min(served+refused, 1)
	jiffies := 10 * p.cores
	return readings{cpu: math.Round(used*jiffies) / jiffies}, served
}

func TestSheddingSettles(t *testing.T) {
	row := func(name string, offered, refusedCost, cores, wantServed, wantSwing float64) {
		t.Run(name, func(t *testing.T) {
			p := plant{refusedCost: refusedCost, cores: cores, random: rand.New(rand.NewPCG(1, 2))}
			var s shedder
			o := &Overload{CPU: 950_000}
			shed, settledAt := 0.0, -1
			var served, least, most, over float64
			least = 1
			const settle, all = 40, 400 // samples
			for i := range all {
				r, done := p.run(offered, shed)
				shed = s.take(o, r)
				if settledAt < 0 && offered*(1-shed)+offered*shed*refusedCost <= 1 {
					settledAt = i
				}
				if i >= settle {
					served += done / (all - settle)
					least, most = min(least, shed), max(most, shed)
					if p.backlog > 0.5 {
						over++
					}
				}
			}
			t.Logf("let in what fits after %d samples; then served %.2f, shed %.2f to %.2f, queues in %.0f%% of samples", settledAt, served, least, most, 100*over/(all-settle))
			if settledAt < 0 || settledAt > 25 || served < wantServed || most-least > wantSwing {
				t.Errorf("offered %v: want what fits within 25 samples, served at least %v, a swing of at most %v", offered, wantServed, wantSwing)
			}
		})
	}
	row("1.2 times", 1.2, 0.1, 4, .85, .25)
	row("3 times", 3, 0.1, 4, .68, .1)
	row("3 times, 2 cores", 3, 0.1, 2, .68, .1)
	row("3 times, 64 cores", 3, 0.1, 64, .68, .1)
	row("3 times, refusing costs little", 3, 0.03, 4, .82, .1)
	row("6 times", 6, 0.05, 4, .62, .1)
}

// The stage before comes first however steep the load rises, is passed through on the way back, and neither begins by one sample
// nor flickers at its bound.
func TestStrainComesBeforeSaturation(t *testing.T) {
	type stages struct{ strained, saturated Saturation }
	const none = Unsaturated
	var s shedder
	o := &Overload{CPU: 800_000, Memory: 900_000, RunQueue: 4}
	feed := func(name string, r readings, n int, want stages) {
		t.Helper()
		for i := range n {
			share := s.take(o, r)
			if got := (stages{s.strained, s.saturated}); got != want {
				t.Fatalf("%s, sample %d: got %q strained and %q saturated, want %q and %q", name, i+1, got.strained, got.saturated, want.strained, want.saturated)
			}
			if want.saturated == none && share != 0 {
				t.Fatalf("%s, sample %d: %v is refused, want nothing while it is only strained", name, i+1, share)
			}
		}
	}
	row := func(name string, calm, below, near, at readings, by Saturation) {
		t.Helper()
		s = shedder{}
		feed(name+" calm", calm, 20, stages{})
		feed(name+" for one sample", at, 1, stages{})
		s = shedder{}
		feed(name+" calm", calm, 1, stages{})
		if by == SaturatedMemory { // not smoothed: the sample counts as it is
			feed(name+" at once", at, 1, stages{})
			feed(name+" at once", at, 1, stages{strained: by})
			feed(name+" at once", at, 1, stages{by, by})
		}
		s = shedder{}
		feed(name+" near", near, 1, stages{})
		feed(name+" near", near, 100, stages{strained: by})
		feed(name+" a little below", below, 100, stages{strained: by})
		feed(name+" near again", near, 100, stages{strained: by})
		for i := 0; s.saturated == none; i++ {
			if share := s.take(o, at); i > 20 {
				t.Fatalf("%s at its bound for %d samples: not saturated", name, i)
			} else if s.saturated == none && share != 0 {
				t.Fatalf("%s: %v is refused before it is saturated", name, share)
			}
		}
		for i := 0; s.saturated != none; i++ {
			if s.take(o, below); s.strained != by || i > 1000 {
				t.Fatalf("%s: got %q strained and %q saturated %d samples after it", name, s.strained, s.saturated, i)
			}
		}
		feed(name+" a little below, after it", below, 100, stages{strained: by})
		for i := 0; s.strained != none; i++ {
			if s.take(o, calm); i > 20 {
				t.Fatalf("%s calm for %d samples: still strained", name, i)
			}
		}
		feed(name+" a little below, after calm", below, 100, stages{})
	}
	row("cpu", readings{cpu: .1}, readings{cpu: .74}, readings{cpu: .77}, readings{cpu: 1}, SaturatedCPU)
	row("run queue", readings{queue: 1}, readings{queue: 3.7}, readings{queue: 3.9}, readings{queue: 8}, SaturatedRunQueue)
	row("memory", readings{memory: .5}, readings{memory: .86}, readings{memory: .88}, readings{memory: 1}, SaturatedMemory)
}

// Whatever the readings are, nothing is refused but while the machine is saturated, which it never is without being strained, and it
// was strained a sample before.
func TestSaturatedIsStrained(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	saturated := 0
	for range 2000 {
		var s shedder
		level := random.Float64()
		for i := range 50 {
			if random.IntN(10) == 0 {
				level = random.Float64()
			}
			before := s
			r := readings{cpu: level, memory: level * random.Float64() * 1.1, queue: 8 * level * random.Float64()}
			share := s.take(&Overload{CPU: 800_000, Memory: 700_000, RunQueue: 4}, r)
			if s.saturated != Unsaturated {
				saturated++
			}
			if s.saturated != Unsaturated && (s.strained == Unsaturated || before.strained == Unsaturated) || s.saturated == Unsaturated && share > 0 {
				t.Fatalf("sample %d, %+v: got %+v and %v refused, before %+v", i, r, s, share, before)
			}
		}
	}
	if saturated < 1000 {
		t.Fatalf("saturated in %d samples only", saturated)
	}
}
