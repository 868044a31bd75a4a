package trace_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	otelsdk "go.opentelemetry.io/otel/sdk/trace"

	"graygate/internal/testkit"
	"graygate/telemetry/trace"
	"graygate/telemetry/w3c"
)

// nowhere is an exporter that takes everything at once.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []otelsdk.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                            { return nil }

func idle(t testing.TB, c trace.Config) *trace.Tracer {
	t.Helper()
	c.ServiceName = "g"
	tracer := trace.NewOver(c, nowhere{}, (&logbook{}).logger())
	t.Cleanup(func() { shut(t, tracer) })
	return tracer
}

// low and high are ids whose draws are the least and the most that there can be.
var (
	low  = [16]byte{15: 1}
	high = [16]byte{8: 0xff, 9: 0xff, 10: 0xff, 11: 0xff, 12: 0xff, 13: 0xff, 14: 0xff, 15: 0xff}
)

func TestBegin(t *testing.T) {
	testkit.Leaks(t)
	none, some, all := idle(t, trace.Config{}), idle(t, trace.Config{Sample: 0.5}), idle(t, trace.Config{Sample: 1})
	self, theirs := [8]byte{1}, [8]byte{2}
	check := func(name string, tracer *trace.Tracer, parent *w3c.Traceparent, trusted bool, id [16]byte, want trace.Head) {
		t.Helper()
		var given w3c.Traceparent
		if parent != nil {
			given = *parent
		}
		if got := tracer.Begin(given, parent != nil, trusted, id, self); got != want {
			t.Errorf("%s: parent %+v, trusted %v\n got %+v\nwant %+v", name, parent, trusted, got, want)
		}
	}
	from := func(id [16]byte, flags byte) *w3c.Traceparent {
		return &w3c.Traceparent{TraceID: id, SpanID: theirs, Flags: flags}
	}
	root := func(id [16]byte, flags byte) trace.Head { return trace.Head{TraceID: id, SpanID: self, Flags: flags} }
	child := func(id [16]byte, kind trace.Parent, flags byte) trace.Head {
		return trace.Head{TraceID: id, SpanID: self, Parent: theirs, From: kind, Flags: flags}
	}
	check("root, none", none, nil, true, low, root(low, w3c.Random))
	check("root, half, a low id", some, nil, true, low, root(low, w3c.Random|w3c.Sampled))
	check("root, half, a high id", some, nil, true, high, root(high, w3c.Random))
	check("root, all", all, nil, false, high, root(high, w3c.Random|w3c.Sampled))
	check("root, off", nil, nil, false, low, root(low, w3c.Random))
	check("a believed peer records", none, from(high, w3c.Sampled), true, low, child(high, trace.Recorded, w3c.Sampled))
	check("a believed peer records, off", nil, from(high, 0xff), true, low, child(high, trace.Recorded, w3c.Sampled|w3c.Random))
	check("a believed peer does not", all, from(low, 0xfe), true, high, child(low, trace.Discarded, w3c.Random))
	check("a stranger records", none, from(low, w3c.Sampled), false, high, child(low, trace.Stranger, 0))
	check("a stranger records, off", nil, from(low, w3c.Sampled), false, high, child(low, trace.Stranger, 0))
	check("a stranger, all", all, from(high, 0), false, low, child(high, trace.Stranger, w3c.Sampled))
	if want := (w3c.Traceparent{TraceID: low, SpanID: self, Flags: 3}); new(root(low, 3)).Traceparent() != want {
		t.Errorf("traceparent: got %+v, want %+v", new(root(low, 3)).Traceparent(), want)
	}
}

func TestReasons(t *testing.T) {
	testkit.Leaks(t)
	on := idle(t, trace.Config{Errors: true, Gray: 0.5})
	off := idle(t, trace.Config{})
	check := func(name string, tracer *trace.Tracer, h trace.Head, gray, failed bool, want string) {
		t.Helper()
		if got := tracer.Reason(h, gray, failed); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if got := tracer.Wants(h.TraceID, h.From, h.Flags&w3c.Sampled != 0, gray, failed); got != (want != "") {
			t.Errorf("%s: wants %v", name, got)
		}
	}
	cold, hot := trace.Head{TraceID: high}, trace.Head{TraceID: low}
	head := trace.Head{TraceID: high, From: trace.Recorded, Flags: w3c.Sampled}
	dropped := trace.Head{TraceID: low, From: trace.Discarded}
	check("nothing", on, cold, false, false, "")
	check("the head", on, head, true, true, "head")
	check("the head, all else off", off, head, false, false, "head")
	check("an error", on, cold, false, true, "error")
	check("an error, off", off, cold, true, true, "")
	check("gray", on, hot, true, false, "gray")
	check("gray beyond its share", on, cold, true, false, "")
	check("stable within gray's share", on, hot, false, false, "")
	check("an error that the peer does not record", on, dropped, false, true, "error")
	check("gray that the peer does not record", on, dropped, true, false, "gray")
	check("tracing is off", nil, head, true, true, "")
}

