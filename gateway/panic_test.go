package gateway_test

import (
	"strings"
	"testing"

	"graygate/internal/testkit"
)

// A panic costs the connection that it came from, and no other. It is logged with its stack, and counted.
func TestPanic(t *testing.T) {
	row := func(name, wantStack string, provoke func(t *testing.T, p *testkit.Proxy, waiting *testkit.Client, answer func())) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			long := strings.Repeat("x", 3_000_000)
			b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
				if r.URL.Path != "/wait" {
					testkit.OK("fine")(c, r)
					return
				}
				testkit.Receive(t, "the gateway to be broken", gate)
				c.Send(testkit.Answer("200 OK", long))
			})
			log := testkit.NewAccessLog(t)
			config := strings.Replace(testkit.Config(testkit.Pool(b), testkit.Pool(b), log.YAML()), "rules:\n", "rules:\n      - {name: none, when: \"tag == 'none'\", percent: 50, by: request}\n", 1)
			p := testkit.Gateway(t, config)
			p.Said.ExpectPanic()
			others := []*testkit.Client{testkit.Dial(t, p.Addr), testkit.Dial(t, p.Addr)}
			for _, c := range others {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			waiting := testkit.Dial(t, p.Addr)
			waiting.Send(testkit.Get("/wait"))
			testkit.Until(t, "the request to be upstream", func() bool { return len(b.Seen()) == 3 })
			provoke(t, p, waiting, func() { close(gate) })
			for _, c := range others {
				c.Do(testkit.Get("/")).WantStatus(t, 200, "")
			}
			testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
			testkit.Until(t, "the panic to be counted", func() bool { return p.Counters().Panics == 1 })
			testkit.Until(t, "all attempts to have ended", func() bool { return inFlight(p) == 0 })
			said := p.Said.String()
			if strings.Count(said, "BUG: panic") != 1 || !strings.Contains(said, wantStack) {
				t.Errorf("the log: got %q, want one panic with %s in its stack", said, wantStack)
			}
			testkit.Until(t, "the victim's line in the access log", func() bool {
				for _, line := range log.Lines() {
					if line["error"] == "panic" {
						wantLine(t, line, map[string]any{"cut": true, "client": "127.0.0.1"})
						return true
					}
				}
				return false
			})
		})
	}
	row("while a request is decided", "(*loop).decide", func(t *testing.T, p *testkit.Proxy, waiting *testkit.Client, answer func()) {
		p.BreakRules()
		c := testkit.Dial(t, p.Addr)
		c.Send(testkit.Get("/"))
		c.WantClosed()
		p.MendRules()
		answer()
		waiting.Read("GET").WantStatus(t, 200, "")
	})
	row("at an answer", "(*upstreamConn).traffic", func(t *testing.T, p *testkit.Proxy, waiting *testkit.Client, answer func()) {
		p.BreakAnswers()
		answer()
		waiting.WantClosed()
	})
	row("in a relay", "(*relay).end", func(t *testing.T, p *testkit.Proxy, waiting *testkit.Client, answer func()) {
		p.BreakReturns()
		answer()
		if text, err := waiting.ReadAll(); err == nil {
			t.Errorf("got %d bytes and an end in order, want a cut", len(text))
		}
	})
}
