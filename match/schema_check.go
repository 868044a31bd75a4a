package match

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// attributeChecker collects the mistakes of one declaration.
type attributeChecker struct {
	index int
	a     *Attribute
	errs  SchemaErrors
}

func (c *attributeChecker) bad(source int, part, fix, format string, args ...any) {
	c.errs = append(c.errs, SchemaError{Attribute: c.index, Source: source, Part: part, What: fmt.Sprintf(format, args...), Fix: fix})
}

// checkAttribute gives the mistakes of one declaration.
func (s *Schema) checkAttribute(i int, a Attribute) SchemaErrors {
	c := &attributeChecker{index: i, a: &a}
	c.name(s)
	if a.Type > List {
		c.bad(-1, "type", "use one of "+typeList(), "attribute %q has an unknown type", a.Name)
		return c.errs
	}
	if len(a.From) == 0 {
		c.bad(-1, "from", "name at least one header, cookie or query parameter", "attribute %q has no source", a.Name)
	}
	if len(a.From) > MaxSources {
		c.bad(-1, "from", "name fewer", "attribute %q has %d sources, more than %d", a.Name, len(a.From), MaxSources)
	}
	for j, src := range a.From {
		c.source(j, src)
	}
	c.shape()
	return c.errs
}

func (c *attributeChecker) name(s *Schema) {
	name := c.a.Name
	prior, taken := s.byName[name]
	switch {
	case taken && prior < len(builtinNames):
		c.bad(-1, "name", "give it another name", "attribute %q is built in and cannot be declared again", name)
	case taken:
		c.bad(-1, "name", "give it another name, or list both sources under one", "attribute %q is declared twice", name)
	case !validName(name):
		c.bad(-1, "name", "use a letter or _ followed by letters, digits and _, 64 at most", "attribute name %q cannot be used in a condition", name)
	case reserved[name]:
		c.bad(-1, "name", "give it another name", "attribute name %q is a word of the condition language", name)
	case len(s.attrs) >= MaxAttributes:
		c.bad(-1, "name", "remove attributes that no rule uses", "more than %d attributes", MaxAttributes)
	}
}

func (c *attributeChecker) source(j int, src Source) {
	name, last := c.a.Name, j == len(c.a.From)-1
	switch src.Kind {
	case FromIP:
		if src.Name != "" {
			c.bad(j, "from", "write ip", "attribute %q has an ip source with a name", name)
		}
		return
	case FromConst:
		c.constant(j, src.Name, last)
		return
	case FromSegment:
		if _, ok := segmentNumber(src.Name); !ok {
			c.bad(j, "from", fmt.Sprintf("use 1 to %d, as in `path segment 2`", MaxSegments), "%q is not the number of a path segment", src.Name)
		}
		return
	case FromGeo:
		c.field(j, src, fieldNames(placeFields))
		return
	case FromAgent:
		c.field(j, src, fieldNames(agentFields))
		return
	}
	switch {
	case src.Kind > FromAgent:
		c.bad(j, "from", "use header, cookie, query, path segment, ip, const, geo or ua", "attribute %q has a source of unknown kind", name)
	case src.Name == "":
		c.bad(j, "from", "write the name after the kind, as in `header X-User-Id`", "attribute %q has a %s source without a name", name, src.Kind)
	case src.Kind != FromQuery && !isToken(src.Name):
		c.bad(j, "from", "use letters, digits and !#$%&'*+-.^_`|~ only", "%q cannot be the name of a %s", src.Name, src.Kind)
	}
}

// field checks a source that is a part of a place or an agent; names are those that there are.
func (c *attributeChecker) field(j int, src Source, names []string) {
	if slices.Contains(names, src.Name) {
		return
	}
	prefix := src.Kind.String() + src.Kind.Separator()
	fix := "use " + prefix + strings.Join(names, ", "+prefix)
	if near := nearest(src.Name, names); near != "" {
		fix = "did you mean " + prefix + near + "?"
	}
	c.bad(j, "from", fix, "there is no %s%s", prefix, src.Name)
}

// constant checks a const source, which is as good as its value: nothing comes behind it.
func (c *attributeChecker) constant(j int, text string, last bool) {
	v := slot{text: []byte(text)}
	switch {
	case text == "":
		c.bad(j, "from", "write the value after it, as in `const web`", "attribute %q has a const source without a value", c.a.Name)
	case !last:
		c.bad(j, "from", "put it last", "no source behind `const %s` is ever read", text)
	case c.a.Capture == "" && !v.parse(c.a.Type):
		c.bad(j, "from", "write a value of that type", "%q is not %s", text, c.a.Type.article())
	case c.a.Default != "":
		c.bad(j, "default", "remove one of them", "attribute %q has a const source, so its default is never used", c.a.Name)
	}
}

// shape checks what is done to the value.
func (c *attributeChecker) shape() {
	a := c.a
	if a.Capture != "" {
		if _, what, fix := newCapture(a.Capture); what != "" {
			c.bad(-1, "capture", fix, "%s", what)
		}
	}
	if a.Signed != nil {
		c.signature()
	}
	if a.Lower && a.Type != String && a.Type != Version && a.Type != List {
		c.bad(-1, "lower", "remove `lower`", "attribute %q is %s, which has no letters", a.Name, a.Type.article())
	}
	if a.Default != "" {
		if _, ok := a.defaultSlot(); !ok {
			c.bad(-1, "default", "write a value of that type", "default %q is not %s", a.Default, a.Type.article())
		}
	}
}

// signature checks that there is a key, and something to sign.
func (c *attributeChecker) signature() {
	if len(c.a.Signed) == 0 {
		c.bad(-1, "signed", "write a key of 32 random bytes", "the key that attribute %q is signed with is empty", c.a.Name)
	}
	if !slices.ContainsFunc(c.a.From, func(src Source) bool { return src.Kind == FromCookie }) {
		c.bad(-1, "signed", "add a cookie to `from`, or do not sign", "attribute %q is signed and not read from a cookie", c.a.Name)
	}
}

// segmentNumber reads the number of a path segment.
func segmentNumber(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && 1 <= n && n <= MaxSegments && s == strconv.Itoa(n)
}

func typeList() string {
	var names []string
	for _, t := range Types() {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}
