package probes

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Target is an endpoint to be checked. Check and what it points to must not change any more; without one it is no target.
type Target struct {
	Pool    string
	Address string // host:port
	Host    string // what the certificate has to be for; "" is the host of Address
	Check   *Check
	// Report gets each result, from a goroutine of the prober's; those of one target one after the other. It must not
	// block, and must not call Close.
	Report func(Result)
}

// TargetStatus is how a target stands.
type TargetStatus struct {
	Pool    string        `json:"pool"`
	Address string        `json:"address"`
	State   State         `json:"state"`
	Reason  string        `json:"reason,omitempty"`
	Since   time.Time     `json:"since,omitzero"`   // of the state; zero if unprobed
	Checked time.Time     `json:"checked,omitzero"` // end of the last check; zero if unprobed
	Took    time.Duration `json:"took_ns"`          // the last check
	Checks  uint64        `json:"checks"`           // results so far
	Failed  uint64        `json:"failed"`           // those of them that found it ill
}

// Prober checks targets until it is closed. Its methods may be called concurrently.
//
// One goroutine waits for the next time that a check is due; each check has a goroutine of its own while it is under
// way, at most [MaxChecks]. So targets that wait cost a timer's entry and no stack.
type Prober struct {
	log  *slog.Logger
	ask  func(context.Context, *question) error // as asked by tests, too
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup // the scheduler, and all checks
	wake chan struct{}  // the head of the schedule has changed; room for one

	mu        sync.Mutex
	closed    bool
	targets   map[key]*target
	schedule  schedule         // those that wait for their time
	lines     map[string]*line // by pool
	most      int              // checks that may be under way; of one pool half as many
	running   int              // checks under way
	waiting   int              // targets in all lines
	shortness bool             // the last check could not be made for want of something of this machine's
}

type key struct{ pool, address string }

// target is a Target with its memory. All below the mutex of the prober.
type target struct {
	key
	question *question
	report   func(Result)
	line     *line

	health  health
	since   time.Time
	checked time.Time
	took    time.Duration
	checks  uint64
	failed  uint64

	due    time.Time
	place  int                // in the schedule; -1: in line, or under way
	cancel context.CancelFunc // of the check under way; nil if none is
	gone   bool               // no target any more
}

// New makes a prober without targets. A nil logger is silent. What is logged is what keeps checks from being
// made; their results are reported only.
func New(log *slog.Logger) *Prober { return newProber(log, ask, checksAtOnce()) }

// checksAtOnce is MaxChecks, or less where descriptors are scarce: they are there for requests.
func checksAtOnce() int {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return MaxChecks
	}
	return int(min(max(files.Cur/filesPerCheck, minChecks), MaxChecks))
}

func newProber(log *slog.Logger, ask func(context.Context, *question) error, most int) *Prober {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Prober{
		log: log, ask: ask, ctx: ctx, stop: stop,
		most:    most,
		wake:    make(chan struct{}, 1),
		targets: map[key]*target{},
		lines:   map[string]*line{},
	}
	p.done.Go(p.run)
	return p
}

// Set makes these the targets. One that was there already, by pool and address, keeps what is known of it and when its
// next check is due (a shorter interval brings it forward), and is asked by the new check from then on; one under way counts
// as it was asked. The checks of those that are gone are cancelled and not reported; only a report that is being made at
// this moment may still come. If one is given twice, the last counts. After Close it does nothing.
func (p *Prober) Set(targets []Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	now := time.Now()
	next := make(map[key]*target, len(targets))
	fresh := 0
	for _, given := range targets {
		if given.Check == nil {
			continue
		}
		k := key{given.Pool, given.Address}
		t := next[k]
		if t == nil {
			t = p.targets[k]
		}
		if t == nil {
			t = &target{key: k, line: p.lineOf(k.pool), due: now.Add(time.Duration(fresh) * firstGap), place: -1}
			fresh++
			heap.Push(&p.schedule, t)
		}
		next[k] = t
		t.report = given.Report
		if t.question == nil || t.question.check != given.Check || t.question.name != given.Host {
			t.question = newQuestion(given)
		}
		if soonest := now.Add(t.interval()); t.health.known && t.place >= 0 && soonest.Before(t.due) {
			t.due = soonest
			heap.Fix(&p.schedule, t.place)
		}
	}
	for k, t := range p.targets {
		if next[k] == nil {
			p.remove(t)
		}
	}
	p.targets = next
	p.prune()
	p.rouse()
}

// remove forgets a target.
func (p *Prober) remove(t *target) {
	t.gone = true
	if t.place >= 0 {
		heap.Remove(&p.schedule, t.place)
	}
	if t.cancel != nil {
		t.cancel()
	}
	t.line.targets--
}

// Close cancels all checks under way and returns when nothing runs any more; no report comes after it. It may be
// called more than once.
func (p *Prober) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.stop()
	p.done.Wait()
}

// Status is how all targets stand, ordered by pool and address.
func (p *Prober) Status() []TargetStatus {
	p.mu.Lock()
	all := make([]TargetStatus, 0, len(p.targets))
	for _, t := range p.targets {
		all = append(all, TargetStatus{
			Pool: t.pool, Address: t.address,
			State: t.health.state(), Reason: t.health.reason(t.question.check.Rise),
			Since: t.since, Checked: t.checked, Took: t.took, Checks: t.checks, Failed: t.failed,
		})
	}
	p.mu.Unlock()
	slices.SortFunc(all, func(a, b TargetStatus) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Address, b.Address))
	})
	return all
}
