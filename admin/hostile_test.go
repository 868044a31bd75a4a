package admin_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"graygate/admin"
	"graygate/internal/testkit"
)

// Each wrong request gets its status and a stable word, and the server serves on.
func TestWrongRequests(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, testkit.Config(testkit.Pool(b), nil, ""), nil)
	row := func(name, request string, status int, word string) *testkit.Response {
		t.Helper()
		c := testkit.Dial(t, d.address)
		defer c.Close()
		c.Send(request)
		r, err := c.TryRead("GET")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		failed(t, name, r, status, word)
		return r
	}
	allow := func(request, want string) {
		t.Helper()
		r := row(request, request+" HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "wrong_method")
		if got := r.Header.Get("Allow"); got != want {
			t.Errorf("%s: got Allow %q, want %q", request, got, want)
		}
	}
	allow("DELETE /status", "GET, HEAD")
	allow("POST /status", "GET, HEAD")
	allow("PUT /reload", "POST")
	allow("GET /reload", "POST")
	allow("OPTIONS /explain", "POST")
	allow("BREW /upstreams", "GET, HEAD")
	allow("POST /ui/app.js", "GET, HEAD")
	row("a path that is none", text("GET", "/nothing", ""), 404, "not_found")
	row("a path above", text("GET", "/ui/../config", ""), 404, "no_console")
	row("a variable that is empty", text("POST", "/breakers//reset", ""), 404, "not_found")
	row("a variable that is broken", text("POST", "/breakers/%zz/reset", ""), 404, "not_found")
	row("no HTTP", "hello\r\n\r\n", 400, "bad_request")
	row("bytes", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request")
	row("a field without a colon", "GET /status HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400, "bad_request")
	row("two lengths", "POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad_request")
	row("a broken chunk", "POST /explain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request")
	row("a long path", text("GET", "/"+strings.Repeat("x", 20<<10), ""), 431, "head_too_large")
	row("a long field", text("GET", "/status", "", "X: "+strings.Repeat("x", 20<<10)), 431, "head_too_large")
	row("a large body", "POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n", 413, "body_too_large")
	row("a large chunk", "POST /explain HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n"+strings.Repeat("x", 0x20000)+"\r\n0\r\n\r\n", 413, "body_too_large")
	row("a wrong token", text("POST", "/reload", "", bearer("wrong")), 401, "unauthorized")
	row("another host", "GET /config HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "wrong_host")
	row("another host in the line", "GET http://evil.example/config HTTP/1.1\r\nHost: localhost\r\n\r\n", 421, "wrong_host")
	row("multipart", text("POST", "/explain", "--x\r\n\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x"), 415, "not_json")
	if r := d.get("/status"); r.StatusCode != 200 {
		t.Errorf("after all that: got %d", r.StatusCode)
	}
	if said := d.log.String(); !strings.Contains(said, "wrong token") || strings.Contains(said, "Bearer") {
		t.Errorf("the log: got %q, want the wrong token noted, and not what was sent", said)
	}
}

// Two requests in one packet get two answers in order; one that is refused ends the connection where its end is not known.
func TestPipelined(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	c := testkit.Dial(t, d.address)
	c.Send(text("GET", "/healthz", "") + text("POST", "/healthz", "abc") + text("GET", "/readyz", "") + "nonsense\r\n\r\n")
	var got []int
	for range 4 {
		got = append(got, c.Read("GET").StatusCode)
	}
	if fmt.Sprint(got) != "[200 405 503 400]" {
		t.Errorf("got %v", got)
	}
	c.WantClosed()
}

// More clients than may be are told so and turned away; those who are in are served on; when they go, there is room again.
func TestTooManyConnections(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	const most = 128
	var in []*testkit.Client
	for range most {
		c := testkit.Dial(t, d.address)
		c.Do(text("GET", "/healthz", ""))
		in = append(in, c)
	}
	c := testkit.Dial(t, d.address)
	if r, err := c.TryRead("GET"); err != nil || r.StatusCode != 503 {
		t.Fatalf("one more: got %v, %v, want 503", r, err)
	}
	c.WantClosed()
	for i, c := range in {
		if r := c.Do(text("GET", "/healthz", "")); r.StatusCode != 200 {
			t.Fatalf("client %d: got %d", i, r.StatusCode)
		}
		_ = c.Close()
	}
	testkit.Until(t, "there is room again", func() bool {
		c, err := net.Dial("tcp", d.address)
		if err != nil {
			return false
		}
		defer c.Close()
		fmt.Fprint(c, text("GET", "/healthz", ""))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == 200
	})
}

// Clients that send slowly, or do not read their answers, are cut off after their time, whatever they hold.
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a time-out of 5 s")
	}
	d := bareDesk(t, admin.Settings{}, nil)
	head := testkit.Dial(t, d.address)
	head.Send("GET /status HTTP/1.1\r\nHost:")
	body := testkit.Dial(t, d.address)
	body.Send("POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	for name, c := range map[string]*testkit.Client{"head": head, "body": body} {
		r, err := c.TryRead("GET")
		if err != nil {
			t.Fatalf("half a %s: %v", name, err)
		}
		failed(t, "half a "+name, r, 408, "too_slow")
		c.WantClosed()
	}
}

// attackAddress is the variable by which this program, started again, is told whom to attack.
const attackAddress = "GRAYGATE_TEST_ATTACK"

// attack does the worst to an address until the standard input ends. It says when it has begun.
func attack(address string) {
	junk := strings.Repeat("x", 32<<10)
	requests := []string{
		text("GET", "/ui/data", "") + text("GET", "/upstreams", "") + text("GET", "/metrics", ""),
		text("GET", "/"+junk, ""),
		"POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n" + junk,
		text("POST", "/reload", "", bearer("guess")),
		"\x00\x01\x02" + junk,
		text("POST", "/explain", `{"url":"/x"}`, isJSON),
		text("GET", "/events", ""),
		strings.Repeat(text("GET", "/healthz", ""), 200),
	}
	var begun sync.Once
	for i := range 4 * len(requests) {
		go func() {
			for {
				c, err := net.DialTimeout("tcp", address, time.Second)
				if err != nil {
					continue
				}
				_ = c.SetDeadline(time.Now().Add(100 * time.Millisecond))
				fmt.Fprint(c, requests[i%len(requests)])
				if i%2 == 0 {
					discard(c)
				}
				_ = c.Close()
				begun.Do(func() { fmt.Println("attacking") })
			}
		}()
	}
	discard(os.Stdin)
}

// While clients of another process do their worst to the admin address, every request through the gateway is answered as
// before, memory stays in its bounds, and nothing of the attack is left afterwards.
func TestDataPlaneUnderAttack(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, rich(t, b.Addr, b.Addr), nil)
	before := heap()
	attacker := exec.Command(os.Args[0])
	attacker.Env = append(os.Environ(), attackAddress+"="+d.address)
	stop, err := attacker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	says, err := attacker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := attacker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop.Close(); _ = attacker.Wait() }()
	if line, err := bufio.NewReader(says).ReadString('\n'); err != nil {
		t.Fatalf("the attacker: got %q, %v", line, err)
	}
	const each = 500
	var wrong atomic.Int64
	var users sync.WaitGroup
	for range 4 {
		c := testkit.Dial(t, d.proxy.Addr)
		users.Go(func() {
			for range each {
				if err := c.TrySend(testkit.Get("/")); err != nil {
					wrong.Add(1)
					return
				}
				if r, err := c.TryRead("GET"); err != nil || r.StatusCode != 200 || r.Text != "fine" {
					wrong.Add(1)
					return
				}
			}
		})
	}
	users.Wait()
	grown := heap() - before
	_ = stop.Close()
	if wrong.Load() > 0 {
		t.Errorf("requests through the gateway: %d clients failed", wrong.Load())
	}
	if most := int64(64 << 20); grown > most {
		t.Errorf("live memory grew by %d bytes, want at most %d", grown, most)
	}
	testkit.Until(t, "all are counted", func() bool { return d.proxy.Counters().Requests == 4*each })
	if n := d.proxy.Counters(); n.Answered != 4*each || n.Panics != 0 {
		t.Errorf("got %+v", n)
	}
	testkit.Until(t, "the admin server answers again", func() bool { return d.get("/status").StatusCode == 200 })
}

