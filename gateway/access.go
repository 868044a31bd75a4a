package gateway

import (
	"math/rand/v2"

	"graygate/config"
	"graygate/telemetry"
)

// accessSink is an open access log and the choice of what goes in.
type accessSink struct {
	log  *telemetry.AccessLog
	rate uint32 // of those without an error, in 1/2^32; those with one are always written
	all  bool
}

// openAccess opens what the plan says; nil for off.
func openAccess(c config.AccessLog) (*accessSink, error) {
	if c.To == "off" {
		return nil, nil
	}
	log, err := telemetry.OpenAccessLog(c.To)
	if err != nil {
		return nil, err
	}
	s := &accessSink{log: log}
	switch c.Sample {
	case "all":
		s.all = true
	case "errors":
	default:
		s.rate = uint32(c.SampleRate * (1<<32 - 1))
	}
	return s, nil
}

// close writes what is queued; a nil sink has nothing.
func (s *accessSink) close() {
	if s != nil {
		s.log.Close()
	}
}

// wants reports whether the exchange is to be logged: every fault and every server error is.
func (s *accessSink) wants(ex *exchange) bool {
	return s.all || ex.fault != nil || ex.status >= 500 || s.rate > 0 && rand.Uint32() < s.rate
}

// logging reports whether there is an access log at all.
func (g *Gateway) logging() bool { return g.access.Load() != nil }
