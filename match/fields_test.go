package match

import (
	"net/netip"
	"testing"
)

// atlas is a Geo that counts how often it is asked.
type atlas struct {
	places map[string]Place
	asked  []string
}

func (g *atlas) Locate(ip netip.Addr) *Place {
	g.asked = append(g.asked, ip.String())
	if p, ok := g.places[ip.String()]; ok {
		return &p
	}
	return nil
}

// agentList is an Agents likewise.
type agentList struct {
	agents map[string]Agent
	asked  []string
}

func (l *agentList) Read(text []byte) *Agent {
	l.asked = append(l.asked, string(text))
	if a, ok := l.agents[string(text)]; ok {
		return &a
	}
	return nil
}

func TestPlacesAndAgents(t *testing.T) {
	geo := &atlas{places: map[string]Place{
		"192.0.2.1":   {Country: "DE", Province: "BY", City: "München", ISP: "Example Net", ASN: "64500"},
		"2001:db8::1": {Country: "AT"},
	}}
	agents := &agentList{agents: map[string]Agent{
		"phone":   {OS: "ios", OSVersion: "17.2.1", Browser: "safari", BrowserVersion: "17.2", Device: "mobile"},
		"crawler": {Device: "bot"},
	}}
	s := lookupSchema(t, Lookups{Geo: geo, Agents: agents}, []Attribute{
		{Name: "country", From: []Source{{FromHeader, "X-Country"}, {FromGeo, "country"}}, Default: "none"},
		{Name: "province", From: []Source{{FromGeo, "province"}}},
		{Name: "city", From: []Source{{FromGeo, "city"}}, Lower: true},
		{Name: "isp", From: []Source{{FromGeo, "isp"}}},
		{Name: "asn", From: []Source{{FromGeo, "asn"}}, Type: Int},
		{Name: "os", From: []Source{{FromAgent, "os"}, {FromHeader, "X-OS"}}},
		{Name: "os_version", From: []Source{{FromAgent, "os_version"}}, Type: Version},
		{Name: "browser", From: []Source{{FromAgent, "browser"}}},
		{Name: "major", From: []Source{{FromAgent, "browser_version"}}, Capture: `^\d+`},
		{Name: "device", From: []Source{{FromAgent, "device"}}},
	}...)
	var a Attributes
	check := func(want, located, read string, r request) {
		t.Helper()
		for range 2 { // the second time on the used object
			geo.asked, agents.asked = nil, nil
			r.load(&a, s)
			if got := valuesOf(&a); got != want {
				t.Errorf("%+v\n got %s\nwant %s", r, got, want)
			}
			once(t, "Locate", geo.asked, located)
			once(t, "Read", agents.asked, read)
		}
	}
	check("country=none", "", "", request{})
	check("ip=192.0.2.1 country=DE province=BY city=münchen isp=Example Net asn=64500", "192.0.2.1", "", request{ip: "192.0.2.1"})
	check("ip=192.0.2.1 country=DE province=BY city=münchen isp=Example Net asn=64500", "192.0.2.1", "", request{ip: "::ffff:192.0.2.1"})
	check("ip=2001:db8::1 country=AT", "2001:db8::1", "", request{ip: "2001:db8::1%eth0"})
	check("ip=198.51.100.7 country=none", "198.51.100.7", "", request{ip: "198.51.100.7"})
	check("country=ch", "", "", request{fields: []string{"X-Country: ch"}})
	check("country=none os=ios os_version=17.2.1 browser=safari major=17 device=mobile", "", "phone", request{fields: []string{"User-Agent: phone"}})
	check("country=none os=web device=bot", "", "crawler", request{fields: []string{"user-agent: crawler", "User-Agent: phone", "X-OS: web"}})
	check("country=none os=web", "", "curl", request{fields: []string{"User-Agent: curl", "X-OS: web"}})
	check("country=none os=web", "", "", request{fields: []string{"User-Agent:", "X-OS: web"}})
}

// once checks that a look-up was asked for one thing once, for "" never.
func once(t *testing.T, what string, asked []string, want string) {
	t.Helper()
	if want == "" && len(asked) > 0 || want != "" && (len(asked) != 1 || asked[0] != want) {
		t.Errorf("%s was asked for %q, want %q once", what, asked, want)
	}
}

// TestLookupsOnlyWhenAsked has sources that stand behind one that is present, and rules that do not get that far.
func TestLookupsOnlyWhenAsked(t *testing.T) {
	geo, agents := &atlas{}, &agentList{}
	s := lookupSchema(t, Lookups{Geo: geo, Agents: agents}, []Attribute{
		{Name: "country", From: []Source{{FromHeader, "X-Country"}, {FromGeo, "country"}}},
		{Name: "os", From: []Source{{FromAgent, "os"}}},
	}...)
	rs := mustRules(t, s, Rule{Name: "r", When: "tag == 'x' and os == 'ios' or country == 'de'"})
	var a Attributes
	request{ip: "192.0.2.1", fields: []string{"X-Country: de", "User-Agent: phone"}}.load(&a, s)
	if got := rs.Decide(&a, rs.NewState()); got != 0 {
		t.Errorf("Decide = %d, want 0", got)
	}
	if len(geo.asked)+len(agents.asked) > 0 {
		t.Errorf("Locate was asked for %q, Read for %q, want nothing", geo.asked, agents.asked)
	}
}

func TestWithoutLookups(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "country", From: []Source{{FromGeo, "country"}}}, Attribute{Name: "os", From: []Source{{FromAgent, "os"}}})
	var a Attributes
	request{ip: "192.0.2.1", fields: []string{"User-Agent: phone"}}.load(&a, s)
	if got, want := valuesOf(&a), "ip=192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMembersNameTheirAttribute has conditions written like sources: the cure depends on what is declared.
func TestMembersNameTheirAttribute(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "land", From: []Source{{FromHeader, "X-Country"}, {FromGeo, "country"}}},
		Attribute{Name: "system", From: []Source{{FromAgent, "os"}}})
	check := func(when, fix string) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: when}})
		if len(errs) != 1 || errs[0].What != "members (`.`, `[ ]`) are not supported" || errs[0].Fix != fix {
			t.Errorf("%s: %v, want the fix %q", when, errs, fix)
		}
	}
	check("geo.country == 'DE'", "write `land`, which reads it")
	check("geo['country'] == 'DE'", "write `land`, which reads it")
	check("geo.contry == 'DE'", "write `land`, which reads it")
	check("geo.city == 'Bonn'", "declare an attribute with `from: [geo.city]`, and use its name")
	check("geo.continent == 'EU'", "declare an attribute with `from: [geo.country]` or the like, and use its name")
	check("ua.os == 'ios'", "write `system`, which reads it")
	check("ua.os_version == '17'", "declare an attribute with `from: [ua.os_version]`, and use its name")
	check("cookie.uid == 'u'", "use attributes by their plain names")
	check("land.name == 'DE'", "use attributes by their plain names")
}

func TestSourcesInWords(t *testing.T) {
	check := func(s Source, want string) {
		t.Helper()
		if got := s.String(); got != want {
			t.Errorf("%#v is %q, want %q", s, got, want)
		}
	}
	check(Source{FromHeader, "X-OS"}, "header X-OS")
	check(Source{FromSegment, "2"}, "path segment 2")
	check(Source{FromIP, ""}, "ip")
	check(Source{FromConst, "a b"}, "const a b")
	check(Source{FromGeo, "country"}, "geo.country")
	check(Source{FromAgent, "os_version"}, "ua.os_version")
}
