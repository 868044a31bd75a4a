package admin

import "time"

const (
	// requestTime bounds reading a request: an operator's tool is quick, and a slow one must not pile up.
	requestTime = 5 * time.Second
	// answerTime bounds writing an answer, a page of metrics of some megabytes included.
	answerTime = 10 * time.Second
	// idleTime is how long a connection may wait for its next request.
	idleTime = 30 * time.Second
	// workerTime is how long a goroutine that answers is kept without a connection.
	workerTime = 250 * time.Millisecond
	// changeTime bounds a change: a reload may wait for sources of endpoints and for keys to be read.
	changeTime = 30 * time.Second

	// headBytes bounds a request's head: browsers send a kilobyte or two.
	headBytes = 16 << 10
	// bodyBytes bounds a request's body: the largest is a request that is to be explained, whose head the gateway would
	// take at most a part of.
	bodyBytes = 64 << 10
	// writeBytes is what is gathered of an answer before the kernel is called: a piece of the page of metrics in its frame. With less
	// each piece takes three calls, one of which gives the client two bytes to wake up for.
	writeBytes = 72 << 10
	// maxConnections bounds how many are served at once; with headBytes, bodyBytes and writeBytes it bounds the memory that clients
	// can take to some 20 MB, answers left aside.
	maxConnections = 128

	// acceptGap and acceptBurst, requestGap and requestBurst pace connections and requests, whatever becomes of them: what
	// each costs the kernel and the parser, times this many a second, is a tenth of a core. Consoles, scrapers and probes
	// together come to a tenth of that.
	acceptGap    = time.Second / 1000
	acceptBurst  = 256
	requestGap   = time.Second / 500
	requestBurst = 500
	// backlog bounds the connections that wait to be accepted: a quarter of a second of them, so that after a flood, or in it,
	// the queue is short. Who finds it full is kept waiting by the kernel.
	backlog = 256
	// mostWait bounds how long one is made to wait: less than probes wait. Beyond it maxConnections bounds how many there are.
	mostWait = time.Second / 2

	// heavyAnswers bounds the answers that are made at once where one takes milliseconds or megabytes. The loops have
	// the machine for themselves but for that many.
	heavyAnswers = 2
	// maxScrapes bounds the pages of metrics that are written at once: a pair of Prometheus servers, people beside them, and one
	// that reads slowly.
	maxScrapes = 4
	// heavyWait is how long a request waits for its turn.
	heavyWait = 2 * time.Second
	// allowancePart is the part of one core's time that answers may take in the long run: one in so many.
	allowancePart = 4
	// allowanceBurst is how much they may take at once, on top: a person who clicks about, a scrape of a large page.
	allowanceBurst = 2 * time.Second

	// leastToken and mostToken bound a token, in bytes. 16 random ones cannot be guessed over a network.
	leastToken = 16
	mostToken  = 4096

	// eventRing is how many events are kept for those who come later: an afternoon with a flapping endpoint.
	eventRing = 1024
	// eventRoom is how far the ring may be behind the gateway: pools of thousands of endpoints change in one tick.
	eventRoom = 4096
	// eventBatch bounds the events of one write to a stream.
	eventBatch = 64
	// eventItems bounds the events in one answer of /ui/data.
	eventItems = 100
	// maxStreams bounds those who follow events at once: each takes two goroutines and 10 kB.
	maxStreams = 32
	// heartbeat is how often a stream says that it lives, so that what lies between keeps it open, and a client that is
	// gone is noticed.
	heartbeat = 10 * time.Second
	// streamTime bounds one write to a stream: who does not take it in that long is dropped.
	streamTime = 5 * time.Second

	// pageItems and mostItems bound how many rows an answer has: unless said, and at most.
	pageItems = 100
	mostItems = 1000
	// queryBytes bounds what is searched for.
	queryBytes = 256
	// poolEndpoints bounds the endpoints of a pool in /ui/data, which browsers ask for every second.
	poolEndpoints = 200

	// profileTime bounds a CPU profile; go tool pprof asks for 30 s.
	profileTime = time.Minute
	// traceTime and traceBytes bound an execution trace: a busy gateway makes megabytes of it in a second.
	traceTime  = 5 * time.Second
	traceBytes = 64 << 20

	// assetFiles and assetBytes bound the console's own files.
	assetFiles = 64
	assetBytes = 4 << 20

	// reasonBytes bounds the reason that somebody gives for a change.
	reasonBytes = 256
	// deniedEvery is how often at most refused tokens are logged.
	deniedEvery = time.Second
	// dialTime bounds finding out whether somebody listens on a socket file already.
	dialTime = time.Second
)
