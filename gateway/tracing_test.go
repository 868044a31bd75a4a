package gateway_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"graygate/internal/testkit"
)

// spanReceiver is an OTLP collector over HTTP.
type spanReceiver struct {
	URL   string
	spans chan *otlp.Span
}

func newSpanReceiver(t *testing.T) *spanReceiver {
	testkit.Leaks(t)
	r := &spanReceiver{spans: make(chan *otlp.Span, 1000)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var got collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &got)
		}
		if err != nil {
			t.Errorf("an export that cannot be read: %v", err)
		}
		for _, rs := range got.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, span := range ss.Spans {
					r.spans <- span
				}
			}
		}
		answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(s.Close)
	r.URL = s.URL
	return r
}

// yaml is what a config says to have spans sent there.
func (r *spanReceiver) yaml(sample, gray, errors string) string {
	return fmt.Sprintf("tracing: {endpoint: %q, sample: %s, gray: %s, errors: %s}\n", r.URL, sample, gray, errors)
}

// next waits for a span.
func (r *spanReceiver) next(t *testing.T) *otlp.Span {
	t.Helper()
	return testkit.Receive(t, "a span", r.spans)
}

// none fails if there is a span, now that the tracer has been closed or the collector has been heard.
func (r *spanReceiver) none(t *testing.T) {
	t.Helper()
	select {
	case s := <-r.spans:
		t.Errorf("got a span, want none: %v", s)
	default:
	}
}

// attribute is a span's attribute as text, "" if there is none.
func attribute(s *otlp.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			if a.Value.GetStringValue() != "" {
				return a.Value.GetStringValue()
			}
			return strings.TrimSpace(fmt.Sprint(a.Value.GetIntValue()))
		}
	}
	return ""
}

// traceOf are the parts of the traceparent that an upstream got: trace, parent, flags.
func traceOf(t *testing.T, up *http.Request) (trace, parent, flags string) {
	t.Helper()
	got := up.Header["Traceparent"]
	if len(got) != 1 || !traceparentForm.MatchString(got[0]) {
		t.Fatalf("traceparent: got %q, want one valid one", got)
	}
	parts := strings.Split(got[0], "-")
	return parts[1], parts[2], parts[3]
}

const (
	aTrace  = "0af7651916cd43dd8448eb211c80319c"
	aParent = "b7ad6b7169203331"
)

// TestTraceContext sends every kind of traceparent, and looks at what arrives: who is before us is carried on, whoever it is, and believed
// as far as it is trusted.
func TestTraceContext(t *testing.T) {
	collector := newSpanReceiver(t)
	type want struct {
		trace  string // "" is a new one
		parent string // "" is a new one
		flags  string
		state  string
		bags   string
	}
	run := func(name, more string, row func(func(name string, w want, fields ...string))) {
		t.Run(name, func(t *testing.T) {
			p, _ := plain(t, testkit.Echo("stable"), more)
			c := testkit.Dial(t, p.Addr)
			row(func(name string, w want, fields ...string) {
				t.Helper()
				up := seen(t, c.Do(testkit.Get("/", fields...)))
				trace, parent, flags := traceOf(t, up)
				if w.trace == "" && trace == aTrace || w.trace != "" && trace != w.trace {
					t.Errorf("%s: the trace is %s, want %q", name, trace, w.trace)
				}
				if w.trace == "" && trace != up.Header.Get("X-Request-Id") {
					t.Errorf("%s: a new trace %s, want that of the request's id, %s", name, trace, up.Header.Get("X-Request-Id"))
				}
				if w.parent == "" && parent == aParent || w.parent != "" && parent != w.parent {
					t.Errorf("%s: the parent is %s, want %q", name, parent, w.parent)
				}
				if flags != w.flags {
					t.Errorf("%s: the flags are %s, want %s", name, flags, w.flags)
				}
				if got := strings.Join(up.Header["Tracestate"], "|"); got != w.state {
					t.Errorf("%s: tracestate is %q, want %q", name, got, w.state)
				}
				if got := strings.Join(up.Header["Baggage"], "|"); got != w.bags {
					t.Errorf("%s: baggage is %q, want %q", name, got, w.bags)
				}
			})
		})
	}
	valid := "traceparent: 00-" + aTrace + "-" + aParent
	const state, bags = "tracestate: a=b,c=d", "baggage: user=ivan,plan=free;p=1"
	// What holds whatever is traced.
	always := func(row func(string, want, ...string), parent, sampled, unsampled, fresh string) {
		row("none", want{flags: fresh})
		row("valid, not sampled", want{trace: aTrace, parent: parent, flags: unsampled, state: "a=b,c=d"}, valid+"-00", state)
		row("valid, sampled", want{trace: aTrace, parent: parent, flags: sampled, state: "a=b,c=d"}, valid+"-01", state)
		row("state in two lines", want{trace: aTrace, parent: parent, flags: unsampled, state: "a=b,c=d,e=f"}, valid+"-00", state, "tracestate: e=f")
		row("state without a parent", want{flags: fresh}, state)
		row("broken state", want{trace: aTrace, parent: parent, flags: unsampled}, valid+"-00", "tracestate: A=b")
		row("an unknown version", want{trace: aTrace, parent: parent, flags: unsampled}, "traceparent: cc-"+aTrace+"-"+aParent+"-00-more")
		row("version ff", want{flags: fresh}, "traceparent: ff-"+aTrace+"-"+aParent+"-00", state)
		row("upper case", want{flags: fresh}, "traceparent: 00-"+strings.ToUpper(aTrace)+"-"+aParent+"-01", state)
		row("zeros", want{flags: fresh}, "traceparent: 00-"+strings.Repeat("0", 32)+"-"+aParent+"-01", state)
		row("short", want{flags: fresh}, "traceparent: 00-"+aTrace+"-"+aParent, state)
		row("two", want{flags: fresh}, valid+"-01", valid+"-01", state)
		row("empty", want{flags: fresh}, "traceparent:", state)
		row("taken out by Connection", want{flags: fresh}, valid+"-01", state, "Connection: traceparent")
		row("baggage", want{flags: fresh, bags: "user=ivan,plan=free;p=1"}, bags)
		row("baggage in two lines", want{flags: fresh, bags: "user=ivan,plan=free;p=1,a=b"}, bags, "baggage: a=b")
		row("broken baggage", want{flags: fresh}, "baggage: user")
		row("baggage with a trace", want{trace: aTrace, parent: parent, flags: unsampled, bags: "a=b"}, valid+"-00", "baggage: a=b")
	}
	run("not traced, not trusted", "", func(row func(string, want, ...string)) { always(row, aParent, "00", "00", "02") })
	run("not traced, trusted", "trusted_proxies: [127.0.0.1]\n", func(row func(string, want, ...string)) { always(row, aParent, "01", "00", "02") })
	nothing, everything := collector.yaml("off", "off", "on"), collector.yaml("100%", "off", "off")
	run("traced at 0 %, not trusted", nothing, func(row func(string, want, ...string)) { always(row, "", "00", "00", "02") })
	run("traced at 0 %, trusted", nothing+"trusted_proxies: [127.0.0.1]\n", func(row func(string, want, ...string)) { always(row, "", "01", "00", "02") })
	run("traced at 100 %, not trusted", everything, func(row func(string, want, ...string)) { always(row, "", "01", "01", "03") })
	run("traced at 100 %, trusted", everything+"trusted_proxies: [127.0.0.1]\n", func(row func(string, want, ...string)) { always(row, "", "01", "00", "03") })
}

