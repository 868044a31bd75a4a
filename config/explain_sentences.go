package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"graygate/match"
)

// share says what a percentage made of the request.
func share(s *match.ShareTrace) string {
	if s.By == ByRequest {
		return "it counts requests: " + percent(s.Threshold) + " of those that come to it"
	}
	if s.Unit == nil || s.TooLong {
		return missing(s.By, s.TooLong)
	}
	return fmt.Sprintf("%s %s is in bucket %s; salt %s", s.By, inQuotes(*s.Unit), below(*s.Bucket, s.Threshold), s.Salt)
}

// missing says that there is no unit to hash.
func missing(attribute string, tooLong bool) string {
	if tooLong {
		return fmt.Sprintf("%s is longer than %d bytes, and so counts as missing", attribute, match.MaxUnitBytes)
	}
	return attribute + " is missing"
}

// below compares a bucket with a share.
func below(bucket, threshold uint32) string {
	word := "below"
	if bucket >= threshold {
		word = "not below"
	}
	return fmt.Sprintf("%d, %s %d (%s)", bucket, word, threshold, percent(threshold))
}

// percent gives parts per million as a percentage.
func percent(ppm uint32) string {
	return strconv.FormatFloat(float64(ppm)/10_000, 'f', -1, 64) + " %"
}

// failed gives a line for each part of a condition that is not true.
func failed(parts []match.Expression) (out []string) {
	for _, x := range parts {
		out = append(out, cut(x.Text)+" is "+x.Outcome.String()+seen(x.Values))
	}
	return out
}

// seen gives what a test saw: `: os is "ios", version is missing`.
func seen(list []match.Seen) string {
	var all []string
	for _, v := range list {
		if v.Value == nil {
			all = append(all, cut(v.Expression)+" is missing")
		} else {
			all = append(all, cut(v.Expression)+" is "+inQuotes(*v.Value))
		}
	}
	if all == nil {
		return ""
	}
	return ": " + strings.Join(all, ", ")
}

// cut shortens a text, and puts it on one line.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= maxCell {
		return text
	}
	return string([]rune(text)[:maxCell-1]) + "…"
}

// inQuotes gives a value in quotes, without anything that a terminal could take for a command.
func inQuotes(text string) string { return strconv.Quote(shortened(text)) }

// shown gives a value as it is where that is safe and clear, else in quotes.
func shown(text string) string {
	if q := inQuotes(text); q != `"`+text+`"` || strings.TrimSpace(text) != text {
		return q
	}
	return text
}

func shortened(text string) string {
	if utf8.RuneCountInString(text) <= maxCell {
		return text
	}
	return string([]rune(text)[:maxCell-1]) + "…"
}

func (t *page) layers(e *Explanation) {
	if o := e.Override; o != nil {
		t.title("override")
		switch o.Status {
		case "taken":
			t.line("  taken: " + cut(o.Value))
		case "refused":
			t.line("  ignored: " + o.Reason)
		default:
			t.line("  ignored: the config has no assignments.override_key_file, or no experiments")
		}
	}
	if len(e.Layers) == 0 {
		return
	}
	t.title("layers")
	var rows []row
	for i := range e.Layers {
		l := &e.Layers[i]
		given, style := "none", noStyle
		if l.Variant != "" {
			given, style = l.Experiment+"="+l.Variant, good
		}
		lines := l.lines()
		rows = append(rows, row{cells: []string{l.Layer, given, lines[0]}, style: style, more: lines[1:]})
	}
	t.table(rows)
}

// lines say why a layer assigned what it did.
func (l *ExplainedLayer) lines() []string {
	switch l.Reason {
	case "forced":
		return []string{"forced by the override"}
	case "listed":
		return []string{l.place() + "is on the allow-list of " + l.Variant}
	case "missing_unit":
		return []string{missing(l.Missing, l.TooLong)}
	case "held_out":
		h := &l.Holdouts[len(l.Holdouts)-1]
		return []string{fmt.Sprintf("holdout %s leaves %s out: bucket %s", h.Holdout, inQuotes(h.Unit), below(h.Bucket, h.Threshold))}
	}
	out := []string{l.place() + "is in " + l.slot() + " of " + l.Experiment}
	switch l.Reason {
	case "assigned":
		out = append(out, l.draw())
	case "free_slot":
		out[0] = l.place() + "is in " + l.slot() + ", which belongs to no experiment"
	default:
		out[0] += ", " + l.bar()
		out = append(out, failed(l.failures())...)
	}
	for _, h := range l.Holdouts {
		out = append(out, fmt.Sprintf("holdout %s lets %s in: bucket %s", h.Holdout, inQuotes(h.Unit), below(h.Bucket, h.Threshold)))
	}
	return out
}

// failures are the parts of the condition that kept the request out.
func (l *ExplainedLayer) failures() []match.Expression {
	if l.Reason == "condition_false" || l.Reason == "condition_unknown" {
		return l.Failed
	}
	return nil
}

// bar says what of the experiment kept the request out.
func (l *ExplainedLayer) bar() string {
	switch l.Reason {
	case "not_active":
		return "which is " + string(l.State) + ": it assigns nobody"
	case "too_early":
		return "which begins at " + l.Start.Format(time.RFC3339)
	case "too_late":
		return "which ended at " + l.End.Format(time.RFC3339)
	case "other_route":
		return "which is for the routes " + strings.Join(l.Routes, ", ") + " only"
	case "exposed":
		from := l.Exposed.Layer
		if from == "" {
			from = "of salt " + l.Exposed.Salt
		}
		return "which leaves out units that were exposed in layer " + from
	case "dependency":
		return "which depends on " + l.Other + ", and that has not assigned the request"
	case "excluded":
		return "which does not go together with " + l.Other + ", and that has assigned the request"
	}
	return "whose condition does not hold:"
}

func (l *ExplainedLayer) place() string {
	if l.Unit == nil {
		return l.By + " "
	}
	return l.By + " " + inQuotes(*l.Unit) + " "
}

func (l *ExplainedLayer) slot() string {
	if l.Slot == nil {
		return "no slot"
	}
	return "slot " + strconv.Itoa(*l.Slot)
}

// draw says how the variants stood.
func (l *ExplainedLayer) draw() string {
	var all []string
	for _, v := range l.Variants {
		score := "never"
		if v.Score != nil {
			score = strconv.FormatFloat(*v.Score, 'g', 3, 64)
		}
		all = append(all, fmt.Sprintf("%s %s (weight %d)", v.Variant, score, v.Weight))
	}
	return "the lowest score wins: " + strings.Join(all, ", ")
}
