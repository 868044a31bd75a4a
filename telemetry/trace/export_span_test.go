package trace_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"graygate/internal/testkit"
	"graygate/telemetry/trace"
	"graygate/telemetry/w3c"
)

const schema = "https://opentelemetry.io/schemas/1.43.0"

// attrs makes attributes of pairs.
func attrs(pairs ...any) []*common.KeyValue {
	var all []*common.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		value := &common.AnyValue{}
		switch v := pairs[i+1].(type) {
		case string:
			value.Value = &common.AnyValue_StringValue{StringValue: v}
		case int:
			value.Value = &common.AnyValue_IntValue{IntValue: int64(v)}
		case bool:
			value.Value = &common.AnyValue_BoolValue{BoolValue: v}
		default:
			panic(fmt.Sprintf("BUG: attribute %v", v))
		}
		all = append(all, &common.KeyValue{Key: pairs[i].(string), Value: value})
	}
	return all
}

// TestSpans sends records and compares the whole of what a collector gets, over gRPC and HTTP: the second time by records
// that were used before.
func TestSpans(t *testing.T) {
	testkit.Leaks(t)
	over := func(protocol string, start func(testing.TB) *receiver) {
		t.Run(protocol, func(t *testing.T) {
			r := start(t)
			tracer := open(t, trace.Config{Endpoint: r.endpoint, Headers: map[string]string{"authorization": "Bearer s3"}, ServiceVersion: "1.2.3", Errors: true})
			for range 2 {
				for _, row := range rows() {
					s := tracer.Take()
					row.fill(s)
					tracer.Put(s)
				}
				var got []*spans.Span
				for len(got) < len(rows()) {
					b := batch(t, testkit.Receive(t, "spans", r.got))
					if token := testkit.Receive(t, "token", r.tokens); token != "Bearer s3" {
						t.Errorf("token %q", token)
					}
					want := &spans.ResourceSpans{
						Resource:   &resource.Resource{Attributes: attrs("service.name", "graygate", "service.version", "1.2.3")},
						SchemaUrl:  schema,
						ScopeSpans: []*spans.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "graygate"}, SchemaUrl: schema, Spans: b.ScopeSpans[0].Spans}},
					}
					compare(t, "the batch", b, want)
					got = append(got, b.ScopeSpans[0].Spans...)
				}
				for i, row := range rows() {
					compare(t, row.name, got[i], row.want)
				}
			}
			n := uint64(2 * len(rows()))
			testkit.Until(t, "all counted", func() bool { return tracer.Stats() == trace.Stats{Exported: n} })
		})
	}
	over("grpc", overGRPC)
	over("http", overHTTP)
}

func compare(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s\n got %s\nwant %s", what, protojson.Format(got), protojson.Format(want))
	}
}

type row struct {
	name string
	fill func(s *trace.Span)
	want *spans.Span
}

