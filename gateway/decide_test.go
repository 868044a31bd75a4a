package gateway_test

import (
	"bufio"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// seen reads back a head that an upstream echoed.
func seen(t *testing.T, r *testkit.Response) *http.Request {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(r.Text)))
	if err != nil {
		t.Fatalf("the echoed head %q: %v", r.Text, err)
	}
	return req
}

func TestTag(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(stable), testkit.Pool(gray), ""))
	c := testkit.Dial(t, p.Addr)
	row := func(field, wantPool, wantRule string) {
		t.Helper()
		var fields []string
		if field != "" {
			fields = strings.Split(field, "\r\n")
		}
		got := c.Do(testkit.Get("/", fields...))
		up := seen(t, got)
		if pool := got.Header.Get("X-Backend"); pool != wantPool {
			t.Errorf("%q: got %s, want %s", field, pool, wantPool)
		}
		if tag := up.Header["X-Gray-Tag"]; len(tag) != 1 || tag[0] != wantPool {
			t.Errorf("%q, X-Gray-Tag upstream: got %q, want %q", field, tag, wantPool)
		}
		if rule := strings.Join(up.Header["X-Gray-Rule"], "|"); rule != wantRule {
			t.Errorf("%q, X-Gray-Rule upstream: got %q, want %q", field, rule, wantRule)
		}
	}
	row("", "stable", "")
	row("X-Gray-Tag: gray", "gray", "tagged")
	row("x-gray-tag:gray", "gray", "tagged")
	row("X-Gray-Tag: Gray", "stable", "")
	row("X-Gray-Tag: stable", "stable", "")
	row("X-Gray-Tag:", "stable", "")
	row("X-Gray-Tag: other\r\nX-Gray-Tag: gray", "stable", "")
	row("X-Gray-Tag: gray\r\nX-Gray-Tag: other", "gray", "tagged")
	row("X-Gray-Rule: forged", "stable", "")
	row("X-Gray-Tag: gray\r\nX-Gray-Rule: forged", "gray", "tagged")
	row("Cookie: gray_version=v2", "gray", "tagged")
	row("Cookie: a=b; gray_version=v2; c=d", "gray", "tagged")
	row("Cookie: a=b\r\nCookie: gray_version=v2", "gray", "tagged")
	row("Cookie: gray_version=v1", "stable", "")
	row("Cookie: xgray_version=v2", "stable", "")
	row("X-Gray-Tag: gray\r\nConnection: X-Gray-Tag", "gray", "tagged")
}

// decideConfig is a config with the rules given, and the attributes that they use.
func decideConfig(stable, gray *testkit.Backend, rules string) string {
	return fmt.Sprintf(`
listeners: [{address: %s}]
loops: 2
access_log: off
attributes:
  userid: {from: [header X-User-Id, cookie uid, query uid]}
  os: {from: [header X-OS]}
upstreams:
  stable: {endpoints: [%s]}
  gray: {endpoints: [%s]}
routes:
  - name: all
    stable: stable
    gray: gray
    rules:
%s
`, testkit.Listen, stable.Addr, gray.Addr, rules)
}

func TestPercentByUser(t *testing.T) {
	const users = 1000
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	config := func(percent int) string {
		return decideConfig(stable, gray, fmt.Sprintf("      - {name: ramp, percent: %d, by: userid}", percent))
	}
	p := testkit.Gateway(t, config(20))
	sides := func(request func(user int) string) map[int]bool {
		inGray := map[int]bool{}
		c, other := testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr) // on different loops
		for user := range users {
			c, other = other, c
			if c.Do(request(user)).Header.Get("X-Backend") == "gray" {
				inGray[user] = true
			}
		}
		return inGray
	}
	byHeader := func(u int) string { return testkit.Get("/", fmt.Sprintf("X-User-Id: user-%d", u)) }
	first := sides(byHeader)
	if len(first) < users*15/100 || len(first) > users*25/100 {
		t.Errorf("20%% of %d users: got %d in gray, want about 200", users, len(first))
	}
	same := func(name string, got map[int]bool) {
		t.Helper()
		for u := range users {
			if got[u] != first[u] {
				t.Errorf("%s, user %d: got gray %v, want %v", name, u, got[u], first[u])
			}
		}
	}
	same("again", sides(byHeader))
	same("by cookie", sides(func(u int) string { return testkit.Get("/", fmt.Sprintf("Cookie: x=y; uid=user-%d", u)) }))
	same("by query", sides(func(u int) string { return testkit.Get(fmt.Sprintf("/?x=y&uid=user-%d", u)) }))
	same("the header goes first", sides(func(u int) string {
		return testkit.Get(fmt.Sprintf("/?uid=user-%d", u+1), fmt.Sprintf("X-User-Id: user-%d", u), fmt.Sprintf("Cookie: uid=user-%d", u+2))
	}))
	if got := sides(func(int) string { return testkit.Get("/") }); len(got) != 0 {
		t.Errorf("without a user: got %d in gray, want 0", len(got))
	}
	p.MustReload(config(50))
	after := sides(byHeader)
	for u := range users {
		if first[u] && !after[u] {
			t.Errorf("user %d: in gray at 20%%, not any more at 50%%", u)
		}
	}
	if len(after) < users*45/100 || len(after) > users*55/100 {
		t.Errorf("50%% of %d users: got %d in gray, want about 500", users, len(after))
	}
}

