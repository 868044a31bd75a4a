package meter_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"graygate/telemetry/meter"
)

// own is the page without what the library tells of the process.
func own(r *meter.Registry) string {
	var b strings.Builder
	r.Set().WritePrometheus(&b)
	return b.String()
}

// parse reads a page as Prometheus does, and checks what it does not: that histograms are whole.
func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("the page cannot be read: %v\n%s", err, text)
	}
	for name, f := range families {
		for _, m := range f.Metric {
			h := m.Histogram
			if h == nil {
				continue
			}
			last := &dto.Bucket{CumulativeCount: new(uint64), UpperBound: new(float64)}
			for _, b := range h.Bucket {
				if b.GetCumulativeCount() < last.GetCumulativeCount() || b.GetUpperBound() <= last.GetUpperBound() {
					t.Errorf("%s%v: bucket %v follows on %v", name, m.Label, b, last)
				}
				last = b
			}
			if len(h.Bucket) != 17 || !math.IsInf(last.GetUpperBound(), 1) || last.GetCumulativeCount() != h.GetSampleCount() {
				t.Errorf("%s%v: %d buckets, the last is %v, the count %d", name, m.Label, len(h.Bucket), last, h.GetSampleCount())
			}
		}
	}
	return families
}

// full gives a registry in which every metric has a sample, under the names given. It is what dashboards and alerts are
// checked against.
func full(t testing.TB, service, rule, pool string) *meter.Registry {
	r := meter.New(2)
	t.Cleanup(r.Close)
	g := r.Resolve()
	for _, gray := range []bool{false, true} {
		s := g.Series(meter.Key{Service: service, Rule: rule, Gray: gray}, []string{pool, "gray"})
		s.Observe(0, 0, 200, 3*time.Millisecond, 2*time.Millisecond)
		s.Observe(1, 1, 503, 12*time.Second, 11*time.Second)
		s.Observe(1, -1, 404, 50*time.Microsecond, -1)
	}
	g.Series(meter.Key{}, nil).Observe(0, -1, 404, time.Microsecond, -1)
	a := g.Assigned(meter.Experiment{Tenant: service, Name: rule, Salt: "s", Variants: []string{"A", pool}, Weights: []uint64{1, 1}})
	for i := range uint64(1000) {
		a.Count(int(i%2), int(i/2%2), i)
		a.Answered(int(i%2), int(i/2%2), i)
	}
	g.UnitMissing(service, rule).Add(0)
	g.LayerUnitMissing(rule).Add(1)
	g.Commit()
	r.Collect(func(p *meter.Page) {
		for _, f := range meter.Families() {
			counted := f == &meter.Requests || f == &meter.Assignments || f == &meter.SamplesDropped || f == &meter.UnitMissing || f == &meter.LayerUnitMissing ||
				strings.HasPrefix(f.Name, "graygate_experiment_sampl")
			if counted || f.Kind == "histogram" {
				continue
			}
			for _, values := range combinations(f, service, pool) {
				if f.Kind == "counter" {
					p.Counter(f, 7, values...)
				} else {
					p.Gauge(f, 0.5, values...)
				}
			}
		}
	})
	return r
}

// combinations are label values as the gateway gives them.
func combinations(f *meter.Family, service, pool string) [][]string {
	all := [][]string{nil}
	for _, label := range f.Labels {
		values := map[string][]string{
			"service_name": {service}, "upstream": {pool, pool + "2"}, "endpoint": {"", "127.0.0.1:1"}, "reason": {"connect", "status"},
			"kind": {"breaker"}, "listener": {":8080", ":8081"}, "result": {"ok", "failed"}, "loop": {"0", "1"}, "version": {"v1"}, "goversion": {"go1.26"},
		}[label]
		if f == &meter.Spans {
			values = []string{"exported", "dropped", "failed"}
		}
		var longer [][]string
		for _, so := range all {
			for _, v := range values {
				longer = append(longer, append(slices.Clone(so), v))
			}
		}
		all = longer
	}
	return all
}

