package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// topData is what of /ui/data is shown.
type topData struct {
	AtMS    float64 `json:"at_ms"`
	Process struct {
		PID     int
		Version string
		UptimeS float64 `json:"uptime_s"`
	}
	Generation uint64
	Ready      bool
	Reload     struct{ OK bool }
	Gateway    struct {
		Connections int64
		LoopLagMS   float64 `json:"loop_lag_ms"`
		Counters    struct{ Requests, Gray, Fallbacks, Cut uint64 }
	}
	BoundsMS []float64 `json:"bounds_ms"`
	Metered  bool
	Routes   []topRoute
	Pools    []poolData
	Events   struct {
		Last  uint64
		Items []topEvent
	}
}

type topRoute struct {
	Name      string
	Requests  uint64
	Gray      uint64 `json:"gray_assigned"`
	Fallbacks uint64
	Stable    topSide
	GraySide  topSide `json:"gray"`
}

type topSide struct {
	Requests, Errors uint64
	Latency          struct{ Buckets []uint64 }
}

type topEvent struct {
	Time                                   time.Time
	Kind, Pool, Endpoint, From, To, Reason string
}

const (
	keptEvents = 50  // enough for any terminal
	mostWide   = 512 // columns that are used
)

// topView is what top shows: the newest state, and the one before, for rates.
type topView struct {
	before, now *topData
	events      []topEvent // the newest last
	trouble     error      // why there is no newer state
}

func newTopView(first *topData) *topView {
	v := &topView{before: first, now: first}
	v.remember(first)
	return v
}

// take puts a newer state in. One of another process, or of a clock that went back, begins anew.
func (v *topView) take(next *topData) {
	v.before, v.now = v.now, next
	if next.AtMS <= v.before.AtMS || next.Process.PID != v.before.Process.PID {
		v.before, v.events = next, nil
	}
	v.remember(next)
}

func (v *topView) remember(d *topData) {
	v.events = append(v.events, d.Events.Items...)
	if n := len(v.events); n > keptEvents {
		v.events = slices.Clone(v.events[n-keptEvents:])
	}
}

// frame makes the lines of a picture: at most height, each of at most width columns, the first always there.
func (v *topView) frame(width, height int, held bool) []string {
	width = min(width, mostWide)
	head := v.head(held)
	left := height - len(head)
	// Routes may have half of what is left, endpoints most of the rest; who needs less leaves it to the others.
	routes, endpoints, events := v.routeLines(), v.endpointLines(), v.eventLines()
	least := min(len(events), 4)
	nRoutes := min(len(routes), max(left/2, left-len(endpoints)-least))
	nEndpoints := min(len(endpoints), left-nRoutes-least)
	lines := slices.Concat(head, cutLines(routes, nRoutes), cutLines(endpoints, nEndpoints))
	if n := min(len(events), height-len(lines)); n > 1 {
		lines = append(lines, events[0])
		lines = append(lines, events[len(events)-n+1:]...) // the newest
	}
	lines = cutLines(lines, height)
	for i := range lines {
		lines[i] = fit(lines[i], width)
	}
	return lines
}

// cutLines leaves the first n.
func cutLines(lines []string, n int) []string { return lines[:max(0, min(n, len(lines)))] }

// fit cuts a line to the width; it is plain ASCII.
func fit(line string, width int) string {
	if line = plainText(line); len(line) > width {
		return line[:max(width, 0)]
	}
	return line
}

// seconds is the time between the two states; 0 if there is only one.
func (v *topView) seconds() float64 { return max(v.now.AtMS-v.before.AtMS, 0) / 1e3 }

// rate is how much a count grew in a second; one that went down began anew.
func (v *topView) rate(before, now uint64) float64 {
	if s := v.seconds(); s > 0 && now >= before {
		return float64(now-before) / s
	}
	return 0
}

func (v *topView) head(held bool) []string {
	d, b := v.now, v.before
	state := "ready"
	if !d.Ready {
		state = "NOT READY"
	}
	if !d.Reload.OK {
		state += ", LAST RELOAD FAILED"
	}
	n, m := &d.Gateway.Counters, &b.Gateway.Counters
	all := v.rate(m.Requests, n.Requests)
	keys := "q quits, space holds"
	if held {
		keys = "HELD: space goes on, q quits"
	}
	lines := []string{
		fmt.Sprintf("graygate %s  pid %d  up %s  generation %d  %s", d.Process.Version, d.Process.PID,
			time.Duration(d.Process.UptimeS*float64(time.Second)).Round(time.Second), d.Generation, state),
		fmt.Sprintf("%s requests/s  gray %s  fallbacks %s/s  cut off %s/s", short(all),
			percentText(v.rate(m.Gray, n.Gray), all), short(v.rate(m.Fallbacks, n.Fallbacks)), short(v.rate(m.Cut, n.Cut))),
		fmt.Sprintf("%d connections  slowest tick %.0f ms ago  [%s]", d.Gateway.Connections, d.Gateway.LoopLagMS, keys),
	}
	if v.trouble != nil {
		lines = append(lines, "NO ANSWER: "+strings.ReplaceAll(v.trouble.Error(), "\n", " "))
	}
	return append(lines, "")
}

