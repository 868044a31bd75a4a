package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// parseTree reads the text as one YAML document. nil if that failed, or if there is nothing in it; the errors say which.
// What is parsed has passed checkText and checkTokens: the library's parser recurses once per level and takes
// time with the square of depth, so it never sees what is too deep.
func (s *source) parseTree(text string) ast.Node {
	if !s.checkText(text) {
		return nil
	}
	tokens := joinPlain(tokenize(text))
	if !s.checkTokens(tokens) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		s.syntaxError(err)
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.DirectiveNode, *ast.NullNode:
		default:
			root = doc.Body
		}
	}
	if root == nil {
		s.nothing()
	}
	return root
}

// nothing tells that there is no config in the text, unless something worse was told.
func (s *source) nothing() {
	if len(s.errs) == 0 {
		s.failFile(s.empty)
	}
}

// checkText refuses what no YAML text may hold, and bounds the size and what the lexer would be slow at.
func (s *source) checkText(text string) bool {
	if len(text) > MaxFileBytes {
		s.failFile(problem{
			What: "the file is larger than " + formatSize(MaxFileBytes),
			Fix:  "is this the right file?",
		})
		return false
	}
	found := len(s.errs)
	tabs := 0
	for i, line := range s.lines {
		if tabs += strings.Count(line, "\t") * len(line); tabs > maxTabWork {
			s.fail(Pos{i + 1, 1}, problem{What: "too many tabs in long lines", Fix: "use spaces, and break the line"})
			return false
		}
		if at := strings.Index(line, mergeRun); at >= 0 {
			s.fail(Pos{i + 1, utf8.RuneCountInString(line[:at]) + 1}, problem{What: "a long run of <", Fix: "shorten it"})
		}
		s.checkCharacters(i, line)
	}
	return len(s.errs) == found
}

// checkCharacters tells the first character of a line that YAML does not allow (YAML 1.2, 5.1): one a line is enough.
func (s *source) checkCharacters(i int, line string) {
	col := 0
	for at, r := range line {
		col++
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(line[at:]); size == 1 {
				s.fail(Pos{i + 1, col}, problem{What: "this byte is not UTF-8", Fix: "save the file as UTF-8"})
				return
			}
		}
		if unicode.IsControl(r) && r != '\t' {
			s.fail(Pos{i + 1, col}, problem{What: fmt.Sprintf("control character U+%04X", r), Fix: "delete it"})
			return
		}
	}
}

// tokenize is the library's lexer, stopped at the first token that is none: the library itself goes on, and copies
// the rest of the text each time.
func tokenize(text string) token.Tokens {
	var s scanner.Scanner
	s.Init(text)
	var tokens token.Tokens
	for {
		some, err := s.Scan()
		tokens.Add(some...)
		if err != nil {
			return tokens
		}
	}
}

// parseTokens runs the library's parser. Should it panic, that is a text it cannot read: it is not ours, and
// a gateway that serves must not die of a new config.
func parseTokens(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("%v", r)
		}
	}()
	// Repeated keys are allowed here because the decoder finds them all, the parser only the first.
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// syntaxError tells the library's error in our form.
func (s *source) syntaxError(err error) {
	at, msg := Pos{1, 1}, ""
	// The library's Error() draws the source, at a cost that grows with the square of it.
	if e := yaml.Error(nil); errors.As(err, &e) {
		at, msg = tokenPlace(e.GetToken()), e.GetMessage()
	} else {
		msg = err.Error()
	}
	msg, _, _ = strings.Cut(msg, "\n")
	p := problem{What: "not YAML: " + strings.ReplaceAll(msg, "\t", `\t`), Fix: "look at the brackets, quotes and indentation here and just above"}
	switch {
	case strings.Contains(msg, `found character '	'`), strings.Contains(msg, "tab character"):
		p = problem{What: "a tab in the indentation", Why: "YAML indents with spaces only", Fix: "use spaces"}
	case strings.Contains(msg, "mapping value is not allowed"):
		p.Fix = "if the value itself has a colon and a space in it, quote it; else look at the indentation"
	case strings.Contains(msg, "value is not allowed"):
		p.Fix = "if the value begins with a bracket that is part of it, quote it"
	case strings.Contains(msg, "reserved character"):
		p.Fix = "quote the value"
	case strings.Contains(msg, "could not find end character"):
		p = problem{What: "a quote that is never closed", Fix: "close it"}
	case strings.Contains(msg, "end token"):
		p = problem{What: "a bracket that is never closed", Fix: "close it"}
	case strings.Contains(msg, "unexpected key name"), strings.Contains(msg, "non-map value"):
		p = problem{What: "a line that is neither `key: value` nor an entry of a list", Fix: "put a colon and a space behind the key"}
	}
	s.fail(at, p)
}
