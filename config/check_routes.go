package config

import (
	"fmt"
	"slices"

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
		c.tenantOf(r.Tenant)
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
		c.limits(r)
		c.rules(r)
	}
}

// routeKey refuses two routes for the same host and path: the second would never be taken.
func (c *checker) routeKey(keys map[match.RouteKey]Pos, r FileRoute) {
	if r.Host.Bad || r.Path.Bad || r.Tenant.Bad {
		return
	}
	key := match.RouteKey{Tenant: r.Tenant.or(""), Host: r.Host.or(""), Path: r.Path.or("/")}
	before, again := keys[key]
	if !again {
		keys[key] = r.At
		return
	}
	at, host := r.At, "any host"
	if key.Host != "" {
		host = "host " + key.Host
	}
	if key.Tenant != "" {
		host = "tenant " + key.Tenant + ", " + host
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
func (c *checker) pool(f Field[string]) { c.refer(f, c.pools) }

// rules checks the rules of one route.
func (c *checker) rules(r FileRoute) {
	names := map[string]Pos{}
	reached := shadows{checker: c, same: map[string]Pos{}, route: routeCondition(r)}
	for i, x := range r.Rules.Value {
		if !x.Name.written() {
			c.fail(x.At, problem{What: "a rule without name", Why: "upstream, metrics and logs are told which rule matched, and its share hangs on the name", Fix: "add name: beta"})
		} else if c.name(x.Name, "rule") {
			once(c.source, names, x.Name.Value, x.Name.At, "rule "+quoted(x.Name.Value))
		}
		c.share(x)
		c.pool(x.To)
		right := c.when(x.When) || !x.When.written() && x.Percent.Set
		reached.check(&r.Rules.Value[i], right)
	}
	c.target(r)
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
	if !c.unit(x.By, "a share", ByRequest) && x.By.Set {
		return
	}
	switch {
	case x.Salt.Set && x.By.Value == ByRequest:
		c.fail(x.Salt.At, problem{What: "salt with by: request", Why: "a share of requests is counted, not hashed", Fix: "delete salt"})
	case x.Salt.Set:
		c.salt(x.Salt, "rule")
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
