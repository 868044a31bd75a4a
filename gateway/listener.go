package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"graygate/config"
)

// listener accepts clients and hands them to the loops. The accepting is ours and not gnet's, so that a listener can
// come and go at run time, be inherited, drain, and count.
type listener struct {
	g       *Gateway
	address string // as in the config
	socket  *net.TCPListener
	max     atomic.Int64 // connections
	live    atomic.Int64
	taken   atomic.Uint64 // connections so far
	refused atomic.Uint64
	said    atomic.Int64 // when a refusal was last logged
	closed  atomic.Bool  // taken out of the config, or draining
	running sync.WaitGroup
}

// acceptors is how many goroutines accept on one listener: each waits until its connection is part of a loop, and
// meanwhile another can take the next.
const acceptors = 4

// refusing bounds the refusals that are being said at once; beyond it a connection is closed without a word.
const refusing = 128

// listen opens a listener, or takes the inherited one of the same address.
func (g *Gateway) listen(c config.Listener) (*listener, error) {
	ln := &listener{g: g, address: c.Address}
	for i, socket := range g.inherited {
		if socket != nil && SameAddress(socket.Addr(), c.Address) {
			g.inherited[i] = nil
			ln.socket = socket
			return ln, nil
		}
	}
	socket, err := (&net.ListenConfig{KeepAlive: -1}).Listen(context.Background(), "tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", c.Address, err)
	}
	ln.socket = socket.(*net.TCPListener)
	return ln, nil
}

// SameAddress reports whether a socket is the one that the config's address would open. An empty host is any address.
func SameAddress(have net.Addr, want string) bool {
	host, port, err := net.SplitHostPort(want)
	if err != nil {
		return false
	}
	tcp, ok := have.(*net.TCPAddr)
	if !ok || fmt.Sprint(tcp.Port) != port {
		return false
	}
	if host == "" {
		return tcp.IP.IsUnspecified()
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.Equal(tcp.IP)
}

func (ln *listener) start() {
	for range acceptors {
		ln.running.Go(ln.accept)
	}
}

// stop ends the accepting. What the kernel has already accepted is taken first: those clients were told that they
// are connected.
func (ln *listener) stop() {
	if ln.closed.Swap(true) {
		return
	}
	ln.g.closedListeners.Add(1)
	_ = ln.socket.SetDeadline(time.Now().Add(20 * time.Millisecond))
	ln.running.Wait()
	_ = ln.socket.Close()
}

func (ln *listener) accept() {
	var pause time.Duration
	for {
		conn, err := ln.socket.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ln.closed.Load() {
				return
			}
			// Out of descriptors or memory: those that are connected go on, and give theirs back in time.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			ln.say("cannot accept", "error", err)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if ln.live.Add(1) > ln.max.Load() {
			ln.live.Add(-1)
			ln.refuse(conn)
			continue
		}
		ln.enroll(conn)
	}
}

// enroll makes the connection part of the loop that has the fewest.
func (ln *listener) enroll(conn *net.TCPConn) {
	peer := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	l := ln.g.loops[0]
	for _, other := range ln.g.loops[1:] {
		if other.connCount.Load() < l.connCount.Load() {
			l = other
		}
	}
	l.connCount.Add(1)
	ln.taken.Add(1)
	if _, err := l.client.EnrollContext(conn, newDownstream(ln, peer, peer.String())); err != nil {
		l.connCount.Add(-1)
		ln.release()
		ln.say("a connection could not be taken in", "error", err)
	}
}

// release gives back one of the listener's connections. Safe for concurrent use.
func (ln *listener) release() { ln.live.Add(-1) }

// refuse says 503 to a connection above the limit, off the accepting goroutine, within bounds of time and number.
func (ln *listener) refuse(conn *net.TCPConn) {
	n := ln.refused.Add(1)
	ln.say("connection refused: the listener is full", "limit", "max_connections", "value", ln.max.Load(), "refused", n)
	if ln.g.refusing.Add(1) > refusing {
		ln.g.refusing.Add(-1)
		_ = conn.Close()
		return
	}
	go func() {
		defer ln.g.refusing.Add(-1)
		defer conn.Close()
		ex := exchange{passing: passing{closeDown: true}}
		answer := ex.appendLocalAnswer(nil, faultTooMany, dateNow())
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(answer)
		_ = conn.CloseWrite()
		_, _ = io.CopyN(io.Discard, conn, 64<<10)
	}()
}

// say logs at most once a second for the listener.
func (ln *listener) say(what string, args ...any) {
	now, last := ln.g.clock(), ln.said.Load()
	if (last == 0 || now-last > int64(time.Second)) && ln.said.CompareAndSwap(last, max(now, 1)) {
		ln.g.log.Warn(what, append([]any{"listener", ln.address}, args...)...)
	}
}

// autoConnections is the limit of a listener that has none in the config: half of the descriptors that the process
// may have, since each request may need one to the upstream, less those that everything else needs, shared evenly.
func autoConnections(listeners int) int64 {
	const others = 256
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		limit.Cur = 1024
	}
	available := min(limit.Cur, 1<<21)
	return max(int64(available)-others, 64) / 2 / int64(max(listeners, 1))
}
