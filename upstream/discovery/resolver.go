package discovery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// resolver asks DNS servers: the given one, or those of the system, which it looks up anew each time.
type resolver struct {
	server string // host:port; "" is the system's
}

// question is what a server is asked.
type question struct {
	name string
	kind uint16 // A, AAAA or SRV
}

// answer is what of a server's answer is used. Empty: there certainly are no such records.
type answer struct {
	addresses []netip.Addr
	services  []service
	glue      map[string][]netip.Addr // addresses of services' targets, by lower-case name
	ttl       time.Duration
}

// service is one SRV record.
type service struct {
	target                 string
	port, weight, priority uint16
}

// systemResolver is where the system says which servers to ask. A variable for the tests.
var systemResolver = "/etc/resolv.conf"

// resolve answers a question; a name that does not exist, or has no such records, is an empty answer. An error: no server
// has given an answer that can be used.
func (r *resolver) resolve(ctx context.Context, q question) (answer, error) {
	servers, names, err := r.plan(q.name)
	if err != nil {
		return answer{}, err
	}
	var negative answer
	for i, name := range names {
		a, err := askAll(ctx, servers, question{name, q.kind})
		if err != nil {
			return answer{}, err
		}
		if len(a.addresses)+len(a.services) > 0 {
			return a, nil
		}
		if i == 0 || a.ttl < negative.ttl {
			negative = a
		}
	}
	return negative, nil
}

// plan gives the servers to ask, and the full names to ask for, in order.
func (r *resolver) plan(name string) (servers, names []string, err error) {
	if r.server != "" {
		return []string{r.server}, []string{dns.Fqdn(name)}, nil
	}
	system, err := dns.ClientConfigFromFile(systemResolver)
	if err != nil {
		return nil, nil, fmt.Errorf("which DNS servers to ask: %w; name one as server", err)
	}
	for _, s := range system.Servers {
		if len(servers) < maxServers {
			servers = append(servers, net.JoinHostPort(s, system.Port))
		}
	}
	if len(servers) == 0 {
		return nil, nil, fmt.Errorf("%s names no DNS server; name one as server", systemResolver)
	}
	return servers, system.NameList(name), nil
}

// askAll asks the servers one after the other until one answers.
func askAll(ctx context.Context, servers []string, q question) (answer, error) {
	var last error
	for range triesPerServer {
		for _, server := range servers {
			a, err := askOne(ctx, server, q)
			if err == nil {
				return a, nil
			}
			last = fmt.Errorf("%s %s of %s: %w", dns.TypeToString[q.kind], q.name, server, err)
			if ctx.Err() != nil {
				return answer{}, last
			}
		}
	}
	return answer{}, last
}

// askOne asks one server: by a datagram, and if its answer does not fit, by a stream.
func askOne(ctx context.Context, server string, q question) (answer, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(datagramSize, false)
	a, err := exchange(ctx, "udp", server, m)
	// A server that has never heard of EDNS(0) says so by a format error (RFC 6891 7).
	if err == nil && a.Rcode == dns.RcodeFormatError {
		m.Extra = nil
		a, err = exchange(ctx, "udp", server, m)
	}
	if err == nil && a.Truncated {
		a, err = exchange(ctx, "tcp", server, m)
	}
	if err != nil {
		return answer{}, err
	}
	return read(a, q)
}

// exchange sends a message and waits for the answer; when ctx ends it gives up at once, which the client alone would not.
func exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	client := &dns.Client{Net: network, Timeout: exchangeTimeout}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if stop() {
			_ = conn.Close()
		}
	}()
	a, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	return a, err
}

// read takes out of a message what answers the question. It trusts nothing: only records of the name, or of where its
// aliases lead, only addresses that can be an endpoint's, and not too many.
func read(m *dns.Msg, q question) (answer, error) {
	switch {
	case !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != q.kind || !strings.EqualFold(m.Question[0].Name, q.name):
		return answer{}, errors.New("the answer is to another question")
	case m.Truncated:
		return answer{}, errors.New("the answer is cut off, even by TCP")
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return answer{}, fmt.Errorf("the server says %s", dns.RcodeToString[m.Rcode])
	}
	ttl := uint32(math.MaxUint32)
	name := q.name
	for range maxAliases {
		target, its := alias(m.Answer, name)
		if target == "" {
			break
		}
		name, ttl = target, min(ttl, its)
	}
	a := answer{}
	for _, rr := range m.Answer[:min(len(m.Answer), maxRecords)] {
		h := rr.Header()
		if h.Rrtype != q.kind || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
			continue
		}
		if ip, is := address(rr); is {
			a.addresses, ttl = append(a.addresses, ip), min(ttl, h.Ttl)
		} else if srv, is := rr.(*dns.SRV); is && srv.Port != 0 && srv.Target != "." {
			a.services, ttl = append(a.services, service{srv.Target, srv.Port, srv.Weight, srv.Priority}), min(ttl, h.Ttl)
		}
	}
	if len(a.addresses)+len(a.services) == 0 {
		// How long nothing is nothing, the zone's SOA says (RFC 2308 5).
		for _, rr := range m.Ns {
			if soa, is := rr.(*dns.SOA); is {
				ttl = min(ttl, soa.Hdr.Ttl, soa.Minttl)
			}
		}
		if ttl == math.MaxUint32 {
			ttl = 0
		}
	}
	a.readGlue(m.Extra, &ttl)
	a.ttl = time.Duration(ttl) * time.Second
	return a, nil
}

// readGlue takes the addresses of services' targets that came along.
func (a *answer) readGlue(extra []dns.RR, ttl *uint32) {
	targets := map[string]bool{}
	for _, x := range a.services {
		targets[strings.ToLower(x.target)] = true
	}
	a.glue = map[string][]netip.Addr{}
	for _, rr := range extra[:min(len(extra), maxRecords)] {
		h := rr.Header()
		name := strings.ToLower(h.Name)
		if ip, is := address(rr); is && h.Class == dns.ClassINET && targets[name] {
			a.glue[name], *ttl = append(a.glue[name], ip), min(*ttl, h.Ttl)
		}
	}
}

// alias gives where a name leads to by CNAME, "" if nowhere.
func alias(records []dns.RR, name string) (target string, ttl uint32) {
	for _, rr := range records[:min(len(records), maxRecords)] {
		if c, is := rr.(*dns.CNAME); is && strings.EqualFold(c.Hdr.Name, name) {
			return c.Target, c.Hdr.Ttl
		}
	}
	return "", 0
}

// address gives the address of an A or AAAA record, if it can be an endpoint's: no machine listens on the unspecified
// and multicast ones, and link-local ones reach what the gateway alone may (a cloud's metadata).
func address(rr dns.RR) (netip.Addr, bool) {
	var ip netip.Addr
	var is bool
	switch rr := rr.(type) {
	case *dns.A:
		ip, is = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		ip, is = netip.AddrFromSlice(rr.AAAA.To16())
	}
	if ip = ip.Unmap(); !is || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, false
	}
	return ip, true
}
