package breaker

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

// defaults are what the config sets.
func defaults() Settings {
	return Settings{
		Window: 10 * time.Second, MinRequests: 20, Failures: 500_000, Consecutive: 5, SlowShare: 800_000,
		Open: time.Second, MaxOpen: 30 * time.Second, Trials: 3,
	}
}

// A breaker's life in rows: what happens, and the status in one line after it.
func TestBreakerWalk(t *testing.T) {
	s := defaults()
	b := New(&s, 1)
	now := 100 * second
	var permits []Permit
	var changes []Change
	note := func(c Change, ok bool) {
		if ok {
			changes = append(changes, c)
		}
	}
	row := func(what string, step func(), want string) {
		t.Helper()
		step()
		// The open time is jittered: its bounds are what is known of it.
		status := b.Status(now)
		if got := strings.ReplaceAll(status.String(), fmt.Sprint("until ", status.OpenUntil), "until T"); got != want {
			t.Fatalf("%s\n got %s\nwant %s", what, got, want)
		}
		if nominal := s.Open << (status.Opens - 1); status.State == Open {
			if long := time.Duration(status.OpenUntil - status.Since); long > nominal || long < nominal*8/10 {
				t.Fatalf("%s: open for %s, want at most a fifth below %s", what, long, nominal)
			}
		}
	}
	call := func(o Outcome) func() {
		return func() {
			p, ok := b.Allow(now)
			if !ok {
				t.Fatalf("call refused: %s", b)
			}
			note(b.Record(0, p, o, 0, now))
		}
	}
	allow := func(want bool) func() {
		return func() {
			p, ok := b.Allow(now)
			if ok != want {
				t.Fatalf("Allow(%d): got %v, want %v (%s)", now, ok, want, b)
			}
			if ok {
				permits = append(permits, p)
				note(p.Change(now))
			}
		}
	}
	answer := func(o Outcome) func() {
		return func() {
			note(b.Record(0, permits[0], o, 0, now))
			permits = permits[1:]
		}
	}
	row("new", func() {}, "closed, 0 of 0 failed, 0 slow, 0 failures in a row, opened 0 times")
	row("a success", call(Success), "closed, 0 of 1 failed, 0 slow, 0 failures in a row, opened 0 times")
	row("failures below every bound", func() { call(Failure)(); call(Failure)(); call(Failure)(); call(Failure)() },
		"closed, 4 of 5 failed, 0 slow, 4 failures in a row, opened 0 times")
	row("a success ends the row", call(Success), "closed, 4 of 6 failed, 0 slow, 0 failures in a row, opened 0 times")
	row("the client's doing is none of the peer's", call(Ignored), "closed, 4 of 6 failed, 0 slow, 0 failures in a row, opened 0 times")
	row("five in a row", func() {
		for range 5 {
			call(Failure)()
		}
	}, "open until T ns (consecutive), opened 1 times")
	now = b.Status(now).OpenUntil - 1
	row("before its time", allow(false), "open until T ns (consecutive), opened 1 times")
	now++
	row("first trial", allow(true), "half_open (waited), 1 trials out, 0 passed, opened 1 times")
	row("as many as are allowed", func() { allow(true)(); allow(true)(); allow(false)() }, "half_open (waited), 3 trials out, 0 passed, opened 1 times")
	row("one passes", func() { answer(Success)(); allow(false)() }, "half_open (waited), 2 trials out, 1 passed, opened 1 times")
	row("one says nothing", func() { answer(Ignored)(); allow(true)() }, "half_open (waited), 2 trials out, 1 passed, opened 1 times")
	row("one fails", answer(Failure), "open until T ns (trial_failed), opened 2 times")
	row("one is late", answer(Success), "open until T ns (trial_failed), opened 2 times")
	row("a check finds it well", func() { note(b.Probed(now)); note(b.Probed(now)) }, "half_open (probe), 0 trials out, 0 passed, opened 2 times")
	row("lost trials", func() { allow(true)(); allow(true)(); allow(true)(); allow(false)() }, "half_open (probe), 3 trials out, 0 passed, opened 2 times")
	now += TrialNanos
	row("after their time", allow(true), "half_open (probe), 1 trials out, 0 passed, opened 2 times")
	row("found again, with an empty window", func() { answer(Success)(); answer(Success)(); answer(Success)() },
		"closed, 0 of 0 failed, 0 slow, 0 failures in a row, opened 2 times")
	row("told twice", func() { b.Record(0, permits[0], Failure, 0, now); b.Record(0, permits[0], Failure, 0, now) },
		"closed, 0 of 0 failed, 0 slow, 0 failures in a row, opened 2 times")
	row("without a permit", func() { b.Record(0, Permit{}, Failure, 0, now) },
		"closed, 1 of 1 failed, 0 slow, 1 failures in a row, opened 2 times")

	got := ""
	for _, c := range changes {
		got += fmt.Sprintln(c.From, c.To, c.Reason)
	}
	want := `closed open consecutive
open half_open waited
half_open open trial_failed
open half_open probe
half_open closed trials_passed
`
	if got != want {
		t.Errorf("changes\n got %s\nwant %s", got, want)
	}
}
