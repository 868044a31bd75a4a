package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// asked is a stand-in for the network: it remembers who was asked when, and answers as it is told.
type asked struct {
	mu     sync.Mutex
	begin  time.Time
	times  map[string][]time.Duration
	answer map[string]error         // by address; nil: well
	takes  map[string]time.Duration // by address
	now    int
	most   int
}

func newAsked() *asked {
	return &asked{begin: time.Now(), times: map[string][]time.Duration{}, answer: map[string]error{}, takes: map[string]time.Duration{}}
}

func (a *asked) ask(ctx context.Context, q *question) error {
	a.mu.Lock()
	a.times[q.address] = append(a.times[q.address], time.Since(a.begin))
	a.now++
	a.most = max(a.most, a.now)
	takes, err := a.takes[q.address], a.answer[q.address]
	a.mu.Unlock()
	defer func() { a.mu.Lock(); a.now--; a.mu.Unlock() }()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (a *asked) set(address string, err error) {
	a.mu.Lock()
	a.answer[address] = err
	a.mu.Unlock()
}

func (a *asked) of(address string) []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Duration(nil), a.times[address]...)
}

func seconds(n ...float64) []time.Duration {
	var all []time.Duration
	for _, s := range n {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

// everyFive is a check without jitter.
func everyFive() *Check {
	return &Check{TCP: &TCP{}, Interval: 5 * time.Second, Unhealthy: time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
}

func TestTimesOfChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		var results []Result
		p.Set([]Target{{Pool: "p", Address: "a:1", Check: everyFive(), Report: func(r Result) { results = append(results, r) }}})
		time.Sleep(6 * time.Second) // 0, 5: well
		a.set("a:1", syscall.ECONNREFUSED)
		time.Sleep(6500 * time.Millisecond) // 10, 11, 12: falls, faster from the first failure on
		a.set("a:1", nil)
		time.Sleep(2 * time.Second) // 13, 14: rises
		time.Sleep(5 * time.Second) // 19
		synctest.Wait()
		if got, want := a.of("a:1"), seconds(0, 5, 10, 11, 12, 13, 14, 19); !reflect.DeepEqual(got, want) {
			t.Errorf("asked at\n got %v\nwant %v", got, want)
		}
		const refused = "connection refused"
		want := []Result{
			{Healthy: true, Changed: true, Passed: true}, {Healthy: true, Passed: true},
			{Healthy: true, Reason: refused}, {Healthy: true, Reason: refused}, {Changed: true, Reason: refused},
			{Passed: true, Reason: refused + "; since then passed 1 of 2"},
			{Healthy: true, Changed: true, Passed: true}, {Healthy: true, Passed: true},
		}
		if !reflect.DeepEqual(results, want) {
			t.Errorf("results\n got %+v\nwant %+v", results, want)
		}
		status := p.Status()
		wantStatus := []TargetStatus{{Pool: "p", Address: "a:1", State: Healthy, Since: a.begin.Add(14 * time.Second), Checked: a.begin.Add(19 * time.Second), Checks: 8, Failed: 3}}
		if !reflect.DeepEqual(status, wantStatus) {
			t.Errorf("status\n got %+v\nwant %+v", status, wantStatus)
		}
	})
}

func TestTimeoutOfACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		a.takes["a:1"] = time.Hour
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		results := make(chan Result, 10)
		c := everyFive()
		c.Unhealthy = 300 * time.Millisecond // shorter than the check takes: the next follows it
		p.Set([]Target{{Pool: "p", Address: "a:1", Check: c, Report: func(r Result) { results <- r }}})
		if got, want := <-results, (Result{Changed: true, Reason: "timeout after 1s", Took: time.Second}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		<-results
		if got, want := a.of("a:1"), seconds(0, 1.01); !reflect.DeepEqual(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
	})
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		c := everyFive()
		c.Jitter = 200_000
		p.Set([]Target{{Pool: "p", Address: "a:1", Check: c}})
		time.Sleep(5000 * time.Second)
		times := a.of("a:1")
		least, most := time.Hour, time.Duration(0)
		for i := range times[1:] {
			least, most = min(least, times[i+1]-times[i]), max(most, times[i+1]-times[i])
		}
		if least < 4*time.Second || least > 4100*time.Millisecond || most > 6*time.Second || most < 5900*time.Millisecond || len(times) < 950 || len(times) > 1050 {
			t.Errorf("%d checks, %v to %v apart: want about 1000, from just over 4s to just under 6s", len(times), least, most)
		}
	})
}

func TestSetKeepsWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		a.answer["b:1"] = syscall.ECONNREFUSED
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		target := func(address string, c *Check) Target { return Target{Pool: "p", Address: address, Check: c} }
		p.Set([]Target{target("a:1", everyFive()), target("b:1", everyFive()), target("c:1", everyFive())})
		time.Sleep(2500 * time.Millisecond)
		before := p.Status()
		p.Set([]Target{target("d:1", everyFive()), target("b:1", everyFive()), target("a:1", everyFive()), target("a:1", everyFive())})
		after := p.Status()
		want := append(append([]TargetStatus(nil), before[:2]...), TargetStatus{Pool: "p", Address: "d:1", State: Unprobed})
		if !reflect.DeepEqual(after, want) {
			t.Errorf("after the second Set\n got %+v\nwant %+v", after, want)
		}
		time.Sleep(3 * time.Second) // until 5.5
		quick := everyFive()
		quick.Interval = 2 * time.Second
		p.Set([]Target{target("a:1", quick)})
		time.Sleep(5 * time.Second) // until 10.5
		p.Set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := a.of("a:1"), seconds(0, 5, 7.5, 9.5); !reflect.DeepEqual(got, want) {
			t.Errorf("a, whose interval became shorter at 5.5s, was asked at %v, want %v", got, want)
		}
		if got, want := a.of("c:1"), seconds(.001); !reflect.DeepEqual(got, want) {
			t.Errorf("c, which went at 2.5s, was asked at %v, want %v", got, want)
		}
		if len(p.lines) != 0 || len(p.schedule) != 0 {
			t.Errorf("without targets there are still %d lines and %d in the schedule", len(p.lines), len(p.schedule))
		}
	})
}

func TestWhatIsGoneIsCancelledAndNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		a.takes["a:1"], a.takes["b:1"] = time.Hour, time.Hour
		p := newProber(nil, a.ask, MaxChecks)
		c := everyFive()
		c.Timeout = 2 * time.Hour
		report := func(r Result) { t.Errorf("reported %+v", r) }
		p.Set([]Target{{Pool: "p", Address: "a:1", Check: c, Report: report}, {Pool: "p", Address: "b:1", Check: c, Report: report}})
		time.Sleep(time.Second)
		p.Set([]Target{{Pool: "p", Address: "b:1", Check: c, Report: report}})
		synctest.Wait()
		a.mu.Lock()
		if a.now != 1 {
			t.Errorf("%d checks are under way, want that of b", a.now)
		}
		a.mu.Unlock()
		p.Close()
		p.Close()
		p.Set([]Target{{Pool: "p", Address: "c:1", Check: c, Report: report}})
		time.Sleep(time.Hour)
		if took := time.Since(a.begin); a.now != 0 || took > time.Hour+time.Second || len(a.of("c:1")) > 0 {
			t.Errorf("after Close %d checks are under way, c was asked at %v, all took %v", a.now, a.of("c:1"), took)
		}
	})
}

func TestReportMaySetTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		p.Set([]Target{{Pool: "p", Address: "a:1", Check: everyFive(), Report: func(Result) { p.Set(nil) }}})
		time.Sleep(time.Minute)
		if got, want := a.of("a:1"), seconds(0); !reflect.DeepEqual(got, want) {
			t.Errorf("asked at %v, want %v", got, want)
		}
	})
}

