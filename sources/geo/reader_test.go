package geo

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"graygate/internal/testkit/race"
	"graygate/match"
)

// show prints a place, or that there is none.
func show(p *match.Place) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("%s/%s/%s/%s/%s", p.Country, p.Province, p.City, p.ISP, p.ASN)
}

func TestLocate(t *testing.T) {
	cityFile, asnFile := write(t, "city.mmdb", city(t)), write(t, "asn.mmdb", asn(t))
	both, german, asnOnly := open(t, "", cityFile, asnFile), open(t, "de", cityFile), open(t, "en", asnFile)
	check := func(r *Reader, address, want string) {
		t.Helper()
		var ip netip.Addr
		if address != "" {
			ip = netip.MustParseAddr(address)
		}
		for _, how := range []string{"at first", "cached"} {
			if got := show(r.Locate(ip)); got != want {
				t.Errorf("%s, %s: got %s, want %s", address, how, got, want)
			}
			r.cache.Load().Wait()
		}
	}
	check(both, "192.0.2.1", "DE/BY/Munich/Deutsche Telekom AG/3320")
	check(both, "::ffff:192.0.2.1", "DE/BY/Munich/Deutsche Telekom AG/3320")
	check(both, "192.0.2.200", "DE/BY/Munich//")
	check(both, "2001:db8:1::7", "DE/BY/Munich//")
	check(both, "2001:db8:1::7%eth0", "DE/BY/Munich//")
	check(both, "198.51.100.1", "FR//Nice//3215")
	check(both, "203.0.113.1", "none") // where a network is registered is not where it is
	check(both, "10.0.0.1", "none")
	check(both, "2001:db8:2::1", "none")
	check(both, "", "none")
	check(german, "192.0.2.1", "DE/BY/München//")
	check(german, "198.51.100.1", "FR//Nice//")
	check(asnOnly, "2001:db8:1::7", "none")
	check(asnOnly, "192.0.2.1", "///Deutsche Telekom AG/3320")
}

func TestLayouts(t *testing.T) {
	check := func(data dict, want string) {
		t.Helper()
		r := open(t, "", write(t, "a.mmdb", mmdb(t, "any", 6, nil, record{"192.0.2.0/24", data})))
		if got := show(r.Locate(netip.MustParseAddr("192.0.2.1"))); got != want {
			t.Errorf("%v: got %s, want %s", data, got, want)
		}
	}
	traits := dict{"isp": str("Telekom"), "autonomous_system_organization": str("Deutsche Telekom AG"), "autonomous_system_number": u32(3320)}
	check(dict{"country": dict{"iso_code": str("de")}, "traits": traits}, "DE///Telekom/3320")
	check(dict{"isp": str("Telekom"), "organization": str("A customer"), "autonomous_system_organization": str("DTAG")}, "///Telekom/")
	// DB-IP's free file: subdivisions without codes
	check(dict{"country": dict{"iso_code": str("DE")}, "subdivisions": list{names("en", "Bavaria")}, "city": names("en", "Munich")}, "DE/Bavaria/Munich//")
	// ipinfo
	check(dict{"country": str("Germany"), "country_code": str("DE"), "asn": str("AS3320"), "as_name": str("DTAG")}, "DE///DTAG/3320")
	check(dict{"country": str("DE"), "region": str("Bavaria"), "city": str("Munich")}, "DE/Bavaria/Munich//")
	check(dict{"asn": str("AS3320"), "name": str("DTAG"), "domain": str("telekom.de")}, "///DTAG/3320")
	// what is of another type than it should be is not known
	check(dict{"country": dict{"iso_code": u32(7)}, "city": list{}, "autonomous_system_number": str("many"), "isp": str("x")}, "///x/")
	check(dict{"country": str("Germany"), "asn": str("AS"), "autonomous_system_number": u32(0)}, "none")
	check(dict{"country": dict{"iso_code": str("12")}, "subdivisions": dict{}, "asn": mmdbtype.Uint64(1 << 40)}, "none")
}

func TestFirstFileWins(t *testing.T) {
	one := write(t, "1.mmdb", mmdb(t, "a", 6, nil, record{"192.0.2.0/24", dict{"country": dict{"iso_code": str("AT")}}}))
	two := write(t, "2.mmdb", city(t))
	check := func(want string, files ...string) {
		t.Helper()
		if got := show(open(t, "", files...).Locate(netip.MustParseAddr("192.0.2.1"))); got != want {
			t.Errorf("%v: got %s, want %s", files, got, want)
		}
	}
	check("AT/BY/Munich//", one, two)
	check("DE/BY/Munich//", two, one)
}

