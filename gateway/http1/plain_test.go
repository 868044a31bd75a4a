package http1

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The plain parser: regular expressions after the grammar of RFC 9110 and 9112, without regard to speed. It only says whether a head is accepted, and
// as what; it is the oracle of the fast one.
var (
	plainToken     = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	plainLine      = regexp.MustCompile("^(" + plainToken + `) ([!-~]+) HTTP/1\.([0-9])$`)
	plainField     = regexp.MustCompile("^(" + plainToken + `):[ \t]*([\t -~\x{80}-\x{ff}]*?)[ \t]*$`)
	plainOrigin    = regexp.MustCompile(`^(/(?:[!-"$&->@-~]|%[0-9A-Fa-f]{2})*)(\?[!-"$-~]*)?$`)
	plainAbsolute  = regexp.MustCompile(`(?i)^https?://([^/?]*)(.*)$`)
	plainAuthority = regexp.MustCompile(`^(?:\[([0-9A-Fa-f:.]+)\]|(?:[0-9A-Za-z._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::([1-9][0-9]{0,4}))?$`)
	plainUpgrade   = regexp.MustCompile("^" + plainToken + "(/" + plainToken + ")?$")
	plainHTTP      = regexp.MustCompile("(?i)^(h2|h2c|http)(/.*)?$")
)

// plainRequest gives dumpRequest of a whole head, "" if it is to be refused.
func plainRequest(head string) string {
	runes := make([]rune, len(head)) // one rune a byte, for the expressions to work on bytes
	for i := range len(head) {
		runes[i] = rune(head[i])
	}
	text := string(runes)
	for strings.HasPrefix(text, "\r\n") {
		text = text[2:]
	}
	text, ok := strings.CutSuffix(text, "\r\n\r\n")
	if !ok {
		return ""
	}
	lines := strings.Split(text, "\r\n")
	m := plainLine.FindStringSubmatch(lines[0])
	if m == nil || m[1] == "CONNECT" {
		return ""
	}
	p := plainHead{method: m[1], minor: min(1, int(m[3][0]-'0'))}
	if !p.setTarget(m[2]) || !p.setFields(lines[1:]) || !p.setHost() || !p.setFraming() || !p.setOptions() {
		return ""
	}
	return p.dump()
}

type plainHead struct {
	method, target, host string
	minor                int
	names, values        []string
	hop                  []bool
	framing              string
	length               int64
	close, expect        bool
	upgrade              string
}

func (p *plainHead) setTarget(t string) bool {
	if m := plainAbsolute.FindStringSubmatch(t); m != nil {
		if !plainHost(m[1]) {
			return false
		}
		p.host, t = m[1], m[2]
		switch {
		case t == "" && p.method == "OPTIONS":
			t = "*"
		case t == "" || t[0] == '?':
			t = "/" + t
		}
	}
	p.target = t
	return t == "*" && p.method == "OPTIONS" || plainOrigin.MatchString(t)
}

func plainHost(host string) bool {
	m := plainAuthority.FindStringSubmatch(host)
	if m == nil {
		return false
	}
	if m[1] != "" {
		if a, err := netip.ParseAddr(m[1]); err != nil || !a.Is6() {
			return false
		}
	}
	port, _ := strconv.Atoi(m[2])
	return port <= 65535
}

func (p *plainHead) setFields(lines []string) bool {
	for _, line := range lines {
		m := plainField.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		bytes := make([]byte, 0, len(m[2]))
		for _, c := range m[2] {
			bytes = append(bytes, byte(c))
		}
		p.names = append(p.names, m[1])
		p.values = append(p.values, string(bytes))
		p.hop = append(p.hop, plainHop(m[1]))
	}
	return len(lines) <= DefaultFields
}

