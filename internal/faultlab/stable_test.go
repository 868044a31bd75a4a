package faultlab

import (
	"context"
	"net/http"
	"slices"
	"time"

	"graygate/telemetry"
)

// endpointKilled: one of three is killed. No request fails, and it is out of service within a second.
func endpointKilled(l *lab) {
	three := l.backends("s", 3)
	l.start(endpoints(three...)+l.soon(), "")
	l.load(Load{})
	at := time.Now()
	three[0].Kill()
	e := l.await("the dead endpoint to be out", at, out(three[0]))
	l.last(l.longer(time.Second))
	l.up(three[0])
	l.back(three[0])
	l.noneFailed("failed requests", l.finish())
	l.within("out of service after", at, e.Time, time.Second)
}

// endpointHangs: one of three accepts and reads, and never answers. Requests that can be sent again succeed after the time-out
// for one attempt; the others fail by it, and only as many as had reached the endpoint before it was out, within two seconds.
func endpointHangs(l *lab) {
	const perTry = 300 * time.Millisecond
	three := l.backends("s", 3)
	l.start(endpoints(three...)+", retry: {per_try_timeout: 300ms}"+l.soon(), "")
	l.load(Load{Posts: 20})
	at := time.Now()
	three[0].Behave(Behaviour{Hang: true})
	e := l.await("the hanging endpoint to be out", at, out(three[0]))
	l.last(l.longer(time.Second))
	three[0].Behave(Behaviour{})
	l.back(three[0])
	records := l.finish()
	isPost := func(r *Record) bool { return r.Method == http.MethodPost }
	l.noneFailed("failed requests that can be sent again", records.Where(func(r *Record) bool { return !isPost(r) }))
	reached, met := 0, time.Time{} // met: when the first request had no answer: p2c may leave an endpoint unasked that was slow before
	for _, a := range three[0].Arrivals() {
		if !a.Failed {
			continue
		}
		if met.IsZero() || a.At.Before(met) {
			met = a.At
		}
		if a.Method == http.MethodPost {
			reached++
		}
	}
	posts := records.Where(isPost).Failed()
	l.atMost("failed POSTs, of those that reached it", float64(len(posts)), float64(reached), "")
	l.within("out of service after", met, e.Time, 2*time.Second)
	// A deadline is met at most two ticks late; the second attempt may meet it again.
	l.atMost("longest wait", float64(l.net(records).Percentile(1).Milliseconds()), float64((2 * (perTry + 200*time.Millisecond)).Milliseconds()), "ms")
	duringOut := 0
	for _, a := range three[0].Arrivals() {
		if a.Failed && a.At.After(e.Time.Add(perTry)) {
			duringOut++
		}
	}
	l.atMost("trials while it hangs", float64(duringOut), float64(3*l.either(8, 20)), "")
}

// allDead: nobody is there. Every request is refused within 50 ms, nothing piles up, and it recovers by itself.
func allDead(l *lab) {
	stable, gray := l.backends("s", 2), l.backends("g", 1)
	all := append(slices.Clone(stable), gray...)
	l.start(endpoints(stable...), endpoints(gray...))
	l.load(Load{Gray: 30})
	for _, b := range all {
		b.Kill()
	}
	at := time.Now()
	var piled int64
	for range l.either(10, 100) {
		l.last(200 * time.Millisecond)
		piled = max(piled, l.inFlight())
	}
	for _, b := range all {
		l.up(b)
	}
	revived := time.Now()
	l.wait("requests to be answered again", func() bool { return len(l.run.Records().Since(revived).Well()) > 100 })
	records := l.finish()
	dead := records.Since(at).Until(revived)
	other := dead.Where(func(r *Record) bool { return r.Status != http.StatusServiceUnavailable })
	l.atMost("answers other than 503", float64(len(other)), 0, "")
	if len(other) > 0 {
		l.promises[len(l.promises)-1].detail = dead.String()
	}
	net := l.net(dead)
	l.atMost("refused within", float64(net.Percentile(1).Microseconds())/1000, 50, "ms")
	l.promises[len(l.promises)-1].detail = "the slowest: " + net.Slowest(5)
	l.atMost("requests in flight meanwhile", float64(piled), float64(l.run.load.Rate/20), "")
	l.within("answers again after", revived, records.Since(revived).Well()[0].Sent, 30*time.Second)
}

// endpointFlaps: one of three goes down and comes up all the time. It is left alone for longer and longer. The balancer is
// round_robin, which asks whoever is in service: p2c remembers the failures and avoids the endpoint before it has to be ejected.
func endpointFlaps(l *lab) {
	three := l.backends("s", 3)
	l.start(endpoints(three...)+", balance: round_robin, breaker: {open: 200ms, max_open: 10s}, outlier: {ejection: 300ms, interval: 30s}", "")
	l.load(Load{})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := three[0].Flap(ctx, 1200*time.Millisecond)
	l.last(l.longer(6 * time.Second))
	stop()
	<-done
	l.back(three[0])
	records := l.finish()
	l.atLeast("answered well", 100*float64(len(records.Well()))/float64(len(records)), 99.9, "%")
	times := outTimes(l.events, three[0])
	l.atLeast("times out of service", float64(len(times)), 3, "")
	if len(times) >= 2 {
		l.atLeast("the longest time out, as often as the first", float64(slices.Max(times[1:]))/float64(times[0]), 1.5, "x")
	}
}

// outTimes are how long an endpoint was out of service, each time.
func outTimes(e *events, b *Backend) []time.Duration {
	var times []time.Duration
	var since time.Time
	for _, x := range e.all(func(x telemetry.Event) bool { return x.Kind == telemetry.KindEndpoint && x.Endpoint == b.Addr }) {
		switch {
		case isOut(x.To) && since.IsZero():
			since = x.Time
		case !isOut(x.To) && !since.IsZero():
			times = append(times, x.Time.Sub(since))
			since = time.Time{}
		}
	}
	return times
}

