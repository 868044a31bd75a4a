package http1

import (
	"strings"
	"testing"
)

// responseRow feeds one response to a request of method in every way and compares the outcome.
func responseRow(t *testing.T, method Method) func(in, want string) {
	return func(in, want string) {
		t.Helper()
		got := outcomeAnyhow(t, func() *codec { return responseCodec(method, Limits{}) }, in)
		if got.String() != want {
			t.Errorf("input %q:\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestStatusLine(t *testing.T) {
	f := responseRow(t, GET)
	const rest = "\r\nContent-Length: 0\r\n\r\n"
	f("HTTP/1.1 200 OK"+rest, "200 OK 1.1 length(0) Content-Length=0")
	f("HTTP/1.1 200 "+rest, "200  1.1 length(0) Content-Length=0")
	f("HTTP/1.1 200"+rest, "200  1.1 length(0) Content-Length=0")
	f("HTTP/1.0 404 Not  Found\t\x80!"+rest, "404 Not  Found\t\x80! 1.0 length(0) close Content-Length=0")
	f("HTTP/1.7 999 x"+rest, "999 x 1.1 length(0) Content-Length=0")
	f("HTTP/1.1  200 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1\t200 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 2000 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 20 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 20x OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 +20 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 099 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 000 OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 200OK"+rest, "502 bad_status_line")
	f("HTTP/1.1 200\tOK"+rest, "502 bad_status_line")
	f("HTTP/1.1 200 O\x01K"+rest, "502 bad_status_line")
	f("HTTP/1.1 200 O\x7fK"+rest, "502 bad_status_line")
	f("HTTP/1.1"+rest, "502 bad_status_line")
	f("HTTP/1.1 "+rest, "502 bad_status_line")
	f("HTTP/1.10 200 OK"+rest, "502 bad_status_line")
	f("http/1.1 200 OK"+rest, "502 bad_status_line")
	f("ICY 200 OK"+rest, "502 bad_status_line")
	f(" HTTP/1.1 200 OK"+rest, "502 bad_status_line")
	f("\r\nHTTP/1.1 200 OK"+rest, "502 bad_status_line")
	f("220 mail ESMTP\r\n\r\n", "502 bad_status_line")
	f("<html></html>\r\n\r\n", "502 bad_status_line")
	f("HTTP/2.0 200 OK"+rest, "502 version_unsupported")
	f("HTTP/0.9 200 OK"+rest, "502 version_unsupported")
	f("HTTP/1.1 200 OK\r\n", "incomplete")
	f("", "incomplete")
}

// TestResponseHeadErrors: what Scanner finds is for the caller to turn into a 502; the rest is one already.
func TestResponseHeadErrors(t *testing.T) {
	f := responseRow(t, GET)
	const line = "HTTP/1.1 200 OK\r\n"
	f(line+"X : 1\r\n\r\n", "502 space_before_colon")
	f(line+"X: 1\r\n 2\r\n\r\n", "502 obs_fold")
	f(line+": 1\r\n\r\n", "502 bad_field_name")
	f(line+"X\r\n\r\n", "502 bad_field_name")
	f(line+"X: \x01\r\n\r\n", "502 bad_field_value")
	f(line+"X: "+strings.Repeat("\r\nX: ", DefaultFields)+"\r\n\r\n", "502 too_many_fields")
	f(line+"Connection: "+strings.Repeat("x,", maxConnectionNames+1)+"\r\n\r\n", "502 too_many_connection_names")
	f(line+"X: 1\nY: 2\r\n\r\n", "400 bare_lf")
	f(line+"X: 1\rY: 2\r\n\r\n", "400 bare_cr")
	f(line+"X: \x00\r\n\r\n", "400 nul_byte")
	for _, err := range Errors() {
		up := err.Upstream()
		if up.Status != 502 || up.Code != err.Code || up.Detail != err.Detail || up.Upstream() != up {
			t.Errorf("%v: its error for upstreams is %+v", err, up)
		}
	}
	if BadStatusLine.Upstream() != BadStatusLine {
		t.Errorf("%v: its error for upstreams is another one", BadStatusLine)
	}
}

func TestResponseFraming(t *testing.T) {
	f := responseRow(t, GET)
	const line = "HTTP/1.1 200 OK\r\n"
	f(line+"Content-Length: 5\r\n\r\nhello", "200 OK 1.1 length(5) Content-Length=5\nbody \"hello\"")
	f(line+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200 OK 1.1 chunked Transfer-Encoding=chunked!\nbody \"hello\"")
	f(line+"\r\nhello", "200 OK 1.1 until_close close\nbody \"hello\"")
	f(line+"\r\n", "200 OK 1.1 until_close close")
	f(line+"Connection: keep-alive\r\n\r\nhello", "200 OK 1.1 until_close close Connection=keep-alive!\nbody \"hello\"")
	f("HTTP/1.0 200 OK\r\n\r\nhello", "200 OK 1.0 until_close close\nbody \"hello\"")
	f("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", "200 OK 1.0 length(1) Connection=keep-alive! Content-Length=1\nbody \"a\"")
	f(line+"Connection: close\r\nContent-Length: 1\r\n\r\na", "200 OK 1.1 length(1) close Connection=close! Content-Length=1\nbody \"a\"")
	f("HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "205 Reset 1.1 length(0) Content-Length=0")

	f(line+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "502 length_with_coding")
	f(line+"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "502 duplicate_content_length")
	f(line+"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "502 duplicate_content_length")
	f(line+"Content-Length: 5, 5\r\n\r\nhello", "502 bad_content_length")
	f(line+"Content-Length: -1\r\n\r\nhello", "502 bad_content_length")
	f(line+"Content-Length: 18446744073709551621\r\n\r\nhello", "502 bad_content_length")
	f(line+"Transfer-Encoding: gzip, chunked\r\n\r\n", "502 coding_unsupported")
	f(line+"Transfer-Encoding: gzip\r\n\r\n", "502 bad_transfer_encoding")
	f(line+"Transfer-Encoding: identity\r\n\r\n", "502 bad_transfer_encoding")
	f(line+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "502 bad_transfer_encoding")
	f("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "502 coding_in_http10")

	// No body whatever the fields say.
	f("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 Not Modified 1.1 none(5) Content-Length=5")
	f("HTTP/1.1 304 Not Modified\r\n\r\n", "304 Not Modified 1.1 none")
	f("HTTP/1.1 304 x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "502 duplicate_content_length")
	f("HTTP/1.1 204 No Content\r\n\r\n", "204 No Content 1.1 none")
	f("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", "204 x 1.1 none Content-Length=0")
	f("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", "204 x 1.1 none close Content-Length=5")
	f("HTTP/1.1 204 x\r\nContent-Length: x\r\n\r\n", "204 x 1.1 none close Content-Length=x")
	f("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", "204 x 1.1 none close Transfer-Encoding=chunked!")
	f("HTTP/1.1 100 Continue\r\n\r\n", "100 Continue 1.1 none")
	f("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "103 Early Hints 1.1 none Link=</a>")
	f("HTTP/1.1 199 x\r\nContent-Length: 1\r\n\r\n", "199 x 1.1 none close Content-Length=1")

	f = responseRow(t, HEAD)
	f(line+"Content-Length: 5\r\n\r\n", "200 OK 1.1 none(5) Content-Length=5")
	f(line+"Transfer-Encoding: chunked\r\n\r\n", "200 OK 1.1 none Transfer-Encoding=chunked!")
	f(line+"\r\n", "200 OK 1.1 none")
	f(line+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "502 length_with_coding")
}

// TestResponseLength: Length holds what was announced where no body follows, and -1 where nothing was.
func TestResponseLength(t *testing.T) {
	f := func(method Method, head string, want int64) {
		t.Helper()
		var r Response
		if err := ParseResponse([]byte(head), method, &r, Limits{}); err != nil || r.Length != want {
			t.Errorf("%v answered by %q: got length %d, %v, want %d", method, head, r.Length, err, want)
		}
	}
	f(HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5)
	f(HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0)
	f(HEAD, "HTTP/1.1 200 OK\r\n\r\n", -1)
	f(HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -1)
	f(GET, "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", 5)
	f(GET, "HTTP/1.1 304 x\r\n\r\n", -1)
	f(GET, "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", -1)
	f(GET, "HTTP/1.1 200 x\r\n\r\n", -1)
	f(GET, "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", -1)
	f(GET, "HTTP/1.1 200 x\r\nContent-Length: 7\r\n\r\n", 7)
}

func TestResponseUpgrade(t *testing.T) {
	f := responseRow(t, GET)
	f("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"101 Switching 1.1 none upgrade=websocket Connection=Upgrade! Upgrade=websocket! Sec-WebSocket-Accept=x")
	f("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", "101 x 1.1 none Upgrade=websocket!")
	f("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "101 x 1.1 none Connection=upgrade! Upgrade=h2c!")
	f("HTTP/1.1 426 x\r\nConnection: upgrade, x-a\r\nUpgrade: a, b\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n",
		"426 x 1.1 length(0) upgrade=a, b Connection=\"upgrade, x-a\"! Upgrade=\"a, b\"! X-A=1! Content-Length=0")
	f("HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "101 x 1.0 none close Connection=upgrade! Upgrade=x!")
	f("HTTP/1.1 200 x\r\nKeep-Alive: 5\r\nProxy-Authenticate: a\r\nProxy-Connection: b\r\nTrailer: c\r\nServer: s\r\nContent-Length: 0\r\n\r\n",
		"200 x 1.1 length(0) Keep-Alive=5! Proxy-Authenticate=a! Proxy-Connection=b! Trailer=c Server=s Content-Length=0")
}
