package config

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"pgregory.net/rapid"
)

// TestWithin writes a condition in each of YAML's styles, noting where every word of it goes, and asks for each word's
// place by its index in what the parser makes of it.
func TestWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &styledText{style: rapid.SampledFrom([]string{"plain", "single", "double", "literal", "folded"}).Draw(t, "style")}
		w.begin()
		words := rapid.IntRange(1, 6).Draw(t, "words")
		for i := range words {
			if i > 0 {
				w.gap(rapid.IntRange(0, 2).Draw(t, "gap"))
			}
			// The number makes every word different from the others.
			w.word(rapid.StringOfN(rapid.SampledFrom([]rune("a'\"\\é😀=")), 0, 4, -1).Draw(t, "word"), i)
		}
		w.end()
		s := newSource("x", w.text.String())
		root := s.parseTree(w.text.String())
		if root == nil {
			t.Fatalf("%s\n%v", w.text.String(), s.errs)
		}
		var node ast.Node
		(&decoder{s}).object(root, "", key{"when", func(n ast.Node) { node = n }})
		value := (&decoder{s}).text(node, "when").Value
		for i, want := range w.places {
			at := strings.Index(value, fmt.Sprint("w", i))
			if got := s.within(node, utf8.RuneCountInString(value[:at])); got != want {
				t.Fatalf("%s\nword %d is at %v, want %v", w.text.String(), i, got, want)
			}
		}
	})
}

// styledText writes a text value in one of the styles, and knows where it is.
type styledText struct {
	style     string
	text      strings.Builder
	line, col int
	places    []Pos
}

func (w *styledText) put(s string) {
	w.text.WriteString(s)
	for _, r := range s {
		w.col++
		if r == '\n' {
			w.line, w.col = w.line+1, 1
		}
	}
}

func (w *styledText) begin() {
	w.line, w.col = 1, 1
	w.put(map[string]string{
		"plain": "when: ", "single": "when: '", "double": "when: \"", "literal": "when: |\n    ", "folded": "when: >-\n    ",
	}[w.style])
}

func (w *styledText) word(s string, i int) {
	w.places = append(w.places, Pos{w.line, w.col})
	s = fmt.Sprint("w", i) + s
	switch w.style {
	case "single":
		s = strings.ReplaceAll(s, "'", "''")
	case "double":
		s = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "é", `\xe9`, "😀", `\U0001F600`, "=", `\u003d`).Replace(s)
	}
	w.put(s)
}

// gap parts two words: by spaces, by a line end, or by an empty line.
func (w *styledText) gap(kind int) {
	w.put([]string{"  ", "\n    ", "\n\n    "}[kind])
}

func (w *styledText) end() {
	w.put(map[string]string{"single": "'", "double": `"`}[w.style] + "\nloops: 1\n")
}
