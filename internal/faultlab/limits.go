package faultlab

import "time"

const (
	// maxClients bounds the connections of one load: more requests than this under way are a collapse, which is counted
	// (see [NotSent]) and need not take all the machine's descriptors with it.
	maxClients = 2000

	// maxRecords bounds the requests of one load that are kept: ten minutes of the fastest.
	maxRecords = 2_000_000

	// maxStalls bounds the stalls that a watchdog keeps.
	maxStalls = 100_000

	// drainPatience is how long a backend that is drained waits for its requests.
	drainPatience = 5 * time.Second

	// cutPause lies between the part of an answer that is sent and the reset: the other side is to have read it.
	cutPause = 2 * time.Millisecond

	// watchStep is how often the watchdog wants to run, and noticed the least delay that it notes: less is what every
	// timer does.
	watchStep = 2 * time.Millisecond
	noticed   = 3 * time.Millisecond
)
