package gateway_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"graygate/internal/testkit"
)

// spoofed are the fields that only the gateway, or a proxy that it trusts, may set.
var spoofed = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X-Request-Id", "Traceparent", "Tracestate", "Baggage", "X-Gray-Tag", "X-Gray-Rule", "X-Experiment", "X-Experiment-Override"}

// TestSpoofing has a client that nobody trusts send these fields in every disguise: nothing of what it said arrives.
func TestSpoofing(t *testing.T) {
	const forged = "forged-6.6.6.6"
	p, _ := plain(t, testkit.Echo("stable"), "trusted_proxies: [10.0.0.0/8, 192.168.0.1]\n")
	c := testkit.Dial(t, p.Addr)
	row := func(how, request string) {
		t.Helper()
		if got := c.Do(request); got.StatusCode != 200 || strings.Contains(got.Text, forged) {
			t.Errorf("%s: %q\nthe upstream: got %d %q, want it without %q", how, request, got.StatusCode, got.Text, forged)
		}
	}
	for _, name := range spoofed {
		swap := func(from, to string) string { return strings.ReplaceAll(name, from, to) }
		for _, as := range []string{name, strings.ToLower(name), strings.ToUpper(name), swap("-", "_"), strings.ToUpper(swap("-", "_")), swap("-", "."), swap("-", "~"), strings.Replace(name, "-", "_", 1), strings.ToLower(swap("-", "+"))} {
			if as != strings.ReplaceAll(as, "~", "-") && !strings.Contains(name, "-") {
				continue
			}
			line := as + ": " + forged
			row(as, testkit.Get("/", line))
			row(as+" twice", testkit.Get("/", line, line, line))
			row(as+" behind a true one", testkit.Get("/", name+":", line))
			row(as+" named by Connection", testkit.Get("/", "Connection: "+as, line))
			row(as+" named by Connection as another", testkit.Get("/", "Connection: x-other, "+strings.ToUpper(name), line))
			row(as+" with a trusted address", testkit.Get("/", line, "X-Forwarded-For: 10.0.0.1, "+forged, "Forwarded: for=10.0.0.1;by="+forged))
			row(as+" in a trailer", testkit.Request11("POST", "/", "1\r\nx\r\n0\r\n"+line+"\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-Sum"))
		}
	}
}

// TestSpoofedAddress asks with every value that might be taken for the client's address: for rules, it is that of the socket.
func TestSpoofedAddress(t *testing.T) {
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p := testkit.Gateway(t, decideConfig(stable, gray, "      - {name: local, when: \"ip == '127.0.0.1'\"}")+"trusted_proxies: [10.0.0.0/8]\n")
	c := testkit.Dial(t, p.Addr)
	for _, value := range []string{"6.6.6.6", "10.0.0.1", "10.0.0.1, 6.6.6.6", "6.6.6.6, 10.0.0.1", "::1", "", ",", "unknown", "127.0.0.1, 6.6.6.6", strings.Repeat("6.6.6.6, ", 500) + "6.6.6.6"} {
		got := c.Do(testkit.Get("/", "X-Forwarded-For: "+value, "X-Real-IP: "+value, "Forwarded: for="+value))
		if got.Header.Get("X-Backend") != "gray" {
			t.Errorf("%.50q: got the rule for another address, want that for the socket's", value)
		}
		if want := "\r\nX-Forwarded-For: 127.0.0.1\r\n"; !strings.Contains(got.Text, want) {
			t.Errorf("%.50q: the upstream got %.300q, want %q in it", value, got.Text, want)
		}
	}
}

// TestTrustedChain draws chains of proxies: the client is the last address that is not trusted's, and whatever stands before it has no
// say; an entry that is no address ends the search.
func TestTrustedChain(t *testing.T) {
	entries := []string{"1.1.1.1", "2.2.2.2", "2001:db8::1", "10.1.1.1", "10.2.2.2", "::ffff:10.3.3.3", "::ffff:1.1.1.1", "127.0.0.1", "fd00::1", "unknown", "1.1.1.1:80", "[2001:db8::1]", "_hidden", "", "1.1.1", "0x1.1.1.1", "fe80::1%eth0", "10.1.1.1\t"}
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	trusts := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	var rules strings.Builder
	names := map[netip.Addr]string{}
	for i, entry := range entries {
		if a, err := netip.ParseAddr(strings.TrimSpace(entry)); err == nil && names[a.Unmap()] == "" {
			names[a.Unmap()] = fmt.Sprintf("is-%d", i)
			fmt.Fprintf(&rules, "      - {name: is-%d, when: \"ip == '%s'\"}\n", i, a.Unmap())
		}
	}
	stable, gray := testkit.Serve(t, testkit.Echo("stable")), testkit.Serve(t, testkit.Echo("gray"))
	p := testkit.Gateway(t, decideConfig(stable, gray, strings.TrimSuffix(rules.String(), "\n"))+"trusted_proxies: [127.0.0.1, 10.0.0.0/8, \"fd00::/8\"]\n")
	c := testkit.Dial(t, p.Addr)
	rapid.Check(t, func(t *rapid.T) {
		chain := rapid.SliceOfN(rapid.SampledFrom(entries), 1, 6).Draw(t, "chain")
		client := netip.MustParseAddr("127.0.0.1")
		for _, entry := range slices.Backward(chain) {
			if strings.TrimSpace(entry) == "" {
				continue
			}
			next, err := netip.ParseAddr(strings.TrimSpace(entry))
			if !trusts(client) || err != nil {
				break
			}
			client = next.Unmap()
		}
		// In one field or in several: the same list (RFC 9110 5.3).
		fields := []string{"X-Forwarded-For: " + chain[0]}
		for _, entry := range chain[1:] {
			if rapid.Bool().Draw(t, "a field of its own") {
				fields = append(fields, "X-Forwarded-For: "+entry)
			} else {
				fields[len(fields)-1] += rapid.SampledFrom([]string{",", ", ", " ,\t"}).Draw(t, "comma") + entry
			}
		}
		got := c.Do(testkit.Get("/", fields...))
		_, rule, _ := strings.Cut(got.Text, "\r\nX-Gray-Rule: ")
		rule, _, _ = strings.Cut(rule, "\r\n")
		if want := names[client]; rule != want {
			t.Fatalf("%q: got the rule %q, want %q for the client %s", fields, rule, want, client)
		}
	})
}

// TestForgedRequestID has a trusted proxy send what is no request id.
func TestForgedRequestID(t *testing.T) {
	p, _ := plain(t, testkit.Echo("stable"), "trusted_proxies: [127.0.0.1]\n")
	c := testkit.Dial(t, p.Addr)
	for _, fields := range [][]string{{"X-Request-Id:"}, {"X-Request-Id: \t "}, {"X-Request-Id: " + strings.Repeat("x", 129)}, {"X_Request_Id: mine"}, {"X-Request-Id:", "Connection: X-Request-Id"}} {
		up := seen(t, c.Do(testkit.Get("/", fields...)))
		if got := up.Header["X-Request-Id"]; len(got) != 1 || !requestIDForm.MatchString(got[0]) {
			t.Errorf("%q: got %q, want a new one", fields, got)
		}
	}
}
