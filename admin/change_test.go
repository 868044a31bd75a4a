package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"graygate/admin"
	"graygate/internal/testkit"
)

// outcome is the answer to a change.
func outcome(t testing.TB, r *testkit.Response) string {
	t.Helper()
	var got struct {
		Changed bool
		What    string
		Error   string
	}
	if err := json.Unmarshal([]byte(r.Text), &got); err != nil {
		t.Fatalf("got %d %q: %v", r.StatusCode, r.Text, err)
	}
	if r.StatusCode == 200 {
		return fmt.Sprint(got.Changed, " ", got.What)
	}
	return fmt.Sprint(r.StatusCode, " ", got.Error)
}

// A drained endpoint gets nothing, and what is in flight there finishes; taken back, it gets its share again.
func TestDrain(t *testing.T) {
	testkit.Leaks(t)
	gate := make(chan struct{})
	first := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path == "/wait" {
			<-gate
		}
		testkit.OK("first")(c, r)
	})
	second := testkit.Serve(t, testkit.OK("second"))
	yaml := testkit.Config(testkit.Pool(first), nil, "")
	d := newDesk(t, strings.Replace(yaml, "endpoints: ["+first.Addr+"]", "balance: round_robin, endpoints: ["+first.Addr+", "+second.Addr+"]", 1), nil)
	served := func() string {
		n := map[string]int{}
		c := testkit.Dial(t, d.proxy.Addr)
		defer c.Close()
		for range 60 {
			n[c.Do(testkit.Get("/")).Text]++
		}
		return fmt.Sprint(n["first"] > 0, n["second"] > 0)
	}
	row := func(name, path, want, then string) {
		t.Helper()
		if got := outcome(t, d.post(path, "")); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if got := served(); got != then {
			t.Errorf("%s: got first and second %s, want %s", name, got, then)
		}
	}
	one, two := "/upstreams/stable/endpoints/"+first.Addr, "/upstreams/stable/endpoints/"+second.Addr
	waiting := testkit.Dial(t, d.proxy.Addr)
	d.post(two+"/drain", "")
	waiting.Send(testkit.Get("/wait"))
	testkit.Until(t, "a request waits at the first", func() bool { return len(first.Seen()) == 1 })
	d.post(two+"/undrain", "")
	gone := " gets no more requests, until it is taken back or the process ends"
	row("drain", one+"/drain", "true "+first.Addr+" of stable"+gone, "false true")
	row("drain again", one+"/drain", "false "+first.Addr+" of stable"+gone, "false true")
	close(gate)
	if r := waiting.Read("GET"); r.StatusCode != 200 || r.Text != "first" {
		t.Errorf("in flight: got %d %q, want it to finish", r.StatusCode, r.Text)
	}
	row("undrain", one+"/undrain", "true "+first.Addr+" of stable gets requests again", "true true")
	row("undrain again", one+"/undrain", "false "+first.Addr+" of stable gets requests again", "true true")
	row("encoded", strings.ReplaceAll(two, ":", "%3A")+"/drain", "true "+second.Addr+" of stable"+gone, "true false")
	row("no such endpoint", "/upstreams/stable/endpoints/127.0.0.1:1/drain", "404 unknown", "true false")
	row("no such pool", "/upstreams/nowhere/endpoints/127.0.0.1:1/drain", "404 unknown", "true false")
}

