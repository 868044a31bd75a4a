package probes

import (
	"bytes"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestSampler(t *testing.T) {
	f := newFakeMachine(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := NewSamplerOf(f.root, Overload{Memory: 900_000, RunQueue: 4}, slog.New(slog.NewTextHandler(&log, nil)))
		type state struct {
			saturated bool
			by        string
			shed      bool
		}
		row := func(after time.Duration, want state) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			is, by := s.Saturated()
			if strained, _ := s.Strained(); is && !strained {
				t.Errorf("saturated by %q, but not strained", by)
			}
			if got := (state{is, by, s.Shed() > 0}); got != want {
				t.Errorf("got %+v, want %+v; status %+v", got, want, s.Status())
			}
		}
		queue := func(perCore int) { f.write("proc/loadavg", "0 0 0 "+itoa(perCore*cores+1)+"/9999 1\n") }
		row(time.Second, state{})
		queue(8)
		row(250*time.Millisecond, state{})                      // a burst
		row(time.Second, state{true, "run_queue", true})        //
		queue(0)                                                //
		row(time.Second, state{true, "run_queue", true})        // it comes down by and by
		row(20*time.Second, state{})                            //
		f.memory(1000, 50)                                      // 95 %
		row(3*time.Second, state{true, "memory", true})         //
		if shed := s.Shed(); shed < 470_000 || shed > 480_000 { // half of the way from 90 to 100 %
			t.Errorf("at 95%% of memory %d ppm are shed, want half of %d", shed, MaxShed)
		}
		f.memory(1000, 110) // 89 %: below, but not clearly
		row(20*time.Second, state{true, "memory", false})
		f.memory(1000, 140) // 86 %
		row(time.Second, state{})
		if is, by := s.Strained(); !is || by != "memory" {
			t.Errorf("after that: got strained %v by %q, want by memory", is, by)
		}
		f.memory(1000, 500)
		row(time.Second, state{})
		if is, by := s.Strained(); is || by != "" {
			t.Errorf("in calm: got strained %v by %q", is, by)
		}
		f.memory(1000, 0)
		row(3*time.Second, state{true, "memory", true})
		want := SampleStatus{Memory: 1, Saturated: "memory", Shed: .95}
		if got := s.Status(); !reflect.DeepEqual(got, want) {
			t.Errorf("status\n got %+v\nwant %+v", got, want)
		}
		s.Configure(Overload{})
		row(time.Second, state{})
		s.Configure(Overload{Memory: 900_000})
		row(3*time.Second, state{true, "memory", true})
		s.Close()
		s.Close()
		row(time.Second, state{})
		if log.Len() > 0 {
			t.Errorf("logged: %s", log.String())
		}
	})
}

func TestSamplerWithoutFiles(t *testing.T) {
	var log bytes.Buffer
	s := NewSamplerOf(t.TempDir(), Overload{CPU: 1, Memory: 1, RunQueue: 1}, slog.New(slog.NewTextHandler(&log, nil)))
	s.Close()
	if strained, _ := s.Strained(); strained {
		t.Error("nothing can be read, but it is strained")
	}
	if is, by := s.Saturated(); is || by != "" || s.Shed() != 0 {
		t.Errorf("nothing can be read, but it is saturated by %q, %d ppm are shed", by, s.Shed())
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "overload is watched in part only") || !strings.Contains(text, "loadavg") {
		t.Errorf("log: %s", text)
	}
}

func TestSamplerDoesNotAllocate(t *testing.T) {
	s := NewSampler(Overload{CPU: 990_000}, nil)
	defer s.Close()
	var sum uint32
	if n := testing.AllocsPerRun(1000, func() {
		is, by := s.Saturated()
		if is || by == "" {
			sum += s.Shed()
		}
	}); n != 0 {
		t.Errorf("Saturated and Shed allocate %v times", n)
	}
	m, err := openMachine("/")
	if err != nil {
		t.Skip(err)
	}
	defer m.close()
	for range 2 * slowSamples {
		m.read(time.Unix(1, 0)) // until the buffers are as large as they become
	}
	if n := testing.AllocsPerRun(100, func() { m.read(time.Unix(2, 0)) }); n != 0 {
		t.Errorf("a sample allocates %v times", n)
	}
}
