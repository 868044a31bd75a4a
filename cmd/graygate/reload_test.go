package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReloadTellsTheOutcome(t *testing.T) {
	first, second := backend(t, "first"), backend(t, "second")
	p := prepare(t, first.Listener.Addr().String()).start()
	if _, body := p.get("/"); body != "first" {
		t.Fatalf("before the reload: got %q, want first", body)
	}
	p.write(second.Listener.Addr().String())
	if status, out, errs := run("reload", "-c", p.config); status != 0 || !strings.Contains(out, "generation 2") {
		t.Fatalf("reload of a good file: got status %d, %q, %q; want 0 and generation 2", status, out, errs)
	}
	if _, body := p.get("/"); body != "second" {
		t.Fatalf("after the reload: got %q, want second", body)
	}

	// A file with a mistake is found before anything is asked of the process.
	p.write(first.Listener.Addr().String(), "colour: red")
	status, _, errs := run("reload", "-c", p.config)
	if status != 1 || !strings.Contains(errs, "graygate.yaml:8:1: ") || p.status().Reload.Count != 1 {
		t.Errorf("reload of a bad file: got status %d, %d reloads, %q; want 1, 1, the place of the mistake", status, p.status().Reload.Count, errs)
	}

	// The same by signal alone: the process refuses, says so, and serves on.
	p.signal(syscall.SIGHUP)
	until(t, "the second reload is over", func() bool { return p.status().Reload.Count == 2 })
	if s := p.status(); s.Reload.OK || s.Generation != 2 || !strings.Contains(s.Reload.Error, "colour") {
		t.Errorf("status after a bad reload: got %+v, want not ok, generation 2, the error", s.Reload)
	}
	if _, body := p.get("/"); body != "second" {
		t.Errorf("after the bad reload: got %q, want second", body)
	}

	// What only the process can find out: a listener that cannot be had.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p.write(first.Listener.Addr().String())
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("}]\n"), []byte(fmt.Sprintf("}, {address: %q}]\n", taken.Addr())), 1)
	if err := os.WriteFile(p.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errs = run("reload", "-c", p.config)
	if status != 1 || !strings.Contains(errs, "address already in use") {
		t.Errorf("reload with a taken address: got status %d, %q; want 1 and why", status, errs)
	}
	if _, body := p.get("/"); body != "second" {
		t.Errorf("after it: got %q, want second", body)
	}
}

// A file that names the admin address of a process which reads another one is not what that process reloads.
func TestReloadOfAnotherFile(t *testing.T) {
	p := prepare(t, backend(t, "ok").Listener.Addr().String()).start()
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	other, link := filepath.Join(t.TempDir(), "other.yaml"), filepath.Join(t.TempDir(), "link.yaml")
	if err := os.WriteFile(other, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(p.config, link); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := run("reload", "-c", other); status != 1 || !strings.Contains(errs, "runs by another file, "+p.config) || p.status().Reload.Count != 0 {
		t.Errorf("another file: got status %d, %d reloads, %q; want 1, 0, the file that the process reads", status, p.status().Reload.Count, errs)
	}
	if status, _, errs := run("reload", "-c", link); status != 0 || p.status().Reload.Count != 1 {
		t.Errorf("the same file by another path: got status %d, %d reloads, %q; want 0, 1", status, p.status().Reload.Count, errs)
	}
}

// What the check warns of is in the log of the process, too: at its start, and after a reload.
func TestWarningsAreLogged(t *testing.T) {
	const warning = "upstream stable: tls: verify is off"
	p := prepare(t, backend(t, "ok").Listener.Addr().String())
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	trusting := bytes.Replace(text, []byte("stable: {"), []byte("stable: {tls: {verify: off}, "), 1)
	if err := os.WriteFile(p.config, trusting, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	until(t, "the start is logged", func() bool { return strings.Contains(p.said(), `"msg":"serving"`) })
	if n := strings.Count(p.said(), warning); n != 1 {
		t.Errorf("at the start: got %d warnings in the log, want 1\n%s", n, p.said())
	}
	for _, step := range []struct {
		name string
		text []byte
		want int
	}{{"without its cause", text, 1}, {"with it again", trusting, 2}} {
		if err := os.WriteFile(p.config, step.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, _, errs := run("reload", "-c", p.config); status != 0 {
			t.Fatalf("reload: got status %d, %s", status, errs)
		}
		until(t, "a reload "+step.name+" is logged", func() bool { return strings.Count(p.said(), `"msg":"reloaded"`) == step.want })
		if n := strings.Count(p.said(), warning); n != step.want {
			t.Errorf("after a reload %s: got %d warnings in the log, want %d", step.name, n, step.want)
		}
	}
}

func TestPIDFile(t *testing.T) {
	b := backend(t, "ok")
	path := filepath.Join(t.TempDir(), "graygate.pid")
	p := prepare(t, b.Listener.Addr().String(), "pid_file: "+path).start()
	if pid, err := readPID(path); err != nil || pid != p.cmd.Process.Pid {
		t.Errorf("pid file: got %d, %v; want %d", pid, err, p.cmd.Process.Pid)
	}
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("exit: got %v, want status 0", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("pid file after the end: got %v, want none", err)
	}
	if status, _, errs := run("reload", "-c", p.config); status != 1 || !strings.Contains(errs, "no gateway answers") || !strings.Contains(errs, path) {
		t.Errorf("reload after the end: got status %d, %q; want 1, the admin address and the pid file", status, errs)
	}
}