func (v *topView) routeLines() []string {
	if !v.now.Metered {
		return []string{"ROUTES: this gateway counts no requests by route", ""}
	}
	type row struct {
		topRoute
		was  topRoute
		rate float64
	}
	before := map[string]topRoute{}
	for _, r := range v.before.Routes {
		before[r.Name] = r
	}
	rows := make([]row, len(v.now.Routes))
	for i, r := range v.now.Routes {
		rows[i] = row{r, before[r.Name], v.rate(before[r.Name].Requests, r.Requests)}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(b.rate, a.rate) })
	lines := []string{fmt.Sprintf("%-20s %8s %6s %7s | %-15s | %-15s", "ROUTE", "req/s", "gray", "fall/s", "STABLE err  p95", "GRAY   err  p95")}
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("%-20s %8s %6s %7s | %6s %8s | %6s %8s", fit(r.Name, 20), short(r.rate), percentText(v.rate(r.was.Gray, r.Gray), r.rate),
			short(v.rate(r.was.Fallbacks, r.Fallbacks)), v.errors(&r.was.Stable, &r.Stable), v.p95(&r.was.Stable, &r.Stable),
			v.errors(&r.was.GraySide, &r.GraySide), v.p95(&r.was.GraySide, &r.GraySide)))
	}
	return append(lines, "")
}

// errors is the share of answers 5xx between the two states.
func (v *topView) errors(before, now *topSide) string {
	return percentText(v.rate(before.Errors, now.Errors), v.rate(before.Requests, now.Requests))
}

// p95 is the duration that 95 % of the requests between the two states were below, as well as buckets tell.
func (v *topView) p95(before, now *topSide) string {
	if v.seconds() == 0 {
		return "-"
	}
	grown := slices.Clone(now.Latency.Buckets)
	for i := range grown {
		if i < len(before.Latency.Buckets) && before.Latency.Buckets[i] <= grown[i] {
			grown[i] -= before.Latency.Buckets[i]
		}
	}
	ms, beyond := quantile(grown, v.now.BoundsMS, 0.95)
	if beyond {
		return "> " + milliText(ms)
	}
	return milliText(ms)
}

// quantile finds the value below which a share of what is counted lies, straight lines drawn through the buckets. beyond: it is
// above the last bound, which is given. Without counts it is 0.
func quantile(buckets []uint64, bounds []float64, share float64) (value float64, beyond bool) {
	total := uint64(0)
	for _, n := range buckets {
		total += n
	}
	if total == 0 || len(buckets) != len(bounds)+1 {
		return 0, false
	}
	rank, sum, low := share*float64(total), 0.0, 0.0
	for i, bound := range bounds {
		n := float64(buckets[i])
		if sum+n >= rank && n > 0 {
			return low + (bound-low)*(rank-sum)/n, false
		}
		sum += n
		low = bound
	}
	return low, true
}

func (v *topView) endpointLines() []string {
	lines := []string{fmt.Sprintf("%-10s %-21s %-9s %6s %8s  %s", "POOL", "ENDPOINT", "STATE", "flight", "latency", "reason")}
	for pass := range 2 { // those that are not asked first
		for i := range v.now.Pools {
			p := &v.now.Pools[i]
			for j := range p.Endpoints {
				if e := &p.Endpoints[j]; e.asked() == (pass == 1) {
					lines = append(lines, fmt.Sprintf("%-10s %-21s %-9s %6d %8s  %s", fit(p.Name, 10), fit(e.Address, 21), e.State, e.InFlight, milliText(e.Latency), e.Reason))
				}
			}
		}
	}
	return append(lines, "")
}

func (v *topView) eventLines() []string {
	lines := []string{"EVENTS"}
	for _, e := range v.events {
		what := strings.TrimSpace(e.Pool + " " + e.Endpoint)
		to := e.To
		if e.From != "" {
			to = e.From + " -> " + e.To
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s  %s", e.Time.Local().Format(time.TimeOnly), e.Kind, what, to, e.Reason))
	}
	return lines
}

// short writes a number in at most six columns.
func short(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n >= 100 || n == 0:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.1f", n)
}
