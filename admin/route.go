package admin

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// route is one method of one path.
type route struct {
	method string // GET (HEAD goes with it) or POST
	path   string // {name} stands for one part
	parts  []string
	access access
	heavy  bool // it takes its turn, and is paid for from the allowance
	answer func(*Server, *request) *problem
}

// request is what a route answers.
type request struct {
	*fasthttp.RequestCtx
	vars []string // what stands for the {name}s, decoded
}

// table is all there is but the console's files.
func (s *Server) table() []route {
	all := []route{
		{method: "GET", path: "/healthz", access: open, answer: (*Server).healthz},
		{method: "GET", path: "/readyz", access: open, answer: (*Server).readyz},
		{method: "GET", path: "/status", access: figures, answer: (*Server).status},
		{method: "GET", path: "/metrics", access: figures, heavy: true, answer: (*Server).metricsPage},
		{method: "GET", path: "/openapi.json", access: figures, answer: (*Server).document},
		{method: "GET", path: "/config", access: reading, heavy: true, answer: (*Server).configYAML},
		{method: "GET", path: "/routes", access: reading, heavy: true, answer: (*Server).routeList},
		{method: "GET", path: "/upstreams", access: reading, heavy: true, answer: (*Server).upstreams},
		{method: "GET", path: "/breakers", access: reading, heavy: true, answer: (*Server).breakers},
		{method: "GET", path: "/experiments", access: reading, heavy: true, answer: (*Server).experiments},
		{method: "POST", path: "/explain", access: reading, heavy: true, answer: (*Server).explain},
		{method: "GET", path: "/events", access: reading, answer: (*Server).follow},
		{method: "GET", path: "/ui/data", access: reading, heavy: true, answer: (*Server).console},
		{method: "GET", path: "/debug/pprof/", access: inside, answer: (*Server).profileIndex},
		{method: "GET", path: "/debug/pprof/{profile}", access: inside, answer: (*Server).profileOf},
		{method: "POST", path: "/reload", access: change, answer: (*Server).postReload},
		{method: "POST", path: "/upstreams/{pool}/endpoints/{address}/drain", access: change, answer: (*Server).postDrain},
		{method: "POST", path: "/upstreams/{pool}/endpoints/{address}/undrain", access: change, answer: (*Server).postUndrain},
		{method: "POST", path: "/breakers/{pool}/reset", access: change, answer: (*Server).postReset},
		{method: "POST", path: "/breakers/{pool}/{address}/reset", access: change, answer: (*Server).postReset},
	}
	for i := range all {
		all[i].parts = strings.Split(all[i].path, "/")
	}
	return all
}

// handle answers one request. A panic, which is a bug of ours, costs that request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	harden(ctx)
	defer func() {
		if bug := recover(); bug != nil {
			s.log.Error("BUG: admin", "path", string(ctx.Path()), "panic", fmt.Sprint(bug), "stack", string(debug.Stack()))
			(&problem{500, "bug", "a bug of the gateway's own; its log says more", ""}).answer(ctx)
		}
	}()
	if wait := s.pace.turn(time.Since(s.began)); wait > 0 {
		s.pass(wait)
	}
	if p := s.respond(ctx); p != nil {
		if p.status == fasthttp.StatusUnauthorized && len(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)) > 0 && s.deniedNow() {
			s.log.Warn("admin: wrong token", "client", ctx.RemoteAddr().String(), "path", shown(string(ctx.Path())), "refused", s.denied.Load())
		}
		p.answer(ctx)
	}
}

