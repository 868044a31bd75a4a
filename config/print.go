package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// YAML is the effective config: every key there is, with its value, as a file that [Parse] reads into an equal Plan.
func (p *Plan) YAML() []byte {
	w := &printer{}
	w.line(0, "listeners:")
	for _, l := range p.Listeners {
		w.line(1, "- {address: %s, max_connections: %s}", quote(l.Address), orWord(l.MaxConnections, "auto"))
	}
	w.admin(p.Admin)
	w.line(0, "loops: %s", orWord(p.Loops, "auto"))
	w.accessLog(p.AccessLog)
	w.tracing(p.Tracing)
	body := "off"
	if p.Limits.BodySize >= 0 {
		body = formatSize(p.Limits.BodySize)
	}
	w.line(0, "limits: {head_size: %s, header_count: %d, body_size: %s}", formatSize(int64(p.Limits.HeadSize)), p.Limits.HeadCount, body)
	w.timeouts(p.Timeouts)
	w.line(0, "drain_timeout: %s", formatDuration(p.DrainTimeout))
	if p.PIDFile == "" {
		w.line(0, "pid_file: off")
	} else {
		w.line(0, "pid_file: %s", quote(p.PIDFile))
	}
	w.line(0, "zone: %s", orOff(p.Zone))
	w.line(0, "overload: %s", overloadText(p.Overload))
	w.line(0, "metrics: %s", onOff(p.Metrics))
	proxies := make([]string, len(p.TrustedProxies))
	for i, t := range p.TrustedProxies {
		proxies[i] = t.String()
	}
	w.line(0, "trusted_proxies: %s", flow(proxies))
	w.attributes(p.Attributes, p.Issued)
	w.upstreams(p.Upstreams)
	w.line(0, "routes:")
	for _, r := range p.Routes {
		w.route(r)
	}
	w.outside(p)
	w.experiments(p)
	return w.text
}

type printer struct{ text []byte }

func (w *printer) line(indent int, format string, args ...any) {
	w.text = append(w.text, strings.Repeat("  ", indent)...)
	w.text = fmt.Appendf(w.text, format, args...)
	w.text = append(w.text, '\n')
}

func (w *printer) timeouts(t Timeouts) {
	w.line(0, "timeouts:")
	w.line(1, "head: %s", formatDuration(t.Head))
	w.line(1, "idle: %s", formatDuration(t.Idle))
	w.line(1, "connect: %s", formatDuration(t.Connect))
	w.line(1, "response_head: %s", formatDuration(t.ResponseHead))
	w.line(1, "body: %s", formatDuration(t.Body))
	w.line(1, "upstream_idle: %s", formatDuration(t.UpstreamIdle))
	w.line(1, "tunnel: %s", formatDuration(t.Tunnel))
}

func (w *printer) attributes(attributes []Attribute, issued []Issued) {
	if len(attributes) == 0 {
		w.line(0, "attributes: {}")
		return
	}
	w.line(0, "attributes:")
	for _, a := range attributes {
		from := make([]string, len(a.From))
		for i, s := range a.From {
			from[i] = s.String()
		}
		rest := ""
		if a.Capture != "" {
			rest += ", capture: " + quote(a.Capture)
		}
		if a.Default != "" {
			rest += ", default: " + quote(a.Default)
		}
		rest += ", issue: " + issueText(a.Name, issued)
		w.line(1, "%s: {from: %s, type: %s, lower: %v%s}", quote(a.Name), flow(from), a.Type, a.Lower, rest)
	}
}

func (w *printer) route(r PlanRoute) {
	w.line(1, "- name: %s", quote(r.Name))
	if r.Tenant != "" {
		w.line(2, "tenant: %s", quote(r.Tenant))
	}
	if r.Host != "" {
		w.line(2, "host: %s", quote(r.Host))
	}
	w.line(2, "path: %s", quote(r.Path))
	w.line(2, "stable: %s", quote(r.Stable))
	if r.Gray != "" {
		w.line(2, "gray: %s", quote(r.Gray))
	}
	w.line(2, "fallback: %s", fallbacks[r.Fallback])
	w.line(2, "rate_limit: %s", rateLimitText(r.RateLimit))
	w.line(2, "concurrency: %s", concurrencyText(r.Concurrency))
	if len(r.Rules) == 0 {
		w.line(2, "rules: []")
		return
	}
	w.line(2, "rules:")
	for _, x := range r.Rules {
		w.line(3, "- name: %s", quote(x.Name))
		if x.When != "" {
			w.line(4, "when: %s", quote(x.When))
		}
		if x.HasPercent {
			w.line(4, "percent: %s", formatPercent(x.PPM))
			w.line(4, "by: %s", quote(x.By))
			if x.Salt != "" {
				w.line(4, "salt: %s", quote(x.Salt))
			}
		}
		w.line(4, "to: %s", quote(x.To))
	}
}

func orWord(n int, zero string) string {
	if n == 0 {
		return zero
	}
	return strconv.Itoa(n)
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// flow is a list on one line.
func flow(items []string) string {
	quotes := make([]string, len(items))
	for i, s := range items {
		quotes[i] = quote(s)
	}
	return "[" + strings.Join(quotes, ", ") + "]"
}

// quoteKey writes the key of a mapping on one line: a colon in a plain text is one in a value only.
func quoteKey(s string) string {
	if key := quote(s); key != s || !strings.Contains(s, ":") {
		return key
	}
	return "'" + s + "'"
}

// plain are the texts that need no quotes, in flow or block: they begin with a letter, a slash, or an address,
// and hold nothing that YAML has a use for.
var plain = regexp.MustCompile(`^([A-Za-z/:][A-Za-z0-9_./:-]*[A-Za-z0-9_/]|[A-Za-z/]|[0-9]+(\.[0-9]+){3}([:/][0-9]+)?)( [A-Za-z0-9_][A-Za-z0-9_-]*)?$`)

// quote writes a text so that YAML reads it back as it is, with quotes only where they are needed.
func quote(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		// The words of YAML 1.1 too: other tools may read the file.
		return "'" + s + "'"
	}
	if plain.MatchString(s) {
		return s
	}
	// Conditions are full of single quotes: double ones round them are easier to read than doubled ones.
	doubled := strings.Contains(s, "'") && !strings.ContainsAny(s, "\"\\")
	if !doubled && strings.IndexFunc(s, func(r rune) bool { return r != printable(r) }) < 0 {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == printable(r):
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
