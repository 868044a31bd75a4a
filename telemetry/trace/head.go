package trace

import (
	"encoding/binary"
	"hash/maphash"

	"graygate/telemetry/w3c"
)

// Parent says where a request's trace comes from, and whose word on it counts.
type Parent uint8

// The kinds of parents.
const (
	Root      Parent = iota // the trace begins here
	Stranger                // it comes from a peer that is not believed: its ids are taken over, its flag is not
	Recorded                // it comes from a believed peer that records it
	Discarded               // it comes from a believed peer that does not
)

// Head is what is known of a request's span when the request begins, and what its upstream is told. A value.
type Head struct {
	TraceID [16]byte
	SpanID  [8]byte
	Parent  [8]byte // the span that the request came from; zero for a Root
	From    Parent
	Flags   byte // for the upstream; w3c.Sampled is the decision at the head
}

// Traceparent is what the upstream is told.
func (h *Head) Traceparent() w3c.Traceparent {
	return w3c.Traceparent{TraceID: h.TraceID, SpanID: h.SpanID, Flags: h.Flags}
}

// Begin decides how a request's trace goes on: parent and has are what [w3c.Headers.Parent] gave, trusted says whether who sent
// it is believed, id and span are fresh random ids, of which span becomes the span's and id the trace's if it begins here. A
// nil Tracer records nothing, and passes on what a believed peer decided. May be called concurrently.
func (t *Tracer) Begin(parent w3c.Traceparent, has, trusted bool, id [16]byte, span [8]byte) Head {
	h := Head{TraceID: id, SpanID: span, Flags: w3c.Random}
	if has {
		h.TraceID, h.Parent, h.Flags = parent.TraceID, parent.SpanID, parent.Flags&w3c.Random
		switch {
		case !trusted:
			h.From = Stranger
		case parent.Sampled():
			h.From = Recorded
		default:
			h.From = Discarded
		}
	}
	if t.Sample(h.TraceID, h.From) {
		h.Flags |= w3c.Sampled
	}
	return h
}

// Sample is the decision at the head: a believed parent's, or the share of the config, by the trace's id, so that all who see the
// trace and have the same share decide the same. A nil Tracer has the share 0. May be called concurrently.
func (t *Tracer) Sample(id [16]byte, from Parent) bool {
	switch {
	case from == Recorded:
		return true
	case from == Discarded || t == nil:
		return false
	}
	return t.draw(id, from) < t.sample
}

// Wants is the decision at the end: whether a request is recorded. sampled is the decision at the head, gray whether it was
// assigned to gray, failed whether it is an error of this side (see [Span.Failed]). Until the end a caller need not hold a record,
// if it can fill one then. A nil Tracer wants nothing. May be called concurrently.
func (t *Tracer) Wants(id [16]byte, from Parent, sampled, gray, failed bool) bool {
	return t.reason(id, from, sampled, gray, failed) != ""
}

// Why a request is recorded: the values of gray.sampled_by, by which who counts spans can tell what they stand for.
const (
	byHead  = "head"
	byError = "error"
	byGray  = "gray"
)

func (t *Tracer) reason(id [16]byte, from Parent, sampled, gray, failed bool) string {
	switch {
	case t == nil:
		return ""
	case sampled:
		return byHead
	case failed && t.errors:
		return byError
	case gray && t.draw(id, from) < t.gray:
		return byGray
	}
	return ""
}

// draw gives a number below 2^63 for a trace: the one that the SDK's TraceIDRatioBased has, so that shares agree with those
// of others. A stranger chooses its ids, and could choose them so that all its requests are recorded: its draw
// is by a hash whose key is made anew with each process.
func (t *Tracer) draw(id [16]byte, from Parent) uint64 {
	if from == Stranger {
		return maphash.Comparable(t.seed, id) >> 1
	}
	return binary.BigEndian.Uint64(id[8:]) >> 1
}

// threshold gives the number that share of all draws are below.
func threshold(share float64) uint64 {
	if share >= 1 {
		return 1 << 63
	}
	return uint64(share * (1 << 63))
}