// TestSpan compares a span with the request that it is of, retries included.
func TestSpan(t *testing.T) {
	collector := newSpanReceiver(t)
	good := testkit.Serve(t, testkit.Echo("gray"))
	ill := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) { c.Send(testkit.Answer("503 X", "")) })
	stable := testkit.Serve(t, testkit.Echo("stable"))
	config := testkit.Config(testkit.Pool(stable), testkit.Pool(good), collector.yaml("off", "100%", "off"))
	config = strings.Replace(config, "gray: {endpoints: ["+good.Addr+"]}", fmt.Sprintf(
		"gray: {breaker: off, outlier: off, retry: {budget: 100%%}, endpoints: [{address: %s, weight: 0}, {address: %s, labels: {version: \"2.1\"}}]}", ill.Addr, good.Addr), 1)
	config = strings.Replace(config, "weight: 0", "priority: 0", 1)
	config = strings.Replace(config, "labels: {version", "priority: 1, labels: {version", 1)
	p := testkit.Gateway(t, config)
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/not-gray")).WantStatus(t, 200, "")
	up := seen(t, c.Do(testkit.Get("/a?b=c&token=x", "X-Gray-Tag: gray", "User-Agent: test/1", "traceparent: 00-"+aTrace+"-"+aParent+"-01", "tracestate: k=v")))
	trace, parent, flags := traceOf(t, up)
	s := collector.next(t)
	if got := hex.EncodeToString(s.TraceId); got != aTrace || trace != aTrace {
		t.Errorf("trace: got %s and %s upstream, want %s", got, trace, aTrace)
	}
	if got := hex.EncodeToString(s.SpanId); got != parent {
		t.Errorf("the span is %s, and the upstream's parent %s: they are to be the same", got, parent)
	}
	if got := hex.EncodeToString(s.ParentSpanId); got != aParent || flags != "00" {
		t.Errorf("parent: got %s and the flags %s upstream, want %s and 00", got, flags, aParent)
	}
	if s.TraceState != "k=v" {
		t.Errorf("trace state: got %q, want k=v", s.TraceState)
	}
	for key, want := range map[string]string{
		"gray.tag": "gray", "gray.decision": "gray", "gray.rule": "tagged", "gray.route": "all", "gray.pool": "gray", "service.version": "2.1",
		"upstream.address": good.Addr, "http.request.method": "GET", "http.response.status_code": "200", "url.path": "/a", "url.query": "b=c&token=REDACTED",
		"user_agent.original": "test/1", "client.address": "127.0.0.1", "gray.sampled_by": "gray", "http.request.resend_count": "1",
	} {
		if got := attribute(s, key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if len(s.Events) != 1 {
		t.Fatalf("events: got %v, want the retry", s.Events)
	}
	e := s.Events[0]
	text := fmt.Sprint(e)
	if !strings.Contains(text, ill.Addr) || !strings.Contains(text, "status") || e.TimeUnixNano < s.StartTimeUnixNano || e.TimeUnixNano > s.EndTimeUnixNano {
		t.Errorf("the retry: got %v, want one by status at %s, within the span", e, ill.Addr)
	}
	p.Stop()
	collector.none(t)
}

// TestSpansOfErrors: what fails on this side is kept whatever was drawn, in relays and of requests that never came anywhere too; what the
// client does wrong is not.
func TestSpansOfErrors(t *testing.T) {
	collector := newSpanReceiver(t)
	b := testkit.Serve(t, statuses)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, collector.yaml("off", "off", "on")))
	c := testkit.Dial(t, p.Addr)
	for _, path := range []string{"/200", "/404", "/long"} {
		c.Do(testkit.Get(path))
	}
	testkit.Do(t, p.Addr, "GET / HTTP/1.1\r\n\r\n").WantStatus(t, 400, "missing_host")
	c.Do(testkit.Get("/500"))
	if s := collector.next(t); attribute(s, "http.response.status_code") != "500" || attribute(s, "gray.sampled_by") != "error" || s.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("got %v, want the error 500", s)
	}
	cut := testkit.Dial(t, p.Addr)
	cut.Send(testkit.Get("/cut"))
	_, _ = cut.ReadAll()
	if s := collector.next(t); attribute(s, "error.type") != "upstream_truncated" {
		t.Errorf("got %v, want the answer that broke off", s)
	}
	p.Stop()
	collector.none(t)
	if got := p.Spans().Exported; got != 2 {
		t.Errorf("exported: got %d, want 2", got)
	}
}

