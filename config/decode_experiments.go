package config

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
)

func (d *decoder) layer(name Field[string], n ast.Node) FileLayer {
	l := FileLayer{Name: name}
	d.object(n, "a layer",
		key{"by", func(n ast.Node) { l.By = d.text(n, "by") }},
		key{"salt", func(n ast.Node) { l.Salt = d.text(n, "salt") }},
		key{"holdout", func(n ast.Node) { l.Holdout = d.text(n, "holdout") }},
	)
	return l
}

func (d *decoder) holdout(name Field[string], n ast.Node) FileHoldout {
	h := FileHoldout{Name: name}
	ok := d.object(n, "a holdout",
		key{"by", func(n ast.Node) { h.By = d.text(n, "by") }},
		key{"percent", func(n ast.Node) { h.Percent = d.percent(n) }},
		key{"salt", func(n ast.Node) { h.Salt = d.text(n, "salt") }},
	)
	h.By.Bad, h.Percent.Bad = h.By.Bad || !ok, h.Percent.Bad || !ok
	return h
}

func (d *decoder) metadataType(name Field[string], n ast.Node) FileMetadataType {
	t := FileMetadataType{Name: name}
	ok := d.object(n, "a metadata type",
		key{"schema", func(n ast.Node) {
			t.Schema = Field[any]{At: place(n), node: n}
			t.Schema.Value, t.Schema.Set = d.anything(n, "schema")
			t.Schema.Bad = !t.Schema.Set
		}},
		key{"file", func(n ast.Node) { t.File = d.path(n, "file") }},
	)
	t.Schema.Bad = t.Schema.Bad || !ok
	return t
}

// experiment reads an entry of experiments.
func (d *decoder) experiment(name Field[string], n ast.Node) FileExperiment {
	x := FileExperiment{Key: name}
	x.Tenant, x.Name = d.experimentKey(name)
	x.Bad = !d.object(n, "an experiment",
		key{"layer", func(n ast.Node) { x.Layer = d.text(n, "layer") }},
		key{"salt", func(n ast.Node) { x.Salt = d.text(n, "salt") }},
		key{"slots", func(n ast.Node) { x.Slots = d.slots(n) }},
		key{"state", func(n ast.Node) {
			x.State = word(d, n, "state", Created, Active, Paused, Archived)
		}},
		key{"owner", func(n ast.Node) { x.Owner = d.filled(n, "owner", "text") }},
		key{"start", func(n ast.Node) { x.Start = d.moment(n, "start") }},
		key{"end", func(n ast.Node) { x.End = d.moment(n, "end") }},
		key{"when", func(n ast.Node) { x.When = d.text(n, "when") }},
		key{"routes", func(n ast.Node) {
			if isWord(n, "all") {
				x.Routes = Field[[]Field[string]]{At: place(n), Set: true, node: n}
				return
			}
			x.Routes = d.texts(n, "routes")
			if x.Routes.Set && len(x.Routes.Value) == 0 && !x.Routes.Bad {
				d.fail(x.Routes.At, problem{What: "routes are empty", Fix: "name at least one, or write all"})
				x.Routes.Bad = true
			}
		}},
		key{"depends_on", func(n ast.Node) { x.DependsOn = d.texts(n, "depends_on") }},
		key{"excludes", func(n ast.Node) { x.Excludes = d.texts(n, "excludes") }},
		key{"holdout", func(n ast.Node) { x.Holdout = d.holdoutUse(n) }},
		key{"exclude_exposed", func(n ast.Node) { x.ExcludeExposed = list(d, n, "exclude_exposed", "", d.exposure) }},
		key{"metadata", func(n ast.Node) { x.Metadata = d.metadata(n) }},
		key{"variants", func(n ast.Node) { x.Variants = named(d, n, "variants", d.variant) }},
	)
	return x
}

// experimentKey takes "tenant/name" apart; a name alone is for every tenant.
func (d *decoder) experimentKey(f Field[string]) (tenant, name string) {
	tenant, name, parted := strings.Cut(f.Value, "/")
	if !parted {
		tenant, name = "*", f.Value
	}
	p := problem{What: quoted(f.Value) + " is not the name of an experiment", Fix: "write NAME, or TENANT/NAME, or TENANT/* for what all experiments of a tenant have in common"}
	switch {
	case tenant == "*" && name == "*":
		p.Fix = "write TENANT/*, or give each experiment its own"
	case (tenant == "*" || isName(tenant)) && (name == "*" || isName(name)):
		return tenant, name
	default:
		p.Why = "names go into header fields, metrics and logs as they are: letters, digits, - _ and ., beginning with a letter or digit"
	}
	d.fail(f.At, p)
	return "", ""
}

