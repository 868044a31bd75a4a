package main

import "testing"

func TestTargetIsWhatTheGatewayReads(t *testing.T) {
	check := func(text string, want target) {
		t.Helper()
		if got, err := parseTarget(text); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	check("/", target{path: "/"})
	check("/a?b", target{"", "/a", "b"})
	check("/a?b?c=%zz&d=100%#top", target{"", "/a", "b?c=%zz&d=100%"})
	check(`/a|b"<c>{d}\e^`+"`", target{"", `/a|b"<c>{d}\e^` + "`", ""})
	check("/%41%2f/../b//c", target{"", "/%41%2f/../b//c", ""})
	check("//double", target{"", "//double", ""})
	check("/größe und mehr?q=ö", target{"", "/gr%C3%B6%C3%9Fe%20und%20mehr", "q=%C3%B6"})
	check("/?u=http://x/", target{"", "/", "u=http://x/"})
	check("http://shop.example.com", target{"shop.example.com", "/", ""})
	check("HTTPS://shop.example.com:8443/a?b", target{"shop.example.com:8443", "/a", "b"})
	check("wss://shop.example.com/a", target{"shop.example.com", "/a", ""})
	check("shop.example.com", target{"shop.example.com", "/", ""})
	check("shop.example.com:8080?q=1", target{"shop.example.com:8080", "/", "q=1"})
	check("http://anna:se@cret@shop.example.com/a@b", target{"shop.example.com", "/a@b", ""})
	check("[::1]:8080/a", target{"[::1]:8080", "/a", ""})
}

func TestTargetRefusals(t *testing.T) {
	check := func(text, want string) {
		t.Helper()
		if got, err := parseTarget(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %q, %v, want %s", text, got, err, want)
		}
	}
	const broken = `: % in a path needs two hexadecimal digits behind it; write %25 for % itself`
	check("/%zz", `the gateway answers "/%zz" with 400`+broken)
	check("http://h/100%", `the gateway answers "http://h/100%" with 400`+broken)
	for _, text := range []string{"", "#top", "http://", "http://[", "http://h:port/", "http://a|b/", "/a\r\nX: y", "/a HTTP/1.1\r\n\r\n", "/a\x00", "http://größe.example/"} {
		if got, err := parseTarget(text); err == nil {
			t.Errorf("%q was taken for %q", text, got)
		}
	}
}
