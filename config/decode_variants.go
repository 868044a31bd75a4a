package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// variant reads an entry of variants: its weight, or a mapping with more.
func (d *decoder) variant(name Field[string], n ast.Node) FileVariant {
	v := FileVariant{Name: name}
	if _, lone := bare(n).(ast.ScalarNode); lone {
		v.Weight = d.weight(n)
		return v
	}
	ok := d.object(n, "a variant",
		key{"weight", func(n ast.Node) { v.Weight = d.weight(n) }},
		key{"headers", func(n ast.Node) { v.Headers = named(d, n, "headers", d.header) }},
		key{"to", func(n ast.Node) { v.To = d.text(n, "to") }},
		key{"force", func(n ast.Node) { v.Force = d.texts(n, "force") }},
	)
	v.Weight.Bad = v.Weight.Bad || !ok
	return v
}

func (d *decoder) header(name Field[string], n ast.Node) FileHeader {
	return FileHeader{Name: name, Value: d.text(n, name.Value)}
}

func (d *decoder) weight(n ast.Node) Field[uint32] {
	if !d.number(n, "weight") {
		return Field[uint32]{At: place(n), Bad: true}
	}
	return scalar(d, n, "weight", "a whole number", func(s string) (uint32, *problem) {
		v, err := strconv.ParseUint(s, 10, 32)
		switch {
		case err == nil && v <= MaxWeight && plainNumber(s):
			return uint32(v), nil
		case plainNumber(s):
			return 0, &problem{What: "weight is " + s, Fix: fmt.Sprintf("give 0 to %d", MaxWeight)}
		case strings.HasSuffix(s, "%") && plainNumber(strings.TrimSuffix(s, "%")):
			return 0, &problem{What: "weight " + quoted(s) + " is a percentage", Why: "weights are relative to one another", Fix: "write " + strings.TrimSuffix(s, "%")}
		}
		return 0, &problem{What: "weight must be a whole number, not " + quoted(s), Why: "weights are relative to one another", Fix: "multiply all of them until they are whole"}
	})
}

func (d *decoder) geo(n ast.Node) Field[FileGeo] {
	f := Field[FileGeo]{At: place(n)}
	if d.lone(n, "geo", "a mapping with files", "files") {
		f.Bad = true
		return f
	}
	f.Set = d.object(n, "geo",
		key{"files", func(n ast.Node) {
			f.Value.Files = list(d, n, "files", "[%s]", func(n ast.Node) (Field[string], bool) {
				p := d.path(n, "a file")
				return p, p.Set
			})
		}},
		key{"language", func(n ast.Node) { f.Value.Language = d.filled(n, "language", "text") }},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) audience(name Field[string], n ast.Node) FileAudience {
	a := FileAudience{Name: name}
	ok := d.object(n, "an audience",
		key{"file", func(n ast.Node) { a.File = d.path(n, "file") }},
		key{"redis", func(n ast.Node) { a.Redis = scalar(d, n, "redis", "text", parseRedis) }},
		key{"key", func(n ast.Node) { a.Key = d.filled(n, "key", "text") }},
		key{"refresh", func(n ast.Node) { a.Refresh = d.duration(n, "refresh") }},
		key{"approximate", func(n ast.Node) { a.Approximate = d.trueFalse(n, "approximate") }},
		key{"max_members", func(n ast.Node) { a.MaxMembers = d.countOr(n, "max_members", "") }},
	)
	a.File.Bad = a.File.Bad || !ok
	return a
}

func (d *decoder) assignments(n ast.Node) Field[FileAssignments] {
	f := Field[FileAssignments]{At: place(n)}
	f.Set = d.object(n, "assignments",
		key{"cookie", func(n ast.Node) {
			if isWord(n, "off") {
				f.Value.Cookie = Field[string]{At: place(n), Set: true}
				return
			}
			f.Value.Cookie = scalar(d, n, "cookie", "text", parseCookieName)
		}},
		key{"override_key_file", func(n ast.Node) { f.Value.OverrideKeyFile = d.fileOrOff(n, "override_key_file") }},
	)
	f.Bad = !f.Set
	return f
}

// issue reads true, false or a mapping; a mapping is true.
func (d *decoder) issue(n ast.Node) Field[FileIssue] {
	f := Field[FileIssue]{At: place(n), node: n}
	if _, lone := bare(n).(ast.ScalarNode); lone {
		on := d.trueFalse(n, "issue")
		f.Value.On, f.Set, f.Bad = on.Value, on.Set, on.Bad
		return f
	}
	f.Value.On = true
	f.Set = d.object(n, "issue",
		key{"max_age", func(n ast.Node) { f.Value.MaxAge = d.duration(n, "max_age") }},
		key{"secure", func(n ast.Node) { f.Value.Secure = d.onOff(n, "secure") }},
		key{"first_request", func(n ast.Node) {
			f.Value.FirstRequest = word(d, n, "first_request", FirstStable, FirstAssign)
		}},
		key{"key_file", func(n ast.Node) { f.Value.KeyFile = d.fileOrOff(n, "key_file") }},
	)
	f.Bad = !f.Set
	return f
}

// path reads the path of a file, relative to the config's folder or not.
func (d *decoder) path(n ast.Node, of string) Field[string] {
	return scalar(d, n, of, "text", func(s string) (string, *problem) {
		if s == "" {
			return "", &problem{What: of + " is empty", Fix: "write a path"}
		}
		return parsePath(s)
	})
}

// fileOrOff reads the path of a file, or off, which is kept as "".
func (d *decoder) fileOrOff(n ast.Node, of string) Field[string] {
	if isWord(n, "off") {
		return Field[string]{At: place(n), Set: true}
	}
	return d.path(n, of)
}
