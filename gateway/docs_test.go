package gateway_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// TestDocOfScrape compares the page of metrics in docs/observability.md with what a gateway with everything on tells: each metric is there,
// with its labels, and no other; and of the labels that have a few words for values, the page names each that is seen.
func TestDocOfScrape(t *testing.T) {
	stable, gray := testkit.Serve(t, statuses), testkit.Serve(t, statuses)
	collector := testkit.Refused(t)
	p := testkit.Gateway(t, strings.Replace(testkit.Config(testkit.Pool(stable), testkit.Pool(gray), `attributes: {userid: {from: [header X-User-Id]}}
tracing: {endpoint: "http://`+collector.Addr+`"}
layers: {one: {by: userid}}
experiments: {color: {layer: one, slots: [0-9999], state: active, variants: {red: 1, blue: 1}}}
`), "  gray: {", "  gray: {probe: {http: /200}, ", 1)+"      - {name: ramp, percent: 1, by: userid}\n")
	c := testkit.Dial(t, p.Addr)
	c.Do(testkit.Get("/200", "X-User-Id: u1"))
	c.Do(testkit.Get("/200", "X-Gray-Tag: gray"))

	text, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	told := map[string][]string{} // by metric: the cells of labels and of what it is
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); strings.HasPrefix(line, "| `graygate_") && len(cells) == 7 {
			told[code.FindStringSubmatch(cells[1])[1]] = cells[4:6]
		}
	}
	var page bytes.Buffer
	seen := map[string]bool{}
	testkit.Until(t, "requests and probes to be counted", func() bool {
		page.Reset()
		p.Metrics(&page)
		return strings.Count(page.String(), "\ngraygate_requests_total{") == 2 && strings.Contains(page.String(), "\ngraygate_probe_results_total{")
	})
	label := regexp.MustCompile(`(\w+)="([^"]*)"`)
	for line := range strings.Lines(page.String()) {
		if name, is := strings.CutPrefix(line, "# TYPE graygate_"); is {
			name, _, _ = strings.Cut("graygate_"+name, " ")
			seen[name] = true
			continue
		}
		if !strings.HasPrefix(line, "graygate_") {
			continue
		}
		name := regexp.MustCompile(`^\w+`).FindString(line)
		row := told[name]
		if row == nil {
			name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			row = told[name]
		}
		if row == nil {
			continue // told below
		}
		words := code.FindAllString(row[1], -1)
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			if m[1] != "le" && !strings.Contains(row[0], "`"+m[1]+"`") {
				t.Errorf("%s: the page does not have the label %s", name, m[1])
			}
			if slices.Contains([]string{"reason", "kind", "result", "at"}, m[1]) && !slices.Contains(words, "`"+m[2]+"`") {
				t.Errorf("%s: the page does not name the %s %s, only %q", name, m[1], m[2], words)
			}
		}
	}
	for name := range told {
		if !seen[name] {
			t.Errorf("the page has %s, and the scrape has not", name)
		}
	}
	for name := range seen {
		if told[name] == nil {
			t.Errorf("the scrape has %s, and the page has not", name)
		}
	}
}
