package gateway_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// tcpInfo asks the kernel about a connection; ok is false if it is closed on this side.
func tcpInfo(c syscall.Conn) (info *unix.TCPInfo, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, false
	}
	if raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }) != nil || err != nil {
		return nil, false
	}
	return info, true
}

// unsentTo is 0 once the other side has acknowledged all that was sent to it.
func unsentTo(c syscall.Conn) int {
	info, ok := tcpInfo(c)
	if !ok {
		return 0
	}
	return int(info.Unacked) + int(info.Notsent_bytes)
}

// peerHasClosed reports whether the other side has ended the connection, seen without reading.
func peerHasClosed(c syscall.Conn) bool {
	info, ok := tcpInfo(c)
	return !ok || info.State != 1 // TCP_ESTABLISHED
}
