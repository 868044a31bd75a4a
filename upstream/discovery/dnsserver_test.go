package discovery

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// dnsServer is a DNS server on loopback, by datagram and by stream, that answers what its zone says.
type dnsServer struct {
	address string

	mu    sync.Mutex
	zone  map[string]func(*dns.Msg) // by "NAME TYPE"; fills in the answer
	any   func(*dns.Msg)            // for what the zone does not have; nil: no such name
	asked map[string]int            // by "NETWORK NAME TYPE"
	more  *sync.Cond                // asked has changed
}

func newDNSServer(t *testing.T) *dnsServer {
	t.Helper()
	s := &dnsServer{zone: map[string]func(*dns.Msg){}, asked: map[string]int{}}
	s.more = sync.NewCond(&s.mu)
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = stream.Addr().String()
	datagrams, err := net.ListenPacket("udp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*dns.Server{{Listener: stream}, {PacketConn: datagrams}} {
		x.Handler = s
		started := make(chan struct{})
		x.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = x.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			_ = x.Shutdown()
			<-ended
		})
	}
	return s
}

func (s *dnsServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	key := strings.ToLower(q.Question[0].Name) + " " + dns.TypeToString[q.Question[0].Qtype]
	s.mu.Lock()
	s.asked[w.LocalAddr().Network()+" "+key]++
	s.more.Broadcast()
	fill := s.zone[key]
	if fill == nil {
		fill = s.any
	}
	s.mu.Unlock()
	if fill == nil {
		m.Rcode = dns.RcodeNameError
	} else {
		fill(m)
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// set says what is answered to a question from now on.
func (s *dnsServer) set(key string, records ...string) {
	s.setFunc(key, func(m *dns.Msg) {
		for _, r := range records {
			rr, err := dns.NewRR(r)
			if err != nil {
				panic(err)
			}
			m.Answer = append(m.Answer, rr)
		}
	})
}

func (s *dnsServer) setFunc(key string, fill func(*dns.Msg)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[key] = fill
}

func (s *dnsServer) setAny(fill func(*dns.Msg)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.zone)
	s.any = fill
}

// await returns when a question has been asked so many times.
func (s *dnsServer) await(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.asked[key] < n {
		s.more.Wait()
	}
}

func (s *dnsServer) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[key]
}
