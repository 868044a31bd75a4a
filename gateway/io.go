package gateway

import (
	"fmt"
	"log/slog"
	"unsafe"

	"golang.org/x/sys/unix"
)

// write writes to a socket once, without waiting. EAGAIN comes with n = 0. p is not empty.
//
// The call is raw: the sockets never block, so there is no need to tell the scheduler of it, which costs as much as
// the gateway's own work on a request, and more when another thread takes the processor meanwhile.
func write(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, unix.EAGAIN // the constant: an Errno in an interface would be an allocation
		default:
			return 0, errno
		}
	}
}

// endedInOrder reports whether the peer has ended its stream by a FIN, of a TCP socket that reads as ended. The system
// tells of a reset only once: when it has told a write, the read after it sees what looks like an end in order. The
// connection's state does not forget: it is CLOSE-WAIT after a FIN, and CLOSED after a reset (RFC 9293 3.3.2).
func endedInOrder(fd int) bool {
	const closeWait = 8 // TCP_CLOSE_WAIT of Linux's tcp_states.h
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == closeWait
}

// unsafeBytes is a view of a string, to be read only.
func unsafeBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// unsafeString is a view of bytes that do not change while the string is in use.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// gnetLog is gnet's logger, on ours. What gnet says of single connections is noise to an operator, and goes to Debug.
type gnetLog struct{ log *slog.Logger }

func (g gnetLog) Debugf(format string, args ...any) {}
func (g gnetLog) Infof(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Warnf(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Errorf(format string, args ...any) {
	g.log.Warn("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Fatalf(format string, args ...any) {
	g.log.Error("gnet: " + fmt.Sprintf(format, args...))
}
