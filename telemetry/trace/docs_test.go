package trace_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/observability.md has every attribute that spans have, and no other.
func TestDocOfAttributes(t *testing.T) {
	text, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n| attribute | what |\n| --- | --- |\n")
	if !found {
		t.Fatal("there is no table of attributes")
	}
	var got, want []string
	for line := range strings.Lines(rest) {
		name, is := strings.CutPrefix(line, "| `")
		if !is {
			break
		}
		name, _, _ = strings.Cut(name, "`")
		got = append(got, name)
	}
	for _, row := range rows() {
		for _, a := range row.want.GetAttributes() {
			want = append(want, a.GetKey())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("the page has\n%q\nspans have\n%q", got, want)
	}
}
