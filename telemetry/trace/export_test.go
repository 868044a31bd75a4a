package trace

import (
	"log/slog"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Bounds that the tests reach for.
const (
	QueueSpans = queueSpans
	BatchSpans = batchSpans
	MaxRetries = maxRetries
	ErrorBytes = errorBytes
)

// NewOver starts a tracer that exports by the exporter of a test.
func NewOver(c Config, to sdk.SpanExporter, log *slog.Logger) *Tracer {
	c = c.Hasty()
	c.fill()
	return start(&c, wrap(to, &rejections{}, c.pause, log))
}

// Reason is what Wants goes by.
func (t *Tracer) Reason(h Head, gray, failed bool) string {
	return t.reason(h.TraceID, h.From, h.Flags&1 != 0, gray, failed)
}

var (
	Redact      = redact
	SplitTarget = splitTarget
	SplitHost   = splitHost
)

// Hasty makes batches and pauses short, for tests that wait for what comes after.
func (c Config) Hasty() Config {
	c.delay, c.pause = 10*time.Millisecond, time.Millisecond
	return c
}

// OTLP gives the SDK's exporter that an endpoint asks for.
func OTLP(c Config) (sdk.SpanExporter, error) {
	c.fill()
	x, err := newExporter(&c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return x.to, nil
}