// rollingRestart: each of three is restarted, in order and then by force. No request fails.
func rollingRestart(l *lab) {
	three := l.backends("s", 3)
	for _, b := range three {
		b.Behave(Behaviour{Delay: time.Millisecond, Jitter: 5 * time.Millisecond})
	}
	l.start(endpoints(three...)+l.soon(), "")
	l.load(Load{})
	for range l.either(1, 2) {
		for _, end := range []func(*Backend){(*Backend).Drain, (*Backend).Kill} {
			for _, b := range three {
				end(b)
				l.last(150 * time.Millisecond)
				l.up(b)
				l.back(b)
			}
		}
	}
	l.noneFailed("failed requests", l.finish())
}

// overload: three times as many requests come as the backends can answer. What is let in is answered nearly as fast as ever, and
// nearly all that can be done is done.
func overload(l *lab) {
	const places, work = 4, 25 * time.Millisecond
	two := l.backends("s", 2)
	for _, b := range two {
		b.Behave(Behaviour{AtOnce: places, Delay: work})
	}
	l.start(endpoints(two...)+", connections: {in_flight: 4, queue: 2, queue_timeout: 25ms}", "")
	capacity := float64(len(two)*places) / work.Seconds()
	run := l.load(Load{Rate: int(capacity * 0.4)})
	l.last(time.Second)
	calm := run.Stop()
	began := time.Now()
	l.load(Load{Rate: int(3 * capacity)})
	l.last(l.longer(2 * time.Second))
	records := l.finish()
	ended := time.Now()
	admitted := records.Well()
	goodput := float64(len(admitted)) / l.watch.Net(began, ended).Seconds()
	l.atLeast("answered well, of what can be", 100*goodput/capacity, 80, "%")
	l.atMost("their time (p95), as often as in calm", float64(l.net(admitted).Percentile(0.95))/float64(l.net(calm).Percentile(0.95)), 2, "x")
	refused := records.Failed()
	l.atMost("refused otherwise than by 503", float64(len(refused.Where(func(r *Record) bool { return r.Status != http.StatusServiceUnavailable }))), 0, "")
	if len(refused) > 0 {
		l.promises[len(l.promises)-1].detail = refused.String()
	}
}

// postsUnderKills: backends are killed all the time under requests that must not be sent twice. None is processed twice.
func postsUnderKills(l *lab) {
	three := l.backends("s", 3)
	for _, b := range three {
		b.Behave(Behaviour{Jitter: 10 * time.Millisecond})
	}
	l.start(endpoints(three...)+", breaker: {open: 100ms}, outlier: {ejection: 100ms}", "")
	l.load(Load{Posts: 100})
	for range l.either(20, 300) {
		b := three[l.random.IntN(len(three))]
		b.Kill()
		l.pass(1 + l.random.IntN(l.run.load.Rate/10))
		l.up(b)
		l.pass(1 + l.random.IntN(l.run.load.Rate/10))
	}
	records := l.finish()
	duplicates, _ := l.ledger.Duplicates()
	l.atMost("POSTs processed twice", float64(duplicates), 0, "")
	lost := records.Well().Where(func(r *Record) bool { return l.ledger.Times(r.ID) != 1 })
	l.atMost("POSTs answered well and not processed once", float64(len(lost)), 0, "")
	unknown := records.Failed().Where(func(r *Record) bool { return r.Outcome != BadStatus })
	l.atMost("POSTs without an answer", float64(len(unknown)), 0, "")
	l.atLeast("answered well", 100*float64(len(records.Well()))/float64(len(records)), 95, "%")
}

// leavesDNS: an endpoint leaves the name of its pool, and ends; then the DNS fails. No request fails.
func leavesDNS(l *lab) {
	first := l.backend("s1", "127.0.0.1:0")
	second := l.backend("s2", "127.0.0.2"+first.Addr[len("127.0.0.1"):])
	names, err := NewNames(0)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(names.Close)
	names.Set("127.0.0.1", "127.0.0.2")
	l.start("endpoints: [{dns: \"app.example.com"+first.Addr[len("127.0.0.1"):]+"\", server: \""+names.Addr+"\", min_ttl: 100ms, max_ttl: 1s}]", "")
	l.wait("both endpoints to be found", func() bool { return l.endpoint(first).Address != "" && l.endpoint(second).Address != "" })
	l.load(Load{})
	at := time.Now()
	names.Set("127.0.0.1")
	gone := l.await("the endpoint to be removed", at, func(e telemetry.Event) bool {
		return e.Kind == telemetry.KindDiscovery && e.To == "removed" && e.Endpoint == second.Addr
	})
	l.wait("its requests to end", func() bool { return l.endpoint(second).Address == "" })
	left := len(second.Arrivals())
	second.Kill()
	l.last(time.Second)
	names.Fail(true)
	asked := names.Asked()
	l.wait("the DNS to have failed a few times", func() bool { return names.Asked() >= asked+3 })
	l.pass(100)
	names.Fail(false)
	l.up(second)
	names.Set("127.0.0.1", "127.0.0.2")
	l.wait("the endpoint to be asked again", func() bool { return len(second.Arrivals()) > left })
	l.pass(100)
	l.noneFailed("failed requests", l.finish())
	l.within("removed after", at, gone.Time, time.Second)
	stray := 0
	for _, a := range second.Arrivals()[:left] {
		if a.At.After(gone.Time.Add(100 * time.Millisecond)) {
			stray++
		}
	}
	l.atMost("requests sent there later", float64(stray), 0, "")
}
