package probes

import "time"

// The bounds of what checks cost, each with its reason.
const (
	// MaxChecks bounds the checks under way at once, so descriptors and memory too: about 30 KiB each with the buffers of
	// HTTP, 60 KiB with gRPC. Endpoints that answer need few: 4096 that take 1 ms each are, every 5 s, one at a time.
	MaxChecks = 1024
	// filesPerCheck is how many of the descriptors that the process may have open stand against each check at once, and minChecks
	// how many there may be in any case.
	filesPerCheck = 8
	minChecks     = 16
	// poolPart is which part of the checks at once one pool may have, so that a pool whose endpoints all hang does not
	// delay the others' checks. 4096 endpoints that hang for 1 s each are still got through in 8 s.
	poolPart = 2
	// firstGap lies between the first checks of targets that come at once: 4096 of them are begun within 2 s and not in
	// one burst which takes the CPU from the requests.
	firstGap = 500 * time.Microsecond
	// MinInterval is the least time from one check of a target to its next: less only costs the endpoint.
	MinInterval = 10 * time.Millisecond
	// MinTimeout is below what any timer here resolves.
	MinTimeout = time.Millisecond

	// MaxHeadBytes bounds the head of an HTTP answer. Health checks answer with some hundred bytes.
	MaxHeadBytes = 16 << 10
	// MaxBodyBytes is how much of an HTTP body an expression is tried on; the rest is not read.
	MaxBodyBytes = 64 << 10
	// MaxAnswerBytes is in how much of a TCP answer the expected bytes have to come.
	MaxAnswerBytes = 16 << 10
	// maxReadBytes bounds all that is read from the socket for one check: head, body with its framing, TLS records with
	// certificates, frames of HTTP/2. Twice of what the parts above may take.
	maxReadBytes = 256 << 10
	// maxMessageBytes bounds a gRPC message; an answer of the health service has two bytes.
	maxMessageBytes = 4 << 10
	// maxName bounds what is quoted in a reason, in bytes.
	maxName = 64
)

// The bounds of the sampler.
const (
	// SampleInterval is how often the machine is looked at: overload is met before the queues are full, and a sample
	// takes some ten microseconds.
	SampleInterval = 100 * time.Millisecond
	// slowSamples is how many samples go by until bounds, quotas and the part of the page cache are read again: they change
	// seldom, and memory.stat costs the kernel most.
	slowSamples = 10
	// maxFileBytes bounds what is read of a file of /proc or of a control group. A line of /proc/stat has at most 200
	// bytes a core, and those of the cores come first.
	maxFileBytes = 64 << 10
	// maxLevels bounds the control groups looked at, from ours to the root.
	maxLevels = 8
	// MaxShed bounds the share of requests refused, ppm: some must get through even if the load is not theirs, so
	// that a machine whose load others make does not fall silent.
	MaxShed = 950_000
)
