package admin_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"graygate/admin"
	"graygate/internal/testkit"
)

// The page of metrics is written as it is made, whatever its size; nobody else's is held up by a client that does not read.
func TestMetricsPage(t *testing.T) {
	line := strings.Repeat("x", 1023) + "\n"
	d := bareDesk(t, admin.Settings{}, func(s *admin.Server) {
		s.SetMetrics(func(w io.Writer) {
			for range 8 << 10 {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		})
	})
	r := d.get("/metrics")
	if r.StatusCode != 200 || len(r.Text) != 8<<20 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("got %d, %d bytes, %v", r.StatusCode, len(r.Text), r.Header)
	}
	for range 3 {
		deaf := testkit.Dial(t, d.address)
		deaf.Send(text("GET", "/metrics", ""))
		if _, err := deaf.Head("GET"); err != nil {
			t.Fatal(err)
		}
	}
	if r := d.get("/metrics"); len(r.Text) != 8<<20 {
		t.Errorf("beside three that do not read: got %d, %d bytes", r.StatusCode, len(r.Text))
	}
	none := bareDesk(t, admin.Settings{}, nil)
	failed(t, "without metrics", none.get("/metrics"), 404, "no_metrics")
}

// metricsDesk serves what write writes as its page of metrics.
func metricsDesk(t testing.TB, write func(io.Writer)) *desk {
	return bareDesk(t, admin.Settings{}, func(s *admin.Server) { s.SetMetrics(write) })
}

// chunks are the sizes of those of an answer, in order, the last of 0 bytes too if it is there.
func chunks(t *testing.T, answer string) (sizes []int) {
	t.Helper()
	head, rest, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.Contains(head, "\r\nTransfer-Encoding: chunked") {
		t.Fatalf("got the head %s", head)
	}
	for rest != "" {
		size, after, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil || len(after) < int(n)+2 {
			t.Fatalf("after chunks of %v bytes: got %.40q, %v", sizes, rest, err)
		}
		sizes, rest = append(sizes, int(n)), after[n+2:]
	}
	return sizes
}

// Each piece of the page is sent as it comes, in a chunk of its own: nothing cuts it up, nothing waits for another.
func TestPiecesOfMetrics(t *testing.T) {
	next := make(chan int)
	d := metricsDesk(t, func(w io.Writer) {
		for n := range next {
			if _, err := io.WriteString(w, strings.Repeat("x", n)); err != nil {
				t.Error(err)
			}
		}
	})
	c := testkit.Dial(t, d.address)
	c.Send(text("GET", "/metrics", "", "Connection: close"))
	pieces := []int{1, 64 << 10, 100, 71 << 10, 200 << 10, 64 << 10}
	next <- pieces[0]
	r, err := c.Head("GET")
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range pieces {
		if i > 0 {
			next <- n
		}
		if _, err := io.ReadFull(r.Body, make([]byte, n)); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	close(next)
	if rest, err := io.ReadAll(r.Body); err != nil || len(rest) > 0 {
		t.Errorf("after the last one: got %q, %v", rest, err)
	}

	whole := metricsDesk(t, func(w io.Writer) {
		for _, n := range pieces {
			_, _ = io.WriteString(w, strings.Repeat("x", n))
		}
	})
	c = testkit.Dial(t, whole.address)
	c.Send(text("GET", "/metrics", "", "Connection: close"))
	answer, err := c.ReadAll()
	if got := chunks(t, answer); err != nil || !slices.Equal(got, append(pieces, 0)) {
		t.Errorf("got chunks of %d bytes, %v, want %d and 0", got, err, pieces)
	}
}

// What comes over the wire is what the registry wrote, and Prometheus can read it; on one connection again and again.
func TestMetricsOverTheWire(t *testing.T) {
	r := metersOf(t, 100, 5)
	d := metricsDesk(t, func(w io.Writer) { r.Set().WritePrometheus(w) }) // without the process, whose figures change
	var want strings.Builder
	r.Set().WritePrometheus(&want)
	c := testkit.Dial(t, d.address)
	for i := range 3 {
		got := c.Do(text("GET", "/metrics", ""))
		if got.StatusCode != 200 || got.Text != want.String() {
			t.Fatalf("scrape %d: got %d, %d bytes, want %d", i, got.StatusCode, len(got.Text), want.Len())
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(got.Text))
		if n := len(families["graygate_request_duration_seconds"].GetMetric()); err != nil || n != 600 {
			t.Fatalf("scrape %d: got %d histograms, %v, want 600", i, n, err)
		}
	}
	if h := c.Do(text("HEAD", "/metrics", "")); h.StatusCode != 200 || h.Text != "" {
		t.Errorf("HEAD: got %d %q", h.StatusCode, h.Text)
	}
}

// far makes connections look as if they came from another machine.
type far struct{ net.Listener }

type farConn struct{ net.Conn }

func (l far) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return farConn{c}, err
}

func (farConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9901} }

