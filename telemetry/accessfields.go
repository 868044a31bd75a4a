package telemetry

import (
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// AccessFields are the names of all that a line can have, those of [DefaultAccessFields] first.
func AccessFields() []string {
	names := make([]string, len(accessFields))
	for i := range accessFields {
		names[i] = accessFields[i].name
	}
	return names
}

// DefaultAccessFields are the names of what a line has unless something else is asked for, in that order.
func DefaultAccessFields() []string { return AccessFields()[:usualFields] }

// accessField is one thing that a line can tell. It has one of text, bytes and plain; what they give nothing of is left out of the
// line.
type accessField struct {
	name   string
	always bool // text and bytes are written even if empty
	quoted bool // plain is a text

	text  func(r *Record) string
	bytes func(r *Record) []byte
	plain func(b []byte, r *Record) []byte // appends what needs no escapes
}

// usualFields is how many fields at the beginning of accessFields are written by default.
const usualFields = 19

var accessFields = [...]accessField{
	{name: "time", quoted: true, plain: func(b []byte, r *Record) []byte { return appendSecond(b, r.Time) }},
	{name: "client", always: true, text: func(r *Record) string { return r.Client }},
	{name: "method", always: true, bytes: func(r *Record) []byte { return r.Method }},
	{name: "host", always: true, bytes: func(r *Record) []byte { return r.Host }},
	{name: "target", always: true, bytes: func(r *Record) []byte { return r.Target }},
	{name: "status", plain: func(b []byte, r *Record) []byte { return strconv.AppendInt(b, int64(r.Status), 10) }},
	{name: "bytes_out", plain: func(b []byte, r *Record) []byte { return strconv.AppendInt(b, r.BytesOut, 10) }},
	{name: "duration_ms", plain: func(b []byte, r *Record) []byte { return appendMillis(b, r.Duration) }},
	{name: "route", text: func(r *Record) string { return r.Route }},
	{name: "tag", text: func(r *Record) string { return r.Tag }},
	{name: "pool", text: func(r *Record) string { return r.Pool }},
	{name: "attempts", plain: func(b []byte, r *Record) []byte { return appendRouted(b, r, r.Attempts) }},
	{name: "rule", text: func(r *Record) string { return r.Rule }},
	{name: "experiments", bytes: func(r *Record) []byte { return r.Experiments }},
	{name: "upstream", text: func(r *Record) string { return r.Upstream }},
	{name: "request_id", bytes: func(r *Record) []byte { return r.RequestID }},
	{name: "fallback", plain: func(b []byte, r *Record) []byte { return appendTrue(b, r.Fallback) }},
	{name: "error", text: func(r *Record) string { return r.Error }},
	{name: "cut", plain: func(b []byte, r *Record) []byte { return appendTrue(b, r.Cut) }},

	{name: "protocol", text: func(r *Record) string { return r.Protocol }},
	{name: "bytes_in", plain: func(b []byte, r *Record) []byte { return strconv.AppendInt(b, r.BytesIn, 10) }},
	{name: "upstream_ms", plain: func(b []byte, r *Record) []byte {
		if r.Took == 0 {
			return b
		}
		return appendMillis(b, r.Took)
	}},
	{name: "retries", plain: func(b []byte, r *Record) []byte { return appendRouted(b, r, r.Retries) }},
	{name: "trace_id", bytes: func(r *Record) []byte { return r.TraceID }},
	{name: "user_agent", bytes: func(r *Record) []byte { return r.UserAgent }},
	{name: "referer", bytes: func(r *Record) []byte { return r.Referer }},
}

// second is the text of one second, which is the same for all records of it.
type second struct {
	at   int64
	zone *time.Location
	text string
}

var lastSecond atomic.Pointer[second]

// appendSecond writes a time as RFC 3339 does, to the second. Safe for concurrent use.
func appendSecond(b []byte, t time.Time) []byte {
	s := lastSecond.Load()
	if at := t.Unix(); s == nil || s.at != at || s.zone != t.Location() {
		s = &second{at, t.Location(), t.Format(time.RFC3339)}
		lastSecond.Store(s)
	}
	return append(b, s.text...)
}

// fieldsOf finds fields by their names.
func fieldsOf(names []string) []accessField {
	found := make([]accessField, len(names))
	for i, name := range names {
		at := slices.IndexFunc(accessFields[:], func(f accessField) bool { return f.name == name })
		if at < 0 {
			panic("BUG: no field of the access log is called " + name)
		}
		found[i] = accessFields[at]
	}
	return found
}

func wantsOf(names []string) Wants {
	return Wants{
		UserAgent: slices.Contains(names, "user_agent"), Referer: slices.Contains(names, "referer"), TraceID: slices.Contains(names, "trace_id"),
	}
}

// jsonLines writes records as JSON objects, one a line. The plain way to say the same is in the tests, by zerolog.
type jsonLines struct{ fields []jsonField }

type jsonField struct {
	accessField
	begin string // `,"name":`, and the quote that begins a text
}

func newJSONLines(names []string) *jsonLines {
	j := &jsonLines{}
	for _, f := range fieldsOf(names) {
		begin := `,"` + f.name + `":`
		if f.plain == nil || f.quoted {
			begin += `"`
		}
		j.fields = append(j.fields, jsonField{f, begin})
	}
	return j
}

func (j *jsonLines) append(b []byte, r *Record) []byte {
	start := len(b)
	for i := range j.fields {
		f := &j.fields[i]
		before := len(b)
		b = append(b, f.begin...)
		from := len(b)
		switch {
		case f.text != nil:
			b = appendJSONText(b, f.text(r))
		case f.bytes != nil:
			b = appendJSONText(b, f.bytes(r))
		default:
			b = f.plain(b, r)
		}
		switch {
		case len(b) == from && !f.always:
			b = b[:before]
		case f.plain == nil || f.quoted:
			b = append(b, '"')
		}
	}
	if len(b) == start {
		return append(b, "{}\n"...) // of what was asked for, this request has nothing
	}
	b[start] = '{' // in the place of the first comma
	return append(b, "}\n"...)
}

// journalName is what a field is called in the journal.
func journalName(name string) string { return "GRAYGATE_" + strings.ToUpper(name) }

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

// appendRouted writes a number that only requests have which were sent somewhere.
func appendRouted(b []byte, r *Record, n int) []byte {
	if r.Route == "" {
		return b
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// appendTrue writes a switch that is on.
func appendTrue(b []byte, on bool) []byte {
	if on {
		return append(b, "true"...)
	}
	return b
}
