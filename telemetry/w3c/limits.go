package w3c

// The limits of the package. All lengths are in bytes.
const (
	// traceparentBytes is the length of a traceparent of version 00: 2 + 32 + 16 + 2 digits and three hyphens.
	traceparentBytes = 55

	// maxStateMembers is how many members a tracestate may have (Trace Context, list); one with more is invalid.
	maxStateMembers = 32
	// maxStateBytes is how much of a tracestate is passed on: what the specification asks for at least (tracestate Limits). More would
	// let a client fill the heads that upstreams get.
	maxStateBytes = 512
	// maxStateText is the longest key and the longest value (Key, Value).
	maxStateText = 256
	// longStateMember is the length above which a member is the first to go when the tracestate is too long (tracestate Limits).
	longStateMember = 128

	// maxBaggageMembers and maxBaggageBytes are how much baggage is passed on: what the specification asks for at least
	// (Baggage, Limits), and what the OpenTelemetry libraries behind us read at most.
	maxBaggageMembers = 64
	maxBaggageBytes   = 8192
)
