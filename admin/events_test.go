package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"graygate/admin"
	"graygate/internal/testkit"
)

// follower reads a stream of events.
type follower struct {
	*testkit.Client
	t testing.TB
}

// follow begins a stream.
func (d *desk) follow(path string, fields ...string) *follower {
	d.t.Helper()
	f := &follower{testkit.Dial(d.t, d.address), d.t}
	f.Send(text("GET", path, "", fields...))
	r, err := f.Head("GET")
	if err != nil || r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" || r.Header.Get("Cache-Control") != "no-store" {
		d.t.Fatalf("%s: got %v, %v", path, r, err)
	}
	return f
}

// next gives the next event: its id, its kind, and what became of what.
func (f *follower) next() string {
	f.t.Helper()
	var id, kind string
	for {
		line, err := f.R.ReadString('\n')
		if err != nil {
			f.t.Fatalf("the stream: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			var e struct {
				ID       uint64
				Kind, To string
				Endpoint string
			}
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				f.t.Fatalf("the stream: %q: %v", line, err)
			}
			if kind != "lost" && (fmt.Sprint(e.ID) != id || e.Kind != kind) {
				f.t.Errorf("the stream: id %s, event %s, data %s", id, kind, value)
			}
			return strings.TrimSpace(id + " " + kind + " " + e.To)
		}
	}
}

// Of a change that failed it is told what, by whom, the reason that was given, and why it failed.
func TestFailedChange(t *testing.T) {
	d := newDesk(t, testkit.Config(testkit.Pool(testkit.Serve(t, testkit.OK("fine"))), nil, ""), nil)
	failed(t, "no such endpoint", d.post("/upstreams/stable/endpoints/nobody/undrain", `{"reason": "it is mended"}`), 404, "unknown")
	if got := d.follow("/events").next(); got != "1 change undrain_failed" {
		t.Errorf("the event: got %q", got)
	}
	text := d.get("/ui/data").Text
	for _, want := range []string{"stable/nobody, by token from 127.0.0.1", ": it is mended: ", "unknown"} {
		if !strings.Contains(text, want) {
			t.Errorf("the console: got %s, want it to have %q", text, want)
		}
	}
}

// Changes come as they happen; who comes late gets those that are kept, and who comes back those that were missed.
func TestEvents(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	d := newDesk(t, testkit.Config(testkit.Pool(b), nil, ""), nil)
	first := d.follow("/events")
	want := func(f *follower, events ...string) {
		t.Helper()
		for _, e := range events {
			if got := f.next(); got != e {
				t.Fatalf("got %q, want %q", got, e)
			}
		}
	}
	d.post("/upstreams/stable/endpoints/"+b.Addr+"/drain", "")
	want(first, "1 change drain", "2 endpoint draining") // the second comes with the gateway's next tick
	d.Reloaded(nil)
	want(first, "3 reload ok")
	want(d.follow("/events"), "1 change drain", "2 endpoint draining", "3 reload ok")
	d.Reloaded(io.ErrUnexpectedEOF)
	want(first, "4 reload failed")
	want(d.follow("/events", "Last-Event-ID: 2"), "3 reload ok", "4 reload failed")
	want(d.follow("/events?since=3"), "4 reload failed")
	want(d.follow("/events?since=99"), "1 change drain") // of another process
	failed(t, "an id that is none", d.get("/events?since=x"), 400, "bad_parameter")

	var data struct {
		Events struct {
			Last  uint64
			Lost  bool
			Items []struct{ ID uint64 }
		}
	}
	d.into("/ui/data?since=2", &data)
	if got := fmt.Sprint(data.Events); got != "{4 false [{3} {4}]}" {
		t.Errorf("the console: got %s", got)
	}
	for range 1100 {
		d.Reloaded(nil)
	}
	want(d.follow("/events?since=4"), "lost", "81 reload ok")
	d.into("/ui/data?since=4", &data)
	if x := data.Events; x.Last != 1104 || !x.Lost || len(x.Items) != 100 || x.Items[0].ID != 1005 {
		t.Errorf("the console, far behind: got %d events from %d to %d, lost %v", len(x.Items), x.Items[0].ID, x.Last, x.Lost)
	}
	d.into("/ui/data", &data)
	if x := data.Events; x.Lost || len(x.Items) != 100 {
		t.Errorf("the console, new: got %d events, lost %v; nothing is lost for who had nothing", len(x.Items), x.Lost)
	}
	d.into("/ui/data?since=1104", &data)
	if x := data.Events; x.Last != 1104 || x.Lost || len(x.Items) != 0 {
		t.Errorf("the console, up to date: got %+v", x)
	}
}

// As many follow as may; one more is refused; one who goes makes room.
func TestTooManyStreams(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	const most = 32
	var all []*follower
	for range most {
		all = append(all, d.follow("/events"))
	}
	failed(t, "one more", d.get("/events"), 503, "too_many_streams")
	_ = all[0].Close()
	testkit.Until(t, "there is room again", func() bool {
		c := testkit.Dial(t, d.address)
		defer c.Close()
		c.Send(text("GET", "/events", ""))
		r, err := c.Head("GET")
		return err == nil && r.StatusCode == 200
	})
}

// A follower that reads nothing is dropped, and keeps nobody else from hearing.
func TestSlowFollower(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a time-out of 5 s")
	}
	d := bareDesk(t, admin.Settings{}, nil)
	deaf := d.follow("/events")
	if err := deaf.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	done := make(chan struct{})
	long := fmt.Errorf("%s", strings.Repeat("x", 199))
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			default:
				d.Reloaded(long)
			}
		}
	}()
	testkit.Until(t, "it is dropped", func() bool { return d.Status().Streams.Dropped == 1 })
	close(over)
	<-done
	d.Reloaded(nil)
	last := d.Status().Events
	if got, want := d.follow(fmt.Sprintf("/events?since=%d", last-1)).next(), fmt.Sprintf("%d reload ok", last); got != want {
		t.Errorf("another one: got %q, want %q", got, want)
	}
}

// Streams end with the settings that they were let in by, and with the server.
func TestStreamsEnd(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	f := d.follow("/events")
	same := admin.Settings{Address: d.address}
	if err := d.Listen(same, nil); err != nil {
		t.Fatal(err)
	}
	d.Reloaded(nil)
	if got := f.next(); got != "1 reload ok" {
		t.Errorf("after a reload of the same settings: got %q", got)
	}
	if err := d.Listen(admin.Settings{Address: d.address, TokenFile: tokenFile(t, token)}, nil); err != nil {
		t.Fatal(err)
	}
	if rest, _ := f.ReadAll(); strings.Contains(rest, "data:") {
		t.Errorf("under other settings: got %q, want the end", rest)
	}
	last := d.follow("/events?since=1")
	d.Close()
	if rest, _ := last.ReadAll(); strings.Contains(rest, "data:") {
		t.Errorf("at the server's end: got %q, want the end", rest)
	}
}
