package config

import (
	"net/netip"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"graygate/upstream"
)

func (d *decoder) upstream(name Field[string], n ast.Node) FileUpstream {
	u := FileUpstream{Name: name}
	ok := d.object(n, "an upstream",
		key{"endpoints", func(n ast.Node) { u.Endpoints = list(d, n, "endpoints", "[%s]", d.endpoint) }},
		key{"balance", func(n ast.Node) { u.Balance = d.balance(n) }},
		key{"zone_preference", func(n ast.Node) { u.ZonePreference = d.onOff(n, "zone_preference") }},
		key{"slow_start", func(n ast.Node) { u.SlowStart = d.span(n, "slow_start", "off", MinSlowStart, MaxSlowStart) }},
		key{"panic", func(n ast.Node) { u.Panic = d.share(n, "panic", "off", 1, 1_000_000) }},
		key{"connections", func(n ast.Node) { u.Connections = d.connections(n) }},
		key{"tls", func(n ast.Node) { u.TLS = d.tls(n) }},
		key{"breaker", func(n ast.Node) { u.Breaker = d.breaker(n) }},
		key{"outlier", func(n ast.Node) { u.Outlier = d.outlier(n) }},
		key{"retry", func(n ast.Node) { u.Retry = d.retry(n) }},
		key{"probe", func(n ast.Node) { u.Probe = d.probe(n) }},
	)
	u.Endpoints.Bad = u.Endpoints.Bad || !ok
	return u
}

// endpoint reads an address, or a mapping with an address or a source.
func (d *decoder) endpoint(n ast.Node) (FileEndpoint, bool) {
	e := FileEndpoint{At: place(n)}
	switch bare(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		e.Address = scalar(d, n, "an endpoint", hostPort, parseEndpoint)
		return e, e.Address.Set
	}
	ok := d.object(n, "an endpoint",
		key{"address", func(n ast.Node) { e.Address = scalar(d, n, "address", hostPort, parseEndpoint) }},
		key{"dns", func(n ast.Node) { e.DNS = scalar(d, n, "dns", hostPort, parseDNSName) }},
		key{"srv", func(n ast.Node) { e.SRV = scalar(d, n, "srv", "text", parseServiceName) }},
		key{"file", func(n ast.Node) { e.File = d.path(n, "file") }},
		key{"weight", func(n ast.Node) { e.Weight = d.whole(n, "weight", "", 0, MaxEndpointWeight) }},
		key{"priority", func(n ast.Node) { e.Priority = d.whole(n, "priority", "", 0, MaxPriority) }},
		key{"zone", func(n ast.Node) { e.Zone = d.nameOr(n, "zone", "") }},
		key{"labels", func(n ast.Node) { e.Labels = named(d, n, "labels", d.label) }},
		key{"min_ttl", func(n ast.Node) { e.MinTTL = d.span(n, "min_ttl", "", MinTTL, MaxTimeout) }},
		key{"max_ttl", func(n ast.Node) { e.MaxTTL = d.span(n, "max_ttl", "", MinTTL, MaxTimeout) }},
		key{"server", func(n ast.Node) { e.Server = scalar(d, n, "server", hostPort, parseServer) }},
	)
	return e, ok && !e.Address.Bad && !e.DNS.Bad && !e.SRV.Bad && !e.File.Bad
}

func (d *decoder) label(name Field[string], n ast.Node) FileLabel {
	return FileLabel{Name: name, Value: d.text(n, name.Value)}
}

// parseDNSName reads the name that a DNS server is asked for, and a port. A dot at the end of the name stays: it says that no
// search domain of the system's is to be tried.
func parseDNSName(s string) (string, *problem) {
	relative := s
	whole := false
	if host, port := cutPort(s); strings.HasSuffix(host, ".") {
		relative, whole = strings.TrimSuffix(host, ".")+":"+port, true
	}
	address, p := parseEndpoint(relative)
	if p != nil {
		return "", p
	}
	if host, port := cutPort(address); whole && !isAddress(host) {
		return host + ".:" + port, nil
	}
	if host, _ := cutPort(address); isAddress(host) {
		return "", &problem{What: "dns " + quoted(s) + " is an address", Why: "there is nothing to look up", Fix: "write it as an endpoint: " + s}
	}
	return address, nil
}

// parseServiceName reads the name of SRV records. A dot at its end stays, as in parseDNSName.
func parseServiceName(s string) (string, *problem) {
	name := strings.TrimSuffix(s, ".")
	switch {
	case strings.Contains(s, ":"):
		return "", &problem{What: "srv " + quoted(s) + " has a port", Why: "the records have one each", Fix: "delete it, or write dns: for the addresses of a name"}
	case !isHostname(name):
		return "", &problem{What: "srv " + quoted(s) + " is not a name", Fix: "write it as _http._tcp.app.internal"}
	}
	return strings.ToLower(s), nil
}

