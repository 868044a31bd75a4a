package match

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// request is what a test sends: fields as "Name: value" lines.
type request struct {
	method, host, path, query string
	ip                        string
	fields                    []string
}

// load fills a with a request, as the gateway does.
func (r request) load(a *Attributes, s *Schema) {
	a.Reset(s)
	var ip netip.Addr
	if r.ip != "" {
		ip = netip.MustParseAddr(r.ip)
	}
	a.SetRequest([]byte(r.method), []byte(r.host), []byte(r.path), []byte(r.query), ip)
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, ":")
		a.AddHeader([]byte(name), []byte(strings.TrimSpace(value)))
	}
}

// shopSchema is the schema of the examples: userid, os and version, and further ones for properties.
func shopSchema(t testing.TB) *Schema {
	t.Helper()
	return mustSchema(t,
		Attribute{Name: "userid", From: []Source{{FromHeader, "X-User-Id"}, {FromCookie, "uid"}, {FromQuery, "uid"}}},
		Attribute{Name: "os", From: []Source{{FromHeader, "X-OS"}}},
		Attribute{Name: "country", From: []Source{{FromHeader, "X-Country"}}},
		Attribute{Name: "version", Type: Version, From: []Source{{FromHeader, "X-App-Version"}}},
		Attribute{Name: "sdk", Type: Version, From: []Source{{FromHeader, "X-SDK"}}},
	)
}

// members are an audience of units.
type members map[string]bool

func (m members) Contains(member []byte) bool { return m[string(member)] }

// wideAudiences are those of wideSchema: some of the values that facts draw from, and one that is not loaded.
var wideAudiences = map[string]Audience{
	"odd": members{"u1": true, "u3": true, "u5": true, "u-1": true, "ios": true, "de": true, "17": true, "2.0-beta": true, "10.1.2.3": true,
		"true": true, "a,b": true, "17.5": true},
	"vips":    members{"u7": true, "u8": true, "x": true, "Ünlü": true},
	"loading": members(nil),
}

// wideSchema has an attribute of every type beside those of shopSchema, and audiences.
func wideSchema(t testing.TB) *Schema {
	t.Helper()
	header := func(name string) []Source { return []Source{{FromHeader, name}} }
	return lookupSchema(t, Lookups{Audiences: wideAudiences},
		Attribute{Name: "userid", From: header("X-User-Id")},
		Attribute{Name: "os", From: header("X-OS")},
		Attribute{Name: "country", From: header("X-Country")},
		Attribute{Name: "version", Type: Version, From: header("X-App-Version")},
		Attribute{Name: "sdk", Type: Version, From: header("X-SDK")},
		Attribute{Name: "age", Type: Int, From: header("X-Age")},
		Attribute{Name: "year", Type: Int, From: header("X-Year")},
		Attribute{Name: "score", Type: Float, From: header("X-Score")},
		Attribute{Name: "beta", Type: Bool, From: header("X-Beta")},
		Attribute{Name: "staff", Type: Bool, From: header("X-Staff")},
		Attribute{Name: "device", Type: IP, From: header("X-Device")},
		Attribute{Name: "groups", Type: List, From: header("X-Groups")},
		Attribute{Name: "brand", From: header("X-Brand"), Lower: true},
	)
}

func mustSchema(t testing.TB, attrs ...Attribute) *Schema {
	t.Helper()
	return lookupSchema(t, Lookups{}, attrs...)
}

func lookupSchema(t testing.TB, lookups Lookups, attrs ...Attribute) *Schema {
	t.Helper()
	s, err := NewSchema(attrs, lookups)
	if err != nil {
		t.Fatalf("NewSchema(%v): %v", attrs, err)
	}
	return s
}

func mustRules(t testing.TB, s *Schema, rules ...Rule) *RuleSet {
	t.Helper()
	rs, errs := CompileRules(s, rules)
	if len(errs) > 0 {
		t.Fatalf("CompileRules(%+v): %v", rules, errs)
	}
	return rs
}

// golden compares got with a file of testdata, or rewrites the file under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		var gl, wl string
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			t.Fatalf("%s line %d:\n got %s\nwant %s\n(-update rewrites the file)", file, i+1, gl, wl)
		}
	}
}
