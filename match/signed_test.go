package match

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSignCookie(t *testing.T) {
	// echo -n visitor=u-1 | openssl dgst -sha256 -hmac key
	const want = "u-1.42aa580e6a5b4a46ac0f1a00bc0f06e6"
	if got := SignCookie([]byte("key"), "visitor", "u-1"); got != want {
		t.Errorf("SignCookie = %s, want %s", got, want)
	}
}

func TestSignedCookies(t *testing.T) {
	key, other := []byte("a key of the first"), []byte("a key of the second")
	s := mustSchema(t,
		Attribute{Name: "visitor", From: []Source{{FromCookie, "id"}, {FromHeader, "X-Id"}}, Signed: key},
		Attribute{Name: "plain", From: []Source{{FromCookie, "id"}}},
		Attribute{Name: "guest", From: []Source{{FromCookie, "guest"}, {FromCookie, "id"}}, Signed: other, Lower: true},
	)
	signed := func(key []byte, name, value string) string { return name + "=" + SignCookie(key, name, value) }
	var a Attributes
	check := func(cookie, want string, fields ...string) {
		t.Helper()
		for range 2 { // the second time on the used object
			request{fields: append(fields, "Cookie: "+cookie)}.load(&a, s)
			want = strings.ReplaceAll(want, "$", string(a.Value(s.byName["plain"])))
			if got := valuesOf(&a); got != want {
				t.Errorf("%s\n got %s\nwant %s", cookie, got, want)
			}
		}
	}
	check(signed(key, "id", "u-1"), "visitor=u-1 plain=$")
	check(signed(key, "id", "a.b.c"), "visitor=a.b.c plain=$")
	check(signed(other, "id", "U-1"), "plain=$ guest=u-1")
	check(signed(other, "guest", "G")+"; "+signed(key, "id", "u-1"), "visitor=u-1 plain=$ guest=g")
	// a cookie that is not right is missing, and the next source takes its place
	check("guest=G; "+signed(other, "id", "u-1"), "plain=$ guest=u-1")
	check("id=u-1", "visitor=h plain=u-1", "X-Id: h")
	check("id="+strings.TrimPrefix(signed(key, "guest", "u-1"), "guest="), "plain=$") // that of another cookie
	good := SignCookie(key, "id", "u-1")
	check("id=U"+good[1:], "plain=$")
	check("id="+good[1:], "plain=$")
	check("id="+good[:len(good)-1], "plain=$")
	check("id="+good+"0", "plain=$")
	check("id="+good[:len(good)-1]+"g", "plain=$")
	check("id="+strings.ToUpper(good), "plain=$")
	check("id="+good+".", "plain=$")
	check("id=.", "plain=.")
	check(signed(key, "id", ""), "plain=$") // nothing, signed, is nothing
}

// TestAnotherKey reads one cookie under two schemas in turn: a key of the old one must not be used in the new one.
func TestAnotherKey(t *testing.T) {
	var schemas []*Schema
	for _, key := range []string{"old", "new"} {
		schemas = append(schemas, mustSchema(t, Attribute{Name: "id", From: []Source{{FromCookie, "id"}}, Signed: []byte(key)}))
	}
	r := request{fields: []string{"Cookie: id=" + SignCookie([]byte("old"), "id", "u-1")}}
	var a Attributes
	for range 2 {
		for i, want := range []string{"id=u-1", ""} {
			r.load(&a, schemas[i])
			if got := valuesOf(&a); got != want {
				t.Errorf("schema %d: got %q, want %q", i, got, want)
			}
		}
	}
}

func TestEverySignatureDigitCounts(t *testing.T) {
	var s signer
	s.reset(1)
	key, name := []byte("key"), []byte("id=")
	good := SignCookie(key, "id", "u-1")
	for i := range len(good) {
		bad := []byte(good)
		bad[i] ^= 1
		if got := s.open(0, key, name, bad); got != nil {
			t.Errorf("%s opens to %q", bad, got)
		}
	}
	if got := s.open(0, key, name, []byte(good)); string(got) != "u-1" {
		t.Errorf("%s opens to %q, want u-1", good, got)
	}
}

// BenchmarkSigned reads a signed cookie.
func BenchmarkSigned(b *testing.B) {
	key := []byte("0123456789abcdef0123456789abcdef")
	s := mustSchema(b, Attribute{Name: "id", From: []Source{{FromCookie, "id"}}, Signed: key})
	name, value := []byte("Cookie"), []byte("id="+SignCookie(key, "id", "6f1c2d0e8a4b4d0e9a430c5b1f3f7d21"))
	var a Attributes
	b.ReportAllocs()
	for b.Loop() {
		a.Reset(s)
		a.AddHeader(name, value)
		if a.Value(len(builtinNames)) == nil {
			b.Fatal("missing")
		}
	}
}

// oneAnswer is Agents and Geo that know one answer.
type oneAnswer struct {
	agent Agent
	place Place
}

func (o *oneAnswer) Read([]byte) *Agent       { return &o.agent }
func (o *oneAnswer) Locate(netip.Addr) *Place { return &o.place }

// TestSourcesDoNotAllocate reads a signed cookie, a place and an agent, each by several attributes.
func TestSourcesDoNotAllocate(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	one := &oneAnswer{Agent{OS: "ios", OSVersion: "17.2"}, Place{Country: "DE", City: "München", ASN: "64500"}}
	s := lookupSchema(t, Lookups{Geo: one, Agents: one},
		Attribute{Name: "id", From: []Source{{FromCookie, "id"}}, Signed: key},
		Attribute{Name: "guest", From: []Source{{FromCookie, "guest"}, {FromCookie, "id"}}, Signed: key},
		Attribute{Name: "country", From: []Source{{FromGeo, "country"}}},
		Attribute{Name: "city", From: []Source{{FromGeo, "city"}}, Lower: true},
		Attribute{Name: "asn", From: []Source{{FromGeo, "asn"}}, Type: Int},
		Attribute{Name: "os", From: []Source{{FromAgent, "os"}}},
		Attribute{Name: "version", From: []Source{{FromAgent, "os_version"}}, Type: Version},
	)
	cookie, value := []byte("Cookie"), []byte("guest=x; id="+SignCookie(key, "id", "u-1"))
	agent, phone := []byte("User-Agent"), []byte("phone")
	ip := netip.MustParseAddr("::ffff:192.0.2.1")
	var a Attributes
	read := func() {
		a.Reset(s)
		a.SetRequest(nil, nil, nil, nil, ip)
		a.AddHeader(cookie, value)
		a.AddHeader(agent, phone)
		for i := range s.attrs {
			a.Value(i)
		}
	}
	read()
	if got, want := valuesOf(&a), "ip=192.0.2.1 id=u-1 guest=u-1 country=DE city=münchen asn=64500 os=ios version=17.2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if n := testing.AllocsPerRun(200, read); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}
