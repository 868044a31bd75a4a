package match

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRouterFind(t *testing.T) {
	keys := []RouteKey{
		0:  {"", "", "/"},
		1:  {"", "", "/a"},
		2:  {"", "", "/a/b"},
		3:  {"", "shop.example.com", ""},
		4:  {"", "shop.example.com", "/api"},
		5:  {"", "shop.example.com", "/api/v2/"},
		6:  {"", "api.example.com", "/v1"},
		7:  {"", "[2001:db8::1]", "/"},
		8:  {"", "192.0.2.7", "/"},
		9:  {"", "Upper.Example.com", "/"},
		10: {"", "", "/a/bcd"},
	}
	r, err := NewRouter(keys)
	if err != nil {
		t.Fatal(err)
	}
	check := func(host, path string, want int) {
		t.Helper()
		if got := r.Find(nil, []byte(host), []byte(path)); got != want {
			t.Errorf("Find(%q, %q) = %d, want %d", host, path, got, want)
		}
	}
	check("", "/", 0)
	check("other.example.com", "/x", 0)
	// whole segments
	check("other", "/a", 1)
	check("other", "/a/", 1)
	check("other", "/a/x", 1)
	check("other", "/ab", 0)
	check("other", "/a/b", 2)
	check("other", "/a/b/", 2)
	check("other", "/a/b/c/d", 2)
	check("other", "/a/bc", 1)
	check("other", "/a/bcd", 10)
	check("other", "/a/bcd/e", 10)
	check("other", "/a//b", 1)
	check("other", "//a", 0)
	check("other", "/A", 0) // paths have case
	// host, its case, its port
	check("shop.example.com", "/", 3)
	check("shop.example.com", "/a/b", 3) // the host goes before the longer path
	check("shop.example.com", "/api", 4)
	check("shop.example.com", "/api/v2", 5)
	check("shop.example.com", "/api/v2/x", 5)
	check("shop.example.com", "/api/v22", 4)
	check("SHOP.Example.COM", "/api", 4)
	check("shop.example.com:8080", "/api", 4)
	check("Shop.example.com:443", "/", 3)
	check("upper.example.com", "/", 9)
	check("xshop.example.com", "/", 0)
	check("shop.example.co", "/", 0)
	// a host without a fitting path leaves the request to routes for any host
	check("api.example.com", "/v1/x", 6)
	check("api.example.com", "/v2", 0)
	check("api.example.com", "/a/b", 2)
	// addresses
	check("[2001:db8::1]", "/", 7)
	check("[2001:DB8::1]:8080", "/", 7)
	check("[2001:db8::2]:8080", "/", 0)
	check("192.0.2.7:80", "/", 8)
	// what has no segments
	check("", "*", 0)
	check("shop.example.com", "*", 3)
	check("api.example.com", "*", 0)
	check("other", "", 0)
	check(strings.Repeat("h", 1000), "/a", 1)
}

func TestRouterWithoutDefault(t *testing.T) {
	r, err := NewRouter([]RouteKey{{"", "a.example", "/x"}, {"", "", "/y"}})
	if err != nil {
		t.Fatal(err)
	}
	check := func(host, path string, want int) {
		t.Helper()
		if got := r.Find(nil, []byte(host), []byte(path)); got != want {
			t.Errorf("Find(%q, %q) = %d, want %d", host, path, got, want)
		}
	}
	check("a.example", "/x", 0)
	check("a.example", "/y", 1)
	check("a.example", "/", -1)
	check("b.example", "/x", -1)
	check("", "*", -1)
	empty, err := NewRouter(nil)
	if err != nil || empty.Find(nil, []byte("h"), []byte("/")) != -1 {
		t.Errorf("a router without routes: %v, found %d, want nil and -1", err, empty.Find(nil, []byte("h"), []byte("/")))
	}
}

