package faultlab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// HealthPath is where backends are asked for their health. Such requests are answered 200 unless the backend hangs or cuts its
// answers, and are no arrivals.
const HealthPath = "/healthz"

// Body is what every good answer carries, so that a client can tell whether it is whole and right.
var Body = strings.Repeat("all is well, and this is a whole answer\n", 12) + "end\n"

// Ledger counts how often each request was processed that must not be processed twice. Safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	times map[string]int
}

// NewLedger gives an empty one.
func NewLedger() *Ledger { return &Ledger{times: map[string]int{}} }

// Times is how often a request was processed, by its X-Lab-Id.
func (l *Ledger) Times(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times[id]
}

// Duplicates is how many were processed more than once, and Processed how many at all.
func (l *Ledger) Duplicates() (duplicates, processed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.times {
		if n > 1 {
			duplicates++
		}
	}
	return duplicates, len(l.times)
}

func (l *Ledger) enter(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times[id]++
}

// serverConn is one connection to a backend.
type serverConn struct {
	b    *Backend
	life *life
	tcp  *net.TCPConn
	r    *bufio.Reader
	busy atomic.Bool // from the first byte of a request to the end of its answer
}

func (b *Backend) accept(x *life) {
	for {
		conn, err := x.listener.Accept()
		if err != nil {
			return
		}
		c := &serverConn{b: b, life: x, tcp: conn.(*net.TCPConn), r: bufio.NewReader(conn)}
		if !x.add(c) {
			c.reset()
			continue
		}
		b.serving.Go(func() {
			defer x.remove(c)
			defer c.tcp.Close()
			for c.serve() {
			}
		})
	}
}

func (c *serverConn) reset() {
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}

// serve reads one request and answers it; false: the connection ends.
func (c *serverConn) serve() bool {
	if _, err := c.r.Peek(1); err != nil {
		return false
	}
	c.busy.Store(true)
	defer c.busy.Store(false)
	_ = c.tcp.SetReadDeadline(time.Time{})
	r, err := http.ReadRequest(c.r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return false
	}
	how := c.b.how.Load()
	if r.URL.Path == HealthPath {
		return c.checked(how)
	}
	status := http.StatusOK
	turn := c.b.turns.Add(1)
	if how.EveryNth > 0 && turn%uint64(how.EveryNth) == 0 || chance(c.b.seed, turn) < how.Errors {
		status = http.StatusInternalServerError
	}
	c.b.arrive(r, how.Hang || how.Cut != Whole || status != http.StatusOK)
	if how.Hang || !c.work(how, turn) {
		<-c.life.over.Done()
		return false
	}
	return c.answer(status, how.Cut)
}

// checked answers a check of health.
func (c *serverConn) checked(how *behaviour) bool {
	if how.Hang {
		<-c.life.over.Done()
		return false
	}
	return c.answer(http.StatusOK, how.Cut)
}

// arrive notes a request, and has the ledger count it if it must not come twice.
func (b *Backend) arrive(r *http.Request, failed bool) {
	if b.Ledger != nil && r.Method == http.MethodPost {
		b.Ledger.enter(r.Header.Get(idField))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.arrived) < maxRecords {
		b.arrived = append(b.arrived, Arrival{At: time.Now(), Method: r.Method, Gray: r.Header.Get("X-Gray-Tag") == "gray", Failed: failed})
	}
}

// work waits for a place and takes the time that an answer takes; false: the life is over before.
func (c *serverConn) work(how *behaviour, turn uint64) bool {
	if how.places != nil {
		select {
		case how.places <- struct{}{}:
			defer func() { <-how.places }()
		case <-c.life.over.Done():
			return false
		}
	}
	wait := how.Delay + time.Duration(chance(c.b.seed+1, turn)*float64(how.Jitter))
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.life.over.Done():
		return false
	}
}

// answer writes an answer, or a part of it and a reset; false: the connection ends.
func (c *serverConn) answer(status int, cut Cut) bool {
	last := c.life.draining.Load()
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nX-Backend: %s\r\nContent-Length: %d\r\n", status, http.StatusText(status), c.b.Name, len(Body))
	if last {
		head += "Connection: close\r\n"
	}
	text := head + "\r\n" + Body
	switch cut {
	case MidHead:
		text = text[:len(head)/2]
	case MidBody:
		text = text[:len(text)-len(Body)/2]
	}
	if _, err := io.WriteString(c.tcp, text); err != nil {
		return false
	}
	if cut != Whole {
		time.Sleep(cutPause)
		c.reset()
		return false
	}
	return !last
}

// chance is a number from 0 to 1 that follows from a seed and a turn: the same run has the same luck.
func chance(seed, turn uint64) float64 {
	x := seed*0x9e3779b97f4a7c15 + turn
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}
