package config

import (
	"fmt"
	"strings"

	"graygate/match"
)

// shadows finds the rules of one route that no request reaches: those that can never match, and those before which
// another rule takes all that they would. Conditions are compared by proof (see [match.Analyzer]), with the first maxComparedRules
// of the route and as long as maxAnalysis lasts; beyond that only equal texts are found.
type shadows struct {
	*checker
	all    Pos            // the rule that lets nothing through to those behind it
	same   map[string]Pos // conditions whose rules take all that meet them
	before []*FileRule    // those to compare with
	route  string         // what requests of the route have in common, as a condition; "" is nothing
}

// check tells why a rule is not reached, if it is not, and takes it among those before the next. right says that its
// condition, if it has one, has no mistakes.
func (s *shadows) check(x *FileRule, right bool) {
	when := trimWhen(x.When.Value)
	at, again := s.same[when]
	switch {
	case s.all != (Pos{}):
		s.fail(x.At, problem{
			What: "a rule that no request reaches",
			Why:  fmt.Sprintf("the rule in line %d takes every request before it", s.all.Line),
			Fix:  "put it before that rule, or delete it",
		})
	case again:
		s.fail(x.When.At, problem{
			What: "a condition that no request reaches",
			Why:  fmt.Sprintf("the rule with the same condition in line %d takes them all", at.Line),
			Fix:  "change it, or delete the rule",
		})
	case right && s.analyzer != nil:
		s.compare(x, when)
	}
	if when != "" && !x.Percent.written() && !again {
		s.same[when] = x.When.At
	}
	if !x.When.written() && x.Percent.Set && takesAll(x) && s.all == (Pos{}) {
		s.all = x.At
	}
}

// compare looks for a proof that a rule is not reached.
func (s *shadows) compare(x *FileRule, when string) {
	if x.When.Set && s.analyzer.Spent() <= maxAnalysis && s.analyzer.Unsatisfiable(when) {
		s.fail(x.When.At, problem{What: "a rule that can never match", Why: "no request can make the condition true", Fix: "mend the condition, or delete the rule"})
		return
	}
	if x.When.Set && s.route != "" && speaksOfRoute(when) && s.analyzer.Disjoint(when, s.route) {
		s.fail(x.When.At, problem{What: "a rule that can never match", Why: "no request of the route can make the condition true: " + s.route, Fix: "mend the condition, or put the rule into another route"})
		return
	}
	for _, y := range s.before {
		if !takesShare(y, x) {
			continue
		}
		if s.analyzer.Spent() > maxAnalysis {
			return
		}
		if s.analyzer.Implies(when, trimWhen(y.When.Value)) {
			s.fail(x.At, problem{
				What: "a rule that no request reaches",
				Why:  fmt.Sprintf("the rule %s in line %d takes every request that it would take", quoted(y.Name.Value), y.At.Line),
				Fix:  "put it before that rule, or delete it",
			})
			return
		}
	}
	if len(s.before) < maxComparedRules {
		s.before = append(s.before, x)
	}
}

// takesAll reports whether a rule takes all requests that meet its condition.
func takesAll(x *FileRule) bool {
	return !x.Percent.written() || x.Percent.Set && x.Percent.Value == match.PPM && x.By.Value == ByRequest
}

// takesShare reports whether y, of the requests that meet its condition, takes all that x could.
func takesShare(y, x *FileRule) bool {
	switch {
	case x.Percent.Bad || x.Percent.Set && x.Percent.Value == 0: // switched off: not meant to be reached
		return false
	case takesAll(y):
		return true
	case !y.Percent.Set || !x.Percent.Set || !y.By.Set || y.By.Value != x.By.Value || y.By.Value == ByRequest:
		return false
	}
	same := y.Salt.or(y.Name.Value) == x.Salt.or(x.Name.Value)
	return y.Percent.Value == match.PPM || same && y.Percent.Value >= x.Percent.Value
}

// routeCondition gives what the host and the path of a route say of its requests, as a condition; "" where that is nothing.
func routeCondition(r FileRoute) string {
	var all []string
	quote := func(text string) string { return "'" + text + "'" }
	plain := func(f Field[string]) bool { return f.Set && !strings.ContainsAny(f.Value, `'\`) }
	if plain(r.Host) && r.Host.Value != "" {
		all = append(all, "host == "+quote(strings.ToLower(r.Host.Value)))
	}
	if path := strings.TrimSuffix(r.Path.Value, "/"); plain(r.Path) && path != "" {
		all = append(all, fmt.Sprintf("(path == %s or path startsWith %s)", quote(path), quote(path+"/")))
	}
	return strings.Join(all, " and ")
}

// speaksOfRoute reports whether a condition may ask for what routes are found by.
func speaksOfRoute(when string) bool {
	return strings.Contains(when, "host") || strings.Contains(when, "path")
}
