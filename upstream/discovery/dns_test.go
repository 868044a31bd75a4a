package discovery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"graygate/upstream"
)

func addressesOf(found []upstream.EndpointConfig) []string {
	var all []string
	for _, c := range found {
		all = append(all, c.Address)
	}
	return all
}

func TestHostIsAskedForBothFamilies(t *testing.T) {
	row := func(name string, zone map[string][]string, ask string, want []string, again time.Duration) {
		t.Run(name, func(t *testing.T) {
			s := newDNSServer(t)
			for key, records := range zone {
				s.set(key, records...)
			}
			source := newDNSSource(upstream.SourceConfig{Name: ask, Server: s.address, MinTTL: 2 * time.Second, MaxTTL: time.Minute})
			found, ttl, err := source.ask(context.Background())
			if err != nil {
				t.Fatalf("%s: %v", ask, err)
			}
			if got := addressesOf(found); !reflect.DeepEqual(got, want) || ttl != again {
				t.Errorf("%s: got %v after %v, want %v after %v", ask, got, ttl, want, again)
			}
		})
	}
	row("both", map[string][]string{
		"app. A":    {"app. 30 IN A 10.0.0.2", "app. 30 IN A 10.0.0.1", "app. 30 IN A 10.0.0.1"},
		"app. AAAA": {"app. 7 IN AAAA 2001:db8::1"},
	}, "app:80", []string{"10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80"}, 7*time.Second)
	row("short TTL", map[string][]string{"app. A": {"app. 0 IN A 10.0.0.1"}, "app. AAAA": {}}, "app:80", []string{"10.0.0.1:80"}, 2*time.Second)
	row("long TTL", map[string][]string{"app. A": {"app. 9000 IN A 10.0.0.1"}, "app. AAAA": {"app. 9000 IN AAAA ::2"}}, "app:80", []string{"10.0.0.1:80", "[::2]:80"}, time.Minute)
	row("aliases", map[string][]string{
		"app. A": {"app. 30 IN CNAME b.", "b. 5 IN CNAME c.", "c. 30 IN A 10.0.0.1"},
	}, "app:80", []string{"10.0.0.1:80"}, 2*time.Second)
	row("records of others", map[string][]string{
		"app. A": {"app. 30 IN A 10.0.0.1", "evil. 30 IN A 10.6.6.6"}, "app. AAAA": {"app. 30 IN AAAA ::2"},
	}, "app:80", []string{"10.0.0.1:80", "[::2]:80"}, 30*time.Second)
	row("no endpoints' addresses", map[string][]string{
		"app. A":    {"app. 30 IN A 10.0.0.1", "app. 30 IN A 0.0.0.0", "app. 30 IN A 224.0.0.1", "app. 30 IN A 255.255.255.255", "app. 30 IN A 169.254.169.254"},
		"app. AAAA": {"app. 30 IN AAAA fe80::1", "app. 30 IN AAAA ::", "app. 30 IN AAAA ::2"},
	}, "app:80", []string{"10.0.0.1:80", "[::2]:80"}, 30*time.Second)
	row("an address", nil, "10.1.2.3:80", []string{"10.1.2.3:80"}, time.Minute)
	row("this machine", nil, "localhost:80", []string{"127.0.0.1:80"}, time.Minute)
}

// A name stays with what it has led to: the certificate there is for that name, whatever it is an alias of.
func TestNamesStayWithAddresses(t *testing.T) {
	s := newDNSServer(t)
	s.set("app.internal. A", "app.internal. 30 IN CNAME b.", "b. 30 IN A 10.0.0.1")
	s.set("app.internal. AAAA", "app.internal. 30 IN AAAA ::2")
	row := func(name string, want ...string) {
		found, _, err := newDNSSource(upstream.SourceConfig{Name: name, Server: s.address}).ask(context.Background())
		var got []string
		for _, c := range found {
			got = append(got, c.Host+" "+c.Address)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, error %v; want %q", name, got, err, want)
		}
	}
	row("app.internal:80", "app.internal 10.0.0.1:80", "app.internal [::2]:80")
	row("App.Internal.:80", "app.internal 10.0.0.1:80", "app.internal [::2]:80")
	row("localhost:80", "localhost 127.0.0.1:80")
	row("10.1.2.3:80", " 10.1.2.3:80")
}

func TestAliasesInACircleEnd(t *testing.T) {
	s := newDNSServer(t)
	s.set("app. A", "app. 30 IN CNAME b.", "b. 30 IN CNAME app.")
	source := newDNSSource(upstream.SourceConfig{Name: "app:80", Server: s.address})
	if _, _, err := source.ask(context.Background()); err != errNegative {
		t.Errorf("a circle of aliases: got %v, want %v", err, errNegative)
	}
}

