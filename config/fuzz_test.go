package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"graygate/match"
	"graygate/upstream"
)

// FuzzParse: no text makes Parse panic or take long; every error has a place in the text; what is accepted
// prints as a config that reads back the same.
func FuzzParse(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range cases {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "-- graygate.yaml --\n")
		config, _, _ := strings.Cut(rest, "-- errors --\n")
		f.Add([]byte(unescape(config)))
	}
	examples, _ := filepath.Glob("../examples/*.yaml")
	for _, file := range examples {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 32<<10 {
			return
		}
		began := time.Now()
		checkParse(t, text)
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("%d bytes took %v", len(text), took)
		}
	})
}

// TestMutations breaks a good config in a few places, with pieces that mean something to YAML or to us.
func TestMutations(t *testing.T) {
	t.Chdir("../examples") // what they name is there
	var good [][]byte
	for _, file := range []string{"quickstart.yaml", "full.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, text)
	}
	pieces := []string{
		":", ": ", " ", "\n", "\n  ", "\n      - ", "- ", "[", "]", "{", "}", ",", "\"", "'", "#", " #", "&a ", "*a", "!a ", "|", ">-\n", "? ",
		"\t", "\r\n", "---\n", "...\n", "<<: ", "~", "null", "true", "5", "0.00001", "off", "listeners", "routes", "percent", "by", "salt", "when",
		"gray", "stable", "userid", "é", "layer: search", "slots: [0-499]", "0-9999", "active", "archived", "acme/", "/*", "holdout", "100", "search_v1", "color", "dns: a:1", "file", "consistent", "queue", "p95", "50%", "0s", "1h", "tls", "probe", "in_flight", "5/m", "auto", "\x00", "\xff", "\\", "%", "@", "`", "==", "and",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := slices.Clone(rapid.SampledFrom(good).Draw(t, "file"))
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			from := rapid.IntRange(0, len(text)).Draw(t, "from")
			to := min(len(text), from+rapid.SampledFrom([]int{0, 1, 2, 5, 20, 200}).Draw(t, "length"))
			piece := rapid.SampledFrom(append(pieces, "")).Draw(t, "piece")
			text = slices.Replace(text, from, to, []byte(piece)...)
		}
		checkParse(t, text)
	})
}

// checkParse parses the text, and checks the plan or the errors.
func checkParse(t failer, text []byte) {
	t.Helper()
	p, err := Parse("f", text)
	if err != nil {
		checkPlaces(t, text, err)
		return
	}
	if _, err := Build(p, p.named(), upstream.NewRegistry(upstream.Options{Loops: 1}), 1); err != nil {
		t.Fatalf("what was accepted is not built: %v", err)
	}
	q, err := Parse("printed", p.YAML())
	if err != nil || !reflect.DeepEqual(p, q) {
		t.Fatalf("read back: %v\n%s\ngot  %+v\nwant %+v", err, p.YAML(), q, p)
	}
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// checkPlaces makes sure that errors are told as they should be: at least one, sorted, inside the text, on one line.
func checkPlaces(t failer, text []byte, err error) {
	t.Helper()
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("error is %T: %v", err, err)
	}
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	for i, e := range errs {
		if e.Line < 1 || e.Line > len(lines)+1 || e.Col < 1 || e.Line <= len(lines) && e.Col > utf8.RuneCountInString(lines[e.Line-1])+2 {
			t.Errorf("error outside the text: %v", e)
		}
		if i > 0 && (errs[i-1].Line > e.Line || errs[i-1].Line == e.Line && errs[i-1].Col > e.Col) {
			t.Errorf("%v stands before %v", errs[i-1], e)
		}
		if strings.Contains(e.Head(), "\n") || e.What == "" || !utf8.ValidString(e.Error()) {
			t.Errorf("not fit to print: %q", e.Error())
		}
	}
	_ = err.Error()
}

