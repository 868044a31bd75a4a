package house

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"graygate/config"
)

// block is a fenced code block. What follows its language says what becomes of it here:
//
//	```yaml              a config, or some of its top-level keys: must be right; examples/quickstart.yaml gives the others
//	```yaml wrong        a config that is refused, with the text of the block behind it
//	```yaml file=NAME    a config, right or wrong, that the session of this document finds as NAME
//	```console run       a session: lines with "$ " are run, the others are what they print (session_test.go)
//	```sh not-run="WHY"  commands for another place or another day; that they exist is checked (commands_test.go)
//	```json              JSON lines
//	```text              no code
type block struct {
	line  int // of its fence
	lang  string
	notes map[string]string // "run" → "", "file" → NAME
	text  string
}

var (
	noteForm = regexp.MustCompile(`([a-z-]+)(?:=("[^"]*"|\S+))?`)
	linkForm = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
)

// blocks finds the fenced blocks of a document, and says of which it is not clear what they are.
func blocks(f textFile) (all []block, complaints []string) {
	var open *block
	number := 0
	for line := range strings.Lines(f.text) {
		number++
		info, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && open == nil:
			lang, rest, _ := strings.Cut(info, " ")
			open = &block{line: number, lang: lang, notes: map[string]string{}}
			for _, m := range noteForm.FindAllStringSubmatch(rest, -1) {
				open.notes[m[1]] = strings.Trim(m[2], `"`)
			}
		case fence:
			if open.known() {
				all = append(all, *open)
			} else {
				complaints = append(complaints, fmt.Sprintf("%s:%d: a block of kind %q with notes %q: internal/house/markdown_test.go says which there are", f.path, open.line, open.lang, open.notes))
			}
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		complaints = append(complaints, fmt.Sprintf("%s:%d: the block has no end", f.path, open.line))
	}
	return all, complaints
}

func (b block) known() bool {
	has := func(notes ...string) bool {
		for _, n := range notes {
			if _, is := b.notes[n]; !is {
				return false
			}
		}
		return len(notes) == len(b.notes)
	}
	switch b.lang {
	case "yaml":
		return has() || has("wrong") || has("file") && b.notes["file"] == path.Base(b.notes["file"])
	case "console":
		return has("run") || has("run", "server")
	case "sh":
		return has("not-run") && b.notes["not-run"] != ""
	case "json", "text":
		return has()
	}
	return false
}

// documents are the Markdown files, each with its blocks.
func documents(t *testing.T) map[string][]block {
	t.Helper()
	all := map[string][]block{}
	for _, f := range withSuffix(readTree(t), ".md") {
		all[f.path], _ = blocks(f)
	}
	return all
}

func TestBlocksSayWhatTheyAre(t *testing.T) {
	for _, f := range withSuffix(readTree(t), ".md") {
		_, complaints := blocks(f)
		report(t, complaints)
	}
	for _, must := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"} {
		if _, is := documents(t)[must]; !is {
			t.Errorf("there is no %s", must)
		}
	}
}

func TestConfigsInDocumentsAreRight(t *testing.T) {
	base := read(t, root, "examples/quickstart.yaml")
	count := 0
	all := documents(t)
	t.Chdir(filepath.Join(root, "config/testdata/files")) // what they name is there
	for doc, found := range all {
		for i, b := range found {
			_, file := b.notes["file"]
			_, wrong := b.notes["wrong"]
			switch {
			case b.lang != "yaml" || file:
			case wrong:
				_, err := config.Parse("graygate.yaml", []byte(b.text))
				if i+1 == len(found) || err == nil || err.Error()+"\n" != found[i+1].text {
					t.Errorf("the config in line %d of %s:\n%s\nshould be refused with the text of the next block; got:\n%v", b.line, doc, b.text, err)
				}
			default:
				count++
				if _, err := config.Parse(fmt.Sprintf("%s:%d", path.Base(doc), b.line), []byte(overlay(base, b.text))); err != nil {
					t.Errorf("the config in line %d of %s:\n%s\nis refused:\n%v", b.line, doc, b.text, err)
				}
			}
		}
	}
	if count < 3 {
		t.Errorf("only %d configs found in the documents", count)
	}
}

