package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"graygate/upstream"
)

// upstreams checks the pools.
func (c *checker) upstreams() {
	for i := range c.f.Upstreams.Value {
		u := &c.f.Upstreams.Value[i]
		c.name(u.Name, "upstream")
		c.pools.add(u.Name.Value)
		switch {
		case !u.Endpoints.written():
			c.fail(u.Name.At, problem{What: "upstream " + quoted(u.Name.Value) + " has no endpoints", Fix: "add endpoints: [127.0.0.1:9101]"})
		case len(u.Endpoints.Value) == 0 && !u.Endpoints.Bad:
			c.fail(u.Endpoints.At, problem{What: "endpoints are empty", Fix: "name at least one: [127.0.0.1:9101]"})
		}
		c.endpoints(u.Endpoints, true)
		c.balance(u.Balance)
		c.zones(u)
		c.connections(u.Connections.Value)
		c.tls(u.TLS)
		c.breaker(u.Breaker)
		c.outlier(u.Outlier)
		c.retry(u.Retry)
		c.probe(u.Probe)
	}
}

// endpoints checks a list of endpoints; sources tells whether it may have sources of others.
func (c *checker) endpoints(f Field[[]FileEndpoint], sources bool) {
	addresses, found := map[string]Pos{}, map[string]Pos{}
	for _, e := range f.Value {
		kind := c.endpointKind(e, sources)
		c.labels(e.Labels)
		switch kind {
		case "":
		case "address":
			once(c.source, addresses, e.Address.Value, e.Address.At, "endpoint "+quoted(e.Address.Value))
		default:
			source := map[string]Field[string]{"dns": e.DNS, "srv": e.SRV, "file": e.File}[kind]
			name := source.Value
			if kind != "file" { // with a dot at its end or without, it is mostly the same name
				name = strings.TrimSuffix(strings.Replace(name, ".:", ":", 1), ".")
			}
			if once(c.source, found, kind+" "+name, source.At, kind+" "+quoted(source.Value)) && kind == "file" {
				c.endpointsFile(e.File)
			}
		}
	}
	switch {
	case len(addresses) > MaxEndpoints:
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d endpoints", MaxEndpoints), Fix: "name fewer"})
	case len(found) > MaxSources:
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d sources of endpoints", MaxSources), Why: "each is asked by itself", Fix: "name fewer"})
	}
}

// endpointKind checks that an entry is one of address, dns, srv and file, and has only what belongs to that. "" if it is
// none.
func (c *checker) endpointKind(e FileEndpoint, sources bool) string {
	kind := ""
	for _, k := range []struct {
		name string
		Field[string]
	}{{"address", e.Address}, {"dns", e.DNS}, {"srv", e.SRV}, {"file", e.File}} {
		switch {
		case !k.Set:
		case kind != "":
			c.fail(k.At, problem{What: "an endpoint with both " + kind + " and " + k.name, Fix: "make two entries of it"})
			return ""
		case k.name != "address" && !sources:
			c.fail(k.At, problem{What: k.name + " in a file of endpoints", Why: "a file has addresses only", Fix: "write it under endpoints in the config"})
			return ""
		default:
			kind = k.name
		}
	}
	if kind == "" {
		fix := "add address: 127.0.0.1:9101"
		if sources {
			fix += ", or dns, srv or file"
		}
		c.fail(e.At, problem{What: "an endpoint without address", Fix: fix})
		return ""
	}
	misplaced := func(names map[string]Pos, why string) {
		for name, at := range names {
			if at != (Pos{}) {
				c.fail(at, problem{What: name + " with " + kind, Why: why, Fix: "delete " + name})
			}
		}
	}
	lookup := map[string]Pos{"min_ttl": e.MinTTL.at(), "max_ttl": e.MaxTTL.at(), "server": e.Server.at()}
	switch kind {
	case "address":
		misplaced(lookup, "an address is not looked up")
	case "srv":
		misplaced(map[string]Pos{"weight": e.Weight.at(), "priority": e.Priority.at()}, "each record has its own")
	case "file":
		misplaced(lookup, "a file is read anew when it changes")
	}
	least, most := e.MinTTL.or(defaultMinTTL), e.MaxTTL.or(defaultMaxTTL)
	if least > most {
		c.fail(placeOr(e.MaxTTL, e.MinTTL.At), problem{
			What: fmt.Sprintf("min_ttl %s is above max_ttl %s", formatDuration(least), formatDuration(most)), Fix: "exchange or change them; max_ttl is " + formatDuration(defaultMaxTTL) + " by default",
		})
	}
	return kind
}

// placeOr is where the field stands, or at if it was left out.
func placeOr[T any](f Field[T], at Pos) Pos {
	return cmp.Or(f.at(), at)
}

