package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// secureSteady gives a function that makes one request to a backend that is connected to by a version of TLS (0: plain), and
// takes its answer.
func secureSteady(tb testing.TB, version uint16, size int) (once func()) {
	tb.Helper()
	testkit.Leaks(tb)
	answer := []byte(testkit.Answer("200 OK", strings.Repeat("x", size)))
	const end = "\r\n\r\n"
	handle := func(c *testkit.Conn) {
		buf := make([]byte, 4096)
		have := 0
		for {
			var (
				n   int
				err error
			)
			if c.TLS != nil {
				n, err = c.TLS.Read(buf[have:])
			} else {
				n, err = c.TCPConn.Read(buf[have:])
			}
			if err != nil {
				return
			}
			if have += n; have < len(end) || string(buf[have-len(end):have]) != end {
				continue
			}
			have = 0
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
	var config string
	if version == 0 {
		config = testkit.Config(testkit.Pool(testkit.NewBackend(tb, handle)), nil, "")
	} else {
		a := testkit.NewAuthority(tb)
		b := testkit.NewSecureBackend(tb, &testkit.Secure{Config: secureConfig(a, version)}, handle)
		config = trusting(a, "", testkit.Config(testkit.Pool(b), nil, ""))
	}
	p := testkit.Gateway(tb, config)
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	request, got := []byte(testkit.Get("/")), make([]byte, len(answer))
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(answer) {
			tb.Fatalf("got %d bytes, %v, want the answer", len(got), err)
		}
	}
}

// What a request over TLS allocates is tls.Conn's: one small reader (24 bytes) for each time that it looks for a record on the
// wire, here once for the answer. The backend of this test has one more, for the request.
func TestTLSAllocations(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector makes a sync.Pool forget, of which tls.Conn has one")
	}
	eachVersion(t, func(t *testing.T, version uint16) {
		const requests, most = 3000, 2 + 0.05
		once := secureSteady(t, version, 100)
		for range 2000 {
			once()
		}
		var each float64
		for range 5 { // what else goes on in the process can only add
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range requests {
				once()
			}
			runtime.ReadMemStats(&after)
			if each = float64(after.Mallocs-before.Mallocs) / requests; each < most {
				return
			}
		}
		t.Errorf("allocations per request, the backend's included: got %.3f, want less than %.3f", each, most)
	})
}

// BenchmarkTLS measures one request at a time over TLS to the backend, beside plain; client and backend are included.
func BenchmarkTLS(b *testing.B) {
	for _, size := range []int{100, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		for _, v := range []struct {
			name    string
			version uint16
		}{{"plain", 0}, {"1.2", tls.VersionTLS12}, {"1.3", tls.VersionTLS13}} {
			b.Run(fmt.Sprintf("bytes=%d/tls=%s", size, v.name), func(b *testing.B) {
				once := secureSteady(b, v.version, size)
				for range 100 {
					once()
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					once()
				}
			})
		}
	}
}
