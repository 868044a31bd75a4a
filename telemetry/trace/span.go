package trace

import (
	"time"

	"graygate/telemetry/w3c"
)

// Span is the record of one request, of a fixed size and used again. It is got from [Tracer.Take], belongs to one
// goroutine, and goes back with [Tracer.Put]; after that the caller keeps nothing of it. Strings are those of the snapshot, or
// such as live as long; what belongs to a request's bytes is copied in by the methods.
type Span struct {
	Head
	Start, End time.Time

	Route   string // its name in the config; empty: none was found
	Path    string // the path prefix that the route is for; the span's name and http.route
	Rule    string // what chose the pool: a rule, or EXPERIMENT=VARIANT; empty where neither did
	Tag     string // what the upstream was told in X-Gray-Tag; after a fallback that is not the Decision
	Gray    bool   // as assigned: gray.decision
	Decided bool   // there was a decision at all

	Pool     string // as served
	Upstream string // address of the last endpoint tried
	Version  string // the version label of that endpoint or pool: service.version
	Fallback bool   // assigned to gray, served by stable

	Client string // the client's address, without port
	Scheme string // http or https
	Minor  uint8  // the client's HTTP version 1.Minor
	Status int    // as answered; 0 if nothing was
	Fault  string // the stable word, as in X-Graygate-Error; empty if none
	Blame  bool   // the fault is the client's, so the request did not fail on this side

	method, target, host, agent, state, experiments []byte

	retries  []attempt
	retried  int // retries in all
	kept     string
	recycled bool // it is Put: to catch one that is given back twice
}

// attempt is one that failed, so that another was made.
type attempt struct {
	at       time.Time
	upstream string // address of the endpoint that failed
	reason   string // the stable word of the fault
}

func newSpan() *Span {
	room := make([]byte, methodBytes+targetBytes+hostBytes+agentBytes+stateBytes+experimentsBytes)
	take := func(n int) []byte {
		part := room[:0:n]
		room = room[n:]
		return part
	}
	return &Span{
		method: take(methodBytes), target: take(targetBytes), host: take(hostBytes), agent: take(agentBytes), state: take(stateBytes),
		experiments: take(experimentsBytes), retries: make([]attempt, 0, maxRetries),
	}
}

// reset empties it and keeps its room.
func (s *Span) reset() {
	clear(s.retries) // strings of a snapshot that may be gone
	*s = Span{
		method: s.method[:0], target: s.target[:0], host: s.host[:0], agent: s.agent[:0], state: s.state[:0],
		experiments: s.experiments[:0], retries: s.retries[:0],
	}
}

// SetMethod copies the request's method.
func (s *Span) SetMethod(b []byte) { s.method = fill(s.method, b) }

// SetTarget copies the request's target, query included; of a long one the beginning.
func (s *Span) SetTarget(b []byte) { s.target = fill(s.target, b) }

// SetHost copies the request's authority.
func (s *Span) SetHost(b []byte) { s.host = fill(s.host, b) }

// SetAgent copies the User-Agent.
func (s *Span) SetAgent(b []byte) { s.agent = fill(s.agent, b) }

// SetTracestate copies the tracestate, as [w3c.Headers.AppendTracestate] gives it.
func (s *Span) SetTracestate(b []byte) { s.state = fill(s.state, b) }

// SetExperiments copies the assignments, as in X-Experiment.
func (s *Span) SetExperiments(b []byte) { s.experiments = fill(s.experiments, b) }

// Retry notes that an attempt failed and another one was made: at which time, which endpoint it was, and the stable word of the
// fault. Those beyond the eighth are counted only.
func (s *Span) Retry(at time.Time, upstream, reason string) {
	if s.retried++; len(s.retries) < cap(s.retries) {
		s.retries = append(s.retries, attempt{at, upstream, reason})
	}
}

// Failed reports whether the request failed on this side, gateway or upstream: a status of 5xx, or a fault that is not
// the client's, such as an answer that broke off.
func (s *Span) Failed() bool { return s.Status >= 500 || s.Fault != "" && !s.Blame }

// Sampled is the decision at the head.
func (s *Span) Sampled() bool { return s.Flags&w3c.Sampled != 0 }

// fill copies what there is room for.
func fill(dst, src []byte) []byte { return append(dst[:0], src[:min(len(src), cap(dst))]...) }
