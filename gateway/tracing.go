package gateway

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/match"
	"graygate/telemetry/trace"
	"graygate/telemetry/w3c"
)

// tracing is where spans go; nil: nowhere.
type tracing struct {
	*trace.Tracer
	config trace.Config
}

// tracer is what decides which requests are recorded; it may be nil.
func (t *tracing) tracer() *trace.Tracer {
	if t == nil {
		return nil
	}
	return t.Tracer
}

// openTracing gives the tracing that a plan asks for: the one there is if nothing has changed.
func (g *Gateway) openTracing(plan *config.Plan) (*tracing, error) {
	if plan.Tracing == nil {
		return nil, nil
	}
	p := plan.Tracing
	c := trace.Config{
		Endpoint: p.Endpoint, Headers: p.Headers, CAFile: p.CAFile, Timeout: p.Timeout, ServiceName: p.ServiceName, ServiceVersion: g.version,
		Sample: float64(p.Sample) / match.PPM, Gray: float64(p.Gray) / match.PPM, Errors: p.Errors,
	}
	if t := g.tracing.Load(); t != nil && reflect.DeepEqual(t.config, c) {
		return t, nil
	}
	t, err := trace.New(c, g.log)
	if err != nil {
		return nil, err
	}
	return &tracing{t, c}, nil
}

// swapTracing puts a tracer into force; nil: none. The one before sends what it has, which nobody waits for.
func (g *Gateway) swapTracing(next *tracing) {
	g.spans.mu.Lock()
	before := g.tracing.Swap(next)
	if before == nil || before == next {
		g.spans.mu.Unlock()
		return
	}
	g.spans.closing = append(g.spans.closing, before)
	g.spans.mu.Unlock()
	g.spans.closers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tracePatience)
		defer cancel()
		if err := before.Close(ctx); err != nil {
			g.log.Warn("not all spans could be sent", "endpoint", before.config.Endpoint, "error", err)
		}
		g.spans.mu.Lock()
		defer g.spans.mu.Unlock()
		g.spans.closing = slices.DeleteFunc(g.spans.closing, func(t *tracing) bool { return t == before })
		g.spans.closed.add(before.Stats())
	})
}

// discardTracing ends a tracer that has not come into force.
func (g *Gateway) discardTracing(t *tracing) {
	if t != nil && t != g.tracing.Load() {
		_ = t.Close(context.Background()) // it has nothing to send
	}
}

// spans are the counts of all tracers that there were.
type spans struct {
	mu      sync.Mutex // guards the next two, and the change of the tracer
	closing []*tracing
	closed  spanCounts // of those that are closed
	closers sync.WaitGroup
}

type spanCounts trace.Stats

func (c *spanCounts) add(s trace.Stats) {
	c.Exported += s.Exported
	c.Dropped += s.Dropped
	c.Failed += s.Failed
}

// Spans counts spans since the start, whatever tracers there were. Safe for concurrent use.
func (g *Gateway) Spans() trace.Stats {
	g.spans.mu.Lock()
	defer g.spans.mu.Unlock()
	sum := g.spans.closed
	for _, t := range g.spans.closing {
		sum.add(t.Stats())
	}
	if t := g.tracing.Load(); t != nil {
		sum.add(t.Stats())
	}
	return trace.Stats(sum)
}

// follow reads what a request says of its trace, and decides how that goes on. What the upstream is to be told is left in the loop's headers.
func (l *loop) follow(ex *exchange, r *http1.Request, o *origin) {
	h := &l.context
	h.Reset()
	o.context = h
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case http1.Traceparent, http1.Tracestate, http1.Baggage:
		default:
			continue
		}
		if f.Hop || ex.snap.Owned.Has(f.Name) {
			continue
		}
		switch f.ID {
		case http1.Traceparent:
			h.AddTraceparent(f.Value)
		case http1.Tracestate:
			h.AddTracestate(f.Value)
		default:
			h.Baggage.Add(f.Value)
		}
	}
	parent, has := h.Parent()
	t := l.g.tracing.Load()
	ex.traced = t != nil
	ex.span = t.tracer().Begin(parent, has, o.trusted, o.trace, o.span)
	switch {
	case t == nil && has:
		ex.span.SpanID = parent.SpanID // no span of ours is ever sent: what the upstream makes belongs to that of who was before us
	case t != nil && has:
		from := len(ex.notes.text)
		ex.notes.text = h.AppendTracestate(ex.notes.text)
		ex.notes.mark(ofTracestate, from)
	}
}

// appendContext writes what the upstream is told of the trace.
func (ex *exchange) appendContext(b []byte, h *w3c.Headers) []byte {
	b = append(b, "traceparent: "...)
	b = ex.span.Traceparent().Append(b)
	b = append(b, "\r\n"...)
	start := len(b)
	b = append(b, "tracestate: "...)
	value := len(b)
	if b = h.AppendTracestate(b); len(b) > value {
		b = append(b, "\r\n"...)
	} else {
		b = b[:start]
	}
	if h.Baggage.Len() > 0 {
		b = append(b, "baggage: "...)
		b = h.Baggage.Append(b)
		b = append(b, "\r\n"...)
	}
	return b
}

// traceExchange makes a span of a finished exchange, if it is one that is kept.
func (g *Gateway) traceExchange(ex *exchange) {
	t := g.tracing.Load()
	if t == nil || !ex.traced { // the latter was no request, or began when spans were off
		return
	}
	blame := ex.fault != nil && ex.fault.Side == "client"
	failed := ex.status >= 500 || ex.fault != nil && !blame
	if !t.Wants(ex.span.TraceID, ex.span.From, ex.span.Flags&w3c.Sampled != 0, ex.gray, failed) {
		return
	}
	s := t.Take()
	s.Head = ex.span
	s.Start, s.End = ex.began, ex.wall(ex.overAt)
	s.Scheme, s.Minor, s.Client, s.Status = "http", ex.minor, ex.client, ex.status
	if ex.fault != nil {
		s.Fault, s.Blame = ex.fault.Code, blame
	}
	if ex.route != nil {
		s.Route, s.Path = ex.route.Name, ex.snap.Plan.Routes[ex.route.Index].Path
		s.Rule, s.Gray, s.Decided = ex.rule, ex.gray, true
		s.Pool, s.Fallback, s.Tag = ex.pool.Name, ex.fallback, "stable"
		if ex.gray && !ex.fallback || ex.fallback && ex.pool != ex.route.Stable {
			s.Tag = "gray"
		}
	}
	if e := ex.lastTried(); e != nil {
		s.Upstream, s.Version = e.Address, e.Version()
	}
	s.SetMethod(ex.notes.of(ofMethod))
	s.SetTarget(ex.notes.of(ofTarget))
	s.SetHost(ex.notes.of(ofHost))
	s.SetAgent(ex.notes.of(ofAgent))
	s.SetTracestate(ex.notes.of(ofTracestate))
	s.SetExperiments(ex.notes.of(ofExperiments))
	for i := range ex.failed {
		f := &ex.failed[i]
		s.Retry(ex.wall(f.at), f.endpoint.Address, f.why.String())
	}
	t.Put(s)
}
