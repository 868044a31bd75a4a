package gateway

import "graygate/gateway/http1"

// Fault is why a request was not answered by its upstream, or not wholly. Faults are predeclared and compared by
// pointer; the code is the same word in the access log, in X-Graygate-Error and in metrics.
type Fault struct {
	Status int    // what the client gets if nothing was sent to it yet
	Code   string // stable, snake_case
	Side   string // whose fault: client, upstream, gateway
	Detail string // one sentence for the body of the answer
}

// ends reports whether the client's connection is not to be used after this fault: what the client sent was wrong, and
// what it sends next may be, too. A path that leads nowhere is not wrong, nor is one request too many.
func (f *Fault) ends() bool {
	return f.Side == "client" && f != faultNoRoute && f != faultRateLimited
}

func (f *Fault) Error() string { return f.Code + ": " + f.Detail }

// The faults of the gateway itself; those of a client's bytes are http1's (see [clientFault]).
var (
	faultNoRoute           = &Fault{404, "no_route", "client", "no route for this host and path"}
	faultHeadTimeout       = &Fault{408, "head_timeout", "client", "the request's head took too long"}
	faultBodyTimeout       = &Fault{408, "body_timeout", "client", "the request's body stopped arriving"}
	faultBodyTooLarge      = &Fault{413, "body_too_large", "client", "the request's body is longer than allowed"}
	faultBadUpgrade        = &Fault{400, "bad_upgrade", "client", "a WebSocket handshake without Sec-WebSocket-Key"}
	faultClientGone        = &Fault{499, "client_closed", "client", "the client closed the connection before it was answered"}
	faultTooMany           = &Fault{503, "too_many_connections", "gateway", "this listener has all the connections it may have"}
	faultTooManyDials      = &Fault{503, "too_many_dials", "gateway", "too many connection attempts under way"}
	faultNoEndpoint        = &Fault{503, "no_endpoint", "upstream", "no endpoint of the pool takes connections"}
	faultOpen              = &Fault{503, "breaker_open", "upstream", "the pool's breakers are open"}
	faultFull              = &Fault{503, "endpoints_full", "upstream", "every endpoint of the pool is as busy as it may be"}
	faultQueueTimeout      = &Fault{503, "queue_timeout", "upstream", "every endpoint of the pool stayed as busy as it may be"}
	faultTryTimeout        = &Fault{504, "try_timeout", "upstream", "the upstream did not answer within the time for one attempt"}
	faultOverload          = &Fault{503, "overload", "gateway", "this gateway is saturated"}
	faultRateLimited       = &Fault{429, "rate_limited", "client", "too many requests"}
	faultConcurrency       = &Fault{503, "too_many_requests_in_flight", "gateway", "as many requests as may be are in flight already"}
	faultUpstreamClosed    = &Fault{502, "upstream_closed", "upstream", "the upstream closed the connection before it answered"}
	faultUpstreamTruncated = &Fault{502, "upstream_truncated", "upstream", "the upstream's answer broke off"}
	faultUpstreamTLS       = &Fault{502, "upstream_tls", "upstream", "the upstream's TLS broke, or it refused ours"}
	faultUpstreamAnswer    = &Fault{502, "upstream_bad_status_line", "upstream", "the upstream's answer has no valid first line"}
	faultUpstreamExcess    = &Fault{502, "upstream_excess", "upstream", "the upstream sent more than it announced"}
	faultUpstreamSwitch    = &Fault{502, "upstream_switched", "upstream", "the upstream changed the protocol without being asked"}
	faultUpstreamInterim   = &Fault{502, "upstream_interim", "upstream", "the upstream sent too many interim answers"}
	faultUpstreamTimeout   = &Fault{504, "upstream_timeout", "upstream", "the upstream did not answer in time"}
	faultUpstreamStalled   = &Fault{504, "upstream_stalled", "upstream", "the upstream's answer stopped arriving"}
	faultSlowClient        = &Fault{408, "client_stalled", "client", "the client stopped reading the answer"}
	faultShutdown          = &Fault{503, "shutdown", "gateway", "the gateway ended before the answer did"}
	faultPanic             = &Fault{500, "panic", "gateway", "an error inside the gateway"}
)

// clientFaults and upstreamFaults are the faults of those whose bytes the codec refused, by its errors.
var clientFaults, upstreamFaults = codecFaults()

func codecFaults() (client, upstream map[*http1.Error]*Fault) {
	client, upstream = map[*http1.Error]*Fault{}, map[*http1.Error]*Fault{}
	for _, e := range http1.Errors() {
		client[e] = &Fault{e.Status, e.Code, "client", e.Detail}
		upstream[e.Upstream()] = &Fault{502, "upstream_" + e.Code, "upstream", e.Detail}
	}
	return client, upstream
}

// clientFault is the fault of a client whose bytes the codec refused.
func clientFault(e *http1.Error) *Fault { return clientFaults[e] }

// upstreamFault is the fault of an upstream whose bytes the codec refused: always 502, whatever it would be in a request.
func upstreamFault(e *http1.Error) *Fault {
	if f := upstreamFaults[e.Upstream()]; f != nil {
		return f
	}
	return faultUpstreamAnswer // what only an answer can get wrong: its first line
}
