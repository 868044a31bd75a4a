package faultlab

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Load is requests at a steady rate, whatever becomes of them (an open loop): that the gateway is slow does not make the load
// lighter. Connections are kept; one more is opened when a request is due and all are busy.
type Load struct {
	Address  string
	Rate     int           // requests a second
	Clients  int           // connections to begin with
	Posts    int           // per cent of the requests; the others are GET
	Gray     int           // per cent with X-Gray-Tag: gray
	Patience time.Duration // for one request, to its end
}

// Record is what became of one request.
type Record struct {
	ID      string
	Method  string
	Gray    bool
	Sent    time.Time // when it began to be written
	Took    time.Duration
	Outcome Outcome
	Status  int    // of the answer; 0: none came
	Code    string // X-Graygate-Error of the answer
	Backend string // who says that it has answered
}

// Outcome is how a request ended, as its client sees it.
type Outcome string

// The outcomes.
const (
	OK        Outcome = "ok"        // 200, whole and right
	BadStatus Outcome = "status"    // any other whole answer
	Wrong     Outcome = "wrong"     // a whole answer that is not what the backend sent: never to happen
	Refused   Outcome = "refused"   // no connection
	Reset     Outcome = "reset"     // the connection broke before an answer
	Closed    Outcome = "closed"    // the connection ended before an answer
	Truncated Outcome = "truncated" // the answer broke off
	TimedOut  Outcome = "timed_out" // Patience was not enough
	NotSent   Outcome = "not_sent"  // all clients there may be were busy
)

// Run is a load under way. Its methods may be called concurrently.
type Run struct {
	load    Load
	begun   time.Time
	work    chan int
	clients atomic.Int64
	stop    chan struct{}
	working sync.WaitGroup
	pacing  sync.WaitGroup

	mu      sync.Mutex
	records []Record
	ended   map[Outcome]int
}

// Start begins the load. It is to be stopped.
func (l Load) Start() *Run {
	r := &Run{load: l, begun: time.Now(), work: make(chan int), stop: make(chan struct{}), ended: map[Outcome]int{}}
	for range max(l.Clients, 1) {
		r.hire()
	}
	r.pacing.Go(r.pace)
	return r
}

// Stop sends no more, waits for what is under way, and gives all records, in the order of their ends. It may be called more
// than once.
func (r *Run) Stop() Records {
	r.mu.Lock()
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	r.mu.Unlock()
	r.pacing.Wait()
	r.working.Wait()
	return r.Records()
}

// Records are those of the requests that have ended.
func (r *Run) Records() Records {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records[:len(r.records):len(r.records)]
}

// Ended is how many requests have ended so.
func (r *Run) Ended(o Outcome) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended[o]
}

// Clients is how many connections are in use or were.
func (r *Run) Clients() int { return int(r.clients.Load()) }

// pace hands out requests when they are due.
func (r *Run) pace() {
	defer close(r.work)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		timer.Reset(time.Until(r.begun.Add(time.Duration(n) * time.Second / time.Duration(r.load.Rate))))
		select {
		case <-timer.C:
		case <-r.stop:
			return
		}
		select {
		case r.work <- n:
			continue
		default:
		}
		if r.clients.Load() >= maxClients {
			r.note(r.request(n, NotSent))
			continue
		}
		r.hire()
		r.work <- n
	}
}

// hire starts one more client.
func (r *Run) hire() {
	r.clients.Add(1)
	r.working.Go(func() {
		c := &client{address: r.load.Address, patience: r.load.Patience}
		defer c.close()
		for n := range r.work {
			x := r.request(n, "")
			c.do(&x)
			r.note(x)
		}
	})
}

// request is the n-th request. GET, POST and the tag are spread evenly.
func (r *Run) request(n int, o Outcome) Record {
	x := Record{ID: fmt.Sprintf("%d-%d", r.begun.UnixNano(), n), Method: http.MethodGet, Sent: time.Now(), Outcome: o}
	if spread(n, r.load.Posts) {
		x.Method = http.MethodPost
	}
	x.Gray = spread(n, r.load.Gray)
	return x
}

// spread is true for percent of a hundred numbers, without bursts.
func spread(n, percent int) bool { return (n+1)*percent/100 > n*percent/100 }

func (r *Run) note(x Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[x.Outcome]++
	if len(r.records) < maxRecords {
		r.records = append(r.records, x)
	}
}
