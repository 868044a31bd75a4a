package config

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
	"graygate/probes"
)

// probe reads off or a mapping. There is no bare on: nobody can know what to ask.
func (d *decoder) probe(n ast.Node) FileProbe {
	p := FileProbe{On: Field[bool]{At: place(n), node: n}}
	if isWord(n, "off") {
		p.On.Set = true
		return p
	}
	if _, lone := bare(n).(ast.ScalarNode); lone {
		d.fail(p.On.At, problem{What: "probe must be off or a mapping with http, tcp or grpc, not " + quoted(bare(n).GetToken().Value), Fix: "write {http: /healthz}, {tcp: connect} or {grpc: SERVICE}"})
		p.On.Bad = true
		return p
	}
	p.On.Value = true
	p.On.Set = d.object(n, "probe",
		key{"http", func(n ast.Node) { p.HTTP = d.http(n) }},
		key{"tcp", func(n ast.Node) { p.TCP = d.tcp(n) }},
		key{"grpc", func(n ast.Node) { p.GRPC = scalar(d, n, "grpc", "text", parseService) }},
		key{"port", func(n ast.Node) { p.Port = d.whole(n, "port", "", 1, 65535) }},
		key{"tls", func(n ast.Node) { p.TLS = d.tls(n) }},
		key{"interval", func(n ast.Node) { p.Interval = d.span(n, "interval", "", MinProbeInterval, MaxTimeout) }},
		key{"unhealthy_interval", func(n ast.Node) { p.Unhealthy = d.span(n, "unhealthy_interval", "", MinProbeInterval, MaxTimeout) }},
		key{"jitter", func(n ast.Node) { p.Jitter = d.share(n, "jitter", "off", 1, match.PPM) }},
		key{"timeout", func(n ast.Node) { p.Timeout = d.span(n, "timeout", "", MinTimeout, MaxProbeTimeout) }},
		key{"rise", func(n ast.Node) { p.Rise = d.whole(n, "rise", "", 1, MaxRise) }},
		key{"fall", func(n ast.Node) { p.Fall = d.whole(n, "fall", "", 1, MaxRise) }},
	)
	p.On.Bad = !p.On.Set
	return p
}

// http reads a path, or a mapping.
func (d *decoder) http(n ast.Node) Field[FileHTTP] {
	f := Field[FileHTTP]{At: place(n), node: n}
	h := &f.Value
	if _, lone := bare(n).(ast.ScalarNode); lone {
		h.Path = scalar(d, n, "http", "text", parseProbePath)
		f.Set, f.Bad = h.Path.Set, h.Path.Bad
		return f
	}
	f.Set = d.object(n, "http",
		key{"path", func(n ast.Node) { h.Path = scalar(d, n, "path", "text", parseProbePath) }},
		key{"method", func(n ast.Node) { h.Method = scalar(d, n, "method", "text", parseProbeMethod) }},
		key{"host", func(n ast.Node) { h.Host = scalar(d, n, "host", "text", parseProbeHost) }},
		key{"headers", func(n ast.Node) { h.Headers = named(d, n, "headers", d.header) }},
		key{"status", func(n ast.Node) {
			h.Status = list(d, n, "status", "[%s]", func(n ast.Node) (Field[probes.StatusRange], bool) {
				s := scalar(d, n, "status", "a status or a range of them", parseStatus)
				return s, s.Set
			})
		}},
		key{"body", func(n ast.Node) { h.Body = d.pattern(n, "body") }},
	)
	f.Bad = !f.Set
	return f
}

// pattern reads a regular expression, and places its mistakes where they are.
func (d *decoder) pattern(n ast.Node, of string) Field[*regexp.Regexp] {
	text := d.filled(n, of, "text")
	f := Field[*regexp.Regexp]{At: text.At, node: text.node, Bad: true}
	if !text.Set {
		return f
	}
	if len(text.Value) > match.MaxPatternBytes {
		d.fail(f.At, problem{What: of + " is longer than " + formatSize(match.MaxPatternBytes), Fix: "shorten it"})
		return f
	}
	re, err := regexp.Compile(text.Value)
	if err != nil {
		at, what := f.At, err.Error()
		if e, ok := err.(*syntax.Error); ok {
			what = e.Code.String() + ": " + quoted(e.Expr)
			if i := strings.Index(text.Value, e.Expr); i > 0 {
				at = d.within(f.node, utf8.RuneCountInString(text.Value[:i]))
			}
		}
		d.fail(at, problem{What: of + " is not a regular expression: " + what, Fix: "mend it; a sign that is meant as it is takes a backslash before it"})
		return f
	}
	f.Value, f.Set, f.Bad = re, true, false
	return f
}

