package config

import (
	"slices"
	"time"

	"graygate/match"
)

// Geo is the databases of addresses that attributes with geo sources are looked up in.
type Geo struct {
	Files    []string // of the MMDB format, absolute paths; the first that knows a field of an address wins; empty is none
	Language string   // of the names of cities, as the files call it: "en", "zh-CN"
}

// Audience is a set of units that conditions ask for by name. It comes from a file or from Redis.
type Audience struct {
	Name        string
	File        string        // absolute path, a member a line; "" if it comes from Redis
	Redis       string        // redis:// or rediss:// URL, its password included: not for logs; "" if it comes from a file
	Key         string        // of the set in Redis; "" if it comes from a file
	Refresh     time.Duration // how often Redis is read anew; 0 for a file, which is watched
	Approximate bool          // keep a Bloom filter only: small, and wrong for about one stranger in a thousand
	MaxMembers  int           // an audience of more is refused when it is loaded, and the one before stays
}

// Layer is a set of experiments that exclude one another; layers are independent of one another.
type Layer struct {
	Name    string
	By      string // the attribute whose value is the unit
	Salt    string // the layer's name unless written
	Holdout string // of all its experiments; "" is none
}

// Holdout is a share of units that experiments leave alone.
type Holdout struct {
	Name string
	By   string // the attribute whose value is the unit
	Salt string // the holdout's name unless written
	PPM  uint32 // parts per million
}

// MetadataType is a JSON Schema that an experiment's metadata can be of.
type MetadataType struct {
	Name   string
	Schema any    // as JSON: a map[string]any or a bool; nil if it is in a file
	File   string // absolute path; "" if Schema holds it
}

// Experiment is one experiment as it is in force for a tenant: what its own key leaves out is taken from the key for every
// tenant, and then from the one for every experiment of the tenant.
type Experiment struct {
	Tenant string // "" is every tenant that has no experiment of the name, and requests of none
	Name   string // without the tenant; also in salts and header fields
	Layer  string
	Salt   string // the name unless written
	Slots  []match.SlotRange

	State ExperimentState
	Owner string    // for people; "" is nobody
	Start time.Time // UTC; nobody is assigned before; zero is always
	End   time.Time // UTC; nobody is assigned from it on; zero is never

	When      string   // a condition, without space round it; "" is always
	Routes    []string // of these only, in the order written; nil is all
	DependsOn []string // names of experiments that must all have assigned the request
	Excludes  []string // names of experiments of which none may have assigned it

	// Holdout is a holdout's name, "" if there is none. HoldoutPPM, if not 0, is a holdout of the experiment's own instead:
	// that share of the layer's unit, under the name and salt of the experiment.
	Holdout    string
	HoldoutPPM uint32

	ExcludeExposed []Exposure
	MetadataType   string         // "" if there is no metadata
	Metadata       map[string]any // as JSON, `type` left out: nil, bool, int64, float64, string, []any, map[string]any
	Variants       []Variant      // at least one, in the order written
}

// ExperimentState is a stage in the life of an experiment.
type ExperimentState string

// The states. Only an active experiment assigns units, and only from its start until its end.
const (
	Created  ExperimentState = "created"  // its slots are reserved, testers may be forced
	Active   ExperimentState = "active"   // units are assigned
	Paused   ExperimentState = "paused"   // as created
	Archived ExperimentState = "archived" // its slots are free; it is kept for the record
)

// Exposure is a place in a layer of the past, by the salt that it had then: units there are not taken.
type Exposure struct {
	Layer string // a layer that is defined, or the name of one that was; "" if only Salt is known
	By    string // the attribute whose value is the unit
	Salt  string
	Slots []match.SlotRange
}

// Variant is one arm of an experiment.
type Variant struct {
	Name    string
	Weight  uint32   // relative to those of the others; 0 is never chosen
	Headers []Header // fields that the upstream gets, in the order written; no two of one name
	To      string   // a pool; "" leaves the choice to rules and to other experiments
	Force   []string // units that always get this variant
}

// Header is a header field that the gateway writes.
type Header struct{ Name, Value string }

// Assignments is how the assignments of a request are told and forced, beside the field that the upstream gets.
type Assignments struct {
	Cookie          string // the name of a cookie that tells them to the client; "" is off
	OverrideKeyFile string // absolute path of the key that signs forced variants; "" is off
}

// Issued is an attribute whose value the gateway gives out where it is missing: a random number in a cookie.
type Issued struct {
	Attribute    string
	Cookie       string        // the first cookie source of the attribute
	MaxAge       time.Duration // whole seconds
	Secure       bool          // the cookie goes over TLS only
	FirstRequest FirstRequest
	KeyFile      string // absolute path of the key that signs the cookie; "" is unsigned
}

// FirstRequest is what becomes of the request that a unit is issued for.
type FirstRequest string

// What can become of it.
const (
	FirstStable FirstRequest = "stable" // it goes on without the unit
	FirstAssign FirstRequest = "assign" // it is decided with the new unit
)

// ExperimentsOf gives the experiments of a tenant, in the order of the file: its own, and the shared ones of which it has
// none of its own. "" gives the shared ones: those of requests without a tenant. The caller owns the slice, not what
// the experiments refer to.
func (p *Plan) ExperimentsOf(tenant string) []Experiment {
	own := map[string]bool{}
	for i := range p.Experiments {
		if x := &p.Experiments[i]; x.Tenant == tenant {
			own[x.Name] = true
		}
	}
	var out []Experiment
	for _, x := range p.Experiments {
		if x.Tenant == tenant || x.Tenant == "" && !own[x.Name] {
			out = append(out, x)
		}
	}
	return out
}

// Tenants gives the tenants that routes and experiments speak of, sorted. Requests of any other are treated as of none.
func (p *Plan) Tenants() []string {
	var out []string
	for _, r := range p.Routes {
		out = append(out, r.Tenant)
	}
	for i := range p.Experiments {
		out = append(out, p.Experiments[i].Tenant)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 0 && out[0] == "" {
		out = out[1:]
	}
	return out
}
