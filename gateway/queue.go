package gateway

import "graygate/upstream"

// waiting is a loop's queue of requests for one pool, all of whose endpoints have as much as they may. First come, first
// served, on this loop; how many wait on all loops and in relays is bounded by the pool.
type waiting struct {
	first, last *exchange
	n           int
}

// queueOf gives the loop's queue for a pool.
func (l *loop) queueOf(p *upstream.Pool) *waiting {
	for p.Index >= len(l.queues) {
		l.queues = append(l.queues, &waiting{})
	}
	return l.queues[p.Index]
}

// wait puts a request that no endpoint has room for into the queue, if there is one with room.
func (l *loop) wait(ex *exchange) bool {
	limits := &ex.pool.Limits
	q := l.queueOf(ex.pool)
	if !ex.pool.Wait() {
		return false
	}
	ex.waits = q
	if ex.before = q.last; q.last != nil {
		q.last.behind = ex
	} else {
		q.first = ex
	}
	q.last = ex
	q.n++
	l.queued++
	l.counters.queued++
	now := l.g.clock()
	ex.waitsFrom = max(now, 1)
	ex.attempts, ex.patience.owner = 0, (*perTry)(ex)
	l.later(&ex.patience, now, limits.QueueTimeout)
	if l.poll.deadline == 0 {
		l.soon(&l.poll, now, queuePoll)
	}
	return true
}

// leaveQueue takes a request out of its queue, if it stands in one.
func (l *loop) leaveQueue(ex *exchange) {
	if ex.waits != nil {
		l.unqueue(ex)
		ex.proceed()
	}
}

// proceed gives back the request's place among those that wait, if it has one.
func (ex *exchange) proceed() {
	if ex.waitsFrom != 0 {
		ex.waitsFrom = 0
		ex.pool.Proceed()
	}
}

// unqueue takes a request out of the loop's queue. Its place among all that wait it keeps.
func (l *loop) unqueue(ex *exchange) {
	q := ex.waits
	if ex.before != nil {
		ex.before.behind = ex.behind
	} else {
		q.first = ex.behind
	}
	if ex.behind != nil {
		ex.behind.before = ex.before
	} else {
		q.last = ex.before
	}
	ex.waits, ex.before, ex.behind = nil, nil, nil
	ex.patience.deadline = 0
	q.n--
	l.queued--
}

// serveQueues goes on with the requests that an endpoint has room for now. Called at the end of an event in which some may
// have been made, and every few milliseconds while somebody waits: what other loops make room for is not told.
func (l *loop) serveQueues() {
	l.freed = false
	if l.queued == 0 {
		return
	}
	for _, q := range l.queues {
		for range q.n {
			ex := q.first
			now := l.g.clock()
			refusal := ex.begin(&ex.ticket, now, l.draw())
			if refusal == upstream.Full {
				break
			}
			d := ex.d
			if refusal != upstream.OK {
				l.leaveQueue(ex)
				l.fail(ex, refusedBy(refusal))
				d.resume(l)
				continue
			}
			ex.at = now
			if !l.connected(ex) {
				l.wanted(ex.ticket.Endpoint)
				ex.giveUp(&ex.ticket, now)
				break
			}
			l.leaveQueue(ex)
			d.goOn(l)
		}
	}
}

// perTry is an exchange as the owner of its patience.
type perTry exchange

func (p *perTry) expire(l *loop) {
	ex := (*exchange)(p)
	d := ex.d
	defer l.guard(d)
	switch {
	case ex.waits != nil:
		l.leaveQueue(ex)
		l.fail(ex, faultQueueTimeout)
		d.resume(l)
	case ex.phase != awaitHead || ex.u == nil && ex.dialing == nil:
	default:
		l.tryAgain(ex, tookTooLong, 0, faultTryTimeout)
	}
}

// queueTicker turns the queues while somebody waits in them.
type queueTicker struct{}

func (queueTicker) expire(l *loop) {
	l.serveQueues()
	if l.queued > 0 {
		l.soon(&l.poll, l.g.clock(), queuePoll)
	}
}
