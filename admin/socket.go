package admin

import (
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// socket is what the server listens on. It knows its connections, so that they can be cut.
type socket struct {
	net.Listener
	conns *connections
	path  string // of the socket file; "": it is a TCP socket
	owned bool   // the file is this process's to remove; guarded by the server's lock
	once  sync.Once
	pace  pace
	began time.Time
}

func newSocket(l net.Listener, conns *connections) *socket {
	if c, can := l.(syscall.Conn); can {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), backlog) }) // it listens already: a longer queue is no fault
		}
	}
	return &socket{Listener: l, conns: conns, pace: pace{gap: acceptGap, burst: acceptBurst, most: mostWait}, began: time.Now()}
}

// Accept waits for the next connection.
func (s *socket) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	time.Sleep(s.pace.turn(time.Since(s.began))) // what comes meanwhile waits in the kernel's queue
	return s.conns.add(c), nil
}

// Close stops listening, and removes the socket file unless another process has taken its place or is to answer there on.
func (s *socket) Close() error {
	var err error
	s.once.Do(func() {
		var mine fs.FileInfo
		if s.path != "" && s.owned {
			mine, _ = os.Lstat(s.path)
		}
		if mine != nil && mine.Mode().Type() == fs.ModeSocket {
			_ = os.Remove(s.path)
		}
		err = s.Listener.Close()
	})
	return err
}

// setMode gives the socket file its permissions; a TCP socket has none.
func (s *socket) setMode(settings Settings) error {
	if s.path == "" {
		return nil
	}
	return os.Chmod(s.path, settings.mode())
}

// connections are those who are connected. The zero value has none. Safe for concurrent use.
type connections struct {
	mu   sync.Mutex
	all  map[*conn]struct{}
	over bool
}

// conn takes itself off the list when it is closed.
type conn struct {
	net.Conn
	of *connections
}

// add notes a connection. After cut it is closed at once.
func (s *connections) add(c net.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	noted := &conn{Conn: c, of: s}
	if s.over {
		_ = c.Close()
		return noted
	}
	if s.all == nil {
		s.all = map[*conn]struct{}{}
	}
	s.all[noted] = struct{}{}
	return noted
}

// cut closes all, and those to come.
func (s *connections) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for c := range s.all {
		_ = c.Conn.Close()
	}
	clear(s.all)
}

// Close ends the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.all, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
