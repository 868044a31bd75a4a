package gateway

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"graygate/config"
	"graygate/gateway/http1"
	"graygate/telemetry/w3c"
	"graygate/upstream"
)

// loop is one event loop: an OS thread's worth of connections, clients' and upstreams' alike. Everything in it is
// touched on that loop alone, except what is marked atomic and the methods that say so.
type loop struct {
	gnet.BuiltinEventEngine
	g        *Gateway
	id       int
	client   *gnet.Client
	events   gnet.EventLoop // this loop, to run something on it
	door     gnet.Conn      // a connection that serves to know events, and to turn the fine clock
	doorPeer *os.File

	now   int64     // nanoseconds since the gateway began, as of the last tick
	wall  time.Time // the same moment on the system's clock, which may be set back
	wheel wheel
	fine  fineClock

	// Scratch, valid during one event.
	request  http1.Request
	response http1.Response
	context  w3c.Headers
	out      []byte
	plain    []byte  // what was decrypted
	cipher   []byte  // what was encrypted; nil while a session writes into it
	look     []byte  // what was read by (*upstreamConn).quiet
	look1    [1]byte // and decrypted

	decider  *config.Decider // of the snapshot that the loop has entered, as the next four
	policies []*policy       // by route
	meters   *meters
	keyed    []int            // by pool: the attribute that it is balanced by, -1 for none
	warm     []*upstream.Pool // those to which connections are opened ahead
	queues   []*waiting       // by pool
	queued   int              // in all of them
	freed    bool             // room may have been made for one of them
	findings uint64           // of the gateway's, those that the loop has acted on
	poll     timer            // of the queues
	idle     []idleStack      // by endpoint
	dials    int
	freeEx   []*exchange
	freeBuf  [][]byte
	random   *rand.ChaCha8
	drawn    uint64 // for attempts, see draw
	counters counters

	date     []byte // the Date field's value of dateUnix
	dateUnix int64

	conns map[*downstream]struct{} // all clients on this loop
	tails []*downstream            // those whose next request waits until gnet's buffer is empty

	connCount   atomic.Int64 // clients on this loop; read by the accepting goroutines
	tickPending atomic.Bool
	hopped      atomic.Int64 // when the last tick was sent on its way, as the next two on the precise clock
	lag         atomic.Int64 // how late it came
	lastTick    atomic.Int64 // wall-independent: nanoseconds since the gateway began
	published   publishedCounters
}

// peer is what stands in the context of every connection on a loop.
type peer interface {
	opened(l *loop, c gnet.Conn)
	traffic(l *loop, in []byte)
	closed(l *loop, err error)
	panicked(l *loop)
}

// OnOpen is called by gnet on the loop when an enrolled connection has become part of it.
func (l *loop) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if p, ok := c.Context().(peer); ok {
		defer l.guard(p)
		p.opened(l, c)
	}
	return nil, gnet.None
}

// OnTraffic is called by gnet on the loop with new bytes. All of them are taken: what cannot be used yet is kept by
// the connection's own object, so that gnet's inbound buffer stays empty.
func (l *loop) OnTraffic(c gnet.Conn) gnet.Action {
	if p, ok := c.Context().(peer); ok {
		defer l.guard(p)
		in, _ := c.Next(-1)
		p.traffic(l, in)
		if l.freed {
			l.serveQueues()
		}
	}
	return gnet.None
}

// OnClose is called by gnet on the loop when a connection has ended, by whichever side.
func (l *loop) OnClose(c gnet.Conn, err error) gnet.Action {
	if p, ok := c.Context().(peer); ok {
		defer l.guard(p)
		p.closed(l, err)
		if l.freed {
			l.serveQueues()
		}
	}
	return gnet.None
}

// guard turns a panic into the end of one connection.
func (l *loop) guard(p peer) {
	if reason := recover(); reason != nil {
		l.panicked(p, reason)
	}
}

func (l *loop) panicked(p peer, reason any) {
	l.noteBug(reason)
	defer func() {
		if again := recover(); again != nil {
			l.g.log.Error("BUG: panic while a connection was given up", "loop", l.id, "reason", again, "stack", string(debug.Stack()))
		}
	}()
	p.panicked(l)
}

// noteBug counts a panic that was caught, and logs where it came from.
func (l *loop) noteBug(reason any) {
	l.counters.panics++
	l.g.log.Error("BUG: panic on the event loop", "loop", l.id, "reason", reason, "stack", string(debug.Stack()))
}

