package trace

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter counts what becomes of the batches that go to an exporter of the SDK, and says so once an episode. To the SDK every
// export is a success: what it does about a failure is to write to the standard error output. The batch processor
// calls ExportSpans once at a time.
type exporter struct {
	to       sdk.SpanExporter
	rejected *rejections
	log      *slog.Logger
	aborted  context.Context // done when Close gives up
	abort    context.CancelFunc
	wait     time.Duration
	stopping chan struct{} // closed by the first Shutdown or abort: no more pauses
	stop     sync.Once

	exported, failed atomic.Uint64

	failing bool      // an episode is on
	logged  time.Time // the last line
}

// rejections takes what a collector says in an answer that is none of failure: that it took only a part (OTLP, Partial
// Success). It is written while an export is under way, and read after it.
type rejections struct {
	mu    sync.Mutex
	spans int64
	text  string
}

func (r *rejections) add(spans int64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans, r.text = r.spans+spans, text
}

func (r *rejections) take() (spans int64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans, text = r.spans, r.text
	r.spans, r.text = 0, ""
	return spans, text
}

func wrap(to sdk.SpanExporter, rejected *rejections, pause time.Duration, log *slog.Logger) *exporter {
	x := &exporter{to: to, rejected: rejected, log: log, wait: pause, stopping: make(chan struct{})}
	x.aborted, x.abort = context.WithCancel(context.Background())
	return x
}

// ExportSpans sends a batch, and always says that it went well. After a loss it pauses, during which spans are dropped instead of made.
func (x *exporter) ExportSpans(ctx context.Context, batch []sdk.ReadOnlySpan) error {
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.aborted, cancel)()
	n := int64(len(batch))
	err := x.to.ExportSpans(limited, batch)
	lost, said := x.rejected.take()
	lost = min(max(lost, 0), n)
	if err != nil {
		lost, said = n, err.Error()
	}
	x.exported.Add(uint64(n - lost))
	x.failed.Add(uint64(lost))
	x.tell(lost, said)
	if err != nil {
		x.pause()
	}
	return nil
}

// tell writes a line when an episode of losses begins, unless the one before began a moment ago.
func (x *exporter) tell(lost int64, said string) {
	now := time.Now()
	if lost > 0 && !x.failing && (x.logged.IsZero() || now.Sub(x.logged) >= logEvery) && x.aborted.Err() == nil {
		x.logged = now
		x.log.Warn("spans are lost: the collector does not take them; graygate_spans_total counts them, and no line follows until it has taken some",
			"lost", lost, "reason", short(said))
	}
	x.failing = lost > 0
}

// short cuts a text that others wrote.
func short(text string) string {
	if len(text) > errorBytes {
		text = text[:errorBytes] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (x *exporter) pause() {
	timer := time.NewTimer(x.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.stopping:
	case <-x.aborted.Done():
	}
}

// hurry ends the pauses: what is left is to be sent before the end.
func (x *exporter) hurry() { x.stop.Do(func() { close(x.stopping) }) }

// Shutdown ends the SDK's exporter.
func (x *exporter) Shutdown(ctx context.Context) error {
	x.hurry()
	x.abort()
	if err := x.to.Shutdown(ctx); err != nil {
		return fmt.Errorf("the exporter of spans did not end well: %w", err)
	}
	return nil
}
