package match

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// valuesOf gives the values of all attributes that are present, as name=value in the order of the schema.
func valuesOf(a *Attributes) string {
	var out []string
	for i, name := range a.schema.names {
		if v := a.Value(i); v != nil {
			out = append(out, name+"="+string(v))
		}
	}
	return strings.Join(out, " ")
}

func TestAttributes(t *testing.T) {
	s := mustSchema(t,
		Attribute{Name: "userid", From: []Source{{FromHeader, "X-User-Id"}, {FromCookie, "uid"}, {FromQuery, "uid"}}},
		Attribute{Name: "late", From: []Source{{FromQuery, "late"}, {FromHeader, "X-Late"}, {FromCookie, "uid"}}},
		Attribute{Name: "version", Type: Version, From: []Source{{FromHeader, "X-App-Version"}, {FromQuery, "v"}}},
		Attribute{Name: "same", From: []Source{{FromHeader, "x-user-id"}}},
		Attribute{Name: "cookies", From: []Source{{FromHeader, "Cookie"}}},
	)
	var a Attributes
	check := func(want string, r request) {
		t.Helper()
		for range 2 { // the second time on the used object
			r.load(&a, s)
			if got := valuesOf(&a); got != want {
				t.Errorf("%+v\n got %s\nwant %s", r, got, want)
			}
		}
	}
	check("", request{})
	check("method=GET host=a.example path=/p ip=192.0.2.1", request{method: "GET", host: "a.example", path: "/p", ip: "192.0.2.1"})
	check("host=a.example", request{host: "A.Example:8080"})
	check("host=[2001:db8::1]", request{host: "[2001:DB8::1]:8080"})
	check("host=[2001:db8::1]", request{host: "[2001:db8::1]"})
	check("ip=192.0.2.1", request{ip: "::ffff:192.0.2.1"})
	check("ip=fe80::1", request{ip: "fe80::1%eth0"})
	check("tag=Gray", request{fields: []string{"x-GRAY-tag: Gray"}})
	// the first source that is present and not empty
	check("userid=h same=h", request{query: "uid=q", fields: []string{"X-User-Id: h"}})
	check("userid=c late=c cookies=uid=c", request{query: "uid=q", fields: []string{"Cookie: uid=c"}})
	check("userid=q", request{query: "uid=q"})
	check("userid=c late=c cookies=uid=c", request{query: "uid=q", fields: []string{"X-User-Id:", "Cookie: uid=c"}})
	check("userid=q cookies=uid=", request{query: "uid=q", fields: []string{"X-User-Id:", "Cookie: uid="}})
	check("late=q", request{query: "late=q", fields: []string{"X-Late: h"}})
	check("late=h", request{query: "late=&late=q", fields: []string{"X-Late: h"}})
	// of a repeated name the first occurrence
	check("userid=1 same=1", request{fields: []string{"X-User-Id: 1", "X-User-Id: 2"}})
	check("", request{fields: []string{"X-User-Id:", "X-User-Id: 2"}})
	check("userid=1 late=1 cookies=uid=1; uid=2", request{fields: []string{"Cookie: uid=1; uid=2"}})
	check("userid=1 late=1 cookies=a=b", request{fields: []string{"Cookie: a=b", "Cookie: uid=1", "Cookie: uid=2"}})
	check("userid=1", request{query: "uid=1&uid=2"})
	// names: headers without case, cookies and parameters with it, nothing by halves
	check("", request{query: "UID=1&uidx=2&ui=3", fields: []string{"X-User-I: 1", "X-User-Idx: 2", "Y-User-Id: 3"}})
	check("cookies=UID=1; uidx=2; ui=3", request{fields: []string{"Cookie: UID=1; uidx=2; ui=3"}})
	// many Cookie fields
	check("gray_version=v2 userid=1 late=1 cookies=a=0", request{fields: []string{
		"Cookie: a=0", "Cookie: a=1", "Cookie: a=2", "Cookie: gray_version=v2", "Cookie: a=4", "Cookie: uid=1", "Cookie: a=6", "Cookie: a=7",
		"Cookie: a=8", "Cookie: uid=2; gray_version=v3"}})
	// what is no version is missing, and no later source takes its place
	check("version=17.0", request{fields: []string{"X-App-Version: 17.0"}})
	check("", request{query: "v=17", fields: []string{"X-App-Version: v17"}})
	check("version=17", request{query: "v=17"})
}

