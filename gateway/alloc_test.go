package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// steady is a client and a backend that allocate nothing once they run, so that what is allocated is the gateway's.
type steady struct {
	name    string
	config  string // more of the config, for testkit.Config; behind "stable: " or "route: ", of its pool or its route
	request string
	answer  string // as the upstream sends it
	comes   string // as the client gets it, each * any byte; "": the same
}

var steadies = func() []steady {
	answer := testkit.Answer("200 OK", strings.Repeat("x", 100), "Content-Type: text/plain")
	const typed = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n"
	comes := typed + strings.Repeat("x", 100)
	browser := []string{"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: text/html", "Accept-Language: en", "Accept-Encoding: gzip, br", "Cookie: a=b; session=0123456789abcdef; uid=42", "X-Forwarded-For: 1.2.3.4"}
	return []steady{
		{"plain", "", testkit.Get("/"), answer, comes},
		{"gray", "loops: 1\n", testkit.Get("/?a=b", append(browser, "X-Gray-Tag: gray")...), answer, comes},
		{"post", "", testkit.Post("/", strings.Repeat("y", 1000), browser...), answer, comes},
		{"chunked", "", testkit.Get("/", browser...), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\na\r\n0123456789\r\n0\r\n\r\n", ""},
		{"medium", "", testkit.Get("/"), testkit.Answer("200 OK", strings.Repeat("x", 20_000)), ""},
		{"logged", "access_log: {to: /dev/null, sample: all}\n", testkit.Get("/", browser...), answer, comes},
		{"combined", "access_log: {to: /dev/null, format: combined, sample: all}\n", testkit.Get("/", browser...), answer, comes},
		{"fields", "access_log: {to: /dev/null, fields: [user_agent, trace_id, time], sample: all}\n", testkit.Get("/", browser...), answer, comes},
		{"traced", "tracing: {endpoint: \"http://127.0.0.1:9\", sample: off, gray: off, errors: on}\n", testkit.Get("/", append(browser, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=b", "baggage: c=d")...), answer, comes},
		{"unmetered", "metrics: off\n", testkit.Get("/", browser...), answer, comes},
		{"sampled", "access_log: {to: /dev/null, sample: 1%}\n", testkit.Get("/", browser...), answer, comes},
		{"trusted", "trusted_proxies: [127.0.0.1]\n", testkit.Get("/", append(browser, "X-Request-Id: mine")...), answer, comes},
		{"experiments", labYAML, testkit.Get("/", append(browser, "X-Search: forged", "X-Other: kept")...), answer, comes},
		{"unitless", labYAML, testkit.Get("/", "X-Tenant: acme"), answer, comes},
		{"told", labYAML + "assignments: {cookie: lab}\n", testkit.Get("/", browser...), answer,
			strings.Replace(comes, "Content-L", "Set-Cookie: lab=color=red&search_v2=B; Path=/; SameSite=Lax\r\nCache-Control: private\r\nContent-L", 1)},
		{"issued", "attributes: {userid: {from: [cookie gray_id], issue: {first_request: assign}}}\n", testkit.Get("/", browser...), answer,
			strings.Replace(comes, "Content-L", "Set-Cookie: gray_id="+strings.Repeat("*", 32)+"; Path=/; Max-Age=31536000; SameSite=Lax; Secure; HttpOnly\r\nCache-Control: private\r\nContent-L", 1)},
		{"round_robin", "stable: balance: round_robin", testkit.Get("/"), answer, comes},
		{"least_request", "stable: balance: least_request", testkit.Get("/"), answer, comes},
		{"random", "stable: balance: random", testkit.Get("/"), answer, comes},
		{"consistent", "stable: balance: {by: consistent, key: userid}", testkit.Get("/", browser...), answer, comes},
		{"bounded", "stable: connections: {max: 100, in_flight: 100, queue: 10, requests: 1000000, age: 1h}", testkit.Get("/"), answer, comes},
		{"hasty", "stable: retry: {per_try_timeout: 5s, hedge_after: p95}", testkit.Get("/"), answer, comes},
		{"limited", "route: rate_limit: {rate: 1000000/s, burst: 1000, by: userid}, concurrency: {limit: 100, by: userid}", testkit.Get("/", browser...), answer, comes},
		{"adaptive", "route: concurrency: {limit: auto, max: 100}", testkit.Get("/"), answer, comes},
		{"watched", "overload: {memory: 99%, run_queue: 1000}\n", testkit.Get("/"), answer, comes},
		{"304", "", testkit.Get("/", browser...), testkit.Answer("304 Not Modified", ""), ""},
	}
}()

// labYAML is two experiments that assign every request with a userid, one that no request meets, and one that is another tenant's.
const labYAML = `attributes:
  userid: {from: [header X-User-Id, cookie uid]}
  tenant: {from: [header X-Tenant]}
layers: {one: {by: userid}, two: {by: userid}, three: {by: userid}}
holdouts: {none: {by: userid, percent: 0}}
experiments:
  color: {layer: one, slots: [0-9999], state: active, variants: {red: {weight: 1, headers: {X-Color: red, X-Shade: dark}}}}
  search_v2: {layer: two, slots: [0-9999], state: active, holdout: none, when: "method == 'GET'", variants: {A: 0, B: {weight: 1, headers: {X-Search: v2}}}}
  never: {layer: three, slots: [0-9999], state: active, when: "method == 'PUT'", variants: {on: 1}}
  acme/color: {variants: {green: 1}}
`

// sameBut reports whether got is want, of which each * stands for any byte.
func sameBut(got, want []byte) bool {
	for i, c := range want {
		if c != '*' && got[i] != c {
			return false
		}
	}
	return true
}

// start gives a function that makes one request and takes its answer.
func (s steady) start(tb testing.TB) (once func()) {
	handle := func(c *testkit.Conn) {
		_ = c.SetNoDelay(true)
		answer, end := []byte(s.answer), []byte("\r\n\r\n")
		_, body, _ := strings.Cut(s.request, "\r\n\r\n")
		buf := make([]byte, 1<<16)
		have := 0
		for {
			n, err := c.TCPConn.Read(buf[have:])
			if err != nil {
				return
			}
			have += n
			at := bytes.Index(buf[:have], end)
			if at < 0 || have < at+4+len(body) {
				continue
			}
			have = copy(buf, buf[at+4+len(body):have])
			if _, err := c.TCPConn.Write(answer); err != nil {
				return
			}
		}
	}
	stable, gray := testkit.NewBackend(tb, handle), testkit.NewBackend(tb, handle)
	more := s.config
	pool, ofPool := strings.CutPrefix(more, "stable: ")
	route, ofRoute := strings.CutPrefix(more, "route: ")
	if ofPool || ofRoute {
		more = ""
	}
	if !strings.Contains(more, "attributes:") {
		more += "attributes: {userid: {from: [header X-User-Id, cookie uid]}}\n"
	}
	config := testkit.Config(testkit.Pool(stable), testkit.Pool(gray), more)
	config += "      - {name: share, percent: 50, by: userid}\n      - {name: every, percent: 10, by: request}\n"
	switch {
	case ofPool:
		config = stableWith(pool, config)
	case ofRoute:
		config = strings.Replace(config, "    gray: gray\n", "    gray: gray\n    "+strings.Replace(route, ", concurrency", "\n    concurrency", 1)+"\n", 1)
	}
	p := testkit.Gateway(tb, config)
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	want := []byte(s.comes)
	if s.comes == "" {
		want = []byte(s.answer)
	}
	request, got := []byte(s.request), make([]byte, len(want))
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil || !sameBut(got, want) {
			tb.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
}

// Once warm, a request allocates nothing, whatever it is.
func TestRequestsAllocateNothing(t *testing.T) {
	const requests, most = 3000, 0.01
	const perTick = 4 // allocations of a tick, which come with time and not with requests
	for _, s := range steadies {
		t.Run(s.name, func(t *testing.T) {
			once := s.start(t)
			for range 2000 { // buffers, free lists, the growth of the log's
				once()
			}
			var each, allowed float64
			for range 5 { // what else goes on in the process can only add
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				for range requests {
					once()
				}
				ticks := time.Since(began).Seconds()*10 + 1
				runtime.ReadMemStats(&after)
				each = float64(after.Mallocs-before.Mallocs) / requests
				allowed = most + perTick*ticks/requests
				if each < allowed {
					return
				}
			}
			t.Errorf("allocations per request, in the best of 5 runs of %d: got %.3f, want less than %.3f (the clock's ticks)", requests, each, allowed)
		})
	}
}

// With everything seen, the loop allocates nothing for a request either. What the goroutine allocates that sends the spans, and the
// collector, which is in this process, is told apart by the stacks of the runtime's profile of memory, in which every allocation is here:
// those that count came about in an event of a connection.
func TestSeenRequestsAllocateNothing(t *testing.T) {
	const requests, most = 3000, 0.01 // as above; in those a batch of lines, of which the writer needs one more
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	every := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = every }()
	for _, sample := range []string{"1%", "100%"} {
		t.Run(sample, func(t *testing.T) {
			s := steadies[slices.IndexFunc(steadies, func(s steady) bool { return s.name == "experiments" })]
			s.config += "metrics: on\naccess_log: {to: " + filepath.Join(t.TempDir(), "access.log") + ", sample: all}\n" +
				"tracing: {endpoint: \"" + collector.URL + "\", sample: " + sample + ", gray: off, errors: on}\n"
			before := onLoops(t)
			once := s.start(t)
			for range requests {
				once()
			}
			if warm := onLoops(t) - before; warm < 10 {
				t.Fatalf("the first requests: got %d allocations on the loops, want those of their buffers: they are not seen", warm)
			}
			var each float64
			for range 5 {
				before := onLoops(t)
				for range requests {
					once()
				}
				if each = float64(onLoops(t)-before) / requests; each < most {
					return
				}
			}
			t.Errorf("allocations per request on the loops, in the last of 5 runs of %d: got %.3f, want less than %.3f", requests, each, most)
		})
	}
}

// onLoops is how many allocations there were in events of connections, since [runtime.MemProfileRate] is 1.
func onLoops(tb testing.TB) (n int64) {
	tb.Helper()
	for range 3 { // the profile is up to two collections old
		runtime.GC()
	}
	all := make([]runtime.MemProfileRecord, 1<<16)
	found, whole := runtime.MemProfile(all, true)
	if !whole {
		tb.Fatalf("the profile has %d records, want no more than %d", found, len(all))
	}
	for i := range all[:found] {
		frames := runtime.CallersFrames(all[i].Stack())
		for more := true; more; {
			var f runtime.Frame
			if f, more = frames.Next(); strings.HasSuffix(f.Function, "gateway.(*loop).OnTraffic") {
				n += all[i].AllocObjects
				break
			}
		}
	}
	return n
}

// BenchmarkProxy measures one request through the gateway, client and backend included, one at a time.
func BenchmarkProxy(b *testing.B) {
	for _, s := range steadies {
		b.Run(fmt.Sprintf("case=%s", s.name), func(b *testing.B) {
			once := s.start(b)
			for range 100 {
				once()
			}
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}
