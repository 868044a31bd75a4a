package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"graygate/match"
)

func (c *checker) routes() {
	names, keys := map[string]Pos{}, map[match.RouteKey]Pos{}
	for _, r := range c.f.Routes.Value {
		if !r.Name.written() {
			c.fail(r.At, problem{What: "a route without name", Why: "metrics and logs call it by its name", Fix: "add name: main"})
		} else if c.name(r.Name, "route") {
			once(c.source, names, r.Name.Value, r.Name.At, "route "+quoted(r.Name.Value))
		}
		c.routeKey(keys, r)
		if !r.Stable.written() {
			c.fail(r.At, problem{What: "a route without stable", Why: "requests that no rule matches go there", Fix: "add stable: POOL"})
		}
		c.pool(r.Stable)
		c.pool(r.Gray)
		if r.Gray.Set && r.Stable.Set && r.Gray.Value == r.Stable.Value {
			c.fail(r.Gray.At, problem{
				What: "gray is the same pool as stable",
				Why:  "nothing could tell the two apart",
				Fix:  "name another pool, or delete gray; for an A/A comparison define a second pool with the same endpoints",
			})
		}
		c.rules(r)
	}
}

// routeKey refuses two routes for the same host and path: the second would never be taken.
func (c *checker) routeKey(keys map[match.RouteKey]Pos, r FileRoute) {
	if r.Host.Bad || r.Path.Bad {
		return
	}
	key := match.RouteKey{Host: r.Host.or(""), Path: r.Path.or("/")}
	before, again := keys[key]
	if !again {
		keys[key] = r.At
		return
	}
	at, host := r.At, "any host"
	if key.Host != "" {
		host = "host " + key.Host
	}
	switch {
	case r.Path.Set:
		at = r.Path.At
	case r.Host.Set:
		at = r.Host.At
	}
	c.fail(at, problem{
		What: fmt.Sprintf("a second route for %s and path %s", host, key.Path),
		Why:  fmt.Sprintf("the route in line %d takes the same requests, so this one would get none", before.Line),
		Fix:  "change its host or path, or make one route of the two",
	})
}

// pool refuses the name of a pool that is not defined.
func (c *checker) pool(f Field[string]) {
	if !f.Set || c.isPool[f.Value] || c.f.Upstreams.Bad {
		return
	}
	fix := "define it under upstreams"
	if len(c.pools) > 0 {
		fix = "defined: " + listed(c.pools)
	}
	c.fail(f.At, problem{What: "no upstream is called " + quoted(f.Value), Fix: c.didYouMean(f.Value, c.pools, fix)})
}

// rules checks the rules of one route.
func (c *checker) rules(r FileRoute) {
	names, conditions := map[string]Pos{}, map[string]Pos{}
	var all Pos // the rule that lets nothing through to those behind it
	for _, x := range r.Rules.Value {
		if !x.Name.written() {
			c.fail(x.At, problem{What: "a rule without name", Why: "upstream, metrics and logs are told which rule matched, and its share hangs on the name", Fix: "add name: beta"})
		} else if c.name(x.Name, "rule") {
			once(c.source, names, x.Name.Value, x.Name.At, "rule "+quoted(x.Name.Value))
		}
		c.share(x)
		c.pool(x.To)
		if all != (Pos{}) {
			c.fail(x.At, problem{
				What: "a rule that no request reaches",
				Why:  fmt.Sprintf("the rule in line %d takes every request before it", all.Line),
				Fix:  "put it before that rule, or delete it",
			})
		}
		c.condition(conditions, x)
		if !x.When.written() && x.Percent.Set && x.Percent.Value == match.PPM && x.By.Value == ByRequest && all == (Pos{}) {
			all = x.At
		}
	}
	c.target(r)
	c.conditions(r.Rules.Value)
}

// condition refuses a rule that has the condition of one before it which takes all that meet it.
func (c *checker) condition(before map[string]Pos, x FileRule) {
	when := trimWhen(x.When.Value)
	if when == "" {
		return
	}
	if at, again := before[when]; again {
		c.fail(x.When.At, problem{
			What: "a condition that no request reaches",
			Why:  fmt.Sprintf("the rule with the same condition in line %d takes them all", at.Line),
			Fix:  "change it, or delete the rule",
		})
	} else if !x.Percent.written() {
		before[when] = x.When.At
	}
}

