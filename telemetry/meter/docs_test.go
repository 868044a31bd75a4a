package meter_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graygate/telemetry/meter"
)

// document is the page about metrics.
const document = "../../docs/observability.md"

// table gives the cells of the table whose head is given, by row; those of | and ` are as they are.
func table(t *testing.T, head string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+head+"\n")
	if !found {
		t.Fatalf("%s has no table %s", document, head)
	}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "| ---") {
			continue
		}
		rows = append(rows, strings.Split(strings.Trim(line, "|"), "|"))
		last := rows[len(rows)-1]
		for i := range last {
			last[i] = strings.TrimSpace(last[i])
		}
	}
	return rows
}

// codes are the words of a cell that stand in backticks.
func codes(cell string) (all []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// The page has every metric, with its kind, its labels in their order, and a unit that its name does not belie.
func TestDocOfMetrics(t *testing.T) {
	rows := table(t, "| metric | type | unit | labels | what |")
	told := map[string][]string{}
	for _, row := range rows {
		name := codes(row[0])
		if len(row) != 5 || len(name) != 1 || told[name[0]] != nil {
			t.Errorf("a row of %d cells, or the second of its name: %q", len(row), row)
			continue
		}
		told[name[0]] = row
	}
	for _, f := range meter.Families() {
		row := told[f.Name]
		if row == nil {
			t.Errorf("the page has no %s", f.Name)
			continue
		}
		delete(told, f.Name)
		if row[1] != f.Kind || !slices.Equal(codes(row[3]), f.Labels) {
			t.Errorf("%s: the page says %s with the labels %q, and it is a %s with %q", f.Name, row[1], codes(row[3]), f.Kind, f.Labels)
		}
		for _, unit := range []string{"seconds", "bytes"} {
			if strings.Contains(f.Name, "_"+unit) != (row[2] == unit) {
				t.Errorf("%s: the page says the unit %q", f.Name, row[2])
			}
		}
		if row[2] == "" || row[4] == "" {
			t.Errorf("%s: no unit, or nothing said of it", f.Name)
		}
	}
	for name := range told {
		t.Errorf("the page has %s, which there is not", name)
	}
}

// The page's questions ask for what there is.
func TestDocOfQuestions(t *testing.T) {
	rows := table(t, "| question | PromQL |")
	if len(rows) < 5 {
		t.Errorf("only %d questions found", len(rows))
	}
	there := thereIs(t)
	for _, row := range rows {
		if q := codes(row[1]); len(row) != 2 || len(q) != 1 {
			t.Errorf("%q: %d cells and %d expressions, want 2 and 1", row[0], len(row), len(q))
		} else {
			for _, c := range complaints(question{where: row[0], expr: q[0]}, there) {
				t.Error(c)
			}
		}
	}
}
