package config

import (
	"net/netip"
	"strings"
	"time"

	"graygate/match"
)

// ExplainRequest is a request whose decision shall be explained.
type ExplainRequest struct {
	Method      string
	Host        string // with or without a port; "" if there is none
	Path, Query string
	Headers     []Header   // in order, without Host
	IP          netip.Addr // of the client; the zero Addr is none
	Time        time.Time
	Bytecode    bool // explain the programs too, see ExplainedBytecode
}

// Explanation is what becomes of a request, and why. Its JSON names are stable; names may be added.
type Explanation struct {
	Request     ExplainedRequest      `json:"request"`
	Decision    ExplainedDecision     `json:"decision"`
	Tenant      *string               `json:"tenant"` // null: the request has none, or none is declared
	Attributes  []ExplainedAttribute  `json:"attributes"`
	Route       *ExplainedRoute       `json:"route"` // null: no route holds, and nothing else is decided
	Rules       []ExplainedRule       `json:"rules"`
	Override    *ExplainedOverride    `json:"override"` // null: the request asks for none
	Layers      []ExplainedLayer      `json:"layers"`
	Assignments []ExplainedAssignment `json:"assignments"` // in the order of evaluation
	Upstream    ExplainedUpstream     `json:"upstream"`
	Bytecode    *ExplainedBytecode    `json:"bytecode,omitempty"`
	Notes       []string              `json:"notes"` // what the explanation does not know, in sentences
}

// ExplainedRequest is the request as it was explained.
type ExplainedRequest struct {
	Method string    `json:"method"`
	Host   string    `json:"host"`
	Path   string    `json:"path"`
	Query  string    `json:"query"`
	IP     string    `json:"ip"`
	Time   time.Time `json:"time"`
}

// ExplainedDecision is where the request goes.
type ExplainedDecision struct {
	Route string `json:"route"` // "": none holds, and the answer is 404
	Pool  string `json:"pool"`
	Gray  bool   `json:"gray"`  // the pool is not the route's stable one
	Cause string `json:"cause"` // a rule, EXPERIMENT=VARIANT, or "" for the route's stable pool
}

// ExplainedAttribute is an attribute and where its value comes from.
type ExplainedAttribute struct {
	Name    string      `json:"name"`
	Type    string      `json:"type"`
	Value   *string     `json:"value"`            // null: it is missing
	Source  string      `json:"source,omitempty"` // `header X-OS`, "default", "request", or "" if it is missing everywhere
	Text    *string     `json:"text,omitempty"`   // what the source gave, where that is not the value
	Fault   match.Fault `json:"fault,omitempty"`  // why that text is not the value
	BuiltIn bool        `json:"built_in"`
	Issued  string      `json:"issued,omitempty"` // the cookie that a browser without it is given
}

// ExplainedRoute is the route that holds, and by what.
type ExplainedRoute struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant"` // "": it is for all
	Host   string `json:"host"`   // "": it is for any
	Path   string `json:"path"`   // the prefix
	Stable string `json:"stable"`
	Gray   string `json:"gray"` // "": it has none
}

// ExplainedRule is a rule of the route, in the order of evaluation.
type ExplainedRule struct {
	match.RuleTrace
	Status string `json:"status"` // "matched", "not_matched", or "not_reached": one before it matched
	To     string `json:"to"`     // the pool
}

// ExplainedOverride is what became of X-Experiment-Override.
type ExplainedOverride struct {
	Value  string `json:"value"`
	Status string `json:"status"`           // "taken", "refused", or "off": the config has no key, or no experiments
	Reason string `json:"reason,omitempty"` // why it was refused
}

// ExplainedAssignment is a variant that the request was given.
type ExplainedAssignment struct {
	Experiment string `json:"experiment"`
	Variant    string `json:"variant"`
	Forced     bool   `json:"forced"` // by an override or an allow-list
	To         string `json:"to"`     // the pool that the variant names, "" if none
}

// ExplainedBytecode is what the conditions were compiled to: those of the route's rules, and those of the experiments of the
// request's tenant. Rules and experiments are numbered from 0, in the order of the config. The form of the text may change.
type ExplainedBytecode struct {
	Rules       string `json:"rules"`
	Experiments string `json:"experiments"` // "": there are none
}

