package faultlab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
	"graygate/telemetry"
	"graygate/upstream"
)

// lab is one run of a scenario: backends, a gateway before them, a load, and what is found.
type lab struct {
	*testing.T
	long   bool
	seed   uint64
	random *rand.Rand
	watch  *Watchdog
	ledger *Ledger
	proxy  *testkit.Proxy
	events *events
	run    *Run
	began  time.Time
	all    []*Backend

	spoil    func(yaml string) string // changes the config of a run that is to break its promises; nil: nothing
	promises []promise
}

// promise is one number of a scenario, and what was found.
type promise struct {
	Scenario string  `json:"scenario"`
	Seed     uint64  `json:"seed"`
	Promise  string  `json:"promise"`
	Limit    float64 `json:"limit"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Kept     bool    `json:"kept"`
	detail   string
}

func newLab(t *testing.T, seed uint64) *lab {
	testkit.Leaks(t)
	l := &lab{T: t, long: *long, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), watch: NewWatchdog(), ledger: NewLedger(), began: time.Now()}
	t.Cleanup(l.watch.Close)
	return l
}

// backends starts n of them, named by prefix and number.
func (l *lab) backends(prefix string, n int) []*Backend {
	l.Helper()
	all := make([]*Backend, n)
	for i := range all {
		all[i] = l.backend(fmt.Sprintf("%s%d", prefix, i+1), "127.0.0.1:0")
	}
	return all
}

func (l *lab) backend(name, address string) *Backend {
	l.Helper()
	b, err := NewBackend(name, address, l.random.Uint64(), l.ledger)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(b.Close)
	l.all = append(l.all, b)
	return b
}

func (l *lab) up(b *Backend) {
	l.Helper()
	if err := b.Up(); err != nil {
		l.Fatal(err)
	}
}

// start starts the gateway. stable and gray are what their pools have beside endpoints, as YAML within braces; gray "" is no
// gray pool, else the tag leads to it.
func (l *lab) start(stable string, gray string) {
	l.Helper()
	yaml := "listeners: [{address: " + testkit.Listen + "}]\nloops: 2\naccess_log: off\nupstreams:\n  stable: {" + stable + "}\n"
	if gray == "" {
		yaml += "routes: [{name: lab, stable: stable}]\n"
	} else {
		yaml += "  gray: {" + gray + "}\nroutes: [{name: lab, stable: stable, gray: gray, rules: [{name: tagged, when: \"tag == 'gray'\"}]}]\n"
	}
	if l.spoil != nil {
		yaml = l.spoil(yaml)
	}
	l.proxy = testkit.Gateway(l, yaml)
	l.events = follow(l)
}

func endpoints(backends ...*Backend) string {
	var list []string
	for _, b := range backends {
		list = append(list, b.Addr)
	}
	return "endpoints: [" + strings.Join(list, ", ") + "]"
}

// load starts the steady load, and returns when it is warm: many requests in a row were answered well.
func (l *lab) load(x Load) *Run {
	l.Helper()
	x.Address = l.proxy.Addr
	if x.Rate == 0 {
		x.Rate = l.either(300, 800)
	}
	if x.Clients == 0 {
		x.Clients = 16
	}
	if x.Patience == 0 {
		x.Patience = testkit.Patience
	}
	l.run = x.Start()
	run := l.run
	l.Cleanup(func() { run.Stop() })
	warm := x.Rate / 2
	testkit.Until(l, "the load to be answered well", func() bool { return run.Ended(OK) >= warm })
	return run
}

// either gives the number of the short form or that of the long one.
func (l *lab) either(short, long int) int {
	if l.long {
		return long
	}
	return short
}

// pass lets the load go on for so many more requests, ended one way or another.
func (l *lab) pass(requests int) {
	l.Helper()
	have := len(l.run.Records())
	l.wait("more requests to end", func() bool { return len(l.run.Records()) >= have+requests })
}

// last lets the load go on for so long.
func (l *lab) last(d time.Duration) { l.pass(int(d.Seconds() * float64(l.run.load.Rate))) }

// wait is testkit.Until with the patience of a long form.
func (l *lab) wait(what string, cond func() bool) {
	l.Helper()
	for end := time.Now().Add(testkit.Patience * time.Duration(l.either(2, 30))); !cond(); {
		if time.Now().After(end) {
			if l.run != nil {
				l.Logf("requests: %v", l.run.Records())
			}
			l.Fatalf("waited in vain: %s\nevents:\n%v", what, l.events)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// finish stops the load and all backends, and checks that nothing of them is left in the gateway.
func (l *lab) finish() Records {
	l.Helper()
	records := l.run.Stop()
	l.wait("no request is in flight any more", func() bool { return l.inFlight() == 0 })
	for _, b := range l.all {
		b.Kill()
	}
	l.wait("no connection to an endpoint is counted any more", func() bool { return l.connections() == 0 })
	if wrong := records.Where(func(r *Record) bool { return r.Outcome == Wrong }); len(wrong) > 0 {
		l.Errorf("answers that are not what the backend sent: %v", wrong)
	}
	if duplicates, _ := l.ledger.Duplicates(); duplicates > 0 {
		l.Errorf("POSTs that were processed twice: got %d, want none", duplicates)
	}
	return records
}

// inFlight is how many requests the gateway counts as under way, by pools and by endpoints.
func (l *lab) inFlight() int64 {
	var sum int64
	for _, p := range l.proxy.Upstreams() {
		sum += max(p.InFlight, -p.InFlight)
		for _, e := range p.Endpoints {
			sum += max(e.InFlight, -e.InFlight)
		}
	}
	return sum
}

// connections is how many the gateway counts to endpoints.
func (l *lab) connections() int64 {
	var sum int64
	for _, p := range l.proxy.Upstreams() {
		for _, e := range p.Endpoints {
			sum += max(e.Connections, -e.Connections)
		}
	}
	return sum
}

// endpoint is how a backend stands in the gateway's eyes.
func (l *lab) endpoint(b *Backend) upstream.EndpointStatus {
	for _, p := range l.proxy.Upstreams() {
		for _, e := range p.Endpoints {
			if e.Address == b.Addr {
				return e
			}
		}
	}
	return upstream.EndpointStatus{}
}

// atMost is a promise that a number is no greater than a limit.
func (l *lab) atMost(what string, measured, limit float64, unit string) {
	l.promises = append(l.promises, promise{Promise: what, Limit: limit, Measured: measured, Unit: unit, Kept: measured <= limit})
}

// atLeast is a promise that a number is no less than a limit.
func (l *lab) atLeast(what string, measured, limit float64, unit string) {
	l.promises = append(l.promises, promise{Promise: what, Limit: limit, Measured: measured, Unit: unit, Kept: measured >= limit})
}

// within is a promise that something happens at most so long after something else, the machine's own stalls left aside.
func (l *lab) within(what string, from, to time.Time, limit time.Duration) {
	l.atMost(what, float64(l.watch.Net(from, to).Microseconds())/1000, float64(limit.Milliseconds()), "ms")
}

// net gives the same records with the machine's own stalls left out of their times.
func (l *lab) net(records Records) Records {
	all := slices.Clone(records)
	for i := range all {
		all[i].Took = l.watch.Net(all[i].Sent, all[i].Sent.Add(all[i].Took))
	}
	return all
}

// noneFailed is the promise that all requests were answered well.
func (l *lab) noneFailed(what string, records Records) {
	l.atMost(what, float64(len(records.Failed())), 0, "")
	if len(records.Failed()) > 0 {
		l.promises[len(l.promises)-1].detail = records.String()
	}
}

// events are the gateway's, as they come.
type events struct {
	mu   sync.Mutex
	list []telemetry.Event
}

// follow keeps the events of the lab's gateway until that stops.
func follow(l *lab) *events {
	s := l.proxy.Subscribe(4096)
	if s == nil {
		l.Fatal("the gateway takes no subscriber")
	}
	e := &events{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range s.C {
			e.mu.Lock()
			e.list = append(e.list, event)
			e.mu.Unlock()
		}
	}()
	l.Cleanup(func() {
		s.Close()
		<-done
		if n := s.Dropped(); n > 0 {
			l.Errorf("%d events were lost", n)
		}
	})
	return e
}

// all are those so far for which keep is true.
func (e *events) all(keep func(telemetry.Event) bool) []telemetry.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var kept []telemetry.Event
	for _, x := range e.list {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

func (e *events) String() string {
	var b strings.Builder
	for _, x := range e.all(func(telemetry.Event) bool { return true }) {
		fmt.Fprintf(&b, "\t%s %s %s %s: %s -> %s (%s)\n", x.Time.Format("15:04:05.000"), x.Kind, x.Pool, x.Endpoint, x.From, x.To, x.Reason)
	}
	return b.String()
}

// await gives the first event after a time for which is is true.
func (l *lab) await(what string, after time.Time, is func(telemetry.Event) bool) telemetry.Event {
	l.Helper()
	var found []telemetry.Event
	l.wait(what, func() bool {
		found = l.events.all(func(e telemetry.Event) bool { return e.Time.After(after) && is(e) })
		return len(found) > 0
	})
	return found[0]
}

// out is true for the event that an endpoint is not asked any more.
func out(b *Backend) func(telemetry.Event) bool {
	return func(e telemetry.Event) bool {
		return e.Kind == telemetry.KindEndpoint && e.Endpoint == b.Addr && isOut(e.To)
	}
}

func isOut(state string) bool {
	return state == upstream.BreakerOpen.String() || state == upstream.Ejected.String() || state == upstream.Unhealthy.String()
}

// back waits until the gateway takes a backend for well, and asks it.
func (l *lab) back(b *Backend) {
	l.Helper()
	had := len(b.Arrivals())
	l.wait("endpoint "+b.Name+" to be asked again", func() bool {
		return len(b.Arrivals()) > had && l.endpoint(b).State == upstream.Healthy
	})
	l.pass(l.run.load.Rate / 10)
}

// soon has an endpoint come back soon, in the short form: how long it is out is not what those scenarios are about.
func (l *lab) soon() string {
	if l.long {
		return ""
	}
	return ", breaker: {open: 200ms, max_open: 500ms}, outlier: {ejection: 200ms, max_ejection: 500ms}"
}

// longer gives the time of the short form, or ten times as much.
func (l *lab) longer(d time.Duration) time.Duration { return d * time.Duration(l.either(1, 10)) }
