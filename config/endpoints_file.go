package config

import (
	"strings"

	"graygate/upstream"
)

// ParseEndpoints reads the text of a file of endpoints: a list as under endpoints, of addresses only, which may be empty.
// name stands for the file in errors, and what an endpoint does not say it has from like. The error, if any, is an [Errors];
// a text that is empty is one, since a file that is about to be written must not empty a pool. It may be called concurrently.
func ParseEndpoints(name string, text []byte, like upstream.EndpointConfig) ([]upstream.EndpointConfig, error) {
	s := newSource(name, strings.TrimPrefix(string(text), "\ufeff"))
	if len(text) > MaxEndpointsFile {
		s.failFile(problem{What: "the file is larger than " + formatSize(MaxEndpointsFile), Fix: "is this the right file?"})
		return nil, s.errs
	}
	s.empty = problem{What: "there is no list of endpoints here", Why: "the file is empty, or all of it is comments", Fix: "write [] for none"}
	root := s.parseTree(strings.Join(s.lines, "\n"))
	if root == nil {
		return nil, s.errs.sorted()
	}
	d := &decoder{s}
	f := list(d, root, "a file of endpoints", "", d.endpoint)
	(&checker{source: s}).endpoints(f, false)
	if len(s.errs) > 0 {
		return nil, s.errs.sorted()
	}
	out := make([]upstream.EndpointConfig, len(f.Value))
	for i, e := range f.Value {
		out[i] = fillEndpoint(e, like)
	}
	return out, nil
}
