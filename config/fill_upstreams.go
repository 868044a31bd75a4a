package config

import (
	"cmp"
	"math"
	"time"

	"graygate/breaker"
	"graygate/limiter"
	"graygate/probes"
	"graygate/upstream"
)

// defaultPool is what holds for every key of an upstream that is left out. docs/configuration.md gives the reasons.
func defaultPool() upstream.PoolConfig {
	return upstream.PoolConfig{
		Panic:  50 * ppmPerPercent,
		Limits: upstream.Limits{QueueTimeout: time.Second, Idle: 1024},
		Retry: upstream.Retry{
			Attempts: 3, Budget: 20 * ppmPerPercent, On: upstream.OnConnect | upstream.OnReset | upstream.OnTimeout | upstream.On503,
		},
		Breaker: &breaker.Settings{
			Window: 10 * time.Second, Calls: 100, MinRequests: 20, Failures: 40 * ppmPerPercent, Consecutive: 5, SlowShare: 80 * ppmPerPercent,
			Open: time.Second, MaxOpen: 30 * time.Second, Trials: 3,
		},
		Outlier: &breaker.OutlierSettings{
			Consecutive: 5, SuccessRate: true, Deviations: 1.9, MinHosts: 5, MinRequests: 100, Interval: 10 * time.Second,
			Ejection: 2 * time.Second, MaxEjection: time.Minute, MaxEjected: 50 * ppmPerPercent,
		},
	}
}

// defaultCheck is what holds for every key of a probe that is left out.
func defaultCheck() *probes.Check {
	return &probes.Check{
		Interval: 5 * time.Second, Unhealthy: time.Second, Jitter: 20 * ppmPerPercent, Timeout: time.Second, Rise: 2, Fall: 3,
	}
}

// What holds where it has to be told apart from a value.
const (
	defaultLoad           = 125 * ppmPerPercent
	defaultMinTTL         = time.Second
	defaultMaxTTL         = time.Minute
	defaultConcurrencyMax = 1000
)

// put replaces a default by what was written.
func put[T any](to *T, f Field[T]) {
	if f.Set {
		*to = f.Value
	}
}

func (s *source) fillUpstream(f FileUpstream, connect time.Duration) Upstream {
	c := defaultPool()
	c.Name, c.ConnectTimeout = f.Name.Value, connect
	for _, e := range f.Endpoints.Value {
		if e.Address.Set {
			c.Endpoints = append(c.Endpoints, fillEndpoint(e, anyEndpoint))
		} else {
			c.Sources = append(c.Sources, s.fillSource(e))
		}
	}
	b := f.Balance.Value
	c.Balance = upstream.Balance{Kind: b.By.or(upstream.P2C), Key: b.Key.or(""), Zone: f.ZonePreference.or(false)}
	if c.Balance.Kind == upstream.Consistent {
		c.Balance.Load = b.Load.or(defaultLoad)
	}
	put(&c.SlowStart, f.SlowStart)
	put(&c.Panic, f.Panic)
	l := f.Connections.Value
	put(&c.Limits.Connections, l.Max)
	put(&c.Limits.InFlight, l.InFlight)
	put(&c.Limits.Queue, l.Queue)
	put(&c.Limits.QueueTimeout, l.QueueTimeout)
	put(&c.Limits.Idle, l.Idle)
	put(&c.Limits.Requests, l.Requests)
	put(&c.Limits.Age, l.Age)
	put(&c.Limits.Warm, l.Warm)
	c.TLS = s.fillTLS(f.TLS)
	c.Breaker = fillBreaker(f.Breaker, c.Breaker)
	c.Outlier = fillOutlier(f.Outlier, c.Outlier)
	c.Retry = fillRetry(f.Retry, c.Retry)
	u := Upstream{Pool: c}
	if f.Probe.On.Value {
		u.Probe, u.ProbeTLS = s.fillProbe(f.Probe, c.TLS)
		u.Pool.Probed = true
	}
	return u
}

// anyEndpoint is what an endpoint has that says its address only.
var anyEndpoint = upstream.EndpointConfig{Weight: 1}

// fillEndpoint gives what an entry says, and the rest from like.
func fillEndpoint(f FileEndpoint, like upstream.EndpointConfig) upstream.EndpointConfig {
	e := like
	put(&e.Address, f.Address)
	put(&e.Weight, f.Weight)
	put(&e.Zone, f.Zone)
	put(&e.Priority, f.Priority)
	if len(f.Labels.Value) > 0 {
		e.Labels = make(map[string]string, len(f.Labels.Value))
	}
	for _, l := range f.Labels.Value {
		e.Labels[l.Name.Value] = l.Value.Value
	}
	return e
}

func (s *source) fillSource(f FileEndpoint) upstream.SourceConfig {
	like := fillEndpoint(f, anyEndpoint)
	if f.File.Set {
		return upstream.SourceConfig{Kind: upstream.File, Name: s.absolute(f.File.Value), Like: like}
	}
	c := upstream.SourceConfig{
		Kind: upstream.DNS, Name: f.DNS.Value, MinTTL: f.MinTTL.or(defaultMinTTL), MaxTTL: f.MaxTTL.or(defaultMaxTTL),
		Server: f.Server.or(""), Like: like,
	}
	if f.SRV.Set {
		c.Kind, c.Name = upstream.SRV, f.SRV.Value
	}
	return c
}

