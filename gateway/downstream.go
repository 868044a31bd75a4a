package gateway

import (
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"graygate/gateway/http1"
)

// downstream is a client's connection. It belongs to its loop; when it leaves for a relay this object ends, and the
// relay makes a new one if the connection comes back.
type downstream struct {
	c        gnet.Conn
	fd       int
	listener *listener
	peer     netip.Addr
	peerText string // peer, as it stands in X-Forwarded-For and the access log

	in    []byte // what came and was not used yet, nil if nothing
	scan  http1.Scanner
	ex    *exchange // the request being answered; nil between requests
	timer timer
	state downState

	openedAt    int64 // on the loop's clock, when it came to it: as a new one, or back from a relay
	silentSince int64 // when the last answer ended, on the loop's clock
	lingered    int   // bytes thrown away since the last answer
	served      bool  // at least one request came: the connection is one that waits between requests
	inHead      bool  // a head has begun, and has its deadline
	tailing     bool  // in l.tails
}

type downState uint8

const (
	downOpen      downState = iota
	downLingering           // the last answer was sent; what still comes is thrown away
	downGone                // closed, or left for a relay
)

func newDownstream(ln *listener, peer netip.Addr, peerText string) *downstream {
	d := &downstream{listener: ln, peer: peer, peerText: peerText}
	d.timer.owner = d
	return d
}

// opened is called when the connection is new on the loop, or back from a relay (then with input in d.in).
func (d *downstream) opened(l *loop, c gnet.Conn) {
	d.c, d.fd = c, c.Fd()
	d.openedAt, d.silentSince = l.now, l.now
	l.conns[d] = struct{}{}
	timeouts := &l.g.force.Load().Plan.Timeouts
	if d.served {
		l.wheel.set(&d.timer, l.now+int64(timeouts.Idle))
		if len(d.in) > 0 {
			d.advance(l, nil)
		}
		return
	}
	l.wheel.set(&d.timer, l.now+int64(timeouts.Head))
}

func (d *downstream) traffic(l *loop, in []byte) {
	l.counters.received += uint64(len(in))
	switch d.state {
	case downOpen:
		d.advance(l, in)
	case downLingering:
		if d.lingered += len(in); d.lingered > lingerBytes {
			d.close(l)
		}
	}
}

// advance goes as far as the input allows: it begins requests, and hands their bodies on.
func (d *downstream) advance(l *loop, in []byte) {
	if len(d.in) > 0 {
		d.in = append(d.in, in...)
		in = d.in
	}
	used := 0
	for d.state == downOpen {
		if d.ex == nil {
			if used == len(in) || d.tailPending(l) {
				break
			}
			n := d.begin(l, in[used:])
			if n == 0 {
				break
			}
			used += n
		}
		if ex := d.ex; ex != nil {
			n, stop := l.pump(ex, in[used:])
			used += n
			if stop {
				break
			}
		}
	}
	if d.state != downOpen {
		l.freeBuffer(d.in)
		d.in = nil
		return
	}
	rest := in[used:]
	if ex := d.ex; ex != nil && (ex.leave || len(rest) > pendingBytes) {
		var left []byte
		if ex.u != nil {
			left = ex.u.in
		}
		l.leave(ex, rest, nil, left)
		return
	}
	if d.tailing && len(rest) > pendingBytes { // it sends and sends, and does not read its answer
		d.close(l)
		return
	}
	d.in = l.keep(d.in, rest)
}

// goOn advances with the input there is, for an event that was not the client's. A panic costs the client's connection,
// and none that is served after it in the same turn.
func (d *downstream) goOn(l *loop) {
	defer l.guard(d)
	d.advance(l, nil)
}

// begin looks for a head at the start of in and, if there is a whole one, begins its exchange or answers it at
// once. It returns how many bytes were used, 0 if the head is not whole yet (or the connection has ended).
func (d *downstream) begin(l *loop, in []byte) int {
	force := l.g.force.Load()
	snap := force.Snapshot
	n, err := d.scan.Scan(in, l.g.headLimits(snap))
	if err != nil {
		l.refuse(d, force, clientFault(err))
		return 0
	}
	if n == 0 {
		if !d.inHead {
			d.inHead = true
			if d.served { // the first head's time has run since the connection was accepted
				l.wheel.set(&d.timer, l.now+int64(snap.Plan.Timeouts.Head))
			}
		}
		return 0
	}
	d.scan.Reset()
	d.served, d.inHead = true, false
	l.wheel.set(&d.timer, 0)
	l.beginExchange(d, force, in[:n])
	return n
}

