package breaker

const (
	// Threshold is how many failures in a row open a breaker: one refused connection is a restart in
	// progress as often as a dead host, three are not chance.
	Threshold = 3
	// FirstOpenNanos is the first back-off. A second of missed traffic is what a restarted process costs.
	FirstOpenNanos = int64(1e9)
	// LongestOpenNanos bounds the back-off: a peer that comes back is found within this time.
	LongestOpenNanos = int64(15e9)
	// TrialNanos is how long a trial may take before another caller gets its turn.
	TrialNanos = int64(5e9)
)
