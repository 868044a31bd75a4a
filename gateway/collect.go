package gateway

import (
	"io"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"graygate/breaker"
	"graygate/internal/priority"
	"graygate/telemetry"
	"graygate/telemetry/meter"
	"graygate/upstream"
)

// What the metrics tell beside the requests: read when they are asked for, from what is kept for other reasons.

// Metrics writes all metrics as a Prometheus page, on a thread that gives way to the loops' as far as it may. It stops early when w fails.
// Safe for concurrent use. It panics where a collector does, on the caller's goroutine.
func (g *Gateway) Metrics(w io.Writer) {
	priority.GiveWay(func() { g.meter.Write(w) })
	meter.WriteProcess(w)
}

// Meter is what requests and assignments are counted by. It counts nothing while the config says `metrics: off`.
func (g *Gateway) Meter() *meter.Registry { return g.meter }

// collect gives what is not counted by route.
func (g *Gateway) collect(p *meter.Page) {
	g.collectConnections(p)
	g.collectCounters(p)
	g.collectUpstreams(p)
	g.collectConfig(p)
	now := g.clock()
	for _, l := range g.loops {
		p.Gauge(&meter.LoopLag, l.lateness(now).Seconds(), strconv.Itoa(l.id))
	}
	for i, kind := range eventKinds {
		p.Counter(&meter.Events, g.events[i].Load(), kind)
	}
	p.Counter(&meter.AccessLogDropped, g.AccessLogDropped())
	if s := g.Spans(); g.tracing.Load() != nil || s.Exported+s.Dropped+s.Failed > 0 {
		p.Counter(&meter.Spans, s.Exported, "exported")
		p.Counter(&meter.Spans, s.Dropped, "dropped")
		p.Counter(&meter.Spans, s.Failed, "failed")
	}
	p.Gauge(&meter.Build, 1, g.version, runtime.Version())
}

func (g *Gateway) collectConnections(p *meter.Page) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ln := range g.listeners {
		p.Gauge(&meter.Connections, float64(ln.live.Load()), ln.address)
		p.Counter(&meter.ConnectionsTotal, ln.taken.Load(), ln.address)
		p.Counter(&meter.ConnectionsRefused, ln.refused.Load(), ln.address)
	}
}

func (g *Gateway) collectCounters(p *meter.Page) {
	c := g.Counters()
	p.Counter(&meter.Received, c.Received)
	p.Counter(&meter.Sent, c.Sent)
	p.Counter(&meter.Retries, c.Retries.Resent, resent.String())
	p.Counter(&meter.Retries, c.Retries.Connect, noConnection.String())
	p.Counter(&meter.Retries, c.Retries.Full, noRoom.String())
	p.Counter(&meter.Retries, c.Retries.Reset, closedEarly.String())
	p.Counter(&meter.Retries, c.Retries.Timeout, tookTooLong.String())
	p.Counter(&meter.Retries, c.Retries.Status, badStatus.String())
	p.Counter(&meter.Hedges, c.Hedges)
	p.Counter(&meter.HedgesWon, c.HedgesWon)
	p.Counter(&meter.Queued, c.Queued)
	p.Counter(&meter.Refused, c.Shed, "overload")
	p.Counter(&meter.Refused, c.Limited, "rate_limit")
	p.Counter(&meter.Refused, c.Crowded, "concurrency")
	p.Counter(&meter.SentAway, c.SentAway)
	p.Counter(&meter.Dials, c.Dials)
	p.Counter(&meter.DialFailures, c.DialFails)
	p.Counter(&meter.Relays, c.Relays)
	p.Counter(&meter.Panics, c.Panics)
}

// collectUpstreams tells how pools and endpoints stand.
func (g *Gateway) collectUpstreams(p *meter.Page) {
	state := func(b *upstream.BreakerStatus, pool, endpoint string) {
		if b != nil {
			p.Gauge(&meter.BreakerState, breakerValue(b.State), pool, endpoint)
		}
	}
	for _, pool := range g.Upstreams() {
		state(pool.Breaker, pool.Name, "")
		told := map[string]bool{} // one that was removed and is back may be there twice, until its last request is over
		for i := range pool.Endpoints {
			e := &pool.Endpoints[i]
			if told[e.Address] {
				continue
			}
			told[e.Address] = true
			up := 0.0
			if e.State < upstream.BreakerOpen || e.State == upstream.Draining {
				up = 1
			}
			p.Gauge(&meter.EndpointUp, up, pool.Name, e.Address)
			state(e.Breaker, pool.Name, e.Address)
		}
	}
	for _, t := range g.Probes() {
		p.Counter(&meter.ProbeResults, t.Checks-t.Failed, t.Pool, t.Address, "healthy")
		p.Counter(&meter.ProbeResults, t.Failed, t.Pool, t.Address, "unhealthy")
	}
}

// breakerValue is a breaker's state as a number that grows with the trouble.
func breakerValue(s breaker.State) float64 {
	switch s {
	case breaker.HalfOpen:
		return 1
	case breaker.Open:
		return 2
	}
	return 0
}

// collectConfig tells of the config in force: its reloads, and what its routes have fallen back.
func (g *Gateway) collectConfig(p *meter.Page) {
	if force := g.force.Load(); force != nil {
		p.Gauge(&meter.ConfigGeneration, float64(force.Generation))
		stable := make(map[string]string, len(force.Routes))
		for _, r := range force.Routes {
			stable[r.Name] = r.Stable.Name
		}
		fallbacks := make(map[string]uint64, len(stable))
		g.meter.Each(func(k meter.Key, pool string, requests uint64) {
			if k.Gray && pool != "" && pool == stable[k.Service] {
				fallbacks[k.Service] += requests
			}
		})
		for _, r := range force.Routes {
			if _, is := fallbacks[r.Name]; is {
				p.Counter(&meter.Fallbacks, fallbacks[r.Name], r.Name)
				delete(fallbacks, r.Name)
			}
		}
	}
	g.reloads.collect(p)
}

// eventKinds are the kinds that are counted.
var eventKinds = [...]string{
	telemetry.KindEndpoint, telemetry.KindPoolBreaker, telemetry.KindEndpointBreaker, telemetry.KindPanic, telemetry.KindDiscovery, telemetry.KindOverload,
}

// eventCounts counts events by kind.
type eventCounts [len(eventKinds)]atomic.Uint64

func (c *eventCounts) add(kind string) {
	for i, k := range eventKinds {
		if k == kind {
			c[i].Add(1)
			return
		}
	}
}

// reloads is what came of the reloads since the start.
type reloads struct {
	mu         sync.Mutex
	ok, failed uint64
	last       bool
	at         time.Time
}

func (r *reloads) begin(at time.Time) { r.last, r.at = true, at }

// NoteReload notes what came of a reload, which may have failed before [Gateway.Reload] was called; nil is success. Safe for concurrent use.
func (g *Gateway) NoteReload(err error) {
	r := &g.reloads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last, r.at = err == nil, time.Now(); r.last {
		r.ok++
	} else {
		r.failed++
	}
}

func (r *reloads) collect(p *meter.Page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Counter(&meter.Reloads, r.ok, "ok")
	p.Counter(&meter.Reloads, r.failed, "failed")
	good := 0.0
	if r.last {
		good = 1
	}
	p.Gauge(&meter.LastReloadSuccessful, good)
	p.Gauge(&meter.LastReloadTime, float64(r.at.UnixMilli())/1e3)
}
