package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"graygate/match"
)

// checker finds what is wrong with a File beyond its words: ranges, names, and what does not belong together. It
// says nothing about what the decoder has told already.
type checker struct {
	*source
	f          *File
	schema     *match.Schema   // nil if the attributes are not known well enough
	analyzer   *match.Analyzer // of conditions, nil without schema
	attributes []string        // every name that conditions and by may say

	pools, routeNames, layerNames, holdoutNames, typeNames *names

	schemas  map[string]*jsonschema.Schema // by the name of the metadata type, of those that are right
	tenancy  bool                          // a tenant without the attribute has been told
	asked    map[Pos]bool                  // conditions of experiments that have been looked at by themselves, by their place: tenants inherit them
	compiled map[uint64]*match.Experiments // by treeMark: the last that were compiled without a mistake
	inForce  []inForce                     // what fill goes by; nil where they are too many
	unread   map[Pos]bool                  // conditions of experiments that have mistakes, by their place

	// Files that were found right: the same may be named by thousands of pools.
	certified, listed map[string]bool
	pairs             map[[2]string]bool
}

func check(s *source, f *File) *checker {
	c := &checker{source: s, f: f, pools: newNames("upstream", "upstreams", f.Upstreams.Bad), unread: map[Pos]bool{}, compiled: map[uint64]*match.Experiments{}, asked: map[Pos]bool{}}
	c.certified, c.listed, c.pairs = map[string]bool{}, map[string]bool{}, map[[2]string]bool{}
	c.require(f.Listeners.written(), len(f.Listeners.Value) > 0 || f.Listeners.Bad, f.Listeners.At, "listeners", "add listeners: [{address: :8080}]")
	c.require(f.Upstreams.written(), len(f.Upstreams.Value) > 0 || f.Upstreams.Bad, f.Upstreams.At, "upstreams", "add upstreams: {stable: {endpoints: [127.0.0.1:9101]}}")
	c.require(f.Routes.written(), len(f.Routes.Value) > 0 || f.Routes.Bad, f.Routes.At, "routes", "add routes: [{name: main, stable: stable}]")
	c.listeners()
	c.telemetry()
	c.numbers()
	c.overload()
	c.proxies()
	c.checkAttributes()
	c.upstreams()
	c.routes()
	c.outside()
	c.experiments()
	return c
}

// require refuses a missing or empty top-level key.
func (c *checker) require(written, filled bool, at Pos, name, fix string) {
	switch {
	case !written:
		c.failFile(problem{What: name + " are missing", Fix: fix})
	case !filled:
		c.fail(at, problem{What: name + " are empty", Fix: fix})
	}
}

// listeners checks that the addresses can all be had at once.
func (c *checker) listeners() {
	var taken []Field[string]
	for i, l := range c.f.Listeners.Value {
		if i == MaxListeners {
			c.fail(l.At, problem{What: fmt.Sprintf("more than %d listeners", MaxListeners), Fix: "use fewer"})
			break
		}
		if !l.Address.written() {
			c.fail(l.At, problem{What: "a listener without address", Fix: "add address: :8080"})
		}
		taken = c.take(taken, l.Address)
		c.inRange(l.MaxConnections, "max_connections", 1, MaxConnections)
	}
	if a := c.f.Admin.Value.Address; !strings.HasPrefix(a.Value, unixPrefix) {
		if _, port := cutPort(a.Value); port != "0" {
			c.take(taken, a)
		}
	}
}

// take adds an address to those taken, unless it clashes with one of them.
func (c *checker) take(taken []Field[string], a Field[string]) []Field[string] {
	if !a.Set {
		return taken
	}
	host, port := cutPort(a.Value)
	for _, t := range taken {
		h, p := cutPort(t.Value)
		if p != port || h != host && (p == "0" || !anyAddress(h) && !anyAddress(host)) {
			continue
		}
		c.fail(a.At, problem{
			What: fmt.Sprintf("address %s is taken", quoted(a.Value)),
			Why:  fmt.Sprintf("line %d listens on %s, and two cannot have one port of one address", t.At.Line, quoted(t.Value)),
			Fix:  "choose another port",
		})
		return taken
	}
	return append(taken, a)
}

// cutPort parts what parseListen gave, or nothing.
func cutPort(address string) (host, port string) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", ""
	}
	return strings.Trim(address[:i], "[]"), address[i+1:]
}

func anyAddress(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// numbers checks the ranges of loops, limits and time-outs.
func (c *checker) numbers() {
	f := c.f
	c.inRange(f.Loops, "loops", 1, MaxLoops)
	l := f.Limits.Value
	c.size(l.HeadSize, "head_size", MinHeadSize, MaxHeadSize)
	c.inRange(l.HeadCount, "header_count", 1, MaxHeaderCount)
	if l.BodySize.Set && l.BodySize.Value == 0 {
		c.fail(l.BodySize.At, problem{What: "body_size is 0", Why: "it would refuse every body", Fix: "write off for no limit, or give at least 1"})
	}
	t := f.Timeouts.Value
	for _, d := range []struct {
		name  string
		field Field[time.Duration]
	}{
		{"head", t.Head}, {"idle", t.Idle}, {"connect", t.Connect}, {"response_head", t.ResponseHead},
		{"body", t.Body}, {"upstream_idle", t.UpstreamIdle},
		{"tunnel", t.Tunnel}, {"drain_timeout", f.DrainTimeout},
	} {
		if d.field.Set && (d.field.Value < MinTimeout || d.field.Value > MaxTimeout) {
			c.fail(d.field.At, problem{
				What: fmt.Sprintf("%s is %s", d.name, formatDuration(d.field.Value)),
				Fix:  fmt.Sprintf("give %s to %s", formatDuration(MinTimeout), formatDuration(MaxTimeout)),
			})
		}
	}
}

// inRange checks a number that was written; 0 stands for the word auto.
func (c *checker) inRange(f Field[int], name string, least, most int) {
	if f.Set && f.Value != 0 && (f.Value < least || f.Value > most) {
		c.fail(f.At, problem{What: fmt.Sprintf("%s is %d", name, f.Value), Fix: fmt.Sprintf("give %d to %d", least, most)})
	}
}

func (c *checker) size(f Field[int64], name string, least, most int64) {
	if f.Set && (f.Value < least || f.Value > most) {
		c.fail(f.At, problem{What: name + " is " + formatSize(f.Value), Fix: "give " + formatSize(least) + " to " + formatSize(most)})
	}
}

func (c *checker) proxies() {
	first := map[netip.Prefix]Pos{}
	for _, p := range c.f.TrustedProxies.Value {
		once(c.source, first, p.Value, p.At, "trusted proxy "+quoted(p.Value.String()))
	}
}

// once refuses a value that was there before: what is its name for the message. Reports whether it is the first.
func once[K comparable](s *source, first map[K]Pos, value K, at Pos, what string) bool {
	before, again := first[value]
	if !again {
		first[value] = at
		return true
	}
	s.fail(at, problem{
		What: what + " is here twice",
		Why:  fmt.Sprintf("it is in line %d already", before.Line),
		Fix:  "delete one, or change it",
	})
	return false
}
