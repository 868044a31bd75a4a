package gateway

import "time"

// Bounds of the data plane that are not config: each with its reason.
const (
	// tick is how often a loop looks at its deadlines; a deadline is met at most two ticks late.
	tick = 100 * time.Millisecond

	// fineTick is the step of a loop's second clock, for what cannot wait for a tick: a hedged attempt after ten
	// milliseconds. It costs nothing while no such deadline is set.
	fineTick = time.Millisecond

	// fineWait is from where on a tick more or less makes no difference.
	fineWait = 10 * tick

	// queuePoll is how often the queues are looked at for room that other loops have made; what their own loop makes is
	// noticed at once.
	queuePoll = 5 * time.Millisecond

	// wheelSlots x tick is one turn of the timer wheel, 51.2 s: most deadlines (10 s to 75 s) are looked at once or
	// twice before they fall due.
	wheelSlots = 512

	// replayBytes is how much of a request is kept for one more attempt, and how much input may wait for a
	// connection to the upstream before the pair leaves the loop.
	replayBytes = 64 << 10

	// pendingBytes is how much a client may send ahead of the answer it waits for (pipelining). gnet cannot stop
	// reading, so beyond this the pair leaves the loop, where the kernel's window does the stopping.
	pendingBytes = 64 << 10

	// tailBytes is how much of the end of an answer may be left to gnet's buffer when the client's socket is full.
	tailBytes = 64 << 10

	// relayBytes is the announced length from which a body goes through a relay at once: it would sooner or later
	// leave the loop anyway, and until then it would take the loop's time from everybody else.
	relayBytes = 1 << 20

	// relayBuffer is the one buffer of a relay's direction, held only while there is something to copy.
	relayBuffer = 32 << 10

	// maxAttempts bounds how many endpoints one request may try: with more of them dead than this, asking further
	// only adds to the wait.
	maxAttempts = 8

	// maxInterim is how many 1xx answers may come before the final one (RFC 9110 15.2 sets no bound; a loop must).
	maxInterim = 16

	// maxIdlePerEndpoint bounds the connections that a loop keeps ready to one endpoint, where the config does not.
	maxIdlePerEndpoint = 1024

	// maxChosenSeries bounds the places for the series of variants that choose pools, by route and variant: 8 MB of
	// pointers. What a config has beyond is counted by route alone.
	maxChosenSeries = 1 << 20

	// tracePatience is how long a tracer that a reload has put aside may take to send what it has: two exports with their retries.
	tracePatience = 10 * time.Second

	// warmPerTick is how many connections ahead of requests a loop begins with each tick: an endpoint that comes back is not
	// met by all of them at once.
	warmPerTick = 8

	// warmAgain is how long a loop opens none to an endpoint after one has failed.
	warmAgain = time.Second

	// maxDialsPerLoop bounds connection attempts under way: more than this means that the upstreams are gone, and
	// an early 503 is better than a queue.
	maxDialsPerLoop = 4096

	// keptBuffer is the largest buffer that goes back to a free list; a larger one was an exception.
	keptBuffer = 16 << 10

	// freeListMax bounds each free list of a loop.
	freeListMax = 1024

	// lingerTime and lingerBytes bound how long and how much a connection is read, and thrown away, after its last
	// answer, so that the answer is not lost to a reset (RFC 9112 9.6).
	lingerTime  = 2 * time.Second
	lingerBytes = 8 << 20

	// drainGrace is how long a connection must have been silent before draining closes it: one that is in use is
	// told by `Connection: close` on its next answer instead, and loses nothing.
	drainGrace = time.Second

	// keepAliveLeast is how long a client's connection lives at least while the machine is strained and answers end connections so that
	// clients go elsewhere: who has nowhere else to go comes back at once, and a connection for each request would cost
	// the machine more than it saves. One a second for each client is little beside what the client asks.
	keepAliveLeast = time.Second

	// maxRetryAfterSeconds bounds what a client is told to wait, as nobody knows the next hour.
	maxRetryAfterSeconds = 3600

	// maxSubscribers bounds who listens to events, and maxSubscriptionRoom how far one may be behind.
	maxSubscribers      = 64
	maxSubscriptionRoom = 4096

	// retryAfterSeconds is what a 503 says in Retry-After: the first back-off of a breaker.
	retryAfterSeconds = "1"

	// findPatience is how long a start or a reload waits for the first answer of new sources of endpoints.
	findPatience = 2 * time.Second

	// openBytes is the room for what one event of a connection with TLS decrypts to: as much as a loop reads at once, and a
	// record that had begun before.
	openBytes = 96 << 10

	// tlsSessions bounds the sessions that are kept of one pool, to be resumed by new connections.
	tlsSessions = 1024

	// tlsLook is how much is read to see that a connection with TLS is quiet, and tlsLooks how often: a ticket has some
	// hundred bytes, and few come at once. A connection that has more to say than that is not used.
	tlsLook  = 8 << 10
	tlsLooks = 4

	// maxTLSTroubles bounds the endpoints whose last failed handshake is remembered, and tlsTroubleAgain is how often the same
	// failure of one is logged.
	maxTLSTroubles  = 1024
	tlsTroubleAgain = 10 * time.Second

	// stopPatience is how long relays may take to notice that they were cut.
	stopPatience = 500 * time.Millisecond

	// requestIDMax is the longest X-Request-Id taken over from a trusted proxy.
	requestIDMax = 128
)