func TestRouterTenants(t *testing.T) {
	r, err := NewRouter([]RouteKey{
		0: {"", "shop.example.com", "/api/v2"},
		1: {"", "", "/"},
		2: {"acme", "", "/api"},
		3: {"acme", "shop.example.com", "/api/v1"},
		4: {"Acme", "", "/"},
		5: {"initech", "initech.example.com", "/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(tenant, host, path string, want int) {
		t.Helper()
		if got := r.Find([]byte(tenant), []byte(host), []byte(path)); got != want {
			t.Errorf("Find(%q, %q, %q) = %d, want %d", tenant, host, path, got, want)
		}
	}
	check("", "shop.example.com", "/api/v2/x", 0)
	check("", "shop.example.com", "/api/v1", 1)
	// the tenant goes before host and path
	check("acme", "shop.example.com", "/api/v2/x", 2)
	check("acme", "shop.example.com", "/api/v1/x", 3)
	check("acme", "other.example.com", "/api/v1/x", 2)
	// a tenant without a route that fits leaves the request to routes without a tenant
	check("acme", "shop.example.com", "/", 1)
	check("initech", "shop.example.com", "/api/v2", 0)
	check("initech", "INITECH.example.com:443", "/api/v2", 5)
	// so does a tenant that no route names; tenants have case
	check("umbrella", "shop.example.com", "/api/v2", 0)
	check("Acme", "shop.example.com", "/api/v2", 4)
	check("ACME", "shop.example.com", "/api/v2", 0)
	check(strings.Repeat("t", 1000), "", "*", 1)
}

func TestRouterErrors(t *testing.T) {
	check := func(want string, first, second int, part string, keys ...RouteKey) {
		t.Helper()
		_, err := NewRouter(keys)
		var re *RouterError
		if !errors.As(err, &re) {
			t.Errorf("NewRouter(%q) = %v, want a RouterError", keys, err)
			return
		}
		if err.Error() != want || re.First != first || re.Second != second || re.Part != part {
			t.Errorf("NewRouter(%q)\n got %d %d %s: %s\nwant %d %d %s: %s", keys, re.First, re.Second, re.Part, err, first, second, part, want)
		}
	}
	check(`routes 0 and 1 have the same host and path "/"; join them, or change the host or path of one`, 0, 1, "path",
		RouteKey{"", "", ""}, RouteKey{"", "", "/"})
	check(`routes 1 and 2 have the same host and path "A.example/x/"; join them, or change the host or path of one`, 1, 2, "path",
		RouteKey{"", "", "/x"}, RouteKey{"", "a.example", "/x"}, RouteKey{"", "A.example", "/x/"})
	check(`routes 1 and 3 have the same tenant, host and path "/x/"; join them, or change the host or path of one`, 1, 3, "path",
		RouteKey{"", "", "/x"}, RouteKey{"acme", "", "/x"}, RouteKey{"initech", "", "/x"}, RouteKey{"acme", "", "/x/"})
	check(`host "a.example:80" has a port; leave the port out: a route holds for all ports`, 0, -1, "host", RouteKey{"", "a.example:80", "/"})
	check(`host "*.example" cannot occur in a request; write a name like shop.example.com, or leave host out for any`, 0, -1, "host",
		RouteKey{"", "*.example", "/"})
	check(`host of 300 bytes, more than 255; shorten it`, 0, -1, "host", RouteKey{"", strings.Repeat("h", 300), "/"})
	check(`path "x" does not begin with a slash; write "/x"`, 1, -1, "path", RouteKey{"", "", "/"}, RouteKey{"", "", "x"})
	check(`path "/x?y" cannot occur in a request; write it percent-encoded, without query and fragment`, 0, -1, "path", RouteKey{"", "", "/x?y"})
	check(`path "/größe" cannot occur in a request; write it percent-encoded, without query and fragment`, 0, -1, "path", RouteKey{"", "", "/größe"})
}

// plainFind is the definition of Find: look at every key.
func plainFind(keys []RouteKey, tenant, host, path string) int {
	if h, _, ok := strings.Cut(host, ":"); ok {
		host = h
	}
	best := -1
	for i, k := range keys {
		prefix := strings.TrimSuffix(k.Path, "/")
		if k.Tenant != "" && k.Tenant != tenant {
			continue
		}
		if k.Host != "" && !strings.EqualFold(k.Host, host) {
			continue
		}
		if prefix != "" && path != prefix && !strings.HasPrefix(path, prefix+"/") {
			continue
		}
		if best >= 0 {
			if (k.Tenant != "") != (keys[best].Tenant != "") {
				if k.Tenant != "" {
					best = i
				}
				continue
			}
			if (k.Host != "") != (keys[best].Host != "") {
				if k.Host != "" {
					best = i
				}
				continue
			}
			if len(prefix) <= len(strings.TrimSuffix(keys[best].Path, "/")) {
				continue
			}
		}
		best = i
	}
	return best
}

func TestRouterEqualsPlain(t *testing.T) {
	tenants := rapid.SampledFrom([]string{"", "", "acme", "initech"})
	hosts := rapid.SampledFrom([]string{"", "a.example", "b.example"})
	path := rapid.StringMatching(`(/[ab]{0,2}){1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		var keys []RouteKey
		seen := map[string]bool{}
		for range rapid.IntRange(0, 20).Draw(t, "routes") {
			k := RouteKey{tenants.Draw(t, "tenant"), hosts.Draw(t, "host"), path.Draw(t, "path")}
			if id := k.Tenant + " " + k.Host + " " + strings.TrimSuffix(k.Path, "/"); !seen[id] {
				seen[id] = true
				keys = append(keys, k)
			}
		}
		r, err := NewRouter(keys)
		if err != nil {
			t.Fatalf("NewRouter(%q): %v", keys, err)
		}
		host := rapid.SampledFrom([]string{"", "a.example", "A.EXAMPLE:80", "b.example:1", "c.example"}).Draw(t, "request host")
		tenant, p := tenants.Draw(t, "request tenant"), path.Draw(t, "request path")
		if got, want := r.Find([]byte(tenant), []byte(host), []byte(p)), plainFind(keys, tenant, host, p); got != want {
			t.Fatalf("keys %q: Find(%q, %q, %q) = %d, want %d", keys, tenant, host, p, got, want)
		}
	})
}

func TestRouterDoesNotAllocate(t *testing.T) {
	r, err := NewRouter([]RouteKey{{"", "shop.example.com", "/api/v2"}, {"acme", "", "/a/b"}, {"", "", "/"}})
	if err != nil {
		t.Fatal(err)
	}
	tenant, host, path := []byte("acme"), []byte("Shop.Example.com:8080"), []byte("/api/v2/cart/items")
	if n := testing.AllocsPerRun(100, func() { r.Find(tenant, host, path) }); n != 0 {
		t.Errorf("Find allocates %v times, want 0", n)
	}
}

func BenchmarkRouter(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("routes=%d", n), func(b *testing.B) {
			var keys []RouteKey
			for i := range n {
				keys = append(keys, RouteKey{"", "shop.example.com", fmt.Sprintf("/api/service%d", i)})
			}
			r, err := NewRouter(keys)
			if err != nil {
				b.Fatal(err)
			}
			host, path := []byte("shop.example.com:8080"), []byte("/api/service0/cart/items/17")
			b.ReportAllocs()
			for b.Loop() {
				if r.Find(nil, host, path) != 0 {
					b.Fatal("not found")
				}
			}
		})
	}
}
