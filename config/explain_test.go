package config

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"graygate/match"
	"graygate/upstream"
)

// explainedAt is when the requests of the golden files come.
var explainedAt = time.Date(2026, 12, 10, 12, 0, 0, 0, time.UTC)

const testKey = "0123456789abcdef0123456789abcdef"

// members is an audience.
type members []string

func (m members) Contains(member []byte) bool {
	for _, one := range m {
		if one == string(member) {
			return true
		}
	}
	return false
}

// folderWithKey gives a folder with the files that configs of these tests name.
func folderWithKey(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"key.txt": testKey + "\n", "beta.txt": "ivan\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// compileIn compiles a config as if it stood in a folder. Its audiences, if there are any, hold ivan.
func compileIn(folder, text string) (*Snapshot, error) {
	plan, err := Parse(filepath.Join(folder, "graygate.yaml"), []byte(text))
	if err != nil {
		return nil, err
	}
	looked := match.Lookups{Audiences: map[string]match.Audience{}}
	for _, a := range plan.Audiences {
		looked.Audiences[a.Name] = members{"ivan"}
	}
	return Build(plan, looked, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
}

func snapshotOf(t testing.TB, text string) *Snapshot {
	t.Helper()
	s, err := compileIn(folderWithKey(t), text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// requestOf reads a request of a golden file: method, host and target in the first line, then fields. A field named
// Override is signed for an hour, with the config's key.
func requestOf(t *testing.T, s *Snapshot, text string) ExplainRequest {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	first := strings.Fields(lines[0])
	r := ExplainRequest{Method: first[0], Host: first[1], IP: netip.MustParseAddr("192.0.2.7"), Time: explainedAt}
	r.Path, r.Query, _ = strings.Cut(first[2], "?")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Override" {
			signed, err := s.SignOverride("", []string{value}, explainedAt, explainedAt.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			name, value = overrideField, signed
		}
		r.Headers = append(r.Headers, Header{name, value})
	}
	return r
}

// TestExplain reads every testdata/explain/*.txtar: a line of intent, a config, a request, and what is said of it.
func TestExplain(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			intent, rest, _ := strings.Cut(string(text), "-- graygate.yaml --\n")
			plan, rest, _ := strings.Cut(rest, "-- request --\n")
			request, want, ok := strings.Cut(rest, "-- text --\n")
			if !ok || strings.Count(intent, "\n") != 1 {
				t.Fatal("a case is one line of intent, -- graygate.yaml --, -- request --, -- text --, -- json --")
			}
			s := snapshotOf(t, plan)
			e := s.Explain(requestOf(t, s, request))
			var asJSON bytes.Buffer
			out := json.NewEncoder(&asJSON)
			out.SetIndent("", "  ")
			out.SetEscapeHTML(false)
			if err := out.Encode(e); err != nil {
				t.Fatal(err)
			}
			got := e.Text(false) + "-- json --\n" + asJSON.String()
			if *update {
				text := intent + "-- graygate.yaml --\n" + plan + "-- request --\n" + request + "-- text --\n" + got
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s\n%s\ngot:\n%s\nwant:\n%s", intent, request, got, want)
			}
		})
	}
}

func TestExplainTextIsColoredOnDemand(t *testing.T) {
	s := snapshotOf(t, "listeners: [{address: :8080}]\nadmin: off\nupstreams: {stable: {endpoints: [127.0.0.1:1]}}\nroutes: [{name: all, stable: stable}]\n")
	e := s.Explain(ExplainRequest{Method: "GET", Path: "/", Time: explainedAt})
	const escape = "\x1b["
	if text := e.Text(false); strings.Contains(text, escape) {
		t.Errorf("without colour: %q", text)
	}
	if text := e.Text(true); !strings.Contains(text, escape+"1mgoes to pool stable"+escape+"0m") {
		t.Errorf("with colour: %q", text)
	}
	hostile := s.Explain(ExplainRequest{Method: "GET", Path: "/", Time: explainedAt, Headers: []Header{{"X-Gray-Tag", "\x1b[31mred"}}})
	if text := hostile.Text(false); strings.Contains(text, escape) {
		t.Errorf("a value with a terminal's command in it is printed as it is: %q", text)
	}
}

// TestReasonsHaveCodes fails when match learns a reason that JSON has no word for.
func TestReasonsHaveCodes(t *testing.T) {
	for r := match.ReasonForced; r.String() != "pending"; r++ {
		if reasonCodes[r] == "" {
			t.Errorf("the reason %q has no code", r)
		}
	}
}

// An empty X-Experiment-Override asks for nothing, so there is nothing to tell of it.
func TestExplainEmptyOverride(t *testing.T) {
	s := snapshotOf(t, complete("attributes: {userid: {from: [header X-User-Id]}}\nlayers: {l: {by: userid}}\n"+
		"experiments: {e: {layer: l, slots: [0], variants: {A: 1}}}\nassignments: {override_key_file: key.txt}\n"))
	e := s.Explain(ExplainRequest{Method: "GET", Path: "/", Headers: []Header{{overrideField, ""}}, Time: explainedAt})
	if e.Override != nil {
		t.Errorf("told %+v", *e.Override)
	}
}
