package match

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestVectorsTimes: dates and windows. Unleash's DATE_AFTER and DATE_BEFORE leave the moment itself out, as > and < do.
func TestVectorsTimes(t *testing.T) {
	s := shopSchema(t)
	row := func(now, when string, want kleene) {
		t.Helper()
		rs := mustRules(t, s, Rule{Name: "is", When: when}, Rule{Name: "is not", When: "not (" + when + ")"})
		var a Attributes
		a.Reset(s)
		if now != "" {
			at, err := time.Parse(time.RFC3339Nano, now)
			if err != nil {
				t.Fatal(err)
			}
			a.SetTime(at)
		}
		if got := map[int]kleene{0: isTrue, 1: isFalse, -1: unknown}[rs.Decide(&a, rs.NewState())]; got != want {
			t.Errorf("%s at %s is %v, want %v", when, now, got, want)
		}
	}
	row("2025-03-10T09:00:00Z", "now > '2025-03-10T08:59:59Z'", isTrue)
	row("2025-03-10T09:00:00Z", "now > '2025-03-10T09:00:00Z'", isFalse)
	row("2025-03-10T09:00:00Z", "now >= '2025-03-10T09:00:00.000Z'", isTrue)
	row("2025-03-10T09:00:00Z", "now < '2025-03-10T09:00:00Z'", isFalse)
	row("2025-03-10T09:00:00Z", "now <= '2025-03-10T09:00:00Z'", isTrue)
	row("2025-03-10T09:00:00.001Z", "now > '2025-03-10T09:00:00Z'", isTrue)
	row("2025-03-10T09:00:00.000000001Z", "now > '2025-03-10T09:00:00Z'", isTrue)
	// zones: a moment is a moment
	row("2025-03-10T09:30:00Z", "now > '2025-03-10T11:00:00+02:00' and now < '2025-03-10T12:00:00+02:00'", isTrue)
	row("2025-03-10T11:00:00+02:00", "now >= '2025-03-10T09:00:00Z'", isTrue)
	row("2025-03-10T09:00:00Z", "now < '2025-03-10T00:30:00-09:00'", isTrue)
	row("2025-03-10T09:00:00Z", "now >= '2025-03-10T09:00'", isTrue) // without a zone: UTC, wherever the server stands
	// windows: from the first moment to before the last
	const week = "between(now, '2025-03-10', '2025-03-17')"
	row("2025-03-09T23:59:59.999Z", week, isFalse)
	row("2025-03-10T00:00:00Z", week, isTrue)
	row("2025-03-16T23:59:59.999Z", week, isTrue)
	row("2025-03-17T00:00:00Z", week, isFalse)
	// two windows that meet leave no gap and share no moment
	for _, now := range []string{"2025-03-16T23:59:59.999999999Z", "2025-03-17T00:00:00Z"} {
		row(now, week+" == not between(now, '2025-03-17', '2025-03-24')", isTrue)
	}
	row("2028-02-29T12:00:00Z", "between(now, '2028-02-29', '2028-03-01')", isTrue) // a leap day
	row("2025-10-26T00:30:00Z", "between(now, '2025-10-26T02:00+02:00', '2025-10-26T02:00+01:00')", isTrue)
	row("", week, unknown)

	refused := func(when, want string) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: when}})
		if len(errs) != 1 || !strings.HasPrefix(errs[0].What, want) {
			t.Errorf("%s\n got %v\nwant %s", when, errs, want)
		}
	}
	// Elsewhere a wrong date is one that never comes; here it does not get into service. Unix times, which LaunchDarkly and flagd
	// take as numbers, nobody can read in a config.
	for _, none := range []string{"2027-02-29", "2025-13-01", "2025-03-10T24:00", "2025-03-10T09", "2025-03", "10.03.2025", "1741597200", "soon", "2016-12-31T23:59:60Z"} {
		refused(fmt.Sprintf("now > '%s'", none), "'"+none+"' is no time")
	}
	refused("now > 1741597200", "`now` is a time, and 1741597200 is a number")
	refused("now < '9999-12-31'", "'9999-12-31' is not between the years 1678 and 2261")
	refused("between(now, '2025-03-17', '2025-03-10')", "`between` ends before it begins")
	refused("now == '2025-03-10'", "`now` is never twice the same")
}

