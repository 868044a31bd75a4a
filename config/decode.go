package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decode reads the tree into a File. What it cannot understand is among the source's errors; nil if that is all of it.
func decode(s *source, root ast.Node) *File {
	d := &decoder{s}
	f := &File{}
	s.hideHeaders(root)
	ok := d.object(root, "the config",
		key{"listeners", func(n ast.Node) { f.Listeners = list(d, n, "listeners", "", d.listener) }},
		key{"admin", func(n ast.Node) { f.Admin = d.admin(n) }},
		key{"loops", func(n ast.Node) { f.Loops = d.countOr(n, "loops", "auto") }},
		key{"access_log", func(n ast.Node) { f.AccessLog = d.accessLog(n) }},
		key{"tracing", func(n ast.Node) { f.Tracing = d.tracing(n) }},
		key{"limits", func(n ast.Node) { f.Limits = d.limits(n) }},
		key{"timeouts", func(n ast.Node) { f.Timeouts = d.timeouts(n) }},
		key{"drain_timeout", func(n ast.Node) { f.DrainTimeout = d.duration(n, "drain_timeout") }},
		key{"pid_file", func(n ast.Node) { f.PIDFile = d.pathOrOff(n, "pid_file") }},
		key{"zone", func(n ast.Node) { f.Zone = d.nameOr(n, "zone", "off") }},
		key{"overload", func(n ast.Node) { f.Overload = d.overload(n) }},
		key{"metrics", func(n ast.Node) { f.Metrics = d.onOff(n, "metrics") }},
		key{"trusted_proxies", func(n ast.Node) {
			f.TrustedProxies = list(d, n, "trusted_proxies", "[%s]", func(n ast.Node) (Field[netip.Prefix], bool) {
				p := scalar(d, n, "a trusted proxy", "an address or a network", parsePrefix)
				return p, p.Set
			})
		}},
		key{"attributes", func(n ast.Node) { f.Attributes = named(d, n, "attributes", d.attribute) }},
		key{"upstreams", func(n ast.Node) { f.Upstreams = named(d, n, "upstreams", d.upstream) }},
		key{"routes", func(n ast.Node) { f.Routes = list(d, n, "routes", "", d.route) }},
		key{"geo", func(n ast.Node) { f.Geo = d.geo(n) }},
		key{"audiences", func(n ast.Node) { f.Audiences = named(d, n, "audiences", d.audience) }},
		key{"layers", func(n ast.Node) { f.Layers = named(d, n, "layers", d.layer) }},
		key{"holdouts", func(n ast.Node) { f.Holdouts = named(d, n, "holdouts", d.holdout) }},
		key{"metadata_types", func(n ast.Node) { f.MetadataTypes = named(d, n, "metadata_types", d.metadataType) }},
		key{"experiments", func(n ast.Node) { f.Experiments = named(d, n, "experiments", d.experiment) }},
		key{"assignments", func(n ast.Node) { f.Assignments = d.assignments(n) }},
	)
	if !ok {
		return nil
	}
	return f
}

// named reads a mapping from names to things, in order.
func named[T any](d *decoder, n ast.Node, of string, read func(name Field[string], n ast.Node) T) Field[[]T] {
	f := Field[[]T]{At: place(n), node: n}
	f.Set = d.entries(n, of, func(k ast.Node, name string, value ast.Node) {
		d.needValue(value, name)
		f.Value = append(f.Value, read(Field[string]{Value: name, At: place(k), Set: true, node: k}, value))
	})
	f.Bad = !f.Set
	return f
}

func (d *decoder) listener(n ast.Node) (FileListener, bool) {
	l := FileListener{At: place(n)}
	ok := d.object(n, "a listener",
		key{"address", func(n ast.Node) { l.Address = d.address(n) }},
		key{"max_connections", func(n ast.Node) { l.MaxConnections = d.countOr(n, "max_connections", "auto") }},
	)
	return l, ok
}

// address reads where to listen. A bare number is taken for what it most likely is, a port.
func (d *decoder) address(n ast.Node) Field[string] {
	if i, ok := bare(n).(*ast.IntegerNode); ok {
		d.wrongType(n, "address", hostPort, "write :"+i.GetToken().Value)
		return Field[string]{At: place(n), Bad: true}
	}
	return scalar(d, n, "address", hostPort, parseListen)
}

