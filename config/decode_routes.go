package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
)

func (d *decoder) attribute(name Field[string], n ast.Node) FileAttribute {
	a := FileAttribute{Name: name}
	ok := d.object(n, "an attribute",
		key{"from", func(n ast.Node) {
			a.From = list(d, n, "from", "[%s]", func(n ast.Node) (Field[match.Source], bool) {
				s := scalar(d, n, "a source", "text", d.parseSource)
				return s, s.Set
			})
		}},
		key{"type", func(n ast.Node) { a.Type = scalar(d, n, "type", "a type", d.parseType) }},
		key{"capture", func(n ast.Node) { a.Capture = d.filled(n, "capture", "text") }},
		key{"lower", func(n ast.Node) { a.Lower = d.trueFalse(n, "lower") }},
		key{"default", func(n ast.Node) { a.Default = d.filled(n, "default", "a value") }},
		key{"issue", func(n ast.Node) { a.Issue = d.issue(n) }},
	)
	a.From.Bad = a.From.Bad || !ok
	return a
}

func (d *decoder) parseSource(s string) (match.Source, *problem) {
	var words []string
	for _, k := range match.SourceKinds() {
		name, named := strings.CutPrefix(s, k.String()+k.Separator())
		switch {
		case named && name != "" && k != match.FromIP:
			return match.Source{Kind: k, Name: name}, nil
		case s == k.String() && k == match.FromIP:
			return match.Source{Kind: k}, nil
		}
		words = append(words, k.String())
	}
	p := &problem{
		What: quoted(s) + " is not a source",
		Fix:  "write header NAME, cookie NAME, query NAME, path segment NUMBER, ip, const VALUE, geo.FIELD or ua.FIELD",
	}
	if at := strings.IndexAny(s, " ."); at > 0 && at < len(s)-1 {
		if i := slices.Index(words, d.guesses.nearest(s[:at], words)); i >= 0 {
			p.Fix = "did you mean " + match.Source{Kind: match.SourceKinds()[i], Name: s[at+1:]}.String() + "?"
		}
	}
	return match.Source{}, p
}

// filled reads a text that is not empty.
func (d *decoder) filled(n ast.Node, of, want string) Field[string] {
	return scalar(d, n, of, want, func(s string) (string, *problem) {
		if s == "" {
			return "", &problem{What: of + " is empty", Fix: "write a value, or delete the key"}
		}
		return s, nil
	})
}

// trueFalse reads a yes or no that switches nothing off.
func (d *decoder) trueFalse(n ast.Node, of string) Field[bool] {
	return scalar(d, n, of, "true or false", func(s string) (bool, *problem) {
		switch s {
		case "true", "false":
			return s == "true", nil
		case "on", "yes":
			return false, &problem{What: of + " must be true or false, not " + quoted(s), Fix: "write true"}
		case "off", "no":
			return false, &problem{What: of + " must be true or false, not " + quoted(s), Fix: "write false"}
		}
		return false, &problem{What: of + " must be true or false, not " + quoted(s), Fix: "write true or false"}
	})
}

func (d *decoder) parseType(s string) (match.Type, *problem) {
	var words []string
	for _, t := range match.Types() {
		if t.String() == s {
			return t, nil
		}
		words = append(words, t.String())
	}
	return 0, &problem{What: quoted(s) + " is not a type", Fix: d.didYouMean(s, words, "known: "+strings.Join(words, ", "))}
}

func (d *decoder) route(n ast.Node) (FileRoute, bool) {
	r := FileRoute{At: place(n)}
	ok := d.object(n, "a route",
		key{"name", func(n ast.Node) { r.Name = d.text(n, "name") }},
		key{"tenant", func(n ast.Node) { r.Tenant = d.filled(n, "tenant", "text") }},
		key{"host", func(n ast.Node) { r.Host = scalar(d, n, "host", "text", parseRouteHost) }},
		key{"path", func(n ast.Node) { r.Path = scalar(d, n, "path", "text", parseRoutePath) }},
		key{"stable", func(n ast.Node) { r.Stable = d.text(n, "stable") }},
		key{"gray", func(n ast.Node) { r.Gray = d.text(n, "gray") }},
		key{"rules", func(n ast.Node) { r.Rules = list(d, n, "rules", "", d.rule) }},
		key{"fallback", func(n ast.Node) { r.Fallback = d.fallback(n) }},
		key{"rate_limit", func(n ast.Node) { r.RateLimit = d.rateLimit(n) }},
		key{"concurrency", func(n ast.Node) { r.Concurrency = d.concurrency(n) }},
	)
	return r, ok
}

func (d *decoder) rule(n ast.Node) (FileRule, bool) {
	r := FileRule{At: place(n)}
	ok := d.object(n, "a rule",
		key{"name", func(n ast.Node) { r.Name = d.text(n, "name") }},
		key{"when", func(n ast.Node) { r.When = d.text(n, "when") }},
		key{"percent", func(n ast.Node) { r.Percent = d.percent(n) }},
		key{"by", func(n ast.Node) { r.By = d.text(n, "by") }},
		key{"salt", func(n ast.Node) { r.Salt = d.text(n, "salt") }},
		key{"to", func(n ast.Node) { r.To = d.text(n, "to") }},
	)
	return r, ok
}
