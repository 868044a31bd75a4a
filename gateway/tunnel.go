package gateway

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// tunnel copies both ways between a client and an upstream that have agreed on another protocol (101). It ends when
// both have ended their streams, when one of them breaks, or when nothing has come from either for the time-out.
func (r *relay) tunnel() {
	r.stopUpload()
	r.ex.finish(r.ex.headAt) // it has been answered; what follows is no request in flight
	t := &tunnelled{r: r, idle: r.ex.snap.Plan.Timeouts.Tunnel}
	t.seen.Store(r.g.clock())
	r.ex.count(r.ex.headAt) // how long a tunnel lasts is no answer's duration
	var up sync.WaitGroup
	up.Go(func() { t.copy(r.upSide(), r.clientSide(), r.fromClient, &r.ex.bytesIn) })
	first := r.toClient
	t.copy(r.clientSide(), r.upSide(), append(first, r.fromUp...), &r.ex.bytesOut)
	up.Wait()
	r.fromClient, r.fromUp, r.toClient = nil, nil, nil
	_ = r.up.Close()
	r.uncount()
	_ = r.client.Close()
	r.from.listener.release()
	r.book()
}

type tunnelled struct {
	r    *relay
	idle time.Duration
	seen atomic.Int64 // when something last came, from either side
}

// copy goes one way. The end of a stream is passed on as such, so that the other way may go on.
func (t *tunnelled) copy(to, from side, first []byte, count *int64) {
	defer func() {
		if reason := recover(); reason != nil {
			t.r.g.relayPanicked(reason)
			t.r.cut()
		}
	}()
	piece := first
	for {
		if len(piece) > 0 {
			if to.write(piece, t.r.ex.snap.Plan.Timeouts.Body) != nil {
				t.r.cut()
				return
			}
			*count += int64(len(piece))
			if to.tcp == t.r.client {
				t.r.g.relayed.sent.Add(uint64(len(piece)))
			}
			putBuffer(piece)
		}
		var err error
		piece, err = from.readSome(t.idle)
		now := t.r.g.clock()
		switch {
		case err == nil:
			t.seen.Store(now)
			if from.tcp == t.r.client {
				t.r.g.relayed.received.Add(uint64(len(piece)))
			}
		case from.ended(err):
			to.closeWrite()
			return
		case errors.Is(err, os.ErrDeadlineExceeded) && now-t.seen.Load() < int64(t.idle):
			// The other way is alive.
		default:
			t.r.cut()
			return
		}
	}
}
