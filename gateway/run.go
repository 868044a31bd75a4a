package gateway

import (
	"graygate/breaker"
	"graygate/gateway/http1"
)

// The life of an exchange on its loop: begun, pumped, completed or failed, ended.

// beginExchange parses the head, decides, and builds the head that goes upstream. When it returns, the exchange
// stands in d.ex, or it has been answered already.
func (l *loop) beginExchange(d *downstream, force *inForce, head []byte) {
	r, snap := &l.request, force.Snapshot
	ex := l.newExchange()
	ex.snap, ex.d, ex.listener, d.ex = snap, d, d.listener, ex
	l.arrive(ex, d, force)
	ex.bytesIn = int64(len(head))
	if err := http1.ParseRequest(head, r, l.g.headLimits(snap)); err != nil {
		ex.closeDown = true
		ex.arrived.Store(true)
		l.fail(ex, clientFault(err))
		return
	}
	l.describe(ex, r)
	ex.method, ex.minor, ex.closeDown = r.Method, r.Minor, r.Close
	ex.askedClose = r.Close
	ex.body.Reset(r.Framing, r.Length)
	if r.Framing == http1.Chunked {
		omitNamed(&ex.body, r.Fields)
	}
	ex.arrived.Store(ex.body.Done())
	ex.bodyFrame, ex.bodyLength, ex.bodyLimit = r.Framing, r.Length, snap.Plan.Limits.BodySize
	ex.upgrade = len(r.Upgrade) > 0 // also for what is refused here: it closes the connection
	from := origin{peer: d.peerText, trusted: trusts(snap, d.peer)}
	l.identify(&from)
	l.follow(ex, r, &from)
	if fault := ex.refused(r); fault != nil {
		l.fail(ex, fault)
		return
	}
	if l.sheds() {
		l.counters.shed++
		l.fail(ex, faultOverload)
		return
	}
	if !l.entered(force) {
		l.enter(force)
	}
	address := d.peer
	if from.trusted {
		address = clientAddress(d.peer, r, snap)
	}
	decision := l.decide(ex, r, address)
	if decision.Route == nil {
		l.fail(ex, faultNoRoute)
		return
	}
	if fault := l.admit(ex, l.decider.Attributes()); fault != nil {
		l.fail(ex, fault)
		return
	}
	ex.whole = true
	ex.appendRequestHead(r, &from, &decision)
}

// arrive notes where and when an exchange has begun. Until its route is known it counts as one without.
func (l *loop) arrive(ex *exchange, d *downstream, force *inForce) {
	ex.arrivedAt = l.g.clock()
	ex.began, ex.client, ex.loop = l.timeOf(ex.arrivedAt), d.peerText, l.id
	ex.series = force.meters.unrouted
	ex.settledIn = l.now-d.openedAt >= int64(keepAliveLeast)
	l.counters.requests++
}

// refused is what is asked of a request before it is routed.
func (ex *exchange) refused(r *http1.Request) *Fault {
	if ex.bodyLimit >= 0 && r.Framing == http1.ByLength && r.Length > ex.bodyLimit {
		return faultBodyTooLarge
	}
	if http1.EqualFold(r.Upgrade, "websocket") && len(r.Get(http1.SecWebSocketKey)) == 0 {
		return faultBadUpgrade // RFC 6455 4.2.1
	}
	return nil
}

// pump moves the request on: body bytes from in, a connection if there is none, and what there is to the upstream.
// It returns how many bytes of in were used; stop: nothing more can be done with the rest of in now. When the
// exchange has ended meanwhile, the client's d.ex is no longer ex.
func (l *loop) pump(ex *exchange, in []byte) (used int, stop bool) {
	d := ex.d
	for {
		n, fault := ex.takeBody(in[used:], replayBytes)
		used += n
		if fault != nil {
			l.fail(ex, fault)
			return used, false
		}
		full := len(ex.out)-ex.sent >= replayBytes // then n is 0 for want of room, which flush makes
		if ex.u == nil && ex.dialing == nil && ex.waits == nil && !l.dispatch(ex) {
			return used, false
		}
		if ex.u != nil {
			l.flush(ex)
		}
		if ex.leave || ex.u == nil || n == 0 && !full || ex.requestDone() {
			break
		}
	}
	timeouts := &ex.snap.Plan.Timeouts
	switch done := ex.requestDone(); {
	case !done:
		ex.tardy = true
	case ex.tardy && ex.wholeAt.Load() == 0:
		ex.wholeAt.Store(l.g.clock())
	}
	switch {
	case !ex.requestDone():
		l.wheel.set(&d.timer, l.now+int64(timeouts.Body))
		if ex.u != nil && ex.body.Remaining() > relayBytes {
			ex.leave = true
		}
	case ex.u != nil:
		l.wheel.set(&d.timer, 0)
		if ex.phase == awaitHead && ex.u.timer.deadline == 0 {
			l.wheel.set(&ex.u.timer, l.now+int64(timeouts.ResponseHead))
		}
	default:
		l.wheel.set(&d.timer, 0)
	}
	if ex.requestDone() && ex.waits == nil {
		l.watch(ex, max(ex.at, ex.wholeAt.Load()))
	}
	return used, true
}

