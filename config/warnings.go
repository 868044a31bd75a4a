package config

import "graygate/upstream"

// Warnings are what somebody may have meant but should know of, one line each, in the order of the file. They are no mistakes:
// the plan is taken.
func (p *Plan) Warnings() []string {
	var all []string
	for i := range p.Upstreams {
		u := &p.Upstreams[i]
		for _, t := range []struct {
			of string
			*upstream.TLS
		}{{"tls", u.Pool.TLS}, {"probe: tls", u.ProbeTLS}} {
			if t.TLS != nil && !t.Verify {
				all = append(all, "upstream "+u.Pool.Name+": "+t.of+": verify is off: anybody who answers at an endpoint's address is believed")
			}
		}
	}
	return all
}
