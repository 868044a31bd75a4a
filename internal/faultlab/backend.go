package faultlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Backend is an HTTP server on loopback that fails as it is told, while it runs. It holds its port for as long as it
// lives: while it is down connections are refused, and nobody else can take the port. Its methods may be called concurrently.
type Backend struct {
	Name   string // as in X-Backend of its answers
	Addr   string // host:port
	Ledger *Ledger

	hold  int // a socket that is bound to the port and does not listen
	seed  uint64
	turns atomic.Uint64
	how   atomic.Pointer[behaviour]

	mu      sync.Mutex
	life    *life // nil while it is down
	arrived []Arrival
	serving sync.WaitGroup
}

// Behaviour is how a backend answers. The zero value answers 200 at once.
type Behaviour struct {
	Delay    time.Duration // before each answer
	Jitter   time.Duration // up to as much more
	AtOnce   int           // requests that are worked on at the same time; the others wait for their turn. 0: any number
	Hang     bool          // requests are read and never answered
	Errors   float64       // the share of requests answered 500, chosen at random
	EveryNth int           // every n-th request is answered 500; 2 alternates
	Cut      Cut           // answers that break off
}

// Cut is where answers break off, by a reset.
type Cut uint8

// The places.
const (
	Whole Cut = iota
	MidHead
	MidBody
)

// behaviour is a Behaviour at work.
type behaviour struct {
	Behaviour
	places chan struct{} // nil: any number at once
}

// Arrival is a request that a backend has read to its end, checks of its health left aside.
type Arrival struct {
	At     time.Time
	Method string
	Gray   bool // as X-Gray-Tag says
	Failed bool // it is not answered, or not well
}

// life is the time from one Up to the next Kill or Drain.
type life struct {
	listener net.Listener
	over     context.Context // done when all its connections are to end
	end      context.CancelFunc

	draining atomic.Bool
	mu       sync.Mutex
	conns    map[*serverConn]struct{}
}

// NewBackend starts a backend on an address: a port of 0 is any free one. What it does at random follows from the seed. The
// ledger may be nil.
func NewBackend(name, address string, seed uint64, ledger *Ledger) (*Backend, error) {
	b := &Backend{Name: name, Ledger: ledger, seed: seed}
	b.Behave(Behaviour{})
	if err := b.reserve(address); err != nil {
		return nil, fmt.Errorf("backend %s: %w", name, err)
	}
	if err := b.Up(); err != nil {
		_ = unix.Close(b.hold)
		return nil, err
	}
	return b, nil
}

// Behave has it answer so from the next request on.
func (b *Backend) Behave(how Behaviour) {
	x := &behaviour{Behaviour: how}
	if how.AtOnce > 0 {
		x.places = make(chan struct{}, how.AtOnce)
	}
	b.how.Store(x)
}

// Up has it listen, on the port that it has always had. If it does already, nothing changes.
func (b *Backend) Up() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.life != nil {
		return nil
	}
	listening := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	listener, err := listening.Listen(context.Background(), "tcp", b.Addr)
	if err != nil {
		return fmt.Errorf("backend %s: %w", b.Name, err)
	}
	x := &life{listener: listener, conns: map[*serverConn]struct{}{}}
	x.over, x.end = context.WithCancel(context.Background())
	b.life = x
	b.serving.Go(func() { b.accept(x) })
	return nil
}

// Kill ends it as the end of a process does: connections are reset, whatever they are at, and new ones are refused.
func (b *Backend) Kill() {
	if x := b.depart(); x != nil {
		x.cut()
	}
}

// Drain ends it in order: new connections are refused, what is under way is answered, and says that it is the last on its
// connection. It returns when all is over.
func (b *Backend) Drain() {
	x := b.depart()
	if x == nil {
		return
	}
	x.draining.Store(true)
	for end := time.Now().Add(drainPatience); x.dismissIdle() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	x.cut()
}

// Flap has it go down and come up again, half of each period, until ctx is done; then it is up. It returns at once; the channel
// is closed at the end.
func (b *Backend) Flap(ctx context.Context, period time.Duration) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		turn := time.NewTicker(period / 2)
		defer turn.Stop()
		for down := true; ; down = !down {
			if down {
				b.Kill()
			} else if b.Up() != nil {
				return
			}
			select {
			case <-turn.C:
			case <-ctx.Done():
				_ = b.Up()
				return
			}
		}
	}()
	return done
}

// Close kills it for good and waits for its goroutines.
func (b *Backend) Close() {
	b.Kill()
	b.serving.Wait()
	_ = unix.Close(b.hold)
}

// Arrivals are the requests that it has read, in order.
func (b *Backend) Arrivals() []Arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.arrived[:len(b.arrived):len(b.arrived)]
}

// reserve binds a socket to the port, so that it is nobody's source port while it is down: a connection from a port to itself
// succeeds.
func (b *Backend) reserve(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	b.hold = fd
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	b.Addr = netip.AddrPortFrom(at.Addr(), uint16(name.(*unix.SockaddrInet4).Port)).String()
	return nil
}

// depart ends its accepting, and gives the life that is to end; nil if it was down.
func (b *Backend) depart() *life {
	b.mu.Lock()
	x := b.life
	b.life = nil
	b.mu.Unlock()
	if x != nil {
		_ = x.listener.Close()
	}
	return x
}

// cut resets all connections.
func (x *life) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.end()
	for c := range x.conns {
		c.reset()
	}
}

// dismissIdle has the connections end that wait for a request, and gives how many there are in all.
func (x *life) dismissIdle() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	for c := range x.conns {
		if !c.busy.Load() {
			_ = c.tcp.SetReadDeadline(time.Now())
		}
	}
	return len(x.conns)
}

// add enters a connection; false: it is too late.
func (x *life) add(c *serverConn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over.Err() != nil {
		return false
	}
	x.conns[c] = struct{}{}
	return true
}

func (x *life) remove(c *serverConn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.conns, c)
}
