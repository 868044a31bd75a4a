package match

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// shopExperiments gives n active experiments that fill the slots of 20 layers, with conditions, variants, holdouts and times
// as a large shop has them.
func shopExperiments(n int) *Experiments {
	const layers = 20
	x := &Experiments{Holdouts: []Holdout{{Name: "q4", By: "userid", PPM: 20_000}}}
	for i := range layers {
		l := Layer{Name: fmt.Sprint("layer-", i), By: "userid", Holdout: -1}
		if i%4 == 0 {
			l.Holdout = 0
		}
		x.Layers = append(x.Layers, l)
	}
	share := Slots * layers / n
	for i := range n {
		first := i / layers * share
		e := running(fmt.Sprint("exp-", i))
		e.Layer, e.Slots = i%layers, []SlotRange{{first, first + share/2 - 1}, {first + share/2, first + share - 1}}
		e.When = shopCondition(i)
		switch i % 4 {
		case 1:
			e.Variants = []Variant{{Name: "control", Weight: 90}, {Name: "treatment", Weight: 10}}
		case 2:
			e.Variants = []Variant{{Name: "A", Weight: 34}, {Name: "B", Weight: 33}, {Name: "C", Weight: 33}}
		}
		if i%5 == 0 {
			e.From, e.Until = 1_760_000_000e9, 1_800_000_000e9
		}
		if i%20 == 7 {
			e.Routes = []int{0, 3}
		}
		if i%50 == 11 && i > layers {
			e.DependsOn = []int{i - layers - 1}
		}
		if i%10 == 3 {
			e.Variants[0].Force = []string{fmt.Sprint("tester-", i)}
		}
		x.Experiments = append(x.Experiments, e)
	}
	return x
}

// shopCondition is the i-th of a mix: most experiments are for everyone, for a platform, or for an app version.
func shopCondition(i int) string {
	switch i % 8 {
	case 0, 1:
		return ""
	case 2:
		return "os == 'ios'"
	case 3:
		return fmt.Sprintf("os == 'ios' and version >= '%d.%d'", 10+i%8, i%10)
	case 4:
		return fmt.Sprintf("country in ['de', 'at', 'ch', 'c%d']", i)
	case 5:
		return "path startsWith '/api/' and not (os == 'web' or country == 'us')"
	case 6:
		return fmt.Sprintf("lower(country) == 'de' or version < '%d'", i%30)
	}
	return fmt.Sprintf("matches_version(version, '^%d') or method != 'GET'", 10+i%10)
}

// BenchmarkExperiments assigns requests of 4,096 units in turn, whose attributes were read before, so that it shows the
// experiments alone.
func BenchmarkExperiments(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("n=%d/layers=20", n), func(b *testing.B) {
			s := shopSchema(b)
			xs := mustExperiments(b, s, shopExperiments(n))
			st := xs.NewState()
			r := rand.New(rand.NewPCG(1, 2))
			var names [4096][]byte
			for i := range names {
				names[i] = []byte(units["uuid"](i, r))
			}
			var a Attributes
			req := newBrowser()
			req.load(&a, s)
			a.SetTime(time.Unix(1_780_000_000, 0))
			for i := range s.attrs {
				a.Value(i)
			}
			unit := s.byName["userid"]
			var out []Assignment
			total, count := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				a.slots[unit].text = names[count%len(names)]
				count++
				out = xs.Assign(&a, st, 0, nil, out[:0])
				total += len(out)
			}
			b.ReportMetric(float64(total)/float64(count), "assigned/op")
		})
	}
}

// BenchmarkCompileExperiments compiles them.
func BenchmarkCompileExperiments(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s, x := shopSchema(b), shopExperiments(n)
			b.ReportAllocs()
			for b.Loop() {
				mustExperiments(b, s, x)
			}
		})
	}
}
