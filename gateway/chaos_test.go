package gateway_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// TestChaos has many clients of every temper ask backends of every temper, all at once. Each answer that ends as it should is the one to the
// request it stands behind, whole, and in order; a backend that behaves is never made to look as if it did not.
func TestChaos(t *testing.T) {
	const clients, rounds = 24, 6
	backends := testkit.Pool(testkit.Serve(t, obey), testkit.Serve(t, obey))
	p := testkit.Gateway(t, testkit.Config(backends, nil, "loops: 2\ntimeouts: {head: 30s, body: 30s, response_head: 30s, idle: 30s}\n"))
	var all sync.WaitGroup
	for n := range clients {
		random := rand.New(rand.NewPCG(uint64(n), 7))
		all.Go(func() {
			for round := range rounds {
				chaosConnection(t, p.Addr, random, fmt.Sprintf("%d.%d", n, round))
			}
		})
	}
	all.Wait()
	if got := p.Counters().Panics; got != 0 {
		t.Errorf("panics: got %d, want 0", got)
	}
	testkit.Until(t, "all clients to be gone", func() bool { return p.Connections() == 0 })
}

// order is a request that says what its answer shall be like.
type order struct {
	method, name string
	how          string // how the backend answers
	size         int    // of the answer
	upload       int
	chunked      bool
}

// fair are the ways to answer of a backend that behaves; after the last two its connection ends without a word.
var (
	fair = []string{"length", "chunked", "bytes", "interim", "close", "announced", "silent", "until"}
	foul = []string{"nothing", "reset", "half", "short", "excess", "garbage", "badchunk", "early"}
)

func (o *order) text() string {
	body := strings.Repeat("u", o.upload)
	target := "/?" + url.Values{"name": {o.name}, "how": {o.how}, "size": {strconv.Itoa(o.size)}}.Encode()
	switch {
	case o.upload == 0:
		return testkit.Request11(o.method, target, "")
	case !o.chunked:
		return testkit.Request11(o.method, target, body, fmt.Sprintf("Content-Length: %d", o.upload))
	}
	return testkit.Request11(o.method, target, fmt.Sprintf("1\r\nu\r\n%x\r\n%s\r\n0\r\n\r\n", o.upload, body), "Transfer-Encoding: chunked")
}

// answerBody is what every answer to a request of that name consists of: no two names share it.
func answerBody(name string, size int) string {
	unit := name + "|"
	return strings.Repeat(unit, size/len(unit)+1)[:size]
}

// obey answers a request as its order says.
func obey(c *testkit.Conn, r *testkit.Request) {
	query := r.URL.Query()
	size, _ := strconv.Atoi(query.Get("size"))
	how, body := query.Get("how"), answerBody(query.Get("name"), size)
	head := "HTTP/1.1 200 OK\r\nX-Name: " + query.Get("name") + "\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", size)
	if how == "early" { // before the request is whole
		c.Send(head + length + "Connection: close\r\n\r\n" + body)
		_ = c.CloseWrite()
		_ = c.WaitEnd()
		_ = c.Close()
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		c.Reset()
		return
	}
	if r.Method == "HEAD" {
		body = ""
	}
	switch how {
	case "length":
		c.Send(head + length + "\r\n" + body)
	case "chunked":
		c.Send(head + "Transfer-Encoding: chunked\r\n\r\n")
		for piece := body; len(piece) > 0 && r.Method != "HEAD"; {
			n := min(len(piece), 1+size/3)
			c.Send(fmt.Sprintf("%x\r\n%s\r\n", n, piece[:n]))
			piece = piece[n:]
		}
		if r.Method != "HEAD" {
			c.Send("0\r\nX-Sum: 1\r\n\r\n")
		}
	case "bytes":
		for _, piece := range strings.SplitAfter(head+length+"\r\n", "\n") {
			c.Send(piece)
		}
		c.Send(body)
	case "interim":
		c.Send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head + length + "\r\n" + body)
	case "close":
		c.Send(head + length + "Connection: close\r\n\r\n" + body)
		_ = c.Close()
	case "announced":
		c.Send("HTTP/1.0 200 OK\r\nX-Name: " + query.Get("name") + "\r\n" + length + "\r\n" + body)
		_ = c.Close()
	case "silent":
		c.Send(head + length + "\r\n" + body)
		_ = c.Close()
	case "until":
		c.Send(head + "\r\n" + body)
		_ = c.Close()
	case "nothing":
		_ = c.Close()
	case "reset":
		c.Send(head + length + "\r\n" + body[:len(body)/2])
		c.Reset()
	case "half":
		c.Send(head)
		_ = c.Close()
	case "short":
		c.Send(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size+1, body))
		_ = c.Close()
	case "excess":
		c.Send(head + length + "\r\n" + body + "HTTP/1.1 200 OK\r\nX-Name: poison\r\nContent-Length: 6\r\n\r\npoison")
	case "garbage":
		c.Send("garbage\r\n\r\n")
	case "badchunk":
		c.Send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab\r\n0\r\n\r\n")
	}
}