// A share is kept, it is the SDK's choice for ids that are ours, and a stranger cannot choose its ids to fit.
func TestShares(t *testing.T) {
	testkit.Leaks(t)
	const n, share = 100_000, 0.1
	tracer := idle(t, trace.Config{Sample: share})
	theirs := otelsdk.TraceIDRatioBased(share)
	random := rand.New(rand.NewPCG(1, 2))
	own, chosen := 0, 0
	for range n {
		var id [16]byte
		binary.BigEndian.PutUint64(id[:8], random.Uint64())
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		got := tracer.Sample(id, trace.Root)
		if want := theirs.ShouldSample(otelsdk.SamplingParameters{TraceID: id}).Decision == otelsdk.RecordAndSample; got != want {
			t.Fatalf("id %x: got %v, the SDK has %v", id, got, want)
		}
		if got {
			own++
		}
		clear(id[8:]) // what every ratio by the id takes
		if tracer.Sample(id, trace.Stranger) {
			chosen++
		}
	}
	// Five standard deviations: once in three million runs for the strangers, whose key is random.
	for what, got := range map[string]int{"own ids": own, "chosen ids": chosen} {
		if got < 10_000-475 || got > 10_000+475 {
			t.Errorf("%s: %d of %d, want 10,000 ± 475", what, got, n)
		}
	}
}

func TestSecretsAreNotRecorded(t *testing.T) {
	row := func(target, path, query string) {
		t.Helper()
		p, q := trace.SplitTarget(target)
		if q = trace.Redact(q); p != path || q != query {
			t.Errorf("%q\n got %q, %q\nwant %q, %q", target, p, q, path, query)
		}
	}
	row("/a?b=c", "/a", "b=c")
	row("/a?", "/a", "")
	row("/a?x?token=1", "/a", "x?token=1")
	row("/a?TOKEN=1&sig=&key&b==&&access_token=a=b", "/a", "TOKEN=REDACTED&sig=&key&b==&&access_token=REDACTED")
	row("http://user:pw@h/a?b", "/a", "b")
	row("http://user:pw@h", "/", "")
	row("http://user:pw@h?b", "/", "b")
	row("*", "*", "")
	row("h:443", "h:443", "")
	row("/http://x", "/http://x", "")
}

func TestHosts(t *testing.T) {
	row := func(authority, host string, port int) {
		t.Helper()
		if h, p := trace.SplitHost(authority); h != host || p != port {
			t.Errorf("%q: got %q, %d, want %q, %d", authority, h, p, host, port)
		}
	}
	row("h", "h", 0)
	row("h:80", "h", 80)
	row("[::1]", "::1", 0)
	row("[::1]:8080", "::1", 8080)
	row("::1", "::1", 0)
	row("h:", "h", 0)
	row("h:x", "h", 0)
	row("h:65536", "h", 0)
	row("", "", 0)
}

func TestConfigErrors(t *testing.T) {
	row := func(name string, c trace.Config, want string) {
		t.Helper()
		if c.ServiceName == "" {
			c.ServiceName = "g"
		}
		_, err := trace.New(c, (&logbook{}).logger())
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", name, err, want)
		}
	}
	const fix = "write http://HOST:PORT, https://HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT"
	row("nothing", trace.Config{}, `tracing: endpoint "": the scheme is none of OTLP's: `+fix)
	row("no scheme", trace.Config{Endpoint: "localhost:4317"}, `tracing: endpoint "localhost:4317": the scheme is none of OTLP's: `+fix)
	row("no port", trace.Config{Endpoint: "http://h"}, `tracing: endpoint "http://h": host or port is missing: `+fix+"; collectors listen at 4318 for HTTP and at 4317 for gRPC")
	row("no host", trace.Config{Endpoint: "grpc://:4317"}, `tracing: endpoint "grpc://:4317": host or port is missing: `+fix+"; collectors listen at 4318 for HTTP and at 4317 for gRPC")
	row("a password", trace.Config{Endpoint: "http://u:secret@h:1"}, "tracing: endpoint has a user's name or password in it: send what the collector asks for as a header")
	row("a password in what is no URL", trace.Config{Endpoint: "http://u:secret@h:x y"}, "tracing: endpoint is no URL: "+fix)
	row("a path of gRPC", trace.Config{Endpoint: "grpc://h:1/v1"}, `tracing: endpoint "grpc://h:1/v1": gRPC has no path: leave it out`)
	row("a query", trace.Config{Endpoint: "http://h:1/?a"}, `tracing: endpoint "http://h:1/?a": there is something behind the path: `+fix)
	row("shares and time-out", trace.Config{Endpoint: "http://h:1", Sample: 1.5, Gray: -1, Timeout: -1}, "tracing: sample is 1.5: a share is 0 to 1\n"+
		"gray is -1: a share is 0 to 1\ntimeout is -1ns: an export needs some time; leave it out for 5s")
	row("no such file", trace.Config{Endpoint: "https://h:1", CAFile: "testdata/none.pem"}, "tracing: ca_file: open testdata/none.pem: no such file or directory")
	row("no certificate", trace.Config{Endpoint: "grpcs://h:1", CAFile: "limits.go"},
		"tracing: ca_file limits.go: no certificate in it: it has to be PEM, beginning with -----BEGIN CERTIFICATE-----")
}

