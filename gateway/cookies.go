package gateway

import (
	"bytes"

	"graygate/config"
	"graygate/gateway/http1"
)

// Cookies that the gateway adds to an answer: units that it has issued (see issue), and the assignments, told to the
// client. Both make the answer one client's own.

// tell adds the cookie that tells the assignments, EXPERIMENT=VARIANT with "&" between two of them, if the client has sent
// another value or none; without assignments, it takes the cookie away from who has one.
func (ex *exchange) tell(r *http1.Request, decision *config.Decision) {
	told := &ex.snap.Told
	sent, has := findCookie(r.Fields, told.Name)
	start := len(ex.cookies)
	b := append(ex.cookies, told.Before...)
	value := len(b)
	for _, assignment := range decision.Assignments {
		text := decision.Tree.Effect(assignment).Text
		if len(b)-value+1+len(text) > config.MaxToldBytes {
			break
		}
		if len(b) > value {
			b = append(b, '&')
		}
		b = append(b, text...)
	}
	switch empty := len(b) == value; {
	case empty && has:
		b = append(b[:start], told.Gone...)
	case empty, bytes.Equal(b[value:], sent):
		b = b[:start]
	default:
		b = append(b, told.After...)
	}
	ex.cookies = b
}

// findCookie gives the value of the first cookie of that name, as it was sent.
func findCookie(fields []http1.Field, name string) (value []byte, has bool) {
	for i := range fields {
		if fields[i].ID != http1.Cookie {
			continue
		}
		for list := fields[i].Value; len(list) > 0; {
			pair := list
			if semicolon := bytes.IndexByte(list, ';'); semicolon >= 0 {
				pair, list = list[:semicolon], list[semicolon+1:]
			} else {
				list = nil
			}
			pair = bytes.Trim(pair, " \t")
			if len(pair) > len(name) && pair[len(name)] == '=' && string(pair[:len(name)]) == name {
				return pair[len(name)+1:], true
			}
		}
	}
	return nil, false
}

// appendCookies adds the cookies to the head of an answer and makes it private: no shared cache may give it to another
// client. What else the upstream has said in Cache-Control, which has not been written yet, still holds.
func (ex *exchange) appendCookies(b []byte, resp *http1.Response) []byte {
	b = append(b, ex.cookies...)
	b = append(b, "Cache-Control: private"...)
	for i := range resp.Fields {
		if f := &resp.Fields[i]; f.ID == http1.CacheControl && !f.Hop {
			for list := f.Value; len(list) > 0; {
				var directive []byte
				if directive, list = cutDirective(list); len(directive) > 0 && !forShared(directive) {
					b = append(b, ", "...)
					b = append(b, directive...)
				}
			}
		}
	}
	return append(b, "\r\n"...)
}

// cutDirective gives the first element of a Cache-Control list, trimmed, and what stands behind its comma. A comma inside
// quotes parts nothing (RFC 9111 5.2, RFC 9110 5.6.4).
func cutDirective(list []byte) (directive, rest []byte) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return bytes.Trim(list[:i], " \t"), list[i+1:]
		}
	}
	return bytes.Trim(list, " \t"), nil
}

// forShared reports whether a directive says what private says otherwise: who may store an answer.
func forShared(directive []byte) bool {
	name, _, _ := bytes.Cut(directive, []byte{'='})
	return http1.EqualFold(name, "public") || http1.EqualFold(name, "private") || http1.EqualFold(name, "s-maxage")
}

// forSharedField reports whether a field speaks to some shared caches alone, past Cache-Control: CDN-Cache-Control, with
// whose CDN's name ever before it (RFC 9213), and Surrogate-Control, its elder.
func forSharedField(f *http1.Field) bool {
	const targeted = "cdn-cache-control"
	n := len(f.Name)
	return f.ID == http1.Other && (n >= len(targeted) && http1.EqualFold(f.Name[n-len(targeted):], targeted) || http1.EqualFold(f.Name, "surrogate-control"))
}
