package gateway_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// TestSlowCrowd has a crowd of clients that hold on to their connections, each stuck in another place: all are cut by their deadline and a
// second, while one that behaves is served as if they were not there.
func TestSlowCrowd(t *testing.T) {
	const (
		deadline = 600 * time.Millisecond
		slack    = time.Second // late is late by no more
		each     = 4
	)
	p, _ := plain(t, testkit.Echo("stable"), "timeouts: {head: 600ms, body: 600ms, idle: 600ms}\n")
	good := testkit.Dial(t, p.Addr)
	good.Do(testkit.Get("/")).WantStatus(t, 200, "")

	chunked := testkit.Request11("POST", "/", "", "Transfer-Encoding: chunked")
	type slow struct {
		name   string
		served bool   // a request was answered on the connection before
		first  string // sent at once
		drip   string // sent again and again; it does not buy time
		want   string // the beginning of what the gateway says before it cuts; "": nothing
	}
	var stuck []slow
	for _, served := range []bool{false, true} {
		add := func(name, first, drip, want string) { stuck = append(stuck, slow{name, served, first, drip, want}) }
		add("not a byte", "", "", "")
		add("empty lines", "\r\n", "\r\n", "HTTP/1.1 408 ")
		add("half an empty line", "\r", "", "HTTP/1.1 408 ")
		add("method", "GE", "T", "HTTP/1.1 408 ")
		add("target", "GET /", "x", "HTTP/1.1 408 ")
		add("field name", "GET / HTTP/1.1\r\n", "x", "HTTP/1.1 408 ")
		add("fields", "GET / HTTP/1.1\r\n", "X: y\r\n", "HTTP/1.1 408 ")
		add("the last LF", "GET / HTTP/1.1\r\nHost: h\r\n\r", "", "HTTP/1.1 408 ")
		add("no body", testkit.Request11("POST", "/", "", "Content-Length: 5"), "", "HTTP/1.1 408 ")
		add("half a body", testkit.Request11("POST", "/", "ab", "Content-Length: 5"), "", "HTTP/1.1 408 ")
		add("no chunk", chunked, "", "HTTP/1.1 408 ")
		add("chunk size", chunked+"00", "", "HTTP/1.1 408 ")
		add("chunk extension", chunked+"5;x", "", "HTTP/1.1 408 ")
		add("chunk", chunked+"5\r\nab", "", "HTTP/1.1 408 ")
		add("chunk's end", chunked+"5\r\nabcde\r", "", "HTTP/1.1 408 ")
		add("trailer", chunked+"0\r\nX: ", "", "HTTP/1.1 408 ")
		add("upload in a relay", testkit.Request11("POST", "/", strings.Repeat("x", 1<<18), "Content-Length: 10000000"), "", "HTTP/1.1 408 ")
		add("request behind an answer", testkit.Get("/")+"GET / HT", "", "HTTP/1.1 200 ") // and 408
	}
	var crowd sync.WaitGroup
	for _, s := range stuck {
		for range each {
			c := testkit.Dial(t, p.Addr)
			if s.served {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			c.Send(s.first)
			began := time.Now()
			crowd.Go(func() {
				text := drip(c, s.drip)
				took := time.Since(began)
				if took < deadline/2 || took > deadline+slack {
					t.Errorf("%s, served %v: cut after %v, want %v to %v", s.name, s.served, took, deadline, deadline+slack)
				}
				// What was said may be lost to a reset if the client is still sending.
				if !strings.HasPrefix(text, s.want) && s.drip == "" || s.want == "" && text != "" {
					t.Errorf("%s, served %v: got %q, want %q first", s.name, s.served, text, s.want)
				}
			})
		}
	}
	over := make(chan bool)
	go func() {
		crowd.Wait()
		close(over)
	}()
	var took []time.Duration
	for waiting := true; waiting; {
		select {
		case <-over:
			waiting = false
		default:
			began := time.Now()
			good.Do(testkit.Get("/")).WantStatus(t, 200, "")
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	if longest, median := took[len(took)-1], took[len(took)/2]; longest > slack || median > slack/20 {
		t.Errorf("the client that behaves: got its answers after a median of %v and at most %v, want %v and %v", median, longest, slack/20, slack)
	}
	testkit.Until(t, "all to be gone", func() bool { return p.Connections() == 0 })
}

// drip sends the text again and again until the other side ends the connection, and gives what that has sent.
func drip(c *testkit.Client, text string) string {
	said := make(chan string, 1)
	go func() {
		all, _ := c.ReadAll()
		said <- all
	}()
	for drops := time.NewTicker(40 * time.Millisecond); ; {
		select {
		case all := <-said:
			drops.Stop()
			return all
		case <-drops.C:
			_ = c.TrySend(text) // after the end it fails, and nothing is lost
		}
	}
}

// TestTrickle has clients whose bodies come a byte at a time, with less than the deadline between two: they are given the time they take, the smallest
// chunks and the longest extensions alike, until the bound of those.
func TestTrickle(t *testing.T) {
	p, _ := plain(t, testkit.Echo("stable"), "timeouts: {head: 500ms, body: 500ms, idle: 500ms}\n")
	chunked := testkit.Request11("POST", "/", "", "Transfer-Encoding: chunked")
	var all sync.WaitGroup
	for _, row := range []struct{ name, head, body, want string }{
		{"length", testkit.Request11("POST", "/", "", "Content-Length: 20"), strings.Repeat("x", 20), strings.Repeat("x", 20)},
		{"chunks", chunked, "1\r\nx\r\n2;ab\r\nyz\r\n0\r\n\r\n", "xyz"},
		{"trailers", chunked, "1\r\nx\r\n0\r\nX: a\r\nY: b\r\n\r\n", "x"},
	} {
		c := testkit.Dial(t, p.Addr)
		all.Go(func() {
			if c.TrySend(row.head) != nil {
				return
			}
			for i := range row.body {
				<-time.After(40 * time.Millisecond) // the passing of time is what is tested
				_ = c.TrySend(row.body[i : i+1])
			}
			if r, err := c.TryRead("POST"); err != nil || r.StatusCode != 200 || r.Header.Get("X-Body-Sum") != testkit.Sum([]byte(row.want)) {
				t.Errorf("%s: got %v, %v, want the answer to %q", row.name, r, err, row.want)
			}
		})
	}
	all.Wait()
}
