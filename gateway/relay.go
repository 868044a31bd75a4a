package gateway

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"graygate/breaker"
	"graygate/upstream"
)

// relay carries one exchange to its end outside the loop, with blocking I/O, one buffer, and so with back-pressure:
// it reads only when what it read before is written. An exchange comes here when a socket did not take what the
// loop had for it, when its body is long, or when the connections become a tunnel. When the answer is over, the
// connections that can be used again go back to the loop.
type relay struct {
	g    *Gateway
	l    *loop // where the exchange came from, and the connections go back to
	ex   *exchange
	from *downstream        // what the connection was on the loop; only to make its like
	to   *upstream.Endpoint // where up leads
	was  upstreamConn       // what up was on the loop: its age, its uses, and whether the endpoint has counted it

	mu     sync.Mutex // guards the setting of the next three against cut
	client *net.TCPConn
	up     *net.TCPConn
	isCut  bool

	fromClient []byte // read from the client, not used yet
	fromUp     []byte // read from the upstream, not used yet
	toClient   []byte // to be written to the client first

	answering  bool                  // a byte of an answer has come
	uploaded   chan struct{}         // closed when the request's direction is over; nil if it was over before
	uploadErr  atomic.Pointer[Fault] // why it ended early, if that was the client's doing
	clientLeft atomic.Bool           // the client closed while it was still sending
	stopping   atomic.Bool           // the answer is over, and upload is to end
	headSeen   atomic.Bool           // the answer has begun: its deadlines are download's
	hasty      atomic.Bool           // the deadline for the head is that of the attempt
}

// leave takes an exchange and its connections out of the loop. The slices are copied: inClient was read from the
// client and not used, toClient is to be written to it, inUp was read from the upstream and not used. ex.u may be
// nil: nobody is connected yet, or the answer is over and only its end is left to write.
func (l *loop) leave(ex *exchange, inClient, toClient, inUp []byte) {
	d := ex.d
	if ex.waits != nil {
		l.unqueue(ex) // it goes on waiting in the relay, for no longer than here
	}
	if ex.hedge.ticket.Live() {
		l.dropHedge(ex, breaker.Ignored)
	}
	ex.patience.unlink()
	ex.hurry.unlink()
	r := &relay{
		g: l.g, l: l, ex: ex, from: d,
		fromClient: clone(inClient), toClient: clone(toClient), fromUp: clone(inUp),
	}
	clientFD, err := d.c.Dup()
	upFD := -1
	if err == nil && ex.u != nil {
		upFD, err = ex.u.c.Dup()
	}
	if err != nil { // no descriptors left
		if clientFD >= 0 {
			_ = unix.Close(clientFD)
		}
		l.g.log.Error("a connection could not leave the loop", "error", err)
		l.dropUpstream(ex)
		ex.cut, ex.fault = true, faultPanic
		l.end(ex)
		d.ex = nil
		d.reset(l)
		return
	}
	if u := ex.u; u != nil {
		r.to = u.endpoint
		r.was = upstreamConn{pool: u.pool, born: u.born, uses: u.uses, counted: u.counted, tls: u.tls}
		u.ex, ex.u, u.counted, u.tls = nil, nil, false, nil
		u.close(l)
	}
	if u := ex.dialing; u != nil {
		u.ex, ex.dialing = nil, nil // the relay makes one of its own, for the same attempt
	}
	l.g.relays.add(r) // before the loop lets go of it, so that draining never counts one too few
	d.gone(l)
	_ = l.events.Close(d.c)
	d.ex, ex.d, ex.leave = nil, nil, false
	l.counters.relays++
	go r.run(clientFD, upFD)
}

func (r *relay) run(clientFD, upFD int) {
	defer r.g.relays.remove(r)
	defer r.guard()
	var up *net.TCPConn
	client, err := tcpConn(clientFD)
	switch {
	case upFD < 0:
	case err != nil:
		_ = unix.Close(upFD)
	default:
		up, err = tcpConn(upFD)
	}
	r.own(client, up)
	if err != nil {
		r.g.log.Error("a connection could not be taken over", "error", err)
		r.ex.fault, r.ex.cut = faultPanic, true
		r.end(false)
		return
	}
	if r.ex.phase == answered {
		r.end(r.write(r.client, r.toClient) == nil)
		return
	}
	if r.up == nil {
		if fault := r.connect(); fault != nil {
			r.fail(fault)
			return
		}
	}
	if r.ex.phase == switched {
		r.tunnel()
		return
	}
	r.exchange()
}

// guard ends the relay's connections, and no other, when it panics.
func (r *relay) guard() {
	reason := recover()
	if reason == nil {
		return
	}
	r.g.relayPanicked(reason)
	defer func() {
		if again := recover(); again != nil { // what is left of the connections is the collector's
			r.g.relayPanicked(again)
		}
	}()
	r.stopUpload()
	r.ex.fault, r.ex.cut = faultPanic, true
	r.end(false)
}

// own makes the connections known to cut, which may have come before them.
func (r *relay) own(client, up *net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client, r.up = client, up
	if s := r.was.tls; s != nil && up != nil {
		s.wire.enterRelay(up, r.ex.snap.Plan.Timeouts.Body)
	}
	if r.isCut {
		r.breakOff()
	}
}

