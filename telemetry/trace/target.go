package trace

import (
	"slices"
	"strings"
)

// splitTarget gives path and query of a request's target (RFC 9112 3.2): of one in absolute form without what stands before the
// path, where a name and password could be.
func splitTarget(target string) (path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path, query
	}
	if _, rest, absolute := strings.Cut(path, "://"); absolute {
		_, path, _ = strings.Cut(rest, "/")
		return "/" + path, query
	}
	return path, query // * or an authority
}

// secret are the parameters whose values are not recorded: those that the semantic conventions name (url.query), as they sign or
// carry a right, and those of OAuth.
var secret = []string{
	"awsaccesskeyid", "signature", "sig", "x-goog-signature", "x-amz-signature", "x-amz-credential", "x-amz-security-token",
	"access_token", "id_token", "refresh_token", "client_secret", "code", "token", "password", "api_key", "apikey", "key",
}

// redact replaces the values of secret parameters.
func redact(query string) string {
	if query == "" {
		return ""
	}
	var b strings.Builder
	for i, pair := range strings.Split(query, "&") {
		if i > 0 {
			b.WriteByte('&')
		}
		name, value, valued := strings.Cut(pair, "=")
		b.WriteString(name)
		switch {
		case valued && value != "" && slices.ContainsFunc(secret, func(s string) bool { return strings.EqualFold(s, name) }):
			b.WriteString("=REDACTED")
		case valued:
			b.WriteString("=" + value)
		}
	}
	return b.String()
}
