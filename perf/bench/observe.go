package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"graygate/perf/load"
	"graygate/perf/measure"
	"graygate/perf/rig"
)

// scrapePause is from one scrape to the next: the admin server gives its answers a quarter of a core's time.
const scrapePause = 400 * time.Millisecond

// The two that are compared.
const (
	seen   = "observed" // metrics, 1 % of the traces, a line for every request
	unseen = "unseen"   // none of them
)

type observeSummary struct {
	Pairs    comparison        `json:"pairs"`
	Requests float64           `json:"requests"`      // that the metrics of the observed one have counted
	Spans    float64           `json:"spans"`         // that the collector has taken
	Lines    int               `json:"log_lines"`     // in its access log
	Dropped  float64           `json:"log_dropped"`   // lines that it has lost
	Lost     float64           `json:"spans_dropped"` // spans that it has lost
	Scrape   measure.Spread    `json:"scrape_ms"`
	Bytes    int               `json:"scrape_bytes"`
	Series   int               `json:"scrape_lines"`
	Control  waits             `json:"control"`  // requests while nobody scrapes
	Scraping waits             `json:"scraping"` // requests while a page is written
	Wakes    []measure.GoBench `json:"wakes"`    // of a loop that waits for events (BenchmarkScrapeWake)
}

// observeCommand: what it costs to see everything.
func observeCommand() command {
	return command{
		name: "observe", does: "metrics, 1 % of the traces and a log of every request against none: CPU per request; what a scrape costs",
		tools: []string{"nginx", "wrk", "go"},
		flags: func(fs *flag.FlagSet, o *options) {
			o.subject = rig.Graygate
			fs.IntVar(&o.rounds, "rounds", 7, "rounds for each of the two")
			o.wrkFlags(fs, 4, 64)
			fs.IntVar(&o.routes, "routes", 1000, "routes with five rules each, for the scrapes")
			fs.IntVar(&o.scrapes, "scrapes", 30, "how often the page is asked for")
		},
		estimate: func(o options) time.Duration {
			return time.Duration(2*(o.warmup+o.rounds*(o.seconds+1))+60) * time.Second
		},
		run: runObserve,
	}
}

func runObserve(ctx context.Context, s *session) error {
	sum := &observeSummary{}
	pools, err := s.rig.StartBackend(ctx, "stable", "gray")
	if err != nil {
		return err
	}
	if err := s.observePairs(ctx, pools, sum); err != nil {
		return err
	}
	s.report.Summary = sum
	if err := s.observeScrapes(ctx, pools, sum); err != nil {
		return err
	}
	root, err := rig.Root()
	if err != nil {
		return err
	}
	binary, err := s.buildTest(ctx, root, "gateway")
	if err != nil {
		return err
	}
	progress("a loop that wakes up every millisecond, with scrapes and without")
	if sum.Wakes, err = s.goBench(ctx, binary, filepath.Join(root, "gateway"), "^BenchmarkScrapeWake$", 5*time.Second); err != nil {
		return err
	}
	s.judgeObserve(sum)
	return nil
}

