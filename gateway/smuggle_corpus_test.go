package gateway_test

import "strings"

// smugglingCorpus is how requests are smuggled, as a client would send it. The attacks are those of public research: Linhart et
// al. 2005; Kettle 2019, 2022, 2025; Klein 2020; Weikop 2025; and of the issue trackers of the servers that fell for them.
func smugglingCorpus() []attack {
	var all []attack
	const host = "Host: example.test\r\n"
	const get, post = "GET /{id} HTTP/1.1\r\n" + host, "POST /{id} HTTP/1.1\r\n" + host
	const chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
	const evil = "GET /evil-{id} HTTP/1.1\r\n" + host + "\r\n"
	// f adds a case: answers are statuses, "ends" for a connection that is closed after them, "waits" for one that waits for more.
	f := func(raw, answers string, origin ...string) {
		a := attack{raw: raw, origin: origin}
		for word := range strings.FieldsSeq(answers) {
			switch word {
			case "ends":
				a.ends = true
			case "waits":
				a.waits = true
			case "body":
				a.body = true
			default:
				a.answers = append(a.answers, word)
			}
		}
		all = append(all, a)
	}
	const isGet, isPost = "GET /{id}", "POST /{id}"

	// Content-Length with Transfer-Encoding.
	for _, fields := range []string{
		"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
		"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "content-length: 6\r\nTRANSFER-ENCODING: CHUNKED\r\n",
		"Content-Length: 6\r\nX: y\r\nTransfer-Encoding:chunked\r\n", "Connection: Content-Length\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n",
		"Connection: Transfer-Encoding\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 6\r\nTransfer-Encoding: identity\r\n",
		"Content-Length: 6\r\nTransfer-Encoding:\r\n", "Content-Length: 6\r\nTransfer-Encoding: gzip, chunked\r\n",
	} {
		f(post+fields+"\r\n0\r\n\r\n"+evil, "400")
	}

	// a transfer coding that is anything but exactly chunked.
	for _, value := range []string{
		" chunked, identity", " chunked, chunked", " chunked,", " ,chunked", " xchunked", " chunke", " identity", "", " \"chunked\"", " chunked;q=1",
		" chunked gzip", " x;y=chunked", " chunked\t;", " 'chunked'", " chunked\u2028", " cow", " chunked\xa0", " ch\xc3\xbcnked", " =chunked", " chunked, gzip",
	} {
		f(post+"Transfer-Encoding:"+value+"\r\n\r\n0\r\n\r\n"+evil, "400")
	}
	for _, value := range []string{"gzip, chunked", "identity, chunked", "deflate,chunked", "cow, chunked"} {
		f(post+"Transfer-Encoding: "+value+"\r\n\r\n0\r\n\r\n"+evil, "501")
	}
	f(post+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+evil, "400")
	f(post+"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"+evil, "400")
	f(post+"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+evil, "400")
	f("POST /{id} HTTP/1.0\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+evil, "400")
	f("POST /{id} HTTP/1.0\r\n"+host+"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+evil, "400")
	f(post+"Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", isPost+" abc")
	f(post+"Transfer-Encoding: \t chunked \t\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", isPost+" abc")
	f(post+"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "200", isPost+" abc")
	f(post+"Transfer.Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "200", isPost+" abc")
	f(post+"X-Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "200", isPost+" abc")
	f(post+"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", isPost+" abc")

	// Content-Length.
	for _, value := range []string{
		"", "+6", "-6", "-0", "6,6", "6, 6", "6,7", "6 6", "6\t6", "0x6", "6h", "6.0", "6e0", "\"6\"", "6;", ";6", "6,", ",6", "1_0", "९", "\xb2",
		"9223372036854775808", "18446744073709551616", "18446744073709551622", "99999999999999999999", "00000000000000000006", "4294967302x", "a", "6 0",
	} {
		f(post+"Content-Length: "+value+"\r\n\r\nabcdef"+evil, "400")
	}
	f(post+"Content-Length: 6\r\nContent-Length: 6\r\n\r\nabcdef"+evil, "400")
	f(post+"Content-Length: 6\r\nContent-Length: 0\r\n\r\nabcdef"+evil, "400")
	f(post+"Content-Length: 0\r\nContent-Length: 6\r\n\r\nabcdef"+evil, "400")
	f(post+"Content-Length: 6\r\nX: y\r\ncontent-length: 7\r\n\r\nabcdef"+evil, "400")
	f(post+"Content-Length: 6\r\nContent-Length:\r\n\r\nabcdef"+evil, "400")
	f(post+"Content-Length: 9223372036854775807\r\n\r\n"+evil, "413")
	f(post+"Content-Length: 65537\r\n\r\n"+evil, "413")
	f(post+"Content-Length: 006\r\n\r\nabcdef", "200", isPost+" abcdef")
	f(post+"Content-Length: 0\r\n\r\n", "200", isPost)
	f(post+"Content-Length:6\r\n\r\nabcdef", "200", isPost+" abcdef")
	f(post+"Content_Length: 0\r\nContent-Length: 6\r\n\r\nabcdef", "200", isPost+" abcdef")
	f(post+"Connection: Content-Length\r\nContent-Length: 6\r\n\r\nabcdef", "200", isPost+" abcdef")
	f(get+"Content-Length: 6\r\n\r\nabcdef", "200", isGet+" abcdef")
	f("HEAD /{id} HTTP/1.1\r\n"+host+"Content-Length: 6\r\n\r\nabcdef", "200", "HEAD /{id} abcdef")
	f("OPTIONS /{id} HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n", "200", "OPTIONS /{id} abcdef")
	f(post+"\r\nabcdef"+evil, "200 200", isPost, "abcdefGET /evil-{id}") // no length, no body: what follows is a request, if an odd one
	f(post+"\r\nabc def"+evil, "200 400", isPost)
	f(get+"Content-Length: 3\r\n\r\nabc"+strings.ReplaceAll(get, "{id}", "two-{id}")+"\r\n", "200 200", isGet+" abc", "GET /two-{id}")

	// chunks.
	for _, text := range []string{
		"3 \r\nabc\r\n0\r\n\r\n", " 3\r\nabc\r\n0\r\n\r\n", "\t3\r\nabc\r\n0\r\n\r\n", "3\t\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n",
		"-3\r\nabc\r\n0\r\n\r\n", "\r\n3\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r\n0\n\r\n", "3\r\nabc\r\n0\r\n\n", "3\rabc\r\n0\r\n\r\n",
		"3\r\nabc\r0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nab\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3;\nabc\r\n0\r\n\r\n", "3;a\nabc\r\n0\r\n\r\n", "3;a\rabc\r\n0\r\n\r\n",
		"3;a=\x00\r\nabc\r\n0\r\n\r\n", "3;a=\x7f\r\nabc\r\n0\r\n\r\n", "3;\x0b\r\nabc\r\n0\r\n\r\n", "3;a\t\r\nabc\r\n0\r\n\r\n", "3 ;a\r\nabc\r\n0\r\n\r\n", "3,\r\nabc\r\n0\r\n\r\n", "g\r\nabc\r\n0\r\n\r\n", ";\r\nabc\r\n0\r\n\r\n",
		"3_\r\nabc\r\n0\r\n\r\n", "8000000000000000\r\nabc", "ffffffffffffffff\r\nabc", "10000000000000003\r\nabc\r\n0\r\n\r\n", "00000000000000003\r\nabc\r\n0\r\n\r\n",
		"fffffffffffffffff3\r\nabc", "3\x00\r\nabc\r\n0\r\n\r\n", "0\r\n\rX", "0\r\n\n", "0\n\n", "0\r\n\r", "00000000000000000\r\n\r\n", "2\r\nab\r\n\r\n0\r\n\r\n",
		"3;" + strings.Repeat("x", 17<<10) + "\r\nabc\r\n0\r\n\r\n", strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\na\r\n", 170) + "0\r\n\r\n",
		"5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX: y\r\n z\r\n\r\n", "0\r\nX: \x00\r\n\r\n", "0\r\nX: a\rb\r\n\r\n",
		"0\r\n: y\r\n\r\n", "0\r\nGET /evil-{id} HTTP/1.1\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nX: " + strings.Repeat("y", 9<<10) + "\r\n\r\n", "0\r\n" + strings.Repeat("X: y\r\n", 33) + "\r\n",
	} {
		if text == "0\r\n\r" { // no error yet: the LF may come
			f(chunked+text+"\n", "200", isPost)
			continue
		}
		f(chunked+text+evil, "400 body")
	}
	f(chunked+"3\r\nabc\r\n0\r\n\r\n", "200", isPost+" abc")
	f(chunked+"3;a;b=\"c;d\" ; e=f\r\nabc\r\n1\r\nd\r\n000;x\r\n\r\n", "200", isPost+" abcd")
	f(chunked+"0000000000000003\r\nabc\r\n0000\r\n\r\n", "200", isPost+" abc")
	f(chunked+"A\r\nabcdefghij\r\na\r\nabcdefghij\r\n0\r\n\r\n", "200", isPost+" abcdefghijabcdefghij")
	f(chunked+"3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\nHost: evil.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n", "200", isPost+" abc")
	f(chunked+"0\r\n\r\n"+strings.ReplaceAll(get, "{id}", "two-{id}")+"\r\n", "200 200", isPost, "GET /two-{id}")
	f(chunked+"0\r\n\r\nX"+evil, "200 200", isPost, "XGET /evil-{id}")
	f(chunked+strings.Repeat("1000\r\n"+strings.Repeat("y", 4096)+"\r\n", 17)+"0\r\n\r\n"+evil, "413 body")

	// bytes that readers take for a line's end, or for nothing.
	for _, raw := range []string{
		"GET /{id} HTTP/1.1\n" + host + "\r\n", "GET /{id} HTTP/1.1\r\nHost: example.test\n\r\n", get + "\n", "GET /{id} HTTP/1.1\n\nHost: example.test\n\n", "\nGET /{id} HTTP/1.1\r\n" + host + "\r\n",
		"GET /{id} HTTP/1.1\rHost: example.test\r\n\r\n", get + "X: a\rb\r\n\r\n", get + "X: a\r\rb\r\n\r\n", get + "X: a\r\r\n\r\n", "\rGET /{id} HTTP/1.1\r\n" + host + "\r\n",
		get + "X: a\nY: b\r\n\r\n", get + "X: a\rY: b\r\n\r\n", get + "X: a\rGET /evil-{id} HTTP/1.1\r\n\r\n", get + "X: a\n\nGET /evil-{id} HTTP/1.1\r\n" + host + "\r\n",
		get + "X: \x00\r\n\r\n", get + "\x00X: y\r\n\r\n", get + "X\x00: y\r\n\r\n", "GET /{id}\x00 HTTP/1.1\r\n" + host + "\r\n", "\x00GET /{id} HTTP/1.1\r\n" + host + "\r\n", get + "\x00\r\n\r\n",
		get + "X: \x01\r\n\r\n", get + "X: \x0b\r\n\r\n", get + "X: \x0c\r\n\r\n", get + "X: \x1b[31m\r\n\r\n", get + "X: \x7f\r\n\r\n", get + "X: a\x08b\r\n\r\n",
		get + "X: a\r\n b\r\n\r\n", get + "X: a\r\n\tb\r\n\r\n", get + " X: a\r\n\r\n", "GET /{id} HTTP/1.1\r\n " + host + "\r\n", get + "X: a\r\n \r\n\r\n", get + "\t\r\n\r\n", get + "X:\r\n Content-Length: 6\r\n\r\nabcdef",
		get + "X : a\r\n\r\n", get + "X\t: a\r\n\r\n", "POST /{id} HTTP/1.1\r\n" + host + "Content-Length : 6\r\n\r\nabcdef", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "GET /{id} HTTP/1.1\r\nHost : example.test\r\n\r\n",
		get + ": a\r\n\r\n", get + "X\r\n\r\n", get + "X y: a\r\n\r\n", get + "X(: a\r\n\r\n", get + "X\xff: a\r\n\r\n", get + "\"X\": a\r\n\r\n", get + "X@: a\r\n\r\n", get + "X/y: a\r\n\r\n", get + "[X]: a\r\n\r\n",
		post + "Content-Length\x00: 6\r\n\r\nabcdef", post + "Content-Length: 6\x00\r\n\r\nabcdef", post + "Content-Length\x0b: 6\r\n\r\nabcdef", post + "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n", post + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", post + "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", post + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f(raw+evil, "400")
	}
	f(get+"X: a\tb \xc3\xa4\xff\t \r\n\r\n", "200", isGet)
	f("\r\n\r\n"+get+"\r\n", "200", isGet)
	f(get+"\r\n\r\n\r\n"+strings.ReplaceAll(get, "{id}", "two-{id}")+"\r\n", "200 200", isGet, "GET /two-{id}")
	f(get+"X:\r\nY:\t\r\n\r\n", "200", isGet)

	// The request line.
	for _, line := range []string{
		"GET /{id}", "GET  /{id} HTTP/1.1", "GET /{id}  HTTP/1.1", "GET /{id} HTTP/1.1 ", " GET /{id} HTTP/1.1", "GET\t/{id}\tHTTP/1.1", "GET /{id} x HTTP/1.1", "GET /{id} HTTP/1", "GET /{id} HTTP/1.", "GET /{id} HTTP/11", "GET /{id} HTTP/1.10",
		"GET /{id} http/1.1", "GET /{id} HTTP/+1.1", "GET /{id} HTTP /1.1", "GET /{id} HTTP/1,1", "GET /{id} XTTP/1.1", "GET /{id} HTTP/1.1 HTTP/1.1", "/{id} HTTP/1.1", "G(T /{id} HTTP/1.1", "GET\x0b/{id} HTTP/1.1", "GET\xa0/{id} HTTP/1.1",
		"GET /{id}\xa0 HTTP/1.1", "GET /{id}\xc3\xa4 HTTP/1.1", "GET /{id}#x HTTP/1.1", "GET /{id}%zz HTTP/1.1", "GET /{id}% HTTP/1.1", "GET /{id}%0 HTTP/1.1", "GET {id} HTTP/1.1", "GET * HTTP/1.1", "GET ?{id} HTTP/1.1", "GET .. HTTP/1.1",
		"GET http:/{id} HTTP/1.1", "GET http://u@example.test/{id} HTTP/1.1", "GET http:///{id} HTTP/1.1", "GET http://example.test:x/{id} HTTP/1.1", "GET ftp://example.test/{id} HTTP/1.1", "GET example.test:80 HTTP/1.1", "GET http://example.test:0/{id} HTTP/1.1",
		"GET javascript:alert(1) HTTP/1.1", "GET //\\{id} HTTP/1.1\\", "POST * HTTP/1.1", "GET http://a b/{id} HTTP/1.1", "GET http://example.test#/{id} HTTP/1.1",
	} {
		f(line+"\r\n"+host+"\r\n"+evil, "400")
	}
	f("GET /{id} HTTP/2.0\r\n"+host+"\r\n"+evil, "505")
	f("GET /{id} HTTP/0.9\r\n"+host+"\r\n"+evil, "505")
	f("GET /{id} HTTP/9.1\r\n"+host+"\r\n"+evil, "505")
	f("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505")
	f("CONNECT example.test:443 HTTP/1.1\r\n"+host+"\r\n"+evil, "501")
	f("CONNECT /{id} HTTP/1.1\r\n"+host+"\r\n"+evil, "501")
	f("GET /{id}"+strings.Repeat("x", 9<<10)+" HTTP/1.1\r\n"+host+"\r\n"+evil, "414")
	f(get+"X: "+strings.Repeat("x", 9<<10)+"\r\n\r\n"+evil, "431")
	f(get+strings.Repeat("X: y\r\n", 65)+"\r\n"+evil, "431")
	f(get+"Expect: 200-ok\r\n\r\n"+evil, "417")
	f(get+"Expect: y 100-continue\r\nContent-Length: 6\r\n\r\nabcdef"+evil, "417")
	f(post+"Expect: 100-continue\r\nContent-Length: 6\r\n\r\nabcdef", "200", isPost+" abcdef")
	f("get /{id} HTTP/1.1\r\n"+host+"\r\n", "200", "get /{id}")
	f("G!#$%&'*+-.^_`|~T /{id} HTTP/1.1\r\n"+host+"\r\n", "200", "G!#$%&'*+-.^_`|~T /{id}")
	f("GET /{id}/..//%2e%2e/%00?a=b?%zz&[]{}|\\^\"<>` HTTP/1.1\r\n"+host+"\r\n", "200", "GET /{id}/..//%2e%2e/%00?a=b?%zz&[]{}|\\^\"<>`")
	f("GET /{id} HTTP/1.9\r\n"+host+"\r\n", "200", isGet)
	f("GET /{id} HTTP/1.0\r\n"+host+"\r\n", "200 ends", isGet)
	f("GET /{id} HTTP/1.0\r\n"+host+"\r\n"+evil, "200 ends", isGet)
	f("GET /{id} HTTP/1.0\r\n"+host+"Connection: keep-alive\r\n\r\n", "200", isGet)
	f(get+"Connection: close\r\n\r\n"+evil, "200 ends", isGet)
	f(get+"Connection: keep-alive, close\r\n\r\n"+evil, "200 ends", isGet)
	f(get+"Connection: keep-alive\r\nConnection: x, CLOSE\r\n\r\n"+evil, "200 ends", isGet)
	f(get+"\r\nGET /half-{id} HTTP/1.1\r\nX", "200 waits", isGet)
	f(get+"\r\n"+strings.ReplaceAll(get, "{id}", "two-{id}")+"X : y\r\n\r\n"+evil, "200 400", isGet)
	f(get+"\r\n"+chunkedTwo(chunked)+"zz\r\n"+evil, "200 400 body", isGet)

	// Host.
	for _, fields := range []string{
		"", "X: y\r\n", host + host, "Host: example.test\r\nHost: evil.test\r\n", "Host:\r\n", "Host: \r\n", "Host: a b\r\n", "Host: example.test:\r\n", "Host: example.test:0\r\n", "Host: example.test:65536\r\n",
		"Host: example.test:080\r\n", "Host: example.test:+80\r\n", "Host: example.test:80:80\r\n", "Host: u@example.test\r\n", "Host: example.test/x\r\n", "Host: example.test?x\r\n", "Host: example.test#x\r\n", "Host: ex%ample.test\r\n",
		"Host: [::1\r\n", "Host: ::1\r\n", "Host: [::1]x\r\n", "Host: [::g]\r\n", "Host: [1::2::3]\r\n", "Host: [fe80::1%25eth0]\r\n", "Host: [v1.x]\r\n", "Host: []\r\n", "Host: http://example.test\r\n", "Host: example.test\\\r\n", "Host: ex\xe4mple.test\r\n", "Host: \"example.test\"\r\n",
		"Host: example.test, evil.test\r\n", "Host: <script>\r\n",
	} {
		f("GET /{id} HTTP/1.1\r\n"+fields+"\r\n"+evil, "400")
	}
	f("GET /{id} HTTP/1.0\r\n"+host+host+"\r\n"+evil, "400")
	f("GET http://example.test/{id} HTTP/1.1\r\n\r\n"+evil, "400")
	f("GET http://example.test/{id} HTTP/1.1\r\nHost: a b\r\n\r\n"+evil, "400")
	f("GET http://example.test/{id} HTTP/1.1\r\n"+host+host+"\r\n"+evil, "400")
	f("GET http://other.test/{id} HTTP/1.1\r\n"+host+"\r\n", "200", isGet)
	f("GET hTTps://other.test:1?{id} HTTP/1.1\r\n"+host+"\r\n", "200", "GET /?{id}")
	f("GET /{id} HTTP/1.0\r\n\r\n", "200 ends", isGet)
	f("GET /{id} HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", "200", isGet)
	f("GET /{id} HTTP/1.1\r\nhOST:\t192.0.2.1:65535 \r\n\r\n", "200", isGet)
	f("GET /{id} HTTP/1.1\r\n"+host+"Connection: Host\r\n\r\n", "200", isGet)
	f("GET /{id} HTTP/1.1\r\n"+host+"H.ost: x\r\nHost_: y\r\n\r\n", "200", isGet)

	// Connection and Upgrade. What is named there is looked at in TestHopByHop.
	f(get+"Connection: "+strings.Repeat("x,", 65)+"\r\n\r\n"+evil, "400")
	f(get+"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"+evil, "400")
	f(get+"Connection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key:\r\n\r\n"+evil, "400")
	f(get+"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"+evil, "200 ends", isGet)
	f(get+"Connection: upgrade\r\nUpgrade: foo\r\n\r\n"+evil, "200 ends", isGet)
	f(get+"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200", isGet)
	f(get+"Connection: upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", "200", isGet)
	f(get+"Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n", "200", isGet)
	f(get+"Upgrade: websocket\r\n\r\n", "200", isGet)
	f(post+"Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc", "200", isPost+" abc")
	f("GET /{id} HTTP/1.0\r\n"+host+"Connection: upgrade, keep-alive\r\nUpgrade: foo\r\n\r\n", "200", isGet)

	// No HTTP at all.
	f("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400")
	f("SSH-2.0-OpenSSH_9.9\r\n\r\n", "400")
	f("{\"jsonrpc\": \"2.0\"}\r\n\r\n", "400")
	f("<policy-file-request/>\x00", "400")
	f("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"+get+"\r\n", "400")
	f("\r\n\r\n\r\nX\r\n\r\n", "400")
	return all
}

// chunkedTwo is the chunked request under a name that is not the first one's.
func chunkedTwo(chunked string) string { return strings.ReplaceAll(chunked, "{id}", "two-{id}") }
