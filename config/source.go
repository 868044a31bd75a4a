package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// source is the text being read, by lines, and the errors found in it.
type source struct {
	name    string
	folder  string   // of the config, absolute
	lines   []string // without their ends
	errs    Errors
	guesses guesser
	traced  runeLine
	masked  map[int]string // lines as errors show them: one may have thousands
	empty   problem        // what is told when there is nothing in the text
}

func newSource(name, text string) *source {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return &source{
		name: name, folder: folderOf(name), lines: lines, guesses: guesser{maxGuesses}, masked: map[int]string{},
		empty: problem{
			What: "nothing is configured here",
			Why:  "the file is empty, or all of it is comments",
			Fix:  "begin with a copy of examples/quickstart.yaml",
		},
	}
}

// fail records a mistake at a place. Messages may hold pieces of the text as they are: they are made fit to print here.
func (s *source) fail(at Pos, p problem) {
	e := Error{File: s.name, Line: at.Line, Col: at.Col, What: oneLine(p.What), Why: oneLine(p.Why), Fix: oneLine(p.Fix)}
	if at.Line >= 1 && at.Line <= len(s.lines) {
		line, before := s.masked[at.Line]
		if !before {
			line = mask(s.lines[at.Line-1])
			s.masked[at.Line] = line
		}
		e.Source = line
	}
	s.errs = append(s.errs, e)
}

// told reports whether a mistake was found at a place already.
func (s *source) told(at Pos) bool {
	return slices.ContainsFunc(s.errs, func(e Error) bool { return e.Line == at.Line && e.Col == at.Col })
}

// failFile records a mistake of the file as a whole: at its beginning, showing no line of it.
func (s *source) failFile(p problem) {
	s.errs = append(s.errs, Error{File: s.name, Line: 1, Col: 1, What: p.What, Why: p.Why, Fix: p.Fix})
}

// didYouMean is the cure for a name that is not known: the nearest one, or a list of what there is.
func (s *source) didYouMean(name string, known []string, otherwise string) string {
	if near := s.guesses.nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// place is where a node begins.
func place(n ast.Node) Pos {
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle || len(n.Values) == 0 {
			return tokenPlace(n.Start)
		}
		return place(n.Values[0])
	case *ast.MappingValueNode:
		return place(n.Key)
	case *ast.LiteralNode:
		return tokenPlace(n.Start)
	case *ast.AnchorNode:
		return tokenPlace(n.Start)
	}
	return tokenPlace(n.GetToken())
}

func tokenPlace(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{}
	}
	return Pos{max(1, t.Position.Line), max(1, t.Position.Column)}
}
