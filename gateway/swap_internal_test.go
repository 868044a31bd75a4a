package gateway

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/internal/priority"
	"graygate/match"
	"graygate/telemetry/meter"
	"graygate/upstream"
)

const (
	swapRules       = 10_000
	swapExperiments = 1000
	swapLayers      = 20
)

// largePlan is a plan of many rules and experiments. No rule matches swapHead, so that all of the index is looked at.
func largePlan() *config.Plan {
	from := func(name string) []match.Source { return []match.Source{{Kind: match.FromHeader, Name: name}} }
	pool := func(name, address string) config.Upstream {
		return config.Upstream{Pool: upstream.PoolConfig{Name: name, Endpoints: []upstream.EndpointConfig{{Address: address, Weight: 1}}}}
	}
	p := &config.Plan{
		Metrics:    true,
		Attributes: []config.Attribute{{Name: "userid", From: from("X-User-Id")}, {Name: "os", From: from("X-OS")}, {Name: "version", From: from("X-App-Version"), Type: match.Version}},
		Upstreams:  []config.Upstream{pool("stable", "127.0.0.1:1"), pool("gray", "127.0.0.1:2")},
		Routes:     []config.PlanRoute{{Name: "all", Path: "/", Stable: "stable", Gray: "gray"}},
	}
	for i := range swapRules {
		r := config.PlanRule{Name: fmt.Sprintf("rule-%d", i), To: "gray"}
		switch i % 3 {
		case 0:
			r.When = fmt.Sprintf("userid == 'somebody-%d'", i)
		case 1:
			r.When = fmt.Sprintf("os == 'os-%d' and version >= '%d.%d'", i, 10+i%9, i%7)
		default:
			r.When, r.HasPercent, r.PPM, r.By, r.Salt = fmt.Sprintf("os in ['a%d', 'b%d']", i, i), true, 50_000, "userid", r.Name
		}
		p.Routes[0].Rules = append(p.Routes[0].Rules, r)
	}
	for i := range swapLayers {
		p.Layers = append(p.Layers, config.Layer{Name: fmt.Sprintf("layer-%d", i), By: "userid"})
	}
	const slots = 10_000 * swapLayers / swapExperiments
	for i := range swapExperiments {
		first := i / swapLayers * slots
		p.Experiments = append(p.Experiments, config.Experiment{
			Name: fmt.Sprintf("experiment-%d", i), Layer: p.Layers[i%swapLayers].Name, State: config.Active,
			Slots: []match.SlotRange{{First: first, Last: first + slots - 1}}, When: fmt.Sprintf("version >= '%d.0'", 5+i%20),
			Variants: []config.Variant{{Name: "A", Weight: 50}, {Name: "B", Weight: 50, Headers: []config.Header{{Name: fmt.Sprintf("X-Variant-%d", i), Value: "B"}}}},
		})
	}
	return p
}

const swapHead = "GET / HTTP/1.1\r\nHost: h\r\nX-User-Id: u1\r\nX-OS: ios\r\nX-App-Version: 17.2\r\n\r\n"

// bareLoop is a loop without connections, which can only decide.
type bareLoop struct {
	*loop
	request http1.Request
	ex      exchange
}

func newBareLoop(tb testing.TB) *bareLoop {
	b := &bareLoop{loop: &loop{wall: time.Unix(1_800_000_000, 0)}}
	b.g = &Gateway{loops: []*loop{b.loop}, registry: upstream.NewRegistry(upstream.Options{Loops: 1}), meter: meter.New(1)}
	tb.Cleanup(b.g.meter.Close)
	if err := http1.ParseRequest([]byte(swapHead), &b.request, http1.Limits{HeadBytes: 1000, Fields: 10}); err != nil {
		tb.Fatal(err)
	}
	return b
}

