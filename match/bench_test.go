package match

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// browser is a request of usual shape: what a browser sends through a load balancer.
type browser struct {
	method, host, path, query []byte
	ip                        netip.Addr
	fields                    [][2][]byte
}

func newBrowser() *browser {
	b := &browser{
		method: []byte("GET"), host: []byte("shop.example.com"), path: []byte("/api/v2/cart/items"),
		query: []byte("page=2&sort=price&uid=u-1f7b9c"), ip: netip.MustParseAddr("192.0.2.17"),
	}
	for _, f := range [][2]string{
		{"Host", "shop.example.com"},
		{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.71 Safari/537.36"},
		{"Accept", "application/json, text/plain, */*"},
		{"Accept-Encoding", "gzip, deflate, br"},
		{"Accept-Language", "de-DE,de;q=0.9,en;q=0.8"},
		{"Cookie", "session=8d5b2f1c9e7a4f60b3; theme=dark; _ga=GA1.2.1234567.1700000000; uid=u-1f7b9c; consent=\"all\""},
		{"Referer", "https://shop.example.com/cart"},
		{"Sec-Fetch-Mode", "cors"},
		{"X-Forwarded-For", "192.0.2.17"},
		{"X-Request-Id", "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"X-OS", "ios"},
		{"X-Country", "de"},
		{"X-App-Version", "17.2.1"},
		{"Connection", "keep-alive"},
	} {
		b.fields = append(b.fields, [2][]byte{[]byte(f[0]), []byte(f[1])})
	}
	return b
}

func (b *browser) load(a *Attributes, s *Schema) {
	a.Reset(s)
	a.SetRequest(b.method, b.host, b.path, b.query, b.ip)
	for i := range b.fields {
		a.AddHeader(b.fields[i][0], b.fields[i][1])
	}
}

// missRules are n rules of mixed kinds of which the browser's request meets none.
func missRules(n int) []Rule {
	var rules []Rule
	for i := range n {
		r := Rule{Name: fmt.Sprint("r", i)}
		switch i % 5 {
		case 0:
			r.When = fmt.Sprintf("tag == 'gray%d' or gray_version == 'v%d'", i, i)
		case 1:
			r.When = fmt.Sprintf("os == 'ios' and version >= '%d.0'", 18+i)
		case 2:
			r.HasPercent, r.PPM, r.By = true, 1, "userid"
		case 3:
			r.When = fmt.Sprintf("country in ['c%d', 'd%d', 'e%d'] and os != 'web'", i, i, i)
		case 4:
			r.When, r.HasPercent, r.PPM, r.By = fmt.Sprintf("path == '/x%d'", i), true, 50_000, "request"
		}
		rules = append(rules, r)
	}
	return rules
}

func TestNothingIsAllocated(t *testing.T) {
	s := shopSchema(t)
	b := newBrowser()
	b.host = []byte("Shop.Example.com:8443")
	b.query = []byte("page=2&u%69d=u%2D1+f")
	rules := missRules(40)
	rules = append(rules,
		Rule{Name: "long list", When: "path in ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h']"},
		Rule{Name: "builtin", When: "host == 'x' or ip == '192.0.2.1' or method not in ['GET'] or sdk < version"},
		Rule{Name: "versions", When: "version in ['1', '2', '3', '4', '5', '6', '7', '8']"},
		Rule{Name: "even", HasPercent: true, PPM: 1, By: "request"},
		Rule{Name: "all", HasPercent: true, PPM: PPM, By: "userid"},
	)
	rs := mustRules(t, s, rules...)
	st := rs.NewState()
	var a Attributes
	check := func(what string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s allocates %v times, want 0", what, n)
		}
	}
	check("a request", func() {
		b.load(&a, s)
		if got := rs.Decide(&a, st); got != len(rules)-1 {
			t.Errorf("Decide = %d, want %d", got, len(rules)-1)
		}
	})
	unit := []byte("6f1c2d0e-8a4b-4d0e-9a43-0c5b1f3f7d21")
	check("Bucket", func() { Bucket("rule:ramp", unit) })
	long := make([]byte, 4096)
	wide := wideSchema(t)
	all := mustRules(t, wide, Rule{Name: "none", When: strings.Join([]string{
		"lower(os) == 'x'", "upper(os) == 'x'", "trim(os) == 'x'", "hash(os)[:2] == 'x'", "len(os) > 9", "len(groups) > 9", "age * 2 - 1 > 99",
		"age / 0.5 ** 2 > 999", "bucket(userid, 'a') < 0", "cidr(device, '192.0.2.0/24')", "matches_version(version, '^99')",
		"between(now, '2030-01-01', '2031-01-01')", "os matches 'x$'", "lower(os) contains 'x'", "'x' in groups", "country in groups",
		"version >= (beta ? '99' : '98')", "audience('vips', userid)", "os == country", "os in ['1', '2', '3', '4', '5', '6', '7']", "age in [1, 2]", "version in ['1', '2']",
	}, " or ")})
	wideState := all.NewState()
	f := facts{"os": "ÄOS", "groups": "a, b", "age": "18", "score": "2.5", "userid": "u", "device": "10.0.0.1", "version": "17.2.1-rc.1", "beta": "1", "country": "de"}
	var fields [][2][]byte
	for _, at := range factFields {
		fields = append(fields, [2][]byte{[]byte(at.field), []byte(f[at.name])})
	}
	check("the whole language", func() {
		a.Reset(wide)
		a.SetTime(factsNow)
		for i := range fields {
			a.AddHeader(fields[i][0], fields[i][1])
		}
		if got := all.Decide(&a, wideState); got != -1 {
			t.Errorf("Decide = %d, want -1", got)
		}
	})
	check("Bucket of a long unit", func() { Bucket("rule:ramp", long) })
}

func BenchmarkBucket(b *testing.B) {
	unit := []byte("6f1c2d0e-8a4b-4d0e-9a43-0c5b1f3f7d21")
	b.ReportAllocs()
	for b.Loop() {
		Bucket("rule:ramp", unit)
	}
}

// BenchmarkAttributes loads a request of 14 fields and reads nothing of it.
func BenchmarkAttributes(b *testing.B) {
	s := shopSchema(b)
	req := newBrowser()
	var a Attributes
	b.ReportAllocs()
	for b.Loop() {
		req.load(&a, s)
	}
}

// BenchmarkRequest loads a request and decides it by the three rules of the config example; reading its cookie and its
// query is in it.
func BenchmarkRequest(b *testing.B) {
	s := shopSchema(b)
	rs := mustRules(b, s,
		Rule{Name: "tagged", When: "tag == 'gray' or gray_version == 'v2'"},
		Rule{Name: "ios-beta", When: "os == 'ios' and version >= '18.0'"},
		Rule{Name: "ramp", HasPercent: true, PPM: 1, By: "userid"},
	)
	st := rs.NewState()
	req := newBrowser()
	var a Attributes
	b.ReportAllocs()
	for b.Loop() {
		req.load(&a, s)
		if rs.Decide(&a, st) >= 0 {
			b.Fatal("a rule matched")
		}
	}
}

// shopRules are n rules as large shops have them, of which the browser's request meets none: features by app version,
// campaigns by country and path, allow-lists of users, networks of partners, ramps that share a salt, and ramps of their
// own for those who meet a condition.
func shopRules(n int) []Rule {
	var rules []Rule
	for i := range n {
		r := Rule{Name: fmt.Sprint("r", i)}
		share := func(ppm uint32, salt string) { r.HasPercent, r.PPM, r.By, r.Salt = true, ppm, "userid", salt }
		switch i % 10 {
		case 0:
			r.When = fmt.Sprintf("tag == 'feature-%d' or gray_version == 'v%d'", i, i)
		case 1, 2:
			r.When = fmt.Sprintf("os == 'ios' and version >= '%d.%d'", 18+i/100, i%100)
		case 3:
			r.When = fmt.Sprintf("os == 'android' and matches_version(version, '^%d')", 10+i%50)
		case 4:
			r.When = fmt.Sprintf("country in ['c%d', 'd%d'] and path startsWith '/campaign/%d'", i, i+1, i)
		case 5:
			r.When = fmt.Sprintf("userid in ['u%d', 'u%d', 'u%d']", i, i+1, i+2)
		case 6:
			r.When = fmt.Sprintf("cidr(ip, '10.%d.%d.0/24') and method == 'GET'", i/256%256, i%256)
		case 7:
			r.When = fmt.Sprintf("version >= '%d'", 20+i%80)
			share(1, "ramp")
		case 8:
			r.When = fmt.Sprintf("country == 'e%d'", i)
			share(500_000, "")
		case 9:
			r.When = fmt.Sprintf("lower(path) startsWith '/beta/%d' and len(userid) > 3 and os != 'web'", i)
		}
		rules = append(rules, r)
	}
	return rules
}

// BenchmarkDecide decides a request whose attributes were read before, so that it shows the rules alone; none matches.
// What the rules compute is computed anew each time.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchmarkDecide(b, shopRules(n), nil) })
	}
}

