package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"graygate/internal/testkit"
	"graygate/match"
)

// issueYAML declares the attribute visitor, which the gateway issues as it is told to.
func issueYAML(how string) string {
	return fmt.Sprintf("attributes:\n  userid: {from: [header X-User-Id]}\n  os: {from: [header X-OS]}\n  visitor: {from: [header X-Visitor, cookie gray_id], issue: %s}\n", how)
}

const navigation = "Sec-Fetch-Mode: navigate"

var issuedForm = regexp.MustCompile(`^gray_id=([0-9a-f]{32}); Path=/; Max-Age=31536000; SameSite=Lax; Secure; HttpOnly$`)

// issued gives the value of the cookie gray_id in an answer, "" if there is none.
func issued(t *testing.T, r *testkit.Response) string {
	t.Helper()
	lines := r.Header["Set-Cookie"]
	if len(lines) == 0 {
		return ""
	}
	found := issuedForm.FindStringSubmatch(lines[0])
	if len(lines) > 1 || found == nil {
		t.Fatalf("Set-Cookie: got %q, want one line of the form %s", lines, issuedForm)
	}
	return found[1]
}

// A unit is issued to who comes without, when it navigates, and never twice the same.
func TestIssue(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config(issueYAML("true"), "  beta: {layer: one, slots: [0-9999], state: active, variants: {on: 1}}\n"))
	c := testkit.Dial(t, p.Addr)
	seenBefore := map[string]bool{}
	row := func(request string, want bool) {
		t.Helper()
		got := c.Do(request)
		id := issued(t, got)
		if (id != "") != want || seenBefore[id] && id != "" {
			t.Errorf("%q: got the id %q, want one: %v, and a new one", request, id, want)
		}
		seenBefore[id] = true
		if strings.Contains(got.Text, "X-Experiment") {
			t.Errorf("%q: the upstream got %q, want no experiment: this request has no unit yet", request, got.Text)
		}
		if private := got.Header.Get("Cache-Control") == "private"; private != want {
			t.Errorf("%q, Cache-Control: got %q, want private: %v", request, got.Header.Get("Cache-Control"), want)
		}
	}
	row(testkit.Get("/", navigation), true)
	row(testkit.Get("/", navigation), true)
	row(testkit.Post("/", "x", navigation), true)
	row(testkit.Get("/", "Sec-Fetch-Mode: cors", "Accept: text/html"), false)
	row(testkit.Get("/", "Sec-Fetch-Mode: no-cors", "Accept: image/avif,*/*"), false)
	row(testkit.Get("/", "Sec-Fetch-Mode:", "Accept: text/html"), false)
	row(testkit.Get("/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"), true)
	row(testkit.Get("/", "Accept: application/xhtml+xml ,\tTEXT/HTML;q=0.9"), true)
	row(testkit.Get("/", "Accept: */*"), false)
	row(testkit.Get("/", "Accept: application/json, x/text/html"), false)
	row(testkit.Get("/"), false)
	row(testkit.Post("/", "x", "Accept: text/html"), false)
	row(testkit.Get("/", navigation, "X-Visitor: known"), false)
	row(testkit.Get("/", navigation, "Cookie: a=b; gray_id=known"), false)
	row(testkit.Get("/", navigation, "Cookie: gray_id="), true)
	row(testkit.Get("/", navigation, "Cookie: gray_idx=known"), true)
	testkit.Until(t, "the units to be counted", func() bool { return p.Counters().Issued == 7 })
}

