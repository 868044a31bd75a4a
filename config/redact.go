package config

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Redacted gives the plan without its secrets, for people to look at: passwords of Redis URLs, what checks send as credentials,
// what exports of spans do, and header fields of variants that are called like some. Everything else is the plan's own and must not be
// changed. Key material is in files, of which a plan has the paths only.
func (p *Plan) Redacted() *Plan {
	out := *p
	out.Audiences = slices.Clone(p.Audiences)
	for i := range out.Audiences {
		out.Audiences[i].Redis = redactURL(out.Audiences[i].Redis)
	}
	if p.Tracing != nil && p.Tracing.Headers != nil {
		tracing := *p.Tracing
		tracing.Headers = maps.Clone(tracing.Headers)
		for name := range tracing.Headers {
			tracing.Headers[name] = redacted // whatever it is called: it is there to be let in
		}
		out.Tracing = &tracing
	}
	out.Upstreams = slices.Clone(p.Upstreams)
	for i := range out.Upstreams {
		out.Upstreams[i].redact()
	}
	out.Experiments = slices.Clone(p.Experiments)
	for i := range out.Experiments {
		x := &out.Experiments[i]
		x.Variants = slices.Clone(x.Variants)
		for j := range x.Variants {
			v := &x.Variants[j]
			v.Headers = slices.Clone(v.Headers)
			for k := range v.Headers {
				if secretName.MatchString(v.Headers[k].Name) {
					v.Headers[k].Value = redacted
				}
			}
		}
	}
	return &out
}

// redacted stands where a secret was.
const redacted = "REDACTED"

var (
	// secretName is what the names of header fields and of query parameters have that carry secrets, as a rule.
	secretName = regexp.MustCompile(`(?i)auth|cookie|token|secret|passw|api-?key|session|signature|credential`)
	// secretText is what protocols say before a password.
	secretText = regexp.MustCompile(`(?i)\bauth|\bpass|\blogin|\bhello\s+3`)
)

// redact takes the secrets out of the upstream's check, of which it makes a copy.
func (u *Upstream) redact() {
	if u.Probe == nil {
		return
	}
	check := *u.Probe
	u.Probe = &check
	if check.HTTP != nil {
		http := *check.HTTP
		http.Path = redactQuery(http.Path)
		http.Headers = maps.Clone(http.Headers)
		for name := range http.Headers {
			if secretName.MatchString(name) {
				http.Headers[name] = redacted
			}
		}
		check.HTTP = &http
	}
	if check.TCP != nil && secretText.Match(check.TCP.Send) {
		tcp := *check.TCP
		tcp.Send = []byte(redacted)
		check.TCP = &tcp
	}
}

// redactURL takes the password out of a URL, "" if there is none. What is no URL is hidden as a whole.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return redacted
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), redacted)
	}
	return u.String()
}

// redactQuery hides the values of a path's query parameters that are called like secrets.
func redactQuery(path string) string {
	path, query, has := strings.Cut(path, "?")
	if !has {
		return path
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, is := strings.Cut(part, "="); is && (secretName.MatchString(name) || strings.EqualFold(name, "key")) {
			parts[i] = name + "=" + redacted
		}
	}
	return path + "?" + strings.Join(parts, "&")
}
