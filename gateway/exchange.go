package gateway

import (
	"sync/atomic"
	"time"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/limiter"
	"graygate/telemetry/meter"
	"graygate/telemetry/trace"
	"graygate/upstream"
)

// exchange is one request and its answer. It belongs to one loop, or, once it has left, to one relay; the two
// never touch it at the same time. It holds no I/O: what is to be written stands in out (to the upstream), or is
// handed back by answer (to the client).
type exchange struct {
	g *Gateway

	// What is used again by the next request.
	out        []byte // head and body as they go upstream; out[:sent] was written and is kept to be replayed
	notes      notes
	failed     []failedAttempt
	judged     []judged
	cookies    []byte // Set-Cookie lines that the final answer takes along; see appendCookies
	body       http1.Body
	answerBody http1.Body
	patience   timer // of the attempt: the per-try time-out; or of the queue
	hurry      timer // until a hedged attempt

	passing
}

// passing is what an exchange knows of the request at hand: all that is cleared for the next one.
type passing struct {
	snap     *config.Snapshot // read once, when the head was complete; kept to the end
	listener *listener        // where the client came in

	// The decision.
	route    *config.Route
	rule     string         // what chose the pool: a rule's name, EXPERIMENT=VARIANT, or "" for the route itself
	gray     bool           // as assigned; a fallback does not change it
	pool     *upstream.Pool // where it is being sent
	spare    *upstream.Pool // where it goes if pool cannot serve; nil: nowhere (any more), then a doubtful endpoint is better than none
	key      hashed         // what pool is balanced by
	spareKey hashed         // what spare is
	fallback bool           // it was sent to spare

	// The limits that it is under.
	policy     *policy // of the route
	slot       limiter.Slot
	limited    string // the RateLimit-Policy that it has broken
	retryAfter int    // seconds, for Retry-After; 0: not known

	// The request.
	sent       int  // bytes of out
	tagAt      int  // where the X-Gray-Tag line begins in out
	whole      bool // out still begins with the head: the request can be sent again
	written    bool // a byte of it was written to some upstream
	method     http1.Method
	minor      uint8         // the client's HTTP version 1.minor
	bodyFrame  http1.Framing // as it goes upstream
	bodyLength int64
	bodyIn     int64
	bytesIn    int64       // head and body as the client has sent them
	arrived    atomic.Bool // all of the request has come in; in a relay both directions ask
	bodyLimit  int64       // -1: none
	upgrade    bool
	settledIn  bool // the client's connection was open for keepAliveLeast when the request came
	unlogged   bool // there was no access log when it came: one that a reload has made since knows nothing of it

	// Attempts. The one at hand is embedded.
	attempt
	hedge     attempt // one beside it, of which the first to answer wins
	hedged    bool    // there was one
	tried     [maxAttempts]*upstream.Endpoint
	attempts  int            // endpoints of pool that were tried
	strikes   int            // those of them that failed after something was sent
	counted   *upstream.Pool // the pool that has counted the request
	asked     int            // endpoints that were tried in all
	fresh     bool           // the connection in use was made for this request
	anew      bool           // the next one must be
	settled   bool           // whatever the answer is, it is passed on
	waits     *waiting       // the queue that it stands in, nil for none
	waitsFrom int64          // since when it waits, in a queue or in a relay, on the precise clock; 0: it does not
	before    *exchange
	behind    *exchange

	// The answer.
	phase       answerPhase
	scan        http1.Scanner
	answerFrame http1.Framing // as it goes to the client
	status      int
	interim     int
	begun       bool // a byte of the final answer was written to the client
	keepUp      bool // the upstream's connection may be used again
	closeDown   bool // the client's connection ends with this answer
	bytesOut    int64
	headOut     int64 // those of them that are heads
	fault       *Fault
	cut         bool

	loop      int          // where it was begun
	askedAt   int64        // when the first attempt began, on the precise clock; 0: none has
	arrivedAt int64        // when its head was complete, on the precise clock
	headAt    int64        // when the final answer's head was
	tardy     bool         // its body came later than its head
	wholeAt   atomic.Int64 // then, when all of it had come; a relay's upload tells its download
	overAt    int64        // when it was over, on the precise clock; 0: that is to be asked yet

	// For metrics, access log and spans.
	began      time.Time
	series     *meter.Series // where it is to be counted; nil: nowhere, or it has been
	span       trace.Head
	traced     bool // its span is ours to tell of
	client     string
	askedClose bool // the client said that it closes after this answer
	leave      bool // the pair leaves the loop when the event at hand is over
	d          *downstream
}

type answerPhase uint8

const (
	awaitHead answerPhase = iota
	inBody
	answered
	switched // 101: the connections are a tunnel now
)

// reset empties the exchange for its next request and keeps its buffers. Its timers stay where they lie in the wheels, without
// a deadline: the next request's will hardly be sooner.
func (ex *exchange) reset() {
	ex.patience.deadline, ex.hurry.deadline = 0, 0
	if ex.out = ex.out[:0]; cap(ex.out) > keptBuffer {
		ex.out = nil
	}
	ex.notes.empty()
	clear(ex.failed) // what it names may be gone soon
	clear(ex.judged)
	ex.failed, ex.judged = ex.failed[:0], ex.judged[:0]
	ex.cookies = ex.cookies[:0]
	ex.passing = passing{}
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
		ex.bytesIn += int64(n)
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
