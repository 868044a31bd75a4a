package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"graygate/match"
)

// names are the things of one kind that are defined, for those that speak of them.
type names struct {
	kind, key string         // "layer", "layers"
	list      []string       // in the order of the file
	at        map[string]int // their places in it
	unsure    bool           // some could not be read: what is not known may be one of them
}

func newNames(kind, key string, unsure bool) *names {
	return &names{kind: kind, key: key, at: map[string]int{}, unsure: unsure}
}

// add takes a name, which need not be a good one: that is told once, where it is defined.
func (n *names) add(name string) {
	if _, again := n.at[name]; !again {
		n.at[name] = len(n.list)
	}
	n.list = append(n.list, name)
}

// refer refuses the name of a thing that is not defined. Reports whether it is.
func (c *checker) refer(f Field[string], to *names) bool {
	if !f.Set {
		return false
	}
	if _, defined := to.at[f.Value]; defined {
		return true
	}
	if to.unsure {
		return false
	}
	fix := "define it under " + to.key
	if len(to.list) > 0 {
		fix = "defined: " + listed(to.list)
	}
	c.fail(f.At, problem{What: fmt.Sprintf("no %s is called %s", to.kind, quoted(f.Value)), Fix: c.didYouMean(f.Value, to.list, fix)})
	return false
}

// unit refuses what cannot be the unit of a share: of is the thing that it is the unit of, others are words beside the
// attributes.
func (c *checker) unit(f Field[string], of string, others ...string) bool {
	switch {
	case !f.Set || slices.Contains(others, f.Value):
		return f.Set
	case f.Value == "now":
		fix := "name an attribute such as a user id"
		if len(others) > 0 {
			fix += ", or write by: " + others[0]
		}
		c.fail(f.At, problem{What: of + " by now is different at every moment", Fix: fix})
		return false
	case f.Value == ByRequest:
		c.fail(f.At, problem{
			What: of + " by request", Why: "its units must be known again, and a request is not", Fix: "name an attribute such as a user id",
		})
		return false
	case slices.Contains(c.attributes, f.Value) || c.f.Attributes.Bad:
		return true
	}
	units := append(slices.Clone(c.attributes), others...)
	c.fail(f.At, problem{
		What: "no attribute is called " + quoted(f.Value),
		Fix:  c.didYouMean(f.Value, units, "declare it under attributes; known: "+listed(units)),
	})
	return false
}

// salt checks a salt; of is what it would be without one.
func (c *checker) salt(f Field[string], of string) {
	if !f.Set {
		return
	}
	p := problem{What: "salt " + quoted(f.Value)}
	switch {
	case f.Value == "":
		p.What, p.Fix = "salt is empty", "write a word, or delete salt; the "+of+"'s name is taken then"
	case strings.Contains(f.Value, "\x00"):
		p.What += " has a NUL in it"
		p.Why, p.Fix = "a NUL ends the salt where it is hashed", "write a word without it"
	case hasControl(f.Value):
		p.What += " has control characters in it"
		p.Fix = "write a word without them"
	case len(f.Value) > match.MaxSaltBytes:
		p.What, p.Fix = fmt.Sprintf("salt is longer than %d bytes", match.MaxSaltBytes), "write a shorter word"
	default:
		return
	}
	c.fail(f.At, p)
}

// when checks a condition, and places its mistakes at the character meant. Reports whether it is right.
func (c *checker) when(f Field[string]) bool {
	text := trimWhen(f.Value)
	switch {
	case !f.Set:
		return false
	case text == "":
		c.fail(f.At, problem{What: "when is empty", Fix: "write a condition, or delete when"})
		return false
	case len(f.Value) > match.MaxConditionBytes:
		c.fail(f.At, problem{What: fmt.Sprintf("when is longer than %s", formatSize(match.MaxConditionBytes)), Fix: "make several of it; for a long list there are audiences"})
		return false
	case strings.IndexFunc(f.Value, isOddSpace) >= 0:
		c.fail(f.At, problem{What: "when has control characters in it", Fix: "write it with spaces and line breaks only"})
		return false
	case c.analyzer == nil:
		return false
	}
	errs := c.analyzer.Check(text)
	for _, e := range errs {
		at := f.At
		if e.Column > 0 {
			indent := len(f.Value) - len(strings.TrimLeftFunc(f.Value, unicode.IsSpace))
			at = c.within(f.node, utf8.RuneCountInString(f.Value[:indent])+e.Column-1)
		}
		c.fail(at, problem{What: e.What, Fix: e.Fix})
	}
	return len(errs) == 0
}

func isOddSpace(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// trimWhen takes the space round a condition away: the end of a YAML block has a line break.
func trimWhen(s string) string { return strings.TrimSpace(s) }