// What does not fit a datagram comes by a stream.
func TestLongAnswers(t *testing.T) {
	s := newDNSServer(t)
	row := func(n, want int) {
		var records []string
		for i := range n {
			records = append(records, fmt.Sprintf("app. 30 IN A 10.0.%d.%d", i/256, i%256))
		}
		s.set("app. A", records...)
		before := s.count("tcp app. A")
		source := newDNSSource(upstream.SourceConfig{Name: "app:80", Server: s.address})
		found, _, err := source.ask(context.Background())
		if err != nil || len(found) != want || s.count("tcp app. A") != before+1 {
			t.Errorf("%d records: got %d endpoints, %d questions by TCP, error %v; want %d, 1, none", n, len(found), s.count("tcp app. A")-before, err, want)
		}
	}
	row(300, 300)
	row(3000, 3000)
}

func TestHostileMessages(t *testing.T) {
	question := question{"app.", dns.TypeA}
	row := func(name, want string, change func(*dns.Msg)) {
		m := new(dns.Msg)
		m.SetQuestion("app.", dns.TypeA)
		m.Response = true
		rr, _ := dns.NewRR("app. 30 IN A 10.0.0.1")
		m.Answer = []dns.RR{rr}
		change(m)
		a, err := read(m, question)
		got := fmt.Sprint(len(a.addresses))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	row("well", "1", func(*dns.Msg) {})
	row("case", "1", func(m *dns.Msg) { m.Question[0].Name = "APP." })
	row("question", "the answer is to another question", func(m *dns.Msg) { m.Response = false })
	row("other name", "the answer is to another question", func(m *dns.Msg) { m.Question[0].Name = "b." })
	row("other type", "the answer is to another question", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA })
	row("no question", "the answer is to another question", func(m *dns.Msg) { m.Question = nil })
	row("cut off", "the answer is cut off, even by TCP", func(m *dns.Msg) { m.Truncated = true })
	row("refused", "the server says REFUSED", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused })
	row("no such name", "0", func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeNameError, nil })
	row("other class", "0", func(m *dns.Msg) { m.Answer[0].Header().Class = dns.ClassCHAOS })
	row("too many", fmt.Sprint(maxRecords), func(m *dns.Msg) {
		for len(m.Answer) < 3*maxRecords {
			m.Answer = append(m.Answer, m.Answer[0])
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, records := range [][]string{{"app. 30 IN A 10.0.0.1", "app. 30 IN CNAME b.", "b. 30 IN A 10.0.0.2"}, {"app. 30 IN SRV 1 2 3 a."}, nil} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeSRV} {
			m := new(dns.Msg)
			m.SetQuestion("app.", kind)
			m.Response = true
			for _, text := range records {
				rr, err := dns.NewRR(text)
				if err != nil {
					f.Fatal(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			wire, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(wire)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
			a, err := read(m, question{"app.", kind})
			if err == nil && (len(a.addresses) > maxRecords || len(a.services) > maxRecords || a.ttl < 0) {
				t.Errorf("%x: got %+v", wire, a)
			}
			for _, ip := range a.addresses {
				if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.Is4In6() {
					t.Errorf("%x: got address %v", wire, ip)
				}
			}
		}
	})
}

func TestServices(t *testing.T) {
	s := newDNSServer(t)
	s.setFunc("_http._tcp.app. SRV", func(m *dns.Msg) {
		for _, text := range []string{
			"_http._tcp.app. 30 IN SRV 10 5000 8080 a.app.", "_http._tcp.app. 30 IN SRV 10 0 8081 b.app.",
			"_http._tcp.app. 30 IN SRV 20 2500 8080 a.app.", // the same place again
			"_http._tcp.app. 30 IN SRV 20 2500 8080 glued.app.",
			"_http._tcp.app. 30 IN SRV 20 1 0 b.app.", "_http._tcp.app. 30 IN SRV 30 1 80 .", "_http._tcp.app. 30 IN SRV 30 1 80 gone.app.",
		} {
			rr, _ := dns.NewRR(text)
			m.Answer = append(m.Answer, rr)
		}
		for _, text := range []string{"GLUED.app. 12 IN A 10.0.0.9", "a.other. 1 IN A 10.6.6.6"} {
			rr, _ := dns.NewRR(text)
			m.Extra = append(m.Extra, rr)
		}
	})
	s.set("a.app. A", "a.app. 30 IN A 10.0.0.1")
	s.set("b.app. A", "b.app. 30 IN A 10.0.0.2")
	labels := map[string]string{"version": "1.2"}
	source := newDNSSource(upstream.SourceConfig{Kind: upstream.SRV, Name: "_http._tcp.app", Server: s.address,
		Like: upstream.EndpointConfig{Weight: 1, Zone: "z", Priority: 1, Labels: labels}})
	found, _, err := source.ask(context.Background())
	want := []upstream.EndpointConfig{
		{Address: "10.0.0.1:8080", Host: "a.app", Weight: 1000, Zone: "z", Priority: 1, Labels: labels},
		{Address: "10.0.0.2:8081", Host: "b.app", Weight: 1, Zone: "z", Priority: 1, Labels: labels},
		{Address: "10.0.0.9:8080", Host: "glued.app", Weight: 500, Zone: "z", Priority: 2, Labels: labels},
	}
	if err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("got %+v, error %v\nwant %+v", found, err, want)
	}
	if n := s.count("udp glued.app. A"); n != 0 {
		t.Errorf("a target whose address came along: got asked %d times, want 0", n)
	}
}

// Records that multiply do not fill the memory, and what is used of them stays the same from answer to answer.
func TestServicesThatMultiply(t *testing.T) {
	s := newDNSServer(t)
	const targets, each = 200, 200
	s.setFunc("_http._tcp.app. SRV", func(m *dns.Msg) {
		for i := range targets {
			rr, _ := dns.NewRR(fmt.Sprintf("_http._tcp.app. 30 IN SRV 1 1 80 t%d.app.", i))
			m.Answer = append(m.Answer, rr)
		}
	})
	for i := range targets {
		var asked atomic.Int64 // over UDP, and over TCP for the whole
		s.setFunc(fmt.Sprintf("t%d.app. A", i), func(m *dns.Msg) {
			rotated := int(asked.Add(7))
			for j := range each {
				rr, _ := dns.NewRR(fmt.Sprintf("t%d.app. 30 IN A 10.0.%d.%d", i, i, (j+rotated)%each))
				m.Answer = append(m.Answer, rr)
			}
		})
	}
	source := newDNSSource(upstream.SourceConfig{Kind: upstream.SRV, Name: "_http._tcp.app", Server: s.address})
	first, _, err := source.ask(context.Background())
	if err != nil || len(first) != upstream.MaxEndpoints {
		t.Fatalf("%d targets with %d addresses: got %d endpoints, error %v; want %d", targets, each, len(first), err, upstream.MaxEndpoints)
	}
	if second, _, err := source.ask(context.Background()); err != nil || !reflect.DeepEqual(second, first) {
		t.Errorf("asked again: got %d other endpoints, error %v; want the same", len(second), err)
	}
}

// One family that fails keeps what it said before, and does not keep the other from its news.
func TestLastGoodAnswerOfEachFamily(t *testing.T) {
	s := newDNSServer(t)
	s.set("app. A", "app. 30 IN A 10.0.0.1")
	s.set("app. AAAA", "app. 30 IN AAAA ::2")
	source := newDNSSource(upstream.SourceConfig{Name: "app:80", Server: s.address})
	ask := func(what string, want ...string) {
		t.Helper()
		found, _, err := source.ask(context.Background())
		if got := addressesOf(found); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, error %v; want %v", what, got, err, want)
		}
	}
	ask("both", "10.0.0.1:80", "[::2]:80")
	s.set("app. A", "app. 30 IN A 10.0.0.3")
	s.setFunc("app. AAAA", func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure })
	ask("AAAA fails", "10.0.0.3:80", "[::2]:80")
	s.set("app. AAAA")
	ask("AAAA has none", "10.0.0.3:80")
}

