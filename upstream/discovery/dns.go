package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"graygate/upstream"
)

// dnsSource finds endpoints by A and AAAA, or by SRV records.
type dnsSource struct {
	config   upstream.SourceConfig
	resolver resolver
	last     map[question]answer // the last good ones; what is not asked for any more is dropped
}

// errNegative says that a name certainly has no endpoints.
var errNegative = errors.New("the DNS has no such records")

func newDNSSource(c upstream.SourceConfig) *dnsSource {
	return &dnsSource{config: c, resolver: resolver{server: c.Server}, last: map[question]answer{}}
}

func (s *dnsSource) nudges() <-chan struct{} { return nil }
func (s *dnsSource) close()                  {}

// ttlBounds gives the bounds of a source's TTLs; the first is not above the second.
func ttlBounds(c upstream.SourceConfig) (least, most time.Duration) {
	least = max(cmp.Or(c.MinTTL, usualMinTTL), leastTTL)
	return least, max(cmp.Or(c.MaxTTL, usualMaxTTL), least)
}

func (s *dnsSource) ask(ctx context.Context) ([]upstream.EndpointConfig, time.Duration, error) {
	round := &round{source: s, ctx: ctx, used: map[question]answer{}, ttl: time.Duration(1<<63 - 1)}
	var found []upstream.EndpointConfig
	var err error
	if s.config.Kind == upstream.SRV {
		found, err = round.service(s.config.Name)
	} else {
		found, err = round.host(s.config.Name)
	}
	least, most := ttlBounds(s.config)
	again := min(max(round.ttl, least), most)
	if err != nil {
		return nil, 0, err
	}
	s.last = round.used
	if round.stale != nil {
		again = least // something of it is old: soon again
	}
	if len(found) == 0 {
		return nil, again, errNegative
	}
	return found, again, nil
}

// round is one look at all records of a source.
type round struct {
	source *dnsSource
	ctx    context.Context
	most   int // addresses that are used of one answer, the first in their order; 0: all

	mu    sync.Mutex
	used  map[question]answer
	ttl   time.Duration // the least of all answers
	stale error         // a server failed, and an answer of before was used
}

// look answers a question, by the servers, or if they fail by the last good answer.
func (r *round) look(q question) (answer, error) {
	a, err := r.source.resolver.resolve(r.ctx, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		old, known := r.source.last[q]
		if !known {
			return answer{}, err
		}
		a, r.stale = old, err
	}
	if r.most > 0 && len(a.addresses) > r.most {
		slices.SortFunc(a.addresses, netip.Addr.Compare)
		a.addresses = slices.Clone(a.addresses[:r.most])
	}
	r.used[q] = a
	r.ttl = min(r.ttl, a.ttl)
	return a, nil
}

// host finds the addresses of host:port.
func (r *round) host(name string) ([]upstream.EndpointConfig, error) {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port", name)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q has no port from 1 to 65535", name)
	}
	addresses, err := r.addresses(host)
	if err != nil {
		return nil, err
	}
	var found []upstream.EndpointConfig
	for _, a := range addresses {
		c := r.source.config.Like
		c.Address, c.Host = netip.AddrPortFrom(a, uint16(n)).String(), nameOf(host)
		found = append(found, c)
	}
	return found, nil
}

// nameOf is the name of a host as its certificate has it; "" if it is an address.
func nameOf(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// addresses finds the addresses of a host, in order, each once. An error only if nothing at all is known.
func (r *round) addresses(host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if h := strings.ToLower(strings.TrimSuffix(host, ".")); h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil // RFC 6761 6.3: never asked for
	}
	var four, six answer
	var err4, err6 error
	var both sync.WaitGroup
	both.Go(func() { four, err4 = r.look(question{host, dns.TypeA}) })
	both.Go(func() { six, err6 = r.look(question{host, dns.TypeAAAA}) })
	both.Wait()
	all := slices.Concat(four.addresses, six.addresses)
	// Half an answer is used, unless it is the negative half: then the other may have had all the addresses.
	if err := cmp.Or(err4, err6); err != nil && len(all) == 0 {
		return nil, err
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}

// service finds the endpoints of a service.
func (r *round) service(name string) ([]upstream.EndpointConfig, error) {
	a, err := r.look(question{name, dns.TypeSRV})
	if err != nil {
		return nil, err
	}
	services := a.services
	if len(services) > maxTargets {
		services = services[:maxTargets]
	}
	// A pool has no room for more; with thousands of addresses for each of a thousand targets they would fill the memory first.
	r.most = upstream.MaxEndpoints / max(len(services), 1)
	addresses := make([][]netip.Addr, len(services))
	faults := make([]error, len(services))
	gate := make(chan struct{}, targetsAtOnce)
	var all sync.WaitGroup
	for i, x := range services {
		if known := a.glue[strings.ToLower(x.target)]; len(known) > 0 {
			addresses[i] = known
			continue
		}
		gate <- struct{}{}
		all.Go(func() {
			addresses[i], faults[i] = r.addresses(x.target)
			<-gate
		})
	}
	all.Wait()
	// One target that nobody knows anything of does not hold up the others; if none is known, it is an error.
	var found []upstream.EndpointConfig
	seen := map[string]bool{}
	priorities, greatest := scale(services)
	for i, x := range services {
		for _, ip := range addresses[i] {
			c := r.source.config.Like
			c.Address, c.Host = netip.AddrPortFrom(ip, x.port).String(), nameOf(x.target)
			if seen[c.Address] {
				continue
			}
			seen[c.Address] = true
			c.Priority += priorities[x.priority]
			c.Weight = weightOf(x.weight, greatest)
			found = append(found, c)
		}
	}
	if err := errors.Join(faults...); err != nil && len(found) == 0 {
		return nil, err
	}
	return found, nil
}

// scale gives the rank of each SRV priority, from 0, and the greatest weight.
func scale(services []service) (ranks map[uint16]int, greatest uint16) {
	ranks = map[uint16]int{}
	var all []uint16
	for _, x := range services {
		all = append(all, x.priority)
		greatest = max(greatest, x.weight)
	}
	slices.Sort(all)
	for i, p := range slices.Compact(all) {
		ranks[p] = i
	}
	return ranks, greatest
}

// weightOf gives the weight of an SRV record, whose greatest neighbour may be above [upstream.MaxWeight]. A weight of 0 is a
// very small one (RFC 2782), not none.
func weightOf(weight, greatest uint16) int {
	w := int(weight)
	if greatest > upstream.MaxWeight {
		w = w * upstream.MaxWeight / int(greatest)
	}
	return max(w, 1)
}