// heap is the live memory.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// One who asks without end for what takes time is told to wait, and only those answers are: probes and status go on.
func TestAllowanceIsHeld(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	slow := make(chan struct{})
	d := newDesk(t, testkit.Config(testkit.Pool(b), nil, ""), func(s *admin.Server) { s.SetTraffic(sleepy{slow}) })
	close(slow)
	c := testkit.Dial(t, d.address)
	refused := 0
	for range 1000 {
		r := c.Do(text("GET", "/ui/data", ""))
		if r.StatusCode != 429 {
			continue
		}
		refused++
		failed(t, "too many", r, 429, "too_many")
		if r.Header.Get("Retry-After") == "" || !r.Close {
			t.Errorf("got %v, want Retry-After and the connection closed", r.Header)
		}
		break
	}
	if refused == 0 {
		t.Error("1000 answers of 20 ms each: got none refused")
	}
	if r := d.get("/status"); r.StatusCode != 200 {
		t.Errorf("status meanwhile: got %d", r.StatusCode)
	}
}

// sleepy is traffic that takes 20 ms to add up.
type sleepy struct{ begin chan struct{} }

func (s sleepy) Routes() ([]admin.RouteTraffic, bool) {
	<-s.begin
	time.Sleep(20 * time.Millisecond) // the time that it takes is the case
	return nil, true
}
func (sleepy) Experiments() []admin.ExperimentTraffic { return nil }
func (sleepy) Bounds() []time.Duration                { return nil }
