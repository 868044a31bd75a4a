package http1

import "bytes"

// validAuthority reports whether b is what Host may hold here: a name, an IPv4 address or a bracketed IPv6 address, and
// perhaps a port (RFC 9110 section 7.2, RFC 3986 section 3.2). An empty host is valid there but not for http and https
// (RFC 9110 section 4.2.1); userinfo, zone identifiers and IPvFuture are no part of a request.
func validAuthority(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	i := 0
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !validIPv6(b[1:end]) {
			return false
		}
		i = end + 1
	} else {
		for i < len(b) && (classes[b[i]]&isRegName != 0 || b[i] == '%' && hexEscape(b, i)) {
			i++
		}
		if i == 0 {
			return false
		}
	}
	return i == len(b) || b[i] == ':' && validPort(b[i+1:])
}

// validPort reports whether b is 1 to 65535 without leading zeros. RFC 3986 would allow none at all after the colon; two
// readers may take that for port 80, port 0 or an error.
func validPort(b []byte) bool {
	if len(b) == 0 || len(b) > 5 || b[0] == '0' {
		return false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

// validIPv6 reports whether b is an IPv6 address in text (RFC 4291 section 2.2): eight groups of 1 to 4 hexadecimal digits, the
// last two perhaps as IPv4, and "::" at most once for one or more groups of zeros.
func validIPv6(b []byte) bool {
	groups, compressed := 0, false
	i := 0
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		compressed = true
		i = 2
	}
	for i < len(b) {
		start := i
		for i < len(b) && i-start < 5 && hexValue[b[i]] != notHex {
			i++
		}
		if i < len(b) && b[i] == '.' {
			if !validIPv4(b[start:]) {
				return false
			}
			groups += 2
			break
		}
		if n := i - start; n < 1 || n > 4 {
			return false
		}
		groups++
		if i == len(b) {
			break
		}
		if b[i] != ':' || i+1 == len(b) {
			return false
		}
		i++
		if b[i] == ':' {
			if compressed {
				return false
			}
			compressed = true
			i++
		}
	}
	if compressed {
		return groups < 8
	}
	return groups == 8
}

// validIPv4 reports whether b is four numbers of 0 to 255 without leading zeros, with dots between.
func validIPv4(b []byte) bool {
	for part := range 4 {
		if part > 0 {
			if len(b) == 0 || b[0] != '.' {
				return false
			}
			b = b[1:]
		}
		n, digits := 0, 0
		for digits < len(b) && digits < 4 && b[digits]-'0' < 10 {
			n = n*10 + int(b[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 || digits > 1 && b[0] == '0' {
			return false
		}
		b = b[digits:]
	}
	return len(b) == 0
}