// What becomes of the first request, and that the cookie then stands for the same unit.
func TestIssueAssigns(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	const secret = "0123456789abcdef0123456789abcdef"
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newLab(t)
	const experiments = "  half: {layer: own, slots: [0-9999], state: active, variants: {on: {weight: 1, to: gray}, off: {weight: 1, to: stable}}}\n"
	layers := func(config string) string {
		return strings.Replace(config, "layers:\n", "layers:\n  own: {by: visitor}\n", 1)
	}
	form := func(attributes, value string) *regexp.Regexp {
		return regexp.MustCompile(`^gray_id=(` + value + `); Path=/; ` + attributes + `; HttpOnly$`)
	}
	row := func(how string, form *regexp.Regexp, first bool) {
		t.Helper()
		p := testkit.Gateway(t, layers(b.config(issueYAML(how), experiments)))
		c := testkit.Dial(t, p.Addr)
		arms := map[string]int{}
		for range 64 {
			one := c.Do(testkit.Get("/", navigation))
			found := form.FindStringSubmatch(one.Header.Get("Set-Cookie"))
			if found == nil {
				t.Fatalf("%s: got Set-Cookie %q, want %s", how, one.Header["Set-Cookie"], form)
			}
			two := c.Do(testkit.Get("/", navigation, "Cookie: gray_id="+found[1]))
			if len(two.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s, again: got Set-Cookie %q, want none", how, two.Header["Set-Cookie"])
			}
			before, after := (answered{}).of(t, one), (answered{}).of(t, two)
			arms[after.experiments]++
			if !first && before != (answered{pool: "stable"}) || first && before != after {
				t.Errorf("%s: got %+v at first, then %+v", how, before, after)
			}
		}
		if len(arms) != 2 || arms["half=on"] == 0 || arms["half=off"] == 0 {
			t.Errorf("%s, variants of 64 units: got %v, want both", how, arms)
		}
	}
	row("true", form("Max-Age=31536000; SameSite=Lax; Secure", "[0-9a-f]{32}"), false)
	row("{max_age: 1h, secure: off, first_request: assign}", form("Max-Age=3600; SameSite=Lax", "[0-9a-f]{32}"), true)
	row("{first_request: assign, key_file: "+key+"}", form("Max-Age=31536000; SameSite=Lax; Secure", `[0-9a-f]{32}\.[0-9a-f]{32}`), true)

	// A signed cookie is believed with its signature only, and replaced without.
	p := testkit.Gateway(t, layers(b.config(issueYAML("{key_file: "+key+"}"), experiments)))
	c := testkit.Dial(t, p.Addr)
	signed := func(cookie string, want bool) {
		t.Helper()
		got := c.Do(testkit.Get("/", navigation, "Cookie: gray_id="+cookie))
		if assigned := strings.Contains(got.Text, "X-Experiment: half="); assigned != want || (len(got.Header["Set-Cookie"]) == 0) != want {
			t.Errorf("cookie %q: got it assigned %v and Set-Cookie %q, want it believed: %v", cookie, assigned, got.Header["Set-Cookie"], want)
		}
	}
	good := match.SignCookie([]byte(secret), "gray_id", "u1")
	signed(good, true)
	signed("u1", false)
	signed(good[:len(good)-1], false)
	signed("u2"+good[2:], false)
	signed(match.SignCookie([]byte(secret), "other", "u1"), false)
	signed(match.SignCookie([]byte("another key, as long as it gets"), "gray_id", "u1"), false)
}

