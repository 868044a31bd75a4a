package admin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"
)

// access is who may have an answer.
//
// Local means: connected over the loopback or over the socket file. There, who can connect may read. From elsewhere only the
// token lets in; without a token in the settings, metrics and status can be had nevertheless, as scrapers and probes
// of most installations have no token.
type access uint8

const (
	open    access = iota // everybody: says nothing about the config or its traffic
	figures               // local, or the token, or there is no token
	reading               // local, or the token
	inside                // the token; without one: local. What costs time or shows memory
	change                // the token
)

// gate decides who is let in. Immutable.
type gate struct {
	hasToken bool
	token    [sha256.Size]byte
	names    map[string]bool // hosts that requests may name, in lower case
	over     chan struct{}   // closed when other settings hold
}

// admits decides about a request; nil lets it in.
func (g *gate) admits(a access, ctx *fasthttp.RequestCtx) *problem {
	if a == open {
		return nil
	}
	local := isLocal(ctx.LocalAddr())
	if p := g.checkHost(ctx, local); p != nil {
		return p
	}
	known := g.knows(ctx)
	switch {
	case known:
		return nil
	case a == change && !g.hasToken:
		return &problem{403, "no_token", "nothing can be changed: no token is configured", "set token_file in admin, and reload"}
	case a == change, a == inside && g.hasToken, !local && g.hasToken:
		return &problem{401, "unauthorized", "the token is missing or wrong", "send Authorization: Bearer TOKEN, with what is in token_file"}
	case local, a == figures:
		return nil
	}
	return &problem{403, "not_local", "from another machine this needs a token, and none is configured", "set token_file in admin, or ask over the loopback"}
}

// knows reports whether the request carries the token. It takes the same time whatever is wrong with it: digests are
// compared, whose length is always the same.
func (g *gate) knows(ctx *fasthttp.RequestCtx) bool {
	const scheme = "bearer "
	field := ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)
	if len(field) < len(scheme) || !bytes.EqualFold(field[:len(scheme)], []byte(scheme)) {
		return false
	}
	given := sha256.Sum256(bytes.TrimSpace(field[len(scheme):]))
	return subtle.ConstantTimeCompare(given[:], g.token[:]) == 1 && g.hasToken
}

// checkHost keeps web pages out that a browser on this machine shows: those whose name was made to point here (DNS
// rebinding) by the host that they ask for, others by the origin that their browser says.
func (g *gate) checkHost(ctx *fasthttp.RequestCtx, local bool) *problem {
	if _, unix := ctx.LocalAddr().(*net.UnixAddr); unix {
		return nil // no browser asks there
	}
	host := string(ctx.Host())
	if host == "" {
		return nil // HTTP/1.0, which no browser speaks
	}
	if !g.allowsHost(hostOnly(host), ctx.LocalIP()) {
		return &problem{421, "wrong_host", "no such host here: " + shown(host), "ask for localhost or for the address itself, or add the name to hosts in admin"}
	}
	if origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin); len(origin) > 0 {
		from, err := url.Parse(string(origin))
		if err != nil || !strings.EqualFold(from.Host, host) {
			return &problem{403, "wrong_origin", "a page of another origin asked", "open the console at this address instead"}
		}
	}
	return nil
}

func (g *gate) allowsHost(host string, own net.IP) bool {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		mine, _ := netip.AddrFromSlice(own)
		return ip.IsLoopback() || ip.Unmap() == mine.Unmap() || g.names[ip.String()]
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || g.names[name]
}

// hostOnly takes the port off.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// isLocal reports whether what is connected to an address of this end comes from this machine.
func isLocal(address net.Addr) bool {
	switch a := address.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}
