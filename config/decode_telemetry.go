package config

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
	"graygate/telemetry"
)

func (d *decoder) admin(n ast.Node) Field[FileAdmin] {
	f := Field[FileAdmin]{At: place(n), Set: true}
	if isWord(n, "off") {
		f.Value.Off = true
		return f
	}
	if d.lone(n, "admin", "off or a mapping with an address", "address") {
		return Field[FileAdmin]{At: f.At, Bad: true}
	}
	f.Set = d.object(n, "admin",
		key{"address", func(n ast.Node) { f.Value.Address = d.adminAddress(n) }},
		key{"token_file", func(n ast.Node) { f.Value.TokenFile = d.fileOrOff(n, "token_file") }},
		key{"mode", func(n ast.Node) { f.Value.Mode = scalar(d, n, "mode", "octal digits", parseMode) }},
	)
	f.Bad = !f.Set
	return f
}

// unixPrefix marks an address as the path of a socket file.
const unixPrefix = "unix:"

func (d *decoder) adminAddress(n ast.Node) Field[string] {
	if s, ok := bare(n).(*ast.StringNode); ok && (strings.HasPrefix(s.Value, unixPrefix) || strings.HasPrefix(s.Value, "/")) {
		return scalar(d, n, "address", hostPort, parseSocket)
	}
	return d.address(n)
}

// parseSocket reads unix: and the path of a socket file, which is absolute: a process that takes over must find it, wherever it is
// started.
func parseSocket(s string) (string, *problem) {
	file, is := strings.CutPrefix(s, unixPrefix)
	clean := path.Clean("/" + strings.TrimLeft(file, "/"))
	bad := &problem{What: "address " + quoted(s) + " is not the path of a socket file", Fix: "write " + unixPrefix + clean}
	switch {
	case hasControl(s):
		return "", &problem{What: "address " + quoted(s) + " has control characters in it", Fix: "delete them"}
	case clean == "/" || strings.HasSuffix(file, "/"):
		bad.Fix = "write " + unixPrefix + "/run/graygate/admin.sock"
		return "", bad
	case !is:
		return "", bad
	case !strings.HasPrefix(file, "/"):
		bad.Why = "the path has to begin with a slash, so that it is the same for whoever asks"
		return "", bad
	case file != clean:
		return "", bad
	case len(file) > MaxSocketPath:
		bad.Why = fmt.Sprintf("systems take no more than %d bytes", MaxSocketPath)
		bad.Fix = "choose a shorter path"
		return "", bad
	}
	return s, nil
}

// parseMode reads the permissions of a socket file.
func parseMode(s string) (fs.FileMode, *problem) {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
	switch {
	case err != nil || len(s) < 4 || s[0] != '0':
		return 0, &problem{What: "mode " + quoted(s) + " is not a mode", Fix: `write four octal digits, such as "0660"`}
	case v > 0o777 || v&0o111 != 0 || v&0o600 != 0o600:
		return 0, &problem{
			What: "mode " + quoted(s) + " is none of a socket",
			Why:  "whoever is to connect must read and write, the gateway's own user too, and nobody can execute it",
			Fix:  `write "0600", "0660" or "0666"`,
		}
	}
	return fs.FileMode(v), nil
}

