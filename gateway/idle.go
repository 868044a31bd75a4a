package gateway

import (
	"golang.org/x/sys/unix"

	"graygate/upstream"
)

// idleStack holds a loop's idle connections to one endpoint. The last one put in is the first one taken: it is the
// least likely to be about to be closed by the other side, and those that are not needed grow old and go.
type idleStack struct {
	conns  []*upstreamConn
	dials  int   // connections that are being made to the endpoint
	failed int64 // when one last could not be made, on the loop's clock; 0: never
}

func (s *idleStack) remove(u *upstreamConn) {
	last := len(s.conns) - 1
	s.conns[u.idleAt] = s.conns[last]
	s.conns[u.idleAt].idleAt = u.idleAt
	s.conns[last] = nil
	s.conns = s.conns[:last]
}

// closeRemoved closes what there is to an endpoint that is gone, and gives back the room of a stack without connections.
func (s *idleStack) closeRemoved(l *loop) {
	for len(s.conns) > 0 {
		u := s.conns[len(s.conns)-1]
		if !u.endpoint.Removed() {
			return // all of a stack are to one endpoint
		}
		u.close(l)
	}
	s.conns = nil
}

// idleOf gives the loop's idle connections to an endpoint; borrowed until it is called again.
func (l *loop) idleOf(e *upstream.Endpoint) *idleStack {
	for e.ID >= len(l.idle) {
		l.idle = append(l.idle, idleStack{})
	}
	return &l.idle[e.ID]
}

// closeRemoved closes the idle connections to endpoints that are no longer there.
func (l *loop) closeRemoved() {
	for i := range l.idle {
		l.idle[i].closeRemoved(l)
	}
}

// putIdle keeps a connection for the next request, or closes it if there are enough, or its endpoint is gone.
func (l *loop) putIdle(u *upstreamConn) {
	u.ex, u.client = nil, nil
	s := l.idleOf(u.endpoint)
	limits := &u.pool.Limits
	most := limits.Idle
	if most == 0 {
		most = maxIdlePerEndpoint
	}
	if u.endpoint.Removed() || len(s.conns) >= most || u.broken || u.unfit(u.pool) || l.g.draining.Load() || limits.Requests > 0 && u.uses >= limits.Requests || u.old(l) || l.yields(u.endpoint) {
		u.state = upBusy
		u.close(l)
		return
	}
	u.state, u.idleAt = upIdle, len(s.conns)
	s.conns = append(s.conns, u)
	until := l.now + int64(l.g.force.Load().Plan.Timeouts.UpstreamIdle)
	if limits.Age > 0 {
		until = min(until, u.born+int64(limits.Age))
	}
	l.wheel.set(&u.timer, until)
}

// old reports whether the connection is as old as it may become.
func (u *upstreamConn) old(l *loop) bool {
	age := u.pool.Limits.Age
	return age > 0 && l.now-u.born >= int64(age)
}

// tendIdle is done every tick: it opens connections ahead of requests, and closes one of which another loop has need.
func (l *loop) tendIdle() {
	if n := l.g.findings.Load(); n != l.findings {
		l.findings = n
		l.closeRemoved()
	}
	if w := l.g.wanted.Load(); w != nil && w.endpoint.ID < len(l.idle) {
		if s := &l.idle[w.endpoint.ID]; len(s.conns) > 0 && l.yields(w.endpoint) {
			s.conns[0].close(l)
		}
	}
	if len(l.warm) > 0 && !l.g.draining.Load() {
		l.warmUp()
	}
}

// warmUp begins some of the connections that are missing.
func (l *loop) warmUp() {
	left := warmPerTick
	for _, p := range l.warm {
		for _, e := range p.Endpoints() {
			s := l.idleOf(e)
			have := len(s.conns) + s.dials
			if s.failed > 0 && l.now-s.failed < int64(warmAgain) {
				continue
			}
			if state, _ := e.State(l.now); state > upstream.Warming {
				continue
			}
			for ; have < p.Limits.Warm && left > 0 && l.dials < maxDialsPerLoop && e.OpenConn(); have, left = have+1, left-1 {
				l.begin(l.newUpstream(e, p))
			}
		}
	}
}

// want is an endpoint to which a loop may not open one more connection, while others may hold some.
type want struct {
	endpoint *upstream.Endpoint
	loop     int
	at       int64 // on the precise clock
}

// wanted tells the other loops so. The first of them that has an idle connection there, or is about to, closes it: without
// that a loop whose requests come one after the other would keep what it has for good.
func (l *loop) wanted(e *upstream.Endpoint) {
	if len(l.g.loops) > 1 {
		l.g.wanted.Store(&want{e, l.id, l.g.clock()})
	}
}

// yields reports whether a connection to e is to be closed for another loop, and takes it upon itself. One load while nobody
// wants any.
func (l *loop) yields(e *upstream.Endpoint) bool {
	w := l.g.wanted.Load()
	return w != nil && w.endpoint == e && w.loop != l.id && l.now-w.at < int64(2*tick) && l.g.wanted.CompareAndSwap(w, nil)
}

// takeIdle gives an idle connection to e, nil if there is none. careful: the request cannot be sent again, so a look
// at the socket first finds most of those that the upstream has closed and whose end has not been reported yet.
func (l *loop) takeIdle(e *upstream.Endpoint, p *upstream.Pool, careful bool) *upstreamConn {
	if e.ID >= len(l.idle) {
		return nil
	}
	s := &l.idle[e.ID]
	for len(s.conns) > 0 {
		u := s.conns[len(s.conns)-1]
		if u.endpoint != e {
			return nil // e was removed long ago, and its ID is another's now
		}
		if u.old(l) || u.unfit(p) {
			u.close(l)
			continue
		}
		if careful && !u.quiet(l) {
			u.close(l)
			continue
		}
		s.remove(u)
		return u
	}
	return nil
}

// quiet reports whether a socket is open with nothing to read.
func quiet(fd int) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}} // unlike unix.Recvfrom, it allocates nothing
	n, err := unix.Poll(p[:], 0)
	return n == 0 && err == nil
}
