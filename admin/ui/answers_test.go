package ui_test

import (
	"strings"
	"time"
)

// data is the answer of /ui/data.
func (s *simulation) data(q string, limit, since int) map[string]any {
	var total simulatedRoute
	routes := []any{}
	matched := 0
	for _, r := range s.routes {
		total.requests += r.requests
		total.assigned += r.assigned
		total.back += r.back
		for i := range r.sides {
			total.sides[i].requests += r.sides[i].requests
			total.sides[i].errors += r.sides[i].errors
			for b, n := range r.sides[i].buckets {
				total.sides[i].buckets[b] += n
			}
		}
		if !strings.Contains(strings.ToLower(r.name+"\n"+r.host+"\n"+r.path+"\n"+r.tenant), strings.ToLower(q)) {
			continue
		}
		matched++
		if len(routes) < limit {
			routes = append(routes, r.answer())
		}
	}
	events := s.events[min(since, len(s.events)):]
	return map[string]any{
		"now":     time.Date(2026, 12, 24, 18, 0, s.second, 0, time.UTC).Format(time.RFC3339),
		"at_ms":   float64(s.second-s.began) * 1000,
		"process": map[string]any{"pid": s.pid, "version": "1.0.0", "go": "go1.26.0", "config": "/etc/graygate/graygate.yaml", "uptime_s": 93784*(8-s.pid) + s.second - s.began},
		"ready":   true, "generation": 7, "metered": true, "bounds_ms": bounds,
		"reload":       map[string]any{"count": 7, "ok": true, "at": "2026-12-24T17:00:00Z"},
		"access":       map[string]any{"changes": false},
		"gateway":      map[string]any{"connections": 1204 + s.second%7},
		"total":        total.answer(),
		"routes_total": len(s.routes), "routes_matched": matched, "routes": routes,
		"pools":  s.pools(),
		"events": map[string]any{"last": len(s.events), "lost": false, "items": events},
	}
}

func (r *simulatedRoute) answer() map[string]any {
	side := func(s *simulatedSide) map[string]any {
		n := 0
		for _, c := range s.buckets {
			n += c
		}
		return map[string]any{"requests": s.requests, "errors": s.errors, "client_errors": 0, "own": 0, "latency": map[string]any{"count": n, "sum_s": 0, "buckets": s.buckets}}
	}
	return map[string]any{
		"name": r.name, "tenant": r.tenant, "host": r.host, "path": r.path, "rules": 3, "requests": r.requests, "gray_assigned": r.assigned,
		"fallbacks": r.back, "errors": r.sides[0].errors + r.sides[1].errors, "stable": side(&r.sides[0]), "gray": side(&r.sides[1]),
	}
}

// pools has an endpoint in each state that there is.
func (s *simulation) pools() []any {
	endpoint := func(address, state, reason string, more map[string]any) map[string]any {
		e := map[string]any{
			"address": address, "state": state, "reason": reason, "weight": 1, "drained": false, "zone": "", "priority": 0, "labels": map[string]any{},
			"in_flight": s.second % 5, "connections": 8, "latency_ms": 7.4, "successes": 100 * s.second, "failures": 0, "ejections": 0,
		}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	pool := func(name string, well int, more map[string]any, endpoints ...any) map[string]any {
		p := map[string]any{
			"name": name, "balance": "p2c", "panic": false, "in_flight": 4 + s.second%3, "requests": 900 * s.second, "retries": 2, "p95_ms": 22.1,
			"endpoints_total": len(endpoints), "well": well, "endpoints": endpoints,
		}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	return []any{
		pool("stable", 3, map[string]any{"breaker": map[string]any{"state": "closed"}},
			endpoint("10.0.1.11:8080", "healthy", "ok", map[string]any{"labels": map[string]any{"version": "1.8"}}),
			endpoint("10.0.1.12:8080", "healthy", "ok", map[string]any{"labels": map[string]any{"version": "1.8"}}),
			endpoint("10.0.1.13:8080", "warming", "62% of its weight", map[string]any{"labels": map[string]any{"version": "1.8"}}),
			endpoint("10.0.1.14:8080", "draining", "by hand", nil)),
		pool("shop-gray", 1, map[string]any{"retries": 41, "breaker": map[string]any{"state": "half_open", "reason": "waited", "open_for_ms": 0}},
			endpoint("10.0.2.11:8080", "open", "failures in a row, for another 3s", map[string]any{"failures": 214, "ejections": 3, "latency_ms": 41.0}),
			endpoint("10.0.2.12:8080", "healthy", "ok", nil)),
		pool("images", 0, map[string]any{"panic": true, "breaker": map[string]any{"state": "open", "reason": "failures", "open_for_ms": 4200}},
			endpoint("[2001:db8::1]:8080", "unhealthy", "probe: connection refused", map[string]any{"failures": 12}),
			endpoint("[2001:db8::2]:8080", "ejected", "errors above the others' by 4 deviations", map[string]any{"failures": 31, "ejections": 1})),
		pool("search", 201, map[string]any{"endpoints_total": 201}, endpoint("10.0.9.1:8080", "unprobed", "no probe yet", nil)),
	}
}