// The page is packed for other machines that say that they can unpack it, and for nobody else.
func TestPackedMetrics(t *testing.T) {
	var want strings.Builder
	write := func(w io.Writer) {
		for i := range 100_000 {
			if _, err := fmt.Fprintf(w, "graygate_requests_total{i=\"%d\"} %d\n", i%100, i*7919); err != nil {
				return
			}
		}
	}
	write(&want)
	row := func(what string, outside bool, accept, encoding string) {
		t.Helper()
		s := admin.New(slog.New(slog.DiscardHandler), "test", "test.yaml")
		t.Cleanup(s.Close)
		s.SetMetrics(write)
		socket, err := net.Listen("tcp", testkit.Listen)
		if err != nil {
			t.Fatal(err)
		}
		address := socket.Addr().String()
		host := address
		if outside {
			socket, host = far{socket}, "192.0.2.1:9901"
		}
		if err := s.Listen(admin.Settings{Address: address}, socket); err != nil {
			t.Fatal(err)
		}
		c := testkit.Dial(t, address)
		for range 2 { // the second time with a packer that was used
			c.Send("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\nAccept-Encoding: " + accept + "\r\n\r\n")
			r, err := c.Head("GET")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != 200 || r.Header.Get("Content-Encoding") != encoding || r.Header.Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%s: got %d, %v, %v", what, r.StatusCode, r.Header, err)
			}
			if encoding != "" {
				if len(body) > want.Len()/4 {
					t.Errorf("%s: %d bytes of %d are left", what, len(body), want.Len())
				}
				unpack, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(unpack); err != nil {
					t.Fatal(err)
				}
			}
			if string(body) != want.String() {
				t.Errorf("%s: got another page, of %d bytes", what, len(body))
			}
		}
	}
	row("another machine that can", true, "zstd;q=0.9, gzip;q=0.5", "gzip")
	row("another machine that cannot", true, "identity", "")
	row("another machine that will not", true, "gzip;q=0", "")
	row("this machine", false, "gzip", "")
}

// So many pages are written at once and no more; whoever goes in the middle leaves the place to others.
func TestPlacesOfScrapes(t *testing.T) {
	piece := strings.Repeat("x", 64<<10)
	endless := func(w io.Writer) {
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
	d := metricsDesk(t, endless)
	ask := func() (*testkit.Client, *testkit.Response) {
		c := testkit.Dial(t, d.address)
		c.Send(text("GET", "/metrics", ""))
		r, err := c.Head("GET")
		if err != nil {
			t.Fatal(err)
		}
		return c, r
	}
	for range 2 { // the second time the places are those of clients who have gone
		var clients []*testkit.Client
		testkit.Until(t, "all places are taken", func() bool {
			if c, r := ask(); r.StatusCode == 200 {
				clients = append(clients, c)
			}
			return len(clients) == 4
		})
		_, r := ask()
		body, _ := io.ReadAll(r.Body)
		r.Text = string(body)
		failed(t, "one too many", r, 503, "busy")
		for _, c := range clients {
			_ = c.Close()
		}
	}
}

// A bug that shows in the middle of a page costs that page, and nobody takes what came of it for a whole one.
func TestBugInMetrics(t *testing.T) {
	testkit.Leaks(t)
	said := &testkit.Said{}
	s := admin.New(slog.New(slog.NewTextHandler(said, nil)), "test", "test.yaml")
	defer s.Close()
	s.SetMetrics(func(w io.Writer) {
		fmt.Fprintln(w, "a 1")
		panic("a counter that is none")
	})
	socket, err := net.Listen("tcp", testkit.Listen)
	if err != nil {
		t.Fatal(err)
	}
	address := socket.Addr().String()
	if err := s.Listen(admin.Settings{Address: address}, socket); err != nil {
		t.Fatal(err)
	}
	for i := range 10 { // more often than there are places
		c := testkit.Dial(t, address)
		c.Send(text("GET", "/metrics", ""))
		answer, _ := c.ReadAll()
		if !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.HasSuffix(answer, "\r\n4\r\na 1\n\r\n") {
			t.Fatalf("page %d: got %q, want it to end after its first chunk", i, answer)
		}
	}
	if got := said.String(); !strings.Contains(got, "BUG: admin: metrics") || !strings.Contains(got, "a counter that is none") {
		t.Errorf("the log: got %s", got)
	}
}

// A page of 1,000 routes of 5 rules, over a connection whose client throws it away.
func BenchmarkMetrics(b *testing.B) {
	r := metersOf(b, 1000, 5)
	request := text("GET", "/metrics", "")
	var c *testkit.Client
	ask := func() (status int, size int64) {
		c.Send(request)
		answer, err := c.Head("GET")
		if err == nil {
			size, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, room)
		}
		if err != nil {
			b.Fatal(err)
		}
		return answer.StatusCode, size
	}
	var size int64
	begin := func() { c = testkit.Dial(b, metricsDesk(b, r.Write).address) }
	begin()
	b.ReportAllocs()
	for b.Loop() {
		status, n := ask()
		for status == 429 { // the allowance is used up: another server has one of its own
			b.StopTimer()
			begin()
			b.StartTimer()
			status, n = ask()
		}
		size = n
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}

// room is what the client of a benchmark reads into.
var room = make([]byte, 256<<10)