// observePairs runs the two in turn.
func (s *session) observePairs(ctx context.Context, pools []string, sum *observeSummary) error {
	collector, err := newCollector()
	if err != nil {
		return err
	}
	defer collector.close()
	log := filepath.Join(s.rig.Dir, "access.log")
	observed := map[string]string{
		seen:   fmt.Sprintf("access_log: {to: %q, sample: all}\ntracing: {endpoint: %q, sample: 1%%, gray: off}\nmetrics: on\n", log, collector.url),
		unseen: "access_log: off\ntracing: off\nmetrics: off\n",
	}
	s.proxies = []string{seen, unseen}
	var proxies []*rig.Proxy
	for _, name := range s.proxies {
		p, err := s.rig.StartGraygate(ctx, name, rig.Setup{Stable: pools[0], Gray: pools[1], Loops: 1, CPUs: s.rig.CPUs.Proxy,
			GraygatePath: s.graygate, Observed: observed[name]})
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
	}
	sc := scenario{Name: fmt.Sprintf("%d-byte answers", rig.AnswerBytes), Load: s.wrkLoad("/"), check: checkRouting}
	rounds, err := s.pairedRounds(ctx, proxies, []scenario{sc})
	s.report.Rounds = rounds
	if err != nil {
		return err
	}
	sum.Pairs = compare(sc.Name, s.proxies, rounds)
	for _, r := range rounds {
		if r.Errors > 0 {
			s.report.fail("round %d: %s had %d errors in %d requests", r.Round, r.Proxy, r.Errors, r.Requests)
		}
	}
	// What is under way reaches the collector within a second or two.
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	page, _, err := scrape(ctx, proxies[0])
	if err != nil {
		return err
	}
	sum.Requests, sum.Dropped = total(page, "graygate_requests_total"), total(page, "graygate_access_log_dropped_total")
	sum.Spans, sum.Lost = total(page, `graygate_spans_total{result="exported"}`), total(page, `graygate_spans_total{result="dropped"}`)
	text, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	sum.Lines = strings.Count(string(text), "\n")
	var asked int64
	for _, r := range rounds {
		if r.Proxy == seen {
			asked += r.Requests
		}
	}
	switch { // the warm-up and the checks are counted too
	case sum.Requests < float64(asked):
		s.report.fail("the metrics have counted %.0f requests of %d or more", sum.Requests, asked)
	case float64(sum.Lines)+sum.Dropped < float64(asked):
		s.report.fail("the access log has %d lines, and has lost %.0f, of %d requests or more", sum.Lines, sum.Dropped, asked)
	case sum.Spans == 0 || collector.exports.Load() == 0:
		s.report.fail("no span has come to the collector")
	}
	for _, p := range proxies {
		p.Stop() // the scrapes are to have the machine to themselves
	}
	return nil
}

// observeScrapes asks for the page of a large config of which every series has counted something.
func (s *session) observeScrapes(ctx context.Context, pools []string, sum *observeSummary) error {
	p, err := s.rig.StartGraygate(ctx, "scraped", rig.Setup{Stable: pools[0], Gray: pools[1], GraygatePath: s.graygate,
		Large: rig.Large{Routes: s.routes}})
	if err != nil {
		return err
	}
	progress("a request for each of %d series", s.routes*(rig.LargeRules+1))
	if err := s.fill(ctx, p); err != nil {
		return err
	}
	probe := load.Probe{Address: p.Address, Connections: 2, Every: time.Millisecond, Fields: func(int, int) string { return "" }}
	progress("%d scrapes, beside requests", s.scrapes)
	run := probe.Start(ctx)
	err = pause(ctx, time.Second) // the warm-up
	var took []float64
	var scraping, control []span
	for i := 0; i < s.scrapes && err == nil; i++ {
		begun := time.Now()
		if sum.Bytes, err = drain(ctx, p); err != nil {
			break
		}
		over := time.Now()
		took = append(took, float64(over.Sub(begun))/float64(time.Millisecond))
		scraping = append(scraping, span{begun, over})
		err = pause(ctx, scrapePause)
		control = append(control, span{over.Add(scrapePause / 4), time.Now()})
	}
	samples, probeErr := run.Stop()
	if err != nil {
		return err
	}
	if probeErr != nil {
		return probeErr
	}
	page, _, err := scrape(ctx, p)
	if err != nil {
		return err
	}
	sum.Scrape, sum.Series = measure.Summarise(took), len(page)
	sum.Control, sum.Scraping = waitsIn(samples, control...), waitsIn(samples, scraping...)
	return nil
}

// fill makes a request for every rule of every route, and one for none.
func (s *session) fill(ctx context.Context, p *rig.Proxy) error {
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for i := range s.routes {
		for rule := range rig.LargeRules + 1 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Address+"/", nil)
			if err != nil {
				return err
			}
			req.Host = rig.LargeHost(i)
			req.Header.Set("X-Gray-Tag", fmt.Sprintf("r%d", rule)) // the last of them is no rule's
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("route %d: %s", i, resp.Status)
			}
		}
	}
	return nil
}