// share checks percent, by and salt of a rule.
func (c *checker) share(x FileRule) {
	switch {
	case !x.When.written() && !x.Percent.written():
		c.fail(x.At, problem{
			What: "a rule with neither when nor percent",
			Why:  "it would take every request",
			Fix:  "add when: \"tag == 'gray'\", or percent: 100 and by: request if that is meant",
		})
	case x.Percent.written() && !x.By.written():
		c.fail(x.Percent.At, problem{What: "percent without by", Why: "by says whose share it is: which attribute stays in or out as one", Fix: c.anyUnit()})
	}
	if x.By.Set && !x.Percent.written() {
		c.fail(x.By.At, problem{What: "by without percent", Fix: "add percent, or delete by"})
	}
	if x.Salt.Set && !x.Percent.written() {
		c.fail(x.Salt.At, problem{What: "salt without percent", Fix: "add percent, or delete salt"})
	}
	if x.By.Set && x.By.Value == "now" {
		c.fail(x.By.At, problem{What: "a share by now is different at every moment", Fix: "name an attribute such as a user id, or write by: request"})
		return
	}
	if x.By.Set && x.By.Value != ByRequest && !slices.Contains(c.attributes, x.By.Value) && !c.f.Attributes.Bad {
		units := append(slices.Clone(c.attributes), ByRequest)
		c.fail(x.By.At, problem{
			What: "no attribute is called " + quoted(x.By.Value),
			Fix:  c.didYouMean(x.By.Value, units, "declare it under attributes; known: "+listed(units)),
		})
	}
	switch {
	case x.Salt.Set && x.By.Value == ByRequest:
		c.fail(x.Salt.At, problem{What: "salt with by: request", Why: "a share of requests is counted, not hashed", Fix: "delete salt"})
	case x.Salt.Set:
		c.salt(x.Salt)
	}
}

// anyUnit is what by could be here.
func (c *checker) anyUnit() string {
	for _, name := range []string{"userid", "user_id", "user", "uid"} {
		if slices.Contains(c.attributes, name) {
			return "add by: " + name + ", or by: request to count requests"
		}
	}
	for _, a := range c.f.Attributes.Value {
		if a.Type.or(match.String) == match.String && !a.Type.Bad {
			return "add by: " + a.Name.Value + ", or by: request to count requests"
		}
	}
	return "add by: userid once an attribute userid is declared, or by: request to count requests"
}

func (c *checker) salt(f Field[string]) {
	p := problem{What: "salt " + quoted(f.Value)}
	switch {
	case f.Value == "":
		p.What, p.Fix = "salt is empty", "write a word, or delete salt; the rule's name is taken then"
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

// target checks that every rule has a pool to send to. One of them is enough to tell: the cure is most likely at the route.
func (c *checker) target(r FileRoute) {
	for _, x := range r.Rules.Value {
		if !x.To.written() && !r.Gray.written() {
			c.fail(x.At, problem{
				What: "a rule with nowhere to send to",
				Why:  "rules send to the route's gray pool unless they say to, and the route has none",
				Fix:  "add gray: POOL to the route, or to: POOL to the rule",
			})
			return
		}
	}
}

// conditions compiles the conditions of one route's rules, and places their errors at the character meant.
func (c *checker) conditions(rules []FileRule) {
	var compiled []match.Rule
	var of []Field[string]
	for _, x := range rules {
		switch {
		case !x.When.Set:
		case trimWhen(x.When.Value) == "":
			c.fail(x.When.At, problem{What: "when is empty", Fix: "write a condition, or delete when"})
		case len(x.When.Value) > match.MaxConditionBytes:
			c.fail(x.When.At, problem{What: fmt.Sprintf("when is longer than %s", formatSize(match.MaxConditionBytes)), Fix: "make several rules of it"})
		case strings.IndexFunc(x.When.Value, isOddSpace) >= 0:
			c.fail(x.When.At, problem{What: "when has control characters in it", Fix: "write it with spaces and line breaks only"})
		default:
			compiled = append(compiled, match.Rule{Name: fmt.Sprint(len(of)), When: trimWhen(x.When.Value)})
			of = append(of, x.When)
		}
	}
	if c.schema == nil || len(of) == 0 {
		return
	}
	_, errs := match.CompileRules(c.schema, compiled)
	for _, e := range errs {
		f := of[e.Rule]
		at := f.At
		if e.Column > 0 {
			indent := len(f.Value) - len(strings.TrimLeftFunc(f.Value, unicode.IsSpace))
			at = c.within(f.node, utf8.RuneCountInString(f.Value[:indent])+e.Column-1)
		}
		c.fail(at, problem{What: e.What, Fix: e.Fix})
	}
}

func isOddSpace(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// trimWhen takes the space round a condition away: the end of a YAML block has a line break.
func trimWhen(s string) string { return strings.TrimSpace(s) }
