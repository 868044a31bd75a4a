package http1

import "bytes"

// target sorts a request target that is not in origin form, not empty, and made of isTarget bytes, into its form and fills in Target, Path, Query
// and, for the absolute form, Host (RFC 9112 section 3.2).
func (r *Request) target(t []byte) *Error {
	if len(t) == 1 && t[0] == '*' {
		if r.Method != OPTIONS {
			return BadTarget
		}
		r.Target, r.Path = t, t
		return nil
	}
	rest := afterScheme(t)
	if rest == nil {
		return BadTarget
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !validAuthority(rest[:end]) {
		return BadHost
	}
	r.Host = rest[:end]
	rest = rest[end:]
	if len(rest) > 0 && rest[0] == '/' {
		return r.origin(rest, pathEnd(rest, 0))
	}
	// The path is empty: what goes upstream is not to be found in the head.
	switch {
	case len(rest) > 0:
		r.own = append(append(r.own, '/'), rest...)
	case r.Method == OPTIONS:
		r.own = append(r.own, '*')
	default:
		r.own = append(r.own, '/')
	}
	if r.own[0] == '*' {
		r.Target, r.Path = r.own, r.own
		return nil
	}
	return r.origin(r.own, pathEnd(r.own, 0))
}

// afterScheme gives what follows http:// or https://, nil if t does not begin with either.
func afterScheme(t []byte) []byte {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(t) >= len(scheme) && EqualFold(t[:len(scheme)], scheme) {
			return t[len(scheme):]
		}
	}
	return nil
}

// origin splits a target that begins with "/" and is made of isTarget bytes, whose path ends at path.
func (r *Request) origin(t []byte, path int) *Error {
	if path < len(t) && t[path] != '?' {
		return BadTarget
	}
	r.Target, r.Path = t, t[:path]
	if path < len(t) {
		r.Query = t[path+1:]
	}
	return nil
}

// pathEnd gives the index of the first byte of b at i or behind it that no path may have: '?', and '%' without two hexadecimal digits, among
// others. Only the path's percent escapes are checked: servers decode paths before they look at them, but hand on queries as they are.
func pathEnd(b []byte, i int) int {
	for i < len(b) {
		switch c := b[i]; {
		case classes[c]&isPath != 0:
			i++
		case c == '%' && hexEscape(b, i):
			i += 3
		default:
			return i
		}
	}
	return i
}
