package upstream

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// latencyBuckets go from 2^16 ns (66 microseconds) by quarters of an octave to 2^37 ns (over two minutes).
const (
	latencyFirst   = 16
	latencyBuckets = (37-latencyFirst)*4 + 1
)

// histogram counts the latencies of one pool on one loop. Written by that loop, and by what finishes its requests.
type histogram [latencyBuckets]atomic.Uint32

func (h *histogram) add(nanos int64) { h[latencyBucket(nanos)].Add(1) }

// latencyBucket gives the bucket of a latency.
func latencyBucket(nanos int64) int {
	if nanos < 1<<latencyFirst {
		return 0
	}
	octave := bits.Len64(uint64(nanos)) - 1
	quarter := int(nanos>>(octave-2)) & 3
	return min((octave-latencyFirst)*4+quarter+1, latencyBuckets-1)
}

// bucketFrom gives the least latency of a bucket.
func bucketFrom(b int) float64 {
	if b == 0 {
		return 0
	}
	octave, quarter := (b-1)/4+latencyFirst, (b-1)%4
	return math.Ldexp(1+float64(quarter)/4, octave)
}

// percentile estimates the 95th percentile of a pool's latency, over some seconds: samples fade. Within 10 % for a smooth
// distribution; a bucket is 19 to 25 % wide, and inside of it samples are taken to be spread evenly.
type percentile struct {
	nanos atomic.Int64 // the estimate; 0: too few samples
	due   int64        // when it is computed next
	seen  [latencyBuckets]uint32
	faded [latencyBuckets]float64
}

// tick brings the estimate up to date. Under the registry's lock.
func (p *percentile) tick(shards []poolShard, now int64) {
	if now < p.due {
		return
	}
	p.due = now + latencyNanos
	total := 0.0
	for b := range latencyBuckets {
		var sum uint32
		for i := range shards {
			sum += shards[i].latency[b].Load()
		}
		p.faded[b] = p.faded[b]*latencyKeep + float64(sum-p.seen[b]) // wraps round together
		p.seen[b] = sum
		total += p.faded[b]
	}
	if total < latencyLeast {
		p.nanos.Store(0)
		return
	}
	below := 0.0
	for b := range latencyBuckets {
		if below+p.faded[b] < 0.95*total {
			below += p.faded[b]
			continue
		}
		from := bucketFrom(b)
		to := from
		if b+1 < latencyBuckets {
			to = bucketFrom(b + 1)
		}
		p.nanos.Store(int64(from + (to-from)*(0.95*total-below)/p.faded[b]))
		return
	}
}

func (p *percentile) p95() time.Duration { return time.Duration(p.nanos.Load()) }
