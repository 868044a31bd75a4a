// Package testkit is what the tests against real sockets share: a gateway with its leak checks, backends on loopback
// that do exactly what they are told, raw clients, and the access log read back.
//
// Nothing here sleeps to synchronise: what has to be waited for is waited for, with a deadline that only a failure meets.
package testkit

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"graygate/config"
	"graygate/gateway"
)

// Listen is the listener of the configs that [Config] makes: any free port of loopback.
const Listen = "127.0.0.1:0"

// Proxy is a running gateway.
type Proxy struct {
	*gateway.Gateway
	Addr string // host:port of its listener [Listen]; "" if it has none
	Said *Said  // what it has logged
	t    testing.TB
}

// Gateway starts a gateway from the text of a config, and stops it when the test is over. It then checks that nothing of the
// test is left: see [Leaks]. A panic in the gateway fails the test, unless ExpectPanic was called.
func Gateway(t testing.TB, yaml string) *Proxy {
	t.Helper()
	Leaks(t)
	plan, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatalf("config:\n%s\n%v", yaml, err)
	}
	p := &Proxy{Said: &Said{}, t: t}
	g, err := gateway.New(plan, gateway.Options{Log: slog.New(slog.NewTextHandler(p.Said, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	p.Gateway = g
	if a := g.Addr(Listen); a != nil {
		p.Addr = a.String()
	}
	t.Cleanup(func() {
		g.Stop()
		if text := p.Said.String(); strings.Contains(text, "BUG:") && !p.Said.bugsExpected {
			t.Errorf("the gateway logged a bug of its own:\n%s", text)
		}
	})
	return p
}

// TryReload puts another config into force, and gives the error of parsing or of taking it.
func (p *Proxy) TryReload(yaml string) error {
	plan, err := config.Parse("test.yaml", []byte(yaml))
	if err != nil {
		return err
	}
	return p.Reload(plan)
}

// MustReload is TryReload for a config that has to be taken.
func (p *Proxy) MustReload(yaml string) {
	p.t.Helper()
	if err := p.TryReload(yaml); err != nil {
		p.t.Fatalf("reload: %v", err)
	}
}

// Config is the text of a config with one route over everything. gray may be nil: then there is neither a gray pool nor a rule;
// else the rule `tagged` sends what has X-Gray-Tag: gray or the cookie gray_version=v2 there. more is
// further top-level YAML (`timeouts: {head: 1s}`); what it says of loops or access_log replaces 1 and off.
func Config(stable, gray []*Backend, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listeners: [{address: %s}]\n", Listen)
	if !strings.Contains("\n"+more, "\nloops:") {
		b.WriteString("loops: 1\n")
	}
	if !strings.Contains("\n"+more, "\naccess_log:") {
		b.WriteString("access_log: off\n")
	}
	b.WriteString(strings.TrimSpace(more))
	fmt.Fprintf(&b, "\nupstreams:\n  stable: {endpoints: [%s]}\n", Endpoints(stable...))
	if gray == nil {
		b.WriteString("routes: [{name: all, stable: stable}]\n")
		return b.String()
	}
	fmt.Fprintf(&b, "  gray: {endpoints: [%s]}\n", Endpoints(gray...))
	b.WriteString("routes:\n  - name: all\n    stable: stable\n    gray: gray\n    rules:\n" +
		"      - {name: tagged, when: \"tag == 'gray' or gray_version == 'v2'\"}\n")
	return b.String()
}

// Endpoints gives the addresses as they stand in a YAML list.
func Endpoints(backends ...*Backend) string {
	var list []string
	for _, b := range backends {
		list = append(list, b.Addr)
	}
	return strings.Join(list, ", ")
}

// Pool makes a list of backends, for [Config].
func Pool(backends ...*Backend) []*Backend { return backends }

// Said collects what a gateway logs. Safe for concurrent use.
type Said struct {
	mu           sync.Mutex
	text         bytes.Buffer
	bugsExpected bool
}

// ExpectPanic keeps a logged bug from failing the test.
func (s *Said) ExpectPanic() { s.bugsExpected = true }

// Write takes log lines.
func (s *Said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is all that was logged so far.
func (s *Said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
