package config

import (
	"fmt"
	"strings"

	"graygate/match"
)

// anySource stands in for sources that were wrong, so that conditions can be checked in the same go.
var anySource = []match.Source{{Kind: match.FromHeader, Name: "X"}}

// checkAttributes checks the declared attributes and makes the schema that conditions are checked against. There is
// none if a name or a type is wrong: conditions may speak of it, and each would be told as a mistake of its own.
func (c *checker) checkAttributes() {
	var declared []match.Attribute
	lookups := match.Lookups{Audiences: map[string]match.Audience{}}
	for _, a := range c.f.Audiences.Value {
		lookups.Audiences[a.Name.Value] = nobody{}
	}
	known := !c.f.Attributes.Bad && !c.f.Audiences.Bad
	for _, a := range c.f.Attributes.Value {
		c.sources(a)
		c.issue(a)
		from := values[match.Source](a.From.Value)
		if len(from) == 0 {
			from = anySource
		}
		known = known && !a.Type.Bad
		c.attributes = append(c.attributes, a.Name.Value)
		declared = append(declared, match.Attribute{
			Name: a.Name.Value, Type: a.Type.or(match.String), From: from,
			Capture: a.Capture.or(""), Lower: a.Lower.or(false), Default: a.Default.or(""),
		})
	}
	schema, err := match.NewSchema(declared, lookups)
	if errs, ok := err.(match.SchemaErrors); ok {
		for _, e := range errs {
			a := c.f.Attributes.Value[e.Attribute]
			at := a.Name.At
			switch {
			case e.Source >= 0 && e.Source < len(a.From.Value):
				at = a.From.Value[e.Source].At
			case e.Part == "capture":
				at = a.Capture.At
			case e.Part == "lower":
				at = a.Lower.At
			case e.Part == "default":
				at = a.Default.At
			}
			c.fail(at, problem{What: e.What, Fix: e.Fix})
			declared[e.Attribute] = match.Attribute{Name: a.Name.Value, Type: a.Type.or(match.String), From: anySource}
		}
		schema, err = match.NewSchema(declared, lookups)
	}
	c.attributes = append(match.Builtins(), c.attributes...)
	if known && err == nil {
		c.schema, c.analyzer = schema, match.NewAnalyzer(schema)
	}
}

// sources checks where an attribute comes from, as far as match does not.
func (c *checker) sources(a FileAttribute) {
	switch {
	case !a.From.written():
		c.fail(a.Name.At, problem{What: "attribute " + quoted(a.Name.Value) + " has no from", Fix: "add from: [header X-Name]"})
	case len(a.From.Value) == 0 && !a.From.Bad:
		c.fail(a.From.At, problem{What: "from is empty", Fix: "name at least one source: [header X-Name]"})
	}
	first := map[match.Source]Pos{}
	for _, s := range a.From.Value {
		key := s.Value
		if key.Kind == match.FromHeader {
			key.Name = strings.ToLower(key.Name)
		}
		once(c.source, first, key, s.At, "source "+quoted(s.Value.String()))
	}
}

// name checks what a route, an upstream or a rule is called. Reports whether it can be.
func (c *checker) name(f Field[string], of string) bool {
	if f.Set && !isName(f.Value) {
		c.fail(f.At, problem{
			What: fmt.Sprintf("%s cannot be the name of %s", quoted(f.Value), article(of)),
			Why:  "names go into header fields, metrics and logs as they are",
			Fix:  fmt.Sprintf("use letters, digits, - _ and ., up to %d, beginning with a letter or digit", MaxName),
		})
		return false
	}
	return f.Set
}

func article(thing string) string {
	if strings.ContainsRune("aeiou", rune(thing[0])) {
		return "an " + thing
	}
	return "a " + thing
}

// listed is a list of names for a message, not all of them if there are many.
func listed(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