// scrape asks for the metrics. It gives the lines that hold a value.
func scrape(ctx context.Context, p *rig.Proxy) (page []string, size int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/metrics", nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("GET /metrics: %s: %.100s", resp.Status, body)
	}
	for line := range strings.Lines(string(body)) {
		if line[0] != '#' {
			page = append(page, strings.TrimSpace(line))
		}
	}
	return page, len(body), nil
}

// drain asks for the metrics and throws them away: whoever keeps 30 MB at a time disturbs the requests beside it more than
// the gateway does. It gives their size.
func drain(ctx context.Context, p *rig.Proxy) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	size, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 256<<10))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET /metrics: %s", resp.Status)
	}
	return int(size), nil
}

// total adds up the samples whose line begins so.
func total(page []string, prefix string) (sum float64) {
	for _, line := range page {
		if at := strings.LastIndexByte(line, ' '); at > 0 && strings.HasPrefix(line, prefix) {
			var v float64
			if _, err := fmt.Sscan(line[at+1:], &v); err == nil {
				sum += v
			}
		}
	}
	return sum
}

// collector takes spans by OTLP over HTTP and throws them away.
type collector struct {
	url     string
	exports atomic.Int64
	server  *http.Server
}

func newCollector() (*collector, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{url: "http://" + ln.Addr().String()}
	c.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.exports.Add(1)
		w.Header().Set("Content-Type", "application/x-protobuf") // an empty message: all were taken
	})}
	go func() { _ = c.server.Serve(ln) }()
	return c, nil
}

func (c *collector) close() { _ = c.server.Close() }

func (s *session) judgeObserve(sum *observeSummary) {
	fmt.Printf("\n%s", sum.Pairs)
	table := measure.NewTable("seen of it", "requests counted", "log lines", "lost", "spans", "lost")
	table.Row(seen, fmt.Sprintf("%.0f", sum.Requests), fmt.Sprint(sum.Lines), fmt.Sprintf("%.0f", sum.Dropped), fmt.Sprintf("%.0f", sum.Spans), fmt.Sprintf("%.0f", sum.Lost))
	fmt.Printf("\n%s", table)
	table = measure.NewTable(fmt.Sprintf("%d routes with %d rules", s.routes, rig.LargeRules), "scrape ms", "MB", "lines")
	table.Row("/metrics", ratioText(sum.Scrape), fmt.Sprintf("%.1f", float64(sum.Bytes)/1e6), fmt.Sprint(sum.Series))
	fmt.Printf("\n%s", table)
	table = measure.NewTable("requests meanwhile", "requests", "p50 us", "p99.9 us", "worst us", "over 1 ms")
	for _, row := range []struct {
		name string
		waits
	}{{"nobody scrapes", sum.Control}, {"while one is written", sum.Scraping}} {
		table.Row(row.name, fmt.Sprint(row.Requests), figure(row.P50), figure(row.P999), figure(row.Worst), fmt.Sprint(row.Over1ms))
	}
	fmt.Printf("\n%s", table)
	table = measure.NewTable("a loop that wakes up every millisecond", "p50 us late", "p99.9 us", "worst us", "over 1 ms of 1000", "scrapes")
	var quiet, busy float64
	for _, b := range sum.Wakes {
		table.Row(b.Name, figure(b.Own["p50-us"]), figure(b.Own["p999-us"]), figure(b.Own["late-us"]), figure(b.Own["over-1ms-per-1000"]), figure(b.Own["scrapes"]))
		if strings.HasSuffix(b.Name, "=background") {
			busy = b.Own["p999-us"]
		} else if b.Own["scrapes"] == 0 {
			quiet = b.Own["p999-us"]
		}
	}
	fmt.Printf("\n%s", table)
	s.report.goal("goal", "CPU per request, observed to unseen", sum.Pairs.Ratios[unseen].CPU.Median, 1.10, "x")
	s.report.goal("goal", "a scrape", sum.Scrape.Median, 100, " ms")
	// A stall by the scrape is what is there beyond the machine's own.
	s.report.goal("goal", "a loop's lateness while scraped, p99.9, beyond that without", (busy-quiet)/1000, 1, " ms")
}