func TestCookies(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "a", From: []Source{{FromCookie, "a"}}}, Attribute{Name: "c", From: []Source{{FromCookie, "c"}}})
	var attrs Attributes
	check := func(field, want string) {
		t.Helper()
		request{fields: []string{"Cookie:" + field}}.load(&attrs, s)
		if got := valuesOf(&attrs); got != want {
			t.Errorf("Cookie: %q\n got %s\nwant %s", field, got, want)
		}
	}
	check(`a=b; c="d"`, "a=b c=d")
	check(`a=b;c=d`, "a=b c=d")
	check(`  a = b ;	c	=	d  `, "a=b c=d")
	check(`;;a=b;; ;c=d;`, "a=b c=d")
	check(`a="b; c="d"`, `a="b c=d`)
	check(`a="`, `a="`)
	check(`a=""; c=""""`, `c=""`)
	check(`a; c=d`, "c=d")
	check(`=b; c=d`, "c=d")
	check(`a=b=c; c==d`, "a=b=c c==d")
	check(`a=%20b+c`, "a=%20b+c")
	check(`a=b,c=d`, "a=b,c=d")
	check(`$Version=1; a=b`, "a=b")
	check(`a=; a=b`, "")
	check(`A=b; C=d`, "")
}

func TestQuery(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "a", From: []Source{{FromQuery, "a"}}}, Attribute{Name: "b", From: []Source{{FromQuery, "user id"}}})
	var attrs Attributes
	check := func(query, want string) {
		t.Helper()
		request{query: query}.load(&attrs, s)
		if got := valuesOf(&attrs); got != want {
			t.Errorf("?%s\n got %s\nwant %s", query, got, want)
		}
	}
	check("a=1", "a=1")
	check("x=0&a=1&y=2", "a=1")
	check("&&a=1&&", "a=1")
	check("a", "")
	check("a&a=1", "") // the first occurrence is empty
	check("a=1=2", "a=1=2")
	check("a=b%20c+d", "a=b c d")
	check("a=%41%4a%4A", "a=AJJ")
	check("a=%C3%BC", "a=ü")
	check("a=%", "a=%")
	check("a=%4", "a=%4")
	check("a=%zz%41", "a=%zzA")
	check("a=%%41", "a=%A")
	check("a=%00", "a=\x00")
	check("%61=1", "a=1")
	check("user+id=7", "b=7")
	check("user%20id=7&a=%31", "a=1 b=7")
	check("us%65r%20id=%37&%61=%31&x%78=%32", "a=1 b=7")
	check("a;b=1", "")
	check("a=1;2", "a=1;2")
	check("A=1", "")
}

// TestViewsIntoScratch lets the scratch buffer grow while views into it are in use.
func TestViewsIntoScratch(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "a", From: []Source{{FromQuery, "a"}}}, Attribute{Name: "b", From: []Source{{FromQuery, "b"}}})
	var attrs Attributes
	long := strings.Repeat("%41", 5000)
	request{host: "HOST", ip: "192.0.2.1", query: "a=%42&b=" + long}.load(&attrs, s)
	want := "host=host ip=192.0.2.1 a=B b=" + strings.Repeat("A", 5000)
	for range 2 {
		if got := valuesOf(&attrs); got != want {
			t.Fatalf("got %.60s…, want %.60s…", got, want)
		}
	}
}

// TestAnotherSchema uses one Attributes for two schemas in turn, as a loop does over a reload.
func TestAnotherSchema(t *testing.T) {
	small, large := mustSchema(t), shopSchema(t)
	var a Attributes
	for range 3 {
		request{fields: []string{"X-OS: ios"}}.load(&a, large)
		if got := valuesOf(&a); got != "os=ios" {
			t.Fatalf("large schema: %q, want os=ios", got)
		}
		request{fields: []string{"X-OS: ios", "X-Gray-Tag: g"}}.load(&a, small)
		if got := valuesOf(&a); got != "tag=g" {
			t.Fatalf("small schema: %q, want tag=g", got)
		}
	}
}

func TestQueryEqualsNetURL(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "a", From: []Source{{FromQuery, "a"}}}, Attribute{Name: "b", From: []Source{{FromQuery, "b c"}}})
	piece := rapid.SampledFrom([]string{"a", "b", "b+c", "b%20c", "=", "&", "%41", "x", "%2B", "+", "%e4"})
	rapid.Check(t, func(t *rapid.T) {
		query := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "query"), "")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var a Attributes
		request{query: query}.load(&a, s)
		for attr, name := range map[int]string{7: "a", 8: "b c"} {
			if got, want := string(a.Value(attr)), values.Get(name); got != want {
				t.Fatalf("?%s: %q is %q, net/url says %q", query, name, got, want)
			}
		}
	})
}

