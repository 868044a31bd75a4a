package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/santhosh-tekuri/jsonschema/v6"
	keyword "github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// metadataTypes compiles the JSON Schemas.
func (c *checker) metadataTypes() {
	c.schemas = map[string]*jsonschema.Schema{}
	c.typeNames = newNames("metadata type", "metadata_types", c.f.MetadataTypes.Bad)
	for _, t := range c.f.MetadataTypes.Value {
		c.name(t.Name, "metadata type")
		c.typeNames.add(t.Name.Value)
		switch {
		case t.Schema.written() && t.File.written():
			c.fail(t.File.At, problem{What: "a metadata type with both schema and file", Fix: "delete one"})
		case t.Schema.Set:
			c.compileSchema(t.Name.Value, t.Schema.Value, t.Schema.At, t.Schema.node)
		case t.File.Set:
			c.schemaFile(t)
		case !t.Schema.Bad && !t.File.Bad:
			c.fail(t.Name.At, problem{What: "metadata type " + quoted(t.Name.Value) + " has neither schema nor file", Fix: "add schema: {type: object}, or file: PATH"})
		}
	}
}

func (c *checker) schemaFile(t FileMetadataType) {
	text, ok := c.contents(t.File, "the schema", MaxSchemaBytes)
	if !ok {
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		c.fail(t.File.At, problem{What: quoted(t.File.Value) + " is not JSON", Why: err.Error(), Fix: "write a JSON Schema there"})
		return
	}
	c.compileSchema(t.Name.Value, doc, t.File.At, nil)
}

// noLoader refuses what a schema refers to outside itself: a config is checked without a network.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errElsewhere }

// maxOffers bounds the alternatives of a schema that one mistake tells of.
const maxOffers = 4

var errElsewhere = errors.New("a schema can only refer to its own parts")

// compileSchema compiles one schema. n is where it is written, nil if that is another file.
func (c *checker) compileSchema(name string, doc any, at Pos, n ast.Node) {
	// A name that cannot be resolved, so that references in the schema mean its own parts.
	const place = "schema:///metadata"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	compiler.UseLoader(noLoader{})
	err := compiler.AddResource(place, doc)
	if err == nil {
		var s *jsonschema.Schema
		if s, err = compiler.Compile(place); err == nil {
			c.schemas[name] = s
			return
		}
	}
	if invalid := (*jsonschema.SchemaValidationError)(nil); errors.As(err, &invalid) {
		err = invalid.Err
	}
	if wrong := (*jsonschema.ValidationError)(nil); errors.As(err, &wrong) {
		for _, leaf := range leaves(wrong) {
			where := at
			if n != nil {
				where = placeIn(n, leaf.path)
			}
			c.fail(where, problem{What: fmt.Sprintf("schema%s: %s", leaf.pointer(), leaf.what), Why: "it is not a JSON Schema", Fix: "see json-schema.org for what a schema can say"})
		}
		return
	}
	why := strings.ReplaceAll(err.Error(), place, "")
	p := problem{What: "the schema cannot be compiled", Why: why, Fix: "mend what it says there"}
	if load := (*jsonschema.LoadURLError)(nil); errors.As(err, &load) {
		p = problem{What: "the schema refers to " + quoted(load.URL), Why: "it is checked without a network", Fix: "copy what it refers to into it, under $defs"}
	}
	c.fail(at, p)
}

// metadata checks an experiment's metadata against its type.
func (c *checker) metadata(f Field[FileMetadata]) {
	if !f.Value.Type.written() {
		if f.Set {
			c.fail(f.At, problem{What: "metadata without type", Why: "it is checked against the schema of its type", Fix: "add type: NAME, of metadata_types"})
		}
		return
	}
	if !c.refer(f.Value.Type, c.typeNames) || !f.Set {
		return
	}
	s := c.schemas[f.Value.Type.Value]
	if s == nil {
		return
	}
	err := s.Validate(f.Value.shownTo(s))
	wrong := (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &wrong) {
		return
	}
	for _, leaf := range leaves(wrong) {
		c.fail(placeIn(f.node, leaf.path), problem{
			What: fmt.Sprintf("metadata%s: %s", leaf.pointer(), leaf.what),
			Fix:  fmt.Sprintf("see the schema of type %s", f.Value.Type.Value),
		})
	}
}

// shownTo gives what a schema is asked about: the values, and the type with them if the schema speaks of it. One that does not
// is of the values alone, and need not allow for a key that is ours.
func (m FileMetadata) shownTo(s *jsonschema.Schema) map[string]any {
	if !speaksOfType(s, map[*jsonschema.Schema]bool{}) {
		return m.Values
	}
	all := maps.Clone(m.Values)
	all["type"] = m.Type.Value
	return all
}

// speaksOfType reports whether a schema, or a part of it that holds for the same value, names the key type.
func speaksOfType(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if _, named := s.Properties["type"]; named || slices.Contains(s.Required, "type") {
		return true
	}
	parts := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else})
	if s.DynamicRef != nil {
		parts = append(parts, s.DynamicRef.Ref)
	}
	parts = slices.AppendSeq(parts, maps.Values(s.DependentSchemas))
	for _, d := range s.Dependencies {
		if part, ok := d.(*jsonschema.Schema); ok {
			parts = append(parts, part)
		}
	}
	return slices.ContainsFunc(parts, func(part *jsonschema.Schema) bool { return speaksOfType(part, seen) })
}

// leaf is one thing that a schema finds wrong.
type leaf struct {
	path []string // keys and indexes
	what string
}

// pointer is the path as a JSON Pointer, with a space before it; "" for the whole.
func (l leaf) pointer() string {
	if len(l.path) == 0 {
		return ""
	}
	steps := make([]string, len(l.path))
	for i, s := range l.path {
		steps[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	}
	return " /" + strings.Join(steps, "/")
}

// leaves are the mistakes that have no cause below them. Where a schema offers alternatives, what is wrong with each is said
// in one: they need not all be mended.
func leaves(e *jsonschema.ValidationError) []leaf {
	if extra, ok := e.ErrorKind.(*keyword.AdditionalProperties); ok {
		var out []leaf
		for _, name := range extra.Properties {
			out = append(out, leaf{append(slices.Clone(e.InstanceLocation), name), "there is no such key in the schema"})
		}
		return out
	}
	if len(e.Causes) == 0 {
		return []leaf{{e.InstanceLocation, e.BasicOutput().Error.String()}}
	}
	var out []leaf
	for _, cause := range e.Causes {
		out = append(out, leaves(cause)...)
	}
	steps := e.ErrorKind.KeywordPath()
	if !slices.Contains(steps, "anyOf") && !slices.Contains(steps, "oneOf") {
		return out
	}
	var whats []string
	for _, l := range out[:min(len(out), maxOffers)] {
		whats = append(whats, leaf{l.path[len(e.InstanceLocation):], l.what}.String())
	}
	return []leaf{{e.InstanceLocation, "one of these is to be mended: " + strings.Join(whats, ", or ")}}
}

// String is the pointer, if there is one, and what is wrong.
func (l leaf) String() string {
	if len(l.path) == 0 {
		return l.what
	}
	return l.pointer()[1:] + ": " + l.what
}

// placeIn is the place of a part of a value.
func placeIn(n ast.Node, path []string) Pos { return place(nodeAt(n, path)) }
