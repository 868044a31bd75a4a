package faultlab

import (
	"net/http"
	"time"

	"graygate/telemetry"
	"graygate/upstream"
)

// probeInterval is that of the gray pool's checks in these scenarios.
const (
	probeInterval = time.Second
	probed        = ", probe: {http: " + HealthPath + ", interval: 1s, unhealthy_interval: 200ms}"
)

// grayDead: the whole gray pool is killed. No request fails, within a second none is tried there any more, and it has its
// share again within two intervals of its checks.
func grayDead(l *lab) {
	stable, gray := l.backends("s", 2), l.backends("g", 2)
	l.start(endpoints(stable...), endpoints(gray...)+probed)
	l.load(Load{Gray: 50})
	at := time.Now()
	for _, b := range gray {
		b.Kill()
	}
	var last time.Time
	for _, b := range gray {
		if e := l.await("the gray endpoints to be out", at, out(b)); e.Time.After(last) {
			last = e.Time
		}
	}
	l.last(l.longer(time.Second))
	for _, b := range gray {
		l.up(b)
	}
	revived := time.Now()
	byGray := func(r *Record) bool { return r.Gray && r.Backend[:1] == "g" }
	l.wait("gray to be asked again", func() bool { return len(l.run.Records().Since(revived).Well().Where(byGray)) >= 100 })
	records := l.finish()
	l.noneFailed("failed requests", records)
	l.within("all fall back after", at, last, time.Second)
	l.within("gray resumes after", revived, records.Since(revived).Well().Where(byGray)[0].Sent, 2*probeInterval)
}

// grayErrors: half of gray's answers are 500s. It is shut off before it has had 200 requests.
func grayErrors(l *lab) {
	stable, gray := l.backends("s", 2), l.backends("g", 2)
	l.start(endpoints(stable...), endpoints(gray...)+l.soon())
	l.load(Load{Gray: 50})
	at := time.Now()
	for _, b := range gray {
		how := Behaviour{Errors: 0.5}
		if l.seed%2 == 0 {
			how = Behaviour{EveryNth: 2}
		}
		b.Behave(how)
	}
	shut := l.shut("gray", len(gray), at)
	l.last(l.longer(time.Second))
	for _, b := range gray {
		b.Behave(Behaviour{})
	}
	healed := time.Now()
	l.wait("gray to be asked again", func() bool {
		return len(l.run.Records().Since(healed).Well().Where(func(r *Record) bool { return r.Backend[:1] == "g" })) >= 100
	})
	records := l.finish()
	asked := 0
	for _, b := range gray {
		for _, a := range b.Arrivals() {
			if a.At.After(at) && !a.At.After(shut) {
				asked++
			}
		}
	}
	l.atMost("gray requests until the breaker opens", float64(asked), 200, "")
	l.noneFailed("failed requests that are not gray", records.Where(func(r *Record) bool { return !r.Gray }))
	l.noneFailed("failed requests after gray is well", records.Since(healed))
}

// shut waits until a pool gets no requests but trials, and gives the time: its breaker is open, or those of all its endpoints are.
func (l *lab) shut(pool string, endpoints int, after time.Time) time.Time {
	var at time.Time
	l.wait("pool "+pool+" to be shut off", func() bool {
		open := map[string]bool{}
		for _, e := range l.events.all(func(e telemetry.Event) bool { return e.Pool == pool && e.Time.After(after) }) {
			switch e.Kind {
			case telemetry.KindPoolBreaker:
				open[""] = e.To == "open"
			case telemetry.KindEndpointBreaker:
				open[e.Endpoint] = e.To == "open"
			}
			shut := 0
			for endpoint, is := range open {
				if is && endpoint != "" {
					shut++
				}
			}
			if open[""] || shut == endpoints {
				at = e.Time
				return true
			}
		}
		return false
	})
	return at
}

