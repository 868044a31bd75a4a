package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The commands that ask a running gateway, and their exit statuses.
func TestAskCommands(t *testing.T) {
	b := backend(t, "stable")
	p := prepare(t, strings.TrimPrefix(b.URL, "http://")).start()
	for range 20 {
		if r, err := http.Get(p.url); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
	}
	row := func(want int, contains []string, args ...string) {
		t.Helper()
		status, out, errs := run(args...)
		if status != want {
			t.Errorf("%q: got status %d, want %d\n%s%s", args, status, want, out, errs)
		}
		for _, c := range contains {
			if !strings.Contains(out+errs, c) {
				t.Errorf("%q: got no %q in\n%s%s", args, c, out, errs)
			}
		}
	}
	endpoint := strings.TrimPrefix(b.URL, "http://")
	until(t, "the counts are published", func() bool { return p.status().Requests >= 20 })
	row(0, []string{"gateway", "ready", "generation 1", "requests", "20, of them 0.0% to gray", "pool stable", "1 of 1 endpoints are asked"}, "status", "-c", p.config)
	row(0, []string{"ready"}, "status", "--admin", p.admin)
	row(0, []string{"POOL", "ENDPOINT", "stable", endpoint, "healthy", "ok", " ms"}, "upstreams", "-c", p.config)
	row(0, []string{"healthy"}, "upstreams", "--admin", p.admin, "--pool", "stable")
	row(1, []string{`there is no pool "nowhere"`, "see /upstreams"}, "upstreams", "--admin", p.admin, "--pool", "nowhere")
	row(1, []string{`"nowhere" is no address; write IP:PORT, or unix:PATH`}, "status", "--admin", "nowhere")
	row(1, []string{"top needs a terminal; graygate status"}, "top", "--admin", p.admin)
	_, out, _ := run("status", "-c", p.config, "--json")
	var st struct{ PID int }
	if err := json.Unmarshal([]byte(out), &st); err != nil || st.PID != p.cmd.Process.Pid {
		t.Errorf("status --json: got %q, %v", out, err)
	}
	_, out, _ = run("upstreams", "-c", p.config, "--json")
	var up struct{ Pools []struct{ Name string } }
	if err := json.Unmarshal([]byte(out), &up); err != nil || len(up.Pools) != 1 || up.Pools[0].Name != "stable" {
		t.Errorf("upstreams --json: got %q, %v", out, err)
	}

	good, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.config, append(good, "nonsense: 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	until(t, "the reload has failed", func() bool { return !p.status().Reload.OK })
	row(2, []string{"FAILED at", "nonsense", "\n             "}, "status", "--admin", p.admin)
	row(1, []string{"nonsense"}, "status", "-c", p.config)
	p.write(freeAddress(t), "# nobody there")
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Fatal(err)
	}
	row(1, []string{"no gateway answers at the admin address " + p.admin}, "status", "-c", p.config)
	row(1, []string{"no gateway answers"}, "upstreams", "--admin", "unix:"+filepath.Join(t.TempDir(), "none.sock"))
	off := filepath.Join(t.TempDir(), "off.yaml")
	if err := os.WriteFile(off, []byte("listeners: [{address: \":8080\"}]\nupstreams:\n  stable: {endpoints: [127.0.0.1:9101]}\nroutes:\n  - {name: a, stable: stable}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	row(1, []string{"has no admin address; write admin:"}, "status", "-c", off)
}

// A pool with nobody to ask is told by the exit status.
func TestUpstreamsTellsWhoIsOut(t *testing.T) {
	p := prepare(t, freeAddress(t)).start()
	until(t, "its endpoint is out", func() bool {
		if r, err := http.Get(p.url); err == nil {
			_ = r.Body.Close()
		}
		status, _, _ := run("upstreams", "--admin", p.admin)
		return status == 2
	})
	if status, out, _ := run("status", "--admin", p.admin); status != 0 || !strings.Contains(out, "0 of 1 endpoints are asked, ") {
		t.Errorf("status: got %d\n%s", status, out)
	}
}

// terminal is a pseudo-terminal of 80 by 24.
func terminal(t *testing.T) (control *os.File, tty *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	control = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { _ = control.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return control, tty
}

// top shows the gateway in a terminal, ends by q or a signal, and leaves the terminal as it was.
func TestTopInATerminal(t *testing.T) {
	b := backend(t, "stable")
	p := prepare(t, strings.TrimPrefix(b.URL, "http://")).start()
	for _, end := range []string{"q", "\x03", "SIGTERM"} {
		control, tty := terminal(t)
		mode := func() unix.Termios {
			m, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			return *m
		}
		before := mode()
		cmd := exec.Command(binary, "top", "--admin", p.admin, "--interval", "200ms")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var seen strings.Builder
		wait := func(for_ string) {
			t.Helper()
			_ = control.SetReadDeadline(time.Now().Add(20 * time.Second))
			for buffer := make([]byte, 4096); !strings.Contains(seen.String(), for_); {
				n, err := control.Read(buffer)
				if seen.Write(buffer[:n]); err != nil {
					t.Fatalf("%q: waited in vain for %q: %v; seen %q", end, for_, err, seen.String())
				}
			}
		}
		wait("q quits")
		wait("healthy")
		if mode().Lflag&unix.ICANON != 0 {
			t.Errorf("%q: the terminal is not raw while top runs", end)
		}
		if end == "SIGTERM" {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		} else if _, err := control.WriteString(end); err != nil {
			t.Fatal(err)
		}
		wait(leaveScreen)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: got %v, want exit status 0", end, err)
		}
		if after := mode(); after != before {
			t.Errorf("%q: the terminal's mode: got %+v, want %+v", end, after, before)
		}
		if text := seen.String(); !strings.HasPrefix(text, enterScreen) || strings.Count(text, "\x1b[2J") > 0 {
			t.Errorf("%q: got %q, want a screen of its own, and no clearing of all of it, which flickers", end, text)
		}
	}
}
