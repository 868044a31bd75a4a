package config

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// within is the place of the character with the given index (from 0) of a text value: quotes, escapes, folded
// lines and block indentation are stepped over. Where the text cannot be followed it is the value's own place.
func (s *source) within(n ast.Node, index int) Pos {
	start := place(n)
	t := &tracer{src: s, line: start.Line - 1, col: start.Col - 1}
	var value string
	switch n := n.(type) {
	case *ast.StringNode:
		value = n.Value
		switch n.Token.Type {
		case token.SingleQuoteType, token.DoubleQuoteType:
			t.quote = t.at(0)
			t.col++
		}
	case *ast.LiteralNode:
		value = n.Value.Value
		t.enterBlock()
	default:
		return start
	}
	for i, r := range []rune(value) {
		if !t.find(r) {
			return start
		}
		if i == index {
			break
		}
		t.step()
	}
	return Pos{t.line + 1, t.col + 1}
}

// tracer follows a decoded text through the characters it was written with.
type tracer struct {
	src       *source
	line, col int // from 0, col in characters
	quote     rune
	block     bool
	indent    int // of a block's lines
	width     int // characters that the found one takes in the source; -1: the rest of the line
}

// endOfLine and endOfText stand for what is not a character.
const (
	endOfLine rune = 0
	endOfText rune = -1
)

// at is the character that stands ahead of the current place.
func (t *tracer) at(ahead int) rune {
	if t.line >= len(t.src.lines) {
		return endOfText
	}
	if line := t.src.runes(t.line); t.col+ahead < len(line) {
		return line[t.col+ahead]
	}
	return endOfLine
}

// enterBlock goes from the sign of a block (| or >) to its first line, whose indentation is that of all.
func (t *tracer) enterBlock() {
	t.block = true
	t.nextLine()
	line, col := t.line, t.col
	for t.at(0) == endOfLine || t.at(0) == ' ' {
		if t.at(0) == ' ' {
			t.col++
			continue
		}
		t.line++
		t.col = 0
	}
	t.indent, t.line, t.col = t.col, line, col
	for t.col < t.indent && t.at(0) == ' ' {
		t.col++
	}
}

// nextLine goes to the first character of the next line that is not indentation.
func (t *tracer) nextLine() {
	t.line++
	t.col = 0
	for t.at(0) == ' ' && (!t.block || t.col < t.indent) || t.at(0) == '\t' && !t.block {
		t.col++
	}
}

// find moves to where the decoded character r is written, and sets width. False if it is not there.
func (t *tracer) find(r rune) bool {
	for {
		c := t.at(0)
		t.width = 1
		switch {
		case c == endOfText:
			return false
		case c == endOfLine || !t.block && t.blankToEnd():
			// The end of a line became a space or a line break, or, before empty lines, nothing.
			if r == '\n' || r == ' ' {
				t.width = -1
				return true
			}
			t.nextLine()
		case t.quote == '"' && c == '\\':
			if t.at(1) != endOfLine {
				t.width = escapeWidth(t.at(1))
				return true
			}
			t.nextLine()
		case t.quote == '\'' && c == '\'':
			t.width = 2
			return r == '\''
		default:
			return c == r
		}
	}
}

// step leaves the found character.
func (t *tracer) step() {
	if t.width < 0 {
		t.nextLine()
		return
	}
	t.col += t.width
}

func (t *tracer) blankToEnd() bool {
	for i := 0; ; i++ {
		switch t.at(i) {
		case ' ', '\t':
		case endOfLine:
			return true
		default:
			return false
		}
	}
}

// escapeWidth is how many characters an escape of a double-quoted text takes (YAML 1.2, 5.7).
func escapeWidth(c rune) int {
	switch c {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// runeLine is one line as characters: the last one asked for, since a long line is asked for again and again.
type runeLine struct {
	line  int // from 1; 0 is none
	runes []rune
}

func (s *source) runes(line int) []rune {
	if s.traced.line != line+1 {
		s.traced = runeLine{line + 1, []rune(s.lines[line])}
	}
	return s.traced.runes
}
