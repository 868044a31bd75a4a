package admin

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"graygate/config"
	"graygate/gateway"
	"graygate/upstream"
)

// consoleData is the answer of /ui/data: all that the console shows and that moves. Counts are sums since the process began.
type consoleData struct {
	Now         time.Time         `json:"now"`
	AtMS        float64           `json:"at_ms"` // monotonic
	Process     processView       `json:"process"`
	Generation  uint64            `json:"generation"`
	Ready       bool              `json:"ready"`
	Reload      Reload            `json:"reload"`
	Access      accessView        `json:"access"`
	Gateway     gatewayView       `json:"gateway"`
	BoundsMS    []float64         `json:"bounds_ms"`
	Metered     bool              `json:"metered"`
	Total       sums              `json:"total"`
	Unrouted    unrouted          `json:"unrouted"`
	Routes      []routeTraffic    `json:"routes"`
	RoutesAll   int               `json:"routes_total"`
	RoutesFound int               `json:"routes_matched"`
	Pools       []poolView        `json:"pools"`
	Experiments experimentSummary `json:"experiments"`
	Audiences   []Audience        `json:"audiences"`
	Events      eventsView        `json:"events"`
}

type processView struct {
	PID     int     `json:"pid"`
	Version string  `json:"version"`
	Go      string  `json:"go"`
	Config  string  `json:"config"`
	UptimeS float64 `json:"uptime_s"`
}

type accessView struct {
	Changes bool `json:"changes"` // there is a token, so that something can be changed with it
}

type gatewayView struct {
	Connections int64            `json:"connections"`
	Refused     uint64           `json:"connections_refused"`
	LoopLagMS   float64          `json:"loop_lag_ms"`
	Counters    gateway.Counters `json:"counters"`
}

// sums are what some routes' requests came to, by assignment.
type sums struct {
	Requests  uint64 `json:"requests"`
	Gray      uint64 `json:"gray_assigned"`
	Fallbacks uint64 `json:"fallbacks"` // of gray_assigned: answered by the route's stable pool
	Errors    uint64 `json:"errors"`
	Stable    side   `json:"stable"`
	GraySide  side   `json:"gray"`
}

// side is one side of an assignment.
type side struct {
	Requests     uint64  `json:"requests"`
	Errors       uint64  `json:"errors"` // 5xx
	ClientErrors uint64  `json:"client_errors"`
	Own          uint64  `json:"own"` // answered by the gateway itself
	Latency      Latency `json:"latency"`
}

type unrouted struct {
	Requests uint64 `json:"requests"`
}

type routeTraffic struct {
	Name   string    `json:"name"`
	Tenant string    `json:"tenant"`
	Host   string    `json:"host"`
	Path   string    `json:"path"`
	Pools  poolNames `json:"pools"`
	Rules  int       `json:"rules"`
	sums
}

type poolNames struct {
	Stable string `json:"stable"`
	Gray   string `json:"gray"`
}

type poolView struct {
	upstream.PoolStatus
	All  int `json:"endpoints_total"`
	Well int `json:"well"` // that can be asked
}

type experimentSummary struct {
	Total      int `json:"total"`
	Active     int `json:"active"`
	Mismatched int `json:"mismatched"`
}

type eventsView struct {
	Last  uint64  `json:"last"`
	Lost  bool    `json:"lost"` // some after the id that was asked for are not kept any more
	Items []event `json:"items"`
}

// console answers with what the console shows.
func (s *Server) console(r *request) *problem {
	return s.shows(func(g *gateway.Gateway, snap *config.Snapshot) *problem {
		c, q, p := r.cut()
		if p != nil {
			return p
		}
		since, p := r.startOfStream()
		if p != nil {
			return p
		}
		st := s.Status()
		d := consoleData{
			Now: time.Now().UTC(), AtMS: float64(time.Since(s.began).Microseconds()) / 1e3,
			Process:    processView{st.PID, st.Version, runtime.Version(), st.Config, st.UptimeS},
			Generation: snap.Generation, Ready: st.Ready, Reload: st.Reload, Access: accessView{s.gate.Load().hasToken},
			Gateway:   gatewayView{st.Connections, st.Refused, st.LoopLagMS, st.Counters},
			Audiences: st.Audiences, Events: s.eventsSince(since), Pools: viewPools(g.Upstreams()),
		}
		if d.Audiences == nil {
			d.Audiences = []Audience{}
		}
		s.addTraffic(&d, snap.Plan, c, q)
		d.Experiments = s.summary(snap.Plan, d.Now)
		return r.json(d)
	})
}

