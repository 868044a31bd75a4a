package upstream

import (
	"crypto/tls"
	"time"

	"graygate/breaker"
)

// PoolConfig is what one pool is made from. Shares are in parts per million.
type PoolConfig struct {
	Name      string
	Endpoints []EndpointConfig // the static ones, without two of one address
	Sources   []SourceConfig   // where further ones are found
	Balance   Balance
	SlowStart time.Duration // how long an endpoint that comes back takes to its full weight; 0: none
	Panic     uint32        // fewer healthy ones than this share: spread over all; 0: never
	Limits    Limits
	TLS       *TLS                     // nil: plain
	Retry     Retry                    // Attempts 1: off
	Breaker   *breaker.Settings        // of the pool and of each endpoint; nil: off
	Outlier   *breaker.OutlierSettings // nil: off
	Probed    bool                     // whether active checks report on its endpoints

	ConnectTimeout time.Duration // for one connection attempt, TLS handshake included
}

// EndpointConfig is one address of a pool.
type EndpointConfig struct {
	Address  string // host:port
	Host     string // the name that it was found by, which its certificate has to be for; "": the host of Address
	Weight   int    // 1 to 1000; 0 drains: it is kept, and gets no requests
	Zone     string // "" is none
	Priority int    // 0 is asked first; the next only when too few of those before can be asked
	Labels   map[string]string
}

// SourceConfig is one place where endpoints are found while the gateway runs.
type SourceConfig struct {
	Kind   SourceKind
	Name   string        // host:port for A and AAAA, a service name for SRV, a path for a file
	MinTTL time.Duration // bounds of what the DNS says; unused for files
	MaxTTL time.Duration
	Server string         // host:port of the DNS server; "" is the system's
	Like   EndpointConfig // weight, zone, priority and labels of those it finds; Address and Host are unused
}

// SourceKind is how a source is asked.
type SourceKind uint8

// The kinds of sources.
const (
	DNS  SourceKind = iota // every A and AAAA record of a name, all with one port
	SRV                    // SRV records: port, weight and priority come with each
	File                   // a watched file of endpoints
)

// Balance is how endpoints are chosen among those that can be asked.
type Balance struct {
	Kind BalanceKind
	Key  string // the attribute that consistent hashes; "" for the others
	Load uint32 // consistent: no endpoint gets more than this share of the mean load, ppm, at least 1,000,000; 0: unbounded
	Zone bool   // prefer endpoints in the gateway's own zone, as long as enough of them can be asked
}

// BalanceKind is a way of choosing.
type BalanceKind uint8

// The ways of choosing.
const (
	P2C          BalanceKind = iota // the better of two random ones, by peak-EWMA latency x requests in flight
	RoundRobin                      // smooth weighted
	LeastRequest                    // fewest in flight for its weight
	Random                          // weighted
	Consistent                      // Maglev table over Key, bounded load
)

// Limits bound what one endpoint is burdened with. 0 is no bound.
type Limits struct {
	Connections  int           // to one endpoint, over all loops
	InFlight     int           // requests in flight to one endpoint, over all loops
	Queue        int           // requests of the pool that may wait for one of its endpoints; 0: none waits
	QueueTimeout time.Duration // how long each may wait
	Idle         int           // connections kept to one endpoint by each loop
	Requests     int           // on one connection before it is closed
	Age          time.Duration // of a connection before it is closed
	Warm         int           // connections to each endpoint that each loop opens ahead of requests
}

// TLS is how endpoints are connected to.
type TLS struct {
	Verify     bool
	ServerName string // for SNI and verification; "" is that of each endpoint
	CAFile     string // "" is the system's
	CertFile   string // of the client; "" is none
	KeyFile    string
	Config     *tls.Config // what Open makes of the above; nil before
}

// Retry says when a request is sent once more. Never when something of an answer has gone to the client, never to
// an endpoint that it was sent to before, and never when it cannot do without being processed twice.
type Retry struct {
	Attempts      int           // in all, the first included
	Budget        uint32        // retries as a share of requests in the last ten seconds, ppm
	PerTryTimeout time.Duration // until the head of the answer; 0: only the route's time-outs
	On            RetryOn
	HedgeAfter    time.Duration // a second attempt beside the first after this; 0: none
	HedgeP95      bool          // after the pool's own 95th percentile instead
}

// RetryOn is a set of reasons.
type RetryOn uint16

// The reasons for a retry.
const (
	OnConnect RetryOn = 1 << iota // no connection; nothing was sent
	OnReset                       // the connection ended before the answer began
	OnTimeout                     // the per-try time-out passed
	On500
	On502
	On503
	On504
	On429
)