// parseServer reads the address of a DNS server.
func parseServer(s string) (string, *problem) {
	address, p := parseEndpoint(s)
	if p != nil {
		return "", p
	}
	if host, _ := cutPort(address); !isAddress(host) {
		return "", &problem{What: "server " + quoted(s) + " is a name", Why: "it would have to be looked up itself", Fix: "write the IP address"}
	}
	return address, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// balances are the words of balance, by the kinds of upstream.
var balances = []string{
	upstream.P2C: "p2c", upstream.RoundRobin: "round_robin", upstream.LeastRequest: "least_request", upstream.Random: "random",
	upstream.Consistent: "consistent",
}

// balance reads a word, or a mapping with by.
func (d *decoder) balance(n ast.Node) Field[FileBalance] {
	f := Field[FileBalance]{At: place(n), node: n}
	if _, lone := bare(n).(ast.ScalarNode); lone {
		by := oneOf(d, n, "balance", balances, func(i int) upstream.BalanceKind { return upstream.BalanceKind(i) })
		f.Value.By, f.Set, f.Bad = by, by.Set, by.Bad
		return f
	}
	f.Set = d.object(n, "balance",
		key{"by", func(n ast.Node) {
			f.Value.By = oneOf(d, n, "by", balances, func(i int) upstream.BalanceKind { return upstream.BalanceKind(i) })
		}},
		key{"key", func(n ast.Node) { f.Value.Key = d.text(n, "key") }},
		key{"load", func(n ast.Node) { f.Value.Load = d.share(n, "load", "off", MinLoad, MaxLoad) }},
	)
	f.Bad = !f.Set
	return f
}

// oneOf reads one of a few words; value makes what it stands for of its index.
func oneOf[T any](d *decoder, n ast.Node, of string, words []string, value func(i int) T) Field[T] {
	want := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return scalar(d, n, of, want, func(s string) (T, *problem) {
		for i, w := range words {
			if w == s {
				return value(i), nil
			}
		}
		var none T
		return none, &problem{What: of + " must be " + want + ", not " + quoted(s), Fix: d.didYouMean(s, words, "write one of them")}
	})
}

func (d *decoder) connections(n ast.Node) Field[FileConnections] {
	f := Field[FileConnections]{At: place(n), node: n}
	c := &f.Value
	f.Set = d.object(n, "connections",
		key{"max", func(n ast.Node) { c.Max = d.whole(n, "max", "off", 1, MaxConnections) }},
		key{"in_flight", func(n ast.Node) { c.InFlight = d.whole(n, "in_flight", "off", 1, MaxConnections) }},
		key{"queue", func(n ast.Node) { c.Queue = d.whole(n, "queue", "off", 1, MaxQueue) }},
		key{"queue_timeout", func(n ast.Node) { c.QueueTimeout = d.span(n, "queue_timeout", "", MinTimeout, MaxQueueTimeout) }},
		key{"idle", func(n ast.Node) { c.Idle = d.whole(n, "idle", "", 1, MaxIdle) }},
		key{"requests", func(n ast.Node) { c.Requests = d.whole(n, "requests", "off", 1, MaxConnectionRequests) }},
		key{"age", func(n ast.Node) { c.Age = d.span(n, "age", "off", MinAge, MaxTimeout) }},
		key{"warm", func(n ast.Node) { c.Warm = d.whole(n, "warm", "off", 1, MaxWarm) }},
	)
	f.Bad = !f.Set
	return f
}

func (d *decoder) tls(n ast.Node) FileTLS {
	var t FileTLS
	t.On = d.switched(n, "tls",
		key{"server_name", func(n ast.Node) { t.ServerName = scalar(d, n, "server_name", "text", parseServerName) }},
		key{"ca_file", func(n ast.Node) { t.CAFile = d.path(n, "ca_file") }},
		key{"cert_file", func(n ast.Node) { t.CertFile = d.path(n, "cert_file") }},
		key{"key_file", func(n ast.Node) { t.KeyFile = d.path(n, "key_file") }},
		key{"verify", func(n ast.Node) { t.Verify = d.onOff(n, "verify") }},
	)
	return t
}

// parseServerName reads the name in a server's certificate.
func parseServerName(s string) (string, *problem) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return ip.String(), nil
	}
	if !isHostname(s) {
		return "", &problem{What: "server_name " + quoted(s) + " is not a host name", Fix: "write the name that the certificate has, without port"}
	}
	return strings.ToLower(s), nil
}
