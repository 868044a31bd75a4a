// Package http1 is the sans-IO codec for HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112): it finds the end of a
// head, parses request and response heads, decodes and encodes bodies. It owns no socket, no clock and no log.
//
// The order of use, for either direction:
//
//	Scanner.Scan   until the head is whole       (resumable, never looks at a byte twice)
//	ParseRequest   or ParseResponse              (views into the head, nothing copied)
//	Body.Reset     with the Framing and Length that the head announced
//	Body.Next      until Body.Done               (views into the input)
//
// It is stricter than RFC 9112 obliges a server to be: whatever two readers could understand differently is
// refused, never repaired. What it accepts, a gateway must still write anew from the parsed parts; nothing here
// is meant to be passed through as it came.
//
// Bytes. Every []byte handed out is a view into what the caller passed in (Trailers excepted: Body owns those) and is
// valid as long as the caller leaves those bytes alone. Nothing allocates once the reused Fields slices are warm.
//
// Concurrency. No value of this package may be used by two goroutines at once; different values are independent.
package http1
