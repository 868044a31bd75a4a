package gateway

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

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
}

// leave takes an exchange and its connections out of the loop. The slices are copied: inClient was read from the
// client and not used, toClient is to be written to it, inUp was read from the upstream and not used. ex.u may be
// nil: nobody is connected yet, or the answer is over and only its end is left to write.
func (l *loop) leave(ex *exchange, inClient, toClient, inUp []byte) {
	d := ex.d
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
		u.ex, ex.u = nil, nil
		u.close(l)
	}
	if u := ex.dialing; u != nil {
		u.ex, ex.dialing = nil, nil
		ex.attempts--
		ex.asked--
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
	if r.isCut {
		r.breakOff()
	}
}

// connect finds an endpoint, as the loop's dispatch does, but waits for the connection.
func (r *relay) connect() *Fault {
	for {
		e := r.ex.next(uint32(r.g.clock()>>10), r.g.clock())
		if e == nil {
			return faultNoEndpoint
		}
		conn, err := r.g.dialEndpoint(e, r.ex.pool.ConnectTimeout)
		if err != nil {
			e.Breaker.Failure(r.g.clock())
			continue
		}
		e.Breaker.Success()
		r.to, r.ex.fresh = e, true
		r.own(r.client, conn.(*net.TCPConn))
		return nil
	}
}

// exchange carries both directions until the answer is over.
func (r *relay) exchange() {
	if !r.ex.requestDone() || r.ex.sent < len(r.ex.out) {
		r.uploaded = make(chan struct{})
		go r.upload()
	} else {
		r.expectHead()
	}
	fault := r.download()
	if fault == faultUpstreamClosed && r.again() {
		if fault = r.connect(); fault == nil {
			r.exchange()
			return
		}
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

// again prepares a request for being sent once more, as the loop does, if its connection was a kept one that has ended
// without a byte of an answer, and no upload was needed here, which keeps nothing.
func (r *relay) again() bool {
	if r.answering || r.uploaded != nil || !r.ex.again() {
		return false
	}
	_ = r.up.Close()
	r.ex.rewind()
	r.l.do(func() { r.l.counters.retries++ })
	return true
}

// fail ends the exchange by a fault, as the loop's fail does.
func (r *relay) fail(fault *Fault) {
	r.stopUpload()
	ex := r.ex
	ex.fault = fault
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
	if r.up != nil {
		if whole && ex.keepUp && !r.to.Removed() && ex.phase == answered {
			r.giveBackUp()
		} else {
			_ = r.up.Close()
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
	if !l.do(func() { l.end(ex) }) {
		r.g.logExchange(ex)
	}
}

func (r *relay) giveBackUp() {
	if r.up.RemoteAddr() == nil { // it was reset before the relay took it over: Enroll would trip over that
		_ = r.up.Close()
		return
	}
	_ = r.up.SetDeadline(time.Time{})
	u := &upstreamConn{endpoint: r.to, state: upBusy}
	u.timer.owner = u
	r.l.do(func() { r.l.dials++ }) // opened takes it off again
	if _, err := r.l.client.EnrollContext(r.up, u); err != nil {
		r.l.do(func() { r.l.dials-- })
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

// write writes all of p. Its deadline is one of progress: a peer that takes something within each time-out may be
// as slow as it likes.
func (r *relay) write(c *net.TCPConn, p []byte) error {
	timeout := r.ex.snap.Plan.Timeouts.Body
	for len(p) > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(timeout))
		n, err := c.Write(p)
		p = p[n:]
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return err
		}
	}
	return nil
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
