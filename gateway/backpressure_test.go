package gateway_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// heapBytes is what the process has allocated and not given back, its goroutines' stacks too. Not the resident memory: under the race
// detector most of that is the detector's.
func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

const longBody = 100 << 20

// streaming answers /long with total bytes, made as they are sent, and notes how many were; all else with "ok".
func streaming(sent *atomic.Int64, head string, total int) func(*testkit.Conn, *testkit.Request) {
	block := strings.Repeat("0123456789abcdef", 4<<10)
	return func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path != "/long" {
			testkit.OK("ok")(c, r)
			return
		}
		c.Send(head)
		chunked := strings.Contains(head, "chunked")
		for n := 0; n < total; n += len(block) {
			piece := block
			if chunked {
				piece = fmt.Sprintf("%x\r\n%s\r\n", len(block), block)
			}
			if _, err := io.WriteString(c.TCPConn, piece); err != nil {
				return
			}
			sent.Add(int64(len(block)))
		}
		if chunked {
			c.Send("0\r\n\r\n")
		}
		if !strings.Contains(head, "Content-Length") && !chunked {
			_ = c.Close()
		}
	}
}

// stuck waits until a counter does not move any more.
func stuck(t *testing.T, what string, counter *atomic.Int64) {
	t.Helper()
	last, since := counter.Load(), time.Now()
	testkit.Until(t, what, func() bool {
		if now := counter.Load(); now != last || now == 0 {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
}

// Clients that read nothing of 100 MB: the upstream is held back, memory is bounded, the others notice nothing, and when they do
// read, all of it comes.
func TestSlowReaders(t *testing.T) {
	row := func(name, head string, total int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			const readers = 10
			var sent atomic.Int64
			b := testkit.Serve(t, streaming(&sent, head, total))
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
			before := heapBytes()
			var slow []*testkit.Client
			for range readers {
				c := testkit.Dial(t, p.Addr)
				_ = c.SetReadBuffer(16 << 10)
				c.Send(testkit.Get("/long"))
				slow = append(slow, c)
			}
			stuck(t, "the upstream to be held back", &sent)
			if got := sent.Load(); got > readers*(24<<20) { // the kernel's own buffers on both connections may grow to 14 MiB together
				t.Errorf("sent by the upstream to %d clients that do not read: got %d bytes, want it held back", readers, got)
			}
			// What the kernel holds is not ours; 4 MiB are for the test's own doing.
			if grown := heapBytes() - before; grown > readers*(256<<10)+(4<<20) {
				t.Errorf("memory: grown by %d KiB for %d slow readers, want at most 256 KiB each", grown>>10, readers)
			}
			other := testkit.Dial(t, p.Addr)
			for range 100 {
				other.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			resp, err := slow[0].Head("GET")
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			buf := make([]byte, 1<<20)
			for {
				_ = slow[0].SetReadDeadline(time.Now().Add(testkit.Patience))
				m, err := resp.Body.Read(buf)
				n += int64(m)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("after %d bytes: %v", n, err)
				}
			}
			if n != int64(total) {
				t.Errorf("one that reads at last: got %d bytes, want %d", n, total)
			}
			for _, c := range slow {
				_ = c.SetLinger(0)
				_ = c.Close()
			}
			testkit.Until(t, "the slow readers to be gone", func() bool { return p.Connections() <= 1 })
		})
	}
	row("length", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", longBody), longBody)
	row("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", longBody/2)
	row("until close", "HTTP/1.1 200 OK\r\n\r\n", longBody/2)
}

// An upstream that reads slowly holds its client back, not the gateway's memory.
func TestSlowUpstream(t *testing.T) {
	row := func(name, head, tail string, piece func(block string) string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				if r.URL.Path == "/" {
					testkit.OK("ok")(c, r)
					return
				}
				testkit.Receive(t, "the client to be held back", gate)
				testkit.Echo("stable")(c, r)
			})
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
			before := heapBytes()
			c := testkit.Dial(t, p.Addr)
			var sent atomic.Int64
			done := make(chan error, 1)
			go func() {
				err := c.TrySend(head)
				text := piece(strings.Repeat("0123456789abcdef", 4<<10))
				for n := 0; n < longBody && err == nil; n += 64 << 10 {
					_ = c.SetWriteDeadline(time.Now().Add(2 * testkit.Patience))
					_, err = io.WriteString(c.TCPConn, text)
					sent.Add(64 << 10)
				}
				if err == nil {
					err = c.TrySend(tail)
				}
				done <- err
			}()
			stuck(t, "the client to be held back", &sent)
			if got := sent.Load(); got > longBody/2 {
				t.Errorf("sent by the client to an upstream that does not read: got %d bytes, want it held back", got)
			}
			if grown := heapBytes() - before; grown > 4<<20 {
				t.Errorf("memory: grown by %d MiB", grown>>20)
			}
			testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
			close(gate)
			got := c.Read("POST")
			if err := testkit.Receive(t, "the upload to end", done); err != nil {
				t.Errorf("upload: %v", err)
			}
			if length := got.Header.Get("X-Body-Length"); got.StatusCode != 200 || length != fmt.Sprint(longBody) {
				t.Errorf("got %d and %s bytes, want 200 and %d", got.StatusCode, length, longBody)
			}
		})
	}
	row("length", testkit.Request11("POST", "/long", "", fmt.Sprintf("Content-Length: %d", longBody)), "", func(block string) string { return block })
	row("chunked", testkit.Request11("POST", "/long", "", "Transfer-Encoding: chunked"), "0\r\n\r\n",
		func(block string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(block), block) })
}

