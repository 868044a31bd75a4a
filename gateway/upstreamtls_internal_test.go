package gateway

import "golang.org/x/sys/unix"

// QuietWhen tells of each idle connection whether it can be used, after send has made something arrive on it. The loops
// have not seen that yet.
func (g *Gateway) QuietWhen(send func()) (usable []bool) {
	g.onLoops(func(l *loop) {
		for i := range l.idle {
			for _, u := range l.idle[i].conns {
				send()
				p := []unix.PollFd{{Fd: int32(u.fd), Events: unix.POLLIN}}
				for n, err := unix.Poll(p, -1); n != 1 || err != nil; n, err = unix.Poll(p, -1) {
				}
				usable = append(usable, u.quiet(l))
			}
		}
	})
	return usable
}