// fillSpan is what a gateway does with a record.
func fillSpan(s *trace.Span, h trace.Head, texts *[6][]byte) {
	s.Head, s.Start, s.End = h, began, began.Add(time.Millisecond)
	s.Route, s.Path, s.Rule, s.Tag, s.Pool, s.Upstream, s.Client, s.Scheme, s.Status = "shop", "/cart", "tagged", "gray", "gray", "192.0.2.1:80", "198.51.100.7", "http", 200
	s.Gray, s.Decided = true, true
	s.SetMethod(texts[0])
	s.SetTarget(texts[1])
	s.SetHost(texts[2])
	s.SetAgent(texts[3])
	s.SetTracestate(texts[4])
	s.SetExperiments(texts[5])
	s.Retry(began, "192.0.2.9:80", "connect_refused")
}

var someTexts = [6][]byte{[]byte("GET"), []byte("/cart/1?x=1"), []byte("shop.example.com"), []byte("Mozilla/5.0 (X11; Linux x86_64)"), []byte("congo=t61"), []byte("search=B")}

func TestRecordsAreUsedAgain(t *testing.T) {
	testkit.Leaks(t)
	tracer := idle(t, trace.Config{Errors: true})
	for _, h := range []trace.Head{{}, {Flags: w3c.Sampled}} {
		s := tracer.Take()
		fillSpan(s, h, &someTexts)
		tracer.Put(s)
	}
	testkit.Until(t, "the kept one is exported", func() bool { return tracer.Stats().Exported == 1 })
	if testkit.Race {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	cold := trace.Head{TraceID: high}
	if n := testing.AllocsPerRun(1000, func() {
		s := tracer.Take()
		h := tracer.Begin(w3c.Traceparent{TraceID: high, SpanID: [8]byte{1}}, true, false, low, [8]byte{2})
		fillSpan(s, h, &someTexts)
		s.Head = cold
		tracer.Put(s)
	}); n != 0 {
		t.Errorf("a record that is not kept: got %v allocations, want 0", n)
	}
}

// From many goroutines, with a reader of the counts: each span is counted once. For the race detector above all.
func TestPutFromEverywhere(t *testing.T) {
	testkit.Leaks(t)
	tracer := trace.NewOver(trace.Config{ServiceName: "g"}, nowhere{}, (&logbook{}).logger())
	const goroutines, each = 8, 2000
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for i := range each {
				s := tracer.Take()
				fillSpan(s, trace.Head{TraceID: low, Flags: byte(i) & w3c.Sampled}, &someTexts)
				tracer.Put(s)
				_ = tracer.Stats()
			}
		})
	}
	all.Wait()
	shut(t, tracer)
	if s := tracer.Stats(); s.Failed != 0 || s.Exported+s.Dropped != goroutines*each/2 {
		t.Errorf("got %+v, want %d in all", s, goroutines*each/2)
	}
}

func TestPutTwiceIsABug(t *testing.T) {
	tracer := trace.NewOver(trace.Config{ServiceName: "g"}, nowhere{}, (&logbook{}).logger())
	defer shut(t, tracer)
	s := tracer.Take()
	tracer.Put(s)
	defer func() {
		if r, is := recover().(string); !is || !strings.HasPrefix(r, "BUG: ") {
			t.Errorf("got %v, want a BUG", r)
		}
	}()
	tracer.Put(s)
}

// stuck is an exporter that takes nothing until the test is over.
type stuck struct{ end chan struct{} }

func (s stuck) ExportSpans(context.Context, []otelsdk.ReadOnlySpan) error { <-s.end; return nil }
func (s stuck) Shutdown(context.Context) error                            { return nil }

// full gives a tracer whose stages are all full.
func full(t testing.TB) *trace.Tracer {
	t.Helper()
	s := stuck{make(chan struct{})}
	tracer := trace.NewOver(trace.Config{ServiceName: "g"}, s, (&logbook{}).logger())
	t.Cleanup(func() {
		close(s.end)
		shut(t, tracer)
	})
	testkit.Until(t, "the stages are full", func() bool {
		for range trace.QueueSpans {
			kept(tracer)
		}
		return tracer.Stats().Dropped > 4*trace.QueueSpans
	})
	return tracer
}

func TestDroppingAllocatesNothing(t *testing.T) {
	testkit.Leaks(t)
	if testkit.Race {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	tracer := full(t)
	before := tracer.Stats().Dropped
	if n := testing.AllocsPerRun(1000, func() {
		s := tracer.Take()
		fillSpan(s, trace.Head{TraceID: low, Flags: w3c.Sampled}, &someTexts)
		tracer.Put(s)
	}); n != 0 {
		t.Errorf("a span that is dropped: got %v allocations, want 0", n)
	}
	if got := tracer.Stats().Dropped - before; got != 1001 {
		t.Errorf("got %d dropped, want each of 1,001", got)
	}
}