// TestPage compares a whole page.
func TestPage(t *testing.T) {
	r := meter.New(2)
	defer r.Close()
	g := r.Resolve()
	s := g.Series(meter.Key{Service: "shop", Rule: "beta", Gray: true}, []string{"stable", "gray"})
	s.Observe(0, 1, 200, 3*time.Millisecond, 2*time.Millisecond)
	s.Observe(1, 1, 200, 100*time.Microsecond, 0)
	s.Observe(1, 0, 503, 11*time.Second, 2500*time.Millisecond) // a fallback
	g.Series(meter.Key{}, nil).Observe(0, -1, 404, -time.Second, -1)
	g.Series(meter.Key{Service: "idle"}, []string{"stable"})
	a := g.Assigned(meter.Experiment{Tenant: "t1", Name: "color", Salt: "color", Variants: []string{"red", "blue"}, Weights: []uint64{1, 3}})
	a.Count(0, 1, 1)
	a.Count(1, 1, 2)
	g.Commit()
	r.Collect(func(p *meter.Page) {
		p.Gauge(&meter.Connections, 3, ":8080")
		p.Counter(&meter.Retries, 2, "connect")
	})
	r.Collect(func(p *meter.Page) { p.Counter(&meter.Retries, 1, "a\"b\\c\nd\xff") })
	histogram := func(name, help, labels, sum string, counts ...int) string {
		var b strings.Builder
		if help != "" {
			fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name)
		}
		for i, le := range strings.Fields("0.0001 0.00025 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf") {
			fmt.Fprintf(&b, "%s_bucket{%s,le=%q} %d\n", name, labels, le, counts[i])
		}
		fmt.Fprintf(&b, "%s_sum{%s} %s\n%s_count{%s} %d\n", name, labels, sum, name, labels, counts[16])
		return b.String()
	}
	const (
		none = `service_name="",gray_rule_id="",is_gray="false"`
		beta = `service_name="shop",gray_rule_id="beta",is_gray="true"`
	)
	want := `# HELP graygate_requests_total Requests that are over. is_gray is by assignment, upstream is the pool that answered: a fallback has is_gray="true" and the stable pool; "" is the gateway itself.
# TYPE graygate_requests_total counter
graygate_requests_total{` + none + `,http_status_code="404",upstream=""} 1
graygate_requests_total{` + beta + `,http_status_code="200",upstream="gray"} 2
graygate_requests_total{` + beta + `,http_status_code="503",upstream="stable"} 1
` + histogram("graygate_request_duration_seconds", "From the end of a request's head to the end of its answer; of a tunnel, to its beginning.", none, "0",
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) +
		histogram("graygate_request_duration_seconds", "", beta, "11.0031", 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3) +
		histogram("graygate_upstream_duration_seconds", "The part of it that upstreams took until the head of the answer, all attempts together, without the time that the client took to send the body; requests that asked none are left out.",
			beta, "2.502", 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3) +
		`# HELP graygate_experiment_assignments_total Requests that an experiment assigned to a variant.
# TYPE graygate_experiment_assignments_total counter
graygate_experiment_assignments_total{tenant="t1",experiment="color",variant="red"} 0
graygate_experiment_assignments_total{tenant="t1",experiment="color",variant="blue"} 2
# HELP graygate_experiment_sample_ratio_mismatch 1 once the units of an experiment do not split as its weights say, until weights or salt change. at is where units are counted: assignment, or outcome (they were answered).
# TYPE graygate_experiment_sample_ratio_mismatch gauge
graygate_experiment_sample_ratio_mismatch{tenant="t1",experiment="color",at="assignment"} 0
# HELP graygate_experiment_sample_ratio_log_evidence Natural logarithm of the evidence against the weights; at 9.21 (10000 to 1) it is a mismatch.
# TYPE graygate_experiment_sample_ratio_log_evidence gauge
graygate_experiment_sample_ratio_log_evidence{tenant="t1",experiment="color",at="assignment"} 0
# HELP graygate_experiment_sampled_units Distinct units that the evidence rests on, one in 64 of all.
# TYPE graygate_experiment_sampled_units gauge
graygate_experiment_sampled_units{tenant="t1",experiment="color",at="assignment"} 0
# HELP graygate_connections Connections of clients that are open, by listener.
# TYPE graygate_connections gauge
graygate_connections{listener=":8080"} 3
# HELP graygate_retries_total Further attempts of requests, by what the one before came to.
# TYPE graygate_retries_total counter
graygate_retries_total{reason="connect"} 2
graygate_retries_total{reason="a\"b\\c\nd` + "�" + `"} 1
# HELP graygate_experiment_samples_dropped_total Sampled units that were not tested as the queue of a loop was full.
# TYPE graygate_experiment_samples_dropped_total counter
graygate_experiment_samples_dropped_total 0
`
	if got := own(r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	parse(t, want)
}