func plainHop(name string) bool {
	id := plainLookUpID(name)
	if slices.Contains([]ID{Connection, TransferEncoding, Upgrade, KeepAlive, ProxyConnection, TE, HTTP2Settings, ProxyAuthorization,
		ProxyAuthenticate, ProxyAuthenticationInfo, Proxy}, id) {
		return true
	}
	return id == Other && plainLookUpID(regexp.MustCompile("[^0-9A-Za-z]").ReplaceAllString(name, "-")) != Other
}

// all gives the values of all fields of a name.
func (p *plainHead) all(name string) (values []string) {
	for i, n := range p.names {
		if strings.EqualFold(n, name) {
			values = append(values, p.values[i])
		}
	}
	return values
}

func (p *plainHead) setHost() bool {
	hosts := p.all("host")
	if len(hosts) == 0 {
		return p.minor == 0
	}
	if p.host == "" {
		p.host = hosts[0]
	}
	return len(hosts) == 1 && plainHost(hosts[0])
}

func (p *plainHead) setFraming() bool {
	lengths, codings := p.all("content-length"), p.all("transfer-encoding")
	switch {
	case len(lengths)+len(codings) == 0:
		p.framing = "none"
		return true
	case len(lengths)+len(codings) > 1:
		return false
	case len(codings) == 1:
		p.framing = "chunked"
		p.length = -1
		return p.minor > 0 && strings.ToLower(codings[0]) == "chunked" && len(codings[0]) == 7
	}
	n, err := strconv.ParseUint(lengths[0], 10, 64)
	p.framing = fmt.Sprintf("length(%d)", n)
	p.length = int64(n)
	return err == nil && n <= math.MaxInt64 && len(lengths[0]) <= 19 && lengths[0][0] != '+'
}

func (p *plainHead) setOptions() bool {
	keep, upgrade, unknown := false, false, 0
	p.close = false
	for _, option := range strings.Split(strings.Join(p.all("connection"), ","), ",") {
		option = strings.Trim(option, " \t")
		switch lower := strings.ToLower(option); {
		case option == "":
		case lower == "close" || !regexp.MustCompile("^"+plainToken+"$").MatchString(option):
			p.close = true
		case lower == "keep-alive":
			keep = true
		case lower == "upgrade":
			upgrade = true
		default:
			if plainLookUpID(option) == Other {
				unknown++
			}
			for i, name := range p.names {
				if strings.EqualFold(name, option) && !slices.Contains([]string{"host", "content-length", "transfer-encoding"}, lower) {
					p.hop[i] = true
				}
			}
		}
	}
	p.close = p.close || p.minor == 0 && !keep
	for i, name := range p.names {
		if !strings.EqualFold(name, "expect") {
			continue
		}
		if p.minor == 0 {
			p.hop[i] = true
		} else if p.expect = strings.EqualFold(p.values[i], "100-continue"); !p.expect {
			return false
		}
	}
	if protocols := p.all("upgrade"); upgrade && p.minor > 0 && p.length == 0 && len(protocols) == 1 && protocols[0] != "" {
		p.upgrade = protocols[0]
		for _, protocol := range strings.Split(strings.TrimSuffix(p.upgrade, ","), ",") {
			protocol = strings.Trim(protocol, " \t")
			if !plainUpgrade.MatchString(protocol) || plainHTTP.MatchString(protocol) {
				p.upgrade = ""
			}
		}
	}
	return unknown <= 16
}

func (p *plainHead) dump() string {
	s := p.method + " " + p.target
	if p.host != "" {
		s += " host=" + p.host
	}
	s += fmt.Sprintf(" 1.%d %s", p.minor, p.framing)
	if p.close {
		s += " close"
	}
	if p.expect {
		s += " expect"
	}
	if p.upgrade != "" {
		s += " upgrade=" + p.upgrade
	}
	for i, name := range p.names {
		s += dumpField(Field{Name: []byte(name), Value: []byte(p.values[i]), ID: plainLookUpID(name), Hop: p.hop[i]})
	}
	return s
}
