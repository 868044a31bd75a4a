package trace_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"graygate/internal/testkit"
	"graygate/telemetry/trace"
	"graygate/telemetry/w3c"
)

// kept puts a span that is kept.
func kept(tracer *trace.Tracer) {
	s := tracer.Take()
	s.Head = trace.Head{TraceID: [16]byte{1}, SpanID: [8]byte{1}, Flags: w3c.Sampled}
	s.Start, s.End = began, began
	s.SetTarget([]byte("/"))
	tracer.Put(s)
}

// gone is the address of a collector that is not there.
func gone(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// A collector that is gone costs counts, one line of the log, and nothing else; Close keeps to its deadline.
func TestCollectorGone(t *testing.T) {
	testkit.Leaks(t)
	for _, scheme := range []string{"http", "grpc"} {
		t.Run(scheme, func(t *testing.T) {
			book := &logbook{}
			tracer, err := trace.New(trace.Config{Endpoint: scheme + "://" + gone(t), ServiceName: "g", Timeout: 50 * time.Millisecond}.Hasty(), book.logger())
			if err != nil {
				t.Fatal(err)
			}
			put := uint64(0)
			testkit.Until(t, "spans are lost and dropped", func() bool {
				for range 2 * trace.QueueSpans {
					kept(tracer)
					put++
				}
				s := tracer.Stats()
				return s.Failed >= trace.BatchSpans && s.Dropped > 0
			})
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // there is no time at all
			if err := tracer.Close(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Close, its context done: got %v, want %v", err, context.Canceled)
			}
			testkit.Until(t, "each span is counted once", func() bool {
				s := tracer.Stats()
				return s.Exported == 0 && s.Failed+s.Dropped == put
			})
			kept(tracer)
			if got := tracer.Stats(); got.Failed+got.Dropped != put+1 {
				t.Errorf("one more after Close: got %+v, want %d in all", got, put+1)
			}
			if lines := book.lines(); len(lines) != 1 || !strings.Contains(lines[0], "spans are lost") {
				t.Errorf("the log has %q, want one line", lines)
			}
		})
	}
}

// A collector that takes requests and does not answer fills the queue; Put goes on at once, Close gives up in time, and what waits is
// no more than the stages hold.
func TestCollectorHangs(t *testing.T) {
	testkit.Leaks(t)
	over := func(protocol string, start func(testing.TB) *receiver) {
		t.Run(protocol, func(t *testing.T) {
			r := start(t)
			r.set(func(r *receiver) { r.hold = make(chan struct{}) })
			tracer, err := trace.New(trace.Config{Endpoint: r.endpoint, ServiceName: "g", Timeout: time.Hour}.Hasty(), (&logbook{}).logger())
			if err != nil {
				t.Fatal(err)
			}
			for range trace.BatchSpans {
				kept(tracer)
			}
			testkit.Receive(t, "an export", r.reached)
			const most = trace.QueueSpans + 1 + trace.BatchSpans // in the queue, in the goroutine's hands, before the batch
			put := uint64(trace.BatchSpans)
			testkit.Until(t, "the stages are full", func() bool {
				for range trace.QueueSpans {
					kept(tracer)
					put++
				}
				return tracer.Stats().Dropped > trace.QueueSpans
			})
			if s := tracer.Stats(); put-s.Dropped > trace.BatchSpans+most {
				t.Errorf("%d put, %+v: more waits than %d", put, s, trace.BatchSpans+most)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := tracer.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Close: got %v, want %v", err, context.DeadlineExceeded)
			}
			testkit.Until(t, "each span is counted once", func() bool {
				s := tracer.Stats()
				return s.Exported == 0 && s.Failed+s.Dropped == put
			})
		})
	}
	over("grpc", overGRPC)
	over("http", overHTTP)
}

// A collector that refuses, then takes spans, then takes a part: the counts are exact, and one line is written.
func TestCollectorComesAndGoes(t *testing.T) {
	testkit.Leaks(t)
	over := func(protocol string, start func(testing.TB) *receiver) {
		t.Run(protocol, func(t *testing.T) {
			r := start(t)
			book := &logbook{}
			tracer, err := trace.New(trace.Config{Endpoint: r.endpoint, ServiceName: "g"}.Hasty(), book.logger())
			if err != nil {
				t.Fatal(err)
			}
			var want trace.Stats
			step := func(what string, refuse bool, reject int) {
				t.Helper()
				r.set(func(r *receiver) { r.refuse, r.reject = refuse, int64(reject) })
				const n = 5
				for range n {
					kept(tracer)
				}
				total := want.Exported + want.Failed + n
				testkit.Until(t, what, func() bool { s := tracer.Stats(); return s.Exported+s.Failed == total })
				want.Failed += n
				for len(r.got) > 0 { // in as many batches as they happened to make
					sent := len(batch(t, <-r.got).ScopeSpans[0].Spans)
					taken := uint64(max(sent-reject, 0))
					want.Exported += taken
					want.Failed -= taken
				}
				if got := tracer.Stats(); got != want {
					t.Errorf("%s: got %+v, want %+v", what, got, want)
				}
			}
			step("refused", true, 0)
			step("taken", false, 0)
			step("one of each batch refused", false, 1)
			step("more refused than sent", false, 99)
			if want.Exported < 5 || want.Failed < 11 {
				t.Errorf("counts %+v: the steps did not do what they say", want)
			}
			shut(t, tracer)
			if lines := book.lines(); len(lines) != 1 || !strings.Contains(lines[0], "not these spans") {
				t.Errorf("the log has %q, want one line with what the collector said", lines)
			}
		})
	}
	over("grpc", overGRPC)
	over("http", overHTTP)
}

// Close sends what waits, and ends the connection.
func TestCloseSendsTheRest(t *testing.T) {
	testkit.Leaks(t)
	r := overHTTP(t)
	tracer := open(t, trace.Config{Endpoint: r.endpoint})
	for range 100 {
		kept(tracer)
	}
	shut(t, tracer)
	shut(t, tracer) // the second one has nothing to do
	if got := tracer.Stats(); got != (trace.Stats{Exported: 100}) {
		t.Errorf("got %+v, want 100 exported", got)
	}
	testkit.Until(t, "the connection is closed", func() bool { return r.conns.Load() == 0 })
}

// Over TLS, the collector is who the file of authorities says.
func TestTLS(t *testing.T) {
	testkit.Leaks(t)
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS()
	cert := pair.TLS.Certificates[0]
	ca := filepath.Join(t.TempDir(), "ca.pem")
	err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate().Raw}), 0o600)
	pair.Close()
	if err != nil {
		t.Fatal(err)
	}
	https := func(t testing.TB) *receiver {
		r := newReceiver()
		server := httptest.NewUnstartedServer(r)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		server.Config.ErrorLog = quiet
		server.StartTLS()
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		r.endpoint = server.URL
		return r
	}
	grpcs := func(t testing.TB) *receiver {
		return overGRPCWith(t, "grpcs", grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	}
	over := func(name string, start func(testing.TB) *receiver, file string, want trace.Stats) {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			c := trace.Config{Endpoint: r.endpoint, ServiceName: "g", CAFile: file}
			if want.Failed > 0 {
				c.Timeout = 100 * time.Millisecond // gRPC tries again until then
			}
			tracer, err := trace.New(c.Hasty(), (&logbook{}).logger())
			if err != nil {
				t.Fatal(err)
			}
			kept(tracer)
			shut(t, tracer)
			if got := tracer.Stats(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	over("https", https, ca, trace.Stats{Exported: 1})
	over("https, an unknown authority", https, "", trace.Stats{Failed: 1})
	over("grpcs", grpcs, ca, trace.Stats{Exported: 1})
	over("grpcs, an unknown authority", grpcs, "", trace.Stats{Failed: 1})
}

// The token goes to who the config names, not to where that one points.
func TestRedirectIsNotFollowed(t *testing.T) {
	testkit.Leaks(t)
	other := overHTTP(t)
	r := httptest.NewServer(redirectTo(other.endpoint + "/v1/traces"))
	defer r.Close()
	tracer, err := trace.New(trace.Config{Endpoint: r.URL, ServiceName: "g", Headers: map[string]string{"Authorization": "s3"}}.Hasty(), (&logbook{}).logger())
	if err != nil {
		t.Fatal(err)
	}
	kept(tracer)
	shut(t, tracer)
	if got := tracer.Stats(); got != (trace.Stats{Failed: 1}) || len(other.tokens) != 0 {
		t.Errorf("got %+v, want one failed; the other server got %d requests, want none", got, len(other.tokens))
	}
}
