package faultlab

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"graygate/internal/testkit"
)

func newBackend(t *testing.T, ledger *Ledger) *Backend {
	t.Helper()
	testkit.Leaks(t)
	b, err := NewBackend("b", "127.0.0.1:0", 1, ledger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// ask makes one request on a connection of its own.
func ask(b *Backend, method string, patience time.Duration) Record {
	c := client{address: b.Addr, patience: patience}
	defer c.close()
	x := Record{ID: "1", Method: method}
	c.do(&x)
	return x
}

// Each behaviour is what its name says, seen by the load's own client.
func TestBackendsFailAsTold(t *testing.T) {
	b := newBackend(t, nil)
	row := func(name string, how Behaviour, patience time.Duration, want Outcome, status int) {
		t.Run(name, func(t *testing.T) {
			b.Behave(how)
			if got := ask(b, http.MethodGet, patience); got.Outcome != want || got.Status != status {
				t.Errorf("got %s %d, want %s %d", got.Outcome, got.Status, want, status)
			}
		})
	}
	row("well", Behaviour{}, testkit.Patience, OK, 200)
	row("hang", Behaviour{Hang: true}, 50*time.Millisecond, TimedOut, 0)
	row("errors", Behaviour{Errors: 1}, testkit.Patience, BadStatus, 500)
	row("cut in the head", Behaviour{Cut: MidHead}, testkit.Patience, Closed, 0) // a half line is no error yet, to net/http
	row("cut in the body", Behaviour{Cut: MidBody}, testkit.Patience, Truncated, 200)
	row("too slow", Behaviour{Delay: time.Hour}, 50*time.Millisecond, TimedOut, 0)
	row("well again", Behaviour{Delay: time.Millisecond, Jitter: time.Millisecond, AtOnce: 1}, testkit.Patience, OK, 200)

	b.Behave(Behaviour{EveryNth: 2})
	var statuses []int
	for range 4 {
		statuses = append(statuses, ask(b, http.MethodGet, testkit.Patience).Status)
	}
	if got := statuses[0] + statuses[1]; got != 700 || statuses[0] != statuses[2] || statuses[1] != statuses[3] {
		t.Errorf("alternating: got %v", statuses)
	}
	b.Behave(Behaviour{Errors: 0.5})
	failed := 0
	for range 200 {
		if ask(b, http.MethodGet, testkit.Patience).Status == 500 {
			failed++
		}
	}
	if failed < 70 || failed > 130 {
		t.Errorf("half of 200 to fail: got %d", failed)
	}
	b.Kill()
	if got := ask(b, http.MethodGet, testkit.Patience); got.Outcome != Refused {
		t.Errorf("killed: got %s, want %s", got.Outcome, Refused)
	}
}

// While a backend is down its port stays its own, and connections that it had are reset.
func TestBackendsKeepTheirPort(t *testing.T) {
	b := newBackend(t, nil)
	for range 5 {
		c, err := net.Dial("tcp", b.Addr)
		if err != nil {
			t.Fatal(err)
		}
		b.Kill()
		_ = c.SetReadDeadline(time.Now().Add(testkit.Patience))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection to one that was killed: got %v, want a reset", err)
		}
		_ = c.Close()
		if ln, err := net.Listen("tcp", b.Addr); err == nil {
			_ = ln.Close()
			t.Error("somebody else could take the port meanwhile")
		}
		if err := b.Up(); err != nil {
			t.Fatal(err)
		}
		if got := ask(b, http.MethodGet, testkit.Patience); got.Outcome != OK {
			t.Errorf("up again: got %s, want %s", got.Outcome, OK)
		}
	}
}

// Who is drained answers what is under way, and ends the others' connections in order.
func TestBackendsDrainInOrder(t *testing.T) {
	b := newBackend(t, nil)
	idle := client{address: b.Addr, patience: testkit.Patience}
	defer idle.close()
	x := Record{ID: "1", Method: http.MethodGet}
	if idle.do(&x); x.Outcome != OK {
		t.Fatalf("the first: got %s", x.Outcome)
	}
	b.Behave(Behaviour{Delay: 50 * time.Millisecond})
	answered := make(chan Record)
	go func() { answered <- ask(b, http.MethodGet, testkit.Patience) }()
	testkit.Until(t, "the request to be there", func() bool { return len(b.Arrivals()) == 2 })
	b.Drain()
	if got := testkit.Receive(t, "the answer", answered); got.Outcome != OK {
		t.Errorf("under way: got %s, want %s", got.Outcome, OK)
	}
	if idle.do(&x); x.Outcome != Closed && x.Outcome != Reset {
		t.Errorf("on the idle connection: got %s, want %s", x.Outcome, Closed)
	}
}

func TestBackendsFlap(t *testing.T) {
	b := newBackend(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	done := b.Flap(ctx, 20*time.Millisecond)
	seen := map[Outcome]bool{}
	testkit.Until(t, "it to have been up and down", func() bool {
		seen[ask(b, http.MethodGet, testkit.Patience).Outcome] = true
		return seen[OK] && seen[Refused]
	})
	stop()
	<-done
	if got := ask(b, http.MethodGet, testkit.Patience); got.Outcome != OK {
		t.Errorf("afterwards: got %s, want %s", got.Outcome, OK)
	}
}

// Every request of a load is in its records, once, at the rate that was asked for; and the ledger has its POSTs.
func TestLoadAccountsForEverything(t *testing.T) {
	ledger := NewLedger()
	b := newBackend(t, ledger)
	b.Behave(Behaviour{Delay: 20 * time.Millisecond}) // more clients are needed than there are
	run := Load{Address: b.Addr, Rate: 400, Clients: 1, Posts: 25, Gray: 50, Patience: testkit.Patience}.Start()
	testkit.Until(t, "400 answers", func() bool { return run.Ended(OK) >= 400 })
	records := run.Stop()
	count := func(keep func(*Record) bool) int { return len(records.Where(keep)) }
	posts := count(func(r *Record) bool { return r.Method == http.MethodPost })
	gray := count(func(r *Record) bool { return r.Gray })
	if n := len(records); n != len(b.Arrivals()) || posts != n/4 || gray != n/2 || len(records.Failed()) > 0 {
		t.Errorf("got %d records, %d arrivals, %d POSTs, %d gray, %v", n, len(b.Arrivals()), posts, gray, records)
	}
	if twice, all := ledger.Duplicates(); twice != 0 || all != posts {
		t.Errorf("ledger: got %d of %d twice, want 0 of %d", twice, all, posts)
	}
	if run.Clients() < 4 {
		t.Errorf("400 requests a second of 20 ms each: got %d clients, want some 8", run.Clients())
	}
	if ledger.enter("1"); ask(b, http.MethodPost, testkit.Patience).Outcome != OK || ledger.Times("1") != 2 {
		t.Errorf("a POST that comes twice: got %d times, want 2", ledger.Times("1"))
	}
}

func TestPercentile(t *testing.T) {
	var rs Records
	for i := range 100 {
		rs = append(rs, Record{Took: time.Duration(100 - i)})
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.95: 96, 1: 100} {
		if got := rs.Percentile(share); got != want {
			t.Errorf("%v of 1 to 100: got %d, want %d", share, got, want)
		}
	}
	if got := (Records{}).Percentile(0.5); got != 0 {
		t.Errorf("of none: got %v", got)
	}
}

func TestSlowestAreTold(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rs := Records{
		{Sent: at, Method: "GET", Outcome: OK, Took: time.Millisecond},
		{Sent: at.Add(time.Second), Method: "GET", Outcome: BadStatus, Status: 503, Code: "pool_open", Took: 72 * time.Millisecond},
		{Sent: at, Method: "POST", Outcome: OK, Took: 3 * time.Millisecond, Backend: "s1"},
	}
	const two = `03:04:06.000 GET 503 pool_open after 72ms by "", 03:04:05.000 POST ok after 3ms by "s1"`
	if got := rs.Slowest(2); got != two {
		t.Errorf("of three: got %s, want %s", got, two)
	}
	if got := (Records{}).Slowest(2); got != "" {
		t.Errorf("of none: got %q", got)
	}
}

func TestNamesAnswerAsTold(t *testing.T) {
	testkit.Leaks(t)
	names, err := NewNames(7)
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	row := func(what string, kind uint16, rcode int, want ...string) {
		m := new(dns.Msg).SetQuestion("app.example.com.", kind)
		answer, err := dns.Exchange(m, names.Addr)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var got []string
		for _, rr := range answer.Answer {
			got = append(got, rr.(*dns.A).A.String())
		}
		if answer.Rcode != rcode || !slices.Equal(got, want) {
			t.Errorf("%s: got %d %v, want %d %v", what, answer.Rcode, got, rcode, want)
		}
	}
	row("nothing yet", dns.TypeA, dns.RcodeSuccess)
	names.Set("127.0.0.1", "127.0.0.2")
	row("two", dns.TypeA, dns.RcodeSuccess, "127.0.0.1", "127.0.0.2")
	row("IPv6", dns.TypeAAAA, dns.RcodeSuccess)
	names.Fail(true)
	row("failing", dns.TypeA, dns.RcodeServerFailure)
	if names.Asked() != 4 {
		t.Errorf("questions: got %d, want 4", names.Asked())
	}
}

// What the machine takes is left out of a time, as far as it lies within it.
func TestWatchdogLeavesStallsOut(t *testing.T) {
	testkit.Leaks(t)
	w := NewWatchdog()
	w.Close()
	w.stalls = nil
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	w.note(stall{at(10), at(20)})
	w.note(stall{at(50), at(80)})
	row := func(from, to, net, worst int) {
		if got, most := w.Net(at(from), at(to)), w.Worst(at(from), at(to)); got != at(net).Sub(at(0)) || most != at(worst).Sub(at(0)) {
			t.Errorf("from %d to %d ms: got %v net, %v at worst; want %d and %d ms", from, to, got, most, net, worst)
		}
	}
	row(0, 100, 60, 30)
	row(0, 15, 10, 5)
	row(20, 50, 30, 0)
	row(60, 70, 0, 10)
	row(90, 100, 10, 0)
}
