package config

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"graygate/match"
)

// maxCell is the length in characters to which conditions and values are cut for people: JSON has them whole.
const maxCell = 100

// Text gives the explanation for people at a terminal, with or without colour. Its form may change.
func (e *Explanation) Text(color bool) string {
	t := page{color: color}
	t.head(e)
	t.upstream(e)
	t.attributes(e)
	if e.Route != nil {
		t.rules(e)
		t.layers(e)
	}
	if b := e.Bytecode; b != nil {
		t.listing("bytecode of the rules", b.Rules)
		t.listing("bytecode of the experiments", b.Experiments)
	}
	for _, note := range e.Notes {
		t.line("\nnote: " + note)
	}
	return t.b.String()
}

// page is a text under way.
type page struct {
	b     strings.Builder
	color bool
}

// Styles of a cell, as terminals number them.
const (
	noStyle = ""
	bold    = "1"
	good    = "32"
	faint   = "2"
)

func (t *page) paint(style, text string) string {
	if !t.color || style == noStyle || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (t *page) line(text string) { t.b.WriteString(strings.TrimRight(text, " ") + "\n") }

func (t *page) title(text string) { t.line("\n" + t.paint(bold, text)) }

// row is a line of a table; more are further lines of its last cell.
type row struct {
	cells []string
	style string
	more  []string
}

// table writes rows with their columns aligned.
func (t *page) table(rows []row) {
	var widths []int
	for _, r := range rows {
		for i, c := range r.cells[:len(r.cells)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range rows {
		text, indent := "  ", 2
		for i, c := range r.cells {
			if i == len(r.cells)-1 {
				text += c
				break
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
			text += t.paint(r.style, c) + pad
			indent += widths[i] + 2
		}
		t.line(text)
		for _, m := range r.more {
			t.line(strings.Repeat(" ", indent) + m)
		}
	}
}

// listing writes a text of many lines, if there is one, as it is.
func (t *page) listing(title, text string) {
	if text == "" {
		return
	}
	t.title(title)
	for line := range strings.Lines(text) {
		t.line("  " + strings.TrimSuffix(line, "\n"))
	}
}

func (t *page) head(e *Explanation) {
	r := &e.Request
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	from := ""
	if r.IP != "" {
		from = " from " + r.IP
	}
	t.line(fmt.Sprintf("%s %s%s%s at %s", r.Method, r.Host, target, from, r.Time.Format(time.RFC3339)))
	d := &e.Decision
	switch {
	case e.Route == nil:
		t.line(t.paint(bold, "no route holds: the answer is 404"))
		return
	case d.Cause == "":
		t.line(t.paint(bold, "goes to pool "+d.Pool) + ": nothing chose another")
	case strings.Contains(d.Cause, "=") && !e.matched():
		t.line(t.paint(bold, "goes to pool "+d.Pool) + ": by experiment " + d.Cause)
	default:
		t.line(t.paint(bold, "goes to pool "+d.Pool) + ": by rule " + d.Cause)
	}
}

// matched tells whether a rule matched.
func (e *Explanation) matched() bool {
	for _, r := range e.Rules {
		if r.Status == "matched" {
			return true
		}
	}
	return false
}

func (t *page) upstream(e *Explanation) {
	if e.Route == nil {
		return
	}
	t.title("upstream gets")
	for _, h := range e.Upstream.Headers {
		t.line("  " + h.Name + ": " + h.Value)
	}
	if len(e.Upstream.Dropped) > 0 {
		t.line("  and not the client's " + strings.Join(e.Upstream.Dropped, ", "))
	}
}

func (t *page) attributes(e *Explanation) {
	var rows []row
	for _, a := range e.Attributes {
		if a.BuiltIn && (a.Value == nil || a.Source == "request") {
			continue // in the first line, or of no interest
		}
		r := row{cells: []string{a.Name, "missing", ""}, style: faint}
		if a.Value != nil {
			r.cells[1], r.style = shown(*a.Value), noStyle
			r.cells[2] = a.Source
		}
		if why := a.why(); why != "" {
			r.cells[2] = strings.TrimPrefix(r.cells[2]+"; "+why, "; ")
		}
		rows = append(rows, r)
	}
	if rows != nil {
		t.title("attributes")
		t.table(rows)
	}
}

// why says what is odd about an attribute's value.
func (a *ExplainedAttribute) why() string {
	text := ""
	if a.Text != nil {
		text = inQuotes(*a.Text)
	}
	source := a.Source
	if source == "default" {
		source = "the source"
	}
	switch {
	case a.Fault == match.BadSignature:
		return "the cookie's signature is missing or wrong"
	case a.Fault == match.NoCapture:
		return source + " has " + text + ", which the capture does not match"
	case a.Fault == match.NotOfType:
		return source + " has " + text + ", which is no " + a.Type
	case a.Issued != "":
		return "a browser that navigates is given one, in cookie " + a.Issued
	case a.Text != nil:
		return "from " + text
	}
	return ""
}

func (t *page) rules(e *Explanation) {
	r := e.Route
	where := r.Host + r.Path
	if r.Host == "" {
		where = "any host, " + r.Path
	}
	if r.Tenant != "" {
		where = "tenant " + r.Tenant + ", " + where
	}
	t.title(fmt.Sprintf("route %s (%s)", r.Name, where))
	if len(e.Rules) == 0 {
		t.line("  it has no rules")
	}
	var rows []row
	for _, r := range e.Rules {
		status, style := map[string]string{"matched": "matched", "not_matched": "no", "not_reached": "not reached"}[r.Status], noStyle
		lines := r.lines()
		switch r.Status {
		case "matched":
			style = good
		case "not_reached":
			style = faint
			lines = []string{map[match.Outcome]string{match.True: "it would match", match.False: "it would not match", match.Unknown: "it takes a share of the requests in sequence"}[r.Outcome]}
		}
		rows = append(rows, row{cells: []string{r.Name, status, lines[0]}, style: style, more: lines[1:]})
	}
	t.table(rows)
}

// lines say why a rule matched, or why not.
func (r *ExplainedRule) lines() (out []string) {
	if c := r.Condition; c != nil {
		if c.Outcome == match.True {
			out = append(out, cut(c.Text)+seen(c.AllValues()))
		} else {
			return failed(r.Failed)
		}
	}
	if s := r.Share; s != nil {
		out = append(out, share(s))
	}
	return out
}
