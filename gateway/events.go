package gateway

import (
	"sync"
	"sync/atomic"

	"graygate/telemetry"
)

// Subscription is a stream of events: changes of endpoints, breakers and the like, in the order in which they were noticed.
// Its buffer is bounded. A subscriber that does not keep up loses events, and can tell how many.
type Subscription struct {
	C <-chan telemetry.Event // closed by Close, and when the gateway stops

	of      *subscribers
	c       chan telemetry.Event
	dropped atomic.Uint64
}

// Subscribe begins a stream of the events from now on, with room for as many, at least one, as the subscriber may be behind.
// nil: there are too many subscribers already, or the gateway has stopped. Safe for concurrent use.
func (g *Gateway) Subscribe(room int) *Subscription {
	c := make(chan telemetry.Event, min(max(room, 1), maxSubscriptionRoom))
	s := &Subscription{C: c, of: &g.subscribers, c: c}
	if !g.subscribers.add(s) {
		return nil
	}
	return s
}

// Dropped is how many events there was no room for. Safe for concurrent use.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Close ends the stream. It may be called more than once.
func (s *Subscription) Close() { s.of.remove(s) }

type subscribers struct {
	mu   sync.Mutex
	set  map[*Subscription]struct{}
	over bool
}

func (s *subscribers) add(x *Subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || len(s.set) >= maxSubscribers {
		return false
	}
	if s.set == nil {
		s.set = map[*Subscription]struct{}{}
	}
	s.set[x] = struct{}{}
	return true
}

func (s *subscribers) remove(x *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, is := s.set[x]; is {
		delete(s.set, x)
		close(x.c)
	}
}

// tell offers an event to all. It never waits.
func (s *subscribers) tell(e telemetry.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for x := range s.set {
		select {
		case x.c <- e:
		default:
			x.dropped.Add(1)
		}
	}
}

// end closes all streams, and those that are asked for later.
func (s *subscribers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for x := range s.set {
		close(x.c)
	}
	clear(s.set)
}