// TestPageOfHostileNames reads whole pages with names that no config would let pass.
func TestPageOfHostileNames(t *testing.T) {
	for _, name := range []string{"shop", `a"b`, `a\`, "a\nb{le=\"1\"} 9\nc", "\xff\xfe\x00", "{}", "é", strings.Repeat("x", 100_000)} {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			r := full(t, name, name, name)
			var page strings.Builder
			r.Write(&page)
			meter.WriteProcess(&page)
			families := parse(t, page.String())
			for _, f := range meter.Families() {
				got := families[f.Name]
				if got == nil || strings.ToLower(got.GetType().String()) != f.Kind || got.GetHelp() != f.Help {
					t.Errorf("%s: got %v, want a %s with its help", f.Name, got.GetType(), f.Kind)
				}
			}
			for _, more := range []string{"go_goroutines", "process_cpu_seconds_total", "process_resident_memory_bytes"} {
				if families[more] == nil {
					t.Errorf("there is no %s", more)
				}
			}
			seen := strings.ToValidUTF8(name, "�")
			requests := families["graygate_requests_total"].Metric // those without a route are the first
			if got := requests[len(requests)-1].Label[0].GetValue(); got != seen {
				t.Errorf("service_name is %.60q, want %.60q", got, seen)
			}
		})
	}
}

func TestPromtoolReadsThePage(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on this machine: apt-get install prometheus")
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(own(full(t, "shop", "beta", "stable")))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func TestCollectorsBugsAreTold(t *testing.T) {
	row := func(name string, f func(*meter.Page), want string) {
		t.Run(name, func(t *testing.T) {
			r := meter.New(1)
			defer r.Close()
			r.Collect(f)
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v\nwant %v", got, want)
				}
			}()
			r.Write(io.Discard)
		})
	}
	row("kind", func(p *meter.Page) { p.Counter(&meter.Connections, 1) }, `BUG: a counter graygate_connections with 0 label values: it is a gauge with the labels ["listener"]`)
	row("labels", func(p *meter.Page) { p.Counter(&meter.Retries, 1) }, `BUG: a counter graygate_retries_total with 0 label values: it is a counter with the labels ["reason"]`)
	row("stranger", func(p *meter.Page) { p.Gauge(&meter.Family{Name: "x", Kind: "gauge"}, 1) }, `BUG: a gauge x with 0 label values: it is a gauge with the labels []`)
}

// full after 3 writes.
type failing struct{ writes int }

func (f *failing) Write(p []byte) (int, error) {
	f.writes++
	if f.writes > 3 {
		return 0, errors.New("gone")
	}
	return len(p), nil
}

// TestPiecesOfAPage holds that a page is never in memory as a whole, that it is given away in pieces of a bounded size, and
// that nothing more is written to a reader who has gone.
func TestPiecesOfAPage(t *testing.T) {
	r := busy(t, 200, 5)
	var all sizes
	r.Write(&all)
	if all.bytes < 5<<20 || all.largest > 72<<10 || all.writes > all.bytes/(60<<10) {
		t.Errorf("a page of %d bytes came in %d pieces, the largest of %d bytes; want pieces of 64 to 72 KiB", all.bytes, all.writes, all.largest)
	}
	var gone failing
	r.Write(&gone)
	if gone.writes != 4 {
		t.Errorf("%d writes to a reader who was gone at the fourth", gone.writes)
	}
	var again sizes
	r.Write(&again)
	if again.bytes < 5<<20 {
		t.Errorf("the page after that has %d bytes", again.bytes)
	}
}

// blocking takes nothing until it is told to.
type blocking struct{ began, release chan struct{} }

func (b *blocking) Write(p []byte) (int, error) {
	select {
	case b.began <- struct{}{}:
	default:
	}
	<-b.release
	return len(p), nil
}

// TestSlowReaderHoldsNothing does all that others do while a scrape is stuck.
func TestSlowReaderHoldsNothing(t *testing.T) {
	r := busy(t, 20, 5)
	slow := &blocking{make(chan struct{}, 1), make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); r.Write(slow) }()
	<-slow.began
	g := r.Resolve()
	g.Series(meter.Key{Service: "new"}, nil).Observe(0, -1, 200, 0, -1)
	g.Commit()
	r.Collect(func(*meter.Page) {})
	r.Drain()
	if got := own(r); !strings.Contains(got, `service_name="new"`) || strings.Contains(got, "service-0001") {
		t.Errorf("the page after a reload:\n%.300s", got)
	}
	close(slow.release)
	<-done
}
