package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// breaker checks the settings of a breaker, taken together.
func (c *checker) breaker(b FileBreaker) {
	if !b.On.Set || !b.On.Value {
		return
	}
	def := defaultPool().Breaker
	if b.Failures.or(def.Failures) == 0 && b.Consecutive.or(def.Consecutive) == 0 && b.Slow.Value == 0 && !b.Slow.Bad {
		c.fail(b.On.At, problem{What: "a breaker that nothing opens", Why: "failures and consecutive are off, and slow is not on", Fix: "switch one of them on, or write breaker: off"})
	}
	if b.SlowShare.Set && b.Slow.Value == 0 && !b.Slow.Bad {
		c.fail(b.SlowShare.At, problem{What: "slow_share without slow", Why: "slow says what is slow", Fix: "add slow: 1s, or delete slow_share"})
	}
	if half := b.Calls.Value / 2; b.Calls.Set && half > 0 && b.MinRequests.Value > half {
		c.fail(b.MinRequests.At, problem{
			What: fmt.Sprintf("min_requests is %d, and calls %d", b.MinRequests.Value, b.Calls.Value), Why: "shares would hardly ever be judged",
			Fix: fmt.Sprintf("give at most %d, the half of calls", half),
		})
	}
	c.above("open", b.Open, def.Open, "max_open", b.MaxOpen, def.MaxOpen)
}

// outlier checks when endpoints are ejected.
func (c *checker) outlier(o FileOutlier) {
	if !o.On.Set || !o.On.Value {
		return
	}
	def := defaultPool().Outlier
	if !o.SuccessRate.or(true) {
		if o.Consecutive.Set && o.Consecutive.Value == 0 {
			c.fail(o.On.At, problem{What: "an outlier that nothing ejects", Why: "consecutive and success_rate are off", Fix: "switch one of them on, or write outlier: off"})
		}
		for name, at := range map[string]Pos{
			"deviations": o.Deviations.at(), "min_hosts": o.MinHosts.at(), "min_requests": o.MinRequests.at(), "interval": o.Interval.at(),
		} {
			if at != (Pos{}) {
				c.fail(at, problem{What: name + " without success_rate", Fix: "write success_rate: on, or delete " + name})
			}
		}
	}
	c.above("ejection", o.Ejection, def.Ejection, "max_ejection", o.MaxEjection, def.MaxEjection)
}

// retry checks when a request is sent again.
func (c *checker) retry(r FileRetry) {
	if f := r.Reasons; f.Set && len(f.Value) == 0 && !f.Bad {
		c.fail(f.At, problem{What: "on is empty", Fix: "name at least one of " + strings.Join(retryWords, ", ") + ", or write retry: off"})
	}
	first := map[any]Pos{}
	for _, reason := range r.Reasons.Value {
		once(c.source, first, any(reason.Value), reason.At, "reason "+retryWords[slices.Index(retryReasons, reason.Value)])
	}
	head := c.f.Timeouts.Value.ResponseHead
	if c.f.Timeouts.Bad {
		return
	}
	most := Defaults().Timeouts.ResponseHead
	c.above("per_try_timeout", r.PerTryTimeout, 0, "timeouts.response_head", head, most)
	hedge := Field[time.Duration]{Value: r.HedgeAfter.Value.After, At: r.HedgeAfter.At, Set: r.HedgeAfter.Set, Bad: r.HedgeAfter.Bad}
	if r.PerTryTimeout.Value > 0 {
		c.above("hedge_after", hedge, 0, "per_try_timeout", r.PerTryTimeout, 0)
	} else {
		c.above("hedge_after", hedge, 0, "timeouts.response_head", head, most)
	}
}

