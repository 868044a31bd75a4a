package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graygate/match"
)

// fullestUpstreams is a config in which every mapping of upstreams and routes is there, with as little in it as can be.
const fullestUpstreams = `
zone: a
overload: {cpu: 1%}
upstreams:
  stable:
    endpoints: [127.0.0.1:9101, {dns: "a:1"}]
    balance: {by: consistent, key: ip}
    connections: {in_flight: 1, queue: 1}
    tls: on
    breaker: {slow: 1s}
    probe: {http: /}
routes: [{name: main, stable: stable, rate_limit: {rate: 1/s}, concurrency: {limit: auto}}]
`

// switches are the keys that a mapping switches on.
var switches = []string{"upstreams.breaker", "upstreams.outlier", "upstreams.retry"}

// upstreamRanges are the bounds of what upstreams and routes say, by section and key.
func upstreamRanges() map[string]string {
	number := func(least, most int) string { return fmt.Sprintf("%d to %d", least, most) }
	share := formatPercent(1) + "% to " + formatPercent(match.PPM) + "%"
	times := formatDuration(MinTimeout) + " to " + formatDuration(MaxTimeout)
	opens := formatDuration(MinOpen) + " to " + formatDuration(MaxOpen)
	ttls := formatDuration(MinTTL) + " to " + formatDuration(MaxTimeout)
	checks := formatDuration(MinProbeInterval) + " to " + formatDuration(MaxTimeout)
	return map[string]string{
		"overload.cpu":              share,
		"overload.memory":           share,
		"overload.run_queue":        formatDecimal(MinRunQueue) + " to " + formatDecimal(MaxRunQueue),
		"upstreams.slow_start":      formatDuration(MinSlowStart) + " to " + formatDuration(MaxSlowStart),
		"upstreams.panic":           share,
		"endpoints.weight":          number(0, MaxEndpointWeight),
		"endpoints.priority":        number(0, MaxPriority),
		"endpoints.labels":          fmt.Sprintf("at most %d", MaxLabels),
		"endpoints.min_ttl":         ttls,
		"endpoints.max_ttl":         ttls,
		"balance.load":              formatPercent(MinLoad) + "% to " + formatPercent(MaxLoad) + "%",
		"connections.max":           number(1, MaxConnections),
		"connections.in_flight":     number(1, MaxConnections),
		"connections.queue":         number(1, MaxQueue),
		"connections.queue_timeout": formatDuration(MinTimeout) + " to " + formatDuration(MaxQueueTimeout),
		"connections.idle":          number(1, MaxIdle),
		"connections.requests":      number(1, MaxConnectionRequests),
		"connections.age":           formatDuration(MinAge) + " to " + formatDuration(MaxTimeout),
		"connections.warm":          number(1, MaxWarm),
		"breaker.window":            formatDuration(MinWindow) + " to " + formatDuration(MaxWindow),
		"breaker.calls":             number(MinCalls, MaxCalls),
		"breaker.min_requests":      number(1, MaxMinRequests),
		"breaker.failures":          share,
		"breaker.consecutive":       number(1, MaxConsecutive),
		"breaker.slow":              times,
		"breaker.slow_share":        share,
		"breaker.open":              opens,
		"breaker.max_open":          opens,
		"breaker.trials":            number(1, MaxTrials),
		"outlier.consecutive":       number(1, MaxConsecutive),
		"outlier.deviations":        formatDecimal(MinDeviations) + " to " + formatDecimal(MaxDeviations),
		"outlier.min_hosts":         number(MinHosts, MaxEndpoints),
		"outlier.min_requests":      number(1, MaxMinRequests),
		"outlier.interval":          formatDuration(MinOutlierInterval) + " to " + formatDuration(MaxTimeout),
		"outlier.ejection":          opens,
		"outlier.max_ejection":      opens,
		"outlier.max_ejected":       share,
		"retry.attempts":            number(2, MaxAttempts),
		"retry.budget":              share,
		"retry.per_try_timeout":     times,
		"retry.hedge_after":         times,
		"probe.port":                number(1, 65535),
		"probe.interval":            checks,
		"probe.unhealthy_interval":  checks,
		"probe.jitter":              share,
		"probe.timeout":             formatDuration(MinTimeout) + " to " + formatDuration(MaxProbeTimeout),
		"probe.rise":                number(1, MaxRise),
		"probe.fall":                number(1, MaxRise),
		"http.path":                 "at most " + formatSize(MaxProbeBytes),
		"http.headers":              fmt.Sprintf("at most %d", MaxHeaders),
		"http.status":               number(MinStatus, MaxStatus),
		"http.body":                 "at most " + formatSize(match.MaxPatternBytes),
		"tcp.send":                  "at most " + formatSize(MaxProbeBytes),
		"tcp.expect":                "at most " + formatSize(MaxProbeBytes),
		"rate_limit.rate":           fmt.Sprintf("1/m to %d/s", MaxRate),
		"rate_limit.burst":          number(1, MaxBurst),
		"concurrency.limit":         number(1, MaxConcurrency),
		"concurrency.max":           number(1, MaxConcurrency),
	}
}

// statedDefault is a key of full.yaml with a comment that begins with its default.
var statedDefault = regexp.MustCompile(`^( *)(?:- )?([a-z_]+):.*# default ([^ :;,]+)`)

// TestFullSaysDefaults: where a comment in full.yaml says what a default is, that is the default.
func TestFullSaysDefaults(t *testing.T) {
	text, err := os.ReadFile("../examples/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defaults := defaultTexts(t)
	inWords := []string{"any", "as", "none", "nobody", "the", "these", "always", "anything", "everybody", "a"}
	var open []string // the keys that the line stands in, by indentation of two
	compared := 0
	for i, line := range strings.Split(string(text), "\n") {
		if at := strings.Index(line, ":"); at > 0 && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			name := strings.TrimPrefix(strings.TrimLeft(line[:at], " "), "- ")
			depth := (at - len(name)) / 2
			open = append(open[:min(depth, len(open))], make([]string, max(0, depth-len(open)))...)
			open = append(open, name)
		}
		m := statedDefault.FindStringSubmatch(line)
		if m == nil || slices.Contains(inWords, m[3]) {
			continue
		}
		// The nearest key above that is a section, or the top.
		id := "." + m[2]
		for j := len(open) - 2; j >= 0; j-- {
			if _, known := defaults[open[j]+"."+m[2]]; known {
				id = open[j] + "." + m[2]
				break
			}
		}
		compared++
		if got, known := defaults[id]; !known || !strings.HasPrefix(got, m[3]) {
			t.Errorf("line %d: default %q, real %q of %s: %s", i+1, m[3], got, id, line)
		}
	}
	if compared < 60 {
		t.Errorf("%d defaults compared: have the comments changed?", compared)
	}
}