// TestTracingReloads changes where spans go: those of before go where they would have gone, and the counts go on.
func TestTracingReloads(t *testing.T) {
	one, two := newSpanReceiver(t), newSpanReceiver(t)
	b := testkit.Serve(t, testkit.Echo("stable"))
	config := func(r *spanReceiver) string {
		return testkit.Config(testkit.Pool(b), nil, r.yaml("100%", "off", "off"))
	}
	p := testkit.Gateway(t, config(one))
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/one"))
	p.MustReload(config(one)) // nothing changes
	c.Do(testkit.Get("/one"))
	testkit.Until(t, "two requests to be over", func() bool {
		return len(samples(p, "graygate_requests_total")) == 1 && strings.HasSuffix(samples(p, "graygate_requests_total")[0], " 2")
	})
	p.MustReload(config(two))
	c.Do(testkit.Get("/two"))
	for range 2 {
		if s := one.next(t); attribute(s, "url.path") != "/one" {
			t.Errorf("got %v, want one of the first two", s)
		}
	}
	if s := two.next(t); attribute(s, "url.path") != "/two" {
		t.Errorf("got %v, want the third", s)
	}
	wantSamples(t, p, "graygate_spans_total", `{result="dropped"} 0`, `{result="exported"} 3`, `{result="failed"} 0`)
	p.MustReload(testkit.Config(testkit.Pool(b), nil, ""))
	c.Do(testkit.Get("/none"))
	wantSamples(t, p, "graygate_spans_total", `{result="dropped"} 0`, `{result="exported"} 3`, `{result="failed"} 0`)
	one.none(t)
	two.none(t)
}

// TestTracingBegins has tracing switched on while a request is under way, whose upstream has been told of no span of ours: there is none.
func TestTracingBegins(t *testing.T) {
	collector := newSpanReceiver(t)
	arrived, hold := make(chan struct{}), make(chan struct{})
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/hold" {
			close(arrived)
			<-hold
		}
		c.Send(testkit.Answer("500 X", ""))
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Send(testkit.Get("/hold", "traceparent: 00-"+aTrace+"-"+aParent+"-01"))
	testkit.Receive(t, "the request to arrive", arrived)
	p.MustReload(testkit.Config(testkit.Pool(b), nil, collector.yaml("off", "off", "on")))
	close(hold)
	c.Read("GET").WantStatus(t, 500, "")
	c.Do(testkit.Get("/after")).WantStatus(t, 500, "")
	if s := collector.next(t); attribute(s, "url.path") != "/after" {
		t.Errorf("got %v, want the span of the second request alone", s)
	}
	p.Stop()
	collector.none(t)
}

// TestDeadCollector: a collector that is not there costs spans and nothing else.
func TestDeadCollector(t *testing.T) {
	refused := testkit.Refused(t)
	b := testkit.Serve(t, testkit.Echo("stable"))
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, (&spanReceiver{URL: "http://" + refused.Addr}).yaml("100%", "off", "on")))
	c := testkit.Dial(t, p.Addr)
	for range 3000 {
		c.Do(testkit.Get("/")).WantStatus(t, 200, "")
	}
	testkit.Until(t, "spans to be lost", func() bool { s := p.Spans(); return s.Dropped+s.Failed > 0 })
}