func TestWhatIsOurFaultIsNotTheEndpoints(t *testing.T) {
	row := func(name string, err error, says string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsked()
				var log bytes.Buffer
				p := newProber(slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context, q *question) error {
					if e := a.ask(ctx, q); e != nil {
						if errors.Is(e, errPanic) {
							panic("made up")
						}
						return failed(e)
					}
					return nil
				}, MaxChecks)
				p.Set([]Target{{Pool: "p", Address: "a:1", Check: everyFive()}})
				time.Sleep(time.Second)
				a.set("a:1", err)
				time.Sleep(time.Minute)
				if s := p.Status()[0]; s.State != Healthy || s.Checks != 1 {
					t.Errorf("after failures of ours: %+v, want it healthy by the first check", s)
				}
				p.Close()
				if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), says) {
					t.Errorf("log: want one line that says %q\n%s", says, log.String())
				}
			})
		})
	}
	row("descriptors", fmt.Errorf("dial: %w", syscall.EMFILE), "too many open files")
	row("ports", fmt.Errorf("dial: %w", syscall.EADDRNOTAVAIL), "cannot assign requested address")
	row("a panic", errPanic, "BUG: made up")
}

var errPanic = errors.New("panic")

func TestChecksAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		p := newProber(nil, a.ask, 4)
		defer p.Close()
		var targets []Target
		for i := range 30 {
			address := fmt.Sprintf("%d:1", i)
			a.takes[address] = 900 * time.Millisecond
			targets = append(targets, Target{Pool: "ab"[i%2 : i%2+1], Address: address, Check: everyFive()})
		}
		alone := targets[:0:0]
		for _, t := range targets {
			if t.Pool == "a" {
				alone = append(alone, t)
			}
		}
		p.Set(alone)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if a.most != 2 {
			t.Errorf("%d checks of the only pool at once, want 2", a.most)
		}
		p.Set(targets)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if a.most != 4 {
			t.Errorf("%d checks at once, want 4", a.most)
		}
		p.Set(nil) // while some wait in line
		time.Sleep(time.Second)
		synctest.Wait()
		if p.waiting != 0 || p.running != 0 || len(p.lines) != 0 {
			t.Errorf("without targets %d wait, %d checks run, there are %d lines", p.waiting, p.running, len(p.lines))
		}
	})
}

func TestFirstChecksAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		var targets []Target
		for i := range 4096 {
			targets = append(targets, Target{Pool: "p", Address: fmt.Sprintf("%d:1", i), Check: everyFive()})
		}
		p.Set(targets)
		time.Sleep(time.Second)
		p.Set(targets) // does not bring them forward
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for i, target := range targets {
			if got, want := a.of(target.Address), []time.Duration{time.Duration(i) * firstGap}; !reflect.DeepEqual(got, want) {
				t.Fatalf("target %d was asked at %v, want %v", i, got, want)
			}
		}
	})
}

// TestManyTargets has a pool of 4096 whose endpoints all hang, another of 1024 that hang, and a small one that is well.
func TestManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsked()
		var targets []Target
		c := everyFive()
		for i := range 5120 {
			pool := "large"
			if i >= 4096 {
				pool = "middle"
			}
			address := fmt.Sprintf("%d:1", i)
			a.takes[address] = time.Hour
			targets = append(targets, Target{Pool: pool, Address: address, Check: c})
		}
		for i := range 3 {
			targets = append([]Target{{Pool: "small", Address: fmt.Sprintf("s%d:1", i), Check: c}}, targets...)
		}
		p := newProber(nil, a.ask, MaxChecks)
		defer p.Close()
		p.Set(targets)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if a.most > MaxChecks {
			t.Errorf("%d checks at once, want at most %d", a.most, MaxChecks)
		}
		for _, s := range p.Status() {
			times := a.of(s.Address)
			if s.State == Unprobed || len(times) < 2 {
				t.Fatalf("%+v was asked at %v: want at least twice in 20s", s, times)
			}
			if s.Pool == "small" {
				for i := range times[1:] {
					if gap := times[i+1] - times[i]; gap > 6200*time.Millisecond {
						t.Errorf("%s was asked at %v: others that hang must not delay it by more than a timeout", s.Address, times)
					}
				}
			}
		}
	})
}
