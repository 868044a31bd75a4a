package trace

import "time"

// The bounds of the package, each with its reason. Lengths are in bytes.
const (
	// queueSpans bounds the records that wait for the goroutine that makes spans of them: about 3 MB. At 1 % of 100,000
	// requests a second it holds one second.
	queueSpans = 1024

	// queueMoment is how long that goroutine waits for more of them, unless the queue is half full before: to be woken costs as
	// much as a span does.
	queueMoment = 200 * time.Millisecond

	// batchSpans is how many spans go out together, and how many more wait for it: with texts as long as they may be, a
	// batch is 1.5 MB, below the 4 MB that collectors read at most.
	batchSpans = 512
	// batchDelay is how long a span waits for others: an operator sees it within this and the collector's own delay.
	batchDelay = time.Second

	// pauseAfterFailure is how long nothing is exported after a batch was lost: a collector that refuses at once would
	// otherwise have the gateway make spans for nothing at full speed.
	pauseAfterFailure = time.Second
	// retryFirst and retryMost are the pauses within the time-out of one export, for failures that the protocol calls transient.
	retryFirst = 200 * time.Millisecond
	retryMost  = 2 * time.Second
	// defaultTimeout is how long one export may take, retries included: the OTLP exporters' own default is 10 s, in which the
	// queue would be full whatever its length.
	defaultTimeout = 5 * time.Second
	// logEvery is the least time between two lines of the log about a collector that comes and goes.
	logEvery = time.Minute

	// answerBytes bounds what is read of a collector's answer, which is a few bytes, or an error's text.
	answerBytes = 64 << 10
	// errorBytes is how much of an error's text is logged: it may hold what the collector said.
	errorBytes = 300

	// The texts of a record that clients choose; longer ones are cut off. A target is longest in attacks, and its
	// beginning tells the resource; a host name has 253 bytes; a tracestate is kept by w3c in 512.
	methodBytes      = 32
	targetBytes      = 1024
	hostBytes        = 261 // with a port
	agentBytes       = 192
	stateBytes       = 512
	experimentsBytes = 256

	// maxRetries is how many retries of a request are told one by one; it is as many endpoints as a request may try.
	maxRetries = 8
)
