package admin

import (
	"strings"
	"time"

	"graygate/breaker"
	"graygate/config"
	"graygate/gateway"
	"graygate/match"
	"graygate/upstream"
)

// rows are what a list says of itself beside its items.
type rows struct {
	Total   int `json:"total"`   // that there are
	Matched int `json:"matched"` // that were searched for
	Limit   int `json:"limit"`
	Offset  int `json:"offset"`
}

// cut reads which rows are asked for, with the text that is searched for in lower case.
func (r *request) cut() (c rows, q string, p *problem) {
	if q, p = r.text("q"); p != nil {
		return c, q, p
	}
	if c.Limit, p = r.number("limit", pageItems, mostItems); p != nil {
		return c, q, p
	}
	c.Offset, p = r.number("offset", 0, 1<<30)
	return c, strings.ToLower(q), p
}

// take counts one more row that matches, and reports whether it is among those asked for.
func (c *rows) take() bool {
	c.Matched++
	return c.Matched > c.Offset && c.Matched-c.Offset <= c.Limit
}

// holds reports whether one of the texts has q in it, which is in lower case.
func holds(q string, texts ...string) bool {
	if q == "" {
		return true
	}
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), q) {
			return true
		}
	}
	return false
}

// routeView is a route in the answer of /routes.
type routeView struct {
	Name     string     `json:"name"`
	Tenant   string     `json:"tenant"`
	Host     string     `json:"host"`
	Path     string     `json:"path"`
	Stable   string     `json:"stable"`
	Gray     string     `json:"gray"`
	Fallback string     `json:"fallback"`
	Rules    []ruleView `json:"rules"`
}

type ruleView struct {
	Name    string   `json:"name"`
	When    string   `json:"when,omitempty"`
	Percent *float64 `json:"percent,omitempty"`
	By      string   `json:"by,omitempty"`
	To      string   `json:"to"`
}

func (s *Server) routeList(r *request) *problem {
	return s.shows(func(_ *gateway.Gateway, snap *config.Snapshot) *problem {
		c, q, p := r.cut()
		if p != nil {
			return p
		}
		out := struct {
			rows
			Items []routeView `json:"items"`
		}{Items: []routeView{}}
		c.Total = len(snap.Plan.Routes)
		for i := range snap.Plan.Routes {
			if x := &snap.Plan.Routes[i]; holds(q, x.Name, x.Tenant, x.Host, x.Path) && c.take() {
				out.Items = append(out.Items, viewRoute(x))
			}
		}
		out.rows = c
		return r.json(out)
	})
}

func viewRoute(x *config.PlanRoute) routeView {
	v := routeView{Name: x.Name, Tenant: x.Tenant, Host: x.Host, Path: x.Path, Stable: x.Stable, Gray: x.Gray,
		Fallback: [...]string{"on", "off", "both"}[x.Fallback], Rules: []ruleView{}}
	for _, rule := range x.Rules {
		view := ruleView{Name: rule.Name, When: rule.When, By: rule.By, To: rule.To}
		if rule.HasPercent {
			view.Percent = new(float64(rule.PPM) / 10_000)
		}
		v.Rules = append(v.Rules, view)
	}
	return v
}

func (s *Server) upstreams(r *request) *problem {
	return s.shows(func(g *gateway.Gateway, _ *config.Snapshot) *problem {
		pools, p := s.poolsAsked(r, g)
		if p != nil {
			return p
		}
		for i := range pools {
			if pools[i].Endpoints == nil {
				pools[i].Endpoints = []upstream.EndpointStatus{}
			}
		}
		return r.json(struct {
			Pools []upstream.PoolStatus `json:"pools"`
		}{pools})
	})
}

// poolsAsked are all pools, or the one that is asked for.
func (s *Server) poolsAsked(r *request, g *gateway.Gateway) ([]upstream.PoolStatus, *problem) {
	name, p := r.text("pool")
	if p != nil {
		return nil, p
	}
	pools := g.Upstreams()
	if name == "" {
		return pools, nil
	}
	for _, pool := range pools {
		if pool.Name == name {
			return []upstream.PoolStatus{pool}, nil
		}
	}
	return nil, &problem{404, "unknown_pool", "there is no pool " + shown(name), "see /upstreams"}
}

// breakerView is one breaker in the answer of /breakers.
type breakerView struct {
	Pool     string `json:"pool"`
	Endpoint string `json:"endpoint"` // "": it is the pool's own
	upstream.BreakerStatus
}