// exchange carries both directions until the answer is over.
func (r *relay) exchange() {
	var fault *Fault
	for fault == nil {
		if !r.ex.requestDone() || r.ex.sent < len(r.ex.out) || r.upSide().unwritten() {
			r.uploaded = make(chan struct{})
			r.ex.settled = true // whether it could be sent again is upload's to change, and download asks no more
			go r.upload()
		} else {
			r.expectHead()
		}
		if fault = r.download(); fault == nil || !r.goesOn(fault) {
			break
		}
		r.upSide().close()
		r.uncount()
		fault = r.connect()
	}
	if fault != nil {
		if u := r.uploadErr.Load(); u != nil {
			fault = u
		}
		r.fail(fault)
		return
	}
	if r.ex.phase == switched {
		r.tunnel()
		return
	}
	r.stopUpload()
	r.end(true)
}

// fail ends the exchange by a fault, as the loop's fail does.
func (r *relay) fail(fault *Fault) {
	r.stopUpload()
	ex := r.ex
	ex.fault = fault
	ex.finish(r.g.clock())
	if ex.begun || r.clientLeft.Load() {
		ex.cut = ex.begun
		// Where the framing tells that the answer broke off, the end of the stream is enough (see framed); a client that
		// does not read would not see it.
		ex.closeDown, ex.keepUp = true, false
		r.end(ex.framed() && fault.Side == "upstream")
		return
	}
	ex.closeDown, ex.keepUp = true, false
	ex.status = fault.Status
	answer := ex.appendLocalAnswer(nil, fault, dateNow())
	ex.bytesOut += int64(len(answer))
	r.end(r.write(r.client, answer) == nil)
}

// end parts with the connections: back to the loop, closed after their last answer, or cut; and writes the books.
func (r *relay) end(whole bool) {
	ex := r.ex
	ex.finish(r.g.clock())
	if r.up != nil {
		if whole && ex.keepUp && !r.to.Removed() && ex.phase == answered {
			r.giveBackUp()
		} else {
			r.upSide().close()
			r.uncount()
		}
	}
	switch {
	case r.client == nil:
		r.from.listener.release()
	case !whole:
		_ = r.client.SetLinger(0) // a RST is no end of any message
		_ = r.client.Close()
		r.from.listener.release()
	case ex.closeDown:
		wait := len(r.fromClient) > 0 || ex.lingers()
		r.book() // first: lingering is no part of the request
		linger(r.client, wait)
		r.from.listener.release()
		return
	default:
		r.giveBackClient()
	}
	r.book()
}

// book gives the exchange back to the loop, which writes it into the books and frees it: it is not r's any more.
func (r *relay) book() {
	l, ex := r.l, r.ex
	if ex.overAt == 0 {
		ex.overAt = r.g.clock() // the loop may take a while
	}
	if !l.do(func() { l.end(ex) }) {
		ex.close()
		r.g.record(ex)
	}
}

// uncount takes the connection to the endpoint out of its count.
func (r *relay) uncount() {
	if r.was.counted {
		r.was.counted = false
		r.to.CloseConn()
	}
}

func (r *relay) giveBackUp() {
	if r.up.RemoteAddr() == nil { // it was reset before the relay took it over: Enroll would trip over that
		_ = r.up.Close()
		r.uncount()
		return
	}
	_ = r.up.SetDeadline(time.Time{})
	if !r.upSide().settle() {
		r.upSide().close()
		r.uncount()
		return
	}
	u := &upstreamConn{endpoint: r.to, pool: r.was.pool, born: r.was.born, uses: r.was.uses, counted: r.was.counted, tls: r.was.tls, state: upBusy}
	u.timer.owner = u
	r.was.counted = false
	r.l.do(func() { r.l.dials++ }) // opened takes it off again
	if _, err := r.l.client.EnrollContext(r.up, u); err != nil {
		r.l.do(func() { r.l.dials-- })
		u.uncount()
	}
}

func (r *relay) giveBackClient() {
	if r.client.RemoteAddr() == nil { // as in giveBackUp
		_ = r.client.Close()
		r.from.listener.release()
		return
	}
	_ = r.client.SetDeadline(time.Time{})
	d := newDownstream(r.from.listener, r.from.peer, r.from.peerText)
	d.in, d.served = r.fromClient, true
	r.l.connCount.Add(1)
	if _, err := r.l.client.EnrollContext(r.client, d); err != nil {
		r.l.connCount.Add(-1)
		r.from.listener.release()
	}
}

// write writes all of p to the client, with the deadline of [writeAll].
func (r *relay) write(c *net.TCPConn, p []byte) error {
	r.g.relayed.sent.Add(uint64(len(p)))
	return writeAll(c, p, r.ex.snap.Plan.Timeouts.Body)
}

// cut breaks off both connections, from another goroutine.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isCut {
		r.isCut = true
		r.breakOff()
	}
}

// breakOff makes every blocked call return, with an end of the stream or an error. The relay's own goroutine then
// closes what there is.
func (r *relay) breakOff() {
	for _, c := range []*net.TCPConn{r.client, r.up} {
		if c != nil {
			_ = unixShutdown(c)
		}
	}
}
