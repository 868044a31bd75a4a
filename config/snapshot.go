package config

import (
	"fmt"
	"slices"

	"graygate/limiter"
	"graygate/match"
	"graygate/probes"
	"graygate/upstream"
)

// Snapshot is what the gateway runs by: a Plan, compiled. Immutable; a request reads it once and keeps it to
// its end. Only the endpoints behind its pools live longer (see [upstream.Registry]).
type Snapshot struct {
	Generation uint64 // as given to Build; counts up with every config that is taken
	Plan       *Plan
	Schema     *match.Schema
	Router     *match.Router // its index is that of Routes
	Routes     []*Route
	Pools      map[string]*upstream.Pool // all that are defined, used or not
	Trees      []*Tree                   // of experiments; the first is that of requests without a tenant; none without experiments
	Owned      FieldNames                // fields that some experiment sets, and no client may
	Issues     []Issue                   // what is given to requests that come without
	Told       Told

	HashKeys []int                    // by the index of a pool: the attribute that its endpoint is chosen by, -1 for none
	Checks   map[string]*probes.Check // by the name of the pool, its TLS opened; those that are probed

	trees       map[string]*Tree // by tenant, "" the first
	tenant      int              // the attribute that tells the tenant, -1 if none is declared
	overrideKey []byte           // nil: overrides are off
}

// Route is a compiled route.
type Route struct {
	Index   int // in Snapshot.Routes
	Name    string
	Stable  *upstream.Pool
	Gray    *upstream.Pool // nil if there is none
	Rules   *match.RuleSet
	Targets []Target // by the index of the rule

	Fallback      Fallback
	RateLimit     *limiter.RateLimit   // nil is none
	RateBy        int                  // the attribute whose value has a bucket of its own, -1 if all have one
	Concurrency   *limiter.Concurrency // nil is none
	ConcurrencyBy int                  // the attribute whose value is counted by itself, -1 if all are counted as one
}

// Target is where a rule sends to.
type Target struct {
	Rule string // its name
	Pool *upstream.Pool
	Gray bool // it counts as gray: Pool is not the route's stable one
}

// named gives look-ups that have every audience of the plan, each without a member: enough to compile by.
func (p *Plan) named() match.Lookups {
	l := match.Lookups{Audiences: map[string]match.Audience{}}
	for _, a := range p.Audiences {
		l.Audiences[a.Name] = nobody{}
	}
	return l
}

// nobody is an audience without members.
type nobody struct{}

func (nobody) Contains([]byte) bool { return false }

// Build compiles a plan. Its conditions ask lookups, which must have every audience of the plan. The endpoints come from
// reg, which keeps those that the snapshot before it had too and marks the others as removed; on an error reg is left
// as it was. For a plan from [Parse] the error can only be that a key file or a certificate cannot be read any more.
func Build(p *Plan, lookups match.Lookups, reg *upstream.Registry, generation uint64) (*Snapshot, error) {
	s := &Snapshot{Generation: generation, Plan: p}
	keys, err := readKeys(p)
	if err != nil {
		return nil, err
	}
	c, err := compile(p, p.signed(keys), lookups)
	if err != nil {
		return nil, err
	}
	s.Schema, s.Router = c.schema, c.router
	s.overrideKey = keys[p.Assignments.OverrideKeyFile]
	s.Told = told(p.Assignments.Cookie)
	s.issues(keys)
	s.tenant = slices.Index(c.schema.Names(), tenantAttribute)
	if err := s.openPools(reg); err != nil {
		return nil, err
	}
	for i, r := range p.Routes {
		route := &Route{
			Index: i, Name: r.Name, Stable: s.Pools[r.Stable], Gray: s.Pools[r.Gray], Rules: c.rules[i],
			Fallback: r.Fallback, RateLimit: r.RateLimit, RateBy: -1, Concurrency: r.Concurrency, ConcurrencyBy: -1,
		}
		if r.RateLimit != nil {
			route.RateBy = s.attribute(r.RateLimit.By)
		}
		if r.Concurrency != nil {
			route.ConcurrencyBy = s.attribute(r.Concurrency.By)
		}
		for _, x := range r.Rules {
			route.Targets = append(route.Targets, Target{Rule: x.Name, Pool: s.Pools[x.To], Gray: x.To != r.Stable})
		}
		s.Routes = append(s.Routes, route)
	}
	s.plantTrees(c)
	return s, nil
}

// openPools makes the pools, once all that they need could be read.
func (s *Snapshot) openPools(reg *upstream.Registry) error {
	configs := make([]upstream.PoolConfig, len(s.Plan.Upstreams))
	s.Checks = map[string]*probes.Check{}
	files := newOpener()
	for i := range s.Plan.Upstreams {
		u := &s.Plan.Upstreams[i]
		pool, checkTLS, err := files.upstream(u)
		if err != nil {
			return err
		}
		configs[i] = pool
		if u.Probe != nil {
			check := *u.Probe
			check.TLS = checkTLS
			s.Checks[pool.Name] = &check
		}
	}
	s.Pools = reg.Pools(configs, s.Plan.Zone)
	for _, c := range configs {
		index := s.Pools[c.Name].Index
		for len(s.HashKeys) <= index {
			s.HashKeys = append(s.HashKeys, -1)
		}
		s.HashKeys[index] = s.attribute(c.Balance.Key)
	}
	return nil
}

// attribute is the index of an attribute in Schema, -1 for none.
func (s *Snapshot) attribute(name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(s.Schema.Names(), name)
}

// compiled is what of a plan is made without touching anything outside it.
type compiled struct {
	schema *match.Schema
	router *match.Router
	rules  []*match.RuleSet // by route
	trees  []compiledTree
}

// tenantAttribute is the name of the attribute, if it is declared, whose value is the request's tenant.
const tenantAttribute = "tenant"

// compile compiles a plan whose attributes are attrs: the plan's, with the keys that they are signed by.
func compile(p *Plan, attrs []Attribute, lookups match.Lookups) (*compiled, error) {
	c := &compiled{}
	var err error
	if c.schema, err = match.NewSchema(attrs, lookups); err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	keys := make([]match.RouteKey, len(p.Routes))
	for i, r := range p.Routes {
		keys[i] = match.RouteKey{Tenant: r.Tenant, Host: r.Host, Path: r.Path}
		rules := make([]match.Rule, len(r.Rules))
		for j, x := range r.Rules {
			rules[j] = match.Rule{Name: x.Name, When: x.When, HasPercent: x.HasPercent, PPM: x.PPM, By: x.By, Salt: x.Salt}
		}
		set, errs := match.CompileRules(c.schema, rules)
		if len(errs) > 0 {
			return nil, fmt.Errorf("route %s: %w", r.Name, errs[0])
		}
		c.rules = append(c.rules, set)
	}
	if c.router, err = match.NewRouter(keys); err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	if err := c.compileTrees(p); err != nil {
		return nil, err
	}
	return c, nil
}
