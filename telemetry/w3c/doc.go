// Package w3c reads and writes the header fields that carry a trace from service to service: traceparent and tracestate
// (W3C Trace Context, level 1; of level 2 it knows the random flag and the wider grammar of keys, so that nothing
// is lost between two peers that speak it) and baggage (W3C Baggage).
//
// It is pure: bytes in, bytes out. Nothing is allocated; what is read are views into the caller's bytes.
package w3c
