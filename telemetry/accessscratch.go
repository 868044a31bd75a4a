package telemetry

import "time"

// scratch is what lines that come after one another have in common, so that it is not made for each. For one goroutine.
type scratch struct {
	second second
	routed [routedTexts]routedText
}

// second is the text of one second, which is the same for most records that come after one another.
type second struct {
	at   int64
	zone *time.Location // nil: there is none yet
	text []byte
}

// append writes a time as RFC 3339 does, to the second.
func (s *second) append(b []byte, t time.Time) []byte {
	if at, zone := t.Unix(), t.Location(); s.at != at || s.zone != zone {
		s.at, s.zone = at, zone
		s.text = t.AppendFormat(s.text[:0], time.RFC3339)
	}
	return append(b, s.text...)
}

// routed is where a request was sent: of most requests there are a few in all.
type routed struct {
	route, tag, pool, rule, upstream string
	attempts                         int
	behindText                       bool // it stands behind a text
}

// routedText is how a line says it.
type routedText struct {
	routed
	known bool
	text  []byte
	open  bool // it ends with a text, whose quote is open
}

// slot is the place in which it is remembered. Endpoints mostly differ at the end.
func (r *routed) slot() int {
	h := uint(r.attempts)
	for i := max(len(r.upstream)-6, 0); i < len(r.upstream); i++ {
		h = h*31 + uint(r.upstream[i])
	}
	return int((h*31 + uint(len(r.rule))*7 + uint(len(r.pool))) % routedTexts)
}
