package config

import (
	"github.com/goccy/go-yaml/ast"

	"graygate/match"
	"graygate/upstream"
)

func (d *decoder) breaker(n ast.Node) FileBreaker {
	var b FileBreaker
	b.On = d.switched(n, "breaker",
		key{"window", func(n ast.Node) { b.Window = d.span(n, "window", "", MinWindow, MaxWindow) }},
		key{"calls", func(n ast.Node) { b.Calls = d.whole(n, "calls", "off", MinCalls, MaxCalls) }},
		key{"min_requests", func(n ast.Node) { b.MinRequests = d.whole(n, "min_requests", "", 1, MaxMinRequests) }},
		key{"failures", func(n ast.Node) { b.Failures = d.share(n, "failures", "off", 1, match.PPM) }},
		key{"consecutive", func(n ast.Node) { b.Consecutive = d.whole(n, "consecutive", "off", 1, MaxConsecutive) }},
		key{"slow", func(n ast.Node) { b.Slow = d.span(n, "slow", "off", MinTimeout, MaxTimeout) }},
		key{"slow_share", func(n ast.Node) { b.SlowShare = d.share(n, "slow_share", "", 1, match.PPM) }},
		key{"open", func(n ast.Node) { b.Open = d.span(n, "open", "", MinOpen, MaxOpen) }},
		key{"max_open", func(n ast.Node) { b.MaxOpen = d.span(n, "max_open", "", MinOpen, MaxOpen) }},
		key{"trials", func(n ast.Node) { b.Trials = d.whole(n, "trials", "", 1, MaxTrials) }},
	)
	return b
}

func (d *decoder) outlier(n ast.Node) FileOutlier {
	var o FileOutlier
	o.On = d.switched(n, "outlier",
		key{"consecutive", func(n ast.Node) { o.Consecutive = d.whole(n, "consecutive", "off", 1, MaxConsecutive) }},
		key{"success_rate", func(n ast.Node) { o.SuccessRate = d.onOff(n, "success_rate") }},
		key{"deviations", func(n ast.Node) { o.Deviations = d.decimal(n, "deviations", "", MinDeviations, MaxDeviations) }},
		key{"min_hosts", func(n ast.Node) { o.MinHosts = d.whole(n, "min_hosts", "", MinHosts, MaxEndpoints) }},
		key{"min_requests", func(n ast.Node) { o.MinRequests = d.whole(n, "min_requests", "", 1, MaxMinRequests) }},
		key{"interval", func(n ast.Node) { o.Interval = d.span(n, "interval", "", MinOutlierInterval, MaxTimeout) }},
		key{"ejection", func(n ast.Node) { o.Ejection = d.span(n, "ejection", "", MinOpen, MaxOpen) }},
		key{"max_ejection", func(n ast.Node) { o.MaxEjection = d.span(n, "max_ejection", "", MinOpen, MaxOpen) }},
		key{"max_ejected", func(n ast.Node) { o.MaxEjected = d.share(n, "max_ejected", "", 1, match.PPM) }},
	)
	return o
}

// retryWords are the words of on, and retryReasons what each stands for.
var (
	retryWords   = []string{"connect", "reset", "timeout", "500", "502", "503", "504", "429"}
	retryReasons = []upstream.RetryOn{
		upstream.OnConnect, upstream.OnReset, upstream.OnTimeout, upstream.On500, upstream.On502, upstream.On503, upstream.On504, upstream.On429,
	}
)

func (d *decoder) retry(n ast.Node) FileRetry {
	var r FileRetry
	r.On = d.switched(n, "retry",
		key{"attempts", func(n ast.Node) { r.Attempts = d.attempts(n) }},
		key{"budget", func(n ast.Node) { r.Budget = d.share(n, "budget", "", 1, match.PPM) }},
		key{"per_try_timeout", func(n ast.Node) {
			r.PerTryTimeout = d.span(n, "per_try_timeout", "off", MinTimeout, MaxTimeout)
		}},
		key{"on", func(n ast.Node) {
			r.Reasons = list(d, n, "on", "[%s]", func(n ast.Node) (Field[upstream.RetryOn], bool) {
				f := oneOf(d, n, "an entry of on", retryWords, func(i int) upstream.RetryOn { return retryReasons[i] })
				return f, f.Set
			})
		}},
		key{"hedge_after", func(n ast.Node) { r.HedgeAfter = d.hedge(n) }},
	)
	return r
}

// attempts reads how often a request is sent in all; once is no retry.
func (d *decoder) attempts(n ast.Node) Field[int] {
	if i, ok := bare(n).(*ast.IntegerNode); ok && i.GetToken().Value == "1" {
		d.fail(place(n), problem{What: "attempts is 1", Why: "the first is counted: there would be no retry, and no hedging", Fix: "give 2 or more, or write retry: off"})
		return Field[int]{At: place(n), Bad: true}
	}
	return d.whole(n, "attempts", "", 2, MaxAttempts)
}

func (d *decoder) hedge(n ast.Node) Field[FileHedge] {
	return scalar(d, n, "hedge_after", "off, p95 or a duration", func(s string) (FileHedge, *problem) {
		switch s {
		case "off":
			return FileHedge{}, nil
		case "p95":
			return FileHedge{P95: true}, nil
		}
		if _, p := parseDuration(s); p != nil && !digits(s) {
			return FileHedge{}, &problem{What: "hedge_after must be off, p95 or a duration, not " + quoted(s), Fix: d.didYouMean(s, []string{"off", "p95"}, "write one of them, such as 50ms")}
		}
		after, p := parseSpan(s, "hedge_after", "off", MinTimeout, MaxTimeout)
		return FileHedge{After: after}, p
	})
}
