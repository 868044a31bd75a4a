// Package config turns a YAML file into what the gateway runs by, in three steps that share no type:
//
//	File      what was written, with the place of every value     decode
//	Plan      defaults filled in, checked, immutable, printable   fill, check
//	Snapshot  routes, rules and pools, compiled                   Build
//
// Nothing unknown, misspelt or out of range gets past the second step, and all that is wrong with a file is
// told at once, each mistake with its place and its cure (see [Errors]).
package config

import (
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"graygate/limiter"
	"graygate/match"
	"graygate/probes"
	"graygate/upstream"
)

// Plan is a whole config: every default filled in, every name resolved, every value in range. It is made by
// [Parse] and [Read] only, is never changed afterwards, and may be read from any goroutine.
type Plan struct {
	Listeners      []Listener // at least one
	Admin          Admin
	Loops          int // event loops; 0 is one per core
	AccessLog      AccessLog
	Tracing        *Tracing // nil is off
	Limits         Limits
	Timeouts       Timeouts
	DrainTimeout   time.Duration    // how long a stopping gateway waits for what is in flight
	PIDFile        string           // "" is none
	Zone           string           // where this gateway stands; "" is nowhere
	Overload       *probes.Overload // when requests are shed; nil is never
	Metrics        bool             // requests are counted by route, rule and experiment
	TrustedProxies []netip.Prefix   // peers whose X-Forwarded-For and the like are believed; masked, IPv4 never as IPv6
	Attributes     []Attribute      // as declared, in the order of the file; the built-in ones are not among them
	Upstreams      []Upstream       // in the order of the file
	Routes         []PlanRoute      // at least one, in the order of the file

	Geo           Geo
	Audiences     []Audience // in the order of the file, as all that follow
	Layers        []Layer
	Holdouts      []Holdout
	MetadataTypes []MetadataType
	Experiments   []Experiment // those in force: one for every tenant and name that has one of its own
	Assignments   Assignments
	Issued        []Issued // in the order of their attributes
}

// Listener is one address that takes clients.
type Listener struct {
	Address        string // host:port; an empty host is every address
	MaxConnections int    // at once; 0 is what the limit of open files allows
}

// Admin is where the admin API answers, and whom.
type Admin struct {
	Address   string      // host:port, or unix: and the absolute path of a socket file; "" is off
	TokenFile string      // path of the file that holds the token; "" is none: then nothing can be changed
	Mode      fs.FileMode // permissions of the socket file; 0 if there is none
}

// Socket is the path of the socket file; false: the address is none.
func (a *Admin) Socket() (string, bool) { return strings.CutPrefix(a.Address, unixPrefix) }

// AccessLog is where requests are recorded, how, and which.
type AccessLog struct {
	To         string   // "off", "stdout", "stderr", "journald", or the path of a file
	Format     string   // one of telemetry's; "" when To is "off"
	Fields     []string // of [telemetry.AccessFields]; nil when Format is combined, or To is "off"
	Sample     string   // "all", "errors", or a percentage such as "1%"; "all" when To is "off"
	SampleRate float64  // the share of requests without an error that is recorded: 1 for all, 0 for errors, 0.01 for 1%
}

// Tracing is where spans go and of which requests. At least one of Sample, Gray and Errors is on.
type Tracing struct {
	Endpoint    string            // http, https, grpc or grpcs://HOST:PORT
	Sample      uint32            // parts per million of the traces that begin here; 0 is off
	Gray        uint32            // of the gray requests, whatever was decided at the beginning; 0 is off
	Errors      bool              // every request that failed
	ServiceName string            // not empty
	Headers     map[string]string // that go with every export, secrets among them; nil is none
	CAFile      string            // absolute; "" is the system's authorities
	Timeout     time.Duration     // of one export, above zero
}

// Limits bounds one request.
type Limits struct {
	HeadSize  int   // bytes of a head, its final empty line included
	HeadCount int   // fields of a head
	BodySize  int64 // bytes of a body; -1 is off
}

// Timeouts bounds waiting. All are above zero.
type Timeouts struct {
	Head         time.Duration // for a whole request head, from its first byte
	Idle         time.Duration // for the next request on a connection kept alive
	Connect      time.Duration // for one connection attempt to an endpoint
	ResponseHead time.Duration // for the head of the answer, from the end of the request
	Body         time.Duration // between two pieces of a body, either way
	UpstreamIdle time.Duration // for how long an idle connection to an endpoint is kept
	Tunnel       time.Duration // for how long an upgraded connection may be silent both ways
}

// Attribute is a named value of a request, beside the built-in ones.
type Attribute = match.Attribute

// Upstream is one pool.
type Upstream struct {
	Pool     upstream.PoolConfig // its TLS is not opened: see [Snapshot]
	Probe    *probes.Check       // how its endpoints are asked for their health, its TLS nil; nil: not at all
	ProbeTLS *upstream.TLS       // how checks connect, not opened; nil: plain
}

// Fallback says where a request goes when the pool that it was assigned to cannot serve.
type Fallback uint8

// The kinds of fallback.
const (
	FallbackGray Fallback = iota // from any other pool to the route's stable one
	FallbackOff                  // nowhere
	FallbackBoth                 // from stable to gray, too
)

// PlanRoute is a host and a path prefix, and where their requests go.
type PlanRoute struct {
	Name   string
	Tenant string     // it is for requests of this tenant only; "" is any
	Host   string     // lower-case, without port; "" is any
	Path   string     // "/", or whole segments without a slash at the end
	Stable string     // a pool
	Gray   string     // a pool, or "" if none
	Rules  []PlanRule // the first that matches wins; may be empty

	Fallback    Fallback
	RateLimit   *limiter.RateLimit   // nil is none
	Concurrency *limiter.Concurrency // nil is none
}

// PlanRule sends those requests to a pool that meet its condition and fall into its share. At least one of When and
// HasPercent is there.
type PlanRule struct {
	Name       string
	When       string // a condition, without space round it; "" is always
	HasPercent bool
	PPM        uint32 // parts per million; 0 unless HasPercent
	By         string // the attribute whose value is hashed, or "request"; "" unless HasPercent
	Salt       string // the rule's name unless written; "" unless a value is hashed
	To         string // a pool
}

// ByRequest is the unit of a rule whose share is counted in requests rather than in hashed values.
const ByRequest = "request"
