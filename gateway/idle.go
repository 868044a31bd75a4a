package gateway

import (
	"golang.org/x/sys/unix"

	"graygate/upstream"
)

// idleStack holds a loop's idle connections to one endpoint. The last one put in is the first one taken: it is the
// least likely to be about to be closed by the other side, and those that are not needed grow old and go.
type idleStack struct{ conns []*upstreamConn }

func (s *idleStack) remove(u *upstreamConn) {
	last := len(s.conns) - 1
	s.conns[u.idleAt] = s.conns[last]
	s.conns[u.idleAt].idleAt = u.idleAt
	s.conns[last] = nil
	s.conns = s.conns[:last]
}

func (s *idleStack) closeRemoved(l *loop) {
	for len(s.conns) > 0 {
		u := s.conns[len(s.conns)-1]
		if !u.endpoint.Removed() {
			return // all of a stack are to one endpoint
		}
		u.close(l)
	}
}

// putIdle keeps a connection for the next request, or closes it if there are enough, or its endpoint is gone.
func (l *loop) putIdle(u *upstreamConn) {
	u.ex, u.client = nil, nil
	for u.endpoint.ID >= len(l.idle) {
		l.idle = append(l.idle, idleStack{})
	}
	s := &l.idle[u.endpoint.ID]
	if u.endpoint.Removed() || len(s.conns) >= maxIdlePerEndpoint || u.broken || l.g.draining.Load() {
		u.state = upBusy
		u.close(l)
		return
	}
	u.state, u.idleAt = upIdle, len(s.conns)
	s.conns = append(s.conns, u)
	l.wheel.set(&u.timer, l.now+int64(l.g.force.Load().Plan.Timeouts.UpstreamIdle))
}

// takeIdle gives an idle connection to e, nil if there is none. careful: the request cannot be sent again, so a look
// at the socket first finds most of those that the upstream has closed and whose end has not been reported yet.
func (l *loop) takeIdle(e *upstream.Endpoint, careful bool) *upstreamConn {
	if e.ID >= len(l.idle) {
		return nil
	}
	s := &l.idle[e.ID]
	for len(s.conns) > 0 {
		u := s.conns[len(s.conns)-1]
		if careful && !quiet(u.fd) {
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