func rows() []row {
	at := func(d time.Duration) uint64 { return uint64(began.Add(d).UnixNano()) }
	id, self, parent := [16]byte{0xab, 15: 1}, [8]byte{0xcd, 7: 2}, [8]byte{0xef, 7: 3}
	const remote, known, sampled, random = 0x200, 0x100, 1, 2
	return []row{{
		"everything, failed, from a peer that records",
		func(s *trace.Span) {
			s.Head = trace.Head{TraceID: id, SpanID: self, Parent: parent, From: trace.Recorded, Flags: w3c.Sampled | w3c.Random}
			s.Start, s.End = began, began.Add(1500*time.Microsecond)
			s.Route, s.Path, s.Rule, s.Tag = "shop", "/cart", "tagged", "stable"
			s.Gray, s.Decided, s.Fallback = true, true, true
			s.Pool, s.Upstream, s.Version = "stable", "192.0.2.1:80", "v2"
			s.Client, s.Scheme, s.Minor, s.Status, s.Fault = "198.51.100.7", "http", 1, 502, "upstream_closed"
			s.SetMethod([]byte("GET"))
			s.SetTarget([]byte("/cart/1?sig=abc&x=%20&empty=&flag"))
			s.SetHost([]byte("shop.example.com:8080"))
			s.SetAgent([]byte("curl/8"))
			s.SetTracestate([]byte("congo=t61,rojo=00f"))
			s.SetExperiments([]byte("search=B"))
			s.Retry(began.Add(time.Millisecond), "192.0.2.9:80", "connect_refused")
		},
		&spans.Span{
			TraceId: id[:], SpanId: self[:], ParentSpanId: parent[:], TraceState: "congo=t61,rojo=00f", Flags: known | remote | sampled | random,
			Name: "GET /cart", Kind: spans.Span_SPAN_KIND_SERVER, StartTimeUnixNano: at(0), EndTimeUnixNano: at(1500 * time.Microsecond),
			Attributes: attrs("http.request.method", "GET", "url.scheme", "http", "url.path", "/cart/1", "url.query", "sig=REDACTED&x=%20&empty=&flag",
				"http.route", "/cart", "http.response.status_code", 502, "server.address", "shop.example.com", "server.port", 8080,
				"client.address", "198.51.100.7", "user_agent.original", "curl/8", "network.protocol.version", "1.1", "http.request.resend_count", 1,
				"error.type", "upstream_closed", "service.version", "v2", "upstream.address", "192.0.2.1:80", "gray.tag", "stable",
				"gray.decision", "gray", "gray.rule", "tagged", "gray.route", "shop", "gray.pool", "stable", "gray.experiments", "search=B",
				"gray.fallback", true, "gray.sampled_by", "head"),
			Events: []*spans.Span_Event{{Name: "retry", TimeUnixNano: at(time.Millisecond), Attributes: attrs("upstream.address", "192.0.2.9:80", "error.type", "connect_refused")}},
			Status: &spans.Status{Code: spans.Status_STATUS_CODE_ERROR, Message: "upstream_closed"},
		},
	}, {
		"as little as there can be",
		func(s *trace.Span) {
			s.Head = trace.Head{TraceID: id, SpanID: self, Flags: w3c.Sampled}
			s.Start, s.End = began, began.Add(-time.Second) // the clock was set
		},
		&spans.Span{
			TraceId: id[:], SpanId: self[:], Flags: known | sampled, Name: "HTTP", Kind: spans.Span_SPAN_KIND_SERVER, StartTimeUnixNano: at(0), EndTimeUnixNano: at(0),
			Attributes: attrs("http.request.method", "_OTHER", "network.protocol.version", "1.0", "gray.sampled_by", "head"), Status: &spans.Status{},
		},
	}, {
		"what a hostile client sends, from a peer that is not believed",
		func(s *trace.Span) {
			s.Head = trace.Head{TraceID: id, SpanID: self, Parent: parent, From: trace.Stranger}
			s.Start, s.End, s.Scheme, s.Minor, s.Status, s.Decided = began, began, "http", 1, 500, true
			s.SetMethod([]byte(strings.Repeat("\xffX", 100)))
			s.SetTarget([]byte("/\xff" + strings.Repeat("t", 2000) + "?" + strings.Repeat("q", 2000)))
			s.SetHost([]byte("h\x80:99999"))
			s.SetAgent([]byte("\xf0\x9f"))
			s.SetTracestate([]byte("a@b@c=level-2"))
			for i := range trace.MaxRetries + 3 {
				s.Retry(began.Add(time.Duration(i)), "e", "\xff")
			}
		},
		&spans.Span{
			TraceId: id[:], SpanId: self[:], ParentSpanId: parent[:], Flags: known | remote | sampled, Name: "HTTP", Kind: spans.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: at(0), EndTimeUnixNano: at(0),
			Attributes: attrs("http.request.method", "_OTHER", "http.request.method_original", strings.Repeat("\uFFFDX", 16), "url.scheme", "http",
				"url.path", "/\uFFFD"+strings.Repeat("t", 1022), "http.response.status_code", 500, "server.address", "h\uFFFD", "user_agent.original", "\uFFFD",
				"network.protocol.version", "1.1", "http.request.resend_count", trace.MaxRetries+3, "error.type", "500", "gray.decision", "stable",
				"gray.sampled_by", "error"),
			Events: manyRetries(at), Status: &spans.Status{Code: spans.Status_STATUS_CODE_ERROR},
		},
	}, {
		"the client's fault, sampled at the head",
		func(s *trace.Span) {
			s.Head = trace.Head{TraceID: id, SpanID: self, Parent: parent, From: trace.Recorded, Flags: w3c.Sampled}
			s.Start, s.End, s.Status, s.Fault, s.Blame = began, began, 413, "body_too_large", true
			s.SetMethod([]byte("POST"))
			s.SetTarget([]byte("http://user:secret@h/p?password=x"))
			s.SetHost([]byte("[2001:db8::1]"))
		},
		&spans.Span{
			TraceId: id[:], SpanId: self[:], ParentSpanId: parent[:], Flags: known | remote | sampled, Name: "POST", Kind: spans.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: at(0), EndTimeUnixNano: at(0),
			Attributes: attrs("http.request.method", "POST", "url.path", "/p", "url.query", "password=REDACTED", "http.response.status_code", 413,
				"server.address", "2001:db8::1", "network.protocol.version", "1.0", "error.type", "body_too_large", "gray.sampled_by", "head"),
			Status: &spans.Status{},
		},
	}}
}

func manyRetries(at func(time.Duration) uint64) (all []*spans.Span_Event) {
	for i := range trace.MaxRetries {
		all = append(all, &spans.Span_Event{Name: "retry", TimeUnixNano: at(time.Duration(i)), Attributes: attrs("upstream.address", "e", "error.type", "\uFFFD")})
	}
	return all
}
