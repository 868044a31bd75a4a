package trace

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Tracer decides which requests become spans, and exports them. Its methods may be called concurrently. A nil Tracer is one that
// is off: it may be asked what to keep, and nothing else.
type Tracer struct {
	sample, gray uint64 // thresholds of draws
	errors       bool
	seed         maphash.Seed

	records chan *Span // those that nobody has: kept in a list, as the collector of garbage empties a sync.Pool under load
	queue   chan *Span
	half    chan struct{} // holds one when the queue has become half full
	dropped atomic.Uint64

	exporter  *exporter
	processor sdk.SpanProcessor
	spans     *translator

	stop  chan struct{} // closed by Close; the queue never is, so that a late Put does no harm
	done  chan struct{} // closed when the queue is empty after that
	close sync.Once
}

// Stats counts spans since the start.
type Stats struct {
	Exported uint64 // taken by the collector
	Dropped  uint64 // not even queued: the collector is too slow, or gone
	Failed   uint64 // sent, and refused or not answered in time
}

// New starts a tracer. It does not ask the collector for anything: that it is not there is found out at the first export. The error
// is one of the config's, or that the file of authorities cannot be read.
func New(c Config, log *slog.Logger) (*Tracer, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	c.fill()
	x, err := newExporter(&c, log)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return start(&c, x), nil
}

// start puts the stages together: queue, translator, batch processor, exporter.
func start(c *Config, x *exporter) *Tracer {
	t := &Tracer{
		sample: threshold(c.Sample), gray: threshold(c.Gray), errors: c.Errors, seed: maphash.MakeSeed(),
		records: make(chan *Span, queueSpans),
		queue:   make(chan *Span, queueSpans),
		half:    make(chan struct{}, 1),
		stop:    make(chan struct{}), done: make(chan struct{}),
		exporter: x,
		// Blocking: the goroutine waits for the batches, so that there is one place where spans are dropped, and counted.
		// What environment variables say about any of this is overruled: the config says it all.
		processor: sdk.NewBatchSpanProcessor(x, sdk.WithBlocking(), sdk.WithMaxQueueSize(batchSpans), sdk.WithMaxExportBatchSize(batchSpans),
			sdk.WithBatchTimeout(c.delay), sdk.WithExportTimeout(c.Timeout)),
	}
	resource := sdkresource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName(c.ServiceName))
	if c.ServiceVersion != "" {
		resource = sdkresource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName(c.ServiceName), semconv.ServiceVersion(c.ServiceVersion))
	}
	t.spans = newTranslator(t.processor, resource)
	go t.work()
	return t
}

// Take gives an empty record.
func (t *Tracer) Take() *Span {
	select {
	case s := <-t.records:
		s.recycled = false
		return s
	default:
		return newSpan()
	}
}

// Put ends a record: it is kept if [Tracer.Wants] says so and the queue has room. If the exporter is behind by more than the
// queue holds, the record is dropped and counted; Put never blocks. What is put after Close is dropped.
func (t *Tracer) Put(s *Span) {
	if s.recycled {
		panic("BUG: a span's record was put twice")
	}
	if s.kept = t.reason(s.TraceID, s.From, s.Sampled(), s.Gray, s.Failed()); s.kept == "" {
		t.release(s)
		return
	}
	select {
	case <-t.stop:
	default:
		select {
		case t.queue <- s:
			if len(t.queue) >= queueSpans/2 {
				select {
				case t.half <- struct{}{}:
				default:
				}
			}
			return
		default:
		}
	}
	t.dropped.Add(1)
	t.release(s)
}

// Stats gives the counts.
func (t *Tracer) Stats() Stats {
	return Stats{Exported: t.exporter.exported.Load(), Dropped: t.dropped.Load(), Failed: t.exporter.failed.Load()}
}

// Close exports what is queued and ends all that New began. When ctx is done it gives up what is left, which counts as failed, and
// returns its error.
func (t *Tracer) Close(ctx context.Context) error {
	t.close.Do(func() { close(t.stop) })
	t.exporter.hurry()
	unhook := context.AfterFunc(ctx, t.exporter.abort)
	defer unhook()
	<-t.done // an export that is under way is aborted when ctx is done, so this does not outlast it
	// Not by the provider's Shutdown, which does nothing at all when ctx is done already.
	return t.processor.Shutdown(ctx)
}

func (t *Tracer) release(s *Span) {
	s.reset()
	s.recycled = true
	select {
	case t.records <- s:
	default: // there are enough
	}
}

// work makes spans of what is queued until Close, and then of what is left. After the first it waits a moment for others: to be woken for
// each would cost the loops more than the span does.
func (t *Tracer) work() {
	defer close(t.done)
	moment := time.NewTimer(queueMoment)
	defer moment.Stop()
	for {
		select {
		case s := <-t.queue:
			moment.Reset(queueMoment)
			select {
			case <-moment.C:
			case <-t.half:
			case <-t.stop:
			}
			t.export(s)
			for range len(t.queue) {
				t.export(<-t.queue)
			}
		case <-t.stop:
			for {
				select {
				case s := <-t.queue:
					t.export(s)
				default:
					return
				}
			}
		}
	}
}

func (t *Tracer) export(s *Span) {
	t.spans.export(s)
	t.release(s)
}
