package upstream

import "time"

const (
	// MaxEndpoints bounds the endpoints of one pool, static and found together: a tick looks at each of them, and a
	// hostile answer must not fill the memory. Those beyond are left out, the first by address are kept.
	MaxEndpoints = 10_000

	// MaxWeight is the greatest weight of an endpoint: two in one pool differ by no more than a balancer can honour.
	MaxWeight = 1000

	// maxEvents bounds the changes that wait for the next tick; what is beyond is dropped and counted. Ten seconds of a
	// pool of a thousand endpoints that flap with every tick would fill the log and help nobody.
	maxEvents = 4096

	// maxFoundEvents bounds the events of one answer of a source: a pool that is exchanged as a whole is told in one line
	// beyond that.
	maxFoundEvents = 16

	// scanBound is how many endpoints one pick looks at, one after the other, when the balancer's own choices cannot be
	// asked: so many that a pool of which one in twenty can be asked serves nearly always, and that a pool that is full
	// refuses within microseconds.
	scanBound = 256

	// leastScan is how many endpoints least_request compares: all of a usual pool. In larger ones a window from a random
	// place is as good: the fewest of 64 is within the lowest 2 % nearly always.
	leastScan = 64
)

// idRest is how long the ID of an endpoint that was removed, and has neither requests nor connections any more, rests before
// another one gets it. Whoever still knows the old one by then, a request that began on a config of long ago, has to tell the
// two apart by their pointers. Without IDs that are used again, what loops keep by ID would grow with every new pod.
const idRest = int64(time.Minute)

const (
	// ewmaNanos is the time in which an endpoint's remembered latency loses most of its weight. Finagle and linkerd take
	// ten seconds; a gateway that heals itself wants to try a recovered endpoint sooner.
	ewmaNanos = int64(3 * time.Second)

	// hangNanos bounds what waiting for an endpoint that answers nothing counts for, so that an endpoint with a few streams
	// that are silent for minutes is not shunned for longer than one that was slow once.
	hangNanos = int64(time.Second)

	// failureFactor is what a failed call counts for, in multiples of the endpoint's remembered latency: one that fails at
	// once must not look like the fastest. Seven failures bring 100 microseconds to failureNanos.
	failureFactor = 4
	// failureNanos bounds that.
	failureNanos = int64(time.Second)
	// failureLeast is where it begins for an endpoint that has never answered.
	failureLeast = int64(time.Millisecond)

	// betterBy is how much lower the second one's cost must be to be taken over the first. Costs differ by chance; without
	// the band an endpoint that is 1 % slower would get a third of its share in a quiet pool, and weights would not show.
	betterBy = 0.8

	// alikeWithin is how far apart the latencies of two endpoints may be for their weights to have the word. Peaks of one and the
	// same distribution differ by half or so; twice as slow is no chance any more, and costs more than a share that is not kept to.
	alikeWithin = 2
)

const (
	// exploreNanos is after which time without a request an endpoint is asked for the sake of knowing. A gateway that heals itself
	// is to notice within a second or so who is well again and who hangs; and a request a second from each loop
	// is nothing to an endpoint that is slow.
	exploreNanos = int64(time.Second)

	// exploreOne bounds such requests where there are few of any: one in so many of those that an endpoint is due by its weight,
	// so that in a pool with two requests a second the slow one is not asked half as often as if it were not slow.
	exploreOne = 4

	// exploreKeep is how much of the remembered latency is left when one that was asked for the sake of knowing was faster: after a
	// second of silence one answer is as good as the one before, and four of them make a millisecond of half a second. By
	// ewmaNanos alone that would take eighteen. Who is slow still has it back with the next answer.
	exploreKeep = 0.25

	// askedGrain is how exactly it is remembered when an endpoint was asked: a store that is atomic costs more
	// than all that it is compared with, so it is not done with every request.
	askedGrain = exploreNanos / 16
)

const (
	// overprovision is how much of its usual load a group of endpoints is taken to bear: while at least 1/1.4 of it, 71 %,
	// can be asked, nothing goes to the next priority or to other zones. As Envoy's overprovisioning factor.
	overprovision = 1.4

	// warmLeast is the share of its weight that an endpoint begins a slow start with: less would keep caches cold and
	// tell nothing about it.
	warmLeast = 0.1

	// warmSteps is how many times the weights change in a slow start: each makes the roster anew, which takes milliseconds
	// for thousands of endpoints.
	warmSteps = 50
)

// countNanos is how often the calls of all loops are added up for the outlier detection, which looks at them every ten
// seconds or so: with thousands of endpoints and dozens of loops that reads many lines that loops write.
const countNanos = int64(time.Second)

const (
	// budgetSlots and budgetSlotNanos make the window of the retry budget: ten seconds, long enough to be no lottery for
	// pools with few requests, short enough that a burst of retries follows the traffic that earned it.
	budgetSlots     = 10
	budgetSlotNanos = int64(time.Second)

	// budgetFloor is the retries a second that are allowed whatever the traffic: a share of next to nothing is nothing,
	// and a pool with one request a second would have no retries. Three a second harm no endpoint.
	budgetFloor = 3
	budgetStart = budgetFloor * budgetSlots * budgetSlotNanos / int64(time.Second) // in the whole window
)

const (
	// latencyNanos is how often the 95th percentile is computed, and latencyKeep is the share of the samples that the next
	// one still counts: half are older than five seconds.
	latencyNanos = int64(time.Second)
	latencyKeep  = 0.87

	// latencyLeast is the fewest samples that give a 95th percentile: with fewer than a hundred it is the maximum of a
	// handful, and hedging by it would be a lottery.
	latencyLeast = 100
)

const (
	// maglevSlots is the least size of a consistent table, a prime as the method needs: a slot is 0.0015 % of the keys. 128 KiB.
	maglevSlots = 65_537

	// maglevPerEndpoint is the least number of slots for each endpoint: with a hundred no endpoint has over 1 % more keys
	// than is due (Maglev, 2016, section 5.3).
	maglevPerEndpoint = 100

	// maglevProbes is how many further places of the table are tried for a key whose endpoint cannot be asked, before
	// the pool is gone through in order.
	maglevProbes = 32
)

const (
	// doubtNanos is how often a loop sends a request to an endpoint that has failed one which was then answered elsewhere: five
	// failures in a row, the default, come together within a quarter of a second, and it is a hundredth of the requests of a
	// loop that has 2,000 a second.
	doubtNanos = int64(50 * time.Millisecond)

	// doubtMost is how many failures in a row, of one loop, a doubt lasts for: if neither breaker nor outlier detection has
	// put the endpoint out of service by then, nothing will, and asking it only costs retries.
	doubtMost = 32
)

const (
	// localFailures is how many failures in a row of one endpoint count for the breaker of its pool as well, where there
	// are others to ask: the burst in which a dead endpoint refuses everything says nothing about the pool.
	localFailures = 3

	// frailPatience is how long trials wait for a request that can be sent again, before any request will do: a pool that
	// only gets requests that cannot be repeated heals, too.
	frailPatience = int64(time.Second)
)
