package telemetry

import "time"

const (
	// accessLogBuffer is how much a pen gathers for the writer at most: of 64 KiB a loop at full speed filled 250 a second, and to wake the
	// writer so often cost 2 % of a request.
	accessLogBuffer = 256 << 10
	// accessLogBytes bounds the text that waits for the writer: half a second of the most that one machine answers.
	accessLogBytes = 16 << 20
	// accessLogQueue bounds the batches that wait: as many as the bytes are, when all are full.
	accessLogQueue = accessLogBytes / accessLogBuffer
	// accessLogSpare is how many batches are kept beyond one a pen: the one that is being written, and those that wait for it in a burst.
	accessLogSpare = 4
	// accessLogMoment is how long a line waits for others at most: for people who follow the file it is at once.
	accessLogMoment = 100 * time.Millisecond
	// routedTexts bounds what a pen remembers of where requests were sent: the busiest endpoints of a few routes, in 10 KB.
	routedTexts = 32
	// accessLogPatience is how long closing waits for a reader or a disk that takes nothing: a reload must come to its end.
	accessLogPatience = 2 * time.Second
	// journalPatience is how long journald may take to make room for one entry. It is far more than it ever needs.
	journalPatience = time.Second
)