// chaosConnection has one client ask for a few things, one by one or all at once, and perhaps leave before it has them.
func chaosConnection(t *testing.T, address string, random *rand.Rand, name string) {
	pick := func(of ...int) int { return of[random.IntN(len(of))] }
	c := testkit.Dial(t, address)
	defer c.Close()
	var orders []order
	var text strings.Builder
	for n := range 1 + random.IntN(5) {
		o := order{method: "GET", name: fmt.Sprintf("%s.%d", name, n), size: pick(0, 1, 10, 1000, 70_000, 300_000, 1_500_000), chunked: random.IntN(2) == 0}
		if o.how = fair[random.IntN(len(fair))]; random.IntN(4) == 0 {
			o.how = foul[random.IntN(len(foul))]
		}
		if random.IntN(3) == 0 {
			o.method, o.upload = "POST", pick(1, 100, 60_000, 70_000, 200_000, 1_200_000)
		} else if random.IntN(5) == 0 {
			o.method = "HEAD"
		}
		orders = append(orders, o)
		text.WriteString(o.text())
	}
	pipelined, leaves, slow := random.IntN(2) == 0, random.IntN(6) == 0, random.IntN(4) == 0
	var sending sync.WaitGroup
	defer sending.Wait()
	defer c.Close()
	send := func(text string) {
		pieces := random.IntN(3)
		var cuts []int
		for range pieces {
			cuts = append(cuts, random.IntN(len(text)))
		}
		sending.Go(func() {
			for _, cut := range cuts {
				if cut < len(text) && c.TrySend(text[:cut]) != nil {
					return
				} else if cut < len(text) {
					text = text[cut:]
				}
			}
			_ = c.TrySend(text)
		})
	}
	if pipelined {
		send(text.String())
	}
	for n := range orders {
		o := &orders[n]
		if !pipelined {
			send(o.text())
		}
		if leaves && n == len(orders)-1 {
			if random.IntN(2) == 0 {
				_ = c.SetLinger(0)
			}
			return
		}
		if slow {
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // the sockets fill up
		}
		if !o.check(t, c) {
			return
		}
	}
}

// check reads the answer to an order. false: there will be no other on the connection.
func (o *order) check(t *testing.T, c *testkit.Client) bool {
	wrong := func(format string, args ...any) bool {
		t.Errorf("%+v: "+format, append([]any{*o}, args...)...)
		return false
	}
	behaves := slices.Contains(fair, o.how)
	r, err := c.TryRead(o.method)
	for err == nil && r.StatusCode < 200 {
		r, err = c.TryRead(o.method)
	}
	switch {
	case isTimeout(err):
		return wrong("got no end of the answer")
	case err != nil:
		if behaves {
			return wrong("got %v, want an answer", err)
		}
		return false
	case r.Header.Get("X-Graygate-Error") != "":
		// A request that must not be repeated may meet a connection that its backend is about to close.
		if behaves && (o.method != "POST" || r.StatusCode != 502) {
			return wrong("got %d %s, want an answer", r.StatusCode, r.Header.Get("X-Graygate-Error"))
		}
		return !r.Close
	}
	want := answerBody(o.name, o.size)
	if o.method == "HEAD" {
		want = ""
	}
	if got := r.Header.Get("X-Name"); got != o.name || r.Text != want {
		return wrong("got the answer to %s with %d bytes %.40q, want %d bytes %.40q", got, len(r.Text), r.Text, len(want), want)
	}
	// What comes behind the answer may come too late to spoil it; and what has no body is whole without one.
	if bodiless := want == ""; !behaves && o.how != "early" && o.how != "excess" && !(bodiless && (o.how == "reset" || o.how == "short" && o.method == "HEAD")) {
		return wrong("got what looks like a whole answer, want none")
	}
	return !r.Close
}
