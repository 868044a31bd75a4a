package faultlab

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"graygate/config"
)

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/resilience.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What the document gives as the defaults is what holds without it.
func TestDocumentHasTheDefaults(t *testing.T) {
	written := regexp.MustCompile("(?s)```yaml\n(upstreams:.*?)```").FindStringSubmatch(document(t))
	if written == nil {
		t.Fatal("the document has no block of defaults")
	}
	plan := func(upstreams string) *config.Plan {
		p, err := config.Parse("graygate.yaml", []byte("listeners: [{address: :8080}]\n"+upstreams+"routes: [{name: a, stable: stable, gray: gray}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	got := plan(written[1])
	want := plan("upstreams:\n  stable: {endpoints: [127.0.0.1:9101, 127.0.0.1:9102]}\n  gray: {endpoints: [127.0.0.1:9201]}\n")
	if got, want := got.Upstreams[0], want.Upstreams[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("the document's defaults\n got %+v\n     breaker %+v\n     outlier %+v\nwant %+v\n     breaker %+v\n     outlier %+v",
			got, got.Pool.Breaker, got.Pool.Outlier, want, want.Pool.Breaker, want.Pool.Outlier)
	}
	// The table of reasons says the same.
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(document(t), -1) {
		for _, key := range regexp.MustCompile("`([a-z_]+: [^`]+)`").FindAllStringSubmatch(m[1], -1) {
			if name, _, _ := strings.Cut(key[1], ":"); strings.Contains(written[1], name+": ") && !strings.Contains(written[1], key[1]) {
				t.Errorf("the table of reasons speaks of %s, which is not in the block of defaults", key[1])
			}
		}
	}
}

// The document's table is that of the scenarios, in their order.
func TestDocumentHasTheScenarios(t *testing.T) {
	_, table, _ := strings.Cut(document(t), "| scenario | promise |\n| --- | --- |\n")
	var got, want []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			break
		}
		got = append(got, strings.TrimSpace(cells[1]))
	}
	for _, s := range scenarios {
		want = append(want, s.name)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("scenarios of the document\n got %q\nwant %q", got, want)
	}
}
