package admin

import (
	"sync/atomic"
	"time"
)

// allowance bounds the time that answers take of the machine, in the long run and at once, whoever asks and how often: the data
// plane comes first. It is a bucket of time, kept as the moment when it will be full again. The zero value is full.
// Safe for concurrent use.
type allowance struct{ full atomic.Int64 }

// has reports whether there is something left at the time now.
func (a *allowance) has(now time.Duration) bool {
	return a.full.Load()-int64(now) < int64(allowanceBurst)*allowancePart
}

// pay takes what an answer took that began at the time now. It may take more than is left: the next ones wait for it.
func (a *allowance) pay(now, took time.Duration) {
	cost := max(int64(took), 0) * allowancePart
	for {
		full := a.full.Load()
		if a.full.CompareAndSwap(full, max(full, int64(now))+cost) {
			return
		}
	}
}
