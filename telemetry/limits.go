package telemetry

import "time"

const (
	// accessLogQueue bounds the records that wait for the writer: a quarter of a second of the most that one machine answers.
	accessLogQueue = 4096
	// accessLogBytes bounds the texts of those records, which clients choose: with the longest targets there are, all of the queue
	// would take 4 GB.
	accessLogBytes = 16 << 20
	// accessLogKept is up to which size a record's buffers are used again. More than that few requests have.
	accessLogKept = 4 << 10
	// accessLogMoment is how long the writer waits for more records before it writes: in it the queue takes 800,000 requests a second.
	accessLogMoment = 5 * time.Millisecond
	// accessLogBuffer is how much is gathered for one write to the file.
	accessLogBuffer = 64 << 10
	// accessLogPatience is how long closing waits for a reader or a disk that takes nothing: a reload must come to its end.
	accessLogPatience = 2 * time.Second
	// journalPatience is how long journald may take to make room for one entry. It is far more than it ever needs.
	journalPatience = time.Second
)
