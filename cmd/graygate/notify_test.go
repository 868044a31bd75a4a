package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"graygate/admin"
)

// systemd is the other end of NOTIFY_SOCKET.
type systemd struct {
	t     *testing.T
	path  string
	heard chan string
}

func newSystemd(t *testing.T) *systemd {
	t.Helper()
	s := &systemd{t: t, path: filepath.Join(t.TempDir(), "notify"), heard: make(chan string, 1000)}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := socket.Read(buf)
			if err != nil {
				return
			}
			s.heard <- string(buf[:n])
		}
	}()
	return s
}

// hear waits for a message that begins with want, past those that begin with one of the others.
func (s *systemd) hear(want string, others ...string) {
	s.t.Helper()
	for end := time.After(20 * time.Second); ; {
		select {
		case got := <-s.heard:
			if strings.HasPrefix(got, want) {
				return
			}
			for _, o := range others {
				if strings.HasPrefix(got, o) {
					got = ""
				}
			}
			if got != "" {
				s.t.Fatalf("systemd heard %q, want %q", got, want)
			}
		case <-end:
			s.t.Fatalf("systemd was not told %q within 20 s", want)
		}
	}
}

func TestSystemdIsTold(t *testing.T) {
	b, s := backend(t, "ok"), newSystemd(t)
	p := prepare(t, b.Listener.Addr().String()).start("NOTIFY_SOCKET="+s.path, "WATCHDOG_USEC=300000")
	const pet = "WATCHDOG=1"
	s.hear("READY=1")
	s.hear(pet)
	p.signal(syscall.SIGHUP)
	s.hear("RELOADING=1\nMONOTONIC_USEC=", pet)
	s.hear("READY=1", pet)
	p.signal(syscall.SIGTERM)
	s.hear("STOPPING=1", pet)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
}

// The old process must name the new one before it says that it stops: systemd believes the main process alone, and
// ends the service with it.
func TestSystemdIsToldOfTheSuccessor(t *testing.T) {
	b, s := backend(t, "ok"), newSystemd(t)
	p := prepare(t, b.Listener.Addr().String()).start("NOTIFY_SOCKET=" + s.path)
	s.hear("READY=1")
	p.signal(syscall.SIGUSR2)
	var next int
	until(t, "the new process is ready", func() bool {
		st, err := newAsker(admin.Settings{Address: p.admin}).status()
		next = st.PID
		return err == nil && st.Ready && next != p.cmd.Process.Pid
	})
	t.Cleanup(func() { _ = syscall.Kill(next, syscall.SIGKILL) })
	s.hear(fmt.Sprintf("MAINPID=%d", next), "READY=1") // the new one's, which systemd would not believe yet
	s.hear("STOPPING=1", "READY=1")
	if err := p.waitEnd(); err != nil {
		t.Errorf("the old process: got %v, want status 0", err)
	}
}

// Socket activation: the socket is open before the process is.
func TestSocketActivation(t *testing.T) {
	b := backend(t, "ok")
	p := prepare(t, b.Listener.Addr().String())
	l, err := net.Listen("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	// LISTEN_PID must be the pid of the process itself: a shell knows it before it becomes the gateway.
	p.cmd = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve -c "$1"`, binary, p.config)
	p.cmd.ExtraFiles, p.cmd.Stderr = []*os.File{f}, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if _, body := p.get("/"); body != "ok" { // no wait: the socket queues
		t.Errorf("through the inherited socket: got %q, want ok", body)
	}
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0\n%s", err, p.said())
	}
}
