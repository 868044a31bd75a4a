package gateway

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"graygate/config"
	"graygate/match"
	"graygate/upstream"
)

// mute is a client's connection that takes everything.
type mute struct{ gnet.Conn }

func (mute) OutboundBuffered() int { return 0 }

// workConfig is a route of two pools; healing and limits stand for what is to be on.
const workConfig = `
listeners: [{address: 127.0.0.1:8080}]
upstreams:
  stable: {endpoints: [127.0.0.1:1, 127.0.0.1:2]%[1]s}
  gray: {endpoints: [127.0.0.1:3, 127.0.0.1:4]%[1]s}
routes:
  - name: all
    path: /
    stable: stable
    gray: gray
%[2]s    rules:
      - {name: tagged, when: "tag == 'gray'"}
`

const (
	workOff = ", breaker: off, outlier: off, retry: off, panic: off"
	workOn  = ", balance: p2c, connections: {max: 1000, in_flight: 1000, queue: 100, requests: 1000000000, age: 1h}, breaker: {slow: 2s}, retry: {per_try_timeout: 2s, hedge_after: 1s}"

	workLimits = "    rate_limit: {rate: 10000000/s}\n    concurrency: {limit: 10000}\n"

	workHead   = "GET /a/path?x=1 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	workAnswer = "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
)

// newWorkLoop gives a loop with connections that lead nowhere: whatever is written is taken, and nothing ever comes but what
// the benchmark hands on.
func newWorkLoop(b *testing.B, text string, clients int) (*loop, []*downstream) {
	plan, err := config.Parse("work.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	null, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = unix.Close(null) })
	l := &loop{conns: map[*downstream]struct{}{}}
	l.g = &Gateway{began: time.Now(), loops: []*loop{l}, registry: upstream.NewRegistry(upstream.Options{Loops: 1})}
	l.now, l.wall, l.random = l.g.clock(), time.Now(), rand.NewChaCha8([32]byte{})
	l.wheel.init(tick)
	l.fine.start(l)
	b.Cleanup(l.fine.stop)
	snap, err := config.Build(plan, match.Lookups{}, l.g.registry, 1)
	if err != nil {
		b.Fatal(err)
	}
	l.g.force.Store(l.g.newForce(snap))
	for _, p := range snap.Pools {
		for _, e := range p.Endpoints() {
			for range clients {
				u := l.newUpstream(e, p)
				u.fd, u.born = null, l.now
				l.putIdle(u)
			}
		}
	}
	var all []*downstream
	for range clients {
		d := newDownstream(&listener{}, netip.MustParseAddr("127.0.0.1"), "127.0.0.1")
		d.c, d.fd = mute{}, null
		all = append(all, d)
	}
	return l, all
}

// BenchmarkWork measures the gateway's own work on a request, with sixty-four of them under way: all but the system's on
// sockets, for which two writes to nowhere stand. healing=on is with breakers, outlier detection, retries, deadlines,
// bounds of connections and limits.
func BenchmarkWork(b *testing.B) {
	run := func(name, text string) {
		b.Run("healing="+name, func(b *testing.B) {
			l, clients := newWorkLoop(b, text, 64)
			head, answer := []byte(workHead), []byte(workAnswer)
			under := make([]*upstreamConn, len(clients))
			turn := func() {
				l.now = l.g.clock()
				for i, d := range clients {
					d.traffic(l, head)
					under[i] = d.ex.u
				}
				for _, u := range under {
					u.traffic(l, answer)
				}
			}
			turn()
			if got := l.counters.answered; got != uint64(len(clients)) {
				b.Fatalf("answered: got %d, want %d", got, len(clients))
			}
			b.ReportAllocs()
			for b.Loop() {
				turn()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(clients)), "ns/request")
		})
	}
	run("off", fmt.Sprintf(workConfig, workOff, "    fallback: off\n"))
	run("on", fmt.Sprintf(workConfig, workOn, workLimits))
}
