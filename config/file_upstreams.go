package config

import (
	"regexp"
	"time"

	"graygate/probes"
	"graygate/upstream"
)

// FileOverload is overload. Shares are in parts per million, here and in all that follows; 0 is the word off.
type FileOverload struct {
	Off         bool
	CPU, Memory Field[uint32]
	RunQueue    Field[float64]
}

// FileUpstream is an entry of upstreams.
type FileUpstream struct {
	Name           Field[string]
	Endpoints      Field[[]FileEndpoint]
	Balance        Field[FileBalance]
	ZonePreference Field[bool]
	SlowStart      Field[time.Duration] // 0 is off
	Panic          Field[uint32]
	Connections    Field[FileConnections]
	TLS            FileTLS
	Breaker        FileBreaker
	Outlier        FileOutlier
	Retry          FileRetry
	Probe          FileProbe
}

// FileEndpoint is an entry of endpoints: one address, or a source of them. A lone text is an address.
type FileEndpoint struct {
	At                      Pos
	Address, DNS, SRV, File Field[string]
	Weight, Priority        Field[int]
	Zone                    Field[string]
	Labels                  Field[[]FileLabel]
	MinTTL, MaxTTL          Field[time.Duration]
	Server                  Field[string]
}

// FileLabel is an entry of labels.
type FileLabel struct{ Name, Value Field[string] }

// FileBalance is balance; a lone word is By.
type FileBalance struct {
	By   Field[upstream.BalanceKind]
	Key  Field[string]
	Load Field[uint32]
}

// FileConnections is connections; 0 is off.
type FileConnections struct {
	Max, InFlight, Queue, Idle, Requests, Warm Field[int]
	QueueTimeout, Age                          Field[time.Duration]
}

// FileTLS is tls of an upstream or of its probe. What is written as a mapping is on.
type FileTLS struct {
	On                                    Field[bool]
	ServerName, CAFile, CertFile, KeyFile Field[string]
	Verify                                Field[bool]
}

// FileBreaker is breaker. What is written as a mapping is on.
type FileBreaker struct {
	On                                      Field[bool]
	Window, Slow, Open, MaxOpen             Field[time.Duration] // Slow 0 is off
	Calls, MinRequests, Consecutive, Trials Field[int]           // Calls and Consecutive 0 are off
	Failures, SlowShare                     Field[uint32]
}

// FileOutlier is outlier. What is written as a mapping is on.
type FileOutlier struct {
	On, SuccessRate                    Field[bool]
	Consecutive, MinHosts, MinRequests Field[int] // Consecutive 0 is off
	Deviations                         Field[float64]
	Interval, Ejection, MaxEjection    Field[time.Duration]
	MaxEjected                         Field[uint32]
}

// FileRetry is retry. What is written as a mapping is on.
type FileRetry struct {
	On            Field[bool]
	Attempts      Field[int]
	Budget        Field[uint32]
	PerTryTimeout Field[time.Duration] // 0 is off
	Reasons       Field[[]Field[upstream.RetryOn]]
	HedgeAfter    Field[FileHedge]
}

// FileHedge is hedge_after: a time, or P95; neither is off.
type FileHedge struct {
	After time.Duration
	P95   bool
}

// FileProbe is probe. What is written as a mapping is on.
type FileProbe struct {
	On   Field[bool]
	HTTP Field[FileHTTP]
	TCP  Field[FileTCP]
	GRPC Field[string]

	Port                         Field[int]
	TLS                          FileTLS
	Interval, Unhealthy, Timeout Field[time.Duration]
	Jitter                       Field[uint32]
	Rise, Fall                   Field[int]
}

// FileHTTP is http of a probe; a lone text is Path.
type FileHTTP struct {
	Path, Method, Host Field[string]
	Headers            Field[[]FileHeader]
	Status             Field[[]Field[probes.StatusRange]]
	Body               Field[*regexp.Regexp]
}

// FileTCP is tcp of a probe; the word connect leaves both out.
type FileTCP struct {
	Connect      bool
	Send, Expect Field[string]
}

// FileRateLimit is rate_limit of a route.
type FileRateLimit struct {
	Off   bool
	Rate  Field[float64] // a second
	Burst Field[int]
	By    Field[string]
}

// FileConcurrency is concurrency of a route.
type FileConcurrency struct {
	Off   bool
	Limit Field[int] // 0 is auto
	Max   Field[int]
	By    Field[string]
}