func (s *source) fillTLS(f FileTLS) *upstream.TLS {
	if !f.On.Value {
		return nil
	}
	return &upstream.TLS{
		Verify: f.Verify.or(true), ServerName: f.ServerName.or(""),
		CAFile: s.pathOf(f.CAFile), CertFile: s.pathOf(f.CertFile), KeyFile: s.pathOf(f.KeyFile),
	}
}

func fillBreaker(f FileBreaker, b *breaker.Settings) *breaker.Settings {
	if !f.On.or(true) {
		return nil
	}
	put(&b.Window, f.Window)
	put(&b.Calls, f.Calls)
	if b.Calls > 0 {
		b.MinRequests = min(b.MinRequests, b.Calls/2)
	}
	put(&b.MinRequests, f.MinRequests)
	put(&b.Failures, f.Failures)
	put(&b.Consecutive, f.Consecutive)
	put(&b.Slow, f.Slow)
	put(&b.SlowShare, f.SlowShare)
	put(&b.Open, f.Open)
	put(&b.MaxOpen, f.MaxOpen)
	put(&b.Trials, f.Trials)
	return b
}

func fillOutlier(f FileOutlier, o *breaker.OutlierSettings) *breaker.OutlierSettings {
	if !f.On.or(true) {
		return nil
	}
	put(&o.Consecutive, f.Consecutive)
	put(&o.SuccessRate, f.SuccessRate)
	put(&o.Deviations, f.Deviations)
	put(&o.MinHosts, f.MinHosts)
	put(&o.MinRequests, f.MinRequests)
	put(&o.Interval, f.Interval)
	put(&o.Ejection, f.Ejection)
	put(&o.MaxEjection, f.MaxEjection)
	put(&o.MaxEjected, f.MaxEjected)
	return o
}

func fillRetry(f FileRetry, r upstream.Retry) upstream.Retry {
	if !f.On.or(true) {
		return upstream.Retry{Attempts: 1}
	}
	put(&r.Attempts, f.Attempts)
	put(&r.Budget, f.Budget)
	put(&r.PerTryTimeout, f.PerTryTimeout)
	if f.Reasons.Set {
		r.On = 0
		for _, reason := range f.Reasons.Value {
			r.On |= reason.Value
		}
	}
	r.HedgeAfter, r.HedgeP95 = f.HedgeAfter.Value.After, f.HedgeAfter.Value.P95
	return r
}

// fillProbe gives the check of a pool whose endpoints are connected to by of.
func (s *source) fillProbe(f FileProbe, of *upstream.TLS) (*probes.Check, *upstream.TLS) {
	c := defaultCheck()
	switch {
	case f.HTTP.Set:
		c.HTTP = fillHTTP(f.HTTP.Value)
	case f.TCP.Set:
		t := f.TCP.Value
		c.TCP = &probes.TCP{Send: bytesOf(t.Send), Expect: bytesOf(t.Expect)}
	default:
		c.GRPC = &probes.GRPC{Service: f.GRPC.Value}
	}
	put(&c.Port, f.Port)
	put(&c.Interval, f.Interval)
	c.Unhealthy = f.Unhealthy.or(min(c.Unhealthy, c.Interval))
	put(&c.Jitter, f.Jitter)
	put(&c.Timeout, f.Timeout)
	put(&c.Rise, f.Rise)
	put(&c.Fall, f.Fall)
	if f.TLS.On.Set {
		return c, s.fillTLS(f.TLS)
	}
	if of != nil {
		same := *of
		of = &same
	}
	return c, of
}

func fillHTTP(f FileHTTP) *probes.HTTP {
	h := &probes.HTTP{Method: f.Method.or("GET"), Path: f.Path.Value, Host: f.Host.or(""), Body: f.Body.Value}
	for _, x := range f.Headers.Value {
		if h.Headers == nil {
			h.Headers = map[string]string{}
		}
		h.Headers[x.Name.Value] = x.Value.Value
	}
	h.Status = values[probes.StatusRange](f.Status.Value)
	if len(h.Status) == 0 {
		h.Status = []probes.StatusRange{{From: 200, To: 399}}
	}
	return h
}

// bytesOf is a text, nil if it was left out.
func bytesOf(f Field[string]) []byte {
	if !f.Set {
		return nil
	}
	return []byte(f.Value)
}

func fillOverload(f Field[FileOverload]) *probes.Overload {
	o := f.Value
	if !f.Set || o.Off {
		return nil
	}
	return &probes.Overload{CPU: o.CPU.Value, Memory: o.Memory.Value, RunQueue: o.RunQueue.Value}
}

// fillRateLimit gives a bucket that holds a second's worth, unless a burst is written.
func fillRateLimit(f Field[FileRateLimit]) *limiter.RateLimit {
	r := f.Value
	if !f.Set || r.Off {
		return nil
	}
	return &limiter.RateLimit{PerSecond: r.Rate.Value, Burst: r.Burst.or(int(math.Ceil(r.Rate.Value))), By: r.By.or("")}
}

func fillConcurrency(f Field[FileConcurrency]) *limiter.Concurrency {
	c := f.Value
	if !f.Set || c.Off {
		return nil
	}
	l := &limiter.Concurrency{Limit: c.Limit.Value, By: c.By.or("")}
	if l.Adaptive = l.Limit == 0; l.Adaptive {
		l.Max = cmp.Or(c.Max.Value, defaultConcurrencyMax)
	}
	return l
}
