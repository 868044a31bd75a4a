package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func TestSIGTERMDrains(t *testing.T) {
	b := backend(t, "ok")
	p := prepare(t, b.Listener.Addr().String(), "drain_timeout: 10s").start()
	answer := make(chan string, 1)
	go func() {
		r, err := http.Get(p.url + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		answer <- fmt.Sprint(string(body), r.Close)
	}()
	until(t, "the request is under way", func() bool { return p.status().Requests == 1 })
	p.signal(syscall.SIGTERM)
	if got, want := <-answer, "oktrue"; got != want {
		t.Errorf("the request under way: got %q, want %q (answered, with Connection: close)", got, want)
	}
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
}

// stuck is a backend that takes requests and never answers.
func stuck(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

func TestSecondSIGTERMStopsAtOnce(t *testing.T) {
	p := prepare(t, stuck(t), "drain_timeout: 10m").start()
	go func() {
		if r, err := http.Get(p.url); err == nil {
			_ = r.Body.Close()
		}
	}()
	until(t, "the request is under way", func() bool { return p.status().Requests == 1 })
	p.signal(syscall.SIGTERM)
	until(t, "draining has begun", func() bool { return strings.Contains(p.said(), `"draining"`) })
	if status, out, errs := run("status", "-c", p.config); status != 2 || !strings.Contains(out, "DRAINING") {
		t.Errorf("status while draining: got %d\n%s%s", status, out, errs)
	}
	if status, _, errs := run("reload", "-c", p.config); status != 1 || !strings.Contains(errs, "is draining") {
		t.Errorf("reload while draining: got %d, %q; want 1, and at once", status, errs)
	}
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
}

func TestDrainTimeoutCuts(t *testing.T) {
	p := prepare(t, stuck(t), "drain_timeout: 300ms").start()
	outcome := make(chan string, 1)
	go func() {
		r, err := http.Get(p.url)
		if err != nil {
			outcome <- "cut"
			return
		}
		_ = r.Body.Close()
		outcome <- r.Header.Get("X-Graygate-Error")
	}()
	until(t, "the request is under way", func() bool { return p.status().Requests == 1 })
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
	// Whichever of its two connections ends first, the client learns that it was not served.
	if got := <-outcome; got != "cut" && got != "shutdown" {
		t.Errorf("a request that outlasts drain_timeout: got %q, want cut or shutdown", got)
	}
}
