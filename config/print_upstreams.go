package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"graygate/breaker"
	"graygate/limiter"
	"graygate/probes"
	"graygate/upstream"
)

func (w *printer) upstreams(upstreams []Upstream) {
	w.line(0, "upstreams:")
	for _, u := range upstreams {
		p := &u.Pool
		w.line(1, "%s:", quote(p.Name))
		w.line(2, "endpoints:")
		for _, e := range p.Endpoints {
			w.line(3, "- {address: %s%s}", quote(e.Address), likeText(e, true))
		}
		for _, s := range p.Sources {
			w.line(3, "- {%s}", sourceText(s))
		}
		w.line(2, "balance: %s", balanceText(p.Balance))
		w.line(2, "zone_preference: %s", onOff(p.Balance.Zone))
		w.line(2, "slow_start: %s", spanOrOff(p.SlowStart))
		w.line(2, "panic: %s", shareOrOff(p.Panic))
		w.connections(p.Limits)
		w.line(2, "tls: %s", tlsText(p.TLS))
		w.breaker(p.Breaker)
		w.outlier(p.Outlier)
		w.retry(p.Retry)
		w.probe(u.Probe, u.ProbeTLS)
	}
}

// likeText is what an endpoint has beside its address.
func likeText(e upstream.EndpointConfig, weighed bool) string {
	text := ""
	if weighed {
		text = fmt.Sprintf(", weight: %d, priority: %d", e.Weight, e.Priority)
	}
	if e.Zone != "" {
		text += ", zone: " + quote(e.Zone)
	}
	if len(e.Labels) > 0 {
		text += ", labels: " + flowMap(e.Labels)
	}
	return text
}

func sourceText(s upstream.SourceConfig) string {
	if s.Kind == upstream.File {
		return "file: " + quote(s.Name) + likeText(s.Like, true)
	}
	text := "dns: " + quote(s.Name) + likeText(s.Like, true)
	if s.Kind == upstream.SRV {
		text = "srv: " + quote(s.Name) + likeText(s.Like, false)
	}
	text += fmt.Sprintf(", min_ttl: %s, max_ttl: %s", formatDuration(s.MinTTL), formatDuration(s.MaxTTL))
	if s.Server != "" {
		text += ", server: " + quote(s.Server)
	}
	return text
}

