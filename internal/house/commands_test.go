package house

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// TestCommandsInDocumentsExist asks the real binary for every command and flag of graygate's own that a document shows,
// so for those too that no session runs. (Targets of make are TestMakeTargets'.)
func TestCommandsInDocumentsExist(t *testing.T) {
	help := map[string]string{}
	count := 0
	for doc, found := range documents(t) {
		for _, b := range found {
			if b.lang != "sh" && b.lang != "console" {
				continue
			}
			for _, call := range calls(b.text, b.lang == "console") {
				count++
				text, asked := help[call[0]]
				if !asked {
					out, err := exec.Command(binary(t), call[0], "--help").CombinedOutput()
					if err != nil {
						t.Errorf("%s, block of line %d: there is no `graygate %s`: %v\n%s", doc, b.line, call[0], err, out)
					}
					text = string(out)
					help[call[0]] = text
				}
				for _, flag := range call[1:] {
					if !strings.Contains(text, flag+" ") && !strings.Contains(text, flag+"=") && !strings.Contains(text, flag+",") {
						t.Errorf("%s, block of line %d: `graygate %s` has no flag %s:\n%s", doc, b.line, call[0], flag, text)
					}
				}
			}
		}
	}
	if count < 3 {
		t.Errorf("only %d commands found in the documents", count)
	}
}

// calls finds the calls of graygate in a block: each its command, then the flags. In a session, the lines without a
// prompt are output.
func calls(text string, session bool) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line, prompt := strings.CutPrefix(line, "$ ")
		if session && !prompt {
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) > 0 && words[0] == "sudo" {
			words = words[1:]
		}
		if len(words) < 2 || words[0] != "graygate" && words[0] != "bin/graygate" {
			continue
		}
		call := []string{words[1]}
		for _, w := range words[2:] {
			if strings.HasPrefix(w, "-") {
				name, _, _ := strings.Cut(w, "=")
				call = append(call, name)
			}
		}
		all = append(all, call)
	}
	return all
}

func TestCallsAreFound(t *testing.T) {
	row := func(name, text string, session bool, want [][]string) {
		t.Run(name, func(t *testing.T) {
			if got := calls(text, session); !reflect.DeepEqual(got, want) {
				t.Errorf("text %q, session %v\n got %q\nwant %q", text, session, got, want)
			}
		})
	}
	row("commands", "graygate check -c a --print   # --not\nsudo bin/graygate reload --timeout=1s\ngraygate\nmake graygate -x\n", false,
		[][]string{{"check", "-c", "--print"}, {"reload", "--timeout"}})
	row("session", "$ graygate version\ngraygate is up\n", true, [][]string{{"version"}})
}
