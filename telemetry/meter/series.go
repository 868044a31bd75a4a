package meter

import (
	"cmp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Key names the series of a request: what it was assigned to.
type Key struct {
	Service string // the route's name; "" where no route was found
	Rule    string // what chose the pool: a rule, or EXPERIMENT=VARIANT; "" where neither did
	Gray    bool   // assigned to gray, whoever answered
}

// FoldedService is the service under which the keys beyond [MaxSeries] are counted. No route can be called so.
const FoldedService = "(other)"

func (k Key) compare(other Key) int {
	if c := strings.Compare(k.Service, other.Service); c != 0 {
		return c
	}
	if c := strings.Compare(k.Rule, other.Rule); c != 0 {
		return c
	}
	return cmp.Compare(bit(k.Gray), bit(other.Gray))
}

// labels are the key's, as they stand in a page, without braces.
func (k Key) labels() string {
	return labels(RequestDuration.Labels, []string{k.Service, k.Rule, strconv.FormatBool(k.Gray)})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Series is where requests of one key are counted by one snapshot. It is kept by the snapshot; its counts outlive it if
// the next generation names the key too.
type Series struct {
	times  *times
	served []*codes // the gateway's own answers, then by pool
}

// Series gives the series of a key. pools are those that may answer its requests; [Series.Observe] names them by their
// index. Asking twice for one key is fine, with other pools too: all are counted together.
func (g *Generation) Series(key Key, pools []string) *Series {
	if _, is := g.series[key]; !is && len(g.series) >= MaxSeries {
		g.folded++
		key = Key{Service: FoldedService, Gray: key.Gray}
	}
	t := g.series[key]
	if t == nil {
		if t = g.r.current.Load().timesOf(key); t == nil {
			t = newTimes(key, g.r.loops)
		}
		g.series[key] = t
	}
	s := &Series{times: t, served: []*codes{g.codes(t, "")}}
	for i, pool := range pools {
		if i >= MaxPools {
			pool = ""
		}
		s.served = append(s.served, g.codes(t, pool))
	}
	return s
}

// Observe counts a request that is over. loop is the one that it belongs to, whoever calls; pool is the index of the pool
// that answered, -1 if the gateway did. status is what the client was told, 0 for nothing. took is from the request's
// first byte to the end of the answer; upstream is how long the upstream took, below 0 if none was asked.
// Safe for concurrent use; it writes nothing that another loop writes, and allocates nothing once the loop has counted
// this key, this pool and this kind of status before.
func (s *Series) Observe(loop, pool, status int, took, upstream time.Duration) {
	s.served[pool+1].count(loop, status)
	c := s.times.cell(loop)
	c.request.add(took)
	if upstream >= 0 {
		c.upstream.add(upstream)
	}
}

// times are how long the requests of one key took.
type times struct {
	key    Key
	labels string // without braces
	cells  []atomic.Pointer[timesCell]
}

// timesCell is one loop's part. It is an object of its own and fills three pairs of cache lines, so that it shares none.
type timesCell struct {
	request  histogram
	upstream histogram
	_        [3*line - 2*histogramBytes]byte
}

func newTimes(key Key, loops int) *times {
	return &times{key: key, labels: key.labels(), cells: make([]atomic.Pointer[timesCell], loops)}
}

func (g *Generation) timesOf(key Key) *times {
	if g == nil { // the first one has none before it
		return nil
	}
	return g.series[key]
}

// cell gives a loop's cell. It is made when the loop first needs it: most keys of a large config are asked for by few loops or
// none, and all cells of all loops would be hundreds of megabytes. The pointers stand side by side, but each
// is written once.
func (t *times) cell(loop int) *timesCell {
	if c := t.cells[loop].Load(); c != nil {
		return c
	}
	return firstOf(&t.cells[loop])
}

// firstOf makes what a pointer points to. A relay may do so at the same time as its loop: one of them wins.
func firstOf[T any](p *atomic.Pointer[T]) *T {
	p.CompareAndSwap(nil, new(T))
	return p.Load()
}