func TestSystemResolver(t *testing.T) {
	s := newDNSServer(t)
	s.set("app.internal.example. A", "app.internal.example. 30 IN A 10.0.0.1")
	host, port, _ := strings.Cut(s.address, ":")
	path := filepath.Join(t.TempDir(), "resolv.conf")
	before := systemResolver
	systemResolver = path
	t.Cleanup(func() { systemResolver = before })
	ask := func() ([]string, error) {
		r := resolver{}
		a, err := r.resolve(context.Background(), question{"app.internal", dns.TypeA})
		var got []string
		for _, ip := range a.addresses {
			got = append(got, ip.String())
		}
		return got, err
	}
	if _, err := ask(); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: got %v, want that it does not exist", err)
	}
	write(t, path, "search other example\nnameserver "+host+"\n")
	servers, names, err := (&resolver{}).plan("app.internal")
	if want := []string{"app.internal.", "app.internal.other.", "app.internal.example."}; err != nil || !reflect.DeepEqual(names, want) || !reflect.DeepEqual(servers, []string{host + ":53"}) {
		t.Errorf("plan: got %v of %v, error %v; want %v", names, servers, err, want)
	}
	// Port 53 is not ours here: the same names of the server that is.
	if a, err := resolveNames(names, s.address); err != nil || len(a.addresses) != 1 {
		t.Errorf("the search list at %s: got %v, error %v; want one address", port, a.addresses, err)
	}
}

func resolveNames(names []string, server string) (a answer, err error) {
	for _, n := range names {
		if a, err = askAll(context.Background(), []string{server}, question{n, dns.TypeA}); err != nil || len(a.addresses) > 0 {
			return a, err
		}
	}
	return a, err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