// flowMap is a mapping of texts on one line, sorted.
func flowMap(m map[string]string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, quoteKey(k)+": "+quote(m[k]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func balanceText(b upstream.Balance) string {
	if b.Kind != upstream.Consistent {
		return balances[b.Kind]
	}
	return fmt.Sprintf("{by: %s, key: %s, load: %s}", balances[b.Kind], quote(b.Key), shareOrOff(b.Load))
}

func (w *printer) connections(l upstream.Limits) {
	text := fmt.Sprintf("{max: %s, in_flight: %s, queue: %s", orWord(l.Connections, "off"), orWord(l.InFlight, "off"), orWord(l.Queue, "off"))
	if l.Queue > 0 {
		text += ", queue_timeout: " + formatDuration(l.QueueTimeout)
	}
	w.line(2, "connections: %s, idle: %d, requests: %s, age: %s, warm: %s}", text, l.Idle, orWord(l.Requests, "off"), spanOrOff(l.Age), orWord(l.Warm, "off"))
}

func tlsText(t *upstream.TLS) string {
	if t == nil {
		return "off"
	}
	text := "{verify: " + onOff(t.Verify)
	for _, f := range []struct{ key, value string }{
		{"server_name", t.ServerName}, {"ca_file", t.CAFile}, {"cert_file", t.CertFile}, {"key_file", t.KeyFile},
	} {
		if f.value != "" {
			text += ", " + f.key + ": " + quote(f.value)
		}
	}
	return text + "}"
}

func (w *printer) breaker(b *breaker.Settings) {
	if b == nil {
		w.line(2, "breaker: off")
		return
	}
	w.line(2, "breaker:")
	w.line(3, "window: %s", formatDuration(b.Window))
	w.line(3, "calls: %s", orWord(b.Calls, "off"))
	w.line(3, "min_requests: %d", b.MinRequests)
	w.line(3, "failures: %s", shareOrOff(b.Failures))
	w.line(3, "consecutive: %s", orWord(b.Consecutive, "off"))
	w.line(3, "slow: %s", spanOrOff(b.Slow))
	if b.Slow > 0 {
		w.line(3, "slow_share: %s", shareOrOff(b.SlowShare))
	}
	w.line(3, "open: %s", formatDuration(b.Open))
	w.line(3, "max_open: %s", formatDuration(b.MaxOpen))
	w.line(3, "trials: %d", b.Trials)
}

func (w *printer) outlier(o *breaker.OutlierSettings) {
	if o == nil {
		w.line(2, "outlier: off")
		return
	}
	w.line(2, "outlier:")
	w.line(3, "consecutive: %s", orWord(o.Consecutive, "off"))
	w.line(3, "success_rate: %s", onOff(o.SuccessRate))
	if o.SuccessRate {
		w.line(3, "deviations: %s", formatDecimal(o.Deviations))
		w.line(3, "min_hosts: %d", o.MinHosts)
		w.line(3, "min_requests: %d", o.MinRequests)
		w.line(3, "interval: %s", formatDuration(o.Interval))
	}
	w.line(3, "ejection: %s", formatDuration(o.Ejection))
	w.line(3, "max_ejection: %s", formatDuration(o.MaxEjection))
	w.line(3, "max_ejected: %s", shareOrOff(o.MaxEjected))
}

func (w *printer) retry(r upstream.Retry) {
	if r.Attempts == 1 {
		w.line(2, "retry: off")
		return
	}
	var reasons []string
	for i, reason := range retryReasons {
		if r.On&reason != 0 {
			reasons = append(reasons, retryWords[i])
		}
	}
	hedge := spanOrOff(r.HedgeAfter)
	if r.HedgeP95 {
		hedge = "p95"
	}
	w.line(2, "retry: {attempts: %d, budget: %s, per_try_timeout: %s, on: [%s], hedge_after: %s}",
		r.Attempts, shareOrOff(r.Budget), spanOrOff(r.PerTryTimeout), strings.Join(reasons, ", "), hedge)
}

func (w *printer) probe(c *probes.Check, t *upstream.TLS) {
	if c == nil {
		w.line(2, "probe: off")
		return
	}
	w.line(2, "probe:")
	switch {
	case c.HTTP != nil:
		w.http(c.HTTP)
	case c.TCP != nil:
		w.line(3, "tcp: %s", tcpText(c.TCP))
	default:
		w.line(3, "grpc: %s", quote(c.GRPC.Service))
	}
	if c.Port != 0 {
		w.line(3, "port: %d", c.Port)
	}
	w.line(3, "tls: %s", tlsText(t))
	w.line(3, "interval: %s", formatDuration(c.Interval))
	w.line(3, "unhealthy_interval: %s", formatDuration(c.Unhealthy))
	w.line(3, "jitter: %s", shareOrOff(c.Jitter))
	w.line(3, "timeout: %s", formatDuration(c.Timeout))
	w.line(3, "rise: %d", c.Rise)
	w.line(3, "fall: %d", c.Fall)
}

func (w *printer) http(h *probes.HTTP) {
	w.line(3, "http:")
	w.line(4, "path: %s", quote(h.Path))
	w.line(4, "method: %s", quote(h.Method))
	if h.Host != "" {
		w.line(4, "host: %s", quote(h.Host))
	}
	w.line(4, "headers: %s", flowMap(h.Headers))
	status := make([]string, len(h.Status))
	for i, r := range h.Status {
		if status[i] = fmt.Sprint(r.From); r.To != r.From {
			status[i] = fmt.Sprintf("%d-%d", r.From, r.To)
		}
	}
	w.line(4, "status: [%s]", strings.Join(status, ", "))
	if h.Body != nil {
		w.line(4, "body: %s", quote(h.Body.String()))
	}
}

func tcpText(t *probes.TCP) string {
	var parts []string
	if t.Send != nil {
		parts = append(parts, "send: "+quote(string(t.Send)))
	}
	if t.Expect != nil {
		parts = append(parts, "expect: "+quote(string(t.Expect)))
	}
	if len(parts) == 0 {
		return "connect"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func overloadText(o *probes.Overload) string {
	if o == nil {
		return "off"
	}
	queue := "off"
	if o.RunQueue > 0 {
		queue = formatDecimal(o.RunQueue)
	}
	return fmt.Sprintf("{cpu: %s, memory: %s, run_queue: %s}", shareOrOff(o.CPU), shareOrOff(o.Memory), queue)
}

func rateLimitText(r *limiter.RateLimit) string {
	if r == nil {
		return "off"
	}
	return fmt.Sprintf("{rate: %s, burst: %d%s}", formatRate(r.PerSecond), r.Burst, byText(r.By))
}

func concurrencyText(c *limiter.Concurrency) string {
	switch {
	case c == nil:
		return "off"
	case c.Adaptive:
		return fmt.Sprintf("{limit: auto, max: %d}", c.Max)
	}
	return fmt.Sprintf("{limit: %d%s}", c.Limit, byText(c.By))
}

func byText(by string) string {
	if by == "" {
		return ""
	}
	return ", by: " + quote(by)
}

func spanOrOff(d time.Duration) string {
	if d == 0 {
		return "off"
	}
	return formatDuration(d)
}

func shareOrOff(ppm uint32) string {
	if ppm == 0 {
		return "off"
	}
	return formatPercent(ppm) + "%"
}
