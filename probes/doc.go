// Package probes asks endpoints for their health before users find out, and watches this machine's own load.
//
// A [Prober] checks each of its targets from time to time by HTTP, TCP or gRPC and reports what it found. Every check has
// one fresh connection, with a whole TLS handshake, so that it finds what a new connection finds; it follows no redirect,
// uses no proxy, and neither reads nor waits beyond its bounds, whatever the endpoint answers.
//
// A [Sampler] looks at CPU, memory and run queue, and says which share of the requests is better refused now.
package probes