// cutInHead: the answers of one of three break off before the head is whole. Nothing has gone to the client, so the request is
// answered by another one.
func cutInHead(l *lab) {
	three := l.backends("s", 3)
	l.start(endpoints(three...)+l.soon(), "")
	l.load(Load{})
	at := time.Now()
	three[0].Behave(Behaviour{Cut: MidHead})
	e := l.await("the endpoint to be out", at, out(three[0]))
	l.last(l.longer(time.Second))
	three[0].Behave(Behaviour{})
	l.back(three[0])
	l.noneFailed("failed requests", l.finish())
	l.within("out of service after", at, e.Time, time.Second)
}

// cutInBody: the answers of one of three break off in the body. The client has had a part by then: it must see that the answer
// is not whole, and there must be few of them: as many as put the endpoint out of service, and its trials.
func cutInBody(l *lab) {
	three := l.backends("s", 3)
	l.start(endpoints(three...)+l.soon(), "")
	l.load(Load{})
	three[0].Behave(Behaviour{Cut: MidBody})
	l.last(l.longer(2 * time.Second))
	three[0].Behave(Behaviour{})
	l.back(three[0])
	records := l.finish()
	cut := 0
	for _, a := range three[0].Arrivals() {
		if a.Failed {
			cut++
		}
	}
	failed := records.Failed()
	l.atMost("failed requests, of answers cut", float64(len(failed)), float64(cut), "")
	l.atMost("answers cut", float64(cut), float64(l.either(20, 40)), "")
	unseen := failed.Where(func(r *Record) bool { return r.Outcome == BadStatus && r.Status < http.StatusInternalServerError })
	l.atMost("failures that a client cannot see", float64(len(unseen)), 0, "")
}

// endpointSlow: one of three becomes twenty times as slow. Its users are few, because the balancer prefers the others.
func endpointSlow(l *lab) {
	three := l.backends("s", 3)
	for _, b := range three {
		b.Behave(Behaviour{Delay: 2 * time.Millisecond})
	}
	l.start(endpoints(three...), "")
	l.load(Load{})
	at := time.Now()
	three[0].Behave(Behaviour{Delay: 40 * time.Millisecond, Jitter: 20 * time.Millisecond})
	l.last(l.longer(2 * time.Second))
	state := l.endpoint(three[0]).State
	records := l.finish()
	slow := records.Since(at).Where(func(r *Record) bool { return r.Backend == three[0].Name })
	l.noneFailed("failed requests", records)
	l.atMost("share of the requests that the slow one gets", 100*float64(len(slow))/float64(len(records.Since(at))), 15, "%")
	if state != upstream.Healthy {
		l.Errorf("the slow endpoint: got %v, want %v: it fails nothing", state, upstream.Healthy)
	}
}

// slowOnce: one of three is slow for a moment, two hundred and fifty times as slow as usual. It is asked again soon, so that what has become of
// it is known; and when it is as fast as before it has its share back.
func slowOnce(l *lab) {
	three := l.backends("s", 3)
	for _, b := range three {
		b.Behave(Behaviour{Delay: 2 * time.Millisecond})
	}
	l.start(endpoints(three...), "")
	l.load(Load{})
	before := len(three[0].Arrivals())
	three[0].Behave(Behaviour{Delay: 500 * time.Millisecond})
	l.wait("the slow one to be met a few times", func() bool { return len(three[0].Arrivals()) >= before+4 })
	three[0].Behave(Behaviour{Delay: 2 * time.Millisecond})
	fast := time.Now()
	l.last(time.Duration(l.either(5, 20)) * time.Second)
	ended := time.Now()
	arrivals := three[0].Arrivals()
	records := l.finish()
	l.noneFailed("failed requests", records)
	last, longest := fast, time.Duration(0)
	for _, a := range arrivals {
		if a.At.After(last) {
			longest = max(longest, l.watch.Net(last, a.At))
			last = a.At
		}
	}
	longest = max(longest, l.watch.Net(last, ended))
	l.atMost("longest time without a request", float64(longest.Microseconds())/1000, 3000, "ms")
	if l.long {
		late := records.Since(ended.Add(-5 * time.Second)).Until(ended)
		its := late.Where(func(r *Record) bool { return r.Backend == three[0].Name })
		l.atLeast("share of the requests in the last 5 s of 20", 100*float64(len(its))/float64(len(late)), 20, "%")
	}
}
