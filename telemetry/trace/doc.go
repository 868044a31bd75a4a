// Package trace makes a span of every request that is to be seen in a tracing system, and sends the spans to an OpenTelemetry
// collector (OTLP over gRPC or HTTP).
//
// The way of a span: who serves the request takes a record with [Tracer.Take], fills it, and gives it back with [Tracer.Put], which
// decides whether it is kept. What is kept goes through a bounded queue to one goroutine, which makes a span of the
// OpenTelemetry SDK of it; the SDK's batch processor exports. Nothing before the queue allocates, blocks or asks for the
// time. Nothing after it grows: each stage waits for the next one, so a collector that is slow or gone fills the queue,
// and from then on records are dropped and counted.
package trace
