package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// The chunked coding of one upload and its answer, in every split into two writes that matters, and byte by byte.
func TestByteByByte(t *testing.T) {
	p, _ := plain(t, testkit.Echo("stable"), "")
	for _, request := range []string{
		testkit.Get("/slow", "Cookie: a=b"),
		testkit.Post("/length", "0123456789"),
		testkit.Request11("POST", "/chunked", "3;x\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n", "Transfer-Encoding: chunked"),
	} {
		whole := testkit.Do(t, p.Addr, request)
		c := testkit.Dial(t, p.Addr)
		c.SendBytewise(request)
		bytewise := c.Read("GET")
		if got, want := withoutOrigin(bytewise.Text), withoutOrigin(whole.Text); got != want {
			t.Errorf("byte by byte: got %q, want %q", got, want)
		}
		if got, want := bytewise.Header.Get("X-Body-Sum"), whole.Header.Get("X-Body-Sum"); got != want {
			t.Errorf("byte by byte: got another body than in one write")
		}
		c.Do(request).WantStatus(t, 200, "")
	}
}

// An answer that trickles out of the upstream byte by byte is the same answer.
func TestAnswerByteByByte(t *testing.T) {
	p, _ := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		text := "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
		for i := range text {
			c.Send(text[i : i+1])
		}
	}, "")
	c := testkit.Dial(t, p.Addr)
	for range 3 {
		if got := c.Do(testkit.Get("/")); got.StatusCode != 103 || got.Header.Get("Link") != "<x>" {
			t.Fatalf("first: got %d %v, want 103", got.StatusCode, got.Header)
		}
		if got := c.Read("GET"); got.StatusCode != 200 || got.Text != "hello" || got.Trailer.Get("X-T") != "1" {
			t.Errorf("then: got %d %q %v, want 200 hello and a trailer", got.StatusCode, got.Text, got.Trailer)
		}
	}
}

func TestPipelining(t *testing.T) {
	const n = 50
	row := func(name string, request func(i int) string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, b := plain(t, testkit.Echo("stable"), "")
			var all strings.Builder
			for i := range n {
				all.WriteString(request(i))
			}
			c := testkit.Dial(t, p.Addr)
			c.Send(all.String())
			for i := range n {
				got := c.Read("GET")
				if want := fmt.Sprintf(" /n/%d HTTP/1.1\r\n", i); got.StatusCode != 200 || !strings.Contains(got.Text, want) {
					t.Fatalf("answer %d: got %d %q, want %q in it", i, got.StatusCode, got.Text, want)
				}
			}
			if got := len(b.Seen()); got != n {
				t.Errorf("requests upstream: got %d, want %d", got, n)
			}
		})
	}
	row("GET", func(i int) string { return testkit.Get(fmt.Sprintf("/n/%d", i)) })
	row("POST with length", func(i int) string { return testkit.Post(fmt.Sprintf("/n/%d", i), strings.Repeat("x", i)) })
	row("POST chunked", func(i int) string {
		return testkit.Request11("POST", fmt.Sprintf("/n/%d", i), "3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
	})
	row("with bodies of more than the loop keeps", func(i int) string {
		return testkit.Post(fmt.Sprintf("/n/%d", i), strings.Repeat("x", 20_000))
	})
}

// Local answers keep their places among those of the upstream.
func TestPipeliningWithLocalAnswers(t *testing.T) {
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, strings.Replace(testkit.Config(testkit.Pool(b), nil, ""), "stable: stable}", "stable: stable, path: /known}", 1))
	c := testkit.Dial(t, p.Addr)
	c.Send(strings.Repeat(testkit.Get("/known")+testkit.Get("/unknown")+testkit.Post("/known", "x")+testkit.Post("/unknown", ""), 5))
	for range 5 {
		c.Read("GET").WantStatus(t, 200, "")
		c.Read("GET").WantStatus(t, 404, "no_route")
		c.Read("POST").WantStatus(t, 200, "")
		c.Read("POST").WantStatus(t, 404, "no_route")
	}
}

func TestCloseEndsPipelining(t *testing.T) {
	p, b := plain(t, testkit.OK("ok"), "")
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Get("/1") + testkit.Get("/2", "Connection: close") + testkit.Get("/3"))
	c.Read("GET").WantStatus(t, 200, "")
	if got := c.Read("GET"); got.StatusCode != 200 || !got.Close {
		t.Errorf("second: got %d close=%v, want 200 close=true", got.StatusCode, got.Close)
	}
	c.WantClosed()
	if got := len(b.Seen()); got != 2 {
		t.Errorf("requests upstream: got %d, want 2", got)
	}
}
