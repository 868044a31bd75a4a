package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graygate/match"
	"graygate/upstream"
)

// fence is a fenced block of a page: what stands behind the fence, and its text.
var fence = regexp.MustCompile("(?ms)^```([a-z ]+)\n(.*?)^```$")

// TestDocExamples runs the YAML of docs/configuration.md: a block that is marked wrong is refused with the text of the
// block behind it, any other is accepted. A block that is a part of a config is completed first.
func TestDocExamples(t *testing.T) {
	blocks := fence.FindAllStringSubmatch(readDoc(t), -1)
	t.Chdir("testdata/files") // what they name is there
	ran := 0
	for i, block := range blocks {
		kind, text := block[1], block[2]
		switch kind {
		case "yaml":
			p, err := Parse("graygate.yaml", []byte(complete(text)))
			if err == nil {
				_, err = Build(p, match.Lookups{}, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
			}
			if err != nil {
				t.Errorf("%s\n%v", text, err)
			}
		case "yaml wrong":
			want := blocks[i+1][2]
			if _, err := Parse("graygate.yaml", []byte(text)); err == nil || err.Error()+"\n" != want {
				t.Errorf("%s\ngot\n%v\nwant\n%s", text, err, want)
			}
		default:
			continue
		}
		ran++
	}
	if ran < 10 {
		t.Errorf("%d examples found: has the page lost its fences?", ran)
	}
}

// complete adds what a part of a config needs.
func complete(text string) string {
	for _, part := range []struct{ key, text string }{
		{"listeners", "listeners: [{address: :8080}]\n"},
		{"upstreams", "upstreams: {stable: {endpoints: [127.0.0.1:9101]}, gray: {endpoints: [127.0.0.1:9201]}}\n"},
		{"routes", "routes: [{name: main, stable: stable}]\n"},
	} {
		if !regexp.MustCompile(`(?m)^` + part.key + `:`).MatchString(text) {
			text += part.text
		}
	}
	return text
}

// TestDocTables: every key is documented, no other is, defaults and ranges are the real ones, and
// only loops and pid_file need a restart.
func TestDocTables(t *testing.T) {
	defaults := defaultTexts(t)
	ranges := map[string]string{
		".listeners":                fmt.Sprintf("1 to %d", MaxListeners),
		".loops":                    fmt.Sprintf("1 to %d", MaxLoops),
		".upstreams":                fmt.Sprintf("1 to %d", MaxKeys),
		".attributes":               fmt.Sprintf("at most %d", match.MaxAttributes-len(match.Builtins())),
		".drain_timeout":            formatDuration(MinTimeout) + " to " + formatDuration(MaxTimeout),
		"listeners.max_connections": fmt.Sprintf("1 to %d", MaxConnections),
		"limits.head_size":          formatSize(MinHeadSize) + " to " + formatSize(MaxHeadSize),
		"limits.header_count":       fmt.Sprintf("1 to %d", MaxHeaderCount),
		"attributes.from":           fmt.Sprintf("1 to %d", match.MaxSources),
		"upstreams.endpoints":       fmt.Sprintf("1 to %d", MaxEndpoints),
		"rules.when":                "at most " + formatSize(match.MaxConditionBytes),
		"rules.salt":                fmt.Sprintf("at most %d bytes", match.MaxSaltBytes),
		".layers":                   fmt.Sprintf("at most %d", match.MaxLayers),
		".experiments":              fmt.Sprintf("at most %d", MaxKeys),
		"issue.max_age":             formatDuration(MinCookieAge) + " to " + formatDuration(MaxCookieAge),
		"audiences.refresh":         formatDuration(MinRefresh) + " to " + formatDuration(MaxTimeout),
		"audiences.max_members":     fmt.Sprintf("1 to %d", MaxMembers),
		"layers.salt":               fmt.Sprintf("at most %d bytes", match.MaxSaltBytes),
		"holdouts.salt":             fmt.Sprintf("at most %d bytes", match.MaxSaltBytes),
		"experiments.salt":          fmt.Sprintf("at most %d bytes", match.MaxSaltBytes),
		"exclude_exposed.salt":      fmt.Sprintf("at most %d bytes", match.MaxSaltBytes),
		"experiments.owner":         fmt.Sprintf("at most %d bytes", MaxOwner),
		"experiments.when":          "at most " + formatSize(match.MaxConditionBytes),
		"experiments.slots":         fmt.Sprintf("0 to %d", match.Slots-1),
		"exclude_exposed.slots":     fmt.Sprintf("0 to %d", match.Slots-1),
		"experiments.variants":      fmt.Sprintf("1 to %d", match.MaxVariants),
		"variants.weight":           fmt.Sprintf("0 to %d", MaxWeight),
		"variants.headers":          fmt.Sprintf("at most %d", MaxHeaders),
		"variants.force":            fmt.Sprintf("at most %d", match.MaxForcedUnits),
	}
	maps.Copy(ranges, upstreamRanges())
	maps.Copy(ranges, telemetryRanges())
	documented := map[string][]string{}
	for _, row := range docRows(t) {
		id := row.section + "." + row.key
		documented[row.section] = append(documented[row.section], row.key)
		if want, ok := strings.CutPrefix(row.def, "`"); ok {
			want, _, _ = strings.Cut(want, "`")
			if got := defaults[id]; got != want {
				t.Errorf("%s: documented default %q, real %q", id, want, got)
			}
		} else if row.def == "required" && defaults[id] != "" && !slices.Contains(shortForms, id) {
			t.Errorf("%s: documented as required, has the default %q", id, defaults[id])
		}
		want := ranges[id]
		if row.section == "timeouts" {
			want = ranges[".drain_timeout"]
		}
		if want != "" && row.bounds != want {
			t.Errorf("%s: documented range %q, real %q", id, row.bounds, want)
		}
		wantReload := "reload"
		if id == ".loops" || id == ".pid_file" {
			wantReload = "restart"
		}
		if row.reload != wantReload {
			t.Errorf("%s: a change takes %q, want %q", id, row.reload, wantReload)
		}
	}
	for section, want := range knownKeys(t) {
		slices.Sort(want)
		slices.Sort(documented[section])
		if !slices.Equal(documented[section], want) {
			t.Errorf("section %q documents %v, want %v", section, documented[section], want)
		}
	}
}

// shortForms are the keys that defaultTexts writes without their names: http: /, A: 1.
var shortForms = []string{"http.path", "variants.weight"}

// defaultTexts is what configs print beyond what they say, by section and key: some with as little as can be in each mapping,
// at last the least there is.
func defaultTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, part := range []string{
		fullestUpstreams,
		"overload: {memory: 1%}\nadmin: {address: unix:/a}\ntracing: {endpoint: http://127.0.0.1:4318}\n",
		"attributes: {a: {from: [cookie A], issue: true}}\nlayers: {a: {by: a}}\n" +
			"experiments: {a: {layer: a, slots: [0], exclude_exposed: [{salt: x, slots: [0]}], variants: {A: 1}}}\n",
		"attributes: {a: {from: [header A]}}\nlayers: {a: {by: a}}\nexperiments: {a: {layer: a, slots: [0], variants: {A: 1}}}\n" +
			"audiences: {a: {redis: redis://a, key: a}}\n",
		"",
	} {
		p, err := Parse("x", []byte(complete(part)))
		if err != nil {
			t.Fatal(err)
		}
		written := map[string]bool{}
		for path := range flatten(t, []byte(complete(part))) {
			written[path] = true
		}
		for path, value := range flatten(t, p.YAML()) {
			section, key := sectionOf(path)
			id := section + "." + key
			switch {
			case written[path] || strings.HasSuffix(path, ".*"):
			case value == "" && slices.Contains(switches, id):
				texts[id] = "on" // a mapping
			default:
				texts[id] = value
			}
		}
	}
	return texts
}

type docRow struct{ section, key, def, bounds, reload string }

// docRows reads the tables of keys: those with five columns, under a heading that is the name of a mapping.
func docRows(t *testing.T) (rows []docRow) {
	section := ""
	for _, line := range strings.Split(readDoc(t), "\n") {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			if section = heading; heading == "Top level" {
				section = ""
			}
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 5 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, docRow{section, strings.Trim(cells[0], "`"), cells[2], cells[3], cells[4]})
	}
	if len(rows) < 40 {
		t.Fatalf("%d rows found: have the tables changed?", len(rows))
	}
	return rows
}

func readDoc(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