// do runs f on the loop. It may be called from any goroutine. false: the loop has ended.
func (l *loop) do(f func()) bool {
	return l.events.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		defer func() {
			if reason := recover(); reason != nil {
				l.noteBug(reason)
			}
		}()
		f()
		return nil
	})) == nil
}

// hopTick makes the loop look at its clock and deadlines. Called from the gateway's ticker.
func (l *loop) hopTick() {
	if !l.tickPending.CompareAndSwap(false, true) {
		return
	}
	l.hopped.Store(l.g.clock())
	if !l.do(l.tick) {
		l.tickPending.Store(false)
	}
}

func (l *loop) tick() {
	l.now, l.wall = l.g.clock(), time.Now()
	l.lag.Store(l.now - l.hopped.Load())
	l.tickPending.Store(false)
	l.lastTick.Store(l.now)
	l.wheel.advance(l, l.now)
	if f := l.g.force.Load(); f != nil && !l.entered(f) {
		l.enter(f)
	}
	for _, p := range l.policies {
		if p.spenders != nil {
			p.spenders[l.id].Settle()
		}
	}
	l.tendIdle()
	if l.g.draining.Load() || l.g.closedListeners.Load() > 0 {
		l.drainIdle()
	}
	l.flushTails()
	if l.freed {
		l.serveQueues()
	}
	l.publish()
}

// lateness is how late the loop's last tick came, or how late the one is that it has not come to yet. Safe for concurrent use.
func (l *loop) lateness(now int64) time.Duration {
	late := l.lag.Load()
	if l.tickPending.Load() {
		late = max(late, now-l.hopped.Load())
	}
	return time.Duration(late)
}

// timeOf is a moment of the precise clock on the system's, by what that said at the last tick: to ask it costs as much again.
func (l *loop) timeOf(at int64) time.Time { return l.wall.Add(time.Duration(at - l.now)) }

// entered reports whether the loop decides by that snapshot already.
func (l *loop) entered(f *inForce) bool { return l.decider == f.deciders[l.id] }

// enter makes the loop decide by a snapshot. Connections kept to endpoints that it no longer has are closed.
func (l *loop) enter(f *inForce) {
	l.decider, l.policies, l.meters, l.keyed, l.warm = f.deciders[l.id], f.policies, f.meters, f.keyed, f.warm
	l.closeRemoved()
}

// draw gives an attempt its random number, for choosing an endpoint: the next of SplitMix64's sequence, which upstream
// finishes. Nobody gains by foreseeing it, unlike ids; those are of l.random.
func (l *loop) draw() uint64 {
	l.drawn += 0x9e3779b97f4a7c15
	return l.drawn
}

// newExchange gives an empty exchange.
func (l *loop) newExchange() *exchange {
	if n := len(l.freeEx); n > 0 {
		ex := l.freeEx[n-1]
		l.freeEx = l.freeEx[:n-1]
		return ex
	}
	return &exchange{g: l.g}
}

func (l *loop) freeExchange(ex *exchange) {
	ex.reset()
	if len(l.freeEx) < freeListMax {
		l.freeEx = append(l.freeEx, ex)
		return
	}
	ex.patience.unlink()
	ex.hurry.unlink()
}

// keep copies what could not be used yet into a buffer of its own: have, if there is one, else one from the list.
func (l *loop) keep(have, rest []byte) []byte {
	if len(rest) == 0 {
		l.freeBuffer(have)
		return nil
	}
	if have == nil {
		if n := len(l.freeBuf); n > 0 {
			have = l.freeBuf[n-1]
			l.freeBuf = l.freeBuf[:n-1]
		}
	}
	if len(have) == len(rest) && &have[0] == &rest[0] {
		return have // nothing was used of it: what comes byte by byte is not moved for each
	}
	return append(have[:0], rest...) // rest may be a part of have: append moves, and never overtakes
}

func (l *loop) freeBuffer(b []byte) {
	if cap(b) > 0 && cap(b) <= keptBuffer && len(l.freeBuf) < freeListMax {
		l.freeBuf = append(l.freeBuf, b[:0])
	}
}

// httpDate is the value of a Date field, made once a second.
func (l *loop) httpDate() []byte {
	if now := time.Now(); now.Unix() != l.dateUnix {
		l.dateUnix = now.Unix()
		l.date = now.UTC().AppendFormat(l.date[:0], httpDateFormat)
	}
	return l.date
}
