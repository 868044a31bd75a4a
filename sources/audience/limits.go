package audience

import "time"

const (
	// MaxMemberBytes is the longest member: units are not longer, so that none could ever be one.
	MaxMemberBytes = 256

	// DefaultMaxMembers is how many members an audience has at most unless its config says otherwise: 50 million UUIDs take
	// a gigabyte.
	DefaultMaxMembers = 50_000_000

	// DefaultRefresh is how long after one load from Redis the next one begins.
	DefaultRefresh = time.Minute

	// loadsAtOnce bounds the loads of one kind, files or Redis, that run at the same time: each needs memory for a set more, and
	// event loops feel two threads beside them. More than one, so that a server that does not answer, which takes replyTimeout
	// to find out, does not keep the others' members waiting.
	loadsAtOnce = 2

	// scanBuffer is how much of a server's replies is read at once: about half a page of e-mail addresses.
	scanBuffer = 1 << 15

	// minMapped is the smallest piece of memory outside the heap: two large pages of a processor, as one of them may be lost
	// at its ends.
	minMapped = 4 << 20

	// slabBytes is how much memory spools are given at once.
	slabBytes = minMapped
)