// A client that pipelines without end while its first answer is awaited is held back by its own connection; once it is answered, every
// request is, in order.
func TestPipeliningFlood(t *testing.T) {
	const requests = 4_000 // 200 kB
	gate := make(chan struct{})
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/first" {
			testkit.Receive(t, "the flood", gate)
		}
		c.Send(testkit.Answer("200 OK", r.URL.Path))
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Get("/first"))
	var sent atomic.Int64
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < requests && err == nil; i++ {
			err = c.TrySend(testkit.Get(fmt.Sprintf("/%d", i)))
			sent.Add(1)
		}
		done <- err
	}()
	testkit.Until(t, "the connection to leave the loop", func() bool { return p.Counters().Relays > 0 })
	testkit.Do(t, p.Addr, testkit.Get("/other")).WantStatus(t, 200, "")
	close(gate)
	if got := c.Read("GET"); got.Text != "/first" {
		t.Fatalf("first: got %q", got.Text)
	}
	for i := range requests {
		if got, want := c.Read("GET").Text, fmt.Sprintf("/%d", i); got != want {
			t.Fatalf("answer %d: got %q, want %q", i, got, want)
		}
	}
	if err := testkit.Receive(t, "the flood to be sent", done); err != nil {
		t.Errorf("flood: %v", err)
	}
}

// A flood of requests whose answers are not read must stop somewhere: at the kernel's buffers, and 64 KiB here.
func TestFloodWithoutReading(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		c.Send(testkit.Answer("200 OK", strings.Repeat("x", 8_000)))
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	before := heapBytes()
	c := testkit.Dial(t, p.Addr)
	var sent atomic.Int64
	go func() {
		many := strings.Repeat(testkit.Get("/"), 1000)
		for {
			_ = c.SetWriteDeadline(time.Time{})
			if _, err := io.WriteString(c.TCPConn, many); err != nil {
				return
			}
			sent.Add(1000)
		}
	}()
	stuck(t, "the flood to be held back or cut off", &sent)
	if grown := heapBytes() - before; grown > 4<<20 {
		t.Errorf("memory: grown by %d MiB", grown>>20)
	}
	testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
	_ = c.Close()
}

