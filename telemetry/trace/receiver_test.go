package trace_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"graygate/internal/testkit"
	"graygate/telemetry/trace"
)

// receiver is an OTLP collector, over gRPC or HTTP, that keeps what it gets.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	endpoint string
	got      chan *collector.ExportTraceServiceRequest
	tokens   chan string  // the header "authorization" of each
	conns    atomic.Int64 // open, over HTTP

	mu      sync.Mutex
	refuse  bool          // answer with what is no transient failure
	reject  int64         // of each request's spans
	reached chan struct{} // a request came that is held by hold
	hold    chan struct{}
}

func newReceiver() *receiver {
	return &receiver{got: make(chan *collector.ExportTraceServiceRequest, 64), tokens: make(chan string, 64), reached: make(chan struct{}, 64)}
}

func (r *receiver) set(change func(r *receiver)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// take is what a collector does with a request, whichever way it came; false: it refuses.
func (r *receiver) take(ctx context.Context, request *collector.ExportTraceServiceRequest, token string) (*collector.ExportTraceServiceResponse, bool) {
	r.mu.Lock()
	hold, refuse, reject := r.hold, r.refuse, r.reject
	r.mu.Unlock()
	if hold != nil {
		r.reached <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, false
		}
	}
	if refuse {
		return nil, false
	}
	select {
	case r.got <- request:
		r.tokens <- token
	default: // a benchmark, which does not look
	}
	answer := &collector.ExportTraceServiceResponse{}
	if reject > 0 {
		answer.PartialSuccess = &collector.ExportTracePartialSuccess{RejectedSpans: reject, ErrorMessage: "too old"}
	}
	return answer, true
}

// Export makes the receiver a server of OTLP over gRPC.
func (r *receiver) Export(ctx context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	answer, ok := r.take(ctx, request, strings.Join(md.Get("authorization"), ","))
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "not these spans")
	}
	return answer, nil
}

// ServeHTTP makes it one of OTLP over HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	in := &collector.ExportTraceServiceRequest{}
	if err != nil || request.Method != "POST" || request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, in) != nil {
		http.Error(w, "this is no OTLP", http.StatusBadRequest)
		return
	}
	answer, ok := r.take(request.Context(), in, request.Header.Get("Authorization"))
	if !ok {
		http.Error(w, "not these spans", http.StatusBadRequest)
		return
	}
	out, err := proto.Marshal(answer)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

// overGRPC and overHTTP start a receiver that ends with the test.
func overGRPC(t testing.TB) *receiver { return overGRPCWith(t, "grpc") }

func overGRPCWith(t testing.TB, scheme string, options ...grpc.ServerOption) *receiver {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver()
	server := grpc.NewServer(options...)
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(server.Stop)
	r.endpoint = scheme + "://" + ln.Addr().String()
	return r
}

func overHTTP(t testing.TB) *receiver {
	t.Helper()
	r := newReceiver()
	server := httptest.NewUnstartedServer(r)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			r.conns.Add(1)
		case http.StateClosed:
			r.conns.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.endpoint = server.URL
	return r
}

// batch is the one group of spans that a request has.
func batch(t testing.TB, request *collector.ExportTraceServiceRequest) *spans.ResourceSpans {
	t.Helper()
	if len(request.ResourceSpans) != 1 || len(request.ResourceSpans[0].ScopeSpans) != 1 {
		t.Fatalf("got %d resources, want one with one scope: %v", len(request.ResourceSpans), request)
	}
	return request.ResourceSpans[0]
}

// logbook is a log that a test reads.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// open starts a tracer that is closed with the test, and whose log has to be empty then.
func open(t testing.TB, c trace.Config) *trace.Tracer {
	t.Helper()
	book := &logbook{}
	if c.ServiceName == "" {
		c.ServiceName = "graygate"
	}
	tracer, err := trace.New(c.Hasty(), book.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		shut(t, tracer)
		if lines := book.lines(); len(lines[0]) > 0 {
			t.Errorf("the log has %q, want nothing", lines)
		}
	})
	return tracer
}

// shut closes a tracer, for which there is time enough.
func shut(t testing.TB, tracer *trace.Tracer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := tracer.Close(ctx); err != nil {
		t.Error(err)
	}
}

var began = time.Unix(1700000000, 123456789).UTC()

// quiet is for servers whose clients are made to break off.
var quiet = log.New(io.Discard, "", 0)

// redirectTo sends every request elsewhere, to be made again as it was.
func redirectTo(url string) http.Handler {
	return http.RedirectHandler(url, http.StatusTemporaryRedirect)
}