// TestVectorsNetworks: membership in networks, as Unleash's IN_CIDR has it, and the edges of prefixes.
func TestVectorsNetworks(t *testing.T) {
	s := wideSchema(t)
	ask := func(address, when string) kleene {
		return valueOf(t, s, when, request{fields: []string{"X-Device: " + address}})
	}
	row := func(networks, in, out string) {
		t.Helper()
		when := fmt.Sprintf("cidr(device, '%s')", strings.ReplaceAll(networks, " ", "', '"))
		for _, address := range strings.Fields(in) {
			if got := ask(address, when); got != isTrue {
				t.Errorf("%s with %s is %v, want true", when, address, got)
			}
		}
		for _, address := range strings.Fields(out) {
			if got := ask(address, when); got != isFalse {
				t.Errorf("%s with %s is %v, want false", when, address, got)
			}
		}
	}
	row("127.0.0.1", "127.0.0.1", "127.0.0.2 127.0.0.0 ::1")
	row("172.16.0.0/12", "172.16.0.0 172.31.255.255", "172.15.255.255 172.32.0.0")
	row("198.51.100.64/26", "198.51.100.64 198.51.100.127", "198.51.100.63 198.51.100.128")
	row("198.51.100.8/31", "198.51.100.8 198.51.100.9", "198.51.100.7 198.51.100.10")
	row("198.51.100.8/32", "198.51.100.8", "198.51.100.9")
	row("128.0.0.0/1", "128.0.0.0 255.255.255.255", "127.255.255.255 0.0.0.0")
	row("0.0.0.0/0", "0.0.0.0 255.255.255.255", "::")
	row("2001:db8::5", "2001:db8::5 2001:0DB8:0:0::5", "2001:db8::6")
	row("2001:db8::/32", "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::")
	row("2001:db8:0:0:8000::/65", "2001:db8:0:0:8000:: 2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:0:7fff:ffff:ffff:ffff 2001:db8:0:1::")
	row("fe80::/10", "fe80::1%eth0 febf::", "fec0::") // zones do not count
	row("10.0.0.0/8 2001:db8::/32 192.0.2.1", "10.9.9.9 2001:db8::9 192.0.2.1", "11.0.0.0 192.0.2.2")
	// an address in IPv6's clothes is the IPv4 one, and a network of IPv6 holds no IPv4
	row("10.0.0.0/8", "::ffff:10.1.1.1 ::ffff:a01:101", "::10.1.1.1")
	row("::ffff:10.1.1.1", "10.1.1.1", "10.1.1.2")
	row("::/0", ":: ffff::", "10.1.1.1 ::ffff:10.1.1.1")
	// what is no address is unknown, whatever a laxer reader makes of it
	for _, none := range []string{"localhost", "10.1.1", "10.1.1.256", "010.1.1.1", "10.1.1.1:80", "[::1]", "10.1.1.1/32", "167837953", "1::2::3", ""} {
		if got := ask(none, "cidr(device, '0.0.0.0/0', '::/0')"); got != unknown {
			t.Errorf("device %q is in or out of all networks: %v, want unknown", none, got)
		}
	}
	refused := func(network, want string) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: fmt.Sprintf("cidr(device, '10.0.0.0/8', '%s')", network)}})
		if len(errs) != 1 || errs[0].What+"; "+errs[0].Fix != want {
			t.Errorf("%s\n got %v\nwant %s", network, errs, want)
		}
	}
	// Unleash passes over networks that are none, so that a slip of the pen opens or shuts a door unseen.
	for _, none := range []string{"127.invalid", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "10/8",
		"10.0.0.0/255.0.0.0", "fe80::1%eth0/64", "10.0.0.*", ""} {
		refused(none, "'"+none+"' is no network; write it like '10.0.0.0/8' or '2001:db8::/32'")
	}
	refused("172.16.5.0/12", "'172.16.5.0/12' has bits behind its length; write '172.16.0.0/12'")
}

// TestVectorsShares: percentages. All projects promise that a unit stays where it is; the hashes are each project's own.
func TestVectorsShares(t *testing.T) {
	s := shopSchema(t)
	in := func(unit string, r Rule) bool {
		var a Attributes
		rs := mustRules(t, s, r)
		request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
		return rs.Decide(&a, rs.NewState()) == 0
	}
	share := func(ppm uint32, salt string) Rule {
		return Rule{Name: "r", HasPercent: true, PPM: ppm, By: "userid", Salt: salt}
	}
	units := func(f func(unit string)) {
		for i := range 500 {
			f(fmt.Sprint("user-", i))
		}
	}
	units(func(unit string) {
		if in(unit, share(0, "a")) || !in(unit, share(PPM, "a")) {
			t.Errorf("%s: 0 %% takes nobody, 100 %% all", unit)
		}
		// a share that grows keeps whom it has, and the border is the unit's own bucket, for rules and for conditions
		b := Bucket("rule:a", []byte(unit))
		row := func(ppm uint32, want bool) {
			t.Helper()
			if got := in(unit, share(ppm, "a")); got != want {
				t.Errorf("%s with bucket %d is in %d ppm: %v, want %v", unit, b, ppm, got, want)
			}
			when := Rule{Name: "r", When: fmt.Sprintf("bucket(userid, 'rule:a') < %d", ppm)}
			if got := in(unit, when); got != want {
				t.Errorf("%s with bucket %d: %s is %v, want %v", unit, b, when.When, got, want)
			}
		}
		row(b, false)
		row(b+1, true)
		row(min(b+100_000, PPM), true)
	})
	// another salt draws anew: of those that a half takes, about half are in the other's
	both, one := 0, 0
	units(func(unit string) {
		if in(unit, share(PPM/2, "a")) {
			one++
			if in(unit, share(PPM/2, "b")) {
				both++
			}
		}
	})
	if one < 200 || one > 300 || both < 80 || both > 170 {
		t.Errorf("of 500, %d are in one half and %d in both, want about 250 and 125", one, both)
	}
	// the unit's bytes count as they are: no trimming inside, no folding, no numbers
	for _, pair := range [][2]string{{"user-1", "USER-1"}, {"7", "07"}, {"7", "7.0"}, {"a b", "a  b"}, {"ü", "u\u0308"}} {
		if Bucket("rule:a", []byte(pair[0])) == Bucket("rule:a", []byte(pair[1])) {
			t.Errorf("%q and %q share a bucket", pair[0], pair[1])
		}
	}
	// no unit, no share, not even of 100 %: Unleash draws at random there when told to, and then nobody stays where he is
	for _, none := range []string{"", strings.Repeat("u", MaxUnitBytes+1)} {
		if in(none, share(PPM, "a")) {
			t.Errorf("a unit of %d bytes is in a share", len(none))
		}
	}
}