func TestOpenErrors(t *testing.T) {
	dir, good := t.TempDir(), city(t)
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	check := func(language, want string, files ...string) {
		t.Helper()
		r, err := Open(files, language)
		if err == nil {
			t.Fatalf("%v opens: %+v", files, r)
		}
		if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != want {
			t.Errorf("%v\n got %s\nwant %s", files, got, want)
		}
	}
	ok := file("ok.mmdb", good)
	check("", "0 geo files; name 1 to 16 of them")
	check("", "17 geo files; name 1 to 16 of them", make([]string, 17)...)
	check("", "DIR/none.mmdb: there is no such file; mend its name, or put it there", ok, filepath.Join(dir, "none.mmdb"))
	check("", "DIR: it cannot be read: it is a folder or a device; name a file that can", dir)
	check("", "DIR/empty.mmdb: it is empty; fetch it again", file("empty.mmdb", nil))
	const noFile = ": it is no MMDB file, or one that was cut short: "
	check("", "DIR/text.mmdb"+noFile+"error opening database: invalid MaxMind DB file; fetch it again, unpacked", file("text.mmdb", []byte("country,city\n")))
	check("", "DIR/cut.mmdb"+noFile+"error opening database: invalid MaxMind DB file; fetch it again, unpacked", file("cut.mmdb", good[:len(good)/2]))
	tail := good[len(good)-200:] // the metadata is there, the tree is not
	check("", "DIR/tail.mmdb"+noFile+"the MaxMind DB contains invalid metadata; fetch it again, unpacked", file("tail.mmdb", tail))
	check("fr", "no geo file has names in `fr`; use one of de, en", ok)
}

func TestTooLargeFile(t *testing.T) {
	path := write(t, "large.mmdb", nil)
	if err := os.Truncate(path, MaxFileBytes+1); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	_, err := Open([]string{path}, "")
	want := path + ": it has 2147483649 bytes, more than 2147483648; use a smaller edition of it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHitsAllocateNothing(t *testing.T) {
	if race.On {
		t.Skip("the race detector makes a sync.Pool forget")
	}
	r := open(t, "", write(t, "city.mmdb", city(t)), write(t, "asn.mmdb", asn(t)))
	check := func(what, address string, known bool) {
		t.Helper()
		ip := netip.MustParseAddr(address)
		r.Locate(ip)
		r.cache.Load().Wait()
		first := r.Locate(ip)
		if n := testing.AllocsPerRun(1000, func() {
			if p := r.Locate(ip); p != first || (p != nil) != known {
				t.Errorf("%s: got %p, want %p", what, p, first)
			}
		}); n != 0 {
			t.Errorf("%s: a hit allocates %v times, want 0", what, n)
		}
	}
	check("known", "192.0.2.1", true)
	check("IPv6", "2001:db8:1::7", true)
	check("mapped", "::ffff:192.0.2.9", true)
	check("unknown", "10.0.0.1", false) // asked of the files anew it would not allocate either; see TestUnknownIsCached
}

// TestUnknownIsCached takes the files away: what was cached is still known.
func TestUnknownIsCached(t *testing.T) {
	r := open(t, "", write(t, "city.mmdb", city(t)))
	known, unknown := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.1")
	first := r.Locate(known)
	if got := r.Locate(unknown); got != nil {
		t.Fatalf("10.0.0.1 is %v", got)
	}
	r.cache.Load().Wait()
	all := write(t, "all.mmdb", mmdb(t, "any", 6, nil, record{"0.0.0.0/1", dict{"isp": str("new")}}))
	r.files = open(t, "", all).files
	if got := r.Locate(unknown); got != nil {
		t.Errorf("10.0.0.1 was asked for anew: %v", got)
	}
	if got := r.Locate(known); got != first {
		t.Errorf("192.0.2.1 was asked for anew: %v", got)
	}
	if got := show(r.Locate(netip.MustParseAddr("10.0.0.2"))); got != "///new/" {
		t.Errorf("10.0.0.2 is %s, want that of the new file", got)
	}
}

// TestCollisions makes all addresses share one place in the cache: each still gets its own answer.
func TestCollisions(t *testing.T) {
	r := open(t, "", write(t, "city.mmdb", city(t)))
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	r.Locate(a)
	c := r.cache.Load()
	c.Wait()
	c.Set(hashOf(r, b), c.Get(hashOf(r, a)), 1) // as if the two had one hash
	c.Wait()
	if got := show(r.Locate(b)); got != "FR//Nice//" {
		t.Errorf("with the entry of %s in the place of %s: %s", a, b, got)
	}
}

// TestCloseDuringLookups closes a reader that is in use: all go on to get the right answers.
func TestCloseDuringLookups(t *testing.T) {
	path := write(t, "city.mmdb", city(t))
	for range 5 {
		r := open(t, "", path)
		var running, done sync.WaitGroup
		for g := range 4 {
			running.Add(1)
			done.Go(func() {
				for i := range 500 {
					ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i * (g + 1))})
					if got := show(r.Locate(ip)); got != "DE/BY/Munich//" {
						t.Errorf("%s is %s", ip, got)
					}
					if i == 100 {
						running.Done()
					}
				}
			})
		}
		running.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		done.Wait()
		if err := r.Close(); err != nil {
			t.Error("a second time:", err)
		}
	}
}

func BenchmarkLocate(b *testing.B) {
	r := open(b, "", write(b, "city.mmdb", city(b)), write(b, "asn.mmdb", asn(b)))
	ip := netip.MustParseAddr("192.0.2.1")
	r.Locate(ip)
	r.cache.Load().Wait()
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Locate(ip)
		}
	})
	b.Run("anew", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.find(ip)
		}
	})
}
