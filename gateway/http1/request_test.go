package http1

import (
	"strings"
	"testing"
)

// requestRow feeds one request in every way and compares the outcome.
func requestRow(t *testing.T, lim Limits) func(in, want string) {
	return func(in, want string) {
		t.Helper()
		got := outcomeAnyhow(t, func() *codec { return requestCodec(lim) }, in)
		if got.String() != want {
			t.Errorf("input %q:\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestRequestLine(t *testing.T) {
	f := requestRow(t, Limits{})
	const rest = " HTTP/1.1\r\nHost: h\r\n\r\n"
	// Methods.
	f("GET /"+rest, "GET / host=h 1.1 none Host=h")
	f("PATCH /"+rest, "PATCH / host=h 1.1 none Host=h")
	f("get /"+rest, "get / host=h 1.1 none Host=h")
	f("M-SEARCH /"+rest, "M-SEARCH / host=h 1.1 none Host=h")
	f("!#$%&'*+-.^_`|~ /"+rest, "!#$%&'*+-.^_`|~ / host=h 1.1 none Host=h")
	f("G:T /"+rest, "400 bad_request_line")
	f("G(T /"+rest, "400 bad_request_line")
	f("G\x80T /"+rest, "400 bad_request_line")
	f("GET\t/"+rest, "400 bad_request_line")
	f("CONNECT h:443"+rest, "501 connect_unsupported")
	f("connect /"+rest, "connect / host=h 1.1 none Host=h")

	// Origin form.
	f("GET /p?q"+rest, "GET /p?q host=h 1.1 none Host=h")
	f("GET /p?"+rest, "GET /p? host=h 1.1 none Host=h")
	f("GET /?a?b/c%"+rest, "GET /?a?b/c% host=h 1.1 none Host=h")
	f("GET //evil.example/a"+rest, "GET //evil.example/a host=h 1.1 none Host=h")
	f("GET /a/../b;c=d/%41%e2%82%AC"+rest, "GET /a/../b;c=d/%41%e2%82%AC host=h 1.1 none Host=h")
	f("GET /\"<>\\^`{|}"+rest, "GET /\"<>\\^`{|} host=h 1.1 none Host=h")
	f("GET /%"+rest, "400 bad_target")
	f("GET /%4"+rest, "400 bad_target")
	f("GET /%4g"+rest, "400 bad_target")
	f("GET /%?41"+rest, "400 bad_target")
	f("GET /a#b"+rest, "400 bad_target")
	f("GET /?a#b"+rest, "400 bad_target")
	f("GET /\x7f"+rest, "400 bad_target")
	f("GET /\x80"+rest, "400 bad_target")
	f("GET /\x01"+rest, "400 bad_target")
	f("GET /a\tb"+rest, "400 bad_target")
	f("GET p"+rest, "400 bad_target")
	f("GET ?q"+rest, "400 bad_target")

	// Asterisk form.
	f("OPTIONS *"+rest, "OPTIONS * host=h 1.1 none Host=h")
	f("GET *"+rest, "400 bad_target")
	f("OPTIONS *a"+rest, "400 bad_target")
	f("OPTIONS **"+rest, "400 bad_target")
	f("OPTIONS /*"+rest, "OPTIONS /* host=h 1.1 none Host=h")

	// Absolute form: the authority replaces Host.
	f("GET http://x/p?q"+rest, "GET /p?q host=x 1.1 none Host=h")
	f("GET HTTPS://X:8443/p"+rest, "GET /p host=X:8443 1.1 none Host=h")
	f("GET http://x"+rest, "GET / host=x 1.1 none Host=h")
	f("GET http://x?q=1"+rest, "GET /?q=1 host=x 1.1 none Host=h")
	f("GET http://x?"+rest, "GET /? host=x 1.1 none Host=h")
	f("GET http://x?a/b"+rest, "GET /?a/b host=x 1.1 none Host=h")
	f("OPTIONS http://x"+rest, "OPTIONS * host=x 1.1 none Host=h")
	f("OPTIONS http://x?q"+rest, "OPTIONS /?q host=x 1.1 none Host=h")
	f("OPTIONS http://x/"+rest, "OPTIONS / host=x 1.1 none Host=h")
	f("GET http://[::1]:80/"+rest, "GET / host=[::1]:80 1.1 none Host=h")
	f("GET http://x/%zz"+rest, "400 bad_target")
	f("GET http:///p"+rest, "400 bad_host")
	f("GET http://"+rest, "400 bad_host")
	f("GET http://:80/"+rest, "400 bad_host")
	f("GET http://x:0/"+rest, "400 bad_host")
	f("GET http://x:65536/"+rest, "400 bad_host")
	f("GET http://user@x/"+rest, "400 bad_host")
	f("GET http://user:pw@x/"+rest, "400 bad_host")
	f("GET http://x\\@y/"+rest, "400 bad_host")
	f("GET http:/x/"+rest, "400 bad_target")
	f("GET http:x"+rest, "400 bad_target")
	f("GET ftp://x/"+rest, "400 bad_target")
	f("GET file:///etc/passwd"+rest, "400 bad_target")
	f("GET x:80"+rest, "400 bad_target")
	f("GET http://x/ HTTP/1.1\r\n\r\n", "400 missing_host")
	f("GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n", "400 bad_host")
	f("GET http://x/ HTTP/1.0\r\n\r\n", "GET / host=x 1.0 none close")

	// Spaces.
	f("GET  /"+rest, "400 bad_request_line")
	f("GET / "+rest, "400 bad_request_line")
	f(" GET /"+rest, "400 bad_request_line")
	f("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET /\tHTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_target")
	f("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET\r\n\r\n", "400 bad_request_line")
	f("GET \r\n\r\n", "400 bad_request_line")

	// Versions.
	f("GET / HTTP/1.0\r\n\r\n", "GET / 1.0 none close")
	f("GET / HTTP/1.2\r\nHost: h\r\n\r\n", "GET / host=h 1.1 none Host=h")
	f("GET / HTTP/1.9\r\nHost: h\r\n\r\n", "GET / host=h 1.1 none Host=h")
	f("GET / HTTP/1.10\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/1.\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/01.1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/11\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/1,1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / http/1.1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTPS/1.1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505 version_unsupported")
	f("GET / HTTP/0.9\r\n\r\n", "505 version_unsupported")
	f("GET / HTTP/3\r\n\r\n", "400 bad_request_line")
	f("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 version_unsupported")
	f("GET /\r\n\r\n", "400 bad_request_line")
	f("GET /\r\nHost: h\r\n\r\n", "400 bad_request_line")

	// Other protocols.
	f("\x16\x03\x01\x02\x00\x01\r\n\r\n", "400 nul_byte")
	f("\x16\x03\x01\x02\x01\r\n\r\n", "400 bad_request_line")
	f("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n\r\n", "400 bad_request_line")

	// Empty lines before, and nothing but them.
	f("\r\nGET /"+rest, "GET / host=h 1.1 none Host=h")
	f("\r\n\r\n\r\nGET /"+rest, "GET / host=h 1.1 none Host=h")
	f("\r\n\r\n", "incomplete")
	f("\nGET /"+rest, "400 bare_lf")
	f("\rGET /"+rest, "400 bare_cr")
	f("\r\n GET /"+rest, "400 bad_request_line")
	f("", "incomplete")
	f("GET / HTTP/1.1\r\nHost: h\r\n\r", "incomplete")
	f("GET / HTTP/1.1\r\nHost: h\r\n", "incomplete")
}

func TestRequestFields(t *testing.T) {
	f := requestRow(t, Limits{})
	const line = "GET / HTTP/1.1\r\nHost: h\r\n"
	f(line+"X-A: 1\r\nx-a:2\r\n\r\n", "GET / host=h 1.1 none Host=h X-A=1 x-a=2")
	f(line+"X-A:\t 1 2\t \r\n\r\n", "GET / host=h 1.1 none Host=h X-A=\"1 2\"")
	f(line+"X-A:\r\nX-B: \t \r\n\r\n", "GET / host=h 1.1 none Host=h X-A=\"\" X-B=\"\"")
	f(line+"X-A: a:b: c\x80\xff\tz\r\n\r\n", "GET / host=h 1.1 none Host=h X-A=\"a:b: c\\x80\\xff\\tz\"")
	f(line+"!#$%&'*+-.^_`|~09az: 1\r\n\r\n", "GET / host=h 1.1 none Host=h !#$%&'*+-.^_`|~09az=1")

	f(line+"X-A : 1\r\n\r\n", "400 space_before_colon")
	f(line+"X-A\t: 1\r\n\r\n", "400 space_before_colon")
	f(line+"X A: 1\r\n\r\n", "400 bad_field_name")
	f(line+"X-A\r\n\r\n", "400 bad_field_name")
	f(line+": 1\r\n\r\n", "400 bad_field_name")
	f(line+":\r\n\r\n", "400 bad_field_name")
	f(line+"X\x80: 1\r\n\r\n", "400 bad_field_name")
	f(line+"X\x01: 1\r\n\r\n", "400 bad_field_name")
	f(line+"X\x7f: 1\r\n\r\n", "400 bad_field_name")
	f(line+"\"X\": 1\r\n\r\n", "400 bad_field_name")
	f(line+"X/Y: 1\r\n\r\n", "400 bad_field_name")
	f(line+"X[]: 1\r\n\r\n", "400 bad_field_name")
	f(line+"\xef\xbb\xbfX: 1\r\n\r\n", "400 bad_field_name")

	f(line+"X: a\x01b\r\n\r\n", "400 bad_field_value")
	f(line+"X: \x0b\r\n\r\n", "400 bad_field_value")
	f(line+"X: a\x1fb\r\n\r\n", "400 bad_field_value")
	f(line+"X: a\x7fb\r\n\r\n", "400 bad_field_value")
	f(line+"X: a\x00b\r\n\r\n", "400 nul_byte")
	f(line+"X\x00: a\r\n\r\n", "400 nul_byte")
	f(line+"X: a\rb\r\n\r\n", "400 bare_cr")
	f(line+"X: a\r\rb\r\n\r\n", "400 bare_cr")
	f(line+"X: a\r\r\n\r\n", "400 bare_cr")
	f(line+"X: a\nb: c\r\n\r\n", "400 bare_lf")
	f(line+"X: a\n\r\n\r\n", "400 bare_lf")
	f(line+"X: a\r\n\n", "400 bare_lf")
	f(line+"\n", "400 bare_lf")
	f("GET / HTTP/1.1\nHost: h\n\n", "400 bare_lf")
	f("GET / HTTP/1.1\rHost: h\r\r", "400 bare_cr")

	f(line+" X: 1\r\n\r\n", "400 obs_fold")
	f(line+"X: 1\r\n 2\r\n\r\n", "400 obs_fold")
	f(line+"X: 1\r\n\t2\r\n\r\n", "400 obs_fold")
	f(line+"X:\r\n 1\r\n\r\n", "400 obs_fold")
	f(line+" \r\n\r\n", "400 obs_fold")
	f("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 obs_fold")
	f("GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n", "400 obs_fold")
}

func TestRequestHost(t *testing.T) {
	f := requestRow(t, Limits{})
	ok := func(host string) {
		t.Helper()
		f("GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", "GET / host="+host+" 1.1 none Host="+host)
	}
	bad := func(host string) {
		t.Helper()
		f("GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", "400 bad_host")
		f("GET / HTTP/1.0\r\nHost: "+host+"\r\n\r\n", "400 bad_host")
	}
	ok("example.com")
	ok("EXAMPLE.com:8080")
	ok("a_b.example.")
	ok("127.0.0.1:1")
	ok("h:65535")
	ok("a-._~!$&'()*+,;=%20z")
	ok("[::]")
	ok("[::1]:443")
	ok("[2001:db8:1:2:3:4:5:6]")
	ok("[::ffff:1.2.3.4]:80")
	ok("[::0.0.0.0]")
	ok("[1:2:3:4:5:6:7::]")
	ok("999.999.999.999")

	bad("")
	bad(":80")
	bad("h:")
	bad("h:0")
	bad("h:00080")
	bad("h:080")
	bad("h:65536")
	bad("h:99999")
	bad("h:100000")
	bad("h:4294967376")
	bad("h:80a")
	bad("h:-1")
	bad("h:+80")
	bad("h: 80")
	bad("h:80:80")
	bad("h 80")
	bad("a b")
	bad("a, b")
	bad("a/b")
	bad("a?b")
	bad("a#b")
	bad("a@b")
	bad("user@h:80")
	bad("http://h")
	bad("a\\b")
	bad("a\"b")
	bad("<h>")
	bad("h|x")
	bad("h%")
	bad("h%4")
	bad("h%zz")
	bad("h\x80")
	bad("\xc3\xa9.example")
	bad("[")
	bad("[]")
	bad("[::1")
	bad("::1")
	bad("[::1]x")
	bad("[::1]:")
	bad("[::1]80")
	bad("[1]")
	bad("[1:2:3:4:5:6:7]")
	bad("[1:2:3:4:5:6:7:8:9]")
	bad("[1::2::3]")
	bad("[1:2:3:4:5:6:7::8]")
	bad("[::1.2.3.04]")
	bad("[1.2.3.4]")
	bad("[1.2.3.4::]")
	bad("[12345::]")
	bad("[:1]")
	bad("[1:]")
	bad("[:::]")
	bad("[::g]")
	bad("[fe80::1%25eth0]")
	bad("[v1.x]")
	bad("[::1.2.3]")
	bad("[::1.2.3.256]")
	bad("x[::1]")

	f("GET / HTTP/1.1\r\n\r\n", "400 missing_host")
	f("GET / HTTP/1.1\r\nX: 1\r\n\r\n", "400 missing_host")
	f("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 duplicate_host")
	f("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", "400 duplicate_host")
	f("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 duplicate_host")
	f("GET http://x/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 duplicate_host")
	f("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 space_before_colon")
	f("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400 obs_fold")
	f("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n Host: b\r\n\r\n", "400 obs_fold")
	f("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", "400 missing_host")
	f("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / host=a 1.0 none close Host=a")
}

func TestRequestConnection(t *testing.T) {
	f := requestRow(t, Limits{})
	const line = "GET / HTTP/1.1\r\nHost: h\r\n"
	const line10 = "GET / HTTP/1.0\r\nHost: h\r\n"
	f(line+"Connection: close\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=close!")
	f(line+"Connection: Keep-Alive\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=Keep-Alive!")
	f(line+"Connection: keep-alive,CLOSE\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=keep-alive,CLOSE!")
	f(line+"Connection: keep-alive\r\nConnection: close\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=keep-alive! Connection=close!")
	f(line+"Connection:\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=\"\"!")
	f(line+"Connection: , ,close,\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=\", ,close,\"!")
	f(line+"Connection: closed\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=closed!")
	// What it wants is not known: closing is always right.
	f(line+"Connection: \"close\"\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=\"\\\"close\\\"\"!")
	f(line+"Connection: x y\r\nX: 1\r\n\r\n", "GET / host=h 1.1 none close Host=h Connection=\"x y\"! X=1")
	f(line10+"Connection: keep-alive\r\n\r\n", "GET / host=h 1.0 none Host=h Connection=keep-alive!")
	f(line10+"Connection: keep-alive, close\r\n\r\n", "GET / host=h 1.0 none close Host=h Connection=\"keep-alive, close\"!")
	f(line10+"Proxy-Connection: keep-alive\r\n\r\n", "GET / host=h 1.0 none close Host=h Proxy-Connection=keep-alive!")

	// Fields that it names, known and not, before and behind it.
	f(line+"X-A: 1\r\nCookie: c\r\nConnection: x-a, COOKIE, x-b\r\nx-B: 2\r\nX-Bb: 3\r\n\r\n",
		"GET / host=h 1.1 none Host=h X-A=1! Cookie=c! Connection=\"x-a, COOKIE, x-b\"! x-B=2! X-Bb=3")
	f(line+"X^: 1\r\nX~: 2\r\nConnection: x~\r\n\r\n", "GET / host=h 1.1 none Host=h X^=1 X~=2! Connection=x~!")
	// Framing and route do not change.
	f("POST / HTTP/1.1\r\nHost: h\r\nConnection: Content-Length, Host, Transfer-Encoding\r\nContent-Length: 2\r\n\r\nab",
		"POST / host=h 1.1 length(2) Host=h Connection=\"Content-Length, Host, Transfer-Encoding\"! Content-Length=2\nbody \"ab\"")
	f("POST / HTTP/1.1\r\nHost: h\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"POST / host=h 1.1 chunked Host=h Connection=Transfer-Encoding! Transfer-Encoding=chunked!\nbody \"a\"")
	names := "te,TE," + strings.TrimSuffix(strings.Repeat("x,", maxConnectionNames), ",")
	f(line+"Connection: "+names+"\r\n\r\n", "GET / host=h 1.1 none Host=h Connection="+names+"!")
	f(line+"Connection: "+names+"\r\nConnection: y\r\n\r\n", "400 too_many_connection_names")

	// Hop-by-hop by themselves.
	f(line+"Keep-Alive: timeout=5\r\nTE: trailers\r\nHTTP2-Settings: AAMAAABk\r\nProxy: x\r\nProxy-Authorization: y\r\nUpgrade: z\r\nTrailer: t\r\n\r\n",
		"GET / host=h 1.1 none Host=h Keep-Alive=timeout=5! TE=trailers! HTTP2-Settings=AAMAAABk! Proxy=x! Proxy-Authorization=y! Upgrade=z! Trailer=t")
	// Names that CGI folds onto known ones; they are no framing here and end here.
	f(line+"Content_Length: 5\r\nTransfer.Encoding: chunked\r\nX_Forwarded_For: 1.2.3.4\r\nX_Free: 1\r\n_: 2\r\n\r\n",
		"GET / host=h 1.1 none Host=h Content_Length=5! Transfer.Encoding=chunked! X_Forwarded_For=1.2.3.4! X_Free=1 _=2")
}

func TestRequestUpgradeAndExpect(t *testing.T) {
	f := requestRow(t, Limits{})
	const line = "GET / HTTP/1.1\r\nHost: h\r\n"
	const up = "Connection: upgrade\r\n"
	f(line+up+"Upgrade: websocket\r\n\r\n", "GET / host=h 1.1 none upgrade=websocket Host=h Connection=upgrade! Upgrade=websocket!")
	f(line+up+"Upgrade: a/1, b\r\n\r\n", "GET / host=h 1.1 none upgrade=a/1, b Host=h Connection=upgrade! Upgrade=\"a/1, b\"!")
	f(line+"Upgrade: websocket\r\n\r\n", "GET / host=h 1.1 none Host=h Upgrade=websocket!")
	f(line+up+"\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade!")
	f(line+up+"Upgrade:\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=\"\"!")
	f(line+up+"Upgrade: h2c\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=h2c!")
	f(line+up+"Upgrade: websocket, H2C\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=\"websocket, H2C\"!")
	f(line+up+"Upgrade: HTTP/2.0\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=HTTP/2.0!")
	f(line+up+"Upgrade: a/\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=a/!")
	f(line+up+"Upgrade: web socket\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=\"web socket\"!")
	f(line+up+"Upgrade: (\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=(!")
	f(line+up+"Upgrade: a,(\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=a,(!")
	f(line+up+"Upgrade: a\r\nUpgrade: b\r\n\r\n", "GET / host=h 1.1 none Host=h Connection=upgrade! Upgrade=a! Upgrade=b!")
	f("GET / HTTP/1.0\r\n"+up+"Upgrade: websocket\r\n\r\n", "GET / 1.0 none close Connection=upgrade! Upgrade=websocket!")
	f(line+up+"Upgrade: x\r\nContent-Length: 0\r\n\r\n", "GET / host=h 1.1 length(0) upgrade=x Host=h Connection=upgrade! Upgrade=x! Content-Length=0")
	f(line+up+"Upgrade: x\r\nContent-Length: 1\r\n\r\na", "GET / host=h 1.1 length(1) Host=h Connection=upgrade! Upgrade=x! Content-Length=1\nbody \"a\"")
	f(line+up+"Upgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET / host=h 1.1 chunked Host=h Connection=upgrade! Upgrade=x! Transfer-Encoding=chunked!")

	f(line+"Expect: 100-Continue\r\n\r\n", "GET / host=h 1.1 none expect Host=h Expect=100-Continue")
	f(line+"Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", "GET / host=h 1.1 none expect Host=h Expect=100-continue Expect=100-continue")
	f(line+"Expect: 100-continue, x\r\n\r\n", "417 expectation_failed")
	f(line+"Expect: x\r\n\r\n", "417 expectation_failed")
	f(line+"Expect:\r\n\r\n", "417 expectation_failed")
	f(line+"Expect: 100-continue\r\nExpect: x\r\n\r\n", "417 expectation_failed")
	f("GET / HTTP/1.0\r\nExpect: x\r\n\r\n", "GET / 1.0 none close Expect=x!")
}

// TestRequestLimits tries each limit at its edge, twice on the same object.
func TestRequestLimits(t *testing.T) {
	head := "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", 100) + "\r\n\r\n"
	const ok = "GET / host=h 1.1 none Host=h"
	requestRow(t, Limits{HeadBytes: len(head)})(head, ok+" X="+strings.Repeat("a", 100))
	requestRow(t, Limits{HeadBytes: len(head) - 1})(head, "431 head_too_long")
	requestRow(t, Limits{HeadBytes: 17})(head, "431 head_too_long")
	requestRow(t, Limits{HeadBytes: 16})(head, "431 head_too_long")
	requestRow(t, Limits{HeadBytes: 15})(head, "414 uri_too_long")
	requestRow(t, Limits{HeadBytes: 40})("GET /"+strings.Repeat("a", 40), "414 uri_too_long")
	requestRow(t, Limits{HeadBytes: 40})("\r\n\r\nGET /"+strings.Repeat("a", 40), "414 uri_too_long")
	requestRow(t, Limits{HeadBytes: 40})(strings.Repeat("\r\n", 30), "414 uri_too_long")
	requestRow(t, Limits{HeadBytes: 40})("GET / HTTP/1.1\r\nX: "+strings.Repeat("a", 40)+"\n", "431 head_too_long")
	requestRow(t, Limits{HeadBytes: 40})("GET / HTTP/1.1\r\nX: \n"+strings.Repeat("a", 40), "400 bare_lf")

	requestRow(t, Limits{Fields: 2})("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n", ok+" A=1")
	requestRow(t, Limits{Fields: 2})("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nA: 1\r\n\r\n", "431 too_many_fields")

	var s Scanner
	var r Request
	many := []byte("GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", DefaultFields) + "\r\n")
	long := []byte("GET /" + strings.Repeat("a", DefaultHeadBytes))
	for range 2 {
		if err := ParseRequest(many, &r, Limits{}); err != TooManyFields {
			t.Errorf("129 fields: got %v, want %v", err, TooManyFields)
		}
		s.Reset()
		if _, err := s.Scan(long, Limits{}); err != URITooLong {
			t.Errorf("line of 32 KiB: got %v, want %v", err, URITooLong)
		}
		s.Reset()
		n, err := s.Scan([]byte(typicalRequest), Limits{})
		if n != len(typicalRequest) || err != nil {
			t.Errorf("after it: got %d, %v, want %d", n, err, len(typicalRequest))
		}
		if err := ParseRequest([]byte(typicalRequest), &r, Limits{}); err != nil || len(r.Fields) != 8 {
			t.Errorf("after it: got %d fields, %v, want 8", len(r.Fields), err)
		}
	}
}

func TestGet(t *testing.T) {
	var req Request
	var res Response
	if err := ParseRequest([]byte(typicalRequest), &req, Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := ParseResponse([]byte("HTTP/1.1 200 OK\r\nVary: a\r\nVary: b\r\nVia:\r\n\r\n"), GET, &res, Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := req.Get(XGrayTag); string(got) != "gray" {
		t.Errorf("X-Gray-Tag: got %q, want \"gray\"", got)
	}
	if got := req.Get(XGrayRule); got != nil {
		t.Errorf("X-Gray-Rule: got %q, want nil", got)
	}
	if got := res.Get(Vary); string(got) != "a" {
		t.Errorf("Vary: got %q, want the first", got)
	}
	if got := res.Get(Via); got == nil || len(got) != 0 {
		t.Errorf("Via: got %v, want empty, not nil", got)
	}
}

// TestParseRequestAlone gives ParseRequest what Scan would never have measured.
func TestParseRequestAlone(t *testing.T) {
	var r Request
	f := func(in string, want *Error) {
		t.Helper()
		if got := ParseRequest([]byte(in), &r, Limits{}); got != want {
			t.Errorf("input %q: got %v, want %v", in, got, want)
		}
	}
	const whole = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	f(whole, nil)
	for i := range whole {
		if err := ParseRequest([]byte(whole[:i]), &r, Limits{}); err == nil {
			t.Errorf("input %q: got no error", whole[:i])
		}
	}
	f("", BadHead)
	f("\r\n", BadHead)
	f(whole+"X", BadHead)
	f(whole+"\r\n", BadHead)
	f(whole[:len(whole)-2], BadHead)
	f(whole[:len(whole)-4]+"\r", BadHead)
	f("GET / HTTP/1.1\nHost: h\r\n\r\n", BareLF)
	f("GET / HTTP/1.1\rHost: h\r\n\r\n", BareCR)
	f("GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", NULByte)
	f("GET /\n\r\nHost: h\r\n\r\n", BareLF)
	f("GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n", BareLF)
	f("GET / HTTP/1.1\r\nHost: h\rX: 1\r\n\r\n", BareCR)
	f("GET / HTTP/1.1\r\nHost: h\r\nX\x00: 1\r\n\r\n", NULByte)
	f("GET / HTTP/1.1\r\nHost: h\r\nX\n\r\n\r\n", BareLF)
	f("GET / HTTP/1.1\r\nHost: h\r\n\r", BadHead)
}
