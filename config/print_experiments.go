package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"graygate/match"
)

// issueText is issue as it is written for an attribute.
func issueText(attribute string, issued []Issued) string {
	for _, i := range issued {
		if i.Attribute == attribute {
			return fmt.Sprintf("{max_age: %s, secure: %s, first_request: %s, key_file: %s}",
				formatDuration(i.MaxAge), onOff(i.Secure), i.FirstRequest, orOff(i.KeyFile))
		}
	}
	return "false"
}

func orOff(s string) string {
	if s == "" {
		return "off"
	}
	return quote(s)
}

// outside prints what conditions ask beside the request, and how assignments are told.
func (w *printer) outside(p *Plan) {
	w.line(0, "geo: {files: %s, language: %s}", flow(p.Geo.Files), quote(p.Geo.Language))
	w.mapping("audiences", len(p.Audiences))
	for _, a := range p.Audiences {
		from := "file: " + quote(a.File)
		if a.Redis != "" {
			from = fmt.Sprintf("redis: %s, key: %s, refresh: %s", quote(a.Redis), quote(a.Key), formatDuration(a.Refresh))
		}
		w.line(1, "%s: {%s, approximate: %v, max_members: %d}", quote(a.Name), from, a.Approximate, a.MaxMembers)
	}
	w.line(0, "assignments: {cookie: %s, override_key_file: %s}", orOff(p.Assignments.Cookie), orOff(p.Assignments.OverrideKeyFile))
}

// mapping begins a mapping of n entries.
func (w *printer) mapping(key string, n int) {
	if n == 0 {
		w.line(0, "%s: {}", key)
		return
	}
	w.line(0, "%s:", key)
}

func (w *printer) experiments(p *Plan) {
	w.mapping("layers", len(p.Layers))
	for _, l := range p.Layers {
		rest := ""
		if l.Holdout != "" {
			rest = ", holdout: " + quote(l.Holdout)
		}
		w.line(1, "%s: {by: %s, salt: %s%s}", quote(l.Name), quote(l.By), quote(l.Salt), rest)
	}
	w.mapping("holdouts", len(p.Holdouts))
	for _, h := range p.Holdouts {
		w.line(1, "%s: {by: %s, percent: %s, salt: %s}", quote(h.Name), quote(h.By), formatPercent(h.PPM), quote(h.Salt))
	}
	w.mapping("metadata_types", len(p.MetadataTypes))
	for _, t := range p.MetadataTypes {
		if t.File != "" {
			w.line(1, "%s: {file: %s}", quote(t.Name), quote(t.File))
		} else {
			w.line(1, "%s: {schema: %s}", quote(t.Name), flowValue(t.Schema))
		}
	}
	w.mapping("experiments", len(p.Experiments))
	for i := range p.Experiments {
		w.experiment(&p.Experiments[i])
	}
}

func (w *printer) experiment(x *Experiment) {
	w.line(1, "%s:", quote(cmp.Or(x.Tenant, "*")+"/"+x.Name))
	w.line(2, "layer: %s", quote(x.Layer))
	w.line(2, "salt: %s", quote(x.Salt))
	if len(x.Slots) > 0 {
		w.line(2, "slots: %s", flowSlots(x.Slots))
	}
	w.line(2, "state: %s", x.State)
	if x.Owner != "" {
		w.line(2, "owner: %s", quote(x.Owner))
	}
	w.line(2, "start: %s", momentText(x.Start))
	w.line(2, "end: %s", momentText(x.End))
	if x.When != "" {
		w.line(2, "when: %s", quote(x.When))
	}
	routes := "all"
	if len(x.Routes) > 0 {
		routes = flow(x.Routes)
	}
	w.line(2, "routes: %s", routes)
	w.line(2, "depends_on: %s", flow(x.DependsOn))
	w.line(2, "excludes: %s", flow(x.Excludes))
	switch {
	case x.HoldoutPPM > 0:
		w.line(2, "holdout: %s", formatPercent(x.HoldoutPPM))
	default:
		w.line(2, "holdout: %s", orOff(x.Holdout))
	}
	w.exposures(x.ExcludeExposed)
	if x.MetadataType != "" {
		text := "{type: " + quote(x.MetadataType)
		if rest := flowValue(x.Metadata); rest != "{}" {
			text += ", " + rest[1:len(rest)-1]
		}
		w.line(2, "metadata: %s}", text)
	}
	w.line(2, "variants:")
	for _, v := range x.Variants {
		w.variant(v)
	}
}

func (w *printer) exposures(exposures []Exposure) {
	if len(exposures) == 0 {
		w.line(2, "exclude_exposed: []")
		return
	}
	w.line(2, "exclude_exposed:")
	for _, e := range exposures {
		layer := ""
		if e.Layer != "" {
			layer = "layer: " + quote(e.Layer) + ", "
		}
		w.line(3, "- {%sby: %s, salt: %s, slots: %s}", layer, quote(e.By), quote(e.Salt), flowSlots(e.Slots))
	}
}

func (w *printer) variant(v Variant) {
	fields := make([]string, len(v.Headers))
	for i, h := range v.Headers {
		fields[i] = quote(h.Name) + ": " + quote(h.Value)
	}
	to := ""
	if v.To != "" {
		to = ", to: " + quote(v.To)
	}
	w.line(3, "%s: {weight: %d, headers: {%s}%s, force: %s}", quote(v.Name), v.Weight, strings.Join(fields, ", "), to, flow(v.Force))
}

func flowSlots(slots []match.SlotRange) string {
	texts := make([]string, len(slots))
	for i, r := range slots {
		texts[i] = formatSlots(r)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// momentText is a time in quotes, since it has colons, or off.
func momentText(t time.Time) string {
	if t.IsZero() {
		return "off"
	}
	return quote(formatMoment(t))
}

// flowValue is any value that JSON has, on one line; the keys of mappings are sorted.
func flowValue(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, quoteKey(k)+": "+flowValue(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = flowValue(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return quote(v)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.Contains(text, ".") {
			// With a point it is not read as a whole number, and with an exponent not as a text.
			digits, exponent, scaled := strings.Cut(text, "e")
			if text = digits + ".0"; scaled {
				text += "e" + exponent
			}
		}
		return text
	case nil:
		return "null"
	}
	return fmt.Sprint(v) // bool, int64
}
