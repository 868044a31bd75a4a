package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"graygate/admin"
)

// The process as its users meet it: a binary, a file, signals.

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "graygate-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "graygate")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// process is a running graygate.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	config string
	url    string
	admin  string
	stderr *os.File // a file and not a pipe: a process that was started by this one may hold it open longer
	ended  chan error
}

// said is what the process, and those that it started, wrote to stderr.
func (p *process) said() string {
	text, err := os.ReadFile(p.stderr.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// freeAddress is an address that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("waited 20 s in vain for: %s", what)
}

func backend(t *testing.T, name string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			time.Sleep(300 * time.Millisecond) // the length of the answer is the case, not a wait for something
		}
		fmt.Fprint(w, name)
	}))
	t.Cleanup(s.Close)
	return s
}

func (p *process) write(upstream string, more ...string) {
	p.t.Helper()
	text := fmt.Sprintf("listeners: [{address: %q}]\nadmin: {address: %q}\naccess_log: off\nupstreams:\n  stable: {endpoints: [%q]}\nroutes:\n  - {name: all, stable: stable}\n%s\n",
		strings.TrimPrefix(p.url, "http://"), p.admin, upstream, strings.Join(more, "\n"))
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func prepare(t *testing.T, upstream string, more ...string) *process {
	t.Helper()
	p := &process{
		t: t, config: filepath.Join(t.TempDir(), "graygate.yaml"),
		url: "http://" + freeAddress(t), admin: freeAddress(t), ended: make(chan error, 1),
	}
	var err error
	if p.stderr, err = os.Create(filepath.Join(t.TempDir(), "stderr")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.stderr.Close() })
	p.write(upstream, more...)
	return p
}

func (p *process) start(env ...string) *process {
	p.t.Helper()
	p.cmd = exec.Command(binary, "serve", "-c", p.config)
	p.cmd.Stderr, p.cmd.Env = p.stderr, append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if p.t.Failed() {
			p.t.Logf("stderr of the process:\n%s", p.said())
		}
	})
	until(p.t, "the process is ready", func() bool {
		s, err := newAsker(admin.Settings{Address: p.admin}).status()
		return err == nil && s.Ready
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) waitEnd() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(20 * time.Second):
		p.t.Fatal("the process has not ended after 20 s")
		return nil
	}
}

func (p *process) status() admin.Status {
	p.t.Helper()
	s, err := newAsker(admin.Settings{Address: p.admin}).status()
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *process) get(path string) (int, string) {
	p.t.Helper()
	r, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