// probe checks how endpoints are asked for their health.
func (c *checker) probe(p FileProbe) {
	if !p.On.Set || !p.On.Value {
		return
	}
	kind := ""
	for _, k := range []struct {
		name string
		at   Pos
	}{{"http", p.HTTP.at()}, {"tcp", p.TCP.at()}, {"grpc", p.GRPC.at()}} {
		if k.at == (Pos{}) {
			continue
		}
		if kind != "" {
			c.fail(k.at, problem{What: "a probe with both " + kind + " and " + k.name, Why: "two could not agree", Fix: "delete one"})
			return
		}
		kind = k.name
	}
	if kind == "" {
		c.fail(p.On.At, problem{What: "a probe without http, tcp or grpc", Fix: "add http: /healthz, tcp: connect or grpc: SERVICE"})
	}
	if p.HTTP.Set {
		c.probeHTTP(p.HTTP)
	}
	c.probeTCP(p.TCP)
	c.tls(p.TLS)
	if p.Unhealthy.Set {
		c.above("unhealthy_interval", p.Unhealthy, 0, "interval", p.Interval, defaultCheck().Interval)
	}
}

func (c *checker) probeHTTP(f Field[FileHTTP]) {
	h := f.Value
	if !h.Path.written() {
		c.fail(f.At, problem{What: "http without path", Fix: "add path: /healthz"})
	}
	if h.Method.Value == "HEAD" && h.Body.Set {
		c.fail(h.Body.At, problem{What: "body with method HEAD", Why: "the answer has none", Fix: "write method: GET, or delete body"})
	}
	if s := h.Status; s.Set && len(s.Value) == 0 && !s.Bad {
		c.fail(s.At, problem{What: "status is empty", Fix: "name at least one, or delete it: 200-399 is expected then"})
	}
	if len(h.Status.Value) > MaxStatusRanges {
		c.fail(h.Status.At, problem{What: fmt.Sprintf("more than %d statuses", MaxStatusRanges), Fix: "join them to ranges"})
	}
	if len(h.Headers.Value) > MaxHeaders {
		c.fail(h.Headers.At, problem{What: fmt.Sprintf("more than %d headers", MaxHeaders), Fix: "use fewer"})
		return
	}
	first := map[string]Pos{}
	for _, x := range h.Headers.Value {
		name := strings.ToLower(x.Name.Value)
		switch {
		case !isToken(name) || len(name) > MaxName:
			c.fail(x.Name.At, problem{What: quoted(x.Name.Value) + " cannot be the name of a header", Fix: fmt.Sprintf("use letters, digits and -, up to %d", MaxName)})
		case name == "host":
			c.fail(x.Name.At, problem{What: "Host among the headers", Fix: "write host: beside them"})
		case refusedHeaders[name] == framing:
			c.fail(x.Name.At, problem{What: "a check cannot send " + x.Name.Value, Why: framing, Fix: "delete it"})
		default:
			once(c.source, first, name, x.Name.At, "header "+x.Name.Value)
		}
		switch v := x.Value; {
		case hasControl(v.Value) || strings.TrimSpace(v.Value) != v.Value:
			c.fail(v.At, problem{What: "the value of " + x.Name.Value + " has control characters or space at an end", Why: "receivers cut it or refuse it", Fix: "delete them"})
		case len(v.Value) > MaxHeaderValue:
			c.fail(v.At, problem{What: fmt.Sprintf("the value of %s is longer than %s", x.Name.Value, formatSize(MaxHeaderValue)), Fix: "shorten it"})
		}
	}
}

func (c *checker) probeTCP(f Field[FileTCP]) {
	t := f.Value
	if f.Set && !t.Connect && !t.Send.written() && !t.Expect.written() {
		c.fail(f.At, problem{What: "tcp with neither send nor expect", Fix: "write tcp: connect if that is meant"})
	}
	texts := map[string]Field[string]{"send": t.Send, "expect": t.Expect}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if len(texts[name].Value) > MaxProbeBytes {
			c.fail(texts[name].At, problem{What: name + " is longer than " + formatSize(MaxProbeBytes), Fix: "shorten it"})
		}
	}
}