// A client that goes away takes its upstream's work with it, wherever the exchange stands.
func TestClientGone(t *testing.T) {
	row := func(name, request string, backend func(c *testkit.Conn, r *testkit.Request, seen chan<- struct{}) error, reset bool) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			seen, ended := make(chan struct{}, 1), make(chan error, 1)
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				ended <- backend(c, r, seen)
				_ = c.Close()
			})
			log := testkit.NewAccessLog(t)
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, log.YAML()))
			c := testkit.Dial(t, p.Addr)
			c.Send(request)
			testkit.Receive(t, "the upstream to be asked", seen)
			if reset {
				_ = c.SetLinger(0)
			}
			_ = c.Close()
			if err := testkit.Receive(t, "the upstream's connection to end", ended); err == nil {
				t.Errorf("the upstream's connection: got no end")
			} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("the upstream's connection: got open after %v, want closed", testkit.Patience)
			}
			testkit.Until(t, "the client to be gone", func() bool { return p.Connections() == 0 })
			wantLine(t, log.Wait(1)[0], map[string]any{"error": "client_closed"})
		})
	}
	await := func(c *testkit.Conn, r *testkit.Request, seen chan<- struct{}) error {
		seen <- struct{}{}
		return c.WaitEnd()
	}
	flood := func(c *testkit.Conn, r *testkit.Request, seen chan<- struct{}) error {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
		seen <- struct{}{}
		block := strings.Repeat("x", 64<<10)
		for {
			_ = c.SetWriteDeadline(time.Now().Add(testkit.Patience))
			if _, err := io.WriteString(c.TCPConn, block); err != nil {
				return err
			}
		}
	}
	row("while the answer is awaited", testkit.Get("/"), await, false)
	row("while the answer is awaited, reset", testkit.Get("/"), await, true)
	row("in the middle of its body", testkit.Request11("POST", "/", "some", "Content-Length: 1000"), await, false)
	row("in the middle of a long body", testkit.Request11("POST", "/", strings.Repeat("x", 200_000), "Content-Length: 100000000"), await, false)
	row("in the middle of a long body, reset", testkit.Request11("POST", "/", strings.Repeat("x", 200_000), "Content-Length: 100000000"), await, true)
	row("in the middle of chunks", testkit.Request11("POST", "/", "ff\r\nxx", "Transfer-Encoding: chunked"), await, false)
	row("in the middle of a long answer", testkit.Get("/"), flood, false)
	row("in the middle of a long answer, reset", testkit.Get("/"), flood, true)
	row("in the middle of a slow answer", testkit.Get("/"), func(c *testkit.Conn, r *testkit.Request, seen chan<- struct{}) error {
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
		seen <- struct{}{}
		return c.WaitEnd()
	}, false)
}

// A crowd of clients, some slow, some gone, some long, some short: every answer is its own.
func TestCrowd(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = io.Copy(io.Discard, r.Body)
		c.Send(testkit.Answer("200 OK", strings.Repeat(r.URL.Path[1:], n), "X-For: "+r.URL.Path))
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "loops: 2\n"))
	var crowd sync.WaitGroup
	for i := range 24 {
		crowd.Go(func() {
			c := testkit.Dial(t, p.Addr)
			for j := range 30 {
				id := fmt.Sprintf("%02d-%02d", i, j)
				n := []int{1, 10, 1000, 5_000, 50_000}[(i*7+j)%5]
				request := testkit.Get(fmt.Sprintf("/%s?n=%d", id, n))
				if j%3 == 0 {
					request = testkit.Post(fmt.Sprintf("/%s?n=%d", id, n), strings.Repeat("b", n))
				}
				if err := c.TrySend(request); err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				if i%4 == 0 && j%10 == 9 { // gone without reading
					_ = c.Close()
					c = testkit.Dial(t, p.Addr)
					continue
				}
				got, err := c.TryRead("GET")
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				if got.Header.Get("X-For") != "/"+id || got.Text != strings.Repeat(id, n) {
					t.Errorf("%s: got the answer for %s, %d bytes, want %d", id, got.Header.Get("X-For"), len(got.Text), n*len(id))
				}
			}
			_ = c.Close()
		})
	}
	crowd.Wait()
	testkit.Until(t, "everybody to be gone", func() bool { return p.Connections() == 0 })
}
