package trace

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	otel "go.opentelemetry.io/otel/trace"

	"graygate/telemetry/w3c"
)

// translator makes spans of the SDK of records. For one goroutine.
//
// The SDK knows two ways to a finished span with ids and times of one's own: to start and end one with explicit
// times and an IDGenerator that hands out the ids, or to build a ReadOnlySpan, which only its package for tests can, since the
// interface is sealed. The first is the one that it promises to keep.
type translator struct {
	tracer otel.Tracer
	ids    *ids
	attrs  []attribute.KeyValue // scratch: the SDK copies
	start  []otel.SpanStartOption
}

// ids is the SDK's source of ids: it gives those of the record that is being translated.
type ids struct{ head *Head }

func (i *ids) NewIDs(context.Context) (otel.TraceID, otel.SpanID) {
	return i.head.TraceID, i.head.SpanID
}

func (i *ids) NewSpanID(context.Context, otel.TraceID) otel.SpanID { return i.head.SpanID }

func newTranslator(to sdk.SpanProcessor, resource *sdkresource.Resource) *translator {
	source := &ids{}
	provider := sdk.NewTracerProvider(
		sdk.WithSpanProcessor(to),
		sdk.WithIDGenerator(source),
		sdk.WithSampler(sdk.AlwaysSample()), // what comes here was chosen
		sdk.WithResource(resource),
		// Records have bounds of their own; without this, environment variables could set others.
		sdk.WithRawSpanLimits(sdk.SpanLimits{AttributeValueLengthLimit: -1, AttributeCountLimit: -1, EventCountLimit: -1, LinkCountLimit: -1,
			AttributePerEventCountLimit: -1, AttributePerLinkCountLimit: -1}),
	)
	return &translator{tracer: provider.Tracer("graygate", otel.WithSchemaURL(semconv.SchemaURL)), ids: source}
}

// export makes a span of a record, and waits until the processor takes it.
func (x *translator) export(s *Span) {
	method, name := methodName(s.method)
	if s.Path != "" {
		name += " " + valid(s.Path)
	}
	x.attributes(s, method)
	x.ids.head = &s.Head
	x.start = append(x.start[:0], otel.WithTimestamp(s.Start), otel.WithSpanKind(otel.SpanKindServer), otel.WithAttributes(x.attrs...))
	_, span := x.tracer.Start(parentOf(s), name, x.start...)
	for i := range s.retries {
		r := &s.retries[i]
		span.AddEvent("retry", otel.WithTimestamp(r.at), otel.WithAttributes(upstreamAddress.String(valid(r.upstream)), semconv.ErrorTypeKey.String(valid(r.reason))))
	}
	if s.Failed() {
		span.SetStatus(codes.Error, valid(s.Fault))
	}
	end := s.End
	if end.Before(s.Start) {
		end = s.Start
	}
	span.End(otel.WithTimestamp(end))
	x.ids.head = nil
	clear(x.attrs)
}

// parentOf gives the context in which the SDK finds a span's parent.
func parentOf(s *Span) context.Context {
	if s.From == Root {
		return context.Background()
	}
	state, err := otel.ParseTraceState(string(s.state))
	if err != nil {
		state = otel.TraceState{} // the SDK keeps to the grammar of level 1: the span is worth more than the state
	}
	flags := otel.TraceFlags(s.Flags & w3c.Random)
	if s.From == Recorded {
		flags |= otel.FlagsSampled
	}
	return otel.ContextWithRemoteSpanContext(context.Background(), otel.NewSpanContext(otel.SpanContextConfig{
		TraceID: s.TraceID, SpanID: s.Parent, TraceFlags: flags, TraceState: state, Remote: true,
	}))
}

// The attributes of graygate's own.
const (
	upstreamAddress = attribute.Key("upstream.address")
	grayTag         = attribute.Key("gray.tag")
	grayDecision    = attribute.Key("gray.decision")
	grayRule        = attribute.Key("gray.rule")
	grayRoute       = attribute.Key("gray.route")
	grayPool        = attribute.Key("gray.pool")
	grayExperiments = attribute.Key("gray.experiments")
	grayFallback    = attribute.Key("gray.fallback")
	graySampledBy   = attribute.Key("gray.sampled_by")
)

// attributes gathers a span's attributes in x.attrs: those of the semantic conventions for HTTP servers, then graygate's own.
func (x *translator) attributes(s *Span, method string) {
	a := append(x.attrs[:0], semconv.HTTPRequestMethodKey.String(method))
	text := func(key attribute.Key, value string) {
		if value != "" {
			a = append(a, key.String(valid(value)))
		}
	}
	if method == otherMethod {
		text(semconv.HTTPRequestMethodOriginalKey, string(s.method))
	}
	path, query := splitTarget(string(s.target))
	text(semconv.URLSchemeKey, s.Scheme)
	text(semconv.URLPathKey, path)
	text(semconv.URLQueryKey, redact(query))
	text(semconv.HTTPRouteKey, s.Path)
	if s.Status != 0 {
		a = append(a, semconv.HTTPResponseStatusCode(s.Status))
	}
	host, port := splitHost(string(s.host))
	text(semconv.ServerAddressKey, host)
	if port != 0 {
		a = append(a, semconv.ServerPort(port))
	}
	text(semconv.ClientAddressKey, s.Client)
	text(semconv.UserAgentOriginalKey, string(s.agent))
	text(semconv.NetworkProtocolVersionKey, "1."+strconv.Itoa(int(s.Minor)))
	if s.retried > 0 {
		a = append(a, semconv.HTTPRequestResendCount(s.retried))
	}
	if s.Fault != "" {
		text(semconv.ErrorTypeKey, s.Fault)
	} else if s.Failed() {
		text(semconv.ErrorTypeKey, strconv.Itoa(s.Status))
	}
	text(semconv.ServiceVersionKey, s.Version)
	text(upstreamAddress, s.Upstream)
	text(grayTag, s.Tag)
	if s.Decided {
		decision := "stable"
		if s.Gray {
			decision = "gray"
		}
		text(grayDecision, decision)
	}
	text(grayRule, s.Rule)
	text(grayRoute, s.Route)
	text(grayPool, s.Pool)
	text(grayExperiments, string(s.experiments))
	if s.Fallback {
		a = append(a, grayFallback.Bool(true))
	}
	text(graySampledBy, s.kept)
	x.attrs = a
}

// The methods of the semantic conventions; others count as one, for a client could make up any number.
var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}

const otherMethod = "_OTHER"

// methodName gives a method as attribute, and as it stands in a span's name.
func methodName(b []byte) (method, name string) {
	if i := slices.Index(knownMethods, string(b)); i >= 0 {
		return knownMethods[i], knownMethods[i]
	}
	return otherMethod, "HTTP"
}

// splitHost takes the port off an authority; 0 if there is none.
func splitHost(authority string) (host string, port int) {
	host, digits, err := net.SplitHostPort(authority)
	if err != nil {
		return strings.Trim(authority, "[]"), 0
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
		return host, 0
	}
	return host, port
}

// valid makes a text one that protocol buffers take: one byte that is no UTF-8 would cost the whole batch.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
