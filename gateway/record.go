package gateway

import (
	"time"
)

// What is told of an exchange when it is over: to the metrics, to the access log, and to the collector of traces.

// part is one of those parts of a request that are copied for the log and the spans while the head is at hand.
type part uint8

const (
	ofMethod part = iota
	ofTarget
	ofHost
	ofRequestID
	ofExperiments
	ofAgent
	ofReferer
	ofTracestate
	parts
)

// notes are the parts, one after the other. Their room is used again.
type notes struct {
	text []byte
	at   [parts]struct{ from, to int32 }
}

func (n *notes) empty() {
	*n = notes{text: n.text[:0]}
	if cap(n.text) > keptBuffer {
		n.text = nil
	}
}

func (n *notes) add(p part, text []byte) {
	from := len(n.text)
	n.text = append(n.text, text...)
	n.mark(p, from)
}

// mark makes what was appended to text from there on a part.
func (n *notes) mark(p part, from int) { n.at[p].from, n.at[p].to = int32(from), int32(len(n.text)) }

// of gives a part, empty if it was not noted; borrowed until the notes change.
func (n *notes) of(p part) []byte { return n.text[n.at[p].from:n.at[p].to] }

// view is the same as a text.
func (n *notes) view(p part) string { return unsafeString(n.of(p)) }

// record tells of a finished exchange. It may be called from any goroutine, once.
func (g *Gateway) record(ex *exchange) {
	if ex.overAt == 0 {
		ex.overAt = g.clock()
	}
	ex.count(ex.overAt)
	g.logExchange(ex)
	g.traceExchange(ex)
}

// count counts the exchange, which has ended at some time on the precise clock, and the units whose request was answered. What was counted
// already, as a tunnel when it began, is not counted again.
func (ex *exchange) count(at int64) {
	s := ex.series
	if s == nil {
		return
	}
	ex.series = nil
	s.Observe(ex.loop, ex.servedBy(), ex.status, time.Duration(at-ex.arrivedAt), ex.upstreamTook(at))
	if ex.fault == nil {
		for _, j := range ex.judged {
			j.to.Answered(ex.loop, j.variant, j.unit)
		}
	}
}

// servedBy is which of the pools of its series has answered the exchange: 0 is the one that it was assigned to, 1 the one that it has
// fallen back to, -1 the gateway itself, or nobody.
func (ex *exchange) servedBy() int {
	switch {
	case ex.fault != nil && !ex.begun:
		return -1
	case ex.fallback:
		return 1
	}
	return 0
}

// upstreamTook is how long endpoints have taken until the head of the answer, all attempts together; below 0 if none was asked. What
// the client took to send its body is left out, as in served.
func (ex *exchange) upstreamTook(over int64) time.Duration {
	if ex.askedAt == 0 {
		return -1
	}
	from, until := ex.askedAt, over
	if ex.headAt > 0 {
		until = ex.headAt
	}
	if whole := ex.wholeAt.Load(); whole > from && whole <= until {
		from = whole
	}
	return time.Duration(until - from)
}

// wall is a time on the precise clock as one on the system's.
func (ex *exchange) wall(at int64) time.Time { return ex.began.Add(time.Duration(at - ex.arrivedAt)) }

// tag is what the request was assigned to.
func (ex *exchange) tag() string {
	if ex.gray {
		return "gray"
	}
	return "stable"
}
