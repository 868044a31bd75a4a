package main

import (
	"fmt"
	"strings"

	"graygate/gateway/http1"
)

// target is what a request says of its URL.
type target struct {
	host        string // with its port, if it has one; "" of a path alone
	path, query string // as sent: nothing is decoded
}

// parseTarget takes a URL, or a path alone, apart by the gateway's own parser, so that it is what conditions are asked about: what
// the gateway answers with 400 is refused. As browsers do, it leaves out a user and a fragment, and escapes spaces and
// letters that are not ASCII.
func parseTarget(text string) (target, error) {
	host, path := "", text
	absolute := !strings.HasPrefix(text, "/")
	if absolute {
		if _, rest, ok := strings.Cut(path, "://"); ok {
			path = rest
		} // else as curl has it
		end := len(path)
		if i := strings.IndexAny(path, "/?#"); i >= 0 {
			end = i
		}
		host, path = "http://"+path[strings.LastIndexByte(path[:end], '@')+1:end], path[end:]
	}
	path, _, _ = strings.Cut(path, "#")
	var r http1.Request
	err := http1.ParseRequest([]byte("GET "+host+escapeTarget(path)+" HTTP/1.1\r\nHost: h\r\n\r\n"), &r, http1.Limits{Fields: 1})
	switch {
	case err == nil:
	case err == http1.BadTarget && strings.Contains(path, "%"):
		return target{}, fmt.Errorf("the gateway answers %q with 400: %% in a path needs two hexadecimal digits behind it; write %%25 for %% itself", text)
	default:
		return target{}, fmt.Errorf("%q is no URL; write http://HOST/PATH, or /PATH", text)
	}
	t := target{path: string(r.Path), query: string(r.Query)}
	if absolute {
		t.host = string(r.Host)
	}
	return t, nil
}

// escapeTarget escapes spaces and what is not ASCII.
func escapeTarget(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c == ' ' || c >= 0x80 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
