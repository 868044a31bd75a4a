package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"graygate/perf/measure"
)

func newRig(t *testing.T) *Rig {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(r.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", r.Dir, err)
		}
	})
	return r
}

func startShell(t *testing.T, r *Rig, s Spec) *Proc {
	t.Helper()
	s.Path = "/bin/sh"
	p, err := r.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProcessIsPinnedAndEnded(t *testing.T) {
	r := newRig(t)
	p := startShell(t, r, Spec{Name: "child", Args: []string{"-c", "exec sleep 1000"}, CPUs: r.CPUs.Proxy})
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil || !strings.Contains(string(status), "Cpus_allowed_list:\t"+strconv.Itoa(r.CPUs.Proxy[0])+"\n") {
		t.Errorf("not on core %v: %v\n%s", r.CPUs.Proxy, err, status)
	}
	p.Stop()
	if err := p.Check(); err == nil || !strings.Contains(err.Error(), "child has ended") {
		t.Errorf("Check of an ended process: %v", err)
	}
	if _, err := p.Usage(); err == nil {
		t.Error("usage of an ended process is no error")
	}
	p.Stop()
}

func TestCloseEndsWhatIsLeft(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	p := startShell(t, r, Spec{Name: "child", Args: []string{"-c", "exec sleep 1000"}})
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Close: %v, want %v", p.PID(), err, syscall.ESRCH)
	}
}

func TestRun(t *testing.T) {
	r := newRig(t)
	f := func(script, wantOut, wantErr string) {
		t.Helper()
		out, err := r.Run(t.Context(), Spec{Name: "child", Path: "/bin/sh", Args: []string{"-c", script}})
		if out != wantOut || (wantErr == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("Run(%q) = %q, %v, want %q, error with %q", script, out, err, wantOut, wantErr)
		}
	}
	f("echo out; echo err >&2", "out\nerr\n", "")
	f("echo no >&2; exit 3", "no\n", "child: exit status 3: no")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := r.Run(ctx, Spec{Name: "child", Path: "/bin/sh", Args: []string{"-c", "exec sleep 1000"}}); err == nil || err.Error() != "enough" {
		t.Errorf("Run with an ended context: %v, want %q", err, "enough")
	}
}

func TestUsageCountsTheWholeFamily(t *testing.T) {
	r := newRig(t)
	fifo := filepath.Join(r.Dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startShell(t, r, Spec{Name: "parent", Args: []string{"-c", "sleep 1000 & echo up > fifo; wait"}})
	// Reading ends when the shell has started its child and closed the pipe.
	if _, err := os.ReadFile(fifo); err != nil {
		t.Fatal(err)
	}
	members, err := family(p.PID())
	if err != nil || len(members) != 2 {
		t.Fatalf("family of the shell and its sleep: %+v, %v", members, err)
	}
	one, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	alone, err := measure.ParseRSS(string(one))
	if err != nil {
		t.Fatal(err)
	}
	if usage, err := p.Usage(); err != nil || usage.RSS <= alone {
		t.Errorf("usage of both is %+v, %v, want more memory than the shell's %d", usage, err, alone)
	}
	if read, err := p.RSSReader(); err != nil {
		t.Error(err)
	} else if rss, err := read(); err != nil || rss <= alone {
		t.Errorf("memory of both is %d, %v, want more than the shell's %d", rss, err, alone)
	}
	// The child would outlive the shell, which is asked alone.
	for _, m := range members[1:] {
		_ = syscall.Kill(m.PID, syscall.SIGKILL)
	}
}

func TestCPUTimeIsTheProcessors(t *testing.T) {
	own := func() time.Duration {
		var ru syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
			t.Fatal(err)
		}
		return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	low := own()
	got, err := cpuTime(os.Getpid())
	high := own()
	// getrusage counts in microseconds.
	if err != nil || got < low-time.Millisecond || got > high+time.Millisecond {
		t.Errorf("cpuTime of this process = %s, %v, want %s to %s", got, err, low, high)
	}
	if _, err := cpuTime(1 << 26); err == nil {
		t.Error("CPU time of a process that cannot be is no error")
	}
}

func TestShareOut(t *testing.T) {
	f := func(all []int, proxy, load string) {
		t.Helper()
		got := shareOut(all)
		if text := toText(got.Proxy) + "|" + toText(got.Load); text != proxy+"|"+load {
			t.Errorf("shareOut(%v): proxy|load = %s, want %s|%s", all, text, proxy, load)
		}
	}
	f([]int{0}, "0", "0")
	f([]int{0, 1}, "0", "1")
	f([]int{3, 5, 8}, "3", "5 8")
}

func toText(cpus []int) string {
	var words []string
	for _, cpu := range cpus {
		words = append(words, strconv.Itoa(cpu))
	}
	return strings.Join(words, " ")
}

func TestAddressesDiffer(t *testing.T) {
	r := newRig(t)
	seen := map[string]bool{}
	for range 20 {
		address, err := r.Address()
		if err != nil || seen[address] || !strings.HasPrefix(address, "127.0.0.1:") {
			t.Fatalf("address %q, %v, after %v", address, err, seen)
		}
		seen[address] = true
	}
}

func TestNeedNamesThePackages(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Need("wrk-that-is-not-there")
	var missing *Missing
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("Need of a tool that is not there: %v", err)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	r := newRig(t)
	for _, text := range []string{"one", "two"} {
		path, err := r.WriteFile("file", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("file holds %q, %v, want %q", got, err, text)
		}
	}
	if left, err := filepath.Glob(filepath.Join(r.Dir, "*.new")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
