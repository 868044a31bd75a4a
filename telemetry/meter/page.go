package meter

import (
	"fmt"
	"strconv"
	"sync"
)

// Page gathers what collectors give at one scrape, each metric's samples together, as the format wants them. It is used by
// one goroutine, until the collector returns.
type Page struct {
	samples [][]byte // by family
}

var pages = sync.Pool{New: func() any { return &Page{samples: make([][]byte, len(families))} }}

func takePage() *Page { return pages.Get().(*Page) }

// give keeps the page and its buffers for the next scrape, those of unusual size apart.
func (p *Page) give() {
	for i := range p.samples {
		if cap(p.samples[i]) > keptSamples {
			p.samples[i] = nil
		}
		p.samples[i] = p.samples[i][:0]
	}
	pages.Put(p)
}

// Counter tells a counter's value. values are those of the family's labels, in their order; each combination is told once.
// A family of another kind, or a wrong number of values, is a bug of the caller's.
func (p *Page) Counter(f *Family, v uint64, values ...string) {
	b := p.begin(f, "counter", values)
	p.samples[f.index-1] = append(strconv.AppendUint(b, v, 10), '\n')
}

// Gauge tells a gauge's value, like [Page.Counter].
func (p *Page) Gauge(f *Family, v float64, values ...string) {
	b := p.begin(f, "gauge", values)
	p.samples[f.index-1] = append(appendFloat(b, v), '\n')
}

func (p *Page) begin(f *Family, kind string, values []string) []byte {
	if f.index == 0 || f.Kind != kind || len(values) != len(f.Labels) {
		panic(fmt.Sprintf("BUG: a %s %s with %d label values: it is a %s with the labels %q", kind, f.Name, len(values), f.Kind, f.Labels))
	}
	b := append(p.samples[f.index-1], f.Name...)
	if len(values) > 0 {
		b = append(b, '{')
		b = append(b, labels(f.Labels, values)...)
		b = append(b, '}')
	}
	return append(b, ' ')
}

// write writes the metrics that have samples.
func (p *Page) write(t *text) {
	for i, samples := range p.samples {
		if len(samples) > 0 {
			t.head(families[i])
			_, _ = t.Write(samples)
		}
	}
}
