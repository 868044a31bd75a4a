package telemetry

const (
	// accessLogQueue bounds the records that wait for the writer, and with it the log's memory: about 4 MB when
	// every record carries a kilobyte.
	accessLogQueue = 4096
	// accessLogBuffer is how much is gathered for one write to the file.
	accessLogBuffer = 64 << 10
)