// A share of requests is exact in every stretch of them, on one loop.
func TestPercentByRequest(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p := testkit.Gateway(t, strings.Replace(decideConfig(stable, gray, "      - {name: quarter, percent: 25, by: request}"), "loops: 2", "loops: 1", 1))
	c := testkit.Dial(t, p.Addr)
	var line strings.Builder
	for range 200 {
		line.WriteString(c.Do(testkit.Get("/")).Header.Get("X-Backend")[:1])
	}
	for at := 0; at+4 <= line.Len(); at += 4 {
		if got := strings.Count(line.String()[at:at+4], "g"); got != 1 {
			t.Errorf("requests %d to %d: got %d of 4 in gray, want 1: %s", at, at+3, got, line.String())
		}
	}
}

func TestFirstRuleWins(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p := testkit.Gateway(t, decideConfig(stable, gray, `
      - {name: staff, when: "os == 'staff'", to: stable}
      - {name: path, when: "path in ['/a', '/b'] and method == 'GET'"}
      - {name: host, when: "host == 'gray.test'"}
      - {name: local, when: "ip == '127.0.0.1' and os == 'local'"}
      - {name: rest, when: "os != 'ios' and os != 'android'"}`))
	c := testkit.Dial(t, p.Addr)
	row := func(request, wantPool, wantRule string) {
		t.Helper()
		got := c.Do(request)
		if pool, rule := got.Header.Get("X-Backend"), seen(t, got).Header.Get("X-Gray-Rule"); pool != wantPool || rule != wantRule {
			t.Errorf("%q: got %s by rule %q, want %s by %q", request, pool, rule, wantPool, wantRule)
		}
	}
	row(testkit.Get("/a", "X-OS: staff"), "stable", "staff")
	row(testkit.Get("/a"), "gray", "path")
	row(testkit.Get("/b?x=/c", "X-OS: ios"), "gray", "path")
	row(testkit.Post("/a", "x", "X-OS: ios"), "stable", "")
	row("GET / HTTP/1.1\r\nHost: Gray.Test:81\r\nX-OS: ios\r\n\r\n", "gray", "host")
	row("GET http://gray.test/ HTTP/1.1\r\nHost: other\r\nX-OS: ios\r\n\r\n", "gray", "host")
	row(testkit.Get("/", "X-OS: local"), "gray", "local")
	row(testkit.Get("/", "X-OS: windows"), "gray", "rest")
	row(testkit.Get("/", "X-OS: android"), "stable", "")
	row(testkit.Get("/"), "stable", "")
}