// percent reads a share in percent.
func (d *decoder) percent(n ast.Node) Field[uint32] {
	if !d.number(n, "percent") {
		return Field[uint32]{At: place(n), Bad: true}
	}
	return scalar(d, n, "percent", "a number", parsePercent)
}

// holdoutUse reads a holdout's name, a percentage or off.
func (d *decoder) holdoutUse(n ast.Node) Field[FileHoldoutUse] {
	switch bare(n).(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return scalar(d, n, "holdout", "a name, a percentage or off", func(s string) (FileHoldoutUse, *problem) {
			ppm, p := parsePercent(s)
			if p == nil && ppm == 0 {
				p = &problem{What: "holdout is 0", Fix: "write off, or delete the key"}
			}
			return FileHoldoutUse{PPM: ppm}, p
		})
	}
	return scalar(d, n, "holdout", "a name, a percentage or off", func(s string) (FileHoldoutUse, *problem) {
		if s == "off" {
			s = ""
		}
		return FileHoldoutUse{Name: s}, nil
	})
}

func (d *decoder) exposure(n ast.Node) (FileExposure, bool) {
	x := FileExposure{At: place(n)}
	ok := d.object(n, "exclude_exposed",
		key{"layer", func(n ast.Node) { x.Layer = d.text(n, "layer") }},
		key{"salt", func(n ast.Node) { x.Salt = d.text(n, "salt") }},
		key{"slots", func(n ast.Node) { x.Slots = d.slots(n) }},
		key{"by", func(n ast.Node) { x.By = d.text(n, "by") }},
	)
	return x, ok
}

// metadata reads a mapping of any shape that says its type.
func (d *decoder) metadata(n ast.Node) Field[FileMetadata] {
	f := Field[FileMetadata]{At: place(n), node: n}
	if d.lone(n, "metadata", "keys and values, type among them", "type") {
		f.Bad = true
		return f
	}
	f.Value.Values = map[string]any{}
	whole := true
	ok := d.entries(n, "metadata", func(_ ast.Node, name string, value ast.Node) {
		if name == "type" {
			f.Value.Type = d.text(value, "type")
			d.needValue(value, "type")
			return
		}
		v, ok := d.anything(value, quoted(name))
		f.Value.Values[name] = v
		whole = whole && ok
	})
	f.Set = ok && whole
	f.Bad = !f.Set
	return f
}

// slots reads a list of ranges.
func (d *decoder) slots(n ast.Node) Field[[]Field[match.SlotRange]] {
	return list(d, n, "slots", "[%s]", func(n ast.Node) (Field[match.SlotRange], bool) {
		f := scalar(d, n, "slots", "a range such as 0-499", parseSlots)
		return f, f.Set
	})
}

// moment reads a point in time, or off for none.
func (d *decoder) moment(n ast.Node, of string) Field[time.Time] {
	if isWord(n, "off") {
		return Field[time.Time]{At: place(n), Set: true, node: n}
	}
	return scalar(d, n, of, "a time or a day", parseMoment)
}

// texts reads a list of texts.
func (d *decoder) texts(n ast.Node, of string) Field[[]Field[string]] {
	return list(d, n, of, "[%s]", func(n ast.Node) (Field[string], bool) {
		f := d.text(n, "an entry of "+of)
		return f, f.Set
	})
}

// word reads one of a few words.
func word[T ~string](d *decoder, n ast.Node, of string, words ...T) Field[T] {
	known := make([]string, len(words))
	for i, w := range words {
		known[i] = string(w)
	}
	want := strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1]
	return scalar(d, n, of, want, func(s string) (T, *problem) {
		if slices.Contains(known, s) {
			return T(s), nil
		}
		return "", &problem{What: of + " must be " + want + ", not " + quoted(s), Fix: d.didYouMean(s, known, "write one of them")}
	})
}