func TestCookiesEqualNetHTTP(t *testing.T) {
	s := mustSchema(t, Attribute{Name: "a", From: []Source{{FromCookie, "a"}}}, Attribute{Name: "b", From: []Source{{FromCookie, "b"}}})
	pair := rapid.StringMatching(`[abx]=([a-z0-9!#]{0,3}|"[a-z0-9]{0,3}")`)
	rapid.Check(t, func(t *rapid.T) {
		field := strings.Join(rapid.SliceOfN(pair, 1, 6).Draw(t, "pairs"), rapid.SampledFrom([]string{"; ", ";"}).Draw(t, "separator"))
		cookies, err := http.ParseCookie(field)
		if err != nil {
			t.Fatal(err)
		}
		var a Attributes
		request{fields: []string{"Cookie: " + field}}.load(&a, s)
		for attr, name := range map[int]string{7: "a", 8: "b"} {
			want := ""
			for _, c := range cookies {
				if c.Name == name {
					want = c.Value
					break
				}
			}
			if got := string(a.Value(attr)); got != want {
				t.Fatalf("Cookie: %s: %s is %q, net/http says %q", field, name, got, want)
			}
		}
	})
}

// FuzzAttributes gives any bytes as Cookie field, query and host; the values have to be those of the plain reading, and the
// request's bytes as they were.
func FuzzAttributes(f *testing.F) {
	f.Add([]byte(`a=b; uid="1"`), []byte("uid=%31+2&a"), []byte("Host:80"))
	f.Add([]byte(`uid=;=;;"`), []byte("%75id=1&uid=%"), []byte("[::1]:"))
	f.Add([]byte("\t uid\t= \" \" "), []byte("=&%%%&+=+&uid=%f"), []byte("]:["))
	key := []byte("key")
	f.Add([]byte("uid=1; sid="+SignCookie(key, "sid", "s.1")), []byte(""), []byte("host"))
	f.Add([]byte("sid="+SignCookie(key, "uid", "1")), []byte(""), []byte(""))
	s := mustSchema(f,
		Attribute{Name: "userid", From: []Source{{FromCookie, "uid"}, {FromQuery, "uid"}}},
		Attribute{Name: "session", From: []Source{{FromCookie, "sid"}}, Signed: key})
	var a Attributes
	f.Fuzz(func(t *testing.T, cookie, query, host []byte) {
		before := bytes.Join([][]byte{cookie, query, host}, []byte("|"))
		a.Reset(s)
		a.SetRequest([]byte("GET"), host, []byte("/"), query, netip.Addr{})
		a.AddHeader([]byte("Cookie"), cookie)
		want := plainCookie(string(cookie), "uid")
		if want == "" {
			want = plainQuery(string(query), "uid")
		}
		if got := string(a.Value(s.byName["userid"])); got != want {
			t.Fatalf("cookie %q, query %q: userid is %q, want %q", cookie, query, got, want)
		}
		session := plainCookie(string(cookie), "sid")
		want = session[:max(strings.LastIndexByte(session, '.'), 0)]
		if session != SignCookie(key, "sid", want) {
			want = ""
		}
		if got := string(a.Value(s.byName["session"])); got != want {
			t.Fatalf("cookie %q: session is %q, want %q", cookie, got, want)
		}
		if h := a.Value(attrHost); len(h) > len(host) || bytes.ContainsAny(h, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Fatalf("host %q became %q", host, h)
		}
		if after := bytes.Join([][]byte{cookie, query, host}, []byte("|")); !bytes.Equal(before, after) {
			t.Fatalf("the request's bytes changed from %q to %q", before, after)
		}
	})
}

func plainCookie(field, name string) string {
	for pair := range strings.SplitSeq(field, ";") {
		n, v, ok := strings.Cut(pair, "=")
		if v = strings.Trim(v, " \t"); ok && strings.Trim(n, " \t") == name {
			if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
				v = v[1 : len(v)-1]
			}
			return v
		}
	}
	return ""
}

func plainQuery(query, name string) string {
	decode := func(s string) string {
		var out strings.Builder
		for len(s) > 0 {
			n := 1
			if u, err := url.PathUnescape(s[:min(3, len(s))]); s[0] == '%' && err == nil {
				out.WriteString(u)
				n = 3
			} else {
				out.WriteString(strings.ReplaceAll(s[:1], "+", " "))
			}
			s = s[n:]
		}
		return out.String()
	}
	for pair := range strings.SplitSeq(query, "&") {
		if n, v, _ := strings.Cut(pair, "="); decode(n) == name {
			return decode(v)
		}
	}
	return ""
}
