package meter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/goccy/go-yaml"

	"graygate/telemetry/meter"
)

const (
	dashboard = "../../examples/grafana/graygate.json"
	rules     = "../../examples/prometheus/rules.yml"
)

// question is an expression of an example, and what is made of its answer.
type question struct {
	where  string
	expr   string
	legend string   // names labels in {{ }}
	labels []string // other labels that are named
}

// variables are Grafana's, and what stands for those that are no part of a string.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h")

// dashboardQuestions are all of the dashboard.
func dashboardQuestions(t *testing.T) []question {
	text, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var all []question
	// Wherever in the document: an object with an expression is a query.
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(where, e)
			}
		case map[string]any:
			if title, is := v["title"].(string); is {
				where += "/" + title
			}
			if expr, is := v["expr"].(string); is {
				legend, _ := v["legendFormat"].(string)
				all = append(all, question{where: where, expr: variables.Replace(expr), legend: legend})
			}
			if definition, is := v["definition"].(string); is {
				m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(definition)
				if m == nil {
					t.Fatalf("%s: a variable that the test cannot read: %s", where, definition)
				}
				all = append(all, question{where: where + "/$" + v["name"].(string), expr: m[1], labels: []string{m[2]}})
			}
			for key, e := range v {
				if key != "title" {
					walk(where, e)
				}
			}
		}
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	walk("", document)
	return all
}

// ruleQuestions are those of the alerts, and the names of what is recorded.
func ruleQuestions(t *testing.T) (all []question, recorded []string) {
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Record, Alert, Expr, For string
				Labels, Annotations      map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err == nil {
		t.Fatal("groups have names: the test reads something else")
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			q := question{where: r.Record + r.Alert, expr: r.Expr}
			for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
				q.labels = append(q.labels, m[1])
			}
			if r.Record != "" {
				recorded = append(recorded, r.Record)
			} else if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s has no severity, summary or description", r.Alert)
			}
			all = append(all, q)
		}
	}
	return all, recorded
}

// sampled are the samples of a page: label values by name.
type sampled map[string][]map[string]string

// samplesOf reads a page line by line, as the names of what a histogram consists of are those that are asked for.
func samplesOf(page string) sampled {
	all := sampled{}
	label := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		// Prometheus adds these.
		values := map[string]string{"__name__": name, "job": "graygate", "instance": "127.0.0.1:9901"}
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			values[m[1]] = m[2]
		}
		all[name] = append(all[name], values)
	}
	return all
}

// fits says whether a sample is one that a filter lets pass. Grafana's variables let all pass.
func fits(sample map[string]string, f metricsql.LabelFilter) bool {
	value, is := sample[f.Label]
	if !is {
		return false // it would be "" for Prometheus; here it is a slip of the pen
	}
	if strings.HasPrefix(f.Value, "$") {
		return true
	}
	same := value == f.Value
	if f.IsRegexp {
		same = regexp.MustCompile("^(?:" + f.Value + ")$").MatchString(value)
	}
	return same != f.IsNegative
}

// complaints are what is wrong with a question, seen from what there is.
func complaints(q question, there sampled) []string {
	parsed, err := metricsql.Parse(q.expr)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", q.where, err)}
	}
	var all []string
	complain := func(format string, args ...any) { all = append(all, q.where+": "+fmt.Sprintf(format, args...)) }
	known, grouped := map[string]bool{}, map[string]bool{}
	aggregated := false
	selectors := 0
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		m, is := e.(*metricsql.MetricExpr)
		if !is {
			return
		}
		for _, filters := range m.LabelFilterss {
			selectors++
			name := filters[0].Value
			samples := there[name]
			if samples == nil {
				complain("there is no %s", name)
				continue
			}
			for label := range samples[0] {
				known[label] = true
			}
			if !slices.ContainsFunc(samples, func(s map[string]string) bool {
				return !slices.ContainsFunc(filters, func(f metricsql.LabelFilter) bool { return !fits(s, f) })
			}) {
				complain("no sample fits %s", m.AppendString(nil))
			}
		}
	})
	if selectors == 0 {
		complain("it asks for nothing")
	}
	modifier := func(m metricsql.ModifierExpr) {
		for _, label := range m.Args {
			if !known[label] {
				complain("%s (%s): no metric in it has such a label", m.Op, label)
			}
		}
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.AggrFuncExpr:
			modifier(e.Modifier)
			aggregated = true
			for _, label := range e.Modifier.Args {
				grouped[label] = e.Modifier.Op == "by" || grouped[label]
			}
		case *metricsql.BinaryOpExpr:
			modifier(e.GroupModifier)
			modifier(e.JoinModifier)
		}
	})
	shown := slices.Clone(q.labels)
	for _, m := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(q.legend, -1) {
		shown = append(shown, m[1])
	}
	for _, label := range shown {
		// What is aggregated `without` a label keeps the others of what was recorded.
		kept := grouped[label] || known[label] && (!aggregated || strings.Contains(q.expr, "without"))
		if !kept {
			complain("%s is shown, and is no label of the answer", label)
		}
	}
	return all
}

