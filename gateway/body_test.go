package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// A final answer before the request's body has ended: the client gets it, and then the end.
func TestEarlyAnswer(t *testing.T) {
	row := func(name, request, part string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) {
				c.Send(testkit.Answer("401 Unauthorized", "who are you"))
				_ = c.WaitEnd()
				_ = c.Close()
			}, "")
			c := testkit.Dial(t, p.Addr)
			c.Send(request + part)
			got := c.Read("POST")
			if got.StatusCode != 401 || got.Text != "who are you" || !got.Close {
				t.Errorf("got %d %q close=%v, want 401 with its body, close=true", got.StatusCode, got.Text, got.Close)
			}
			// What the client still sends is no request.
			_ = c.TrySend(strings.Repeat(testkit.Get("/smuggled"), 3))
			_ = c.CloseWrite()
			c.WantClosed()
			if n := len(b.Seen()); n != 1 {
				t.Errorf("requests upstream: got %d, want 1", n)
			}
		})
	}
	row("length", testkit.Request11("POST", "/", "", "Content-Length: 100000"), "some of it")
	row("long length", testkit.Request11("POST", "/", "", "Content-Length: 100000000"), strings.Repeat("x", 100_000))
	row("chunked", testkit.Request11("POST", "/", "", "Transfer-Encoding: chunked"), "5\r\nhello\r\n")
	row("nothing of the body", testkit.Request11("POST", "/", "", "Content-Length: 100000"), "")
}

// starter starts a gateway before a backend: [plain], or one that speaks TLS to it.
type starter func(t *testing.T, handle func(*testkit.Conn, *testkit.Request), more string) (*testkit.Proxy, *testkit.Backend)

// pattern is n bytes that differ everywhere, so that a lost, doubled or moved piece shows.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// Sizes round every bound of the data plane: gnet's read buffer, replay, pending and tail bytes, relay.
var sizes = []int{1, 2, 1000, 16 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 100_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3_000_000, 20 << 20}

func TestUploads(t *testing.T) { uploads(t, plain) }

func uploads(t *testing.T, start starter) {
	p, b := start(t, testkit.Echo("stable"), "")
	c := testkit.Dial(t, p.Addr)
	check := func(name string, body []byte) {
		t.Helper()
		got := c.Read("POST")
		if got.StatusCode != 200 || got.Header.Get("X-Body-Sum") != testkit.Sum(body) {
			t.Fatalf("%s, %d bytes: got %d %q, %s bytes with another sum", name, len(body), got.StatusCode, got.Text, got.Header.Get("X-Body-Length"))
		}
	}
	for _, size := range sizes {
		body := pattern(size)
		c.Send(testkit.Post("/length", string(body)))
		check("length", body)
		if size > 4<<20 {
			break // chunked only differs in framing, and the extensions would be too long together
		}
		var chunked bytes.Buffer
		for rest, i := body, 1; len(rest) > 0; i++ {
			n := min(len(rest), i*i*37%70_000+1)
			fmt.Fprintf(&chunked, "%x;ext=%d\r\n%s\r\n", n, i%10, rest[:n])
			rest = rest[n:]
		}
		c.Send(testkit.Request11("POST", "/chunked", chunked.String()+"0\r\n\r\n", "Transfer-Encoding: chunked"))
		check("chunked", body)
	}
	if got := len(b.Conns()); got > 3 {
		t.Errorf("upstream connections for requests one after another: got %d, want hardly more than 1", got)
	}
}

func TestDownloads(t *testing.T) { downloads(t, plain) }

