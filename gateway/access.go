package gateway

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/telemetry"
)

// accessSink is an open access log and the choice of what goes in.
type accessSink struct {
	log   *telemetry.AccessLog
	wants telemetry.Wants
	rate  uint32 // of those without an error, in 1/2^32; those with one are always written
	all   bool
}

// openAccess opens what the plan says; nil for off.
func (g *Gateway) openAccess(c config.AccessLog) (*accessSink, error) {
	if c.To == "off" {
		return nil, nil
	}
	log, err := telemetry.OpenAccessLog(telemetry.AccessOptions{To: c.To, Format: c.Format, Fields: c.Fields,
		Pens: len(g.loops) + 1, Dropped: &g.accessDropped})
	if err != nil {
		return nil, err
	}
	s := &accessSink{log: log, wants: log.Wants()}
	switch c.Sample {
	case "all":
		s.all = true
	case "errors":
	default:
		s.rate = uint32(c.SampleRate * (1<<32 - 1))
	}
	return s, nil
}

// close writes what is queued; a nil sink has nothing.
func (s *accessSink) close() {
	if s != nil {
		s.log.Close()
	}
}

// records reports whether the exchange is to be logged: every fault and every server error is.
func (s *accessSink) records(ex *exchange) bool {
	return s.all || ex.fault != nil || ex.status >= 500 || s.rate > 0 && rand.Uint32() < s.rate
}

// ReopenAccessLog opens the file of the access log anew, after it was renamed; with another access log, or none, it does nothing.
// Safe for concurrent use.
func (g *Gateway) ReopenAccessLog() error {
	a := g.access.Load()
	if a == nil {
		return nil
	}
	if err := a.log.Reopen(); err != nil {
		return fmt.Errorf("access_log: %w", err)
	}
	return nil
}

// AccessLogDropped is how many lines of the access log were lost since the gateway began, reloads included. Safe for concurrent use.
func (g *Gateway) AccessLogDropped() uint64 { return g.accessDropped.Load() }

// describe notes what the access log and spans want of the request, while the head is at hand.
func (l *loop) describe(ex *exchange, r *http1.Request) {
	a, spans := l.g.access.Load(), l.g.tracing.Load() != nil
	ex.unlogged = a == nil
	if a == nil && !spans {
		return
	}
	n := &ex.notes
	n.add(ofMethod, r.MethodText)
	n.add(ofTarget, r.Target)
	n.add(ofHost, r.Host)
	if spans || a.wants.UserAgent {
		n.add(ofAgent, r.Get(http1.UserAgent))
	}
	if a != nil && a.wants.Referer {
		n.add(ofReferer, r.Get(http1.Referer))
	}
}

// logExchange writes the exchange into the access log, if it is one that the log wants.
func (g *Gateway) logExchange(ex *exchange) {
	if ex.unlogged {
		return
	}
	for a := g.access.Load(); a != nil && a.records(ex); a = g.access.Load() {
		var rec telemetry.Record
		ex.fillRecord(&rec)
		if n := &ex.notes; a.wants.TraceID && ex.span.TraceID != [16]byte{} {
			from := len(n.text)
			n.text = hex.AppendEncode(n.text, ex.span.TraceID[:])
			rec.TraceID = unsafeString(n.text[from:])
		}
		if a.log.Put(g.pen(ex), &rec) {
			return
		} // else: a reload has closed it just now, and put another into force
	}
}

// pen is which pen of the access log writes of the exchange: its loop's, or the one that all relays share, so that a loop waits for
// none of them.
func (g *Gateway) pen(ex *exchange) int {
	if ex.d == nil { // it has left its loop
		return len(g.loops)
	}
	return ex.loop
}

// fillRecord tells a record of the exchange, from which it borrows.
func (ex *exchange) fillRecord(rec *telemetry.Record) {
	rec.Time = ex.began
	rec.Duration = time.Duration(ex.overAt - ex.arrivedAt)
	rec.Client = ex.client
	n := &ex.notes
	rec.Method, rec.Target, rec.Host = n.view(ofMethod), n.view(ofTarget), n.view(ofHost)
	rec.UserAgent, rec.Referer = n.view(ofAgent), n.view(ofReferer)
	rec.RequestID, rec.Experiments = n.view(ofRequestID), n.view(ofExperiments)
	if len(rec.Method) > 0 {
		rec.Protocol = protocols[min(ex.minor, 1)]
	}
	rec.Status, rec.BytesIn, rec.BytesOut, rec.HeadOut, rec.Cut = ex.status, ex.bytesIn, ex.bytesOut, ex.headOut, ex.cut
	if ex.route != nil {
		rec.Route, rec.Rule, rec.Pool, rec.Tag = ex.route.Name, ex.rule, ex.pool.Name, ex.tag()
	}
	rec.Attempts, rec.Fallback = ex.asked, ex.fallback
	rec.Retries = max(ex.asked-1, 0)
	if ex.hedged && rec.Retries > 0 {
		rec.Retries--
	}
	if ex.headAt > 0 {
		rec.Took = time.Duration(ex.headAt - ex.at)
	}
	if e := ex.lastTried(); e != nil {
		rec.Upstream = e.Address
	}
	if ex.fault != nil {
		rec.Error = ex.fault.Code
	}
}

var protocols = [...]string{"HTTP/1.0", "HTTP/1.1"}
