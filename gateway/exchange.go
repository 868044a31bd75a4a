package gateway

import (
	"sync/atomic"
	"time"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/upstream"
)

// exchange is one request and its answer. It belongs to one loop, or, once it has left, to one relay; the two
// never touch it at the same time. It holds no I/O: what is to be written stands in out (to the upstream), or is
// handed back by answer (to the client).
type exchange struct {
	g        *Gateway
	snap     *config.Snapshot // read once, when the head was complete; kept to the end
	listener *listener        // where the client came in

	// The decision.
	route    *config.Route
	rule     string         // what chose the pool: a rule's name, EXPERIMENT=VARIANT, or "" for the route itself
	gray     bool           // as assigned; a fallback does not change it
	pool     *upstream.Pool // where it is being sent
	fallback bool
	force    bool // pool is the last resort: a doubtful endpoint is better than none

	// The request.
	out        []byte // head and body as they go upstream; out[:sent] was written and is kept to be replayed
	sent       int
	tagAt      int  // where the X-Gray-Tag line begins in out
	whole      bool // out still begins with the head: the request can be sent again
	written    bool // a byte of it was written to some upstream
	method     http1.Method
	minor      uint8 // the client's HTTP version 1.minor
	body       http1.Body
	bodyFrame  http1.Framing // as it goes upstream
	bodyLength int64
	bodyIn     int64
	arrived    atomic.Bool // all of the request has come in; in a relay both directions ask
	bodyLimit  int64       // -1: none
	upgrade    bool

	// Attempts.
	tried    [maxAttempts]*upstream.Endpoint
	attempts int  // endpoints of pool that were tried
	asked    int  // endpoints that were tried in all
	fresh    bool // the connection in use was made for this request
	anew     bool // the next one must be

	// The answer.
	phase       answerPhase
	scan        http1.Scanner
	answerBody  http1.Body
	answerFrame http1.Framing // as it goes to the client
	status      int
	interim     int
	begun       bool // a byte of the final answer was written to the client
	keepUp      bool // the upstream's connection may be used again
	closeDown   bool // the client's connection ends with this answer
	bytesOut    int64
	fault       *Fault
	cut         bool
	cookies     []byte // Set-Cookie lines that the final answer takes along; see appendCookies

	// For the access log; meta holds method, target, host, request id and assignments one after the other.
	began      time.Time
	meta       []byte
	metaMethod int
	metaTarget int
	metaHost   int
	metaID     int
	client     string
	askedClose bool // the client said that it closes after this answer
	leave      bool // the pair leaves the loop when the event at hand is over
	d          *downstream
	u          *upstreamConn // bound
	dialing    *upstreamConn // being made for it
}

type answerPhase uint8

const (
	awaitHead answerPhase = iota
	inBody
	answered
	switched // 101: the connections are a tunnel now
)

// reset empties the exchange for its next request and keeps its buffers.
func (ex *exchange) reset() {
	out, meta, cookies, body, answerBody := ex.out, ex.meta, ex.cookies, ex.body, ex.answerBody
	if cap(out) > keptBuffer {
		out = nil
	}
	if cap(meta) > keptBuffer {
		meta = nil
	}
	*ex = exchange{g: ex.g, out: out[:0], meta: meta[:0], cookies: cookies[:0], body: body, answerBody: answerBody}
}

// next gives the endpoint for the next attempt and notes it as tried: of the pool that was decided on, then, where
// that is not the route's stable pool, of the stable one (a fallback). nil: nobody is left to ask.
// start is where in the pool the search begins; now is on the loops' clock.
func (ex *exchange) next(start uint32, now int64) *upstream.Endpoint {
	for {
		if ex.attempts == 0 || ex.pool.Retry && ex.attempts < maxAttempts {
			if e := ex.pool.Pick(start, ex.tried[:ex.attempts], now, ex.force); e != nil {
				ex.tried[ex.attempts] = e
				ex.attempts++
				ex.asked++
				return e
			}
		}
		if ex.pool == ex.route.Stable {
			return nil
		}
		ex.pool, ex.fallback, ex.force = ex.route.Stable, true, true
		ex.attempts = 0
		ex.retag()
	}
}

// again reports whether the request may be sent once more after the connection it was written to has ended without
// an answer: it is still whole here, the connection was one that had been kept (so its end was probably on its way
// already), and to be processed twice would do no harm or cannot be (RFC 9110 9.2.2, RFC 9112 9.3.1).
func (ex *exchange) again() bool {
	return ex.whole && !ex.fresh && ex.pool.Retry && ex.phase == awaitHead && ex.interim == 0 &&
		(!ex.written || ex.method.Idempotent())
}

// rewind prepares the exchange for one more attempt, on a fresh connection: to the same endpoint if need be, since
// it was the connection that failed.
func (ex *exchange) rewind() {
	ex.sent = 0
	ex.scan.Reset()
	ex.anew = true
	ex.attempts--
}

// requestDone reports whether all of the request has come in.
func (ex *exchange) requestDone() bool { return ex.arrived.Load() }

// takeBody moves request body bytes from in, decoded and framed anew, to out, and returns how many bytes of in
// were used. It stops when out holds room unsent bytes.
func (ex *exchange) takeBody(in []byte, room int) (used int, fault *Fault) {
	for !ex.body.Done() && len(ex.out)-ex.sent < room {
		data, n, err := ex.body.Next(in[used:])
		if err != nil {
			return used, clientFault(err)
		}
		if n == 0 {
			break
		}
		used += n
		ex.bodyIn += int64(len(data))
		if ex.bodyLimit >= 0 && ex.bodyIn > ex.bodyLimit {
			return used, faultBodyTooLarge
		}
		if ex.bodyFrame == http1.Chunked {
			ex.out = http1.AppendChunk(ex.out, data)
			if ex.body.Done() {
				ex.out = http1.AppendLastChunk(ex.out, ex.trailers())
			}
		} else {
			ex.out = append(ex.out, data...)
		}
		if ex.body.Done() {
			ex.arrived.Store(true)
		}
	}
	return used, nil
}

// trailers gives those of the request's trailer fields that a client has a say in.
func (ex *exchange) trailers() []http1.Field {
	fields := ex.body.Trailers()
	for i := range fields {
		if f := &fields[i]; ex.snap.Owned.Has(f.Name) {
			f.Hop = true
		}
	}
	return fields
}

// forget drops what was written of out if the request has grown too long to be replayed.
func (ex *exchange) forget() {
	if ex.whole && len(ex.out) > replayBytes {
		ex.whole = false
	}
	if !ex.whole && ex.sent == len(ex.out) {
		ex.out, ex.sent = ex.out[:0], 0
	}
}
