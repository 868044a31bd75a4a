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
