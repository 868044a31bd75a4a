package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseListen reads an address to listen on: `:port`, `IP:port` or `localhost:port`. Port 0 lets the system choose.
func parseListen(s string) (string, *problem) {
	host, port, p := splitHostPort(s)
	if p != nil {
		return "", p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || !plainNumber(port) {
		return "", badPort(s, port, "0 (any free one) to 65535")
	} else {
		port = strconv.FormatUint(n, 10)
	}
	if host == "" || host == "localhost" {
		return host + ":" + port, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "", &problem{
			What: quoted(s) + " is not an address to listen on",
			Why:  "the host must be an IP address of this machine; a name could stand for several, or another tomorrow",
			Fix:  "write the IP address, or :" + port + " for all of them",
		}
	}
	return joinHostPort(ip, port), nil
}

// parseEndpoint reads the address of a backend: an IP address or a host name, and a port.
func parseEndpoint(s string) (string, *problem) {
	for _, scheme := range []string{"http://", "https://", "tcp://"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			rest, _, _ = strings.Cut(rest, "/")
			if scheme == "https://" {
				rest += ", and tls: on beside endpoints"
			}
			return "", &problem{What: "endpoint " + quoted(s) + " is a URL", Why: "an endpoint is a host and a port; the gateway speaks HTTP/1.1 to it", Fix: "write " + rest}
		}
	}
	host, port, p := splitHostPort(s)
	if p != nil {
		return "", p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || !plainNumber(port) {
		return "", badPort(s, port, "1 to 65535")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return joinHostPort(ip, port), nil
	}
	switch {
	case host == "":
		return "", &problem{What: "endpoint " + quoted(s) + " has no host", Fix: "write 127.0.0.1" + s + " for this machine"}
	case !isHostname(host):
		return "", &problem{What: "endpoint " + quoted(s) + " has no valid host", Fix: "write an IP address or a host name, and :" + port}
	}
	return strings.ToLower(host) + ":" + port, nil
}

// splitHostPort takes host and port apart; an IPv6 address loses its brackets.
func splitHostPort(s string) (host, port string, p *problem) {
	colon := strings.LastIndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || colon != end+1 {
			return "", "", &problem{What: quoted(s) + " is not host:port", Fix: "write an IPv6 address as \"[::1]:8080\""}
		}
		if ip, err := netip.ParseAddr(s[1:end]); err != nil || !ip.Is6() {
			return "", "", &problem{What: quoted(s) + " has no IPv6 address in its brackets", Fix: "write an IPv6 address as \"[::1]:8080\""}
		}
		return s[1:end], s[colon+1:], nil
	}
	switch {
	case colon < 0 && digits(s):
		return "", "", &problem{What: quoted(s) + " has no host", Fix: "write :" + s}
	case colon < 0:
		return "", "", &problem{What: quoted(s) + " has no port", Fix: "write " + s + ":8080, with the port meant"}
	case strings.Count(s, ":") > 1:
		return "", "", &problem{What: quoted(s) + " has more than one colon", Fix: "write an IPv6 address in brackets, as \"[::1]:8080\""}
	}
	return s[:colon], s[colon+1:], nil
}

func joinHostPort(ip netip.Addr, port string) string {
	if ip.Is6() {
		return "[" + ip.String() + "]:" + port
	}
	return ip.String() + ":" + port
}

func badPort(s, port, bounds string) *problem {
	if port == "" {
		return &problem{What: quoted(s) + " has no port", Fix: "write one behind the colon"}
	}
	return &problem{What: quoted(s) + " has no valid port", Fix: "give " + bounds}
}

// plainNumber reports whether s is digits without a leading zero.
func plainNumber(s string) bool { return digits(s) && (s == "0" || s[0] != '0') }

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, *problem) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, &problem{What: quoted(s) + " is not an address or a network", Fix: "write it as 10.0.0.0/8, 127.0.0.1 or \"fd00::/8\""}
	}
	if m := prefix.Masked(); m != prefix {
		return netip.Prefix{}, &problem{
			What: quoted(s) + " has address bits behind the network's length",
			Why:  "either the length or the address is not what was meant",
			Fix:  "write " + m.String() + " for the network, or " + prefix.Addr().String() + " for the one address",
		}
	}
	return prefix, nil
}

