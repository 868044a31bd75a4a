package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"graygate/admin"
	"graygate/config"
)

type reloadCommand struct {
	configFlag
	Timeout time.Duration `default:"15s" help:"How long to wait for the outcome."`
}

func (c reloadCommand) Run() error {
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		fmt.Fprintln(os.Stderr, "graygate: not reloaded: the file has mistakes; the running gateway keeps its config")
		return exitStatus(1)
	}
	if plan.Admin.Address == "" {
		return reloadByPID(plan.PIDFile)
	}
	running := newAsker(adminSettings(plan))
	before, err := running.status()
	if err != nil {
		if plan.PIDFile == "" {
			return err
		}
		if byPID := reloadByPID(plan.PIDFile); byPID != nil {
			return fmt.Errorf("%w; nor by the pid_file: %w", err, byPID)
		}
		return nil
	}
	switch {
	case before.Draining:
		return fmt.Errorf("not reloaded: process %d is draining, and ends with the requests that it has; start graygate anew", before.PID)
	case otherFile(&before, c.Config):
		return fmt.Errorf("not reloaded: process %d at %s runs by another file, %s; give -c that one, or make sure that the admin address in %s is its own",
			before.PID, plan.Admin.Address, before.Config, c.Config)
	}
	if err := syscall.Kill(before.PID, syscall.SIGHUP); err != nil {
		return fmt.Errorf("process %d cannot be signalled: %w", before.PID, err)
	}
	for end := time.Now().Add(c.Timeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		now, err := running.status()
		switch {
		case err != nil && errors.Is(syscall.Kill(before.PID, 0), syscall.ESRCH):
			return fmt.Errorf("process %d ended before it told the outcome; its log says why", before.PID)
		case err == nil && now.PID != before.PID:
			return fmt.Errorf("process %d has taken over from %d meanwhile: reload again", now.PID, before.PID)
		case err != nil || now.Reload.Count <= before.Reload.Count:
			continue
		}
		if !now.Reload.OK {
			fmt.Fprintln(os.Stderr, now.Reload.Error)
			fmt.Fprintln(os.Stderr, "graygate: not reloaded: the running gateway keeps its config")
			return exitStatus(1)
		}
		fmt.Printf("reloaded: process %d, generation %d\n", now.PID, now.Generation)
		return nil
	}
	return fmt.Errorf("process %d was signalled, but no outcome was seen within %s", before.PID, c.Timeout)
}

// otherFile reports whether the process certainly reads another file than that path: both are there, and differ. What cannot be looked
// at, such as the folder of another user's process, is no reason to refuse.
func otherFile(of *admin.Status, path string) bool {
	root := fmt.Sprintf("/proc/%d/root", of.PID)
	if !filepath.IsAbs(of.Config) {
		root = fmt.Sprintf("/proc/%d/cwd", of.PID)
	}
	its, err := os.Stat(filepath.Join(root, of.Config))
	if err != nil {
		return false
	}
	ours, err := os.Stat(path)
	return err == nil && !os.SameFile(its, ours)
}

// reloadByPID signals and cannot tell the outcome.
func reloadByPID(path string) error {
	if path == "" {
		return errors.New("the config names neither an admin address nor a pid_file: send SIGHUP to the process yourself")
	}
	pid, err := readPID(path)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		return fmt.Errorf("process %d cannot be signalled: %w", pid, err)
	}
	fmt.Printf("process %d was signalled; its log tells the outcome (an admin address in the config would let this command tell)\n", pid)
	return nil
}