func TestJSONInDocumentsIsRight(t *testing.T) {
	for doc, found := range documents(t) {
		for _, b := range found {
			if b.lang != "json" {
				continue
			}
			for line := range strings.Lines(b.text) {
				var fields map[string]any
				if err := json.Unmarshal([]byte(line), &fields); err != nil {
					t.Errorf("%s, block of line %d: %v in\n%s", doc, b.line, err, line)
				}
			}
		}
	}
}

func TestExamplesAreRight(t *testing.T) {
	files := 0
	for _, f := range withSuffix(readTree(t), ".yaml") {
		if strings.HasPrefix(f.path, "examples/") {
			files++
			if _, err := config.Parse(filepath.Join(root, f.path), []byte(f.text)); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if files == 0 {
		t.Error("no examples found")
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, f := range withSuffix(readTree(t), ".md") {
		for _, m := range linkForm.FindAllStringSubmatch(f.text, -1) {
			if _, err := os.Stat(filepath.Join(root, path.Dir(f.path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", f.path, m[1], err)
			}
		}
	}
}

// overlay gives base with the top-level keys of part in place of its own.
func overlay(base, part string) string {
	mine := topKeys(part)
	var out strings.Builder
	keep := true
	for line := range strings.Lines(base) {
		if key := topKey(line); key != "" {
			keep = !mine[key]
		}
		if keep {
			out.WriteString(line)
		}
	}
	return out.String() + part
}

func topKeys(text string) map[string]bool {
	keys := map[string]bool{}
	for line := range strings.Lines(text) {
		if key := topKey(line); key != "" {
			keys[key] = true
		}
	}
	return keys
}

// topKey is the key that a line of YAML begins at the top level, "" if it begins none.
func topKey(line string) string {
	if line == "" || strings.ContainsRune(" #-\n\t", rune(line[0])) {
		return ""
	}
	key, _, _ := strings.Cut(line, ":")
	return key
}

func TestBlocksAreFound(t *testing.T) {
	row := func(name, text string, want []block, complaints ...string) {
		t.Run(name, func(t *testing.T) {
			got, said := blocks(textFile{"a.md", text})
			if !reflect.DeepEqual(said, complaints) || !reflect.DeepEqual(got, want) {
				t.Errorf("document %q\n got %+v, complaints %q\nwant %+v, complaints %q", text, got, said, want, complaints)
			}
		})
	}
	const which = "internal/house/markdown_test.go says which there are"
	none := map[string]string{}
	row("none", "# a\n`b`\n", nil)
	row("two", "a\n```yaml\nb: 1\n\nc: 2\n```\nd\n```sh not-run=\"needs root\"\ne\n```\n", []block{
		{2, "yaml", none, "b: 1\n\nc: 2\n"},
		{8, "sh", map[string]string{"not-run": "needs root"}, "e\n"},
	})
	row("session", "```console run server\n$ x\n```\n", []block{{1, "console", map[string]string{"run": "", "server": ""}, "$ x\n"}})
	row("no reason, and another one", "```sh\na\n```\n```text\nb\n```\n", []block{{4, "text", none, "b\n"}}, `a.md:1: a block of kind "sh" with notes map[]: `+which)
	row("no kind", "```\na\n```\n", nil, `a.md:1: a block of kind "" with notes map[]: `+which)
	row("no end", "a\n```text\na\n", nil, `a.md:2: the block has no end`)
	row("a file elsewhere", "```yaml file=../x\na\n```\n", nil, `a.md:1: a block of kind "yaml" with notes map["file":"../x"]: `+which)
}

func TestOverlay(t *testing.T) {
	base := "# base\na: 1\nb:\n  - x\n# of c\nc: {d: 1}\n"
	if got, want := overlay(base, "b: [y]\n"), "# base\na: 1\nc: {d: 1}\nb: [y]\n"; got != want {
		t.Errorf("b replaced in %q\n got %q\nwant %q", base, got, want)
	}
}
