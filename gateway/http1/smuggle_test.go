package http1

import (
	"fmt"
	"strings"
	"testing"
)

// TestSmuggling holds whole attacks from public research: what must come of each is one refused request, or exactly the one that a
// strict reader sees. (Linhart et al., "HTTP Request Smuggling" 2005; Kettle, "HTTP Desync Attacks" 2019, "Browser-Powered Desync Attacks" 2022,
// "HTTP/1.1 must die" 2025; Klein, "HTTP Request Smuggling in 2020"; Weikop, "Funky chunks" 2025.)
func TestSmuggling(t *testing.T) {
	f := requestRow(t, Limits{})
	// CL.TE and TE.CL.
	f(post+"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nSMUGGLED", "400 length_with_coding")
	f(post+"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n", "400 length_with_coding")
	f(post+"Content-length: 4\r\nTransfer-Encoding: chunked\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n", "400 length_with_coding")
	f(post+"Connection: Transfer-Encoding\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 length_with_coding")
	f(post+"Connection: Content-Length\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 length_with_coding")
	// CL.0 and 0.CL: a length is believed whatever the method, and so is its lack.
	f("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 23\r\n\r\nGET /404 HTTP/1.1\r\nX: Y",
		"GET / host=h 1.1 length(23) Host=h Content-Length=23\nbody \"GET /404 HTTP/1.1\\r\\nX: Y\"")
	f("HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", "HEAD / host=h 1.1 length(2) Host=h Content-Length=2\nbody \"ab\"")
	f("GET /con HTTP/1.1\r\nHost: h\r\nContent_Length: 7\r\n\r\n", "GET /con host=h 1.1 none Host=h Content_Length=7!")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", "400 bad_content_length")
	f("POST / HTTP/1.1\r\nHost: h\r\nContent-Length 7\r\n\r\n", "400 bad_field_name")
	f("POST / HTTP/1.1\r\nHost: h\r\nExpect: y 100-continue\r\nContent-Length: 7\r\n\r\n", "417 expectation_failed")
	// A head inside the first line, or two of them.
	f("GET / HTTP/1.1\r\nHost: h\r\nX: y\rGET /x HTTP/1.1\r\n\r\n", "400 bare_cr")
	f("GET /a HTTP/1.1\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_field_name")
	f("GET /a HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET http://a/ HTTP/1.1\r\nHost: b:x\r\n\r\n", "400 bad_host")
	f("GET / HTTP/1.1\r\nHost: a\r\n\tHost: b\r\n\r\n", "400 obs_fold")
	f("GET / HTTP/1.1\x0b\r\nHost: h\r\n\r\n", "400 bad_request_line")
	f("GET / HTTP/1.1\r\n\x0bHost: h\r\n\r\n", "400 bad_field_name")
	f("GET /\xa0HTTP/1.1\r\nHost: h\r\n\r\n", "400 bad_target")
	f("GET / HTTP/1.1\r\nHost: h\r\n\x00\r\n\r\n", "400 nul_byte")
	f("GET / HTTP/1.1\r\nHost: h\r\nX: [\r\n\r\n\r\nGET /x HTTP/1.1\r\n\r\n", "GET / host=h 1.1 none Host=h X=[")
	// Chunks: see TestChunks. TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM and ONE.TWO.
	te := post + "Transfer-Encoding: chunked\r\n\r\n"
	f(te+"2;\nxx\r\n4c\r\n0\r\n\r\nGET /x HTTP/1.1\r\n", "400 bare_lf")
	f(te+"2;\rxx\r\n4c\r\n0\r\n\r\n", "400 bare_cr")
	f(te+"5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n", "POST / host=h 1.1 chunked Host=h Transfer-Encoding=chunked!\nbody \"AAAAA\"\n400 bad_chunk_end")
}

// TestMutatedFraming puts every byte at every place round the two fields that frame a body where readers are known to differ (the
// templates of defparam/smuggler and more), with and without the other field. The plain parser says what must come of it, and nothing but
// a clean field may frame.
func TestMutatedFraming(t *testing.T) {
	templates := []string{
		"%cNAME: VALUE", "NA%cME: VALUE", "NAME%c: VALUE", "NAME%c:VALUE", "NAME:%cVALUE", "NAME: %cVALUE", "NAME: VA%cLUE",
		"NAME: VALUE%c", "NAME: VALUE%c%[1]c", "NAME: VALUE,%c", "NAME:%c VALUE%[1]c", "NAME: VALUE\r%cX: X", "NAME: VALUE%c\nX: X",
		"X: X%cNAME: VALUE", "X: X\r%cNAME: VALUE", "X: X%c\nNAME: VALUE", "X: X\r\n%cNAME: VALUE", "X: X%c\r\nNAME: VALUE",
		"NAME:\r\n%cVALUE", "NAME: %c, VALUE", "NAME: VALUE, %c", "NAME: VALUE;%c", "NAME: \"VALUE%c\"",
	}
	fields := []struct{ name, value, other string }{
		{"Transfer-Encoding", "chunked", "Content-Length: 17\r\n"},
		{"Content-Length", "17", "Transfer-Encoding: chunked\r\n"},
	}
	var r Request
	accepted := 0
	for _, field := range fields {
		for _, template := range templates {
			for c := range 256 {
				line := fmt.Sprintf(template, c)
				line = strings.ReplaceAll(line, string(rune(c)), string([]byte{byte(c)})) // %c writes UTF-8
				line = strings.Replace(line, "NA", field.name[:4], 1)
				line = strings.Replace(line, "ME", field.name[4:], 1)
				line = strings.Replace(line, "VA", field.value[:1], 1)
				line = strings.Replace(line, "LUE", field.value[1:], 1)
				for _, other := range []string{"", field.other} {
					head := post + line + "\r\n" + other + "\r\n"
					var got string
					n, err := new(Scanner).Scan([]byte(head), Limits{})
					if err == nil {
						err = ParseRequest([]byte(head)[:n], &r, Limits{})
					}
					if err == nil {
						got = dumpRequest(&r)
						accepted++
					}
					if want := plainRequest(head[:max(n, strings.Index(head, "\r\n\r\n")+4)]); (got == "") != (want == "") || got != "" && got != want {
						t.Fatalf("input %q:\ngot  %q %v\nwant %q", head, got, err, want)
					}
				}
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d mutations were accepted: the templates do not try what they should", accepted)
	}
}
