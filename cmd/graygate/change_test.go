package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"graygate/admin"
)

// withToken gives the config a token, in a file of its own; "" writes none.
func (p *process) withToken(token string) {
	p.t.Helper()
	text, err := os.ReadFile(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		file := filepath.Join(filepath.Dir(p.config), "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			p.t.Fatal(err)
		}
		text = []byte(strings.Replace(string(text), fmt.Sprintf("%q}", p.admin), fmt.Sprintf("%q, token_file: %q}", p.admin, file), 1))
	}
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// post asks the admin address for a change, with a value of Authorization unless it is "".
func (p *process) post(path, authorization string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.admin+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// POST /reload of a process puts its file into force for who has the token, and for nobody else.
func TestReloadOverHTTP(t *testing.T) {
	first, second := backend(t, "first"), backend(t, "second")
	const token, next = "0123456789abcdef-the-first", "fedcba9876543210-the-next"
	p := prepare(t, first.Listener.Addr().String())
	p.start()
	check := func(what, authorization string, wantStatus int, wantBody string, generation uint64, serves string) {
		t.Helper()
		status, body := p.post("/reload", authorization)
		if status != wantStatus || !strings.Contains(body, wantBody) {
			t.Errorf("%s: got %d, %s; want %d, %q", what, status, body, wantStatus, wantBody)
		}
		if s := p.status(); s.Generation != generation {
			t.Errorf("%s: generation %d is in force, want %d", what, s.Generation, generation)
		}
		if _, body := p.get("/"); body != serves {
			t.Errorf("%s: the gateway answers %q, want %q", what, body, serves)
		}
	}
	p.write(second.Listener.Addr().String())
	check("no token configured", "", 403, `"no_token"`, 1, "first")
	check("no token configured, one sent", "Bearer "+token, 403, `"no_token"`, 1, "first")

	p.withToken(token)
	p.signal(syscall.SIGHUP)
	until(t, "the token is in force", func() bool { return p.status().Generation == 2 })
	p.write(first.Listener.Addr().String())
	p.withToken(token)
	check("without", "", 401, `"unauthorized"`, 2, "second")
	check("wrong", "Bearer "+next, 401, `"unauthorized"`, 2, "second")
	check("one byte short", "Bearer "+token[:len(token)-1], 401, `"unauthorized"`, 2, "second")
	check("by another scheme", "Basic "+token, 401, `"unauthorized"`, 2, "second")
	check("right", "Bearer "+token, 200, `generation 3 is in force`, 3, "first")

	p.write(second.Listener.Addr().String(), "colour: red")
	p.withToken(token)
	check("a file with a mistake", "Bearer "+token, 409, `"reload_failed"`, 3, "first")
	if s := p.status(); s.Reload.OK || !strings.Contains(s.Reload.Error, "colour") {
		t.Errorf("status after it: got %+v, want not ok, and the mistake", s.Reload)
	}
	p.write(second.Listener.Addr().String())
	p.withToken(next)
	check("the one before, until the next is in force", "Bearer "+token, 200, `generation 4`, 4, "second")
	check("the one before", "Bearer "+token, 401, `"unauthorized"`, 4, "second")
	check("the next", "Bearer "+next, 200, `generation 5`, 5, "second")
	for _, secret := range []string{token, next} {
		if strings.Contains(p.said(), secret) {
			t.Errorf("the log tells the token %q", secret)
		}
	}
}

// The socket file of the admin API answers all through an upgrade, by the one process or the other, keeps its permissions, and is
// gone with the last of them.
func TestSocketFileOverUpgrade(t *testing.T) {
	folder, err := os.MkdirTemp("", "gg") // the path of a socket is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "admin.sock")
	b := backend(t, "ok")
	p := prepare(t, b.Listener.Addr().String())
	p.admin = "unix:" + path
	p.write(b.Listener.Addr().String(), "drain_timeout: 10s")
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), fmt.Sprintf("%q}", p.admin), fmt.Sprintf("%q, mode: \"0600\"}", p.admin), 1))
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	hasMode := func(when string) {
		t.Helper()
		if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("the socket file %s: got %v, %v; want a socket of mode 0600", when, info.Mode(), err)
		}
	}
	hasMode("at the start")
	before := p.status().PID

	var answers, failures atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			a := newAsker(admin.Settings{Address: p.admin}) // a connection of its own for each
			if _, err := a.status(); err != nil {
				failures.Add(1)
				t.Logf("status: %v", err)
			}
			a.client.CloseIdleConnections()
			answers.Add(1)
		}
	}()
	until(t, "the API is asked", func() bool { return answers.Load() > 20 })
	p.signal(syscall.SIGUSR2)
	if err := p.waitEnd(); err != nil {
		t.Errorf("the old process: got %v, want status 0", err)
	}
	n := answers.Load()
	until(t, "the new process is asked", func() bool { return answers.Load() > n+20 })
	next := p.status().PID
	t.Cleanup(func() { _ = syscall.Kill(next, syscall.SIGKILL) })
	close(stop)
	<-stopped
	if next == before {
		t.Errorf("process %d answers, which has ended", next)
	}
	if failures.Load() != 0 {
		t.Errorf("over the upgrade: got %d failures beside %d answers, want 0", failures.Load(), answers.Load())
	}
	hasMode("after the upgrade")
	if status, out, errs := run("status", "-c", p.config); status != 0 || !strings.Contains(out, fmt.Sprintf("process %d", next)) {
		t.Errorf("graygate status: got %d, %q, %q; want 0 and process %d", status, out, errs, next)
	}
	if err := syscall.Kill(next, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the new process has ended", func() bool { return syscall.Kill(next, 0) != nil || isZombie(next) })
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file after the end: got %v, want none", err)
	}
}
