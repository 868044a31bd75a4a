package ui_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"graygate/admin/ui"
)

// policy is what the page is held to in these tests: no more than the admin server allows, and no data: images.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// simulation stands in for an admin server with a gateway behind it, in the states that a real one is seldom in: each look at
// /ui/data is a second later. Its numbers come from a seed, so that runs are alike.
type simulation struct {
	mu          sync.Mutex
	random      *rand.Rand
	pid         int
	began       int // the second of the process' start
	second      int
	routes      []*simulatedRoute
	experiments []map[string]any
	events      []map[string]any
	changed     chan struct{} // closed and renewed with each event
	over        chan struct{} // closed with the test
	token       string        // that is asked for, "" for none
	down        bool          // connections are cut without an answer
	worse       float64       // gray's share of errors
	explain     func(body []byte) (int, any)
}

type simulatedRoute struct {
	name, tenant, host, path string
	rate, gray, fallback     float64
	requests, assigned, back int
	sides                    [2]simulatedSide // stable, gray
}

type simulatedSide struct {
	requests, errors int
	buckets          [17]int
}

var bounds = []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2500, 5000, 10000}

// simulate serves one on loopback until the test is over, and gives its address.
func simulate(t *testing.T, routes, experiments int) string {
	t.Helper()
	s := &simulation{pid: 7, random: rand.New(rand.NewPCG(1, 2)), changed: make(chan struct{}), over: make(chan struct{}), worse: 0.021, explain: explainer(t)}
	known := []simulatedRoute{
		{name: "shop", host: "shop.example.com", path: "/", rate: 420, gray: 0.1, fallback: 0.3},
		{name: "checkout", host: "shop.example.com", path: "/checkout", rate: 61, gray: 0.05},
		{name: "search", host: "shop.example.com", path: "/search", rate: 188, gray: 0.5},
		{name: "api", tenant: "acme", host: "api.example.com", path: "/v2", rate: 1240, gray: 0.01},
		{name: "images", host: "img.example.com", path: "/", rate: 830},
		{name: "admin", tenant: "acme", host: "", path: "/admin", rate: 0},
	}
	for i := range routes {
		r := simulatedRoute{name: fmt.Sprintf("route-%04d", i), host: fmt.Sprintf("h%d.example.com", i), path: "/", rate: 2, gray: 0.2}
		if i < len(known) {
			r = known[i]
		}
		s.routes = append(s.routes, &r)
	}
	states := []string{"active", "active", "active", "created", "paused", "archived"}
	for i := range experiments {
		e := map[string]any{
			"tenant": "", "name": fmt.Sprintf("exp-%04d", i), "layer": fmt.Sprintf("layer-%02d", i%20), "state": states[i%len(states)], "assigns": i%6 < 3,
			"owner": []string{"ann", "ben", "chen", "dora"}[i%4], "share": 0.02, "assigned": 120000 / (i + 1), "mismatch": i == 7,
			"variants": []any{
				map[string]any{"name": "control", "weight": 1, "assigned": 60300 / (i + 1)},
				map[string]any{"name": "big-button", "weight": 1, "assigned": 59700 / (i + 1)},
			},
		}
		if i == 3 {
			e["owner"] = hostile
		}
		s.experiments = append(s.experiments, e)
	}
	for _, e := range []map[string]any{
		{"kind": "reload", "to": "ok", "reason": "generation 7"},
		{"kind": "endpoint", "pool": "shop-gray", "endpoint": "10.0.2.11:8080", "from": "healthy", "to": "open", "reason": "consecutive, for another 1s"},
		{"kind": "endpoint", "pool": "shop-gray", "endpoint": "10.0.2.11:8080", "from": "open", "to": "half_open", "reason": "its time was over"},
		{"kind": "discovery", "pool": "stable", "reason": hostile},
	} {
		s.happen(e)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: s.serve, NoDefaultServerHeader: true}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		close(s.over)
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// hostile is a text that a page must not take for markup.
const hostile = `<img src=x onerror="document.title='taken'"><b>bold</b>`

func (s *simulation) happen(e map[string]any) {
	e["id"] = len(s.events) + 1
	e["time"] = time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC).Add(time.Duration(s.second) * time.Second).Format(time.RFC3339)
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *simulation) serve(ctx *fasthttp.RequestCtx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := string(ctx.Path())
	switch {
	case path == "/test":
		s.set(ctx.QueryArgs())
		return
	case s.down:
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(net.Conn) {})
		return
	case path == "/ui/" || strings.HasPrefix(path, "/ui/") && path != "/ui/data":
		page(ctx, strings.TrimPrefix(path, "/ui/"))
		return
	case s.token != "" && string(ctx.Request.Header.Peek("Authorization")) != "Bearer "+s.token:
		answer(ctx, 401, map[string]any{"error": "unauthorized", "message": "A token is needed.", "fix": "Send Authorization: Bearer TOKEN."})
		return
	}
	args := ctx.QueryArgs()
	switch path {
	case "/ui/data":
		s.step()
		answer(ctx, 200, s.data(string(args.Peek("q")), args.GetUintOrZero("limit"), args.GetUintOrZero("since")))
	case "/experiments":
		offset, limit := args.GetUintOrZero("offset"), args.GetUintOrZero("limit")
		from, n := min(offset, len(s.experiments)), len(s.experiments)
		answer(ctx, 200, map[string]any{"total": n, "matched": n, "limit": limit, "offset": offset, "items": s.experiments[from:min(n, from+limit)]})
	case "/explain":
		status, body := s.explain(ctx.PostBody())
		answer(ctx, status, body)
	case "/events":
		s.stream(ctx, args.GetUintOrZero("since"))
	default:
		answer(ctx, 404, map[string]any{"error": "not_found", "message": "There is nothing here."})
	}
}

