package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCheck(t *testing.T) {
	good := filepath.Join("..", "..", "examples", "quickstart.yaml")
	if status, out, _ := run("check", "-c", good); status != 0 || !strings.Contains(out, ": ok (") {
		t.Errorf("check of the quickstart: got status %d, %q; want 0, ok", status, out)
	}
	status, printed, _ := run("check", "-c", good, "--print")
	if status != 0 || !strings.Contains(printed, "drain_timeout: 30s") {
		t.Errorf("check --print: got status %d, %q; want 0 and the defaults", status, printed)
	}
	again := filepath.Join(t.TempDir(), "again.yaml")
	if err := os.WriteFile(again, []byte(printed), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, twice, _ := run("check", "-c", again, "--print"); twice != printed {
		t.Errorf("the effective config of the effective config:\n got %s\nwant %s", twice, printed)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("listeners: [{address: :8080}]\nupstreams:\n  stable: {endpoints: [127.0.0.1:9101]}\nroutes:\n  - {name: a, stable: stabel}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errs := run("check", "-c", bad)
	line, _, _ := strings.Cut(errs, "\n")
	if status != 1 || !strings.Contains(line, "bad.yaml:5:") || !strings.Contains(line, "stable") {
		t.Errorf("check of a bad file: got status %d, %q; want 1, file:line:col and a way to mend it", status, line)
	}
}

func TestHelpHasExamples(t *testing.T) {
	status, out, _ := run("--help")
	for _, want := range []string{"Examples:", "graygate serve -c", "check", "reload", "demo", "version"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("--help: got status %d without %q:\n%s", status, want, out)
		}
	}
	if status, out, _ := run("version"); status != 0 || !strings.HasPrefix(out, "graygate ") {
		t.Errorf("version: got status %d, %q", status, out)
	}
}

func TestDemoServes(t *testing.T) {
	gate, stable, gray := freeAddress(t), freeAddress(t), freeAddress(t)
	path := filepath.Join(t.TempDir(), "demo.yaml")
	text := fmt.Sprintf("listeners: [{address: %q}]\nadmin: off\naccess_log: off\nupstreams:\n  stable: {endpoints: [%q]}\n  gray: {endpoints: [%q]}\n"+
		"routes:\n  - name: all\n    stable: stable\n    gray: gray\n    rules: [{name: tagged, when: \"tag == 'gray'\"}]\n", gate, stable, gray)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo", "-c", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGINT); _ = cmd.Wait() }()
	curls := 0
	for lines := bufio.NewScanner(out); curls < 3 && lines.Scan(); {
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "curl ") {
			curls++
		}
	}
	if curls != 3 {
		t.Fatalf("demo: got %d lines to try, want 3", curls)
	}
	for tag, want := range map[string]string{"": "stable at " + stable + "\n", "gray": "gray at " + gray + ", by rule tagged\n"} {
		r, err := http.NewRequest(http.MethodGet, "http://"+gate, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Gray-Tag", tag)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if string(body) != want {
			t.Errorf("demo with tag %q: got %q, want %q", tag, body, want)
		}
	}
}
