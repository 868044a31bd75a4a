package admin

import (
	"sync"
	"time"

	"graygate/telemetry"
)

// Kinds of events beside those of telemetry.
const (
	kindReload = "reload" // To is ok or failed
	kindChange = "change" // To is the action
)

// event is a change of state with its number in this process.
type event struct {
	ID uint64 `json:"id"` // from 1 on, without gaps
	telemetry.Event
}

// ring keeps the last events. Safe for concurrent use.
type ring struct {
	mu     sync.Mutex
	events [eventRing]event // by ID modulo its length
	last   uint64
	more   chan struct{} // closed when there is one more
}

func newRing() *ring { return &ring{more: make(chan struct{})} }

// add keeps one more.
func (r *ring) add(e telemetry.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.events[r.last%eventRing] = event{r.last, e}
	close(r.more)
	r.more = make(chan struct{})
}

func (r *ring) reloaded(err error) {
	e := telemetry.Event{Time: time.Now(), Kind: kindReload, To: "ok"}
	if err != nil {
		e.To, e.Reason = "failed", shorten(err.Error())
	}
	r.add(e)
}

// since gives the events after id, the oldest first and at most as many as said; lost tells that some that came after id are not
// kept any more. An id of another process, which is higher than any, counts as 0. more is closed when there is another event
// than these.
func (r *ring) since(id uint64, most int) (events []event, lost bool, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id > r.last {
		id = 0
	}
	first := uint64(1)
	if r.last > eventRing {
		first = r.last - eventRing + 1
	}
	if id+1 < first {
		lost, id = true, first-1
	}
	for i := id + 1; i <= r.last && len(events) < most; i++ {
		events = append(events, r.events[i%eventRing])
	}
	return events, lost, r.more
}

// newest is the number of the last event.
func (r *ring) newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}