// complete sends the last bytes of an answer and ends its exchange.
func (l *loop) complete(ex *exchange, out []byte) {
	d, u := ex.d, ex.u
	pieces := ex.begun // the answer came in more than one piece
	ex.begun = true
	rest := d.send(l, out, true, ex.closeDown)
	if d.state != downOpen {
		return
	}
	now := ex.headAt
	if pieces {
		now = l.g.clock()
	}
	ex.overAt = now
	l.finish(ex, now)
	ex.bytesOut += int64(len(out)) // what is left of it goes to a relay
	if u != nil {
		u.ex, ex.u = nil, nil
		// What stands behind the last of many pieces is not in the same read. To look for it is one call for many, and
		// keeps it from being taken for the next answer.
		if ex.keepUp && (!pieces || u.quiet(l)) {
			l.freeBuffer(u.in)
			u.in = nil
			l.putIdle(u)
		} else {
			u.close(l)
		}
	}
	if rest != nil {
		ex.overAt = 0
		l.leave(ex, d.in, rest, nil)
		return
	}
	closing, linger := ex.closeDown, ex.lingers() || len(d.in) > 0
	idle := ex.snap.Plan.Timeouts.Idle
	l.end(ex)
	if closing {
		d.finish(l, linger)
		return
	}
	d.ready(l, idle)
	d.resume(l)
}

// lingers reports whether the client may still be sending when its connection is closed after this answer.
func (ex *exchange) lingers() bool { return !ex.requestDone() || !ex.askedClose }

// resume goes on with input that waited for the answer before.
func (d *downstream) resume(l *loop) {
	if d.state == downOpen && d.ex == nil && len(d.in) > 0 {
		d.goOn(l)
	}
}

// refuse answers a client that has not even a whole head, and closes.
func (l *loop) refuse(d *downstream, force *inForce, fault *Fault) {
	ex := l.newExchange()
	ex.snap, ex.d, ex.listener, d.ex = force.Snapshot, d, d.listener, ex
	l.arrive(ex, d, force)
	ex.closeDown = true
	ex.arrived.Store(true)
	l.fail(ex, fault)
}

// fail ends an exchange by a fault: with an answer of our own if nothing of another was sent, else by cutting the
// client's connection, so that it can tell.
func (l *loop) fail(ex *exchange, fault *Fault) {
	d := ex.d
	ex.fault = fault
	l.dropUpstream(ex)
	if ex.begun {
		ex.cut = true
		framed := ex.framed()
		l.end(ex)
		if framed {
			d.finish(l, true)
			return
		}
		d.ex = nil
		d.reset(l)
		return
	}
	closing := ex.closeDown || fault.ends() || !ex.requestDone() || ex.upgrade || l.g.draining.Load() || ex.sendsAway()
	ex.closeDown = closing
	l.out = ex.appendLocalAnswer(l.out[:0], fault, l.httpDate())
	ex.status = fault.Status
	ex.bytesOut += int64(len(l.out))
	idle := ex.snap.Plan.Timeouts.Idle
	rest := d.send(l, l.out, true, closing)
	if d.state != downOpen {
		return
	}
	l.end(ex)
	switch {
	case rest != nil: // a client that does not read even its refusal
		d.ex = nil
		d.reset(l)
	case closing:
		d.finish(l, true)
	default:
		d.ready(l, idle)
	}
}

// framed reports whether the client can tell from the framing that an answer broke off. Then the end of the stream is
// enough; a RST would also destroy answers before this one that are still on their way.
func (ex *exchange) framed() bool { return ex.answerFrame != http1.UntilClose }

// abandon ends an exchange whose client is gone.
func (l *loop) abandon(ex *exchange, fault *Fault) {
	ex.fault = fault
	if ex.status == 0 {
		ex.status = fault.Status // 499: said in the log alone
	}
	l.dropUpstream(ex)
	l.end(ex)
}

// dropUpstream parts an exchange from its endpoints, whose answers can no longer be used.
func (l *loop) dropUpstream(ex *exchange) {
	l.leaveQueue(ex)
	l.part(&ex.attempt)
	if ex.ticket.Live() {
		l.finish(ex, l.g.clock())
	}
	if ex.hedge.ticket.Live() {
		l.dropHedge(ex, breaker.Ignored)
	}
}

// finish ends the attempt at hand, and leaves room for who waits.
func (l *loop) finish(ex *exchange, now int64) {
	ex.finish(now)
	l.freed = l.freed || l.queued > 0
}

// end writes the exchange into the books and frees it.
func (l *loop) end(ex *exchange) {
	if ex.servedBy() == 1 {
		l.counters.fallbacks++
	}
	switch {
	case ex.fault == nil:
		l.counters.answered++
	case ex.cut:
		l.counters.cut++
	case !ex.begun && ex.status == ex.fault.Status:
		l.counters.local++
	}
	ex.close()
	l.g.record(ex)
	l.freeExchange(ex)
}

// close gives back what the exchange still holds, wherever it has ended. Safe for concurrent use with other exchanges.
func (ex *exchange) close() {
	if ex.ticket.Live() {
		ex.finish(ex.g.clock())
	}
	ex.proceed()
	ex.release()
}
