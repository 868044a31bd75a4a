package match

import (
	"fmt"
	"slices"
	"strings"
)

// Router finds the route of a request by tenant, host and path prefix. It is immutable and safe for concurrent use.
type Router struct {
	tenants map[string]*hostTable
	common  *hostTable // routes without a tenant
}

// RouteKey is what a route is found by. Tenant "" stands for every tenant and for none; a tenant is compared byte by byte.
// Host "" stands for any host; it has no port. Path is a prefix by whole segments: "/a" holds "/a", "/a/" and "/a/b", not
// "/ab"; "" and "/" hold every path. A slash at the end changes nothing.
type RouteKey struct{ Tenant, Host, Path string }

// RouterError is a mistake in the keys given to [NewRouter].
type RouterError struct {
	First, Second int    // indexes of the keys; Second is -1 unless two keys are the same
	Part          string // "host" or "path"
	What, Fix     string
}

// Error gives what is wrong and how to mend it on one line.
func (e *RouterError) Error() string { return e.What + "; " + e.Fix }

// maxHostBytes is the longest host that is looked up: DNS names end at 253 bytes.
const maxHostBytes = 255

// NewRouter makes a router; the index of a key is what Find gives. The first mistake is returned as a [*RouterError].
func NewRouter(keys []RouteKey) (*Router, error) {
	r := &Router{tenants: make(map[string]*hostTable), common: newHostTable()}
	for i, k := range keys {
		if err := checkRouteKey(i, k); err != nil {
			return nil, err
		}
		hosts, same := r.common, "host and path"
		if k.Tenant != "" {
			if hosts, same = r.tenants[k.Tenant], "tenant, host and path"; hosts == nil {
				hosts = newHostTable()
				r.tenants[k.Tenant] = hosts
			}
		}
		t, path := hosts.paths(strings.ToLower(k.Host)), strings.TrimSuffix(k.Path, "/")
		if first, ok := t.index[path]; ok {
			return nil, &RouterError{
				First: first, Second: i, Part: "path",
				What: fmt.Sprintf("routes %d and %d have the same %s %q", first, i, same, k.Host+path+"/"),
				Fix:  "join them, or change the host or path of one",
			}
		}
		t.add(path, i)
	}
	return r, nil
}

// Find gives the index of the route that a request belongs to, or -1. Routes of the request's tenant go before those
// without one, whatever their hosts and paths; a request without a tenant, or of one that has no route which fits, belongs
// to the latter. Among them, the case of the host and its port do not count. A route that names the host goes before one
// that does not, however long their paths; then the longest path wins. A request without a host, or with "*" for a path,
// can only meet routes for any host, or for every path. It allocates nothing; its cost does not grow with the length of the
// path.
func (r *Router) Find(tenant, host, path []byte) int {
	if len(tenant) > 0 {
		if t := r.tenants[string(tenant)]; t != nil {
			if i := t.find(host, path); i >= 0 {
				return i
			}
		}
	}
	return r.common.find(host, path)
}

// hostTable holds the routes of one tenant, or of all.
type hostTable struct {
	hosts map[string]*pathTable
	any   *pathTable // routes without a host
}

func newHostTable() *hostTable {
	return &hostTable{hosts: make(map[string]*pathTable), any: newPathTable()}
}

// paths gives the table of a host in lower case, a new one if there was none.
func (h *hostTable) paths(host string) *pathTable {
	if host == "" {
		return h.any
	}
	t := h.hosts[host]
	if t == nil {
		t = newPathTable()
		h.hosts[host] = t
	}
	return t
}

func (h *hostTable) find(host, path []byte) int {
	if len(h.hosts) > 0 && len(host) > 0 {
		if i := h.findHost(stripPort(host), path); i >= 0 {
			return i
		}
	}
	return h.any.find(path)
}

func (h *hostTable) findHost(host, path []byte) int {
	if len(host) > maxHostBytes {
		return -1
	}
	if t := h.hosts[string(host)]; t != nil {
		return t.find(path)
	}
	var buf [maxHostBytes]byte
	for i, c := range host {
		buf[i] = lower(c)
	}
	if t := h.hosts[string(buf[:len(host)])]; t != nil {
		return t.find(path)
	}
	return -1
}

// checkRouteKey gives the mistake in a key, nil if there is none.
func checkRouteKey(i int, k RouteKey) error {
	bad := func(part, fix, format string, args ...any) error {
		return &RouterError{First: i, Second: -1, Part: part, What: fmt.Sprintf(format, args...), Fix: fix}
	}
	switch {
	case len(k.Host) > maxHostBytes:
		return bad("host", "shorten it", "host of %d bytes, more than %d", len(k.Host), maxHostBytes)
	case len(stripPort([]byte(k.Host))) != len(k.Host):
		return bad("host", "leave the port out: a route holds for all ports", "host %q has a port", k.Host)
	case strings.ContainsFunc(k.Host, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("/?#@*\\", c) }):
		return bad("host", "write a name like shop.example.com, or leave host out for any", "host %q cannot occur in a request", k.Host)
	case k.Path != "" && k.Path[0] != '/':
		return bad("path", fmt.Sprintf("write %q", "/"+k.Path), "path %q does not begin with a slash", k.Path)
	case strings.ContainsFunc(k.Path, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '?' || c == '#' }):
		return bad("path", "write it percent-encoded, without query and fragment", "path %q cannot occur in a request", k.Path)
	}
	return nil
}

// pathTable holds the prefixes of one host, without a slash at their end.
type pathTable struct {
	index   map[string]int
	lengths []int // the distinct lengths of prefixes, longest first
}

func newPathTable() *pathTable { return &pathTable{index: make(map[string]int)} }

func (t *pathTable) add(path string, route int) {
	t.index[path] = route
	if i, ok := slices.BinarySearchFunc(t.lengths, len(path), func(a, b int) int { return b - a }); !ok {
		t.lengths = slices.Insert(t.lengths, i, len(path))
	}
}

// find tries the lengths that configured prefixes have, not the segments of the path: a client chooses the latter.
func (t *pathTable) find(path []byte) int {
	for _, n := range t.lengths {
		if n == 0 {
			return t.index[""]
		}
		if n > len(path) || n < len(path) && path[n] != '/' {
			continue
		}
		if route, ok := t.index[string(path[:n])]; ok {
			return route
		}
	}
	return -1
}