// Hooks hear of a change before it is made, may refuse it, and hear what came of it; one change is made at a time.
func TestHooks(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	var heard []string
	var refuse error
	d := newDesk(t, testkit.Config(testkit.Pool(b), nil, ""), func(s *admin.Server) {
		s.OnChange(func(_ context.Context, c admin.Change) (func(error), error) {
			actor, _, _ := strings.Cut(c.Actor, ":")
			heard = append(heard, fmt.Sprintf("%s %s by %s because %q, %v", c.Action, c.Target, actor, c.Reason, c.Time.IsZero()))
			return func(err error) { heard = append(heard, fmt.Sprint("done: ", err)) }, nil
		})
		s.OnChange(func(context.Context, admin.Change) (func(error), error) { return nil, refuse })
	})
	row := func(name, path, body, answer string, want ...string) {
		t.Helper()
		heard = nil
		if got := outcome(t, d.post(path, body)); !strings.HasPrefix(got, answer) {
			t.Errorf("%s: got %s, want %s", name, got, answer)
		}
		if got := strings.Join(heard, "; "); got != strings.Join(want, "; ") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, strings.Join(want, "; "))
		}
	}
	drain := "/upstreams/stable/endpoints/" + b.Addr
	row("with a reason", drain+"/drain", `{"reason":"disk is \u001b[31mfull"}`, "true",
		`drain stable/`+b.Addr+` by token from 127.0.0.1 because "disk is ?[31mfull", false`, "done: <nil>")
	row("one that fails", "/breakers/nowhere/reset", "", "404 unknown",
		`reset_breaker nowhere by token from 127.0.0.1 because "", false`, `done: pool "nowhere" is unknown`)
	row("a reason that is too long", drain+"/undrain", `{"reason":"`+strings.Repeat("x", 257)+`"}`, "400 bad_parameter")
	row("something else", drain+"/undrain", `{"force":true}`, "400 bad_json")
	refuse = errors.New("disk full")
	row("refused", drain+"/undrain", "", "500 not_recorded",
		`undrain stable/`+b.Addr+` by token from 127.0.0.1 because "", false`, "done: the change is not on record, and so was not made: disk full")
	if s := d.proxy.Upstreams()[0].Endpoints[0]; !s.Drained {
		t.Error("what a hook refused was made")
	}
	if r := testkit.Do(t, d.address, text("POST", drain+"/undrain", "")); r.StatusCode != 401 {
		t.Errorf("without a token: got %d", r.StatusCode)
	}
	if said := d.log.String(); !strings.Contains(said, "admin: change") || !strings.Contains(said, "action=drain") {
		t.Errorf("the log: got %q, want the changes", said)
	}
}

// A reload answers with its outcome; what is wrong with the config is in the answer.
func TestReload(t *testing.T) {
	testkit.Leaks(t)
	b := testkit.Serve(t, testkit.OK("fine"))
	var fault error
	var d *desk
	d = newDesk(t, testkit.Config(testkit.Pool(b), nil, ""), func(s *admin.Server) {
		s.SetReload(func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the reload is not bounded in time")
			}
			if fault == nil {
				d.proxy.MustReload(testkit.Config(testkit.Pool(b), nil, ""))
			}
			return fault
		})
	})
	if got := outcome(t, d.post("/reload", "")); got != "true generation 2 is in force" {
		t.Errorf("got %s", got)
	}
	fault = errors.New("graygate.yaml:5:3: unknown key \x1b[31mfoo\n    foo: 1\n    ^")
	r := d.post("/reload", "")
	failed(t, "a config with a mistake", r, 409, "reload_failed")
	if !strings.Contains(r.Text, `unknown key ?[31mfoo\n    foo: 1\n    ^`) {
		t.Errorf("got %s, want all that is wrong, and nothing that a terminal acts on", r.Text)
	}
}

// The token file is read anew with every reload; one that is no use any more refuses it, and the old token holds.
func TestTokenChanges(t *testing.T) {
	path := tokenFile(t, token)
	d := bareDesk(t, admin.Settings{TokenFile: path}, nil)
	settings := admin.Settings{Address: d.address, TokenFile: path}
	row := func(name, with string, want int) {
		t.Helper()
		if r := testkit.Do(t, d.address, text("POST", "/reload", "", bearer(with))); r.StatusCode != want {
			t.Errorf("%s: got %d %s, want %d", name, r.StatusCode, r.Text, want)
		}
	}
	row("the first", token, 404)
	write(t, path, "another-token-0123456789")
	row("before the reload", token, 404)
	if err := d.Listen(settings, nil); err != nil {
		t.Fatal(err)
	}
	row("the old one", token, 401)
	row("the new one", "another-token-0123456789", 404)
	write(t, path, "short")
	if err := d.Listen(settings, nil); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("a short one: got %v", err)
	}
	row("after a reload that failed", "another-token-0123456789", 404)
	if err := d.Listen(admin.Settings{Address: d.address}, nil); err != nil {
		t.Fatal(err)
	}
	row("without a token file", "another-token-0123456789", 403)
}