func (s *Server) breakers(r *request) *problem {
	return s.shows(func(g *gateway.Gateway, _ *config.Snapshot) *problem {
		pools, p := s.poolsAsked(r, g)
		if p != nil {
			return p
		}
		state, p := r.word("state", breaker.Closed.String(), breaker.HalfOpen.String(), breaker.Open.String())
		if p != nil {
			return p
		}
		out := []breakerView{}
		add := func(pool, endpoint string, b *upstream.BreakerStatus) {
			if b != nil && (state == "" || b.State.String() == state) {
				out = append(out, breakerView{pool, endpoint, *b})
			}
		}
		for i := range pools {
			add(pools[i].Name, "", pools[i].Breaker)
			for _, e := range pools[i].Endpoints {
				add(pools[i].Name, e.Address, e.Breaker)
			}
		}
		return r.json(struct {
			Breakers []breakerView `json:"breakers"`
		}{out})
	})
}

// experimentView is an experiment in the answer of /experiments.
type experimentView struct {
	Tenant       string        `json:"tenant"`
	Name         string        `json:"name"`
	Layer        string        `json:"layer"`
	State        string        `json:"state"`
	Assigns      bool          `json:"assigns"` // it is active, and now is between start and end
	Owner        string        `json:"owner"`
	Start        time.Time     `json:"start,omitzero"`
	End          time.Time     `json:"end,omitzero"`
	When         string        `json:"when"`
	Routes       []string      `json:"routes"`
	DependsOn    []string      `json:"depends_on"`
	Excludes     []string      `json:"excludes"`
	Holdout      string        `json:"holdout"`
	Slots        [][2]int      `json:"slots"`
	Share        float64       `json:"share"` // of the layer's slots
	MetadataType string        `json:"metadata_type"`
	Assigned     uint64        `json:"assigned"`
	Mismatch     bool          `json:"mismatch"`
	Variants     []variantView `json:"variants"`
}

type variantView struct {
	Name     string `json:"name"`
	Weight   uint32 `json:"weight"`
	To       string `json:"to"`
	Forced   int    `json:"forced_units"` // how many; not who, for they are people
	Assigned uint64 `json:"assigned"`
}

func (s *Server) experiments(r *request) *problem {
	return s.shows(func(_ *gateway.Gateway, snap *config.Snapshot) *problem {
		c, q, p := r.cut()
		if p != nil {
			return p
		}
		state, p := r.word("state", string(config.Created), string(config.Active), string(config.Paused), string(config.Archived))
		if p != nil {
			return p
		}
		out := struct {
			rows
			Items []experimentView `json:"items"`
		}{Items: []experimentView{}}
		counts := byExperiment((*s.traffic.Load()).Experiments())
		now := time.Now()
		c.Total = len(snap.Plan.Experiments)
		for i := range snap.Plan.Experiments {
			x := &snap.Plan.Experiments[i]
			if (state == "" || string(x.State) == state) && holds(q, x.Name, x.Tenant, x.Owner, x.Layer) && c.take() {
				out.Items = append(out.Items, viewExperiment(x, counts[[2]string{x.Tenant, x.Name}], now))
			}
		}
		out.rows = c
		return r.json(out)
	})
}

func viewExperiment(x *config.Experiment, counts *ExperimentTraffic, now time.Time) experimentView {
	v := experimentView{
		Tenant: x.Tenant, Name: x.Name, Layer: x.Layer, State: string(x.State), Assigns: assigns(x, now), Owner: x.Owner, Start: x.Start, End: x.End,
		When: x.When, Routes: orEmpty(x.Routes), DependsOn: orEmpty(x.DependsOn), Excludes: orEmpty(x.Excludes), Holdout: x.Holdout,
		Slots: [][2]int{}, MetadataType: x.MetadataType, Variants: []variantView{},
	}
	taken := 0
	for _, r := range x.Slots {
		v.Slots = append(v.Slots, [2]int{r.First, r.Last})
		taken += r.Last - r.First + 1
	}
	v.Share = float64(taken) / match.Slots
	for _, variant := range x.Variants {
		v.Variants = append(v.Variants, variantView{Name: variant.Name, Weight: variant.Weight, To: variant.To, Forced: len(variant.Force)})
	}
	if counts == nil {
		return v
	}
	v.Mismatch = counts.Mismatch
	for i := range v.Variants {
		v.Variants[i].Assigned = counts.Assigned[v.Variants[i].Name]
		v.Assigned += v.Variants[i].Assigned
	}
	return v
}

// assigns reports whether an experiment gives out variants now.
func assigns(x *config.Experiment, now time.Time) bool {
	return x.State == config.Active && !now.Before(x.Start) && (x.End.IsZero() || now.Before(x.End))
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
