package faultlab

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Names is a DNS server on loopback, over UDP, for one name. It answers what it was told last, or fails. Its methods may be
// called concurrently.
type Names struct {
	Addr string // host:port

	server *dns.Server
	done   chan struct{}
	asked  atomic.Int64

	mu        sync.Mutex
	addresses []string
	ttl       uint32
	failing   bool
}

// NewNames starts a server whose name has no address yet. Answers are good for ttl seconds.
func NewNames(ttl uint32) (*Names, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	n := &Names{Addr: conn.LocalAddr().String(), ttl: ttl, done: make(chan struct{})}
	started := make(chan struct{})
	n.server = &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(n.answer), NotifyStartedFunc: func() { close(started) }}
	go func() {
		defer close(n.done)
		_ = n.server.ActivateAndServe() // ends with Close
	}()
	select {
	case <-started:
	case <-n.done:
		return nil, fmt.Errorf("names: the server on %s did not start", n.Addr)
	}
	return n, nil
}

// Set says which IPv4 addresses every name has.
func (n *Names) Set(addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses = slices.Clone(addresses)
}

// Fail has it answer SERVFAIL, or well again.
func (n *Names) Fail(failing bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing = failing
}

// Asked is how many questions it was asked.
func (n *Names) Asked() int64 { return n.asked.Load() }

// Close ends it.
func (n *Names) Close() {
	_ = n.server.Shutdown()
	<-n.done
}

func (n *Names) answer(w dns.ResponseWriter, question *dns.Msg) {
	n.mu.Lock()
	addresses, failing := n.addresses, n.failing
	n.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(question)
	if failing {
		m.Rcode = dns.RcodeServerFailure
	} else if len(question.Question) == 1 && question.Question[0].Qtype == dns.TypeA {
		for _, a := range addresses {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: question.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: n.ttl},
				A:   net.ParseIP(a),
			})
		}
	}
	n.asked.Add(1)
	_ = w.WriteMsg(m)
}