// build makes what a loop enters, as a reload does.
func (b *bareLoop) build(tb testing.TB, plan *config.Plan) *inForce {
	snap, err := config.Build(plan, match.Lookups{}, b.g.registry, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return b.g.newForce(snap)
}

// take enters what is in force, if it is new, and decides a request. It gives the number of assignments.
func (b *bareLoop) take(f *inForce) int {
	if !b.entered(f) {
		b.enter(f)
	}
	b.ex.snap = f.Snapshot
	return len(b.decide(&b.ex, &b.request, netip.Addr{}).Assignments)
}

// All that a large snapshot needs is made before it is put into force: entering it, and the first request, allocate nothing.
func TestEnteringAllocatesNothing(t *testing.T) {
	b := newBareLoop(t)
	small := *largePlan()
	small.Routes = []config.PlanRoute{{Name: "all", Path: "/", Stable: "stable", Gray: "gray"}}
	small.Layers, small.Experiments = nil, nil
	// The series of all that follow are those of this one. The first request that is counted in a series makes the loop's cell, which the
	// warm-up does for them.
	b.build(t, largePlan()).generation.Commit()
	const runs = 5
	var forces []*inForce // each is entered once: from a small one, so that there is something to grow
	for range runs + 1 {  // AllocsPerRun warms up with one more
		forces = append(forces, b.build(t, &small), b.build(t, largePlan()))
	}
	at, assigned := 0, 0
	got := testing.AllocsPerRun(runs, func() {
		b.take(forces[at])
		assigned = b.take(forces[at+1])
		at += 2
	})
	if got != 0 || assigned == 0 {
		t.Errorf("allocations on the loop for two swaps: got %v, want 0; assignments: got %d, want some", got, assigned)
	}
}

// BenchmarkStall measures a loop that does nothing but decide, while another goroutine does nothing (swaps=no) or builds
// large snapshots and puts them into force (swaps=yes). Reported are the longest time from one decision to the next, by the
// clock and in processor time of the loop's thread, for all decisions and for those that entered a snapshot.
func BenchmarkStall(b *testing.B) {
	run := func(name string, swaps bool) {
		b.Run("swaps="+name, func(b *testing.B) {
			plan, l := largePlan(), newBareLoop(b)
			l.g.force.Store(l.build(b, plan))
			stop, stopped, built := make(chan struct{}), make(chan struct{}), time.Duration(0)
			go func() {
				defer close(stopped)
				for n := 1; swaps; n++ {
					begun := time.Now()
					f := l.build(b, plan)
					built = time.Since(begun)
					l.g.force.Store(f)
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
			}()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var worstWall, worstCPU, enterWall, enterCPU time.Duration
			entered := 0
			for range 1000 {
				l.take(l.g.force.Load())
			}
			wall, cpu := time.Now(), threadTime(b)
			for b.Loop() {
				f := l.g.force.Load()
				enters := !l.entered(f)
				l.take(f)
				nowWall, nowCPU := time.Now(), threadTime(b)
				tookWall, tookCPU := nowWall.Sub(wall), nowCPU-cpu
				worstWall, worstCPU = max(worstWall, tookWall), max(worstCPU, tookCPU)
				if enters {
					entered++
					enterWall, enterCPU = max(enterWall, tookWall), max(enterCPU, tookCPU)
				}
				wall, cpu = nowWall, nowCPU
			}
			close(stop)
			<-stopped
			micros := func(d time.Duration, unit string) { b.ReportMetric(float64(d)/1e3, unit) }
			micros(worstWall, "worst-us")
			micros(worstCPU, "worst-cpu-us")
			if swaps {
				micros(enterWall, "enter-us")
				micros(enterCPU, "enter-cpu-us")
				b.ReportMetric(float64(entered), "swaps")
				b.ReportMetric(float64(built)/1e6, "build-ms")
			}
		})
	}
	run("no", false)
	run("yes", true)
}

// BenchmarkWake measures a goroutine that waits in a system call, as an event loop does, wakes up every millisecond and decides some requests:
// how long after its time it is done. Meanwhile another goroutine does nothing (swaps=no), or builds large snapshots without end, as
// anything else is done (swaps=plain) or as a reload does (swaps=aside). Who is late has waited for a core: what is left of
// it without swaps is the machine's.
func BenchmarkWake(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2)) // as startLoops has it
	plan, l := largePlan(), newBareLoop(b)
	l.g.force.Store(l.build(b, plan))
	swap := func() { l.g.force.Store(l.build(b, plan)) }
	wakesBeside(b, l, "swaps", "no", swap, nil)
	wakesBeside(b, l, "swaps", "plain", swap, func(work func()) { work() })
	wakesBeside(b, l, "swaps", "aside", swap, config.Aside)
}

// wakesBeside is a benchmark of how late the loop wakes up while another goroutine does some work over and over, in the way of around; nil: it
// does nothing. of is what the pieces of work are called, how the way.
func wakesBeside(b *testing.B, l *bareLoop, of, how string, work func(), around func(work func())) {
	b.Run(of+"="+how, func(b *testing.B) {
		stop, stopped, done := make(chan struct{}), make(chan struct{}), 0
		go func() {
			defer close(stopped)
			for around != nil {
				around(work)
				done++
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		late := wakes(b, l)
		close(stop)
		<-stopped
		slices.Sort(late)
		over := len(late) - sort.Search(len(late), func(i int) bool { return late[i] > time.Millisecond })
		micros := func(d time.Duration, unit string) { b.ReportMetric(float64(d)/1e3, unit) }
		micros(late[len(late)/2], "p50-us")
		micros(late[len(late)*999/1000], "p999-us")
		micros(late[len(late)-1], "late-us")
		b.ReportMetric(1000*float64(over)/float64(len(late)), "over-1ms-per-1000")
		b.ReportMetric(float64(done), of)
	})
}

// wakes wakes up as often as b asks, and gives how late it was done each time.
func wakes(b *testing.B, l *bareLoop) []time.Duration {
	priority.WakeAtOnce() // as a loop does
	defer runtime.UnlockOSThread()
	var late []time.Duration
	var ts unix.Timespec
	now := func() time.Duration {
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			b.Fatal(err)
		}
		return time.Duration(ts.Nano())
	}
	next := now()
	for b.Loop() {
		next += time.Millisecond
		at := unix.NsecToTimespec(int64(next))
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &at, nil) != nil { // a signal came
		}
		for range 20 {
			l.take(l.g.force.Load())
		}
		done := now()
		late = append(late, done-next)
		next = max(next, done-time.Millisecond) // what was missed is not made up for
	}
	return late
}

// threadTime is the processor time that the calling thread has used.
func threadTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}