func (c *checker) labels(f Field[[]FileLabel]) {
	if len(f.Value) > MaxLabels {
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d labels", MaxLabels), Fix: "use fewer"})
		return
	}
	for _, l := range f.Value {
		c.name(l.Name, "label")
		switch v := l.Value; {
		case !v.Set:
		case hasControl(v.Value):
			c.fail(v.At, problem{What: "label " + quoted(l.Name.Value) + " has control characters in it", Fix: "delete them"})
		case len(v.Value) > MaxLabelValue:
			c.fail(v.At, problem{What: fmt.Sprintf("label %s is longer than %d bytes", quoted(l.Name.Value), MaxLabelValue), Fix: "shorten it"})
		}
	}
}

// endpointsFile makes sure that a file of endpoints can be used as it is now.
func (c *checker) endpointsFile(f Field[string]) {
	path := c.absolute(f.Value)
	if c.listed[path] {
		return
	}
	text, ok := c.contents(f, "the file of endpoints", MaxEndpointsFile)
	if !ok {
		return
	}
	if _, err := ParseEndpoints(f.Value, text, anyEndpoint); err != nil {
		head := err.Error()
		if errs, ok := err.(Errors); ok {
			head = errs[0].Head()
		}
		c.fail(f.At, problem{What: "the file of endpoints cannot be used: " + head})
		return
	}
	c.listed[path] = true
}

// balance checks how endpoints are chosen.
func (c *checker) balance(f Field[FileBalance]) {
	if !f.Set {
		return
	}
	b := f.Value
	switch kind := b.By; {
	case !kind.written():
		c.fail(f.At, problem{What: "balance without by", Fix: "add by: consistent, or another of " + strings.Join(balances, ", ")})
	case !kind.Set:
	case kind.Value == upstream.Consistent && !b.Key.written():
		c.fail(kind.At, problem{What: "consistent without key", Why: "key says which attribute keeps its requests together", Fix: "write {by: consistent, key: userid}"})
	case kind.Value != upstream.Consistent:
		for name, at := range map[string]Pos{"key": b.Key.at(), "load": b.Load.at()} {
			if at != (Pos{}) {
				c.fail(at, problem{What: name + " with " + balances[kind.Value], Why: "only consistent hashes", Fix: "delete " + name + ", or write by: consistent"})
			}
		}
		return
	}
	c.unit(b.Key, "a choice of endpoints")
}

// zones refuses a preference that nothing can come of.
func (c *checker) zones(u *FileUpstream) {
	f := u.ZonePreference
	if !f.Value || u.Endpoints.Bad || c.f.Zone.Bad {
		return
	}
	if c.f.Zone.Value == "" {
		c.fail(f.At, problem{What: "zone_preference without zone", Why: "it is for endpoints in the gateway's own zone, and that is not known", Fix: "add zone: NAME to the top of the config, or delete zone_preference"})
		return
	}
	for _, e := range u.Endpoints.Value {
		if e.Zone.written() || e.File.Set {
			return
		}
	}
	c.fail(f.At, problem{What: "zone_preference, and no endpoint has a zone", Fix: "write endpoints as {address: 127.0.0.1:9101, zone: NAME}, or delete zone_preference"})
}

// connections checks what connections and requests are bounded by, taken together.
func (c *checker) connections(l FileConnections) {
	if l.Queue.Value > 0 && l.InFlight.Value == 0 && !l.InFlight.Bad && l.Max.Value == 0 && !l.Max.Bad {
		c.fail(l.Queue.At, problem{
			What: "queue without in_flight or max", Why: "without a bound nothing is ever full, and no request waits",
			Fix: "add in_flight: 100, with the requests that one endpoint can work on at once, or delete queue",
		})
	}
	if l.QueueTimeout.Set && l.Queue.Value == 0 && !l.Queue.Bad {
		c.fail(l.QueueTimeout.At, problem{What: "queue_timeout without queue", Fix: "add queue: 100, or delete queue_timeout"})
	}
	for _, bound := range []struct {
		name string
		most int
	}{{"idle", l.Idle.or(defaultPool().Limits.Idle)}, {"max", l.Max.Value}} {
		if bound.most > 0 && l.Warm.Value > bound.most {
			c.fail(l.Warm.At, problem{
				What: fmt.Sprintf("warm is %d, above %s, %d", l.Warm.Value, bound.name, bound.most), Why: "the rest would be closed at once, or never opened",
				Fix: fmt.Sprintf("give at most %d, or raise %s", bound.most, bound.name),
			})
			return
		}
	}
}

// above refuses a duration that is longer than another that bounds it. Either may be a default; it is told where one was written.
func (c *checker) above(name string, f Field[time.Duration], def time.Duration, bound string, by Field[time.Duration], boundDef time.Duration) {
	v, most := f.or(def), by.or(boundDef)
	if f.Bad || by.Bad || most <= 0 || v <= most { // what is not above 0 is told elsewhere
		return
	}
	at := placeOr(f, by.At)
	c.fail(at, problem{
		What: fmt.Sprintf("%s is %s, above %s, %s", name, formatDuration(v), bound, formatDuration(most)),
		Fix:  fmt.Sprintf("lower %s, or raise %s", name, bound),
	})
}
