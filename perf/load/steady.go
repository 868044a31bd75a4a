package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// steadyWithin is the longest that a request of the steady load may take; longer is a failure.
	steadyWithin = 10 * time.Second
	// examplesKept bounds the failures that are described; all are counted.
	examplesKept = 10
)

// Steady is a load in which every request is accounted for.
type Steady struct {
	Address     string
	KeepAlive   int // connections that are kept as long as the proxy keeps them
	Short       int // clients that make a new connection for every request
	PerSecond   int // requests a second of all clients together; 0: as fast as they can
	GrayPercent int
	// Check judges an answer: the name it is counted under, or an error.
	Check func(tag, body string) (string, error)
}

// Account is what became of a steady load's requests.
type Account struct {
	Requests int64 `json:"requests"` // answered as they should be
	Failed   int64 `json:"failed"`   // wrong answer, no answer, no connection
	// Dropped are keep-alive connections that ended without an announcement; their request is in Failed too.
	Dropped int64 `json:"dropped_connections"`
	// Announced are keep-alive connections that ended with `Connection: close` on a whole answer. Nothing is lost by
	// that, but a reload has no need of it.
	Announced  int64            `json:"announced_closes"`
	Refused    int64            `json:"refused_connections"` // could not be made; in Failed too
	AnsweredBy map[string]int64 `json:"answered_by"`
	Examples   []string         `json:"examples,omitempty"` // of failures
}

// SteadyRun is a steady load at work.
type SteadyRun struct {
	load  Steady
	begun time.Time
	turn  atomic.Int64
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	total Account
}

// Start starts the load. The caller must Stop it.
func (s Steady) Start(ctx context.Context) *SteadyRun {
	run := &SteadyRun{load: s, begun: time.Now(), stop: make(chan struct{}), total: Account{AnsweredBy: map[string]int64{}}}
	for range s.KeepAlive {
		run.wg.Go(func() { run.keepAlive(ctx) })
	}
	for range s.Short {
		run.wg.Go(func() { run.short(ctx) })
	}
	return run
}

// Stop lets every request under way end and returns the account.
func (run *SteadyRun) Stop() Account {
	close(run.stop)
	run.wg.Wait()
	return run.total
}

func (run *SteadyRun) keepAlive(ctx context.Context) {
	own := Account{AnsweredBy: map[string]int64{}}
	defer run.add(&own)
	var c *client
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for {
		turn, more := run.next(ctx)
		if !more {
			return
		}
		if c == nil {
			var err error
			if c, err = connect(ctx, run.load.Address); err != nil {
				own.Refused++
				own.fail("connect", err)
				continue
			}
		}
		dropped, ends := run.once(c, &own, turn, false)
		if dropped {
			own.Dropped++
		} else if ends {
			own.Announced++
		}
		if dropped || ends {
			c.close()
			c = nil
		}
	}
}

func (run *SteadyRun) short(ctx context.Context) {
	own := Account{AnsweredBy: map[string]int64{}}
	defer run.add(&own)
	for {
		turn, more := run.next(ctx)
		if !more {
			return
		}
		c, err := connect(ctx, run.load.Address)
		if err != nil {
			own.Refused++
			own.fail("connect", err)
			continue
		}
		run.once(c, &own, turn, true)
		c.close()
	}
}

// once makes a request and enters it into the account.
func (run *SteadyRun) once(c *client, own *Account, turn int64, last bool) (dropped, ends bool) {
	tag := ""
	if turn%100 < int64(run.load.GrayPercent) {
		tag = "gray"
	}
	got, err := c.get(tag, last, steadyWithin)
	dropped = err != nil
	var by string
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("answer %d: %.100q", got.status, got.body)
	}
	if err == nil {
		by, err = run.load.Check(tag, got.body)
	}
	if err != nil {
		own.fail(fmt.Sprintf("request with tag %q", tag), err)
		return dropped, got.ends
	}
	own.Requests++
	own.AnsweredBy[by]++
	return false, got.ends
}

// next waits until the next turn is due by the wanted rate; false: the load is over.
func (run *SteadyRun) next(ctx context.Context) (turn int64, more bool) {
	turn = run.turn.Add(1)
	var wait time.Duration
	if run.load.PerSecond > 0 {
		due := run.begun.Add(time.Duration(turn) * time.Second / time.Duration(run.load.PerSecond))
		wait = max(0, time.Until(due))
	}
	if wait == 0 {
		select {
		case <-run.stop:
			return turn, false
		case <-ctx.Done():
			return turn, false
		default:
			return turn, true
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-run.stop:
		return turn, false
	case <-ctx.Done():
		return turn, false
	case <-timer.C:
		return turn, true
	}
}

func (run *SteadyRun) add(own *Account) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.total.merge(own)
}

func (a *Account) fail(doing string, err error) {
	a.Failed++
	if len(a.Examples) < examplesKept {
		a.Examples = append(a.Examples, fmt.Sprintf("%s %s: %v", time.Now().Format("15:04:05.000"), doing, err))
	}
}

func (a *Account) merge(b *Account) {
	a.Requests += b.Requests
	a.Failed += b.Failed
	a.Dropped += b.Dropped
	a.Announced += b.Announced
	a.Refused += b.Refused
	for by, n := range b.AnsweredBy {
		a.AnsweredBy[by] += n
	}
	a.Examples = append(a.Examples, b.Examples...)
	a.Examples = a.Examples[:min(len(a.Examples), examplesKept)]
}
