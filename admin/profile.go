package admin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// What `go tool pprof` asks for. Written here and not taken from net/http/pprof, for that has no bounds: of time, of size, of
// how many at once.

func (s *Server) profileIndex(r *request) *problem {
	r.SetContentType(typeText)
	for _, p := range profiles() {
		fmt.Fprintf(r, "/debug/pprof/%s\n", p)
	}
	return nil
}

// profiles are the names of all there are.
func profiles() []string {
	names := []string{"cmdline", "profile", "trace"}
	for _, p := range pprof.Profiles() {
		names = append(names, p.Name())
	}
	slices.Sort(names)
	return names
}

func (s *Server) profileOf(r *request) *problem {
	name := r.vars[0]
	if !slices.Contains(profiles(), name) {
		return &problem{404, "unknown_profile", "there is no profile " + shown(name), "see /debug/pprof/"}
	}
	if name == "cmdline" {
		r.SetContentType(typeText)
		r.SetBodyString(strings.Join(os.Args, "\x00"))
		return nil
	}
	select {
	case s.profile <- struct{}{}:
		defer func() { <-s.profile }()
	default:
		return &problem{503, "busy", "another profile is being made", "ask when it is over"}
	}
	switch name {
	case "profile":
		return s.cpuProfile(r)
	case "trace":
		return s.trace(r)
	}
	debug, p := r.number("debug", 0, 2)
	if p != nil {
		return p
	}
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, debug); err != nil {
		return &problem{500, "profile_failed", shorten(err.Error()), ""}
	}
	r.binary(b.Bytes())
	if debug > 0 {
		r.SetContentType(typeText)
	}
	return nil
}

func (r *request) binary(body []byte) {
	r.SetContentType("application/octet-stream")
	r.SetBody(body)
}

func (s *Server) cpuProfile(r *request) *problem {
	seconds, p := r.number("seconds", 30, int(profileTime.Seconds()))
	if p != nil {
		return p
	}
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		return &problem{503, "busy", shorten(err.Error()), ""}
	}
	s.pass(time.Duration(max(seconds, 1)) * time.Second)
	pprof.StopCPUProfile()
	r.binary(b.Bytes())
	return nil
}

func (s *Server) trace(r *request) *problem {
	seconds, p := r.number("seconds", 1, int(traceTime.Seconds()))
	if p != nil {
		return p
	}
	b := bounded{most: traceBytes}
	if err := trace.Start(&b); err != nil {
		return &problem{503, "busy", shorten(err.Error()), ""}
	}
	s.pass(time.Duration(max(seconds, 1)) * time.Second)
	trace.Stop()
	if b.full {
		return &problem{fasthttp.StatusInternalServerError, "trace_too_large", fmt.Sprintf("the trace has more than %d bytes", traceBytes), "ask for fewer seconds, or with less load"}
	}
	r.binary(b.Bytes())
	return nil
}

// pass waits, and not beyond the server's end.
func (s *Server) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.life.Done():
	}
}

// bounded is a buffer that takes no more than so many bytes.
type bounded struct {
	bytes.Buffer
	most int
	full bool
}

var errFull = errors.New("full")

// Write takes all, or nothing any more.
func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || b.Len()+len(p) > b.most; b.full {
		return 0, errFull
	}
	return b.Buffer.Write(p)
}