// parseRouteHost reads the host of a route: a name or an address, without port, lower-cased.
func parseRouteHost(s string) (string, *problem) {
	host := strings.ToLower(s)
	bracketed := strings.HasPrefix(host, "[")
	switch colon := strings.LastIndexByte(host, ':'); {
	case s == "" || s == "*":
		return "", &problem{What: "host " + quoted(s) + " is no host", Fix: "delete the key for a route that takes any host"}
	case strings.Contains(s, "://"):
		_, rest, _ := strings.Cut(host, "://")
		rest, _, _ = strings.Cut(rest, "/")
		return "", &problem{What: "host " + quoted(s) + " is a URL", Fix: "write " + rest}
	case strings.Contains(s, "*"):
		return "", &problem{What: "host " + quoted(s) + " has a wildcard", Why: "a host is compared whole", Fix: "write a route for each host, or delete the key for any host"}
	case colon >= 0 && !bracketed && digits(host[colon+1:]) && strings.Count(host, ":") == 1,
		bracketed && colon > strings.IndexByte(host, ']') && strings.Contains(host, "]:"):
		return "", &problem{What: "host " + quoted(s) + " has a port", Why: "a route takes its host on whatever port it came in", Fix: "write " + host[:colon]}
	}
	if bracketed || strings.Contains(host, ":") {
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", &problem{What: "host " + quoted(s) + " is not a valid host", Fix: "write an IPv6 address as \"[::1]\""}
		}
		return "[" + ip.String() + "]", nil
	}
	if trimmed, ok := strings.CutSuffix(host, "."); ok && isHostname(trimmed) {
		return "", &problem{What: "host " + quoted(s) + " ends in a dot", Fix: "write " + trimmed}
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return host, nil
	}
	if !isHostname(host) {
		p := &problem{What: "host " + quoted(s) + " is not a valid host", Fix: "use letters, digits, dots and hyphens"}
		if !isASCII(s) {
			p.Fix = "write it in the form that browsers send, which begins with xn--"
		}
		return "", p
	}
	return host, nil
}

// parseRoutePath reads the path prefix of a route.
func parseRoutePath(s string) (string, *problem) {
	written := s
	bad := func(why, fix string) (string, *problem) {
		return "", &problem{What: "path " + quoted(written) + " is not a path prefix", Why: why, Fix: fix}
	}
	if !strings.HasPrefix(s, "/") {
		return bad("", "begin it with a slash: /"+s)
	}
	if s == "/" {
		return s, nil
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return bad("a prefix is of the path only", "write "+s[:i])
	}
	if strings.Contains(s, "*") {
		return bad("a prefix takes all that is below it without a sign for it", "write "+max(strings.TrimRight(s[:strings.IndexByte(s, '*')], "/"), "/"))
	}
	// A prefix is whole segments, so that one slash at the end changes nothing.
	s = strings.TrimSuffix(s, "/")
	for _, segment := range strings.Split(s[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return bad("no client sends such a path", "take the empty and dotted segments out")
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			return bad("paths are compared as clients send them, where only some signs stand for themselves", "write other characters as %XX")
		case c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])):
			return bad("a % begins an escape of two hexadecimal digits", "write %25 for the sign itself")
		}
	}
	return s, nil
}

// parsePath reads the path of a file.
func parsePath(s string) (string, *problem) {
	switch {
	case hasControl(s):
		return "", &problem{What: "path " + quoted(s) + " has control characters in it", Fix: "delete them"}
	case strings.HasSuffix(s, "/"):
		return "", &problem{What: "path " + quoted(s) + " is a folder", Fix: "write the name of a file behind it"}
	}
	return s, nil
}

// isHostname follows RFC 1123 2.1, and allows the underscore that names inside clusters have.
func isHostname(s string) bool {
	labels := strings.Split(s, ".")
	// A last label of digits would be an IPv4 address, and a wrong one, or it would have been read as such.
	if len(s) > 253 || digits(labels[len(labels)-1]) {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
