package house

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is how long a file of code may be: longer, and it has more than one idea.
const maxLines = 500

// longer are the files that may be longer nevertheless, each with its reason.
var longer = map[string]string{}

// isCode says which files the length rule is about.
func isCode(file string) bool {
	return slices.Contains([]string{".go", ".sh", ".py", ".js"}, path.Ext(file)) || file == ".ci/run" || file == "Makefile"
}

// vague are the names of files that say nothing of what is in them.
var vague = regexp.MustCompile(`^(utils?|common|misc|stuff)(_test)?\.go$`)

// banned are words that have no place in any file. The patterns are written in parts, so that this file is clean too.
// A pattern is tried only where one of its hints, in lower case, is found: it is by far the slower search.
var banned = []struct {
	hints   []string
	pattern *regexp.Regexp
	why     string
}{
	{[]string{"todo", "fixme", "xxx", "hack"}, join(`\b(TO`, `DO|FIX`, `ME|XX`, `X|HA`, `CK)\b`), "what is not done yet is not in the repository; what will be done stands in the tracker"},
	{[]string{"root/", "home/", "work/", "users/"}, join(`\B/(ro`, `ot|ho`, `me|wo`, `rk|Us`, `ers)/`), "a path of somebody's own machine"},
	{[]string{"tmp/"}, join(`/t`, `mp/[a-z]`), "a path of somebody's own machine: tests use t.TempDir, scripts mktemp"},
	{[]string{"issue", "ticket", " request #"}, join(`(?i)\b(issue|ticket|pull request|merge request)`, ` ?#?[0-9]+\b`), "numbers of a tracker mean nothing to who reads the code: say what it was about"},
	{[]string{"language", "ai ", "ai-", "authored", "generated"}, join(`(?i)\b(language`, ` model|AI[- ](agent|assistant|generated|written)|co-auth`, `ored-by|gener`, `ated with)\b`), "the text stands for itself, whoever or whatever typed it"},
	{[]string{"registry.", "proxy.", "index.", "mirror."}, join(`(?i)\b(registry|proxy|index|mirror)\.[a-z0-9-]+\.(io|org|com|`, `dev|net)\b`), "a registry's or mirror's host: where packages come from is the user's setting"},
	{[]string{"cr.", "quay.", "docker."}, join(`(?i)\b(ghcr|gcr|quay|docker)\.`, `io\b`), "a registry's host: plain image names let the user choose the registry"},
}

func join(parts ...string) *regexp.Regexp { return regexp.MustCompile(strings.Join(parts, "")) }

// styleComplaints are the violations in one file.
func styleComplaints(f textFile) []string {
	var all []string
	if lines := strings.Count(f.text, "\n"); isCode(f.path) {
		reason, may := longer[f.path]
		switch {
		case lines > maxLines && !may:
			all = append(all, fmt.Sprintf("%s: %d lines, more than %d: find the second idea in it, or list it in internal/house with a reason", f.path, lines, maxLines))
		case lines <= maxLines && may:
			all = append(all, fmt.Sprintf("%s: %d lines: take it off the list of long files (%q)", f.path, lines, reason))
		}
	}
	if vague.MatchString(path.Base(f.path)) {
		all = append(all, f.path+": the name says nothing of what is in the file")
	}
	lower := strings.ToLower(f.text)
	for _, b := range banned {
		if !slices.ContainsFunc(b.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			continue
		}
		for _, at := range b.pattern.FindAllStringIndex(f.text, -1) {
			found := f.text[at[0]:at[1]]
			line := 1 + strings.Count(f.text[:at[1]], "\n")
			all = append(all, fmt.Sprintf("%s:%d: %q: %s", f.path, line, strings.TrimSpace(found), b.why))
		}
	}
	return all
}

func TestStyle(t *testing.T) {
	files := readTree(t)
	for _, f := range files {
		report(t, styleComplaints(f))
	}
	for listed := range longer {
		if !slices.ContainsFunc(files, func(f textFile) bool { return f.path == listed }) {
			t.Errorf("%s is listed as a long file and does not exist", listed)
		}
	}
}

func TestStyleRulesFire(t *testing.T) {
	row := func(f textFile, want ...string) {
		t.Run(f.path, func(t *testing.T) {
			if got := styleComplaints(f); !reflect.DeepEqual(got, want) {
				t.Errorf("file %q, %.80q\n got %q\nwant %q", f.path, f.text, got, want)
			}
		})
	}
	lines := func(n int) string { return strings.Repeat("x\n", n) }
	row(textFile{"match/full.go", lines(maxLines)})
	row(textFile{"match/long.go", lines(maxLines + 1)},
		"match/long.go: 501 lines, more than 500: find the second idea in it, or list it in internal/house with a reason")
	row(textFile{"match/testdata/vectors.txt", lines(9999)})
	row(textFile{"match/utils.go", ""}, "match/utils.go: the name says nothing of what is in the file")
	row(textFile{"docs/a.md", "one\n// TO" + "DO: two\n"},
		`docs/a.md:2: "TO`+`DO": what is not done yet is not in the repository; what will be done stands in the tracker`)
	row(textFile{"docs/b.md", "cp a /ho" + "me/eve/b\nsee /ro" + "otless/ and a/wo" + "rk/b and \"/\"\n"},
		`docs/b.md:1: "/ho`+`me/": a path of somebody's own machine`)
	row(textFile{"docs/c.md", "as in is" + "sue 12; the issue: true key is fine\n"},
		`docs/c.md:1: "is`+`sue 12": numbers of a tracker mean nothing to who reads the code: say what it was about`)
	row(textFile{"docs/d.md", "FROM registry.exam" + "ple.com/go:1\nFROM docker." + "io/go\n"},
		`docs/d.md:1: "registry.exam`+`ple.com": a registry's or mirror's host: where packages come from is the user's setting`,
		`docs/d.md:2: "docker.`+`io": a registry's host: plain image names let the user choose the registry`)
	row(textFile{"docs/e.md", "written\nby a language" + " model\n"},
		`docs/e.md:2: "language`+` model": the text stands for itself, whoever or whatever typed it`)
	row(textFile{"docs/f.md", "the proxy tries an index. Then a mirror.\n"})
}
