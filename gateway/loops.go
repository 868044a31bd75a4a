package gateway

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// startLoops starts n event loops and their clock.
//
// Each loop is a gnet client of its own with one loop in it: a client is a set of loops without a listener, and with
// one loop to a client it is we who choose where a connection goes, and each loop's handler can be its own state.
func (g *Gateway) startLoops(n int) error {
	// More processors of the scheduler's than there are loops: while none is idle, Go takes that of a loop in a system call away
	// after 20 us, and the loop must fight to get one back (seen as 9 % of the CPU time). One more serves for what happens beside;
	// another one for what gives way, and has a processor even while it waits for a core.
	const spare = 2
	if runtime.GOMAXPROCS(0) < n+spare {
		runtime.GOMAXPROCS(n + spare)
	}
	for id := range n {
		l := &loop{g: g, id: id, now: g.clock(), wall: time.Now(), conns: map[*downstream]struct{}{}}
		var seed [32]byte
		if _, err := rand.Read(seed[:]); err != nil {
			return err
		}
		l.random = mathrand.NewChaCha8(seed)
		l.drawn = l.random.Uint64()
		l.wheel.init(tick)
		l.poll.owner = queueTicker{}
		l.fine.start(l)
		if err := l.start(); err != nil {
			return fmt.Errorf("event loop %d: %w", id, err)
		}
		g.loops = append(g.loops, l)
	}
	g.ticks.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				for _, l := range g.loops {
					l.hopTick()
				}
			case <-g.stopTicks:
				return
			}
		}
	})
	return nil
}

// start starts the loop and learns how to run something on it, which gnet tells only by a connection.
func (l *loop) start() error {
	var err error
	l.client, err = gnet.NewClient(l, gnet.WithNumEventLoop(1), gnet.WithLogger(gnetLog{l.g.log}), gnet.WithTCPNoDelay(gnet.TCPDelay)) // package net has set TCP_NODELAY already
	if err != nil {
		return err
	}
	if err := l.client.Start(); err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.doorPeer = os.NewFile(uintptr(pair[1]), "")
	near := os.NewFile(uintptr(pair[0]), "")
	conn, err := net.FileConn(near)
	_ = near.Close()
	if err != nil {
		return err
	}
	l.door, err = l.client.EnrollContext(conn, door{})
	if err != nil {
		return err
	}
	l.events = l.door.EventLoop()
	return nil
}

func (g *Gateway) stopLoops() {
	g.end()
	close(g.stopTicks)
	g.ticks.Wait()
	for _, l := range g.loops {
		l.fine.stop()
		_ = l.client.Stop()
		_ = l.doorPeer.Close()
	}
}
