package limiter

const (
	// sharedSets x ways is how many keys a route's limit remembers over all loops: 65,536, in a mebibyte and a half. More
	// clients than that are hardly near their limit all at once; which of them is forgotten is said at [Buckets].
	sharedSets = 1 << 13

	// localSets x ways is how many of them each loop has at hand: those of its last seconds.
	localSets = 1 << 10

	// ways is how many places a key may stand in: few enough to be looked at one by one, enough that a table is nearly full
	// before a set is.
	ways = 8

	// stripes is how many locks guard the shared table. A loop takes one only where it is free, see [Buckets].
	stripes = 64

	// fingerprintBits of a key tell the keys of one set apart, beside the bits that chose the set: two clients share a count
	// by chance once in 10^12 pairs.
	fingerprintBits = 40

	// minLimit is the least that the adaptive limit falls to: with fewer in flight nothing can be learnt of a service.
	minLimit = 4

	// firstLimit is where the adaptive limit begins, until the first samples have come.
	firstLimit = 32

	// minSamples is how many answers a look at the latency takes at least: a mean of fewer is chance.
	minSamples = 20

	// windowNanos is the shortest time between two looks, lookPatience the longest, after which fewer samples have to do.
	windowNanos  = int64(100e6)
	lookPatience = int64(1e9)

	// probeNanos is how long a limit may hold requests back before the latency without a queue is measured anew, with the
	// limit at a quarter for two looks; firstProbeNanos the same for the first time, as a gateway may start in an overload.
	probeNanos      = int64(30e9)
	firstProbeNanos = int64(1e9)
)
