package breaker

const (
	// Buckets are how many parts a window is counted in: outcomes leave it a tenth at a time, so what counts is never
	// older than the window and never covers less than nine tenths of it.
	Buckets = 10

	// slots are the words of a ring: the power of two above Buckets, so that a slot is found with a mask and two
	// counters of one shard never meet on a cache line with another shard's.
	slots = 16

	// MaxShards bounds the shards of one breaker, each of 128 bytes: more event loops than this share some.
	MaxShards = 256

	// MaxTrials bounds the calls that one half-open breaker lets through. They are looked up one by one, and a peer
	// that needs more of them to be believed is not tried but in service.
	MaxTrials = 64

	// lateTrials is how many trials are remembered for each that may be out at once: those over their time may still
	// answer. At TrialNanos each it believes answers that took up to four times that.
	lateTrials = 4

	// TrialNanos is how long a trial may take before another caller gets its turn: longer than almost every answer,
	// short beside a user's patience. A download or an event stream that happened to be the trial costs this once.
	TrialNanos = int64(5e9)

	// JitterPPM is the share of an open time that jitter may take off it, in parts per million: a fifth, so that peers
	// lost in one blow are not tried in one moment. It only ever shortens, so that MaxOpen holds.
	JitterPPM = 200_000

	// maxDoublings bounds the shift of the open time: beyond it MaxOpen has long been reached.
	maxDoublings = 30

	// minWindowNanos is the shortest window: shorter ones hold too few outcomes to judge by, and their buckets would
	// be shorter than the clocks of two loops may differ.
	minWindowNanos = int64(1e9)

	// outlierGap is how far below the mean a success rate has to be at least, whatever the deviation. Among five
	// endpoints without a single error the first error of any is two deviations below the mean: far in numbers, and
	// nothing to give up a fifth of a pool for.
	outlierGap = 0.05

	// maxTimes bounds how often an endpoint counts as ejected: it takes as many quiet intervals to forget them.
	maxTimes = 1 << 10
)
