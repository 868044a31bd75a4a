package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// How long Stop waits before it asks again, and before it kills. A proxy that drains has 3 s for it.
const (
	stopFirst  = 3 * time.Second
	stopSecond = time.Second
)

// Spec says what to start.
type Spec struct {
	Name string // for messages and the log file; unique within the rig while it runs
	Path string
	Args []string
	CPUs []int // where it may run; empty: on all cores
	// Orphaned is the signal it gets should the benchmark itself be killed. Zero is SIGKILL; a process with
	// children of its own takes one that lets it end them.
	Orphaned syscall.Signal
}

// Proc is a child process, in a process group of its own, so that Ctrl-C at the terminal does not reach it past us.
type Proc struct {
	Name string

	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed after err is set
	err   error
}

// Start starts a process. The rig ends it at Close at the latest.
func (r *Rig) Start(s Spec) (*Proc, error) {
	p := &Proc{Name: s.Name, log: filepath.Join(r.Dir, s.Name+".log"), ended: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(s.Path, s.Args...)
	p.cmd.Dir = r.Dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	orphaned := s.Orphaned
	if orphaned == 0 {
		orphaned = syscall.SIGKILL
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned}
	cpus := s.CPUs
	if len(cpus) == 0 {
		cpus = r.CPUs.All
	}
	begun := start{cmd: p.cmd, cpus: cpus, done: make(chan error)}
	r.starts <- begun
	if err := <-begun.done; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	r.mu.Lock()
	r.procs = append(r.procs, p)
	r.mu.Unlock()
	return p, nil
}

// PID is the process's id.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Proc) Ended() <-chan struct{} { return p.ended }

// Check is an error with the end of the log if the process has ended.
func (p *Proc) Check() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended (%v); its last words:\n%s", p.Name, p.cmd.ProcessState, lastLines(p.Log(), 10))
	default:
		return nil
	}
}

// Log is all that the process has printed.
func (p *Proc) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Signal sends a signal to the process alone, not to its children.
func (p *Proc) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop ends the process: SIGTERM, a second one (for those that drain on the first), SIGKILL. It returns when the
// process has ended, and may be called more than once.
func (p *Proc) Stop() {
	for _, patience := range []time.Duration{stopFirst, stopSecond} {
		// An error means that it has ended already, which the wait sees.
		_ = p.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
			return
		case <-time.After(patience):
		}
	}
	// It has not been waited for yet, so its id, and its group's, cannot have been given to anybody else.
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.ended
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