// send writes an answer's bytes to the client. last: nothing follows in this answer. What the socket does not take
// is returned, for the relay; nil: all is on its way. A write error closes the connection (see d.state).
func (d *downstream) send(l *loop, p []byte, last, closing bool) (rest []byte) {
	if len(p) == 0 {
		return nil
	}
	n, err := write(d.fd, p)
	if err != nil && err != unix.EAGAIN {
		l.clientLost(d)
		return nil
	}
	l.counters.sent += uint64(n)
	if n == len(p) {
		return nil
	}
	if last && !closing && len(p)-n <= tailBytes {
		l.counters.sent += uint64(len(p) - n)
		_, _ = d.c.Write(p[n:]) // gnet keeps it and flushes it when the socket is ready
		return nil
	}
	return p[n:]
}

// tailPending reports whether the end of the last answer is still in gnet's buffer. Until it is out, the next
// request waits: its answer is written past that buffer.
func (d *downstream) tailPending(l *loop) bool {
	if d.c.OutboundBuffered() == 0 {
		return false
	}
	if !d.tailing {
		d.tailing = true
		l.tails = append(l.tails, d)
	}
	return true
}

// flushTails goes on with the clients whose tails have drained.
func (l *loop) flushTails() {
	if len(l.tails) == 0 {
		return
	}
	waiting := l.tails
	l.tails = nil
	for _, d := range waiting {
		d.tailing = false
		if d.state == downOpen {
			d.goOn(l)
		}
	}
}

// ready is called when an answer is over and the connection goes on.
func (d *downstream) ready(l *loop, idle time.Duration) {
	d.ex = nil
	d.silentSince = l.now
	l.wheel.set(&d.timer, l.now+int64(idle))
}

// expire is the passing of whatever deadline the connection had: for its head, its silence, its body, or its end.
func (d *downstream) expire(l *loop) {
	switch {
	case d.state == downLingering:
		d.close(l)
	case d.state != downOpen:
	case d.ex != nil:
		l.fail(d.ex, faultBodyTimeout)
	case d.inHead:
		l.refuse(d, l.g.force.Load(), faultHeadTimeout)
	default:
		d.close(l)
	}
}

// finish ends the connection after its last answer. linger: the client may still be sending, and would lose the
// answer to a reset if the socket were closed with bytes unread.
func (d *downstream) finish(l *loop, linger bool) {
	d.ex = nil
	if d.state != downOpen {
		return
	}
	if !linger {
		d.close(l)
		return
	}
	d.state = downLingering
	_ = unix.Shutdown(d.fd, unix.SHUT_WR)
	l.wheel.set(&d.timer, l.now+int64(lingerTime))
}

// reset ends the connection so that the client can tell: with a RST, which is no end of any message.
func (d *downstream) reset(l *loop) {
	if d.state == downGone {
		return
	}
	_ = d.c.SetLinger(0)
	d.close(l)
}

// close ends the connection now.
func (d *downstream) close(l *loop) {
	if d.state == downGone {
		return
	}
	d.gone(l)
	d.listener.release()
	_ = l.events.Close(d.c)
}

// gone takes the connection out of the loop's books.
func (d *downstream) gone(l *loop) {
	d.state = downGone
	d.timer.unlink()
	l.freeBuffer(d.in)
	d.in = nil
	delete(l.conns, d)
	l.connCount.Add(-1)
}

// closed is called when the client has closed, or its connection broke.
func (d *downstream) closed(l *loop, _ error) {
	if d.state == downGone {
		return
	}
	l.clientLost(d)
}

// clientLost is the end of a connection that the client, or the network, has ended.
func (l *loop) clientLost(d *downstream) {
	ex := d.ex
	d.close(l)
	if ex != nil {
		d.ex = nil
		fault := faultClientGone
		if l.g.stopping.Load() {
			fault = faultShutdown
		}
		l.abandon(ex, fault)
	}
}

func (d *downstream) panicked(l *loop) {
	ex := d.ex
	d.ex = nil
	d.reset(l)
	if ex != nil {
		ex.cut = true
		l.abandon(ex, faultPanic)
	}
}

// drainIdle tells the clients that wait between requests good-bye: those of a gateway that drains, and those of a
// listener that was taken out of the config, once they have been silent for a while.
func (l *loop) drainIdle() {
	for d := range l.conns {
		if d.ex == nil && d.state == downOpen && len(d.in) == 0 && d.c.OutboundBuffered() == 0 &&
			(l.g.draining.Load() || d.listener.closed.Load()) && l.now-d.silentSince > int64(drainGrace) {
			d.close(l)
		}
	}
}