// tcp reads the word connect, or a mapping.
func (d *decoder) tcp(n ast.Node) Field[FileTCP] {
	f := Field[FileTCP]{At: place(n), node: n}
	if isWord(n, "connect") {
		f.Value.Connect, f.Set = true, true
		return f
	}
	if _, lone := bare(n).(ast.ScalarNode); lone {
		d.wrongType(n, "tcp", "connect or a mapping with send and expect", "write connect")
		f.Bad = true
		return f
	}
	f.Set = d.object(n, "tcp",
		key{"send", func(n ast.Node) { f.Value.Send = d.filled(n, "send", "text") }},
		key{"expect", func(n ast.Node) { f.Value.Expect = d.filled(n, "expect", "text") }},
	)
	f.Bad = !f.Set
	return f
}

// parseStatus reads "200" or "200-399".
func parseStatus(s string) (probes.StatusRange, *problem) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	switch {
	case err != nil || err2 != nil || !plainNumber(first) || !plainNumber(last):
		return probes.StatusRange{}, &problem{What: quoted(s) + " is not a status", Fix: "write a number, or a range such as 200-399"}
	case from < MinStatus || to > MaxStatus:
		return probes.StatusRange{}, &problem{What: "status " + s + " is none that an answer has", Fix: "give " + strconv.Itoa(MinStatus) + " to " + strconv.Itoa(MaxStatus)}
	case from > to:
		return probes.StatusRange{}, &problem{What: "status " + s + " is a range that ends before it begins", Fix: "write " + last + "-" + first}
	}
	return probes.StatusRange{From: from, To: to}, nil
}

// parseProbePath reads what a check asks for: a path, and a query.
func parseProbePath(s string) (string, *problem) {
	switch {
	case !strings.HasPrefix(s, "/"):
		return "", &problem{What: "path " + quoted(s) + " does not begin with a slash", Fix: "write /" + s}
	case strings.Contains(s, "#"):
		return "", &problem{What: "path " + quoted(s) + " has a fragment", Why: "it is never sent", Fix: "delete what begins with #"}
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", &problem{What: "path " + quoted(s) + " has characters that no request has", Fix: "write them as %XX"}
	case len(s) > MaxProbeBytes:
		return "", &problem{What: "path is longer than " + formatSize(MaxProbeBytes), Fix: "shorten it"}
	}
	return s, nil
}

// parseProbeMethod reads a method.
func parseProbeMethod(s string) (string, *problem) {
	switch {
	case !isToken(s) || len(s) > MaxName:
		return "", &problem{What: "method " + quoted(s) + " is none", Fix: "write GET or HEAD"}
	case s != strings.ToUpper(s):
		return "", &problem{What: "method " + quoted(s) + " has lower-case letters", Why: "methods are compared letter by letter", Fix: "write " + strings.ToUpper(s)}
	case s == "CONNECT":
		return "", &problem{What: "method CONNECT asks for a tunnel", Fix: "write GET or HEAD"}
	}
	return s, nil
}

// parseProbeHost reads the Host of a check: a host, with a port or without.
func parseProbeHost(s string) (string, *problem) {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && digits(s[i+1:]) && (s[0] == '[' && s[i-1] == ']' || strings.Count(s, ":") == 1) {
		host, port = s[:i], s[i:]
		if n, err := strconv.ParseUint(s[i+1:], 10, 16); err != nil || n == 0 || !plainNumber(s[i+1:]) {
			return "", badPort(s, s[i+1:], "1 to 65535")
		}
	}
	host, p := parseRouteHost(host)
	if p != nil {
		p.Fix = "write a name or an address, with a port behind a colon or without"
	}
	return host + port, p
}

// parseService reads the name of a gRPC service; "" is the server as a whole.
func parseService(s string) (string, *problem) {
	switch {
	case hasControl(s):
		return "", &problem{What: "service " + quoted(s) + " has control characters in it", Fix: "delete them"}
	case len(s) > MaxProbeBytes:
		return "", &problem{What: "service is longer than " + formatSize(MaxProbeBytes), Fix: "shorten it"}
	}
	return s, nil
}
