package trace_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	otelsdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"graygate/telemetry/trace"
	"graygate/telemetry/w3c"
)

// BenchmarkRequest is what tracing costs a request: in what serves it (ns/op), and in all goroutines (cpu-ns/op).
func BenchmarkRequest(b *testing.B) {
	request := func(name string, tracer func(testing.TB) *trace.Tracer, h trace.Head) {
		b.Run("case="+name, func(b *testing.B) {
			t := tracer(b)
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				s := t.Take()
				fillSpan(s, h, &someTexts)
				t.Put(s)
			}
			b.ReportMetric(float64(cpu(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
	off := func(b testing.TB) *trace.Tracer { return idle(b, trace.Config{Errors: true}) }
	request("not_kept", off, trace.Head{TraceID: high})
	request("dropped", full, trace.Head{TraceID: low, Flags: w3c.Sampled})
	b.Run("case=head", func(b *testing.B) { // without a record at all: decide at the head, and at the end that nothing is wanted
		t := off(b)
		parent := w3c.Traceparent{TraceID: high, SpanID: [8]byte{1}}
		b.ReportAllocs()
		for b.Loop() {
			h := t.Begin(parent, true, false, low, [8]byte{2})
			if t.Wants(h.TraceID, h.From, false, false, false) {
				b.Fatal("it is wanted")
			}
		}
	})
}

// BenchmarkKept is what a span costs that is kept: to the batch (case=sdk), and all the way to a collector that reads and throws
// away (the others), which is in the same process. Nothing is dropped: whoever puts waits for the queue.
func BenchmarkKept(b *testing.B) {
	run := func(name string, start func(b *testing.B, room chan struct{}) *trace.Tracer) {
		b.Run("case="+name, func(b *testing.B) {
			room := make(chan struct{}, trace.QueueSpans)
			t := start(b, room)
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				room <- struct{}{}
				s := t.Take()
				fillSpan(s, trace.Head{TraceID: low, SpanID: [8]byte{1}, Flags: w3c.Sampled}, &someTexts)
				t.Put(s)
			}
			shut(b, t)
			if s := t.Stats(); s.Dropped+s.Failed > 0 || s.Exported < uint64(b.N) {
				b.Fatalf("%d put: got %+v", b.N, s)
			}
			b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
	run("sdk", func(_ *testing.B, room chan struct{}) *trace.Tracer {
		return trace.NewOver(trace.Config{ServiceName: "g"}, drain{nowhere{}, room}, (&logbook{}).logger())
	})
	run("http", func(b *testing.B, room chan struct{}) *trace.Tracer {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		b.Cleanup(server.Close)
		return overOTLP(b, server.URL, room)
	})
	run("grpc", func(b *testing.B, room chan struct{}) *trace.Tracer {
		return overOTLP(b, overGRPCWith(b, "grpc", grpc.ForceServerCodecV2(unread{})).endpoint, room)
	})
}

func overOTLP(b *testing.B, endpoint string, room chan struct{}) *trace.Tracer {
	b.Helper()
	to, err := trace.OTLP(trace.Config{Endpoint: endpoint})
	if err != nil {
		b.Fatal(err)
	}
	return trace.NewOver(trace.Config{ServiceName: "g"}, drain{to, room}, (&logbook{}).logger())
}

// drain makes room for as many spans as were exported.
type drain struct {
	otelsdk.SpanExporter
	room chan struct{}
}

func (d drain) ExportSpans(ctx context.Context, batch []otelsdk.ReadOnlySpan) error {
	err := d.SpanExporter.ExportSpans(ctx, batch)
	for range batch {
		<-d.room
	}
	return err
}

// unread is a codec of a server that does not decode.
type unread struct{}

func (unread) Marshal(any) (mem.BufferSlice, error) { return nil, nil }
func (unread) Unmarshal(mem.BufferSlice, any) error { return nil }
func (unread) Name() string                         { return "proto" }

// cpu is the CPU time that the process has used, in nanoseconds.
func cpu(t testing.TB) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
