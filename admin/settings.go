package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Settings say where the server answers, and whom.
type Settings struct {
	Address   string      // host:port, or unix: and the path of a socket file; "" is nowhere
	TokenFile string      // path of the file that holds the token; "" is none: then nothing can be changed
	Mode      fs.FileMode // permissions of the socket file; 0 is 0660
	Hosts     []string    // names, beside those of the loopback and of Address, that requests may name as their host
}

// unixPrefix marks an address as the path of a socket file.
const unixPrefix = "unix:"

// defaultMode lets the user and the group of the process in.
const defaultMode fs.FileMode = 0o660

// socketPath is the path of the socket file; false: the address is none.
func (s *Settings) socketPath() (string, bool) { return strings.CutPrefix(s.Address, unixPrefix) }

func (s *Settings) equal(o *Settings) bool {
	return s.Address == o.Address && s.TokenFile == o.TokenFile && s.Mode == o.Mode && slices.Equal(s.Hosts, o.Hosts)
}

// gate makes what requests are let in by; it reads the token.
func (s *Settings) gate(log *slog.Logger) (*gate, error) {
	g := &gate{over: make(chan struct{}), names: map[string]bool{}}
	for _, name := range s.Hosts {
		g.names[strings.ToLower(strings.TrimSuffix(name, "."))] = true
	}
	if _, unix := s.socketPath(); !unix && s.Address != "" {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w; write HOST:PORT, or unix:PATH", s.Address, err)
		}
		if host != "" {
			g.names[strings.ToLower(host)] = true
		}
	}
	if s.TokenFile == "" {
		return g, nil
	}
	token, err := readToken(s.TokenFile, log)
	if err != nil {
		return nil, fmt.Errorf("token_file: %w", err)
	}
	g.token, g.hasToken = sha256.Sum256(token), true
	return g, nil
}

// readToken reads a token. The error does not hold any of it.
func readToken(path string, log *slog.Logger) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeNamedPipe {
		return nil, fmt.Errorf("%s is no file", path)
	}
	text := make([]byte, mostToken+2) // one byte more than may be, and a newline
	n := 0
	for n < len(text) {
		k, err := f.Read(text[n:])
		n += k
		if err != nil {
			break
		}
	}
	token := []byte(strings.TrimSpace(string(text[:n])))
	switch {
	case len(token) < leastToken:
		return nil, fmt.Errorf("%s holds %d bytes, and a token has at least %d; make one by: openssl rand -hex 32", path, len(token), leastToken)
	case len(token) > mostToken:
		return nil, fmt.Errorf("%s holds more than %d bytes: it is some other file", path, mostToken)
	case slices.ContainsFunc(token, func(b byte) bool { return b <= ' ' || b > '~' }):
		return nil, fmt.Errorf("%s holds more than one word of plain ASCII, which a token is; make one by: openssl rand -hex 32", path)
	}
	if info.Mode().Perm()&0o007 != 0 {
		log.Warn("everybody on this machine can use the file of the admin token", "token_file", path, "mode", info.Mode().Perm().String(), "fix", "chmod 600 "+path)
	}
	return token, nil
}

// listen opens the settings' address, unless inherited holds a socket for it.
func (s *Settings) listen(inherited net.Listener, conns *connections) (*socket, error) {
	path, unix := s.socketPath()
	if !unix {
		l := inherited
		if l == nil {
			var err error
			if l, err = net.Listen("tcp", s.Address); err != nil {
				return nil, err
			}
		}
		return newSocket(l, conns), nil
	}
	out := newSocket(inherited, conns)
	out.path = path
	if inherited == nil {
		if err := clearPath(path); err != nil {
			return nil, err
		}
		l, err := s.bind(path)
		if err != nil {
			return nil, err
		}
		out.Listener, out.owned = l, true
	}
	if u, is := out.Listener.(*net.UnixListener); is {
		u.SetUnlinkOnClose(false) // see socket.Close
	}
	if err := out.setMode(*s); err != nil {
		_ = out.Close()
		return nil, err
	}
	return out, nil
}

// bind makes the socket file. It has no more permissions at any moment than it is to have.
func (s *Settings) bind(path string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), uint32(s.mode())) })
		return errors.Join(err, failed)
	}}
	return config.Listen(context.Background(), "unix", path)
}

func (s *Settings) mode() fs.FileMode {
	if s.Mode == 0 {
		return defaultMode
	}
	return s.Mode.Perm()
}

// clearPath removes the file of a socket on which nobody listens any more.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket; name another path, or remove it", path)
	}
	c, err := net.DialTimeout("unix", path, dialTime)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("%s: another process answers there", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s is a socket that may be in use: %w", path, err)
	}
	return os.Remove(path)
}

// deniedNow reports whether a refused token is to be logged, which is at most once every deniedEvery.
func (s *Server) deniedNow() bool {
	s.denied.Add(1)
	now := int64(time.Since(s.began)) + 1
	last := s.told.Load()
	return (last == 0 || now-last >= int64(deniedEvery)) && s.told.CompareAndSwap(last, now)
}
