package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"

	"graygate/gateway"
)

// An upgrade starts the binary that now lies at our path, gives it the listening sockets, and waits until it says that
// it serves; then this process drains. No connection is refused: the sockets are open all the time.

const (
	upgradeVariable = "GRAYGATE_UPGRADE" // how many sockets are inherited, from descriptor 3 on; the one behind them is for "ready"
	upgradeTime     = 30 * time.Second   // for the new process to begin to serve
	firstInherited  = 3
)

// inheritance is what was handed to this process: by systemd (LISTEN_FDS), or by the one before it.
type inheritance struct {
	sockets []*net.TCPListener
	files   []*net.UnixListener // of the admin server
	said    *os.File            // closed with one byte when we serve
}

// add keeps a socket of a kind that can be used.
func (in *inheritance) add(l net.Listener) {
	switch l := l.(type) {
	case *net.TCPListener:
		in.sockets = append(in.sockets, l)
	case *net.UnixListener:
		in.files = append(in.files, l)
	}
}

func inherit() (inheritance, error) {
	var in inheritance
	count := os.Getenv(upgradeVariable)
	if count == "" {
		listeners, err := activation.Listeners()
		if err != nil {
			return in, err
		}
		for _, l := range listeners {
			in.add(l)
		}
		return in, nil
	}
	_ = os.Unsetenv(upgradeVariable)
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 1024 {
		return in, fmt.Errorf("%s=%q is not a number of sockets", upgradeVariable, count)
	}
	for i := range n {
		f := os.NewFile(uintptr(firstInherited+i), "")
		l, err := net.FileListener(f)
		_ = f.Close()
		if err != nil {
			return in, fmt.Errorf("inherited socket %d: %w", i, err)
		}
		in.add(l)
	}
	in.said = os.NewFile(uintptr(firstInherited+n), "")
	return in, nil
}

// take gives the socket for an address, if it was inherited.
func (in *inheritance) take(address string) net.Listener {
	for i, s := range in.sockets {
		if gateway.SameAddress(s.Addr(), address) {
			in.sockets = append(in.sockets[:i], in.sockets[i+1:]...)
			return s
		}
	}
	return nil
}

// takeAdmin gives the socket for the admin server's address, which may be that of a socket file, if it was inherited. Socket files
// for other addresses are closed.
func (in *inheritance) takeAdmin(address string) net.Listener {
	var found net.Listener
	for _, l := range in.files {
		if found == nil && "unix:"+l.Addr().String() == address {
			found = l
			continue
		}
		_ = l.Close()
	}
	in.files = nil
	if found != nil {
		return found
	}
	return in.take(address)
}

func (in *inheritance) rest() []*net.TCPListener { return in.sockets }

// ready tells the process before this one that it may go.
func (in *inheritance) ready() {
	if in.said != nil {
		_, _ = in.said.Write([]byte{1})
		_ = in.said.Close()
		in.said = nil
	}
}

// upgrade starts the next process and returns when it serves. If it does not, it is ended, and the error says why.
func (s *server) upgrade() error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	path = strings.TrimSuffix(path, " (deleted)") // what the kernel says of a binary that was replaced
	var sockets []syscall.Conn
	for _, l := range s.gateway.Listeners() {
		sockets = append(sockets, l)
	}
	if l, can := s.admin.Socket().(syscall.Conn); can {
		sockets = append(sockets, l)
	}
	// The descriptors are copied by hand and not by File: what os/exec does to an *os.File ends in blocking mode, which
	// the copies share with the sockets that this process still accepts on.
	files := []uintptr{0, 1, 2}
	defer func() {
		for _, fd := range files[firstInherited:] {
			_ = unix.Close(int(fd))
		}
	}()
	for _, socket := range sockets {
		fd, err := copyDescriptor(socket)
		if err != nil {
			return err
		}
		files = append(files, uintptr(fd))
	}
	hear, said, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hear.Close()
	saidFD, err := copyDescriptor(said)
	_ = said.Close()
	if err != nil {
		return err
	}
	files = append(files, uintptr(saidFD))
	env := []string{fmt.Sprintf("%s=%d", upgradeVariable, len(sockets))}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WATCHDOG_PID=") { // it names this process, and the next one is to pet the watchdog
			env = append(env, v)
		}
	}
	pid, err := syscall.ForkExec(path, os.Args, &syscall.ProcAttr{Env: env, Files: files})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_ = unix.Close(saidFD) // so that the new process's end is the pipe's end
	files = files[:len(files)-1]
	_ = hear.SetReadDeadline(time.Now().Add(upgradeTime))
	if n, _ := hear.Read(make([]byte, 1)); n == 1 {
		s.log.Info("the new process serves", "pid", pid)
		s.notify.successor(pid)
		return nil
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
	return errors.New("the new process did not begin to serve; what it said of it stands before this")
}

// copyDescriptor copies a descriptor; the copy is closed on exec unless it is handed over.
func copyDescriptor(of syscall.Conn) (fd int, err error) {
	raw, err := of.SyscallConn()
	if err != nil {
		return -1, err
	}
	if failed := raw.Control(func(have uintptr) { fd, err = unix.FcntlInt(have, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil {
		return -1, failed
	}
	return fd, err
}