// TestHostileTexts: what is slow, deep or endless for a YAML parser is refused or read in bounded time.
func TestHostileTexts(t *testing.T) {
	const n = 64 << 10
	for _, unit := range []string{
		"[", "{", "{a: ", "- ", "? ", "&a ", "*a ", "!a ", "a: ", "<", "\"", "'", "\"\t", "]", "}", ",", ":", "a: [", "-\n", "---\n", "...\n",
		"a:\n ", "|\n ", "#", "\n", "\\", "a: 1\n", "- a\n...\n", "%", "a,", "é", "\x00", "\xff", "{a: [ -", "a:b ", "- {a}\n", "- a:\n",
	} {
		for _, before := range []string{"", "a: {b: ["} {
			text := before + strings.Repeat(unit, n/len(unit))
			began := time.Now()
			_, err := Parse("hostile", []byte(text))
			if err == nil {
				t.Errorf("%q… was accepted", text[:20])
				continue
			}
			// Generous, since the machine may be busy: unbounded, these take minutes to hours.
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%.20q… took %v", text, took)
			}
			if size := len(err.Error()); size > 16<<10 {
				t.Errorf("%.20q…: %d bytes of error text", text, size)
			}
		}
	}
	unique := strings.Builder{}
	for i := range 100_000 {
		fmt.Fprintf(&unique, "key%d: 1\n", i)
	}
	for _, text := range []string{unique.String(), strings.Repeat("x", MaxFileBytes+1)} {
		if _, err := Parse("hostile", []byte(text)); err == nil || strings.Contains(err.Error(), "\n    why") {
			t.Errorf("%.20q…: %.200v", text, err)
		}
	}
}

// manyRules is a config of one route with n rules of the usual shape.
func manyRules(n int) []byte {
	var b strings.Builder
	b.WriteString("listeners: [{address: :8080}]\nattributes: {userid: {from: [header X-User-Id]}}\n" +
		"upstreams: {stable: {endpoints: [a:1]}, gray: {endpoints: [b:1]}}\n" +
		"routes:\n  - name: r\n    stable: stable\n    gray: gray\n    rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - name: r%d\n        when: userid == 'u%d' or tag in ['a', 'b']\n        percent: 5\n        by: userid\n", i, i)
	}
	return []byte(b.String())
}

// TestManyExperiments: a config of the largest size that is promised has no mistake, and the proofs about its conditions
// take a part of what they may.
func TestManyExperiments(t *testing.T) {
	s := newSource("x", string(manyExperiments(10_000, 1000)))
	f := decode(s, s.parseTree(strings.Join(s.lines, "\n")))
	c := check(s, f)
	if len(s.errs) > 0 {
		t.Fatal(s.errs.sorted())
	}
	if spent := c.analyzer.Spent(); spent < 10_000 || spent > maxAnalysis*3/4 {
		t.Errorf("%d steps of analysis, at most %d in all", spent, maxAnalysis)
	}
	p := s.fill(f, experimentsInForce(f))
	if _, err := Build(p, p.named(), upstream.NewRegistry(upstream.Options{Loops: 1}), 1); err != nil || len(p.Experiments) != 1000 {
		t.Errorf("%d experiments, %v", len(p.Experiments), err)
	}
}

// manyExperiments is the rules of manyRules and n experiments in 20 layers, each with a condition and a header that a few others
// write too.
func manyExperiments(rules, n int) []byte {
	var b strings.Builder
	b.Write(manyRules(rules))
	if n == 0 {
		return []byte(b.String())
	}
	b.WriteString("layers:\n")
	for i := range 20 {
		fmt.Fprintf(&b, "  l%d: {by: userid}\n", i)
	}
	b.WriteString("experiments:\n")
	for i := range n {
		layer, place := i%20, i/20*(20*match.Slots/n)
		fmt.Fprintf(&b, "  e%d:\n    layer: l%d\n    slots: [%d-%d]\n    state: active\n    when: \"tag == 't%d' and path startsWith '/p'\"\n", i, layer, place, place+20*match.Slots/n-1, i)
		fmt.Fprintf(&b, "    variants:\n      A: 50\n      B: {weight: 50, headers: {X-E%d: b}}\n", i%50)
	}
	return []byte(b.String())
}