// The cookie comes with every kind of answer of an upstream, whichever way that takes, and with none of the gateway's own.
func TestIssueOnEveryAnswer(t *testing.T) {
	long := strings.Repeat("x", 1_500_000)
	raw := map[string]string{
		"/ok":       testkit.Answer("200 OK", "fine"),
		"/chunked":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
		"/close":    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfine",
		"/304":      "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
		"/404":      testkit.Answer("404 Not Found", "no"),
		"/500":      testkit.Answer("500 Internal Server Error", "no"),
		"/long":     testkit.Answer("200 OK", long),
		"/interim":  "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + testkit.Answer("200 OK", "fine"),
		"/own":      testkit.Answer("200 OK", "fine", "Set-Cookie: session=1; Path=/"),
		"/head":     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"/garbage":  "what\r\n\r\n",
		"/redirect": testkit.Answer("302 Found", "", "Location: /ok"),
	}
	b := newLab(t)
	b.stable = testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send(raw[r.URL.Path])
		if r.URL.Path == "/close" || r.URL.Path == "/garbage" {
			_ = c.Close()
		}
	})
	p := testkit.Gateway(t, strings.Replace(b.config(issueYAML("true"), "  beta: {layer: one, slots: [0-9999], state: active, variants: {on: 1}}\n"),
		"  - {name: api, path: /api, stable: stable}\n  - name: all\n", "  - name: all\n    host: example.test\n", 1))
	row := func(method, path string, wantStatus int, wantCookies int, wantBody string) {
		t.Helper()
		c := testkit.Dial(t, p.Addr)
		for range 2 { // kept alive, too
			got := c.Do(testkit.Request11(method, path, "", navigation))
			for got.StatusCode == 103 {
				if len(got.Header["Set-Cookie"]) > 0 {
					t.Errorf("%s %s, interim: got Set-Cookie %q, want none", method, path, got.Header["Set-Cookie"])
				}
				got = c.Read(method)
			}
			cookies := strings.Count(strings.Join(got.Header["Set-Cookie"], "\n"), "gray_id=")
			if got.StatusCode != wantStatus || cookies != wantCookies || got.Text != wantBody {
				t.Errorf("%s %s: got %d, %d cookies, %d bytes, want %d, %d, %d", method, path, got.StatusCode, cookies, len(got.Text), wantStatus, wantCookies, len(wantBody))
			}
			if private := got.Header.Get("Cache-Control") == "private"; private != (wantCookies > 0) {
				t.Errorf("%s %s, Cache-Control: got %q", method, path, got.Header.Get("Cache-Control"))
			}
		}
	}
	row("GET", "/ok", 200, 1, "fine")
	row("GET", "/chunked", 200, 1, "fine")
	row("GET", "/close", 200, 1, "fine")
	row("GET", "/304", 304, 1, "")
	row("GET", "/404", 404, 1, "no")
	row("GET", "/500", 500, 1, "no")
	row("GET", "/long", 200, 1, long)
	row("GET", "/interim", 200, 1, "fine")
	row("GET", "/own", 200, 1, "fine")
	row("HEAD", "/head", 200, 1, "")
	row("GET", "/redirect", 302, 1, "")
	row("GET", "/garbage", 502, 0, "502 Bad Gateway: "+strings.TrimPrefix(testkit.Do(t, p.Addr, testkit.Get("/garbage")).Text, "502 Bad Gateway: "))
	got := testkit.Do(t, p.Addr, "GET / HTTP/1.1\r\nHost: other.test\r\n"+navigation+"\r\n\r\n")
	if got.WantStatus(t, 404, "no_route"); len(got.Header["Set-Cookie"]) > 0 {
		t.Errorf("no route: got Set-Cookie %q, want none", got.Header["Set-Cookie"])
	}
	if got := testkit.Do(t, p.Addr, testkit.Get("/own", navigation)).Header["Set-Cookie"]; len(got) != 2 || got[0] != "session=1; Path=/" {
		t.Errorf("beside the upstream's: got %q, want both", got)
	}
	testkit.Until(t, "a relay", func() bool { return p.Counters().Relays >= 2 })
}

