package gateway

import (
	"bytes"
	"net/netip"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/match"
)

// decide gives the request its route, its pool and its variants; a nil Route: none holds. What the decision lists is borrowed
// until the next one.
func (l *loop) decide(ex *exchange, r *http1.Request, address netip.Addr) config.Decision {
	a := l.decider.Attributes()
	a.Reset(ex.snap.Schema)
	a.SetRequest(r.MethodText, r.Host, r.Path, r.Query, address)
	a.SetTime(l.wall)
	for i := range r.Fields {
		a.AddHeader(r.Fields[i].Name, r.Fields[i].Value)
	}
	if len(ex.snap.Issues) > 0 && navigates(r) {
		l.issue(ex, a)
	}
	decision := l.decider.Decide(a, &config.Asked{
		Host: r.Host, Path: r.Path, Override: r.Get(http1.XExperimentOverride), Now: l.wall,
	})
	if decision.Route == nil {
		return decision
	}
	ex.route, ex.pool, ex.gray, ex.rule = decision.Route, decision.Pool, decision.Gray, decision.Cause
	ex.policy = l.policies[ex.route.Index]
	ex.spare = spareOf(ex.route, ex.pool)
	ex.key = l.hashFor(ex.pool, a)
	if ex.spare != nil {
		ex.spareKey = l.hashFor(ex.spare, a)
	}
	if ex.gray {
		l.counters.gray++
	}
	ex.series = l.meters.of(&decision)
	l.countUnitless(&decision)
	if len(decision.Assignments) > 0 {
		l.countAssignments(ex, &decision, a)
	}
	switch decision.Override {
	case config.OverrideTaken:
		l.counters.overrides++
	case config.OverrideRefused:
		l.counters.overridesRefused++
	}
	if ex.snap.Told.Name != "" {
		ex.tell(r, &decision)
	}
	return decision
}

// navigates reports whether a request is for a page, not for a part of one: only those are given a unit, so that the
// requests that a page makes at once are not given one each.
func navigates(r *http1.Request) bool {
	if mode := r.Get(http1.SecFetchMode); mode != nil {
		return string(mode) == "navigate"
	}
	return (r.Method == http1.GET || r.Method == http1.HEAD) && acceptsHTML(r.Get(http1.Accept))
}

// acceptsHTML reports whether an Accept field names text/html: browsers do when they navigate, and hardly anybody else.
func acceptsHTML(accept []byte) bool {
	const html = "text/html"
	for len(accept) >= len(html) {
		if http1.EqualFold(accept[:len(html)], html) {
			return true
		}
		comma := bytes.IndexByte(accept, ',')
		if comma < 0 {
			return false
		}
		accept = bytes.TrimLeft(accept[comma+1:], " \t")
	}
	return false
}

// issue gives the request a value for each attribute that is to have one and is missing: 128 random bits.
func (l *loop) issue(ex *exchange, a *match.Attributes) {
	issues := ex.snap.Issues
	for i := range issues {
		x := &issues[i]
		if len(a.Value(x.Attribute)) > 0 {
			continue
		}
		var id [32]byte
		hex64(id[:16], l.random.Uint64())
		hex64(id[16:], l.random.Uint64())
		ex.cookies = append(ex.cookies, x.Before...)
		value := len(ex.cookies)
		ex.cookies = append(ex.cookies, id[:]...)
		if x.Assign {
			a.Provide(x.Attribute, ex.cookies[value:]) // right still when cookies moves: the old array keeps its bytes
		}
		if x.Key != nil {
			ex.cookies = append(ex.cookies[:value], match.SignCookie(x.Key, x.Cookie, string(id[:]))...)
		}
		ex.cookies = append(ex.cookies, x.After...)
		l.counters.issued++
	}
}