// there is what can be asked for.
func thereIs(t *testing.T, recorded ...string) sampled {
	r := full(t, "shop", "beta", "stable")
	var page strings.Builder
	r.Write(&page)
	meter.WriteProcess(&page)
	all := samplesOf(page.String())
	for _, name := range append(recorded, "up") {
		for _, gray := range []string{"true", "false"} {
			all[name] = append(all[name], map[string]string{"__name__": name, "job": "graygate", "instance": "a", "service_name": "shop", "is_gray": gray})
		}
	}
	return all
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	there, asked := thereIs(t), dashboardQuestions(t)
	if len(asked) < 50 {
		t.Errorf("only %d questions found", len(asked))
	}
	whole := ""
	for _, q := range asked {
		for _, c := range complaints(q, there) {
			t.Error(c)
		}
		whole += q.expr
	}
	// And the other way round: what the gateway measures can be seen.
	for name := range there {
		family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "graygate_") && !strings.Contains(whole, family) {
			t.Errorf("the dashboard does not show %s", family)
		}
	}
}

func TestDashboardHasItsPanelsSideBySide(t *testing.T) {
	text, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] != "" || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %q: it has no title, the number of %q, or no room", p.ID, p.Title, ids[p.ID])
		}
		ids[p.ID] = p.Title
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("%q lies on %q", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
	if d.UID != "graygate" || len(ids) < 30 {
		t.Errorf("dashboard %q has %d panels", d.UID, len(ids))
	}
}

func TestAlertsAskForWhatThereIs(t *testing.T) {
	asked, recorded := ruleQuestions(t)
	there := thereIs(t, recorded...)
	if len(asked) < 15 {
		t.Errorf("only %d rules found", len(asked))
	}
	for _, q := range asked {
		for _, c := range complaints(q, there) {
			t.Error(c)
		}
	}
}

func TestComplaintsAreMade(t *testing.T) {
	there := thereIs(t)
	row := func(q question, want ...string) {
		t.Run(q.expr, func(t *testing.T) {
			if got := complaints(q, there); !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
	row(question{expr: `sum by (reason) (rate(graygate_retries_total{job=~"$job"}[5m]))`, legend: "{{reason}}"})
	row(question{expr: `graygate_endpoint_up == 0`, labels: []string{"endpoint"}})
	row(question{where: "a", expr: `sum(`}, `a: singleExpr: unexpected token ""; want "(", "{", "-", "+"; unparsed data: ""`)
	row(question{where: "a", expr: `graygate_retry_total`}, "a: there is no graygate_retry_total")
	row(question{where: "a", expr: `graygate_retries_total{reasons="x"}`}, `a: no sample fits graygate_retries_total{reasons="x"}`)
	row(question{where: "a", expr: `graygate_requests_total{is_gray="yes"}`}, `a: no sample fits graygate_requests_total{is_gray="yes"}`)
	row(question{where: "a", expr: `graygate_requests_total{http_status_code=~"6.."}`}, `a: no sample fits graygate_requests_total{http_status_code=~"6.."}`)
	row(question{where: "a", expr: `sum by (pool) (graygate_endpoint_up)`}, "a: by (pool): no metric in it has such a label")
	row(question{where: "a", expr: `sum by (upstream) (graygate_endpoint_up)`, legend: "{{endpoint}}"}, "a: endpoint is shown, and is no label of the answer")
	row(question{where: "a", expr: `1 + 1`}, "a: it asks for nothing")
}

// TestPromtoolReadsTheExamples has Prometheus's own parser read both, which is stricter than the one above, and runs the
// scenarios of the alerts.
func TestPromtoolReadsTheExamples(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on this machine: apt-get install prometheus")
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(promtool, args...)
		cmd.Dir = filepath.Dir(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
	run("check", "rules", "rules.yml")
	run("test", "rules", "rules_test.yml")

	type rule struct{ Record, Expr string }
	var all []rule
	for i, q := range dashboardQuestions(t) {
		all = append(all, rule{fmt.Sprint("panel", i), q.expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []map[string]any{{"name": "dashboard", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", file)
}