// addTraffic fills in the routes that are asked for, and the sums over all.
func (s *Server) addTraffic(d *consoleData, plan *config.Plan, c rows, q string) {
	traffic := *s.traffic.Load()
	for _, b := range traffic.Bounds() {
		d.BoundsMS = append(d.BoundsMS, float64(b)/float64(time.Millisecond))
	}
	counted, metered := traffic.Routes()
	d.Metered, d.Routes, d.RoutesAll = metered, []routeTraffic{}, len(plan.Routes)
	place := make(map[string]int, len(plan.Routes)) // of a route in all
	all := make([]sums, len(plan.Routes))
	for i := range all {
		place[plan.Routes[i].Name] = i
	}
	d.Total = newSums(len(d.BoundsMS))
	for i := range counted {
		t := &counted[i]
		at, known := place[t.Service]
		if t.Service == "" || !known {
			for _, x := range t.Served {
				d.Unrouted.Requests += x.Requests
			}
			continue
		}
		if all[at].Stable.Latency.Buckets == nil {
			all[at] = newSums(len(d.BoundsMS))
		}
		all[at].add(t, plan.Routes[at].Stable)
		d.Total.add(t, plan.Routes[at].Stable)
	}
	for i := range plan.Routes {
		x := &plan.Routes[i]
		if !holds(q, x.Name, x.Tenant, x.Host, x.Path) || !c.take() {
			continue
		}
		if all[i].Stable.Latency.Buckets == nil {
			all[i] = newSums(len(d.BoundsMS))
		}
		d.Routes = append(d.Routes, routeTraffic{x.Name, x.Tenant, x.Host, x.Path, poolNames{x.Stable, x.Gray}, len(x.Rules), all[i]})
	}
	d.RoutesFound = c.Matched
}

func newSums(bounds int) sums {
	return sums{Stable: side{Latency: Latency{Buckets: make([]uint64, bounds+1)}}, GraySide: side{Latency: Latency{Buckets: make([]uint64, bounds+1)}}}
}

// add adds what one key of a route came to, whose stable pool is said.
func (x *sums) add(t *RouteTraffic, stable string) {
	on := &x.Stable
	if t.Gray {
		on = &x.GraySide
	}
	for _, served := range t.Served {
		on.Requests += served.Requests
		on.Errors += served.ServerErrors
		on.ClientErrors += served.ClientErrors
		x.Requests += served.Requests
		x.Errors += served.ServerErrors
		if served.Pool == "" {
			on.Own += served.Requests
		}
		if t.Gray {
			x.Gray += served.Requests
			if served.Pool == stable {
				x.Fallbacks += served.Requests
			}
		}
	}
	on.Latency.add(&t.Latency)
}

// viewPools leaves of each pool as many endpoints as fit, those that are not well first.
func viewPools(pools []upstream.PoolStatus) []poolView {
	out := make([]poolView, len(pools))
	for i, p := range pools {
		v := poolView{PoolStatus: p, All: len(p.Endpoints)}
		for _, e := range p.Endpoints {
			if e.State <= upstream.Warming { // the first states are those that are asked
				v.Well++
			}
		}
		if len(p.Endpoints) > poolEndpoints {
			rank := func(e upstream.EndpointStatus) int {
				if e.State == upstream.Healthy {
					return 1
				}
				return 0
			}
			slices.SortStableFunc(p.Endpoints, func(a, b upstream.EndpointStatus) int { return cmp.Compare(rank(a), rank(b)) })
			v.Endpoints = p.Endpoints[:poolEndpoints]
		}
		if v.Endpoints == nil {
			v.Endpoints = []upstream.EndpointStatus{}
		}
		out[i] = v
	}
	return out
}

func (s *Server) summary(plan *config.Plan, now time.Time) experimentSummary {
	out := experimentSummary{Total: len(plan.Experiments)}
	for i := range plan.Experiments {
		if assigns(&plan.Experiments[i], now) {
			out.Active++
		}
	}
	for _, x := range (*s.traffic.Load()).Experiments() {
		if x.Mismatch {
			out.Mismatched++
		}
	}
	return out
}

// eventsSince gives the events after an id, or the newest where there are more than fit or no id is said.
func (s *Server) eventsSince(id uint64) eventsView {
	last := s.events.newest()
	if id > last {
		id = 0
	}
	from, lost := id, false
	if last-id > eventItems {
		from, lost = last-eventItems, id != 0
	}
	items, ringLost, _ := s.events.since(from, eventRing)
	if items == nil {
		items = []event{}
	}
	if n := len(items); n > 0 {
		last = items[n-1].ID
	}
	return eventsView{Last: last, Lost: lost || ringLost, Items: items}
}