// ExplainedUpstream is what the upstream gets to know of the decision.
type ExplainedUpstream struct {
	Headers []ExplainedHeader `json:"headers"` // beside those of every request
	Dropped []string          `json:"dropped"` // names of the client's own that do not pass
}

// ExplainedHeader is a header field.
type ExplainedHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// overrideField and experimentField carry assignments: from testers, and to upstreams.
const (
	overrideField   = "X-Experiment-Override"
	experimentField = "X-Experiment"
)

// Explain decides a request as the data plane does, by a [Decider] of its own, and says why. A share of requests in
// sequence is decided as for the first request. It allocates, and takes some milliseconds for a large config.
func (s *Snapshot) Explain(r ExplainRequest) Explanation {
	x := explainer{snap: s, request: &r, decider: s.NewDecider(), names: s.Schema.Names()}
	a := x.load()
	d := x.decider.Decide(a, x.asked())
	out := Explanation{
		Request: ExplainedRequest{Method: r.Method, Host: r.Host, Path: r.Path, Query: r.Query, Time: r.Time},
		Rules:   []ExplainedRule{}, Layers: []ExplainedLayer{}, Assignments: []ExplainedAssignment{}, Notes: []string{},
	}
	if r.IP.IsValid() {
		out.Request.IP = r.IP.String()
	}
	for i := range x.names {
		out.Attributes = append(out.Attributes, x.attribute(i))
	}
	if s.tenant >= 0 {
		out.Tenant = printed(a.Value(s.tenant))
	}
	out.Upstream = ExplainedUpstream{Headers: []ExplainedHeader{}, Dropped: []string{}}
	if d.Route == nil {
		return out
	}
	p := &s.Plan.Routes[d.Route.Index]
	out.Route = &ExplainedRoute{Name: p.Name, Tenant: p.Tenant, Host: p.Host, Path: p.Path, Stable: p.Stable, Gray: p.Gray}
	out.Decision = ExplainedDecision{Route: p.Name, Pool: d.Pool.Name, Gray: d.Gray, Cause: d.Cause}
	out.Rules = x.rules(&d, &out)
	forced := x.override(&d, &out)
	if d.Tree != nil {
		out.Layers = x.layers(&d, forced)
		for _, asg := range d.Assignments {
			out.Assignments = append(out.Assignments, explainAssignment(d.Tree, asg))
		}
	}
	x.upstream(&d, &out.Upstream)
	if r.Bytecode {
		out.Bytecode = &ExplainedBytecode{Rules: d.Route.Rules.Disassemble()}
		if d.Tree != nil {
			out.Bytecode.Experiments = d.Tree.Set.Disassemble()
		}
	}
	return out
}

// explainer explains one request.
type explainer struct {
	snap    *Snapshot
	request *ExplainRequest
	decider *Decider
	names   []string // of attributes
}

// load fills the attributes with the request, as the data plane does.
func (x *explainer) load() *match.Attributes {
	r, a := x.request, x.decider.Attributes()
	a.Reset(x.snap.Schema)
	a.SetRequest([]byte(r.Method), x.host(), []byte(r.Path), x.query(), r.IP)
	a.SetTime(r.Time)
	for _, h := range r.Headers {
		a.AddHeader([]byte(h.Name), []byte(h.Value))
	}
	return a
}

func (x *explainer) host() []byte {
	if x.request.Host == "" {
		return nil
	}
	return []byte(x.request.Host)
}

func (x *explainer) query() []byte {
	if x.request.Query == "" {
		return nil
	}
	return []byte(x.request.Query)
}

func (x *explainer) asked() *Asked {
	out := &Asked{Host: x.host(), Path: []byte(x.request.Path), Now: x.request.Time}
	if text, ok := x.header(overrideField); ok {
		out.Override = []byte(text)
	}
	return out
}

// header gives the first value of a field.
func (x *explainer) header(name string) (string, bool) {
	for _, h := range x.request.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}