// respond finds what is asked for, and whether it may be.
func (s *Server) respond(ctx *fasthttp.RequestCtx) *problem {
	path := string(ctx.URI().PathOriginal())
	method := string(ctx.Method())
	if method == fasthttp.MethodHead {
		method = fasthttp.MethodGet
	}
	found, vars, allowed := s.find(method, path)
	if found == nil && len(allowed) == 0 {
		if path == "/ui" || strings.HasPrefix(path, "/ui/") {
			return s.asset(ctx, method, path)
		}
		return &problem{404, "not_found", "there is nothing at " + shown(path), "see /openapi.json for what there is"}
	}
	if found == nil {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, strings.Join(allowed, ", "))
		return &problem{405, "wrong_method", shown(string(ctx.Method())) + " is not for " + shown(path), "use " + strings.Join(allowed, " or ")}
	}
	if p := s.gate.Load().admits(found.access, ctx); p != nil {
		return p
	}
	r := &request{RequestCtx: ctx, vars: vars}
	if !found.heavy {
		return found.answer(s, r)
	}
	return s.inTurn(func() *problem { return found.answer(s, r) })
}

// inTurn makes an answer that takes time, if there is a place and something left of the allowance.
func (s *Server) inTurn(answer func() *problem) *problem {
	if !s.spent.has(time.Since(s.began)) {
		return &problem{429, "too_many", "answers take more of the machine than they may", "ask less often"}
	}
	wait := time.NewTimer(heavyWait)
	defer wait.Stop()
	select {
	case s.heavy <- struct{}{}:
	case <-wait.C:
		return &problem{503, "busy", "other answers are being made", "ask again"}
	case <-s.life.Done():
		return &problem{503, "stopping", "the gateway stops", ""}
	}
	began := time.Since(s.began)
	defer func() {
		s.spent.pay(began, time.Since(s.began)-began)
		<-s.heavy
	}()
	return answer()
}

// find looks a path up. allowed are the methods that it has; nil if there is no such path.
func (s *Server) find(method, path string) (found *route, vars, allowed []string) {
	given := strings.Split(path, "/")
	for i := range s.routes {
		r := &s.routes[i]
		v, ok := matchParts(r.parts, given)
		if !ok {
			continue
		}
		if r.method == method {
			return r, v, nil
		}
		if allowed = append(allowed, r.method); r.method == fasthttp.MethodGet {
			allowed = append(allowed, fasthttp.MethodHead)
		}
	}
	return nil, nil, allowed
}

func matchParts(want, given []string) (vars []string, ok bool) {
	if len(want) != len(given) {
		return nil, false
	}
	for i, w := range want {
		if !strings.HasPrefix(w, "{") {
			if w != given[i] {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(given[i])
		if err != nil || v == "" {
			return nil, false
		}
		vars = append(vars, v)
	}
	return vars, true
}

// json answers with a value.
func (r *request) json(v any) *problem {
	r.SetContentType(typeJSON)
	out := json.NewEncoder(r)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		panic("BUG: an answer is no JSON: " + err.Error())
	}
	return nil
}

// number reads a parameter that is a whole number of at least 0.
func (r *request) number(name string, unless, most int) (int, *problem) {
	if !r.QueryArgs().Has(name) {
		return unless, nil
	}
	n, err := r.QueryArgs().GetUint(name)
	if err != nil || n > most {
		return 0, &problem{400, "bad_parameter", fmt.Sprintf("%s is no number from 0 to %d", name, most), ""}
	}
	return n, nil
}

// text reads a parameter.
func (r *request) text(name string) (string, *problem) {
	value := r.QueryArgs().Peek(name)
	if len(value) > queryBytes {
		return "", &problem{400, "bad_parameter", fmt.Sprintf("%s has more than %d bytes", name, queryBytes), ""}
	}
	return strings.ToValidUTF8(string(value), "?"), nil
}

// word is a parameter that is one of some words, "" if it was not given.
func (r *request) word(name string, words ...string) (string, *problem) {
	value, p := r.text(name)
	if p == nil && value != "" && !slices.Contains(words, value) {
		p = &problem{400, "bad_parameter", fmt.Sprintf("%s is %s", name, shown(value)), "it is one of " + strings.Join(words, ", ")}
	}
	return value, p
}
