package config

import (
	"net/netip"
	"time"

	"graygate/match"
	"graygate/telemetry"
)

// Defaults is what holds for every key that a file leaves out. Listeners, upstreams and routes have none: a file
// without them is refused.
func Defaults() Plan {
	return Plan{
		AccessLog: AccessLog{To: "stdout", Format: telemetry.FormatJSON, Fields: telemetry.DefaultAccessFields(), Sample: "errors", SampleRate: 0},
		Limits:    Limits{HeadSize: 32 << 10, HeadCount: 128, BodySize: -1},
		Timeouts: Timeouts{
			Head:         10 * time.Second,
			Idle:         75 * time.Second,
			Connect:      2 * time.Second,
			ResponseHead: 30 * time.Second,
			Body:         60 * time.Second,
			UpstreamIdle: 60 * time.Second,
			Tunnel:       time.Hour,
		},
		DrainTimeout: 30 * time.Second,
		Metrics:      true,
		Geo:          Geo{Language: "en"},
	}
}

// fill makes a Plan of a File that check found no fault with.
func (s *source) fill(f *File, experiments []inForce) *Plan {
	p := Defaults()
	p.Loops = f.Loops.or(p.Loops)
	p.DrainTimeout = f.DrainTimeout.or(p.DrainTimeout)
	p.PIDFile = f.PIDFile.or(p.PIDFile)
	p.Zone = f.Zone.or(p.Zone)
	p.Overload = fillOverload(f.Overload)
	p.Metrics = f.Metrics.or(p.Metrics)
	p.Admin = s.fillAdmin(f.Admin.Value)
	p.AccessLog = fillAccessLog(f.AccessLog.Value, p.AccessLog)
	p.Tracing = s.fillTracing(f.Tracing)
	l, t := f.Limits.Value, f.Timeouts.Value
	p.Limits = Limits{
		HeadSize:  int(l.HeadSize.or(int64(p.Limits.HeadSize))),
		HeadCount: l.HeadCount.or(p.Limits.HeadCount),
		BodySize:  l.BodySize.or(p.Limits.BodySize),
	}
	p.Timeouts = Timeouts{
		Head:         t.Head.or(p.Timeouts.Head),
		Idle:         t.Idle.or(p.Timeouts.Idle),
		Connect:      t.Connect.or(p.Timeouts.Connect),
		ResponseHead: t.ResponseHead.or(p.Timeouts.ResponseHead),
		Body:         t.Body.or(p.Timeouts.Body),
		UpstreamIdle: t.UpstreamIdle.or(p.Timeouts.UpstreamIdle),
		Tunnel:       t.Tunnel.or(p.Timeouts.Tunnel),
	}
	for _, x := range f.Listeners.Value {
		p.Listeners = append(p.Listeners, Listener{x.Address.Value, x.MaxConnections.or(0)})
	}
	p.TrustedProxies = values[netip.Prefix](f.TrustedProxies.Value)
	for _, x := range f.Attributes.Value {
		p.Attributes = append(p.Attributes, Attribute{
			Name: x.Name.Value, Type: x.Type.or(match.String), From: values[match.Source](x.From.Value),
			Capture: x.Capture.or(""), Lower: x.Lower.or(false), Default: x.Default.or(""),
		})
	}
	for _, x := range f.Upstreams.Value {
		p.Upstreams = append(p.Upstreams, s.fillUpstream(x, p.Timeouts.Connect))
	}
	for _, x := range f.Routes.Value {
		p.Routes = append(p.Routes, fillRoute(x))
	}
	s.fillExperiments(&p, f, experiments)
	return &p
}

func fillRoute(f FileRoute) PlanRoute {
	r := PlanRoute{
		Name: f.Name.Value, Tenant: f.Tenant.or(""), Host: f.Host.or(""), Path: f.Path.or("/"), Stable: f.Stable.Value, Gray: f.Gray.or(""),
	}
	r.Fallback = f.Fallback.or(FallbackGray)
	r.RateLimit = fillRateLimit(f.RateLimit)
	r.Concurrency = fillConcurrency(f.Concurrency)
	for _, x := range f.Rules.Value {
		rule := PlanRule{Name: x.Name.Value, When: trimWhen(x.When.Value), To: x.To.or(r.Gray)}
		if x.Percent.Set {
			rule.HasPercent, rule.PPM = true, x.Percent.Value
			rule.By = x.By.Value
			if rule.By != ByRequest {
				rule.Salt = x.Salt.or(rule.Name)
			}
		}
		r.Rules = append(r.Rules, rule)
	}
	return r
}

// values takes the places off.
func values[T any](fields []Field[T]) []T {
	var out []T
	for _, f := range fields {
		out = append(out, f.Value)
	}
	return out
}