// lone refuses a single value in the place of a mapping, and shows it behind the key that it was most likely meant for.
func (d *decoder) lone(n ast.Node, of, want, key string) bool {
	s, ok := bare(n).(ast.ScalarNode)
	if !ok {
		return false
	}
	fix := ""
	if text, ok := s.(*ast.StringNode); ok {
		fix = "write {" + key + ": " + text.Value + "}"
	}
	d.wrongType(n, of, want, fix)
	return true
}

func (d *decoder) limits(n ast.Node) Field[FileLimits] {
	f := Field[FileLimits]{At: place(n)}
	f.Set = d.object(n, "limits",
		key{"head_size", func(n ast.Node) { f.Value.HeadSize = scalar(d, n, "head_size", "a size", parseSize) }},
		key{"header_count", func(n ast.Node) { f.Value.HeadCount = d.countOr(n, "header_count", "") }},
		key{"body_size", func(n ast.Node) {
			f.Value.BodySize = scalar(d, n, "body_size", "a size or off", func(s string) (int64, *problem) {
				if s == "off" {
					return -1, nil
				}
				return parseSize(s)
			})
		}},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) timeouts(n ast.Node) Field[FileTimeouts] {
	f := Field[FileTimeouts]{At: place(n)}
	read := func(name string, to *Field[time.Duration]) key {
		return key{name, func(n ast.Node) { *to = d.duration(n, name) }}
	}
	t := &f.Value
	f.Set = d.object(n, "timeouts", read("head", &t.Head), read("idle", &t.Idle), read("connect", &t.Connect),
		read("response_head", &t.ResponseHead), read("body", &t.Body), read("upstream_idle", &t.UpstreamIdle),
		read("tunnel", &t.Tunnel))
	f.Bad = !f.Set
	return f
}

func (d *decoder) duration(n ast.Node, of string) Field[time.Duration] {
	return scalar(d, n, of, "a duration", parseDuration)
}

// countOr reads a whole number, or the word that is kept as 0 ("" for none).
func (d *decoder) countOr(n ast.Node, of, word string) Field[int] {
	if word != "" && isWord(n, word) {
		return Field[int]{At: place(n), Set: true, node: n}
	}
	want := "a whole number"
	if word != "" {
		want = word + " or a whole number"
	}
	if !d.number(n, of) {
		return Field[int]{At: place(n), Bad: true}
	}
	f := scalar(d, n, of, want, func(s string) (int, *problem) {
		if v, err := strconv.Atoi(s); err == nil && (s == "0" || !strings.HasPrefix(s, "0")) && s[0] != '+' {
			return v, nil
		}
		return 0, &problem{What: of + " must be " + want + ", not " + quoted(s), Fix: d.didYouMean(s, []string{word}, "write it in digits")}
	})
	// Zero is not a way to say the word.
	if f.Set && f.Value == 0 {
		fix := "give at least 1"
		if word != "" {
			fix = "write " + word + ", or give at least 1"
		}
		d.fail(f.At, problem{What: of + " is 0", Fix: fix})
		return Field[int]{At: f.At, Bad: true}
	}
	return f
}

func (d *decoder) pathOrOff(n ast.Node, of string) Field[string] {
	if isWord(n, "off") {
		return Field[string]{At: place(n), Set: true}
	}
	return scalar(d, n, of, "text", func(s string) (string, *problem) {
		if !strings.Contains(s, "/") {
			return "", &problem{What: of + " " + quoted(s) + " is neither off nor a path", Fix: "write ./" + s + " for a file in the working directory"}
		}
		return parsePath(s)
	})
}

// onOff reads a switch.
func (d *decoder) onOff(n ast.Node, of string) Field[bool] {
	return scalar(d, n, of, "on or off", func(s string) (bool, *problem) {
		switch s {
		case "on":
			return true, nil
		case "off":
			return false, nil
		case "true", "yes":
			return false, &problem{What: of + " must be on or off, not " + quoted(s), Fix: "write on"}
		case "false", "no":
			return false, &problem{What: of + " must be on or off, not " + quoted(s), Fix: "write off"}
		}
		return false, &problem{What: of + " must be on or off, not " + quoted(s), Fix: "write on or off"}
	})
}
