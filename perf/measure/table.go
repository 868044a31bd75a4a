package measure

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table is rows of text under a heading, printed in columns: the first to the left, the others to the right.
// The zero Table has no columns; NewTable makes one.
type Table struct {
	rows [][]string
}

// NewTable starts a table with its heading.
func NewTable(heading ...string) *Table {
	return &Table{rows: [][]string{heading}}
}

// Row adds a row. It must have as many cells as the heading.
func (t *Table) Row(cells ...string) {
	if len(cells) != len(t.rows[0]) {
		panic(fmt.Sprintf("BUG: a row of %d cells in a table of %d columns", len(cells), len(t.rows[0])))
	}
	t.rows = append(t.rows, cells)
}

// String is the whole table, every line ended, two spaces between columns, no trailing spaces.
func (t *Table) String() string {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}
