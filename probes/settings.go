package probes

import (
	"crypto/tls"
	"regexp"
	"time"
)

// Check is how the endpoints of one pool are asked. Immutable once in use. Exactly one of HTTP, TCP and GRPC is set.
type Check struct {
	HTTP *HTTP
	TCP  *TCP
	GRPC *GRPC
	TLS  *tls.Config // nil: plain; without a ServerName the certificate has to be for the endpoint's host
	Port int         // asked instead of the endpoint's own; 0: that

	Interval  time.Duration // from the start of one check of a healthy endpoint to that of the next, +- Jitter
	Unhealthy time.Duration // the same for one that is not healthy, or is still but failed its last check (then the shorter of the two)
	Jitter    uint32        // share of the interval, ppm
	Timeout   time.Duration // for one check, connecting included
	Rise      int           // successes in a row until it is healthy
	Fall      int           // failures in a row until it is not; the first check of all decides by itself
}

// HTTP is a check by a request.
type HTTP struct {
	Method  string
	Path    string
	Host    string            // "" is the endpoint's address
	Headers map[string]string // further fields
	Status  []StatusRange     // what is expected
	Body    *regexp.Regexp    // looked for in the first MaxBodyBytes; nil: anything, the body is not read
}

// StatusRange is a range of status codes, both ends included.
type StatusRange struct{ From, To int }

// TCP is a check by a connection.
type TCP struct {
	Send   []byte // nil: nothing is sent
	Expect []byte // what the first MaxAnswerBytes of the answer have to contain; nil: the connection is enough
}

// GRPC is a check by grpc.health.v1.Health/Check.
type GRPC struct{ Service string }

// Overload says when this machine is saturated, by /proc and its control groups every 100 ms; see [Sampler]. Immutable
// once in use; 0 leaves one out.
type Overload struct {
	CPU      uint32  // share in use of the cores that this process may run on, or of its quota if that is fuller, ppm
	Memory   uint32  // share in use of the machine's memory, or of the control group's bound if that is fuller, ppm
	RunQueue float64 // tasks of the whole machine that run or wait to, per core
}
