package gateway

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"graygate/gateway/http1"
	"graygate/upstream"
)

// TestGiveBackAfterReset has a relay take over a connection that was reset just before, with a whole answer in its buffer: there is no peer any
// more, so that the connection has no remote address, and cannot go back to the loop.
func TestGiveBackAfterReset(t *testing.T) {
	near, far := tcpPair(t)
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = far.SetLinger(0)
	_ = far.Close()
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	_ = raw.Control(func(from uintptr) {
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); { // until the reset has come
			if _, err := unix.Getpeername(int(from)); err != nil {
				break
			}
		}
		fd, err = unix.Dup(int(from))
	})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := tcpConn(fd)
	if err != nil {
		t.Fatal(err)
	}
	if taken.RemoteAddr() != nil {
		t.Fatalf("remote address: got %v, want none", taken.RemoteAddr())
	}
	if streamEndedInOrder(taken) {
		t.Error("the end of a stream that was reset: got in order, want not")
	}
	r := &relay{up: taken, to: &upstream.Endpoint{}, ex: &exchange{passing: passing{method: http1.GET}}}
	r.giveBackUp()
	if _, err := taken.Write([]byte("x")); err == nil {
		t.Error("the connection: got open, want closed")
	}
}

func tcpPair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}
