package main

import (
	"fmt"

	"graygate/perf/measure"
	"graygate/perf/rig"
)

// proxyFigures are one proxy's figures over the rounds of a scenario.
type proxyFigures struct {
	RequestsPerSecond measure.Spread `json:"requests_per_second"`
	P50Micros         measure.Spread `json:"p50_us"`
	P99Micros         measure.Spread `json:"p99_us"`
	CPUMicros         measure.Spread `json:"cpu_us_per_request"`
	UserMicros        measure.Spread `json:"user_us_per_request"`
	SystemMicros      measure.Spread `json:"system_us_per_request"`
	BusyPercent       measure.Spread `json:"busy_percent"`
	OthersPercent     measure.Spread `json:"others_percent"`
	RSSBytes          measure.Spread `json:"rss_bytes"`
	Errors            int64          `json:"errors"` // of all rounds
}

// peerRatio is ours divided by a peer's, round by round.
type peerRatio struct {
	Rounds            []roundRatio   `json:"rounds"`
	RequestsPerSecond measure.Spread `json:"requests_per_second"`
	CPU               measure.Spread `json:"cpu_per_request"`
	P99               measure.Spread `json:"p99"`
}

type roundRatio struct {
	RequestsPerSecond float64 `json:"requests_per_second"`
	CPU               float64 `json:"cpu_per_request"`
	P99               float64 `json:"p99"`
}

// comparison is the summary of one scenario. Ratios are those of the first proxy to every other.
type comparison struct {
	Scenario string                  `json:"scenario"`
	Ours     string                  `json:"ratios_of"`
	Figures  map[string]proxyFigures `json:"medians"`
	Ratios   map[string]peerRatio    `json:"ratios_to"`

	order []string
}

// compare sums the rounds of a scenario up.
func compare(scenario string, order []string, rounds []round) comparison {
	c := comparison{Scenario: scenario, Ours: order[0], order: order,
		Figures: map[string]proxyFigures{}, Ratios: map[string]peerRatio{}}
	by := func(proxy string, of func(round) float64) []float64 {
		var xs []float64
		for _, r := range rounds {
			if r.Scenario == scenario && r.Proxy == proxy {
				xs = append(xs, of(r))
			}
		}
		return xs
	}
	rps := func(r round) float64 { return r.RequestsPerSecond }
	cpu := func(r round) float64 { return r.CPUMicros }
	p99 := func(r round) float64 { return r.P99Micros }
	for _, name := range order {
		spread := func(of func(round) float64) measure.Spread { return measure.Summarise(by(name, of)) }
		f := proxyFigures{
			RequestsPerSecond: spread(rps), CPUMicros: spread(cpu), P99Micros: spread(p99),
			P50Micros:     spread(func(r round) float64 { return r.P50Micros }),
			UserMicros:    spread(func(r round) float64 { return r.UserMicros }),
			SystemMicros:  spread(func(r round) float64 { return r.SystemMicros }),
			BusyPercent:   spread(func(r round) float64 { return r.BusyPercent }),
			OthersPercent: spread(func(r round) float64 { return r.OthersPercent }),
			RSSBytes:      spread(func(r round) float64 { return float64(r.RSSBytes) }),
		}
		for _, r := range rounds {
			if r.Scenario == scenario && r.Proxy == name {
				f.Errors += r.Errors
			}
		}
		c.Figures[name] = f
		if name == c.Ours {
			continue
		}
		ratios := func(of func(round) float64) []float64 { return measure.Ratios(by(c.Ours, of), by(name, of)) }
		peer := peerRatio{RequestsPerSecond: measure.Summarise(ratios(rps)), CPU: measure.Summarise(ratios(cpu)), P99: measure.Summarise(ratios(p99))}
		for i, r := range ratios(rps) {
			peer.Rounds = append(peer.Rounds, roundRatio{RequestsPerSecond: r, CPU: ratios(cpu)[i], P99: ratios(p99)[i]})
		}
		c.Ratios[name] = peer
	}
	return c
}

// String is two tables: what each did, and what ours is to each peer.
func (c comparison) String() string {
	table := measure.NewTable(c.Scenario, "requests/s", "p50 ms", "p99 ms", "CPU us/req", "user", "system", "busy %", "others %", "RSS MB", "errors")
	for _, name := range c.order {
		f := c.Figures[name]
		table.Row(name, fmt.Sprintf("%.0f", f.RequestsPerSecond.Median),
			fmt.Sprintf("%.2f", f.P50Micros.Median/1e3), fmt.Sprintf("%.2f", f.P99Micros.Median/1e3),
			fmt.Sprintf("%.2f", f.CPUMicros.Median), fmt.Sprintf("%.2f", f.UserMicros.Median), fmt.Sprintf("%.2f", f.SystemMicros.Median),
			fmt.Sprintf("%.0f", f.BusyPercent.Median), fmt.Sprintf("%.0f", f.OthersPercent.Median), fmt.Sprintf("%.1f", f.RSSBytes.Median/1e6), fmt.Sprint(f.Errors))
	}
	if len(c.order) == 1 {
		return table.String()
	}
	return table.String() + "\n" + c.ratios()
}

// ratios is the second of the tables.
func (c comparison) ratios() string {
	table := measure.NewTable(c.Ours+" to", "CPU/request", "requests/s", "p99")
	for _, name := range c.order[1:] {
		r := c.Ratios[name]
		table.Row(name, ratioText(r.CPU), ratioText(r.RequestsPerSecond), ratioText(r.P99))
	}
	return table.String()
}

func ratioText(s measure.Spread) string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max)
}

// conclude sums up and prints every scenario and enters, for each peer, CPU per request as a goal of this kind.
func (s *session) conclude(rounds []round, scenarios []scenario, kinds map[string]float64) {
	s.report.Rounds = rounds
	var all []comparison
	for _, sc := range scenarios {
		c := compare(sc.Name, s.proxies, rounds)
		all = append(all, c)
		fmt.Printf("\n%s", c)
		if c.Ours != rig.Graygate {
			continue // peers among themselves have promised us nothing
		}
		for _, peer := range c.order[1:] {
			for _, kind := range []string{"goal", "aim"} {
				atMost, wanted := kinds[kind]
				if ratio := c.Ratios[peer]; wanted && len(ratio.Rounds) > 0 {
					s.report.goal(kind, fmt.Sprintf("%s: CPU per request to %s", sc.Name, peer), ratio.CPU.Median, atMost, "x")
				}
			}
		}
	}
	s.report.Summary = all
}