func downloads(t *testing.T, start starter) {
	bodies := map[string][]byte{}
	for _, size := range sizes {
		bodies[fmt.Sprint(size)] = pattern(size)
	}
	p, b := start(t, func(c *testkit.Conn, r *testkit.Request) {
		body := bodies[r.URL.Query().Get("size")]
		switch r.URL.Path {
		case "/length":
			c.Send(testkit.Answer("200 OK", string(body)))
		case "/close":
			c.Send("HTTP/1.1 200 OK\r\n\r\n" + string(body))
			_ = c.Close()
		case "/chunked":
			c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for rest, i := body, 1; len(rest) > 0; i++ {
				n := min(len(rest), i*i*37%70_000+1)
				c.Send(fmt.Sprintf("%x\r\n%s\r\n", n, rest[:n]))
				rest = rest[n:]
			}
			c.Send("0\r\nX-Sum: 1\r\n\r\n")
		}
	}, "")
	c := testkit.Dial(t, p.Addr)
	for _, size := range sizes {
		for _, path := range []string{"/length", "/chunked", "/close"} {
			got := c.Do(testkit.Get(fmt.Sprintf("%s?size=%d", path, size)))
			if got.StatusCode != 200 || got.Text != string(bodies[fmt.Sprint(size)]) {
				t.Fatalf("%s, %d bytes: got %d and %d bytes, not the same", path, size, got.StatusCode, len(got.Text))
			}
			if path == "/chunked" && got.Trailer.Get("X-Sum") != "1" {
				t.Errorf("%s, %d bytes: the trailer got lost", path, size)
			}
			if size > 4<<20 {
				break // the others only differ in framing
			}
			one := testkit.Do(t, p.Addr, fmt.Sprintf("GET %s?size=%d HTTP/1.0\r\n\r\n", path, size))
			if one.StatusCode != 200 || one.Text != got.Text {
				t.Fatalf("%s to 1.0, %d bytes: got %d and %d bytes, not the same", path, size, one.StatusCode, len(one.Text))
			}
		}
	}
	if p.Counters().Relays == 0 {
		t.Errorf("relays: got 0, want long bodies to have left the loop")
	}
	if got, most := len(b.Conns()), 2*len(sizes)+4; got > most {
		t.Errorf("upstream connections: got %d, want at most %d (only those until close end)", got, most)
	}
}

// A connection that was in a relay is again what it was before: pipelined requests behind it, uploads, short answers.
func TestAfterRelay(t *testing.T) {
	big := string(pattern(3 << 20))
	p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.Copy(io.Discard, r.Body)
			c.Send(testkit.Answer("200 OK", big))
			return
		}
		testkit.Echo("stable")(c, r)
	}, "")
	c := testkit.Dial(t, p.Addr)
	for range 3 {
		c.Send(testkit.Get("/big") + testkit.Get("/1") + testkit.Post("/big", "x") + testkit.Post("/2", "body"))
		if got := c.Read("GET"); got.Text != big {
			t.Fatalf("the long answer: got %d and %d bytes, not the same", got.StatusCode, len(got.Text))
		}
		if got := c.Read("GET"); !strings.HasPrefix(got.Text, "GET /1 ") {
			t.Fatalf("behind it: got %d %q, want GET /1", got.StatusCode, got.Text)
		}
		if got := c.Read("POST"); got.Text != big {
			t.Fatalf("the second long answer: got %d and %d bytes, not the same", got.StatusCode, len(got.Text))
		}
		if got := c.Read("POST"); !strings.HasPrefix(got.Text, "POST /2 ") || got.Header.Get("X-Body-Length") != "4" {
			t.Fatalf("behind it: got %d %q, want POST /2 with 4 bytes", got.StatusCode, got.Text)
		}
		c.Send(testkit.Post("/3", big))
		if got := c.Read("POST"); got.Header.Get("X-Body-Sum") != testkit.Sum([]byte(big)) {
			t.Fatalf("a long upload: got %d %q, not the same", got.StatusCode, got.Text)
		}
	}
	testkit.Until(t, "all relays to be over", func() bool { return p.Connections() == 1 })
	if got := len(b.Conns()); got > 4 {
		t.Errorf("upstream connections for requests one after another: got %d, want hardly more than 1", got)
	}
}
