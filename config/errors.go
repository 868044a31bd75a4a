package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is one mistake in a config, with its place and its cure.
type Error struct {
	File      string // as the caller named it
	Line, Col int    // 1-based, Col in characters; 0, 0 when the mistake is the whole file's
	What      string // what is wrong, one line
	Source    string // the source line, "" if there is none to show
	Why       string // why it is refused, "" when What says it all
	Fix       string // how to mend it, "" if there is nothing to say
}

// Head is the first line of Error: `file:line:col: what; how to mend it`.
func (e Error) Head() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	b.WriteString(": ")
	b.WriteString(e.What)
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// Error is the head, then the source line with a caret under the place, then the reason.
func (e Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Head())
	if e.Line > 0 && e.Source != "" {
		line, col := excerpt(e.Source, e.Col)
		b.WriteString("\n    ")
		b.WriteString(line)
		b.WriteString("\n    ")
		b.WriteString(strings.Repeat(" ", col-1))
		b.WriteByte('^')
	}
	if e.Why != "" {
		b.WriteString("\n    why: ")
		b.WriteString(e.Why)
	}
	return b.String()
}

// Errors is everything wrong with one config, sorted by place.
type Errors []Error

// Error prints the first MaxPrinted and counts the rest.
func (es Errors) Error() string {
	var b strings.Builder
	for i, e := range es {
		if i == MaxPrinted {
			rest := len(es) - MaxPrinted
			fmt.Fprintf(&b, "\n%s: and %s", e.File, counted(rest, "more error"))
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// sorted returns the errors by place; two at one place keep the order they were found in, and the same mistake found
// twice is told once.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	told := make(map[Error]bool, len(es))
	return slices.DeleteFunc(es, func(e Error) bool {
		again := told[e]
		told[e] = true
		return again
	})
}

// problem is an Error before its place is known: what the parsers of values return.
type problem struct{ What, Why, Fix string }

// excerpt cuts a long line to a window round col and makes every character of it
// printable and one column wide, so that the caret stands where it should. Returns the
// window and the caret's column in it (1-based).
func excerpt(line string, col int) (string, int) {
	col = min(col, utf8.RuneCountInString(line)+1)
	runes := make([]rune, 0, min(len(line), maxShown))
	start := max(0, col-1-maxShown/2)
	n := 0
	for _, r := range line {
		if n >= start && n < start+maxShown {
			runes = append(runes, printable(r))
		}
		n++
	}
	// Indentation says nothing once the line stands alone.
	if start == 0 {
		indent := 0
		for indent < len(runes) && indent < col-1 && runes[indent] == ' ' {
			indent++
		}
		runes, col = runes[indent:], col-indent
	} else {
		runes, col = append([]rune{'…'}, runes...), col-start+1
	}
	if n > start+maxShown {
		runes = append(runes, '…')
	}
	return string(runes), max(1, min(col, len(runes)+1))
}

// oneLine cuts a message to a length, and makes every character of it printable.
func oneLine(s string) string {
	runes := []rune(s[:min(len(s), 4*maxMessage)])
	if len(runes) > maxMessage {
		runes = append(runes[:maxMessage-1], '…')
	}
	for i, r := range runes {
		runes[i] = printable(r)
	}
	return string(runes)
}

func printable(r rune) rune {
	switch {
	case r == '\t', r == '\n':
		return ' '
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return '\uFFFD'
	}
	return r
}

// quoted shows a value inside a message: short, on one line, without control characters.
func quoted(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		runes := []rune(s[:min(len(s), 240)])
		s = string(runes[:min(len(runes), 57)]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
