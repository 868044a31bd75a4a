package config

import "fmt"

// effect is something of which a request can have one only: a header field of some name, or the choice of its pool.
type effect struct {
	name, plain string // as written, and as compared; "" is the pool
	at          Pos
	of          *inForce
}

// conflicts refuses active experiments that one request can be assigned to and that write the same header, or both
// choose its pool: which of them would win is a matter of their order. Experiments of one layer exclude one another,
// and so do those that say so; the rest must differ in time, routes or condition. Conditions are compared as long as
// maxAnalysis lasts; what is not compared is let pass.
func (c *checker) conflicts(s *scope) {
	byName := map[string][]effect{}
	for _, x := range s.list {
		if x.State.Value != Active || !x.Layer.Set {
			continue
		}
		for _, e := range effects(x) {
			for _, before := range byName[e.plain] {
				if s.mine(before.of, x) && c.mayMeet(s, before.of, x) {
					c.conflict(before, e)
					break // one is enough: its cure is most likely that of the others
				}
			}
			byName[e.plain] = append(byName[e.plain], e)
		}
	}
}

// effects are those of all variants, the first of each name, in their order.
func effects(x *inForce) []effect {
	var out []effect
	seen := map[string]bool{}
	add := func(name string, at Pos) {
		plain := plainName(name)
		if !seen[plain] {
			seen[plain] = true
			out = append(out, effect{name, plain, at, x})
		}
	}
	for _, v := range x.Variants.Value {
		for _, h := range v.Headers.Value {
			add(h.Name.Value, h.Name.At)
		}
		if v.To.Set {
			add("", v.To.At)
		}
	}
	return out
}

// mayMeet reports whether one request may be assigned to both.
func (c *checker) mayMeet(s *scope, a, b *inForce) bool {
	if c.unclear(a) || c.unclear(b) || sameLayer(a, b) || excludes(a, b) || !windowsMeet(a, b) || !c.routesMeet(s, a, b) {
		return false
	}
	if c.analyzer != nil && c.analyzer.Spent() > maxAnalysis {
		return false
	}
	return !c.disjoint(a, b)
}

// unclear reports whether a mistake, which has been told, hides what may keep an experiment apart from others.
func (c *checker) unclear(x *inForce) bool {
	return c.unread[x.When.At] || x.Bad || x.When.Bad || x.Excludes.Bad || x.Routes.Bad || x.Start.Bad || x.End.Bad || x.Layer.Bad
}

func (c *checker) conflict(before, e effect) {
	does := "choose a pool"
	if e.name != "" {
		does = "write " + e.name
	}
	fix := "put them into one layer, let one exclude the other, or part their conditions"
	if e.name != "" {
		fix = "put them into one layer, let one exclude the other, part their conditions, or write another header"
	}
	c.fail(e.at, problem{
		What: fmt.Sprintf("experiments %s and %s both %s", quoted(before.of.Name), quoted(e.of.Name), does),
		Why:  fmt.Sprintf("a request can be assigned to both (line %d), and only one of them can have its way", before.at.Line),
		Fix:  fix,
	})
}