func (x *explainer) attribute(i int) ExplainedAttribute {
	a, builtIns := x.decider.Attributes(), len(match.Builtins())
	out := ExplainedAttribute{Name: x.names[i], Value: printed(a.Value(i)), Type: x.snap.Schema.TypeOf(i).String(), BuiltIn: i < builtIns}
	origin := a.Origin(i)
	switch {
	case origin.Source >= 0 && out.BuiltIn:
		out.Source = map[string]string{"tag": "header X-Gray-Tag", "gray_version": "cookie gray_version"}[out.Name]
	case origin.Source >= 0:
		out.Source = x.snap.Plan.Attributes[i-builtIns].From[origin.Source].String()
	case out.BuiltIn && out.Value != nil:
		out.Source = "request"
	}
	if text := string(origin.Text); origin.Source >= 0 && (out.Value == nil || *out.Value != text) {
		out.Text = &text
	}
	if origin.Default {
		out.Source = "default"
	}
	out.Fault = origin.Fault
	for _, issue := range x.snap.Issues {
		if issue.Attribute == i && out.Value == nil {
			out.Issued = issue.Cookie
		}
	}
	return out
}

func (x *explainer) rules(d *Decision, e *Explanation) []ExplainedRule {
	out := []ExplainedRule{}
	for i, target := range d.Route.Targets {
		r := ExplainedRule{RuleTrace: d.Route.Rules.Explain(i, x.decider.Attributes()), Status: "not_matched", To: target.Pool.Name}
		switch {
		case i == d.Rule:
			r.Status = "matched"
		case d.Rule >= 0 && i > d.Rule:
			r.Status = "not_reached"
		}
		if r.Outcome == match.Unknown && r.Status != "not_reached" {
			e.Notes = append(e.Notes, "rule "+r.Name+" takes a share of the requests in sequence: this is what becomes of the first; others fare differently")
		}
		out = append(out, r)
	}
	return out
}

// override explains X-Experiment-Override, and gives what it forces.
func (x *explainer) override(d *Decision, e *Explanation) []match.Assignment {
	text, ok := x.header(overrideField)
	if !ok || text == "" { // an empty one asks for nothing
		return nil
	}
	e.Override = &ExplainedOverride{Value: text, Status: "off"}
	switch d.Override {
	case OverrideTaken:
		e.Override.Status = "taken"
		return x.decider.forced
	case OverrideRefused:
		e.Override.Status, e.Override.Reason = "refused", d.OverrideError.Error()
	}
	return nil
}

func explainAssignment(t *Tree, a match.Assignment) ExplainedAssignment {
	plan := t.Branches[a.Experiment].Plan
	v := &plan.Variants[a.Variant]
	return ExplainedAssignment{Experiment: plan.Name, Variant: v.Name, Forced: a.Forced, To: v.To}
}

// upstream gives the fields that say what was decided, in the order in which they are sent, and those that do not pass.
func (x *explainer) upstream(d *Decision, out *ExplainedUpstream) {
	send := func(name, value string) { out.Headers = append(out.Headers, ExplainedHeader{name, value}) }
	tag := "stable"
	if d.Gray {
		tag = "gray"
	}
	send("X-Gray-Tag", tag)
	if d.Cause != "" {
		send("X-Gray-Rule", d.Cause)
	}
	var texts []string
	for _, a := range d.Assignments {
		texts = append(texts, d.Tree.Effect(a).Text)
	}
	if len(texts) > 0 {
		send(experimentField, strings.Join(texts, ", "))
	}
	for i, a := range d.Assignments {
		for _, h := range d.Tree.Branches[a.Experiment].Plan.Variants[a.Variant].Headers {
			if !d.setBefore(i, plainName(h.Name)) {
				send(h.Name, h.Value)
			}
		}
	}
	for _, h := range x.request.Headers {
		switch {
		case strings.EqualFold(h.Name, "X-Gray-Tag"), strings.EqualFold(h.Name, "X-Gray-Rule"), strings.EqualFold(h.Name, experimentField),
			strings.EqualFold(h.Name, overrideField), x.snap.Owned.Has([]byte(h.Name)):
			out.Dropped = append(out.Dropped, h.Name)
		}
	}
}

// printed gives a value for JSON, nil if it is missing.
func printed(value []byte) *string {
	if value == nil {
		return nil
	}
	text := string(value)
	return &text
}
