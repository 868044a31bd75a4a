package meter

import "time"

const (
	// MaxSeries bounds the series of one generation, by (service, rule, gray). A series that is in use takes some 40 lines of
	// a page and half a kilobyte per loop: more than this many make a page of half a gigabyte, which nobody can scrape. What
	// a config names beyond is counted under one service, [FoldedService]. It bounds the counters of missing units as well, by (service,
	// rule): a line each.
	MaxSeries = 50_000
	// MaxPools bounds the pools of one series: a route has a stable and a gray one, and its experiments name few more. What is
	// beyond is counted as if the gateway had answered.
	MaxPools = 64
	// maxVariants bounds the variants of one experiment that are told apart, as a byte does.
	maxVariants = 256

	// line is what loops keep apart, in bytes: processors fetch the lines of 64 bytes in pairs.
	line = 128

	// piece is how much of a page is written at once, in bytes: enough that what each call of the kernel costs is little beside
	// what it copies.
	piece = 64 << 10
	// room is what is kept beyond a piece, so that one line seldom makes the buffer grow: a line is a few hundred bytes.
	room = 4 << 10

	// yieldBytes is after how much of a page, in bytes, a scrape lets others run, so that a loop that became ready meanwhile waits no
	// longer than that takes: some 0.1 ms to format, and as much in the kernel. It yields no oftener, as on a thread of its own
	// (see gateway.Metrics) that is two switches of threads, after which a thread that gives way has to wait for its turn.
	yieldBytes = 8 * piece
	// yieldCells is after how many cells of loops it does so even if they gave no lines: to add them up takes some 0.1 ms.
	yieldCells = 4096

	// keptSamples is how many bytes of one metric's samples are kept from one scrape to the next: those of a thousand
	// endpoints. More are left to the collector of garbage.
	keptSamples = 256 << 10

	// sampleRing bounds the sampled units of one loop that wait for the sample-ratio test; a power of 2. It is emptied every
	// drainEvery, so it is enough for 260,000 assignments a second on one loop. What does not fit is dropped and counted: which
	// units are lost does not depend on their variant, so the test stays right.
	sampleRing = 4096
	drainEvery = time.Second
	// sampleOneIn is the share of the units that are tested, of all hashes; a power of 2.
	sampleOneIn = 64

	// largestSeen and smallestSeen bound the bytes of one table of seen units, of which there is one per experiment and
	// place; each is a power of 2. A bit tells about one unit, so the largest is of use up to a million sampled units, which is
	// some 64 million units of traffic: enough for a loss of 1 % of one arm. See [seen] for what happens beyond.
	largestSeen  = 128 << 10
	smallestSeen = 512
	// allSeen bounds the tables of seen units of all experiments together, in bytes: with more experiments the tables are
	// smaller. Only the smallest size is given out beyond it, which for the 200,000 experiments that a config may name is 200 MB.
	allSeen = 64 << 20
)