// An answer that gives a cookie is one client's own; what else was said about caching still holds.
func TestIssueMakesPrivate(t *testing.T) {
	var send atomic.Value
	b := newLab(t)
	b.stable = testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send(testkit.Answer("200 OK", "", strings.Split(send.Load().(string), "\n")...))
	})
	p := testkit.Gateway(t, b.config(issueYAML("true"), "  beta: {layer: one, slots: [0-9999], state: active, variants: {on: 1}}\n"))
	c := testkit.Dial(t, p.Addr)
	row := func(fields, want string) {
		t.Helper()
		send.Store(fields)
		got := c.Do(testkit.Get("/", navigation))
		var cache []string
		for _, name := range []string{"Cache-Control", "Vary", "Expires", "Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Surrogate-Control"} {
			for _, value := range got.Header[name] {
				cache = append(cache, name+": "+value)
			}
		}
		if got := strings.Join(cache, "\n"); got != want {
			t.Errorf("%q: got %q, want %q", fields, got, want)
		}
		plain := c.Do(testkit.Get("/"))
		for _, line := range strings.Split(fields, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			if value != "" && !strings.Contains(fmt.Sprint(plain.Header.Values(name)), value) {
				t.Errorf("%q, without a cookie: got %q, want it as it was sent", line, plain.Header)
			}
		}
	}
	row("X-Any: 1", "Cache-Control: private")
	row("Cache-Control: public, max-age=60", "Cache-Control: private, max-age=60")
	row("Cache-Control: PUBLIC , s-maxage=600,max-age=60", "Cache-Control: private, max-age=60")
	row("Cache-Control: no-store", "Cache-Control: private, no-store")
	row("Cache-Control: no-cache, must-revalidate", "Cache-Control: private, no-cache, must-revalidate")
	row("Cache-Control: private", "Cache-Control: private")
	row("Cache-Control: private=\"Set-Cookie, X\", ext=\"a,\\\"public\\\",b\"", "Cache-Control: private, ext=\"a,\\\"public\\\",b\"")
	row("Cache-Control: public\nCache-Control: no-transform,,", "Cache-Control: private, no-transform")
	row("Cache-Control: ext=\"unended, public", "Cache-Control: private, ext=\"unended, public")
	row("Vary: Accept\nExpires: 0", "Cache-Control: private\nVary: Accept\nExpires: 0")
	row("CDN-Cache-Control: max-age=60\nCloudflare-CDN-Cache-Control: max-age=60\nSurrogate-Control: max-age=60", "Cache-Control: private")
}

// The client is told its assignments in a cookie when it does not know them, and only then.
func TestToldAssignments(t *testing.T) {
	b := newLab(t)
	p := testkit.Gateway(t, b.config("assignments: {cookie: lab}\n", `
  color: {layer: one, slots: [0-9999], state: active, variants: {red: 1}}
  font: {layer: two, slots: [0-9999], state: active, when: "os == 'mac'", variants: {serif: 1}}
`))
	c := testkit.Dial(t, p.Addr)
	row := func(cookie, want string, fields ...string) {
		t.Helper()
		if cookie != "" {
			fields = append(fields, "Cookie: "+cookie)
		}
		got := c.Do(testkit.Get("/", fields...))
		if cookies := strings.Join(got.Header["Set-Cookie"], "|"); cookies != want {
			t.Errorf("%q: got Set-Cookie %q, want %q", fields, cookies, want)
		}
		if private := got.Header.Get("Cache-Control") == "private"; private != (want != "") {
			t.Errorf("%q: got Cache-Control %q", fields, got.Header.Get("Cache-Control"))
		}
	}
	const user, mac = "X-User-Id: u1", "X-OS: mac"
	const gone = "lab=; Path=/; Max-Age=0; SameSite=Lax"
	row("", "")
	row("", "lab=color=red; Path=/; SameSite=Lax", user)
	row("lab=color=red", "", user)
	row("a=b; lab=color=red; c=d", "", user)
	row("lab=color=blue", "lab=color=red; Path=/; SameSite=Lax", user)
	row("lab=", "lab=color=red; Path=/; SameSite=Lax", user)
	row("lab", "lab=color=red; Path=/; SameSite=Lax", user)
	row("xlab=color=red", "lab=color=red; Path=/; SameSite=Lax", user)
	row("lab=color=red", "lab=color=red&font=serif; Path=/; SameSite=Lax", user, mac)
	row("lab=color=red&font=serif", "", user, mac)
	row("lab=color=red&font=serif", "lab=color=red; Path=/; SameSite=Lax", user)
	row("lab=color=red", gone)
	row("lab=", gone)
	row("other=1", "")
}
