package telemetry

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// AccessFields are the names of all that a line can have, those of [DefaultAccessFields] first.
func AccessFields() []string { return slices.Clone(fieldNames[:]) }

// DefaultAccessFields are the names of what a line has unless something else is asked for, in that order.
func DefaultAccessFields() []string { return AccessFields()[:usualFields] }

// field is one thing that a line can tell. What a record has nothing of is left out of its line, unless it is one of those that
// every line has.
type field uint8

const (
	fieldTime field = iota
	fieldClient
	fieldMethod
	fieldHost
	fieldTarget
	fieldStatus
	fieldBytesOut
	fieldDuration
	fieldRoute
	fieldTag
	fieldPool
	fieldAttempts
	fieldRule
	fieldExperiments
	fieldUpstream
	fieldRequestID
	fieldFallback
	fieldError
	fieldCut
	usualFields // how many are written by default: those before this
)

const (
	fieldProtocol = usualFields + iota
	fieldBytesIn
	fieldTook
	fieldRetries
	fieldTraceID
	fieldUserAgent
	fieldReferer
	allFields
)

var fieldNames = [allFields]string{
	"time", "client", "method", "host", "target", "status", "bytes_out", "duration_ms", "route", "tag", "pool", "attempts", "rule",
	"experiments", "upstream", "request_id", "fallback", "error", "cut",
	"protocol", "bytes_in", "upstream_ms", "retries", "trace_id", "user_agent", "referer",
}

// fieldsOf finds fields by their names.
func fieldsOf(names []string) []field {
	found := make([]field, len(names))
	for i, name := range names {
		at := slices.Index(fieldNames[:], name)
		if at < 0 {
			panic("BUG: no field of the access log is called " + name)
		}
		found[i] = field(at)
	}
	return found
}

func wantsOf(fields []field) Wants {
	return Wants{
		UserAgent: slices.Contains(fields, fieldUserAgent), Referer: slices.Contains(fields, fieldReferer),
		TraceID: slices.Contains(fields, fieldTraceID),
	}
}

// always reports whether every line has the field, be it empty. Numbers that every request has are never empty.
func (f field) always() bool { return f >= fieldClient && f <= fieldTarget }

// routed reports whether the field says where a request was sent, which is a text of the config's or one that lives as long, or, of those
// with experiments, what they are.
func (f field) routed() bool {
	switch f {
	case fieldRoute, fieldTag, fieldPool, fieldAttempts, fieldRule, fieldUpstream, fieldExperiments:
		return true
	}
	return false
}

// text gives what a field of text says. false: the field is none.
func (r *Record) text(f field) (s string, is bool) {
	switch f {
	case fieldClient:
		return r.Client, true
	case fieldMethod:
		return r.Method, true
	case fieldHost:
		return r.Host, true
	case fieldTarget:
		return r.Target, true
	case fieldRoute:
		return r.Route, true
	case fieldTag:
		return r.Tag, true
	case fieldPool:
		return r.Pool, true
	case fieldRule:
		return r.Rule, true
	case fieldExperiments:
		return r.Experiments, true
	case fieldUpstream:
		return r.Upstream, true
	case fieldRequestID:
		return r.RequestID, true
	case fieldError:
		return r.Error, true
	case fieldProtocol:
		return r.Protocol, true
	case fieldTraceID:
		return r.TraceID, true
	case fieldUserAgent:
		return r.UserAgent, true
	case fieldReferer:
		return r.Referer, true
	}
	return "", false
}

// has reports whether the record has something to say of a field that is no text.
func (r *Record) has(f field) bool {
	switch f {
	case fieldAttempts, fieldRetries: // only requests have them that were sent somewhere
		return r.Route != ""
	case fieldFallback:
		return r.Fallback
	case fieldCut:
		return r.Cut
	case fieldTook:
		return r.Took != 0
	}
	return true
}

// appendPlain writes what a field says that is no text, and that the record has: nothing in it needs an escape.
func (r *Record) appendPlain(b []byte, f field, s *scratch) []byte {
	switch f {
	case fieldTime:
		return s.second.append(b, r.Time)
	case fieldStatus:
		return strconv.AppendInt(b, int64(r.Status), 10)
	case fieldBytesOut:
		return strconv.AppendInt(b, r.BytesOut, 10)
	case fieldBytesIn:
		return strconv.AppendInt(b, r.BytesIn, 10)
	case fieldDuration:
		return appendMillis(b, r.Duration)
	case fieldTook:
		return appendMillis(b, r.Took)
	case fieldAttempts:
		return strconv.AppendInt(b, int64(r.Attempts), 10)
	case fieldRetries:
		return strconv.AppendInt(b, int64(r.Retries), 10)
	case fieldFallback, fieldCut:
		return append(b, "true"...)
	}
	panic("BUG: a text is no plain field: " + fieldNames[f])
}

// appendMillis writes milliseconds, to the microsecond.
func appendMillis(b []byte, d time.Duration) []byte {
	micros := d.Microseconds()
	b = strconv.AppendInt(b, micros/1000, 10)
	rest := micros % 1000
	if rest <= 0 {
		return b
	}
	b = append(b, '.', byte('0'+rest/100))
	if rest %= 100; rest > 0 {
		if b = append(b, byte('0'+rest/10)); rest%10 > 0 {
			b = append(b, byte('0'+rest%10))
		}
	}
	return b
}

// journalName is what a field is called in the journal.
func journalName(f field) string { return "GRAYGATE_" + strings.ToUpper(fieldNames[f]) }
