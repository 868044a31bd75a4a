// Package rig starts what the benchmarks need as child processes, pins them to cores, watches what they use, and
// ends them: the proxies (graygate, nginx, HAProxy), the nginx backend, and wrk. Everything listens on loopback.
package rig

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
)

// Rig owns the child processes and the temporary folder of one benchmark. Its methods may be called concurrently.
type Rig struct {
	Dir  string // temporary; removed by Close
	CPUs CPUs

	starts chan start // to the one thread that starts processes

	mu    sync.Mutex
	procs []*Proc
	ports []int // given out so far, so that none is given twice
}

type start struct {
	cmd  *exec.Cmd
	cpus []int
	done chan error
}

// New makes a rig. The caller must Close it, however the benchmark ends.
func New() (*Rig, error) {
	cpus, err := ReadCPUs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "graygate-bench-")
	if err != nil {
		return nil, err
	}
	r := &Rig{Dir: dir, CPUs: cpus, starts: make(chan start)}
	go r.starter()
	return r, nil
}

// starter starts every child from one thread, which lives as long as the rig: a child's affinity is the
// thread's, and a child's death signal fires when the thread that started it ends.
func (r *Rig) starter() {
	runtime.LockOSThread() // never unlocked, so the thread ends with this goroutine and its odd affinity with it
	for s := range r.starts {
		err := pinThread(s.cpus)
		if err == nil {
			err = s.cmd.Start()
		}
		s.done <- err
	}
}

// Close ends every process that is still alive, the youngest first, and removes the temporary folder.
func (r *Rig) Close() error {
	r.mu.Lock()
	procs := slices.Clone(r.procs)
	r.mu.Unlock()
	for _, p := range slices.Backward(procs) {
		p.Stop()
	}
	close(r.starts)
	return os.RemoveAll(r.Dir)
}

// Address picks a free loopback port by listening on :0 and gives it as host:port. Nobody holds the port until the
// process it is meant for listens on it; on a busy machine it can be lost in between, which shows as
// a process that does not become ready.
func (r *Rig) Address() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 100 {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := ln.Addr().(*net.TCPAddr)
		if err := ln.Close(); err != nil {
			return "", err
		}
		if !slices.Contains(r.ports, address.Port) {
			r.ports = append(r.ports, address.Port)
			return address.String(), nil
		}
	}
	return "", fmt.Errorf("no free loopback port in 100 tries")
}

// WriteFile puts a file into the rig's folder as a whole: who reads it while it is replaced sees the
// old one or the new one. It returns the file's path.
func (r *Rig) WriteFile(name string, text []byte) (string, error) {
	path := filepath.Join(r.Dir, name)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}

// Run starts a process, waits for its end and returns what it printed. It is ended when ctx is.
func (r *Rig) Run(ctx context.Context, s Spec) (string, error) {
	p, err := r.Start(s)
	if err != nil {
		return "", err
	}
	defer p.Stop()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-p.Ended():
	}
	out := p.Log()
	if p.err != nil {
		return out, fmt.Errorf("%s: %w: %s", s.Name, p.err, lastLines(out, 5))
	}
	return out, nil
}