// BenchmarkDecideInOrder is the same without an index.
func BenchmarkDecideInOrder(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		rules := shopRules(n)
		_, plain := bothWays(b, shopSchema(b), rules)
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchmarkDecide(b, rules, plain) })
	}
}

// BenchmarkDecideSalts is the worst for an index: nothing but shares, each with its own salt, so that each hashes.
func BenchmarkDecideSalts(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		var rules []Rule
		for i := range n {
			rules = append(rules, Rule{Name: fmt.Sprint("r", i), HasPercent: true, PPM: 1, By: "userid"})
		}
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) { benchmarkDecide(b, rules, nil) })
	}
}

func benchmarkDecide(b *testing.B, rules []Rule, rs *RuleSet) {
	s := shopSchema(b)
	if rs == nil {
		rs = mustRules(b, s, rules...)
	} else {
		s = rs.schema
	}
	st := rs.NewState()
	req := newBrowser()
	var a Attributes
	req.load(&a, s)
	for i := range s.attrs {
		a.Value(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := rs.Decide(&a, st); got >= 0 {
			b.Fatalf("rule %d matched: %+v", got, rules[got])
		}
	}
}

// BenchmarkCompile compiles a rule set.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			s, rules := shopSchema(b), shopRules(n)
			b.ReportAllocs()
			for b.Loop() {
				mustRules(b, s, rules...)
			}
		})
	}
}