func TestRouting(t *testing.T) {
	var pools, routes strings.Builder
	for _, r := range []struct{ name, host, path string }{
		{"shop", "shop.test", "/"}, {"cart", "shop.test", "/cart"}, {"items", "", "/api/items"}, {"api", "", "/api"},
	} {
		b := testkit.Serve(t, testkit.Echo(r.name))
		fmt.Fprintf(&pools, "  %s: {endpoints: [%s]}\n", r.name, b.Addr)
		host := ""
		if r.host != "" {
			host = "host: " + r.host + ", "
		}
		fmt.Fprintf(&routes, "  - {name: %s, %spath: %s, stable: %s}\n", r.name, host, r.path, r.name)
	}
	p := testkit.Gateway(t, fmt.Sprintf("listeners: [{address: %s}]\naccess_log: off\nupstreams:\n%sroutes:\n%s", testkit.Listen, &pools, &routes))
	c := testkit.Dial(t, p.Addr)
	row := func(host, target, want string) {
		t.Helper()
		got := c.Do("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		name := got.Header.Get("X-Backend")
		if got.StatusCode == 404 {
			name = got.Header.Get("X-Graygate-Error")
		}
		if name != want {
			t.Errorf("%s%s: got %d %q, want %q", host, target, got.StatusCode, name, want)
		}
	}
	row("shop.test", "/", "shop")
	row("SHOP.test:8080", "/x?y", "shop")
	row("shop.test", "/cart", "cart")
	row("shop.test", "/cart/1", "cart")
	row("shop.test", "/cartoon", "shop")
	row("shop.test", "/cart?x", "cart")
	row("shop.test", "/api/items", "shop")
	row("other.test", "/api/items/1", "items")
	row("other.test", "/api/itemsx", "api")
	row("other.test", "/api", "api")
	row("other.test", "/", "no_route")
	row("other.test", "/ap", "no_route")
	row("other.test", "/API", "no_route")
	row("other.test", "http://shop.test/cart/2", "cart")
	if got := testkit.Do(t, p.Addr, "GET /api HTTP/1.0\r\n\r\n").Header.Get("X-Backend"); got != "api" {
		t.Errorf("1.0 without Host: got %q, want api", got)
	}
}

var (
	requestIDForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	traceparentForm = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-0[0-3]$`)
)

func TestOriginOfUntrusted(t *testing.T) {
	p, _ := plain(t, testkit.Echo("stable"), "")
	c := testkit.Dial(t, p.Addr)
	ids := map[string]bool{}
	row := func(request string) {
		t.Helper()
		up := seen(t, c.Do(request))
		want := func(name, value string) {
			t.Helper()
			if got := up.Header[http.CanonicalHeaderKey(name)]; len(got) != 1 || got[0] != value {
				t.Errorf("%q, %s: got %q, want %q", request, name, got, value)
			}
		}
		want("X-Forwarded-For", "127.0.0.1")
		want("X-Forwarded-Proto", "http")
		want("X-Forwarded-Host", "example.test")
		id := up.Header["X-Request-Id"]
		if len(id) != 1 || !requestIDForm.MatchString(id[0]) || ids[id[0]] {
			t.Fatalf("%q, X-Request-Id: got %q, want one of 32 hexadecimal digits, never the same", request, id)
		}
		ids[id[0]] = true
		trace := up.Header["Traceparent"]
		if len(trace) != 1 || !traceparentForm.MatchString(trace[0]) || traceparentForm.FindStringSubmatch(trace[0])[1] != id[0] {
			t.Errorf("%q, traceparent: got %q, want one with the trace %s", request, trace, id[0])
		}
		for _, name := range []string{"Forwarded", "X-Real-Ip", "Tracestate", "X_forwarded_for", "X_Request_Id"} {
			if got := up.Header[http.CanonicalHeaderKey(name)]; got != nil {
				t.Errorf("%q, %s: got %q, want none", request, name, got)
			}
		}
	}
	row(testkit.Get("/"))
	row(testkit.Get("/"))
	row(testkit.Get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Request-Id: mine",
		"Traceparent: forged", "Tracestate: a=b", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4",
		"X_Forwarded_For: 1.2.3.4", "X_Request_Id: mine"))
	row(testkit.Get("/", "Connection: X-Forwarded-For, X-Request-Id, traceparent"))
}

func TestOriginOfTrusted(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "trusted_proxies: [127.0.0.0/8]"))
	c := testkit.Dial(t, p.Addr)
	up := seen(t, c.Do(testkit.Get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8, 9.9.9.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.test",
		"X-Request-Id: mine", "traceparent: "+trace, "tracestate: a=b")))
	want := func(name, value string) {
		t.Helper()
		if got := up.Header[name]; len(got) != 1 || got[0] != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	want("X-Forwarded-For", "1.2.3.4, 5.6.7.8, 9.9.9.9, 127.0.0.1")
	want("X-Forwarded-Proto", "https")
	want("X-Forwarded-Host", "www.test")
	want("X-Request-Id", "mine")
	want("Traceparent", trace)
	want("Tracestate", "a=b")
	up = seen(t, c.Do(testkit.Get("/", "X-Request-Id: "+strings.Repeat("x", 129))))
	if got := up.Header.Get("X-Request-Id"); !requestIDForm.MatchString(got) {
		t.Errorf("a request id of 129 bytes: got %q, want a new one", got)
	}
	want("X-Forwarded-For", "127.0.0.1")
}

// The client's address, for rules, is the last one in X-Forwarded-For that is not a trusted proxy's.
func TestClientAddress(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	config := decideConfig(stable, gray, "      - {name: one, when: \"ip == '1.2.3.4'\"}")
	p := testkit.Gateway(t, config+"trusted_proxies: [127.0.0.1, 10.0.0.0/8]\n")
	row := func(want string, fields ...string) {
		t.Helper()
		if got := testkit.Do(t, p.Addr, testkit.Get("/", fields...)).Header.Get("X-Backend"); got != want {
			t.Errorf("%q: got %s, want %s", fields, got, want)
		}
	}
	row("stable")
	row("gray", "X-Forwarded-For: 1.2.3.4")
	row("gray", "X-Forwarded-For: 8.8.8.8, 1.2.3.4")
	row("stable", "X-Forwarded-For: 1.2.3.4, 8.8.8.8")
	row("gray", "X-Forwarded-For: 1.2.3.4, 10.1.1.1")
	row("gray", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.1.1.1")
	row("stable", "X-Forwarded-For: 1.2.3.4, nonsense")
	row("gray", "X-Forwarded-For: nonsense, 1.2.3.4")
	p.MustReload(config)
	row("stable", "X-Forwarded-For: 1.2.3.4")
}