func (d *decoder) accessLog(n ast.Node) Field[FileAccessLog] {
	f := Field[FileAccessLog]{At: place(n), Set: true}
	if isWord(n, "off") {
		f.Value.Off = true
		return f
	}
	if d.lone(n, "access_log", "off or a mapping with to and sample", "to") {
		return Field[FileAccessLog]{At: f.At, Bad: true}
	}
	l := &f.Value
	f.Set = d.object(n, "access_log",
		key{"to", func(n ast.Node) { l.To = scalar(d, n, "to", "stdout, stderr, journald or a path", d.parseLogTarget) }},
		key{"format", func(n ast.Node) { l.Format = scalar(d, n, "format", "json or combined", d.parseLogFormat) }},
		key{"fields", func(n ast.Node) {
			l.Fields = list(d, n, "fields", "[%s]", func(n ast.Node) (Field[string], bool) {
				name := scalar(d, n, "a field", "text", d.parseLogField)
				return name, name.Set
			})
		}},
		key{"sample", func(n ast.Node) { l.Sample = scalar(d, n, "sample", "all, errors or a percentage", d.parseSample) }},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) parseLogTarget(s string) (string, *problem) {
	switch {
	case s == "stdout", s == "stderr", s == "journald":
		return s, nil
	case s == "off":
		return "", &problem{What: `"off" is not a place to write to`, Fix: "write access_log: off"}
	case !strings.Contains(s, "/"):
		return "", &problem{
			What: "to: " + quoted(s) + " is neither stdout nor stderr nor journald nor a path",
			Why:  "a path has a slash in it, so that a misspelt word does not become a file",
			Fix:  d.didYouMean(s, []string{"stdout", "stderr", "journald"}, "write ./"+s+" for a file in the working directory"),
		}
	}
	return parsePath(s)
}

var logFormats = []string{telemetry.FormatJSON, telemetry.FormatCombined}

func (d *decoder) parseLogFormat(s string) (string, *problem) {
	for _, format := range logFormats {
		if s == format {
			return s, nil
		}
	}
	return "", &problem{What: quoted(s) + " is not a format", Fix: d.didYouMean(s, logFormats, "write json or combined")}
}

func (d *decoder) parseLogField(s string) (string, *problem) {
	known := telemetry.AccessFields()
	for _, name := range known {
		if s == name {
			return s, nil
		}
	}
	return "", &problem{What: "no field of the access log is called " + quoted(s), Fix: d.didYouMean(s, known, "there are "+strings.Join(known, ", "))}
}

func (d *decoder) parseSample(s string) (Sample, *problem) {
	switch s {
	case "all":
		return Sample{"all", 1}, nil
	case "errors":
		return Sample{"errors", 0}, nil
	}
	number, isPercent := strings.CutSuffix(s, "%")
	ppm, p := parsePercent(number)
	switch {
	case p == nil && !isPercent:
		return Sample{}, &problem{What: "sample " + quoted(s) + " has no unit", Fix: "write " + s + "%"}
	case p == nil && ppm == 0:
		return Sample{}, &problem{What: "sample " + quoted(s) + " records nothing", Fix: "write errors, or access_log: off"}
	case p == nil:
		return Sample{formatPercent(ppm) + "%", float64(ppm) / match.PPM}, nil
	case isPercent:
		return Sample{}, p
	}
	return Sample{}, &problem{
		What: quoted(s) + " is not a sample",
		Fix:  d.didYouMean(s, []string{"all", "errors"}, "write all, errors, or a percentage such as 1%"),
	}
}

func (d *decoder) tracing(n ast.Node) Field[FileTracing] {
	f := Field[FileTracing]{At: place(n)}
	t := &f.Value
	t.Off, f.Set = d.offOr(n, "tracing", "endpoint", "http://127.0.0.1:4318",
		key{"endpoint", func(n ast.Node) { t.Endpoint = scalar(d, n, "endpoint", "a URL", parseCollector) }},
		key{"sample", func(n ast.Node) { t.Sample = d.share(n, "sample", "off", 1, match.PPM) }},
		key{"gray", func(n ast.Node) { t.Gray = d.share(n, "gray", "off", 1, match.PPM) }},
		key{"errors", func(n ast.Node) { t.Errors = d.onOff(n, "errors") }},
		key{"service_name", func(n ast.Node) { t.ServiceName = scalar(d, n, "service_name", "text", parseTracedService) }},
		key{"headers", func(n ast.Node) { t.Headers = named(d, n, "headers", d.header) }},
		key{"ca_file", func(n ast.Node) { t.CAFile = d.path(n, "ca_file") }},
		key{"timeout", func(n ast.Node) { t.Timeout = d.span(n, "timeout", "", MinTracingTimeout, MaxTracingTimeout) }},
	)
	f.Bad = !f.Set
	return f
}

// parseCollector reads the URL of a collector. Messages do not repeat what may hold a password.
func parseCollector(s string) (string, *problem) {
	const kinds = "write http://HOST:4318, https://HOST:4318, grpc://HOST:4317 or grpcs://HOST:4317"
	scheme, rest, found := strings.Cut(s, "://")
	if strings.Contains(s, "@") {
		return "", &problem{What: "endpoint has a user or a password in it", Why: "collectors take what they ask for in header fields", Fix: "take them out, and write headers: {Authorization: ...}"}
	}
	if !found {
		if _, p := parseEndpoint(s); p == nil {
			return "", &problem{What: "endpoint " + quoted(s) + " does not say which protocol", Fix: "write http://" + s + " or grpc://" + s}
		}
		return "", &problem{What: "endpoint " + quoted(s) + " is not a URL", Fix: kinds}
	}
	port := "4318"
	switch scheme {
	case "http", "https":
	case "grpc", "grpcs":
		port = "4317"
	default:
		return "", &problem{What: "endpoint " + quoted(s) + " has a scheme that is none of OTLP's", Fix: kinds}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || hasControl(s) || !isASCII(s) || strings.ContainsAny(s, " \"<>\\^`{|}"):
		return "", &problem{What: "endpoint " + quoted(s) + " is not a URL", Fix: kinds}
	case strings.ContainsAny(s, "?#"):
		return "", &problem{What: "endpoint " + quoted(s) + " has something behind its path", Fix: "write " + s[:strings.IndexAny(s, "?#")]}
	case scheme[0] == 'g' && u.Path != "" && u.Path != "/":
		return "", &problem{What: "endpoint " + quoted(s) + " has a path, and gRPC has none", Fix: "write " + scheme + "://" + u.Host}
	case len(s) > MaxCollectorURL:
		return "", &problem{What: "endpoint is longer than " + formatSize(MaxCollectorURL), Fix: "shorten it"}
	case u.Port() == "" && u.Hostname() != "" && !strings.HasSuffix(u.Host, ":"):
		return "", &problem{What: "endpoint " + quoted(s) + " has no port", Fix: "write " + scheme + "://" + u.Host + ":" + port + u.EscapedPath()}
	}
	host, _, _ := strings.Cut(rest, "/")
	if _, p := parseEndpoint(host); p != nil {
		return "", p
	}
	return s, nil
}

func parseTracedService(s string) (string, *problem) {
	switch {
	case s == "":
		return "", &problem{What: "service_name is empty", Why: "collectors sort spans by it", Fix: "write a name, or delete the key for graygate"}
	case hasControl(s) || strings.Trim(s, " ") != s:
		return "", &problem{What: "service_name " + quoted(s) + " has control characters or space at an end", Fix: "delete them"}
	case len(s) > MaxServiceName:
		return "", &problem{What: fmt.Sprintf("service_name is longer than %d bytes", MaxServiceName), Fix: "shorten it"}
	}
	return s, nil
}
