package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"graygate/admin"
)

// An upgrade under load: nobody is refused, reset, or left without an answer.
func TestSIGUSR2HandsOver(t *testing.T) {
	b := backend(t, "ok")
	p := prepare(t, b.Listener.Addr().String(), "drain_timeout: 10s").start()
	before := p.status().PID
	var wg sync.WaitGroup
	var answers, failures atomic.Int64
	stop := make(chan struct{})
	for i := range 8 {
		keepAlive := i%2 == 0
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !keepAlive}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				// POST: Go's client would repeat a GET by itself and hide a reset.
				r, err := client.Post(p.url, "text/plain", strings.NewReader("x"))
				if err != nil {
					failures.Add(1)
					t.Logf("request: %v", err)
					continue
				}
				body, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err != nil || string(body) != "ok" {
					failures.Add(1)
					t.Logf("answer: %d %q %v", r.StatusCode, body, err)
					continue
				}
				answers.Add(1)
			}
		})
	}
	until(t, "traffic flows", func() bool { return answers.Load() > 100 })
	p.signal(syscall.SIGUSR2)
	if err := p.waitEnd(); err != nil {
		t.Errorf("the old process: got %v, want status 0", err)
	}
	until(t, "the new process is ready", func() bool {
		s, err := newAsker(admin.Settings{Address: p.admin}).status()
		return err == nil && s.Ready && s.PID != before
	})
	next := p.status().PID
	t.Cleanup(func() { _ = syscall.Kill(next, syscall.SIGKILL) })
	n := answers.Load()
	until(t, "traffic flows through the new process", func() bool { return answers.Load() > n+100 })
	close(stop)
	wg.Wait()
	if failures.Load() != 0 {
		t.Errorf("requests over the upgrade: got %d failures beside %d answers, want 0", failures.Load(), answers.Load())
	}
	// The process that it started must end, too, when it is told to.
	if err := syscall.Kill(next, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the new process has ended", func() bool { return syscall.Kill(next, 0) != nil || isZombie(next) })
}

// isZombie reports whether a process has ended and only waits to be reaped: its parent, the old process, is gone, and
// in a container nobody may take its place.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

func TestUpgradeThatFailsChangesNothing(t *testing.T) {
	b := backend(t, "ok")
	p := prepare(t, b.Listener.Addr().String()).start()
	p.write("not an address")
	p.signal(syscall.SIGUSR2)
	until(t, "the failure is logged", func() bool { return strings.Contains(p.said(), "upgrade failed") })
	if _, body := p.get("/"); body != "ok" {
		t.Errorf("after a failed upgrade: got %q, want ok", body)
	}
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
}