// set changes the state, as the browser's test asks for it.
func (s *simulation) set(args *fasthttp.Args) {
	s.down = args.GetBool("down")
	s.token = string(args.Peek("token"))
	if args.GetBool("restart") {
		s.pid, s.began, s.events = s.pid+1, s.second, nil
		for _, r := range s.routes {
			r.requests, r.assigned, r.back, r.sides = 0, 0, 0, [2]simulatedSide{}
		}
	}
	if reason := args.Peek("event"); len(reason) > 0 {
		s.happen(map[string]any{"kind": "pool_breaker", "pool": "shop-gray", "from": "closed", "to": "open", "reason": string(reason)})
	}
}

func page(ctx *fasthttp.RequestCtx, name string) {
	if name == "" {
		name = "index.html"
	}
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	types := map[string]string{"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
	body, err := readFile(ui.Files(), name)
	if err != nil {
		ctx.Error("not found", 404)
		return
	}
	h.SetContentType(types[name[strings.LastIndexByte(name, '.')+1:]])
	ctx.SetBody(body)
}

func answer(ctx *fasthttp.RequestCtx, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("BUG: ui_test: " + err.Error())
	}
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetContentType("application/json")
	ctx.SetStatusCode(status)
	ctx.SetBody(text)
}

// stream sends events after id until the test is over, or the client is gone.
func (s *simulation) stream(ctx *fasthttp.RequestCtx, after int) {
	ctx.SetContentType("text/event-stream")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		for {
			s.mu.Lock()
			fresh, changed := slices.Clone(s.events[min(after, len(s.events)):]), s.changed
			s.mu.Unlock()
			fmt.Fprint(w, ": heartbeat\n\n")
			for _, e := range fresh {
				text, _ := json.Marshal(e)
				fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e["id"], e["kind"], text)
			}
			after += len(fresh)
			if w.Flush() != nil {
				return
			}
			select {
			case <-changed:
			case <-s.over:
				return
			}
		}
	})
}

// step lets a second pass.
func (s *simulation) step() {
	s.second++
	for i, r := range s.routes {
		n := s.some(r.rate * (1 + 0.12*math.Sin(float64(s.second)/17+float64(i))))
		gray := s.some(float64(n) * r.gray)
		gray = min(gray, n)
		r.requests += n
		r.assigned += gray
		r.back += min(gray, s.some(float64(gray)*r.fallback))
		r.sides[0].count(s, n-gray, 0.003, 8)
		r.sides[1].count(s, gray, s.worse, 11)
	}
}

// some is about mean, as often as chance would have it.
func (s *simulation) some(mean float64) int {
	return max(0, int(math.Round(mean+math.Sqrt(mean)*s.random.NormFloat64())))
}

func (side *simulatedSide) count(s *simulation, n int, errors, median float64) {
	side.requests += n
	side.errors += min(n, s.some(float64(n)*errors))
	for range n {
		at, _ := slices.BinarySearch(bounds, median*math.Exp(0.7*s.random.NormFloat64()))
		side.buckets[at]++
	}
}
