package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"graygate/config"
	"graygate/probes"
	"graygate/telemetry"
	"graygate/upstream"
	"graygate/upstream/discovery"
)

// What keeps the picture of the upstreams true, off the loops: the registry's ticks, the probes' targets, adaptive limits,
// this machine's load, and the events that come of it all.

// upkeep runs until the gateway stops.
func (g *Gateway) upkeep() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	load := calm
	for {
		select {
		case <-ticker.C:
		case <-g.stopTicks:
			return
		}
		now := g.clock()
		for _, e := range g.registry.Tick(now) {
			g.tell(e)
		}
		for _, p := range g.force.Load().policies {
			if p.adaptive != nil {
				p.adaptive.Tick(now)
			}
		}
		if g.changed.Swap(false) {
			g.prober.Set(g.targets())
		}
		load = g.noteLoad(load)
	}
}

// tell logs an event and offers it to whoever listens.
func (g *Gateway) tell(e telemetry.Event) {
	level := slog.LevelWarn
	switch e.To {
	case "healthy", "warming", "closed", "half_open", "off", "added", "removed", "draining":
		level = slog.LevelInfo
	}
	args := []any{"kind", e.Kind}
	for _, x := range [...]struct{ key, value string }{{"pool", e.Pool}, {"endpoint", e.Endpoint}, {"from", e.From}, {"to", e.To}, {"reason", e.Reason}} {
		if x.value != "" {
			args = append(args, x.key, x.value)
		}
	}
	said := "upstream state"
	if e.Kind == telemetry.KindOverload {
		said = "overload of this machine"
	}
	g.log.Log(g.life, level, said, args...)
	g.events.add(e.Kind)
	g.subscribers.tell(e)
}

// targets are the endpoints that are to be probed, by the config in force and by what its sources have found.
func (g *Gateway) targets() []probes.Target {
	var all []probes.Target
	for pool, check := range g.force.Load().Checks {
		for _, e := range g.registry.Endpoints(pool) {
			all = append(all, probes.Target{Pool: pool, Address: e.Address, Host: e.Host, Check: check, Report: func(r probes.Result) {
				g.registry.Report(pool, e.Address, r.Healthy, r.Reason)
			}})
		}
	}
	return all
}

// find has the sources of a plan's pools asked. It waits a little for the first answer of those that are new, so that a
// pool has endpoints before its first request comes.
func (g *Gateway) find(plan *config.Plan) {
	pools := make([]upstream.PoolConfig, len(plan.Upstreams))
	sources := 0
	for i := range plan.Upstreams {
		pools[i] = plan.Upstreams[i].Pool
		sources += len(pools[i].Sources)
	}
	g.finder.Set(pools)
	if sources > 0 {
		ctx, cancel := context.WithTimeout(g.life, findPatience)
		defer cancel()
		if g.finder.Wait(ctx) != nil {
			g.log.Warn("not every source of endpoints has answered yet", "waited", findPatience)
		}
	}
}

// parseEndpoints reads a file of endpoints. Its error is one line, for the log.
func parseEndpoints(name string, text []byte, like upstream.EndpointConfig) ([]upstream.EndpointConfig, error) {
	found, err := config.ParseEndpoints(name, text, like)
	if errs, is := err.(config.Errors); is && len(errs) > 0 {
		return nil, errors.New(errs[0].Head())
	}
	return found, err
}

// found takes in what a source has found. Called from its goroutine.
func (g *Gateway) found(pool string, source upstream.SourceConfig, endpoints []upstream.EndpointConfig) {
	g.registry.Update(pool, source, endpoints)
	g.findings.Add(1)
	g.changed.Store(true)
}

// watchLoad has this machine watched as a config says; nil is not at all. One call at a time.
func (g *Gateway) watchLoad(o *probes.Overload) {
	s := g.sampler.Load()
	switch {
	case s == nil && o != nil:
		g.sampler.Store(probes.NewSampler(*o, g.log))
	case s != nil && o != nil:
		s.Configure(*o)
	case s != nil:
		s.Configure(probes.Overload{})
	}
}

// The stages of overload, as events tell them.
const (
	calm      = "off"
	strained  = "strained" // clients are sent to other instances
	saturated = "on"       // a share of the requests is refused
)

// noteLoad tells when the machine has come to another stage of overload.
func (g *Gateway) noteLoad(was string) string {
	is, reason := g.Overload()
	if is != was {
		g.tell(telemetry.Event{Time: time.Now(), Kind: telemetry.KindOverload, From: was, To: is, Reason: reason})
	}
	return is
}

// Overload gives the stage of overload that the machine is in, a word as in events, and which bound it is near or beyond.
func (g *Gateway) Overload() (stage, by string) {
	s := g.sampler.Load()
	if s == nil {
		return calm, ""
	}
	if on, by := s.Saturated(); on {
		return saturated, by
	}
	if on, by := s.Strained(); on {
		return strained, by
	}
	return calm, ""
}

// sendsAway reports whether the client's connection is to end with this answer because the machine is strained: the next
// one that the client opens may lead to another instance. It is asked before the answer's head is written, on the loop or in a relay.
// A connection lives for keepAliveLeast in any case.
func (ex *exchange) sendsAway() bool {
	if s := ex.g.sampler.Load(); s == nil || !ex.settledIn {
		return false
	} else if is, _ := s.Strained(); !is {
		return false
	}
	if !ex.closeDown {
		ex.g.sentAway.Add(1)
	}
	return true
}

// sheds reports whether the request at hand is one of those that are refused because the machine is saturated.
func (l *loop) sheds() bool {
	s := l.g.sampler.Load()
	if s == nil {
		return false
	}
	share := s.Shed()
	return share > 0 && uint32(l.random.Uint64()>>32)%1_000_000 < share
}

// Upstreams tells how the pools and their endpoints stand. Safe for concurrent use.
func (g *Gateway) Upstreams() []upstream.PoolStatus {
	pools := g.registry.Status(g.clock())
	g.tlsTroubles.explain(pools)
	return pools
}

// Sources tells how the sources of endpoints stand. Safe for concurrent use.
func (g *Gateway) Sources() []discovery.SourceStatus { return g.finder.Status() }

// Probes tells what the active checks have found. Safe for concurrent use.
func (g *Gateway) Probes() []probes.TargetStatus { return g.prober.Status() }

// SetDrained takes an endpoint out by hand, or takes it back: see [upstream.Registry.SetDrained]. Safe for concurrent use.
func (g *Gateway) SetDrained(pool, address string, drained bool) (changed bool, err error) {
	return g.registry.SetDrained(pool, address, drained)
}

// ResetBreaker closes a breaker by hand: see [upstream.Registry.ResetBreaker]. Safe for concurrent use.
func (g *Gateway) ResetBreaker(pool, address string) (changed bool, err error) {
	return g.registry.ResetBreaker(pool, address)
}

// Load tells how this machine stands, if the config has it watched. Safe for concurrent use.
func (g *Gateway) Load() (status probes.SampleStatus, watched bool) {
	s := g.sampler.Load()
	if s == nil || g.force.Load().Plan.Overload == nil {
		return status, false
	}
	return s.Status(), true
}

// stopUpkeep ends what runs beside the loops.
func (g *Gateway) stopUpkeep() {
	g.finder.Close()
	g.prober.Close()
	if s := g.sampler.Load(); s != nil {
		s.Close()
	}
	g.subscribers.end()
}
